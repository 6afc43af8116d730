"""Replace an environment in one step: build the new one beside the prefix, then rename it into place.

While envgen works on `envs/vision-cpu`, it builds in the folder `envs/.vision-cpu.<pid>.envgen-tmp`, the stage, and holds the lock
file `envs/.vision-cpu.envgen-lock`, which keeps other runs out. At any moment the prefix is the complete old environment or the
complete new one.
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

_TEMPORARY, _OLD, _LOCK = ".envgen-tmp", ".old.envgen-tmp", ".envgen-lock"
_AT_FDCWD, _EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h: RENAME_EXCHANGE
_SWAP = 2  # macOS, sys/stdio.h: RENAME_SWAP


@contextmanager
def staged(prefix: Path) -> Iterator[Path]:
    """Lock a prefix and return the path of its stage, which does not exist yet; the stage is removed on exit in any case.

    First cleans up after a killed run. Raises BadInput when another run holds the lock, or when the folder is not writable.
    """
    stage = prefix.with_name(f".{prefix.name}.{os.getpid()}{_TEMPORARY}")
    with os_errors_as_bad_input(prefix), _created(prefix.parent), _locked(prefix):
        _recover(prefix)  # a run may have been killed since `recover`
        try:
            yield stage
        finally:
            remove(stage)


def recover(prefix: Path) -> None:
    """Clean up after a killed run: remove its stages, and put an environment that it moved aside back in place.

    Does nothing while another run is working on the prefix.
    """
    if prefix.parent.is_dir() and (_leftovers(prefix) or _lock_file(prefix).exists()):
        with suppress(BadInput, OSError), _locked(prefix):
            _recover(prefix)


@contextmanager
def os_errors_as_bad_input(prefix: Path) -> Iterator[None]:
    """Turn an OSError about a prefix (disk full, no permission) into BadInput with a hint."""
    try:
        yield
    except OSError as error:
        hint = "free some space, or choose another folder with --prefix DIR; nothing was changed"
        raise BadInput(f"cannot be written: {error.strerror or error}", where=prefix, hint=hint) from None


def commit(stage: Path, prefix: Path) -> None:
    """Move a finished stage to its prefix and remove the environment that was there.

    Linux and macOS exchange the two folders in one system call. Elsewhere the old environment is moved aside first; if the run
    is killed between the two renames, the next run puts it back.
    """
    if prefix.is_dir() and not any(prefix.iterdir()):
        prefix.rmdir()
    if not prefix.exists():
        stage.rename(prefix)
    elif not _exchange(stage, prefix):
        aside = prefix.with_name(f".{prefix.name}{_OLD}")
        try:
            prefix.rename(aside)
            stage.rename(prefix)
        finally:
            if aside.exists() and not prefix.exists():
                aside.rename(prefix)
        remove(aside)


def remove(folder: Path) -> None:
    """Remove a folder that a thread of an interrupted run may still be writing to; what is left, the next run removes."""
    for _ in range(3):
        if folder.exists():
            shutil.rmtree(folder, ignore_errors=True)


def clone(old: Path, stage: Path, keep_bytecode: Container[str]) -> None:
    """Copy the environment `old` to `stage`, with hard links where the file system supports them.

    Hard links share their content, so files that are modified in place (`conda-meta/`, files at the top) are copied. Symbolic
    links stay symbolic links. Sockets and pipes are not copied, nor is bytecode, except for the paths in `keep_bytecode`
    (relative to `old`, with forward slashes): Python compiles it again, and stale bytecode could be used for a new module.
    """
    _clone(old, stage, "", keep_bytecode)


def _clone(old: Path, stage: Path, below: str, keep_bytecode: Container[str]) -> None:
    stage.mkdir()
    shutil.copystat(old, stage)
    for entry in old.iterdir():
        target, path = stage / entry.name, f"{below}{entry.name}"
        if entry.is_symlink():
            target.symlink_to(entry.readlink())
        elif entry.is_dir():
            _clone(entry, target, f"{path}/", keep_bytecode)
        elif entry.is_file() and (not path.endswith(".pyc") or path in keep_bytecode):
            _link(entry, target, copy=below in ("", "conda-meta/"))


def _link(source: Path, target: Path, *, copy: bool) -> None:
    if not copy:
        with suppress(OSError):  # no hard links on this file system, or too many of this file
            os.link(source, target)
            return
    shutil.copy2(source, target)


@contextmanager
def _created(folder: Path) -> Iterator[None]:
    """Create a folder if it does not exist; if it is still empty at the end, remove it again."""
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        if new and not any(folder.iterdir()):
            folder.rmdir()


# --- one run at a time ----------------------------------------------------------------------------------------------------


@contextmanager
def _locked(prefix: Path) -> Iterator[None]:
    """Hold the lock file of a prefix. The operating system releases the lock when a run is killed.

    Raises BadInput when another run holds it.
    """
    from filelock import FileLock, Timeout

    path = _lock_file(prefix)
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BadInput("another envgen is working on this environment", where=prefix, hint="wait until it is done") from None
    try:
        yield
    finally:
        with suppress(OSError):  # Windows cannot remove an open file: it stays, empty
            path.unlink()  # before the release, so that whoever opened it meanwhile notices and opens a new one
        lock.release()


def _lock_file(prefix: Path) -> Path:
    return prefix.with_name(f".{prefix.name}{_LOCK}")


def _recover(prefix: Path) -> None:
    aside = prefix.with_name(f".{prefix.name}{_OLD}")
    if aside.exists() and not prefix.exists():
        aside.rename(prefix)
    for path in _leftovers(prefix):
        remove(path)


def _leftovers(prefix: Path) -> list[Path]:
    """Stages beside a prefix, and an old environment that was moved aside."""
    pattern = re.compile(re.escape(f".{prefix.name}.") + r"(\d+|old)" + re.escape(_TEMPORARY))
    return [path for path in prefix.parent.iterdir() if pattern.fullmatch(path.name)]


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders atomically; False if the operating system or the file system does not support it."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True) if sys.platform != "win32" else None
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        return bool(libc.renamex_np(*names, _SWAP) == 0)  # type: ignore[union-attr]
    if sys.platform.startswith("linux") and hasattr(libc, "renameat2"):
        return bool(libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _EXCHANGE) == 0)  # type: ignore[union-attr]
    return False
