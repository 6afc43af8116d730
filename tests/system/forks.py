"""Runs of `python -m envgen` that find their imports done: each is a fork of a process that has imported everything.

Imports take 0.3 seconds of a run, and 0.9 where conda-lock is needed, which is most of a short one; so do the facts, which are put
together from their cache once. A forked run is a process of its own all the same, with its own folder, environment, output and status. `forkable` says for which environments it is the
same as a new process: not where a variable counts when an interpreter or a library starts. A `sitecustomize` before this checkout in
PYTHONPATH runs in the fork; where it counts what is imported, or how the interpreter ends, the run must be a new process.

This file is also the program that forks, so it imports nothing of the tests.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, NoReturn

AT_START = ("PYTHON", "LD_", "DYLD_", "LANG", "LC_", "TZ", "CONDA_", "MALLOC_")  # read once, when a process starts or imports
BY_SERVER = "LD_LIBRARY_PATH"  # of these, the one that tests change often: each value has a server of its own
IN_FORK = "PYTHONPATH"  # and the one that a fork takes over: it may have folders before this checkout, or not be there
CODE = str(Path(__file__).parents[2])
_HOME = 99  # the number under which a fork opens its home: paths below it that an import has kept lead there
_LATE = (
    "conda_lock.pypi_solver",
    "jinja2.sandbox",
    "rattler.exceptions",
    "rich.console",
    "rich.progress",
    "rich.table",
    "zstandard",
)


def forkable(environment: Mapping[str, str], usual: Mapping[str, str]) -> bool:
    """Whether a run with this environment is, forked, what it is as a new process; `usual` is the environment of most tests."""

    ours = environment.get(IN_FORK, CODE).split(os.pathsep)[-1] == CODE
    return sys.platform.startswith("linux") and ours and _at_start(environment) == _at_start(usual)


def _at_start(variables: Mapping[str, str]) -> dict[str, str]:
    """Those that a server is started with."""
    return {name: value for name, value in variables.items() if name.startswith(AT_START) and name not in (BY_SERVER, IN_FORK)}


def run(
    words: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout: float, *, together: bool = False
) -> subprocess.CompletedProcess[str]:
    """`python -m envgen WORDS`, forked; what it writes is read as UTF-8, stdout and stderr in one where they belong `together`."""
    return begin(words, cwd, environment, together=together).end(timeout)


@dataclass(frozen=True)
class Begun:
    """A forked run: its process, which may be killed, and what it writes."""

    words: Sequence[str]
    pid: int
    answers: IO[str]
    out: IO[bytes]
    err: IO[bytes]

    def ended(self, timeout: float = 0) -> bool:
        """Whether it ends within so many seconds."""
        return bool(select.select([self.answers], [], [], timeout)[0])

    def end(self, timeout: float) -> subprocess.CompletedProcess[str]:
        """Wait for its end; what it said and how it ended."""
        with self.answers, self.out, self.err:
            if not self.ended(timeout):
                os.kill(self.pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(self.words), timeout)
            status = int(self.answers.readline())
            self.out.seek(0)
            self.err.seek(0)
            return subprocess.CompletedProcess(list(self.words), status, self.out.read().decode(), self.err.read().decode())


def begin(words: Sequence[str], cwd: Path, environment: Mapping[str, str], *, together: bool = False) -> Begun:
    """Start `python -m envgen WORDS`, forked."""
    server = _server(environment.get(BY_SERVER), tuple(_at_start(environment).items()))
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    end, told = os.pipe()
    try:
        request = json.dumps([list(words), str(cwd), dict(environment)]).encode()
        socket.send_fds(server, [request], [out.fileno(), (out if together else err).fileno(), told])
    finally:
        os.close(told)
    answers = open(end, buffering=1)
    return Begun(words, int(answers.readline()), answers, out, err)


@cache
def _server(library_path: str | None, at_start: tuple[tuple[str, str], ...]) -> socket.socket:
    """The way to a process that forks, which is there until `stop`."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    environment = {
        **kept,
        "HOME": f"/proc/self/fd/{_HOME}",
        IN_FORK: CODE,
        **dict(at_start),
        **({BY_SERVER: library_path} if library_path is not None else {}),
    }
    with theirs:
        words = [sys.executable, __file__, str(theirs.fileno())]
        process = subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
    _RUNNING.append((ours, process))
    return ours


