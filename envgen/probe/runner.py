"""One framework asked in a process of its own, by the environment's Python, within a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import IO

from envgen.model.errors import BadInput
from envgen.probe.journal import read
from envgen.probe.model import MODULES, Answer, Ended, Library

SCRIPT = Path(__file__).with_name("child.py")
_TAIL = 16_384  # bytes of stderr that are kept: a framework may write without end
_JOURNAL = 4_000_000  # bytes of a journal that are read
_GRACE = 5.0  # seconds for a killed process to be gone; one that hangs in the kernel may never be


def ask(python: Path, framework: str, prefix: Path, limit: float) -> Answer:
    """What `framework` says to the interpreter `python` within `limit` seconds. Its process group is gone when this returns.

    The environment is the caller's, with the prefix's programs first on PATH. Raises BadInput when `python` cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="envgen-", ignore_cleanup_errors=True) as scratch:
        journal = Path(scratch) / "journal"
        journal.touch()
        argv = [str(python), "-B", str(SCRIPT), MODULES.get(framework, framework), str(journal)]
        ended = run(argv, surrounded(os.environ, prefix), limit)
        with journal.open("rb") as file:
            told = file.read(_JOURNAL).decode("utf-8", "replace")
    answer = read(framework, told, ended)
    placed = tuple(Library(item.path, origin(item.path, prefix)) for item in answer.libraries)
    return replace(answer, libraries=placed, outside=bool(answer.origin) and not within(answer.origin, prefix))


def surrounded(environment: Mapping[str, str], prefix: Path) -> dict[str, str]:
    """An environment with the prefix's programs first on PATH and nothing else changed."""
    windows = ("", "Library/bin", "Scripts")
    folders = [str(prefix / name) for name in (windows if sys.platform == "win32" else ("bin",))]
    return {**environment, "PATH": os.pathsep.join(filter(None, (*folders, environment.get("PATH", ""))))}


# --- the process ----------------------------------------------------------------------------------------------------------


def run(argv: Sequence[str], environment: Mapping[str, str], limit: float) -> Ended:
    """Run a command for `limit` seconds at most, then kill it with everything that it started."""
    begun = time.monotonic()
    try:
        process = subprocess.Popen(  # noqa: S603 - argv is a list: an interpreter, our script, names that we know
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a group of its own, to be stopped as a whole
        )
    except OSError as error:
        raise BadInput(f"cannot start {argv[0]}: {error.strerror}", hint="the environment is broken; install it again") from None
    said = _Tail(process.stderr)
    status = None
    try:
        with suppress(subprocess.TimeoutExpired):
            status = process.wait(limit)
    finally:
        _stop(process)
        told = said.text()
    return Ended(status, told, time.monotonic() - begun)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Kill the group, also of a leader that has ended: what it left behind would hold the GPU."""
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)


class _Tail:
    """Reads a stream to its end in the background and keeps the end of it."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        self._stream, self._kept = stream, b""
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while self._stream and (block := os.read(self._stream.fileno(), 65_536)):
            self._kept = (self._kept + block)[-_TAIL:]

    def text(self) -> str:
        """What was kept, once the stream has ended; a process that left the group may hold it open, and is not waited for."""
        self._thread.join(_GRACE)
        if self._stream and not self._thread.is_alive():
            self._stream.close()
        return self._kept.decode("utf-8", "replace")


# --- libraries ------------------------------------------------------------------------------------------------------------

_DRIVER = ("libcuda.so", "libnvidia-", "libcudadebugger.so")
_STORES = ("lib", "lib/python*/site-packages/nvidia/*/lib", "lib/python*/site-packages/torch/lib", "targets/*/lib")


def origin(path: str, prefix: Path) -> str:
    """Where a loaded library is from: "environment", "driver" or "foreign".

    A package may be linked into the environment from a store of packages: the kernel then names the file in the store.
    """
    if within(path, prefix):
        return "environment"
    name = path.rsplit("/", 1)[-1]
    if name.startswith(_DRIVER) and "/stubs/" not in path:
        return "driver"
    stem = name.split(".so")[0]
    links = (link for store in _STORES for link in prefix.glob(f"{store}/{stem}.so*"))
    return "environment" if any(_same(link, path) for link in links) else "foreign"


def within(path: str, prefix: Path) -> bool:
    """Whether a file lies in an environment, by its path or by its real path; another environment below this one is another."""
    homes = {prefix.absolute(), prefix.resolve()}
    places = {Path(path), Path(path).resolve()}
    inside = [place.relative_to(home) for place in places for home in homes if place.is_relative_to(home)]
    return any(place.parts[:1] != ("envs",) for place in inside)


def _same(link: Path, path: str) -> bool:
    try:
        return link.samefile(path)
    except OSError:  # a link that leads nowhere, a file that was deleted
        return False
