"""Where environments are, and what state they are in: conda's folders, `conda-meta/`, and the manifest that envgen writes there.

Reads conda's own files and does not run conda. Does not import rattler, so that an environment that is up to date is recognized
within milliseconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from envgen.formats.installed import (
    MANIFEST,
    MANIFEST_VERSION,
    META,
    InstallManifest,
    is_environment,
    packages,
    read_manifest,
)
from envgen.model.errors import BadInput
from envgen.model.layout import LOCK, Layout
from envgen.model.regular import real, regular_text

OWN = ".envs"  # the folder for environments on a machine without conda, below the root

PrefixState = Literal["absent", "foreign", "equivalent", "changed", "damaged", "stale", "installed"]


def digest(text: str) -> str:
    """sha256 of a lock's text in hex. The text has Linux line endings."""
    return hashlib.sha256(text.encode()).hexdigest()


# --- what is at a prefix --------------------------------------------------------------------------------------------------


def write_manifest(prefix: Path, manifest: InstallManifest) -> None:
    """Write the manifest of an environment atomically."""
    path = prefix / META / MANIFEST
    scratch = path.with_name(f".{MANIFEST}.{os.getpid()}.envgen-tmp")
    scratch.unlink(missing_ok=True)
    with scratch.open("x", encoding="utf-8") as file:  # follows no link that a package brought
        file.write(json.dumps(asdict(manifest), indent=1) + "\n")
    scratch.replace(path)


def state(prefix: Path, lock_digest: str | None) -> PrefixState:
    """The state of a prefix, by what envgen recorded.

    "absent": nothing there, or an empty folder. "foreign": not created by envgen. "changed": not the packages that envgen
    installed. "stale": the lock has changed since, or an older envgen did not write complete records. "installed": up to date.
    `lock_digest` is None if there is no lock any more. Costs one listing of `conda-meta/`; `condition.inspect` looks closer.
    """
    if not prefix.is_dir() or not any(prefix.iterdir()):
        return "absent"
    manifest = read_manifest(prefix)
    if manifest is None:
        return "foreign"
    same = packages(prefix) == manifest.packages.keys()
    if not same or not all((prefix / wheel.info).is_dir() for wheel in manifest.pip.values()):
        return "changed"
    return "installed" if manifest.lock == lock_digest and manifest.version == MANIFEST_VERSION else "stale"


# --- where environments are -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EnvironmentFolders:
    """The folders that hold environments on this machine: conda's folders in conda's order, and the one below the root."""

    conda: tuple[Path, ...]
    own: Path

    @property
    def all(self) -> tuple[Path, ...]:
        """The folders of conda, then the one below the root."""
        return (*self.conda, self.own)

    def prefix(self, name: str) -> Path:
        """The prefix for a name: that of an existing environment, else in conda's first writable folder, else below the root."""
        existing = next((folder / name for folder in self.all if is_environment(folder / name)), None)
        writable = next((folder for folder in self.conda if _writable(folder)), self.own)
        return existing or writable / name

    def named(self, prefix: Path) -> bool:
        """Whether `conda activate NAME` finds this environment by the name of its folder."""
        return prefix.parent in self.conda


def environment_folders(layout: Layout, environ: Mapping[str, str], home: Path) -> EnvironmentFolders:
    """The folders for environments, from conda's variables and settings alone."""
    found = (folder.expanduser() for folder in _folders(environ, home))
    return EnvironmentFolders(tuple(dict.fromkeys(folder for folder in found if folder.is_absolute())), layout.root / OWN)


def _folders(environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    """The folders of conda in its order: from variables, from `.condarc` files, `envs` of each installation, the user's own."""
    for variable in ("CONDA_ENVS_PATH", "CONDA_ENVS_DIRS"):
        yield from (Path(text) for text in environ.get(variable, "").split(os.pathsep) if text)
    roots = tuple(dict.fromkeys(_roots(environ)))
    for path in _settings(environ, home, roots):
        yield from (Path(os.path.expandvars(text)) for text in _envs_dirs(path))
    yield from (root / "envs" for root in roots)
    if roots:
        yield home / ".conda" / "envs"


def _roots(environ: Mapping[str, str]) -> Iterator[Path]:
    """Installations of conda or mamba: those that the shell is set up for, then those on PATH."""
    if environ.get("MAMBA_ROOT_PREFIX"):
        yield Path(environ["MAMBA_ROOT_PREFIX"])
    executables = [environ.get("CONDA_EXE"), *(shutil.which(name, path=environ.get("PATH", "")) for name in ("conda", "mamba"))]
    for executable in filter(None, executables):
        root = real(Path(executable)).parent.parent
        if is_environment(root):
            yield root


def _settings(environ: Mapping[str, str], home: Path, roots: Iterable[Path]) -> Iterator[Path]:
    if environ.get("CONDARC"):
        yield Path(environ["CONDARC"]).expanduser()
    yield from (home / ".condarc", home / ".conda" / ".condarc")
    yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "conda" / ".condarc"
    yield from (root / ".condarc" for root in roots)


def _envs_dirs(path: Path) -> list[str]:
    """`envs_dirs` of one `.condarc`; empty if the file is missing or not valid: reporting that is conda's job."""
    if not path.is_file():
        return []
    import yaml

    try:
        data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
        return []
    found = (data.get("envs_dirs") or data.get("envs_path")) if isinstance(data, dict) else None
    return [text for text in (found if isinstance(found, list) else [found]) if isinstance(text, str)]


def _writable(folder: Path) -> bool:
    """Whether an environment can be created in a folder, which need not exist yet."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def registry(home: Path) -> Path:
    """The list that conda keeps of environments outside its folders, one path per line."""
    return home / ".conda" / "environments.txt"


def registered(home: Path) -> tuple[Path, ...]:
    """The environments in conda's list."""
    try:
        lines = registry(home).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(Path(line.strip()) for line in lines if line.strip())


def register(prefix: Path, home: Path) -> None:
    """Add an environment to conda's list, if that file exists."""
    path = registry(home)
    if path.is_file() and prefix not in registered(home):
        text = path.read_text(encoding="utf-8")
        path.write_text(f"{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{prefix}\n", encoding="utf-8")


def find(name: str, folders: EnvironmentFolders, home: Path) -> tuple[Path, ...]:
    """Every environment of that name (vision-cu126), in these folders and in conda's list.

    The name is that in envgen's manifest; of an environment that another tool made, it is the name of the folder.
    """
    candidates = dict.fromkeys((*(folder / name for folder in folders.all), *registered(home)))
    return tuple(prefix for prefix in candidates if _name(prefix) == name)


def _name(prefix: Path) -> str:
    manifest = read_manifest(prefix)
    return manifest.name if manifest else prefix.name if is_environment(prefix) else ""


def lock_text(layout: Layout, project: str, target: str) -> str:
    """The text of a target's lock. Raises BadInput if there is none, or if it is not readable."""
    path = layout.inside(layout.target(project, target) / LOCK)
    try:
        return regular_text(path)
    except FileNotFoundError:
        hint = f"run `envgen lock {project} --target {target}` first"
        raise BadInput(f"{project}-{target} is not locked", where=layout.shown(path), hint=hint) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot be read: {error}", where=layout.shown(path), hint="restore it with git") from None
