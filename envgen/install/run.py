"""Run a command in an installed environment, activated as conda does it, and without CUDA paths of the system."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from envgen.formats.json_text import UNREADABLE
from envgen.install.clean_env import DroppedVariable, clean
from envgen.machine import cuda_paths
from envgen.model.errors import BadInput

# A constant: nothing that the user writes is parsed by the shell. The scripts belong to the environment's packages.
_ACTIVATE = 'for script in "$CONDA_PREFIX"/etc/conda/activate.d/*.sh; do if [ -r "$script" ]; then . "$script"; fi; done; exec "$@"'
_DRIVER = "libcuda.so.1"  # the driver's folder is kept (/usr/lib/wsl/lib, /usr/local/nvidia/lib64); a stub has no `.1`
_SYSTEM = re.compile(r"(/usr(/local)?)?/(s?bin|lib|lib64|lib/\w+-linux-gnu|include)")


def activated(
    prefix: Path, environ: Mapping[str, str], libraries: Callable[[], Collection[str]]
) -> tuple[dict[str, str], tuple[DroppedVariable, ...]]:
    """The environment variables for a command in an environment, and what of `environ` was dropped.

    `libraries` returns the names of CUDA's shared libraries; it is only called if a search path has shared libraries that it could
    name. Raises BadInput if the environment's own variables (`etc/conda/env_vars.d`, `conda-meta/state`) are not readable.
    """
    kept, dropped = clean(environ, str(prefix), lambda folder: has_cuda(folder, libraries), os.path)
    path = os.pathsep.join((*map(str, _bin_folders(prefix)), *filter(None, [kept.get("PATH")])))
    active = {"PATH": path, "CONDA_PREFIX": str(prefix), "CONDA_DEFAULT_ENV": prefix.name, "CONDA_SHLVL": "1"}
    return {**kept, **active, **_variables(prefix)}, dropped


def has_cuda(folder: str, libraries: Callable[[], Collection[str]]) -> bool:
    """Whether a folder contains files of a CUDA toolkit or cuDNN, and not the driver.

    False for the system's own folders, and for programs of another conda environment: these come after the environment's own.
    """
    place = Path(folder)
    if _SYSTEM.fullmatch(os.path.normpath(folder)) or not place.is_dir() or (place / _DRIVER).exists():
        return False
    if place.name in ("bin", "Scripts") and (place.parent / "conda-meta").is_dir():
        return False
    files = cuda_paths.names(place)
    shared = [name for name in files if cuda_paths.is_shared_library(name)]
    return cuda_paths.is_toolkit(files) or bool(shared and cuda_paths.has_library(shared, libraries()))


def _bin_folders(prefix: Path) -> tuple[Path, ...]:
    """The folders that conda adds to PATH, in its order."""
    if sys.platform != "win32":
        return (prefix / "bin",)
    library = prefix / "Library"
    return (prefix, library / "mingw-w64" / "bin", library / "usr" / "bin", library / "bin", prefix / "Scripts", prefix / "bin")


def _variables(prefix: Path) -> dict[str, str]:
    """The environment's own variables: those of packages (`etc/conda/env_vars.d/*.json`), then the user's (`conda-meta/state`)."""
    found: dict[str, str] = {}
    for path in (*sorted((prefix / "etc" / "conda" / "env_vars.d").glob("*.json")), prefix / "conda-meta" / "state"):
        if path.is_file():
            found |= _read(path, "env_vars" if path.name == "state" else None)
    return {name: value for name, value in found.items() if value != "***unset***"}


def _read(path: Path, key: str | None) -> dict[str, str]:
    """The variables in a JSON file, at the top or below `key`."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        found = data.get(key, {}) if key else data
        return dict(_variable(name, str(value)) for name, value in found.items())
    except (*UNREADABLE, AttributeError) as error:
        raise BadInput(f"cannot be read: {error}", where=path, hint="remove the environment and install it again") from None


def _variable(name: str, value: str) -> tuple[str, str]:
    """A variable that a process can have. Raises ValueError for one that none can."""
    if not name or "=" in name or "\0" in f"{name}{value}":
        raise ValueError(f"no process can have the variable {name!r}")
    f"{name}{value}".encode()  # half of a surrogate pair has no bytes
    return name, value


def run(prefix: Path, command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a command with these environment variables and return its exit status.

    On POSIX the command replaces this process, so that it gets the signals and the terminal, and its status is that of the
    process. Raises BadInput if there is no such command.
    """
    if command[0].startswith("-"):  # an option, for the shell's `exec`
        raise BadInput(f"`{command[0]}` is not a command", hint="write the command first, then its options")
    program = shutil.which(command[0], path=environ["PATH"])
    if program is None and not any((prefix / "etc" / "conda" / "activate.d").glob("*")):
        hint = "check the spelling, or add its package to the project"
        raise BadInput(f"there is no command `{command[0]}` in this environment or on PATH", where=prefix, hint=hint)
    if sys.platform == "win32":
        return subprocess.run([program or command[0], *command[1:]], env=dict(environ), check=False).returncode  # noqa: S603
    return _replace_process(command, environ)


def _replace_process(command: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    shell = shutil.which("bash", path=environ["PATH"]) or "/bin/sh"
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(shell, [shell, "-c", _ACTIVATE, "envgen", *command], dict(environ))  # noqa: S606 - an argv list


def dropped_text(dropped: Sequence[DroppedVariable]) -> str:
    """One line that names what was dropped."""
    return f"dropped, because they lead outside this environment: {', '.join(f'{item.variable}={item.value}' for item in dropped)}"
