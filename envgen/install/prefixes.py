"""Where environments live, and what is in one: conda's folders, `conda-meta/`, and the mark that envgen leaves there.

Reads only files that conda itself keeps; runs no conda. Nothing here needs rattler: whether there is anything to do is known
in a few milliseconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from envgen.formats.installed import MARK, META, Mark, is_environment, packages, read_mark
from envgen.model.errors import BadInput
from envgen.model.layout import LOCK, Layout

OWN = ".envs"  # where environments go on a machine without conda, below the root


def digest(text: str) -> str:
    """sha256 of a lock's text, line ends as they are on Linux."""
    return hashlib.sha256(text.encode()).hexdigest()


# --- what is in one -------------------------------------------------------------------------------------------------------


def python(prefix: Path) -> Path:
    """The interpreter of an environment."""
    return prefix / "python.exe" if sys.platform == "win32" else prefix / "bin" / "python"


def write_mark(prefix: Path, mark: Mark) -> None:
    """Leave the mark, whole."""
    place = prefix / META / MARK
    scratch = place.with_name(f".{MARK}.{os.getpid()}.envgen-tmp")
    scratch.write_text(json.dumps(asdict(mark), indent=1) + "\n", encoding="utf-8")
    scratch.replace(place)


def state(prefix: Path, lock: str | None) -> str:
    """`absent`, `foreign` (not made by envgen), `changed` by hand, `stale` (the lock changed since) or `installed`.

    `lock` is the digest of the lock, None when there is none any more. Costs a listing of `conda-meta/`.
    """
    if not prefix.is_dir() or not any(prefix.iterdir()):
        return "absent"
    mark = read_mark(prefix)
    if mark is None:
        return "foreign"
    if packages(prefix) != mark.packages.keys() or not all((prefix / wheel.info).is_dir() for wheel in mark.pip.values()):
        return "changed"
    return "installed" if mark.lock == lock else "stale"


# --- where they live ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of this machine that hold environments: conda's own, in its order, and one below the root."""

    conda: tuple[Path, ...]
    own: Path

    @property
    def folders(self) -> tuple[Path, ...]:
        """All of them."""
        return (*self.conda, self.own)

    def default(self, name: str) -> Path:
        """Where an environment of that name goes: where it is already, else conda's first writable folder, else our own."""
        there = next((folder / name for folder in self.folders if is_environment(folder / name)), None)
        writable = next((folder for folder in self.conda if _writable(folder)), self.own)
        return there or writable / name

    def named(self, prefix: Path) -> bool:
        """Whether `conda activate NAME` finds this environment by the name of its folder."""
        return any(prefix.parent == folder for folder in self.conda)


def places(layout: Layout, environ: Mapping[str, str], home: Path) -> Places:
    """Where environments live, told by conda's variables and settings alone."""
    found = (folder.expanduser() for folder in _folders(environ, home))
    return Places(tuple(dict.fromkeys(folder for folder in found if folder.is_absolute())), layout.root / OWN)


def _folders(environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    """Folders of environments in conda's order: variables, `.condarc` files, the `envs` of the installation, the user's own."""
    for variable in ("CONDA_ENVS_PATH", "CONDA_ENVS_DIRS"):
        yield from (Path(text) for text in environ.get(variable, "").split(os.pathsep) if text)
    roots = tuple(dict.fromkeys(_roots(environ)))
    for path in _settings(environ, home, roots):
        yield from (Path(os.path.expandvars(text)) for text in _envs_dirs(path))
    yield from (root / "envs" for root in roots)
    if roots:
        yield home / ".conda" / "envs"


def _roots(environ: Mapping[str, str]) -> Iterator[Path]:
    """Installations of conda or mamba: those that the shell was set up for, then those on PATH."""
    if environ.get("MAMBA_ROOT_PREFIX"):
        yield Path(environ["MAMBA_ROOT_PREFIX"])
    executables = [environ.get("CONDA_EXE"), *(shutil.which(word, path=environ.get("PATH", "")) for word in ("conda", "mamba"))]
    for executable in filter(None, executables):
        root = Path(executable).resolve().parent.parent
        if is_environment(root):
            yield root


def _settings(environ: Mapping[str, str], home: Path, roots: Iterable[Path]) -> Iterator[Path]:
    if environ.get("CONDARC"):
        yield Path(environ["CONDARC"]).expanduser()
    yield from (home / ".condarc", home / ".conda" / ".condarc")
    yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "conda" / ".condarc"
    yield from (root / ".condarc" for root in roots)


def _envs_dirs(path: Path) -> list[str]:
    """`envs_dirs` of one `.condarc`; nothing where the file is not there or is not what it should be: it is conda's to complain."""
    if not path.is_file():
        return []
    import yaml

    try:
        data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return []
    found = (data.get("envs_dirs") or data.get("envs_path")) if isinstance(data, dict) else None
    return [text for text in (found if isinstance(found, list) else [found]) if isinstance(text, str)]


def _writable(folder: Path) -> bool:
    """Whether an environment can be made in a folder, which need not be there yet."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def registry(home: Path) -> Path:
    """The list that conda keeps of environments outside its folders: one path a line."""
    return home / ".conda" / "environments.txt"


def registered(home: Path) -> tuple[Path, ...]:
    """The environments in conda's list."""
    try:
        lines = registry(home).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(Path(line.strip()) for line in lines if line.strip())


def register(prefix: Path, home: Path) -> None:
    """Add an environment to conda's list, where conda keeps one."""
    path = registry(home)
    if path.is_file() and prefix not in registered(home):
        text = path.read_text(encoding="utf-8")
        path.write_text(f"{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{prefix}\n", encoding="utf-8")


def find(name: str, where: Places, home: Path) -> tuple[Path, ...]:
    """Every environment that envgen made under that name (vision-cu126): in a folder of environments, or in conda's list."""
    candidates = (*(folder / name for folder in where.folders), *registered(home))
    marks = ((prefix, read_mark(prefix)) for prefix in dict.fromkeys(candidates))
    return tuple(prefix for prefix, mark in marks if mark and mark.name == name)


def lock_text(layout: Layout, project: str, target: str) -> str:
    """The committed lock of a target, or BadInput that says how to make it."""
    path = layout.target(project, target) / LOCK
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        hint = f"run `envgen lock {project} --target {target}` first"
        raise BadInput(f"{project}-{target} is not locked", where=layout.shown(path), hint=hint) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot be read: {error}", where=layout.shown(path), hint="take it from git again") from None
