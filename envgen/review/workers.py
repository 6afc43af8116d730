"""The same work on many names in several processes at once: this one, and forks of it, which know all that it knows.

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
_PARTS = 24  # shares for each process: the smaller they are, the less the others wait for the last


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
    """Begin to work on names in so many processes, of which this is one, and bring what is found as it is found.

    `sizes` say how much work each name is. The first is done before the others begin: what that imports, they find done. This one
    works while what is found is asked for; the others end with the block.
    """
    first = {name: work(name) for name in list(sizes)[: min(count, 1)]}
    parts = shares(sizes, count * _PARTS)
    children: list[tuple[ForkProcess, Connection]] = []
    with _pot(len(parts)) as pot:
        try:
            if count > 1:
                _begin(children, work, parts, pot, count - 1)
            yield _found(work, sizes, chain(first.items(), _brought(work, parts, pot, [reader for _, reader in children])))
        finally:
            for process, _ in children:
                process.terminate()
                process.join()


def shares(sizes: Mapping[str, int], count: int) -> list[list[str]]:
    """The names but the first in at most so many shares, about the same work each. Neighbours stay together: most are alike."""
    found: list[list[str]] = [[] for _ in range(count)]
    before, rest = 0, list(sizes.items())[1:]
    whole = sum(size for _, size in rest)
    for name, size in rest if count else ():
        found[count * before // whole].append(name)
        before += size
    return [names for names in found if names]


@contextmanager
def _pot(count: int) -> Iterator[int]:
    """A file from which each process reads which share it does next: a byte for each share, and then its end."""
    reader, writer = os.pipe()
    os.write(writer, bytes(range(count)))  # less than a pipe holds
    os.close(writer)
    try:
        yield reader
    finally:
        os.close(reader)


def _taken(parts: Sequence[Sequence[str]], pot: int) -> Iterator[str]:
    """The names of the shares that no other process has taken."""
    while number := os.read(pot, 1):
        yield from parts[number[0]]


def _begin(
    children: list[tuple[ForkProcess, Connection]],
    work: Callable[[str], Found],
    parts: Sequence[Sequence[str]],
    pot: int,
    count: int,
) -> None:
    """Add so many processes that do shares; fewer where the system gives no more."""
    with _interrupts_wait(), suppress(OSError):
        for _ in range(count):
            children.append(_child(work, parts, pot, [reader for _, reader in children]))


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Ctrl-C counts once the processes are begun: until then none is as in any program."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _interrupted_as_any_program() -> None:
    """Ctrl-C ends this process without a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else interrupts are ignored, as in the background
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _child(
    work: Callable[[str], Found], parts: Sequence[Sequence[str]], pot: int, others: Sequence[Connection]
) -> tuple[ForkProcess, Connection]:
    from multiprocessing import get_context

    context = get_context("fork")
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(work, parts, pot, writer, (reader, *others)), daemon=True)
    process.start()
    writer.close()
    return process, reader


def _work(
    work: Callable[[str], Found],
    parts: Sequence[Sequence[str]],
    pot: int,
    writer: Connection,
    readers: Sequence[Connection],
) -> None:
    _interrupted_as_any_program()
    for reader in readers:  # the ends of the other process: while one is open here, nobody notices that it is gone
        reader.close()
    with suppress(BaseException):
        for name in _taken(parts, pot):
            writer.send((name, work(name)))


def _found(work: Callable[[str], Found], names: Iterable[str], brought: Iterable[tuple[str, Found]]) -> Iterator[tuple[str, Found]]:
    """What is brought, and then what is not."""
    known = set()
    for name, found in brought:
        known.add(name)
        yield name, found
    yield from ((name, work(name)) for name in names if name not in known)


def _brought(
    work: Callable[[str], Found], parts: Sequence[Sequence[str]], pot: int, readers: list[Connection]
) -> Iterator[tuple[str, Any]]:
    """What this process finds, and what the others bring meanwhile and after that."""
    for name in _taken(parts, pot):
        yield name, work(name)
        yield from _ready(readers, 0)
    while readers:
        yield from _ready(readers, None)


def _ready(readers: list[Connection], seconds: float | None) -> Iterator[tuple[str, Any]]:
    """What each of the others has brought until now, one row each; those that are at their end are left out from now on."""
    from multiprocessing.connection import wait

    ready = wait(readers, seconds) if readers else ()
    for reader in [one for one in readers if one in ready]:
        try:
            yield reader.recv()
        except (EOFError, OSError):
            readers.remove(reader)
