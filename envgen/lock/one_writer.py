"""One process at a time changes the locks of a repository and its recorded index; the others wait and say for whom."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from envgen.files import leftovers, remove_leftovers, unwritable
from envgen.model.layout import Layout
from envgen.model.run import Reporter

if TYPE_CHECKING:
    from filelock import BaseFileLock

_SHOWN = 200  # characters of another run's command line in a message
_WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)


def warm() -> None:
    """Import what locks files, which takes longer than locking one."""
    import filelock  # noqa: F401


@contextmanager
def one_writer(layout: Layout, reporter: Reporter, *, swept: bool = False) -> Iterator[bool]:
    """Hold the repository's lock file, which names the run that holds it. The system releases it when a run is killed.

    Gives whether a killed run left something, and removes its temporary files first; not where the repository is `swept`.
    A file system that has no locks is used without, which is reported. Raises BadInput where `environments/` cannot be written.
    """
    from filelock import FileLock

    path = layout.writer
    left = not swept and was_killed(layout)
    lock = FileLock(path, on_acquired=_sign)
    try:
        _acquire(lock, path, reporter)
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise unwritable(error, layout.shown(path)) from None
        reporter.say(f"{layout.shown(layout.environments)} is on a file system without locks: run one envgen at a time in it")
    try:
        if not swept:
            remove_leftovers(layout.environments)
        yield left
    finally:
        if lock.is_locked:
            with suppress(OSError):  # Windows cannot remove an open file: it stays, empty
                path.unlink()  # before the release, so that whoever opened it meanwhile notices and opens a new one
            lock.release()


def was_killed(layout: Layout) -> bool:
    """Whether a run was killed while it wrote; or one is writing now."""
    return layout.writer.exists() or bool(leftovers(layout.environments))


def sweep(layout: Layout) -> None:
    """Remove what killed runs left, unless another run is writing."""
    if not was_killed(layout):
        return
    from filelock import FileLock, Timeout

    with suppress(OSError, Timeout), FileLock(layout.writer, timeout=0):
        remove_leftovers(layout.environments)
        layout.writer.unlink()


def _acquire(lock: BaseFileLock, path: Path, reporter: Reporter) -> None:
    from filelock import Timeout

    try:
        lock.acquire(timeout=0)
    except Timeout:
        reporter.say(f"waiting for another envgen to write this repository{_holder(path)}")
        lock.acquire()


def _sign(handle: int) -> None:
    """Write into the lock file which run holds it; on a full disk it stays empty."""
    with suppress(OSError):
        os.write(handle, f"`{' '.join(['envgen', *sys.argv[1:]])}`, process {os.getpid()}\n".encode(errors="replace"))


def _holder(path: Path) -> str:
    """` (<command>, process <number>)`, or "" where the run that holds the lock has not written it yet."""
    with suppress(OSError):
        text = path.read_text(encoding="utf-8", errors="replace")[:_SHOWN]
        shown = "".join(character for character in text if character.isprintable())
        return f" ({shown})" if shown else ""
    return ""
