"""A command in an installed environment: activated as conda does it, with nothing of another CUDA in its way."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from envgen.install.clean_env import DroppedVariable, clean
from envgen.model.errors import BadInput

# Constant: no word of a user is ever read as shell. The scripts are those of the environment's own packages.
_ACTIVATE = 'for script in "$CONDA_PREFIX"/etc/conda/activate.d/*.sh; do if [ -r "$script" ]; then . "$script"; fi; done; exec "$@"'
_TOOLKIT = (
    "libcudart.so*",
    "libcublas.so*",
    "libcudnn*.so*",
    "libcudart*.dylib",
    "cudart64*.dll",
    "cudnn*.dll",
    "cublas64*.dll",
    "libcuda.so",
)
_HEADERS, _PROGRAMS = ("cuda_runtime.h", "cudnn.h", "cudnn_version.h"), ("nvcc", "nvcc.exe")
_DRIVER = "libcuda.so.1"  # the driver's own folder stays: /usr/lib/wsl/lib, /usr/local/nvidia/lib64; a stub has no `.1`
_SYSTEM = re.compile(r"(/usr(/local)?)?/(s?bin|lib|lib64|lib/\w+-linux-gnu|include)")


def environment(prefix: Path, environ: Mapping[str, str]) -> tuple[dict[str, str], tuple[DroppedVariable, ...]]:
    """The variables of a command that runs in an environment, and what of `environ` was dropped for it."""
    kept, dropped = clean(environ, str(prefix), looks_foreign, os.path)
    path = os.pathsep.join((*map(str, _programs(prefix)), *filter(None, [kept.get("PATH")])))
    active = {"PATH": path, "CONDA_PREFIX": str(prefix), "CONDA_DEFAULT_ENV": prefix.name, "CONDA_SHLVL": "1"}
    return {**kept, **active, **_variables(prefix)}, dropped


def looks_foreign(folder: str) -> bool:
    """Whether a folder holds a CUDA toolkit or cuDNN, and not the driver.

    The system's own folders are always left alone, and so are the programs of another conda environment: they come after ours.
    """
    place = Path(folder)
    if _SYSTEM.fullmatch(os.path.normpath(folder)) or not place.is_dir() or (place / _DRIVER).exists():
        return False
    if place.name in ("bin", "Scripts") and (place.parent / "conda-meta").is_dir():
        return False
    return any((place / name).exists() for name in (*_HEADERS, *_PROGRAMS)) or any(next(place.glob(n), None) for n in _TOOLKIT)


def _programs(prefix: Path) -> tuple[Path, ...]:
    """Where an environment keeps its programs and, on Windows, its libraries; in conda's order."""
    if sys.platform != "win32":
        return (prefix / "bin",)
    library = prefix / "Library"
    return (prefix, library / "mingw-w64" / "bin", library / "usr" / "bin", library / "bin", prefix / "Scripts", prefix / "bin")


def _variables(prefix: Path) -> dict[str, str]:
    """Variables that packages and the user gave an environment: `etc/conda/env_vars.d/*.json`, then `conda-meta/state`."""
    found: dict[str, str] = {}
    for path in (*sorted((prefix / "etc" / "conda" / "env_vars.d").glob("*.json")), prefix / "conda-meta" / "state"):
        if path.is_file():
            found |= _read(path, "env_vars" if path.name == "state" else None)
    return {name: value for name, value in found.items() if value != "***unset***"}


def _read(path: Path, key: str | None) -> dict[str, str]:
    """A file of variables as JSON; those below `key`, where there is one. Raises BadInput."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        found = data.get(key, {}) if key else data
        return {name: str(value) for name, value in found.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise BadInput(f"cannot be read: {error}", where=path, hint="install the environment anew") from None


def run(prefix: Path, command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command with these variables; its exit status.

    On POSIX the command takes the place of this process: signals, the terminal and the status are its own, and a shell says
    128+n after a signal n. Raises BadInput when there is no such command.
    """
    program = shutil.which(command[0], path=environ["PATH"])
    if program is None and not any((prefix / "etc" / "conda" / "activate.d").glob("*")):
        hint = "add its package to the project, or check the spelling"
        raise BadInput(f"there is no command `{command[0]}`, in this environment or outside", where=prefix, hint=hint)
    if sys.platform == "win32":
        return subprocess.run([program or command[0], *command[1:]], env=dict(environ), check=False).returncode  # noqa: S603
    return _become(command, environ)


def _become(command: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    shell = shutil.which("bash", path=environ["PATH"]) or "/bin/sh"
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(shell, [shell, "-c", _ACTIVATE, "envgen", *command], dict(environ))  # noqa: S606 - an argv list


def told(dropped: Sequence[DroppedVariable]) -> str:
    """What was dropped, in one line; "" for nothing."""
    words = (f"{item.variable}={item.value}" for item in dropped)
    return f"left out, not of this environment: {', '.join(words)}" if dropped else ""
