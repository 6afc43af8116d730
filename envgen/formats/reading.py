"""What a path holds, whichever tool wrote it: recognises the format and calls its reader."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from envgen.formats.beside import of_other_run
from envgen.formats.checked import checked
from envgen.formats.conda_list import is_export, read_export, read_list_json
from envgen.formats.conda_lock import is_conda_lock, read_lock
from envgen.formats.environment_file import is_environment_file, read_environment_file
from envgen.formats.explicit import is_explicit, read_explicit
from envgen.formats.installed_files import with_damage
from envgen.formats.pixi import is_pixi, read_pixi
from envgen.formats.prefix import read_prefix
from envgen.formats.pylock import is_pylock, read_pylock
from envgen.formats.requirements import is_requirements, may_be_requirements, read_requirements
from envgen.formats.unreadable import refusal
from envgen.formats.uv_lock import is_uv_lock, read_uv_lock
from envgen.model.errors import BadInput
from envgen.model.packages import Lock
from envgen.yamlfile.text import source, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A file that a user named, and its text; `shown` is its path in messages, and `hardware` is as for `read_any`."""

    path: Path
    text: str
    shown: str
    hardware: Collection[str] = ()


def _conda_lock(file: _File, read: Callable[[Path, str], str] = source) -> Lock:
    lock = read_lock(file.text, file.shown)
    return replace(lock, of_other_run=of_other_run(lock, file.path.parent, read))


def _conda_locks(file: _File) -> tuple[Lock, ...]:
    return (_conda_lock(file),)


def _requirements(file: _File) -> tuple[Lock, ...]:
    return read_requirements(file.text, file.shown)


_Reader = Callable[[_File], tuple[Lock, ...]]

# The formats, the first that a text looks like counts.
_FORMATS: tuple[tuple[Callable[[str], bool], _Reader], ...] = (
    (lambda text: text.lstrip().startswith("["), lambda file: (read_list_json(file.text, file.shown),)),
    (is_explicit, lambda file: (read_explicit(file.text, file.shown),)),
    (is_uv_lock, lambda file: read_uv_lock(file.text, file.shown, file.hardware)),
    (is_pylock, lambda file: read_pylock(file.text, file.shown)),
    (is_pixi, lambda file: read_pixi(file.path, file.text, file.shown)),
    (is_conda_lock, _conda_locks),
    (is_environment_file, lambda file: (read_environment_file(file.text, file.shown),)),
    (is_export, lambda file: (read_export(file.text, file.shown),)),
    (is_requirements, _requirements),
)

_REQUIREMENTS = re.compile(r"requirements.*\.(?:txt|in)$", re.IGNORECASE)


def is_known(text: str) -> bool:
    """Whether a text looks like a file of some format. `version:`, which a conda-lock.yml has, is in many other files, too."""
    others = (looks_like for looks_like, reader in _FORMATS if reader is not _conda_locks)
    return any(looks_like(text) for looks_like in others) or "\npackage:" in f"\n{text}"


def read_any(path: Path, shown: str, *, hashes: bool = False, hardware: Collection[str] = ()) -> tuple[Lock, ...]:
    """The locks at `path`, a file or an installed environment; `hardware` are words that extras for one kind of it are named by.

    One, or several from a file that holds several environments, or one environment for several platforms with names of their own.
    The files of an environment are checked by their size, with `hashes` by their content.
    Raises BadInput, with the line where there is one, for what cannot be read or holds no package.
    """
    locks = (
        (with_damage(checked(read_prefix(path, shown)), path, hashes=hashes),) if path.is_dir() else _read(path, shown, hardware)
    )
    return _filled(locks, shown)


def read_conda_lock(path: Path, text: str, shown: str, read: Callable[[Path, str], str] = source) -> Lock:
    """The conda-lock.yml with this text, and whether it was made from the files beside it, which are `read` by path and name.

    Raises BadInput as `read_any` does.
    """
    (lock,) = _filled((_conda_lock(_File(path=path, text=text, shown=shown), read),), shown)
    return lock


def _filled(locks: tuple[Lock, ...], shown: str) -> tuple[Lock, ...]:
    if not any(lock.packages for lock in locks):
        raise BadInput("it holds no packages", where=shown, hint="give a lock or an environment that has some")
    return locks


def _read(path: Path, shown: str, hardware: Collection[str]) -> tuple[Lock, ...]:
    text = text_of(path, shown, absent="give a lock, a list or an environment's folder")
    file = _File(path=path, text=text, shown=shown, hardware=hardware)
    refused = refusal(path.name, file.text, shown)
    if refused:
        raise refused
    reader = next((reader for looks_like, reader in _FORMATS if looks_like(file.text)), None)
    if reader is None and _REQUIREMENTS.search(path.name) and may_be_requirements(file.text):
        reader = _requirements
    if reader in (None, _conda_locks):
        return _conda_locks(file)  # which are checked; raises an error for every other file
    return tuple(map(checked, reader(file)))
