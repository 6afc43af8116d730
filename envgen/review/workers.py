"""The same work on many names in several processes at once: forks of this one, which know all that it knows.

They only save time. What none of them brings, because it was killed, the system gives no more processes, or its work raised, is
done here, where it raises again.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess

Found = TypeVar("Found")
_MOST = 8  # each has some dozens of megabytes of its own


def worth(steps: int, least: int) -> int:
    """How many processes so many steps of work are worth, `least` for each and one on a processor; 0 where this one does.

    Forks are for Linux alone, whose libraries expect them, and for a process without threads, of which a fork knows nothing.
    """
    if not sys.platform.startswith("linux") or threading.active_count() > 1:
        return 0
    count = min(len(os.sched_getaffinity(0)), steps // least, _MOST)
    return count if count > 1 else 0


@contextmanager
def shared_out(work: Callable[[str], Found], sizes: Mapping[str, int], count: int) -> Iterator[Iterator[tuple[str, Found]]]:
    """Begin to work on names in so many processes, and bring what is found as it is found. They end with the block.

    `sizes` say how much work each name is. The first is done before the processes begin: what that imports, they find done.
    """
    first = {name: work(name) for name in list(sizes)[: min(count, 1)]}
    children = _begun(work, shares(sizes, count)) if count else []
    try:
        yield _found(work, sizes, first, [reader for _, reader in children])
    finally:
        for process, _ in children:
            process.terminate()
            process.join()


def shares(sizes: Mapping[str, int], count: int) -> list[list[str]]:
    """The names but the first in so many shares, about the same work each. Neighbours stay together: most are alike."""
    found: list[list[str]] = [[] for _ in range(count)]
    before, rest = 0, list(sizes.items())[1:]
    whole = sum(size for _, size in rest)
    for name, size in rest:
        found[count * before // whole].append(name)
        before += size
    return found


def _begun(work: Callable[[str], Found], parts: Iterable[Sequence[str]]) -> list[tuple[ForkProcess, Connection]]:
    """A process for each part of the names; fewer where the system gives no more."""
    children: list[tuple[ForkProcess, Connection]] = []
    with _interrupts_as_in_any_program(), suppress(OSError):
        for names in parts:
            children.append(_child(work, names, [reader for _, reader in children]))
    return children


@contextmanager
def _interrupts_as_in_any_program() -> Iterator[None]:
    """Ctrl-C ends what is forked here without a traceback."""
    python = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else interrupts are ignored, as in the background
    if python:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        if python:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _child(work: Callable[[str], Found], names: Sequence[str], others: Sequence[Connection]) -> tuple[ForkProcess, Connection]:
    from multiprocessing import get_context

    context = get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(work, names, writer, (reader, *others)), daemon=True)
    process.start()
    writer.close()
    return process, reader


def _work(work: Callable[[str], Found], names: Sequence[str], writer: Connection, readers: Sequence[Connection]) -> None:
    for reader in readers:  # the ends of the other process: while one is open here, nobody notices that it is gone
        reader.close()
    with suppress(BaseException):
        for name in names:
            writer.send((name, work(name)))


def _found(
    work: Callable[[str], Found], names: Iterable[str], first: Mapping[str, Found], readers: list[Connection]
) -> Iterator[tuple[str, Found]]:
    known = set(first)
    for name, found in chain(first.items(), _brought(readers)):
        known.add(name)
        yield name, found
    yield from ((name, work(name)) for name in names if name not in known)


def _brought(readers: list[Connection]) -> Iterator[tuple[str, Any]]:
    while readers:
        from multiprocessing.connection import wait

        ready = wait(readers)
        for reader in [one for one in readers if one in ready]:
            try:
                yield reader.recv()
            except (EOFError, OSError):
                readers.remove(reader)
