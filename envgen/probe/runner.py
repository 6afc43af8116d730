"""Probes one framework in a process of its own, with the environment's Python, within a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Thread
from typing import IO

from envgen.model.catalogue import Catalogue
from envgen.model.errors import BadInput
from envgen.probe.journal import read
from envgen.probe.location import origin
from envgen.probe.model import Answer, Interpreter, ProcessResult

CHILD = Path(__file__).with_name("child.py")
SCRIPTS = Path(__file__).with_name("scripts")
_TAIL = 16_384  # bytes of stderr that are kept: a framework may write without end
_JOURNAL = 4_000_000  # bytes of a journal that are read
_GRACE = 5.0  # seconds for a killed process to be gone; one that hangs in the kernel may never be


def run_probe(interpreter: Interpreter, framework: str, module: str, catalogue: Catalogue, limit: float) -> Answer:
    """What `framework`, imported as `module` by an interpreter, reports within `limit` seconds.

    It runs in the caller's environment variables, with the interpreter's programs first on PATH. Its process group is gone when
    this returns. Raises BadInput if the interpreter cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="envgen-", ignore_cleanup_errors=True) as scratch:
        journal = Path(scratch) / "journal"
        journal.touch()
        argv = [str(interpreter.python), "-B", str(CHILD), module, str(journal), *script(module)]
        process = run(argv, with_path(os.environ, interpreter.programs), limit)
        with journal.open("rb") as file:
            text = file.read(_JOURNAL).decode("utf-8", "replace")
    return read(framework, text, process, catalogue, partial(origin, homes=interpreter.homes))


def script(module: str) -> tuple[str, ...]:
    """The path of the probe script for an import name; none for a module that has no script."""
    path = SCRIPTS / f"{module}.py"
    return (str(path),) if module.isidentifier() and not module.startswith("_") and path.is_file() else ()


def with_path(environment: Mapping[str, str], folders: Iterable[Path]) -> dict[str, str]:
    """Environment variables with some folders first on PATH, and nothing else changed."""
    return {**environment, "PATH": os.pathsep.join(filter(None, (*map(str, folders), environment.get("PATH", ""))))}


# --- the process ----------------------------------------------------------------------------------------------------------


def run(argv: Sequence[str], environment: Mapping[str, str], limit: float) -> ProcessResult:
    """Run a command for at most `limit` seconds, then kill it with everything that it started."""
    begun = time.monotonic()
    try:
        process = subprocess.Popen(  # noqa: S603 - argv is a list: an interpreter, our script, names that were checked
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a group of its own, to be stopped as a whole
        )
    except OSError as error:
        raise BadInput(f"cannot start {argv[0]}: {error.strerror}", hint="the environment is broken; install it again") from None
    stderr = _Tail(process.stderr)
    status = None
    try:
        with suppress(subprocess.TimeoutExpired):
            status = process.wait(limit)
    finally:
        _stop(process)
        text = stderr.text()
    return ProcessResult(status, text, time.monotonic() - begun)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Kill the group, even if its leader has ended: a process left behind would hold the GPU."""
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
        """What was kept, once the stream has ended. A process that left the group may hold it open; that one is not waited for."""
        self._thread.join(_GRACE)
        if self._stream and not self._thread.is_alive():
            self._stream.close()
        return self._kept.decode("utf-8", "replace")
