"""Files that are written whole or not at all: to a temporary file in the same folder, then renamed."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from envgen.model.errors import BadInput
from envgen.model.layout import Layout
from envgen.model.resolution import RenderedFile

_MARK = ".envgen-tmp"
PAGE_MARK = '<meta name="generator" content="envgen">'
"""What each HTML page of envgen has in its head: only a file with it is replaced by another page."""

_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]


def write_files(folder: Path, files: Iterable[RenderedFile], layout: Layout) -> None:
    """Write files into one folder. At any moment each is either the complete old file or the complete new one.

    A killed run leaves only files with `.envgen-tmp` in their names, which a later run removes. Files are replaced in the order
    given, the lock last: its stamp shows when it does not match the other files. An interrupt waits until all are replaced. Raises
    BadInput if the folder is not writable.
    """
    written: list[tuple[Path, Path]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        for file in files:
            scratch = folder / f".{file.name}.{os.getpid()}{_MARK}"
            written.append((scratch, folder / file.name))
            scratch.unlink(missing_ok=True)  # of a killed run with this number; "x" follows no link that somebody put there
            with scratch.open("x", encoding="utf-8", newline="\n") as stream:
                stream.write(file.text)
                stream.flush()
                os.fsync(stream.fileno())
        with _without_interrupts():
            for scratch, place in written:
                scratch.replace(place)
    except OSError as error:
        raise unwritable(error, layout.shown(folder)) from None
    finally:
        for scratch, _ in written:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)


def unwritable(error: OSError, where: object) -> BadInput:
    """The error for a folder whose files cannot be written, with what can be done about it."""
    if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
        todo = "move away what is in its place, or name another place"
    elif error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        todo = "free some space"
    else:
        todo = "make the folder writable"
    return BadInput(f"cannot be written: {error.strerror or error}", where=where, hint=f"{todo}; its files are unchanged")


def write_page(path: Path, page: Callable[[], str]) -> str:
    """Make an HTML page and write it; returns what was done. Raises BadInput, at once, where a file is that is not such a page."""
    if path.exists() and PAGE_MARK not in path.read_text(encoding="utf-8", errors="replace"):
        raise BadInput("exists, and envgen did not write it", where=path, hint="choose another name, or remove the file")
    text = page()
    write_files(path.absolute().parent, [RenderedFile(path.name, text)], Layout(Path.cwd()))
    return f"wrote {path} ({len(text.encode()) // 1000} kB): open it in a browser, or send it"


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Let Ctrl-C and the signals that ask a process to end wait. Only the main thread receives them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for number in came:
            signal.raise_signal(number)


def remove_files(paths: Iterable[Path]) -> None:
    """Remove files, and the folders that become empty."""
    for path in paths:
        path.unlink(missing_ok=True)
        parent = path.parent
        while not any(parent.iterdir()):
            parent.rmdir()
            parent = parent.parent


def leftovers(folder: Path) -> list[Path]:
    """The temporary files of killed runs in a folder and in those below it. Symbolic links are not followed."""
    return [
        Path(place, name) for place, _, names in os.walk(folder) for name in names if name.startswith(".") and name.endswith(_MARK)
    ]


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of killed runs. Only for the run that holds the lock of the folder: no other writes there."""
    for path in leftovers(folder):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove the temporary files of killed runs: those older than an hour, which no running process still needs."""
    for path in folder.glob(f".*{_MARK}"):
        if time.time() - path.stat().st_mtime > 3600:
            path.unlink(missing_ok=True)