_RUNNING: list[tuple[socket.socket, subprocess.Popen[bytes]]] = []


def stop() -> None:
    """End the processes that fork, if there are any."""
    for requests, process in _RUNNING:
        requests.close()
        process.wait()
    _RUNNING.clear()
    _server.cache_clear()


# --- the program that forks -----------------------------------------------------------------------------------------------


def serve(requests: socket.socket) -> None:
    """Import everything, then fork for each request until nobody can ask any more."""
    del sys.path[0]  # the folder of this file
    import envgen

    for module in pkgutil.walk_packages(envgen.__path__, "envgen."):
        if not module.name.startswith(("envgen.__main__", "envgen.probe.child", "envgen.probe.scripts.")):
            importlib.import_module(module.name)
    from envgen.lock.condalock import warm

    warm()
    for name in _LATE:
        with suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    answer(requests)


def answer(requests: socket.socket) -> None:
    """Fork for each request until nobody can ask any more."""
    running: dict[int, tuple[int, int]] = {}  # the descriptor of a process -> its number, and where to tell how it ends
    while True:
        for ready in select.select([requests.fileno(), *running], [], [])[0]:
            if ready == requests.fileno():
                if not _begun(requests, running):
                    return
            else:
                os.close(ready)
                _ended(*running.pop(ready))


def _begun(requests: socket.socket, running: dict[int, tuple[int, int]]) -> bool:
    """Fork the next run, and tell its process id; False if nobody can ask any more."""
    request, fds, _, _ = socket.recv_fds(requests, 1 << 20, 3)
    if not request:
        return False
    words, cwd, environment = json.loads(request)
    out, err, told = fds
    _read_ahead(environment.get("ENVGEN_CACHE", ""))
    pid = os.fork()
    if pid == 0:
        os.dup2(out, 1)
        os.dup2(err, 2)
        for fd in (requests.detach(), *fds, *running, *(other for _, other in running.values())):
            os.close(fd)
        _become(words, cwd, environment)
    os.write(told, b"%d\n" % pid)
    running[os.pidfd_open(pid)] = pid, told
    os.close(out)
    os.close(err)
    return True


def _ended(pid: int, told: int) -> None:
    """Tell how a run ended; whoever asked may be gone."""
    with suppress(BrokenPipeError):
        os.write(told, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os.close(told)


def _read_ahead(cache_folder: str) -> None:
    """Put the facts of the first cache that holds some together, once: runs that read the same entry find it done, too."""
    from envgen.cache import decoded, recalled
    from envgen.model.facts import Matrix

    if cache_folder and not decoded.cache_info().currsize:
        os.environ["ENVGEN_CACHE"] = cache_folder
        for entry in Path(cache_folder, "values").glob("Matrix-*.json"):
            recalled(Matrix, entry.stem.partition("-")[2])
        gc.freeze()


def _become(words: list[str], cwd: str, environment: dict[str, str]) -> NoReturn:
    """`python -m envgen` in a folder and an environment."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # asked again
    if Path(environment["HOME"]).is_dir():
        os.dup2(os.open(environment["HOME"], os.O_RDONLY), _HOME, inheritable=False)
    before = environment.get(IN_FORK, CODE).split(os.pathsep)[:-1]
    sys.path[:0] = [cwd, *before]
    sys.argv = ["-m", *words]
    try:
        if before:
            _customized()
        runpy.run_module("envgen", run_name="__main__", alter_sys=True)
    except BaseException:  # envgen ends by os._exit
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(1)


def _customized() -> None:
    """Run the `sitecustomize` that PYTHONPATH leads to, if there is one, as an interpreter does when it starts."""
    sys.modules.pop("sitecustomize", None)
    with suppress(ModuleNotFoundError):
        importlib.import_module("sitecustomize")


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        serve(channel)
