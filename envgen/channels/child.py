"""Programs that read from servers: one is ended where they are silent, or send too little or too much."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from subprocess import PIPE, CompletedProcess
from typing import BinaryIO

from envgen.channels.limits import Limits
from envgen.channels.watch import Arrivals, Say, say_nothing, watched

_AGAIN = 0.5  # seconds until the processes of the machine are looked at again


def run_child(
    command: Sequence[str],
    environ: Mapping[str, str],
    folder: Path,
    watch: Callable[[int], Arrivals],
    what: str,
    limits: Limits,
    *,
    say: Say = say_nothing,
    errors: Path | None = None,
) -> CompletedProcess[str]:
    """Run a command in a folder, without a shell, and return its output; `watch` makes what is watched of its process.

    `say` is told what is waited for. Its stderr is written to the file `errors`, if one is named, where it can be read meanwhile.
    Raises what `watched` raises of the server `what`, and FileNotFoundError and its kin where there is no such command.
    """
    with errors.open("wb") if errors else nullcontext(PIPE) as sink:
        out, err, status = asyncio.run(_run(command, environ, folder, watch, what, limits, say, sink))
    err = errors.read_bytes() if errors else err
    return CompletedProcess(command, status, *(data.decode("utf-8", errors="replace") for data in (out, err)))


async def _run(
    command: Sequence[str],
    environ: Mapping[str, str],
    folder: Path,
    watch: Callable[[int], Arrivals],
    what: str,
    limits: Limits,
    say: Say,
    errors: int | BinaryIO,
) -> tuple[bytes, bytes, int]:
    """What a process writes to stdout and to stderr, where that is a pipe, and its exit status."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=dict(environ), stdout=PIPE, stderr=errors, start_new_session=True
    )
    try:
        out, err = await watched(process.communicate(), watch(process.pid), what, limits, say)
    finally:
        if process.returncode is None:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL) if sys.platform != "win32" else process.kill()
            await process.wait()
    return out, err, process.returncode or 0


class ProcessorTime:
    """The seconds that the processes of a session have computed; on Windows always more, as nothing tells it there.

    Every process of the machine is looked at for it, so not more often than every half second.
    """

    def __init__(self, session: int) -> None:
        self._session = session
        self._next, self._found = 0.0, 0.0

    def seconds(self) -> float:
        """So far, those of ended children too."""
        if sys.platform == "win32":
            return time.monotonic()
        if time.monotonic() >= self._next:
            self._found = self._read() if sys.platform.startswith("linux") else self._listed()
            self._next = time.monotonic() + _AGAIN
        return self._found

    def _read(self) -> float:
        ticks = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError, ValueError, IndexError):
                words = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                if int(words[3]) == self._session:  # man 5 proc: session, then utime, stime and those of ended children
                    ticks += sum(map(int, words[11:15]))
        return float(ticks / os.sysconf("SC_CLK_TCK"))

    def _listed(self) -> float:
        """The same as `ps` lists it, which POSIX has."""
        command = ("ps", "-A", "-o", "pgid=", "-o", "time=")
        listed = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a constant
        rows = (line.split() for line in listed.stdout.splitlines())
        return sum(_seconds(row[1]) for row in rows if row[:1] == [str(self._session)] and row[1:])


def _seconds(text: str) -> float:
    """Processor time as `ps` writes it, in seconds: `1:02.50`, `01:02:03`, `1-02:03:04`."""
    days, _, rest = text.rpartition("-")
    return float(days or 0) * 86400 + sum(float(part) * 60.0**power for power, part in enumerate(reversed(rest.split(":"))))
