"""Fetch the files of locked packages into a folder: each whole and checked, or not at all; what was begun is continued."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from rattler.package_streaming import download_to_writer

from envgen.channels.channel import ChannelLocation, bare, filled_in, redacted
from envgen.channels.client import client
from envgen.channels.limits import limits
from envgen.channels.watch import TooLarge, Unreachable, watched
from envgen.install.archives import Archive, digest, wrong_hash
from envgen.install.arrivals import LARGEST
from envgen.model.errors import BadInput, EnvgenError, NoSolution
from envgen.model.run import Reporter

PART = ".envgen-part"
_AT_ONCE, _TRIES, _MB = 8, 3, 10**6
_AGAIN = "run the same command again: what was fetched is kept, and what was begun is continued"
_CHANGED = "the file was changed in the channel or on the way: try another mirror; other files are kept"


def fetch(archives: Sequence[Archive], folder: Path, channels: Sequence[ChannelLocation], reporter: Reporter) -> None:
    """Fetch files that the folder lacks.

    Raises CheckFailed where a hash does not match, NoSolution where the network fails, BadInput where the disk does.
    """
    job = _Job(folder, channels, reporter)
    servers = " or ".join(dict.fromkeys(urlsplit(bare(one.url)).netloc for one in archives))
    reporter.begin("fetching", sum(one.size or 0 for one in archives) // _MB)
    try:
        asyncio.run(watched(_all(job, archives), job, servers, limits(), reporter.say))
    except (TooLarge, Unreachable) as error:
        error.hint = f"{_CHANGED if isinstance(error, TooLarge) else error.hint}; {_AGAIN}"
        raise
    finally:
        reporter.end()


async def _all(job: _Job, archives: Sequence[Archive]) -> None:
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(archive: Archive) -> None:
        async with gate:
            await job.fetch(archive)

    await asyncio.gather(*map(one, archives))


class _Job:
    """Downloads into one folder, and what has arrived of them."""

    def __init__(self, folder: Path, channels: Sequence[ChannelLocation], reporter: Reporter) -> None:
        self._folder, self._channels, self._reporter = folder, channels, reporter
        self._count, self._shown = 0, 0
        self._client = client(channels)

    async def fetch(self, archive: Archive) -> None:
        """Fetch one file: continue where an earlier run ended, and start again where that leads to another file."""
        path = self._folder / archive.place
        part, fetched = path.with_name(f".{path.name}{PART}"), ""
        failed: NoSolution | None = None
        with _disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(_TRIES):
            begun = part.stat().st_size if part.is_file() else 0
            try:
                failed = await self._append(archive, part, begun)
            except TooLarge:
                part.unlink()
                raise
            if failed is None:
                fetched = await asyncio.to_thread(digest, part, archive.kind)
                if fetched == archive.digest:
                    part.replace(path)
                    return
                part.unlink()
                if not begun:
                    break
        raise failed or wrong_hash(archive, fetched, redacted(archive.url), _CHANGED)

    async def _append(self, archive: Archive, part: Path, begun: int) -> NoSolution | None:
        """Write what a server sends to the end of a file; returns why it ended too early.

        Nothing is written where the server has no rest, or sends all again: then what is there is judged as it is.
        """
        with _disk_errors(part):
            sink = _Sink(self, archive, part, begun)
        try:
            own = client(self._channels, {"Range": f"bytes={begun}-"}) if begun else self._client
            await download_to_writer(own, _live(archive.url), sink)
        except (OSError, RuntimeError) as error:
            if sink.broken:
                raise _unwritable(sink.broken, part) from None
            if begun and (sink.is_too_much or "416" in str(error)):
                return None
            if sink.is_too_much:
                most = archive.size or LARGEST
                raise TooLarge(f"{archive.place} has more than {most:,} bytes", where=redacted(archive.url)) from None
            what = f"{archive.name} cannot be fetched: {redacted(str(error))}"
            failed = NoSolution(what, where=redacted(archive.url), hint=_AGAIN)
            if isinstance(error, OSError):  # the connection broke: the rest may still come
                return failed
            raise failed from None
        finally:
            sink.close()
        return None

    def grew(self, name: str, count: int) -> None:
        """So many bytes of a file have come."""
        self._count += count
        while self._shown < self._count // _MB:
            self._shown += 1
            self._reporter.step(name)

    def arrived(self) -> int:
        return self._count

    def excess(self) -> str:
        """Nothing: each file knows its own limit."""
        return ""

    def unfinished(self) -> bool:
        return False


class _Sink:
    """The end of a file on disk, which takes what a server sends. rattler calls it from a thread of its own."""

    def __init__(self, job: _Job, archive: Archive, path: Path, begun: int) -> None:
        self.broken: OSError | None = None
        self.is_too_much = False
        self._job, self._archive, self._count = job, archive, begun
        self._file = path.open("ab", buffering=0)

    def write(self, data: bytes) -> int:
        """Take a piece of the file. Raises OSError where it cannot be written, or is too much."""
        self.is_too_much = self._count + len(data) > (self._archive.size or LARGEST)
        if self.is_too_much:  # where the rest was asked for, the server may have sent all again
            raise OSError("too much")
        try:
            self._file.write(data)
        except OSError as error:
            self.broken = error
            raise
        self._count += len(data)
        self._job.grew(self._archive.name, len(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        with suppress(OSError):
            os.fsync(self._file.fileno())
        self._file.close()


def _live(url: str) -> str:
    """A URL as it is asked for: the client adds the credentials of channels, and those of an index are filled in here."""
    return bare(url) if url.endswith((".conda", ".tar.bz2")) else filled_in(url.partition("#")[0], "the URL of a pip package")


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(error, path) from None


def _unwritable(error: OSError, path: Path) -> EnvgenError:
    return BadInput(
        f"cannot be written: {error.strerror or error}", where=path, hint=f"free some space, or choose another folder; {_AGAIN}"
    )
