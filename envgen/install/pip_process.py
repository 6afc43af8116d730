"""Running pip: it is ended where the servers that it reads from are silent, or send too little or too much."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, CompletedProcess

from envgen.channels.limits import FLOOR, Limits
from envgen.channels.watch import watched
from envgen.install.arrivals import LARGEST


def run_pip(command: Sequence[str], environ: Mapping[str, str], scratch: Path, limits: Limits) -> CompletedProcess[str]:
    """Run a command and return its output. `scratch` becomes its folder for temporary files.

    Raises Unreachable where neither the folder grows nor its processes compute for the time-out, TooLarge for a file of more than
    5 GB, FileNotFoundError and its kin where there is no such command.
    """
    return asyncio.run(_run(command, {**environ, "TMPDIR": str(scratch)}, scratch, limits))


async def _run(command: Sequence[str], environ: Mapping[str, str], scratch: Path, limits: Limits) -> CompletedProcess[str]:
    process = await asyncio.create_subprocess_exec(*command, env=dict(environ), stdout=PIPE, stderr=PIPE, start_new_session=True)
    try:
        arrivals = PipArrivals(scratch, process.pid)
        out, err = await watched(process.communicate(), arrivals, "the server of the pip packages", limits)
    finally:
        if process.returncode is None:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL) if sys.platform != "win32" else process.kill()
            await process.wait()
    return CompletedProcess(command, process.returncode or 0, *(data.decode("utf-8", errors="replace") for data in (out, err)))


class PipArrivals:
    """The files that pip fetches, and the processor time of its processes: who builds a package is not waiting."""

    def __init__(self, folder: Path, session: int) -> None:
        self._folder, self._session = folder, session
        self._next, self._listed = 0.0, 0.0

    def arrived(self) -> int:
        return sum(self._sizes()) + self._processor_time()

    def excess(self) -> str:
        """A file that is larger than any package."""
        return f"a file of more than {LARGEST:,} bytes" if max(self._sizes(), default=0) > LARGEST else ""

    def unfinished(self) -> bool:
        return False

    def _sizes(self) -> list[int]:
        found = []
        for place, _, names in os.walk(self._folder):
            for name in names:
                with suppress(OSError):
                    found.append(Path(place, name).stat().st_size)
        return found

    def _processor_time(self) -> int:
        """A number that grows enough for every second of computing; on Windows always, as nothing tells it there."""
        if sys.platform == "win32":
            return time.monotonic_ns()
        if not sys.platform.startswith("linux"):
            return int(self._listed_time() * FLOOR * 3600)
        ticks = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError, ValueError, IndexError):
                words = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                if int(words[3]) == self._session:  # man 5 proc: session, then utime, stime and those of ended children
                    ticks += sum(map(int, words[11:15]))
        return ticks * FLOOR * 3600 // os.sysconf("SC_CLK_TCK")

    def _listed_time(self) -> float:
        """The same in seconds, as `ps` lists it, which POSIX has; asked no more than once a second."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 1
            command = ("ps", "-A", "-o", "pgid=", "-o", "time=")
            listed = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a constant
            rows = (line.split() for line in listed.stdout.splitlines())
            self._listed = sum(_seconds(row[1]) for row in rows if row[:1] == [str(self._session)] and row[1:])
        return self._listed


def _seconds(text: str) -> float:
    """Processor time as `ps` writes it, in seconds: `1:02.50`, `01:02:03`, `1-02:03:04`."""
    days, _, rest = text.rpartition("-")
    return float(days or 0) * 86400 + sum(float(part) * 60.0**power for power, part in enumerate(reversed(rest.split(":"))))
