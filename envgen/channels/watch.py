"""Waiting for what comes over the network: not longer than the time-out without progress, not for more than the limit.

rattler has neither limit. It runs in threads of its own, so its progress is read off what it leaves: files that grow in the cache,
the memory of this process, and processor time, which a solve needs and a silent server does not.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar

from envgen.channels.limits import FLOOR, Limits
from envgen.model.errors import NoSolution

Result = TypeVar("Result")
Say = Callable[[str], None]
_TICK, _FIRST, _NEXT = 0.1, 10.0, 15.0  # seconds between looks; until something is said, and until it is said again
_PATIENCE = 20  # looks until work that was cancelled has ended
_BUSY = 0.2  # of one processor: more is work, not waiting
SHARD = 10**6  # what the records of one package count for: more than the floor asks for


class Unreachable(NoSolution):
    """A server did not answer."""


class TooLarge(NoSolution):
    """A server sends more than the limit."""


class Arrivals(Protocol):
    """What has arrived so far."""

    def arrived(self) -> int:
        """The bytes that have arrived, or any number that grows with them."""

    def excess(self) -> str:
        """What is over a limit; "" where nothing is."""

    def unfinished(self) -> bool:
        """Whether there are files that are not complete."""


def say_nothing(_: str) -> None:
    """Say nothing of what is waited for."""


async def watched(work: Awaitable[Result], arrivals: Arrivals, what: str, limits: Limits, say: Say = say_nothing) -> Result:
    """The result of some work. Says what it waits for: `what` is the server's name.

    Raises Unreachable where nothing arrives for the time-out, or less than the floor; TooLarge where too much does.
    """
    task = asyncio.ensure_future(work)
    clock = _Clock(what, limits, say)
    try:
        while not (await asyncio.wait({task}, timeout=_TICK))[0]:
            clock.look(arrivals)
    except NoSolution:
        await _ended(task, arrivals)
        raise
    finally:
        task.cancel()
    return await task


async def _ended(task: asyncio.Future[Result], arrivals: Arrivals) -> None:
    """End the work, and wait until it has removed its temporary files."""
    task.cancel()
    for _ in range(_PATIENCE):
        await asyncio.sleep(_TICK)
        if task.done() and not arrivals.unfinished():
            return


class _Clock:
    """How long nothing, or too little, has arrived."""

    def __init__(self, what: str, limits: Limits, say: Say) -> None:
        self._what, self._timeout, self._say = what, limits.timeout, say
        self._begun = self._since = self._before = time.monotonic()
        self._next = self._begun + min(_FIRST, limits.timeout / 2)
        self._base: int | None = None
        self._processor = time.process_time()

    def look(self, arrivals: Arrivals) -> None:
        """Take note of what has arrived by now. Raises Unreachable at the end of the time-out, TooLarge for too much."""
        now = time.monotonic()
        busy = time.process_time() - self._processor > _BUSY * (now - self._before)
        if excess := arrivals.excess():
            raise TooLarge(f"{self._what} sends too much: {excess}", hint="ENVGEN_MAX_SIZE or --max-size raises the limit")
        arrived = arrivals.arrived()
        if busy or self._base is None or not 0 <= arrived - self._base < FLOOR * self._timeout:
            self._base, self._since = arrived, now
        silent = now - self._since
        if silent >= self._timeout:
            little = f"less than {FLOOR} bytes a second" if arrived > self._base else "nothing"
            what = f"{self._what} sent {little} for {self._timeout:g} s"
            raise Unreachable(what, hint="try again; ENVGEN_TIMEOUT or --timeout waits longer")
        if now >= self._next:
            self._next = now + _NEXT
            without = f", {silent:.0f} without data (the limit is {self._timeout:g})" if silent else ""
            self._say(f"waiting for {self._what}: {now - self._begun:.0f} s so far{without}")
        self._before, self._processor = time.monotonic(), time.process_time()  # to look is not the work that is waited for


class IndexArrivals:
    """What rattler writes into its cache of repodata, and what it keeps in memory."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder, self._limit = folder, limits.size
        self._memory = self._most = memory()

    def arrived(self) -> int:
        return sum(size for _, size in self._files()) + self._shards() * SHARD + self._most

    def excess(self) -> str:
        """A file that is unpacked, or the memory of this process, over the limit."""
        self._most = max(self._most, memory())
        largest = max((size for _, size in self._files()), default=0)
        if largest > self._limit or self._most - self._memory > self._limit:
            return f"its index has more than {self._limit // 10**6} MB"
        return ""

    def unfinished(self) -> bool:
        return any(path.name.startswith(".tmp") for path, _ in self._files())

    def _files(self) -> list[tuple[Path, int]]:
        with suppress(OSError):
            return [(path, path.stat().st_size) for path in self._folder.iterdir() if path.is_file()]
        return []

    def _shards(self) -> int:
        """The files in the folders below, each with the records of one package."""
        with suppress(OSError):
            return sum(1 for folder in self._folder.iterdir() if folder.is_dir() for _ in folder.iterdir())
        return 0


def memory(process: int | None = None) -> int:
    """The bytes of a process, this one by default, that are not those of a file, or the most that it ever had.

    0 where the system does not say: Windows, and macOS for another process.
    """
    if sys.platform.startswith("linux"):
        with suppress(OSError, ValueError, IndexError):
            text = Path(f"/proc/{process or 'self'}/status").read_text(encoding="ascii", errors="replace")
            return int(text.partition("RssAnon:")[2].split()[0]) * 1024
    if sys.platform == "darwin" and process is None:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 0
