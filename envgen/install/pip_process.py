"""Running pip: it is ended where the servers that it reads from are silent, or send too little or too much."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

from envgen.channels.child import ProcessorTime, run_child
from envgen.channels.limits import FLOOR, Limits
from envgen.install.arrivals import LARGEST


def run_pip(command: Sequence[str], environ: Mapping[str, str], scratch: Path, limits: Limits) -> CompletedProcess[str]:
    """Run a command and return its output. `scratch` becomes its folder for temporary files.

    Raises Unreachable where neither the folder grows nor its processes compute for the time-out, TooLarge for a file of more than
    5 GB, FileNotFoundError and its kin where there is no such command.
    """
    watch, what = partial(PipArrivals, scratch), "the server of the pip packages"
    return run_child(command, {**environ, "TMPDIR": str(scratch)}, Path.cwd(), watch, what, limits)


class PipArrivals:
    """The files that pip fetches, and the processor time of its processes: who builds a package is not waiting."""

    def __init__(self, folder: Path, session: int) -> None:
        self._folder, self._time = folder, ProcessorTime(session)

    def arrived(self) -> int:
        return sum(self._sizes()) + int(self._time.seconds() * FLOOR * 3600)

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
