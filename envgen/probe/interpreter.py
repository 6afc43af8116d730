"""Any Python as an environment to probe: where it imports from, and which distributions are there. Starts it once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

from envgen.formats.installed import is_environment, python
from envgen.formats.json_text import UNREADABLE
from envgen.model.errors import BadInput
from envgen.probe.model import Interpreter

_OLDEST = (3, 6)  # that `child.py` runs on
_LIMIT = 60.0  # seconds for an interpreter to start and answer
_QUESTION = """
import json, sys
base = getattr(sys, "base_prefix", sys.prefix)
print(json.dumps({"version": list(sys.version_info[:2]), "prefix": sys.prefix, "base": base, "path": sys.path[1:]}))
"""


@dataclass(frozen=True, slots=True)
class Site:
    """What an interpreter says of itself: its prefix, and the folders that it imports from without PYTHONPATH."""

    interpreter: Interpreter
    prefix: Path
    folders: tuple[Path, ...]


def of_prefix(prefix: Path) -> Interpreter:
    """The Python of a conda environment."""
    programs = ("", "Library/bin", "Scripts") if sys.platform == "win32" else ("bin",)
    return Interpreter(python(prefix), (prefix,), tuple(prefix / name for name in programs))


def read_site(name: str) -> Site:
    """The interpreter that `name`, a path or a command on PATH, means.

    Raises BadInput for what is not a Python, or is one that is too old to be probed.
    """
    path = _found(name)
    told = _answer(path)
    prefix = Path(told["prefix"])
    folders = tuple(folder for entry in told["path"] if (folder := Path(entry)).is_dir())
    if is_environment(prefix):
        return Site(Interpreter(path, (prefix,), of_prefix(prefix).programs), prefix, folders)
    own = (prefix,) if told["prefix"] != told["base"] else ()  # the prefix of the system's Python is /usr, which holds all else
    return Site(Interpreter(path, (*own, *folders), (path.parent,)), prefix, folders)


def _example(folder: str) -> str:
    """Where the Python of a virtual environment is on this system."""
    return rf"{folder}\Scripts\python.exe" if sys.platform == "win32" else f"{folder}/bin/python"


def _found(name: str) -> Path:
    """The file of an interpreter. A link is not followed: that of a virtual environment is what makes it one."""
    if not name.strip():
        raise BadInput("--python names no interpreter", hint=f"give its path, for example {_example('.venv')}")
    path = Path(which(name) or name).absolute()
    if path.is_dir():
        hint = f"give its interpreter, for example {_example(path.name)}; a conda environment can be named with --prefix"
        raise BadInput("this is a folder, not a Python interpreter", where=path, hint=hint)
    if not path.exists():
        raise BadInput("no such Python interpreter", where=path, hint=f"give its path, for example {_example('.venv')}")
    return path


def _answer(path: Path) -> dict[str, Any]:
    """What an interpreter says of itself."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    hint = "give the path of a Python that starts by itself"
    try:
        done = subprocess.run(  # noqa: S603 - argv is a list: what the user named, and a constant
            [str(path), "-B", "-c", _QUESTION],
            env=environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_LIMIT,
            check=False,
        )
        told = json.loads(done.stdout.decode("utf-8", "replace").strip().rpartition("\n")[2])
        version = tuple(map(int, told["version"]))
        found = {"prefix": str(told["prefix"]), "base": str(told["base"]), "path": list(map(str, told["path"]))}
    except (*UNREADABLE, TypeError, KeyError, subprocess.TimeoutExpired):
        raise BadInput("this is not a Python interpreter, or it does not start", where=path, hint=hint) from None
    if version < _OLDEST:
        what = f"this is Python {'.'.join(map(str, version))}; the probe needs Python {'.'.join(map(str, _OLDEST))} or newer"
        raise BadInput(what, where=path, hint="give a newer one")
    return found
