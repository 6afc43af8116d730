"""Folders that change all at once: an environment is made beside its place and put there by one rename.

While envgen works on `envs/vision-cpu`, everything lies in `envs/.vision-cpu.<pid>.envgen-tmp`; the lock file
`envs/.vision-cpu.envgen-lock` keeps a second run out. At any moment the place holds the old environment or the new one, whole.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from envgen.model.errors import BadInput

_MARK, _OLD, _LOCK = ".envgen-tmp", ".old.envgen-tmp", ".envgen-lock"
_AT_FDCWD, _EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h: RENAME_EXCHANGE
_SWAP = 2  # macOS, sys/stdio.h: RENAME_SWAP


@contextmanager
def staged(prefix: Path) -> Iterator[Path]:
    """A path for a stage beside `prefix`, where nothing is yet; it is gone afterwards, whatever happens.

    Only one run at a time works on a prefix. What a killed run left is removed, or put back where it was. Raises BadInput when
    another run is at work, or the folder cannot be written.
    """
    stage = prefix.with_name(f".{prefix.name}.{os.getpid()}{_MARK}")
    with refusals(prefix), _there(prefix.parent), _alone(prefix):
        _heal(prefix)  # a run may have been killed since `sweep`
        try:
            yield stage
        finally:
            remove(stage)


def sweep(prefix: Path) -> None:
    """Remove what a killed run left beside a prefix, or put it back where it was; nothing while another run is at work."""
    if prefix.parent.is_dir() and (_left(prefix) or prefix.with_name(f".{prefix.name}{_LOCK}").exists()):
        with suppress(BadInput, OSError), _alone(prefix):
            _heal(prefix)


@contextmanager
def refusals(prefix: Path) -> Iterator[None]:
    """What the system refuses at a prefix, in words: no room, no permission."""
    try:
        yield
    except OSError as error:
        hint = "make room, or give another place with --prefix DIR; what was there is as it was"
        raise BadInput(f"cannot be written: {error.strerror or error}", where=prefix, hint=hint) from None


def put(stage: Path, prefix: Path) -> None:
    """Put a finished stage in its place; what is there goes away.

    One system call where the system can exchange two folders (Linux, macOS). Elsewhere the old one steps aside first, and a
    run that is killed between the two renames is healed by the next.
    """
    if prefix.is_dir() and not any(prefix.iterdir()):
        prefix.rmdir()
    if not prefix.exists():
        stage.rename(prefix)
    elif not _exchanged(stage, prefix):
        aside = prefix.with_name(f".{prefix.name}{_OLD}")
        try:
            prefix.rename(aside)
            stage.rename(prefix)
        finally:
            if aside.exists() and not prefix.exists():
                aside.rename(prefix)
        remove(aside)


def remove(folder: Path) -> None:
    """Remove a folder that may still be written to by a thread that has not heard of the end; what stays is swept later."""
    for _ in range(3):
        if folder.exists():
            shutil.rmtree(folder, ignore_errors=True)


def clone(old: Path, stage: Path, kept: Container[str]) -> None:
    """Make `stage` hold what `old` holds, by hard links where the file system has them.

    Links share their bytes, so nothing may be written into: what is written anew (`conda-meta/`, files at the top) is copied.
    Symbolic links stay what they are; sockets and pipes do not come along, nor do bytecode files that are not in `kept`
    (paths below `old`, with forward slashes): Python makes them again, and one of a replaced module could pass for the new one's.
    """
    _clone(old, stage, "", kept)


def _clone(old: Path, stage: Path, below: str, kept: Container[str]) -> None:
    stage.mkdir()
    shutil.copystat(old, stage)
    for entry in old.iterdir():
        target, path = stage / entry.name, f"{below}{entry.name}"
        if entry.is_symlink():
            target.symlink_to(entry.readlink())
        elif entry.is_dir():
            _clone(entry, target, f"{path}/", kept)
        elif entry.is_file() and (not path.endswith(".pyc") or path in kept):
            _link(entry, target, copied=below in ("", "conda-meta/"))


def _link(source: Path, target: Path, *, copied: bool) -> None:
    if not copied:
        with suppress(OSError):  # no hard links on this file system, or too many of this file
            os.link(source, target)
            return
    shutil.copy2(source, target)


@contextmanager
def _there(folder: Path) -> Iterator[None]:
    """A folder that may have to be made; it goes again when nothing came into it."""
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        if new and not any(folder.iterdir()):
            folder.rmdir()


# --- one run at a time ----------------------------------------------------------------------------------------------------


@contextmanager
def _alone(prefix: Path) -> Iterator[None]:
    """Hold the lock file of a prefix; the system lets go of it when a run dies."""
    path = prefix.with_name(f".{prefix.name}{_LOCK}")
    while True:
        held = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if not _locked(held):
            os.close(held)
            raise BadInput("another envgen works on this environment", where=prefix, hint="wait until it is done")
        if path.exists() and os.path.samestat(os.fstat(held), path.stat()):
            break
        os.close(held)  # whoever held it took the file away on leaving
    try:
        yield
    finally:
        with suppress(OSError):  # an open file cannot be removed on Windows: it stays, empty
            path.unlink()
        os.close(held)


def _locked(held: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(held, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _heal(prefix: Path) -> None:
    """Undo what a killed run left: no other run is at work here."""
    aside = prefix.with_name(f".{prefix.name}{_OLD}")
    if aside.exists() and not prefix.exists():
        aside.rename(prefix)
    for path in _left(prefix):
        remove(path)


def _left(prefix: Path) -> list[Path]:
    """Stages beside a prefix, and an old environment that has stepped aside."""
    stage = re.compile(re.escape(f".{prefix.name}.") + r"(\d+|old)" + re.escape(_MARK))
    return [path for path in prefix.parent.iterdir() if stage.fullmatch(path.name)]


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two folders at one moment; False where the system or the file system cannot. `one` is then the old folder."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True) if sys.platform != "win32" else None
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        done = libc.renamex_np(*names, _SWAP) == 0  # type: ignore[union-attr]
    elif sys.platform.startswith("linux") and hasattr(libc, "renameat2"):
        done = libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _EXCHANGE) == 0  # type: ignore[union-attr]
    else:
        done = False
    return bool(done)
