"""Runs of `python -m envgen` that find their imports done: each is a fork of a process that has imported everything.

Imports take 0.3 seconds of a run, and 0.9 where conda-lock is needed, which is most of a short one; so do the facts, which are put
together from their cache once. A forked run is a process of its own all the same, with its own folder, environment, output and status. `forkable` says for which environments it is the
same as a new process: not where a variable counts when an interpreter or a library starts. A `sitecustomize` before this checkout in
PYTHONPATH runs in the fork; where it counts what is imported, or how the interpreter ends, the run must be a new process.

The workers of xdist share the processes that fork: whoever asks first starts one, and it ends when nobody can ask any more.

This file is also the program that forks, so it imports nothing of the tests; and programs that ask import it, which is why what
only others need is imported in the functions.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import select
import socket
import sys
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping, Sequence

AT_START = ("PYTHON", "LD_", "DYLD_", "LANG", "LC_", "TZ", "CONDA_", "MALLOC_")  # read once, when a process starts or imports
BY_SERVER = "LD_LIBRARY_PATH"  # of these, the one that tests change often: each value in SERVED has a server of its own
SERVED: set[str | None] = {
    None
}  # other values are asked for once or twice, and a server takes as long to start as two new processes
IN_FORK = "PYTHONPATH"  # and the one that a fork takes over: it may have folders before this checkout, or not be there
CODE, TESTS = (str(Path(__file__).parents[above]) for above in (2, 1))
NO_MATTER = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")  # what a run says and writes is the same
SHARED = "ENVGEN_TEST_SHARED"  # the folder that the workers share
IMPORTED = "envgen."  # how the names of the modules begin that a process that forks has imported
_HOME = 99  # the number under which a fork opens its home: paths below it that an import has kept lead there
_NEW = f"import runpy, sys; sys.path.insert(0, {CODE!r}); runpy.run_module('envgen', run_name='__main__', alter_sys=True)"
_NOT_IMPORTED = ("envgen.__main__", "envgen.probe.child", "envgen.probe.scripts.")
_LATE = (
    "conda_lock.pypi_solver",
    "jinja2.sandbox",
    "rattler.exceptions",
    "rich.console",
    "rich.progress",
    "rich.table",
    "runpy",
    "zstandard",
)


def forkable(environment: Mapping[str, str], usual: Mapping[str, str]) -> bool:
    """Whether a run with this environment is, forked, what it is as a new process; `usual` is the environment of most tests."""

    served = sys.platform.startswith("linux") and environment.get(BY_SERVER) in SERVED
    return served and _of_this_checkout(environment) and _at_start(environment) == _at_start(usual)


def _of_this_checkout(environment: Mapping[str, str]) -> bool:
    """Whether `envgen` is imported from this checkout."""
    return environment.get(IN_FORK, CODE).split(os.pathsep)[-1] == CODE


def _at_start(variables: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Those that a server is started with."""
    names = (name for name in sorted(variables) if name.startswith(AT_START) and name not in (BY_SERVER, IN_FORK, *NO_MATTER))
    return tuple((name, variables[name]) for name in names)


def run(
    words: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout: float, *, together: bool = False
) -> subprocess.CompletedProcess[str]:
    """`python -m envgen WORDS`, forked; what it writes is read as UTF-8, stdout and stderr in one where they belong `together`."""
    return begin(words, cwd, environment, together=together).end(timeout)


class Begun(NamedTuple):
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
        import signal
        import subprocess

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
    import tempfile

    server = _server(environment.get(BY_SERVER), _at_start(environment))
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    answers = _ask(server, words, cwd, environment, out, out if together else err)
    return Begun(words, int(answers.readline()), answers, out, err)


def _ask(server: socket.socket, words: Sequence[str], cwd: Path, environment: Mapping[str, str], *files: IO[Any]) -> IO[str]:
    """Have a run forked with these files as its stdout, stderr and perhaps stdin; two lines tell its number and, when it ends, its status."""
    end, told = os.pipe()
    try:
        request = json.dumps([list(words), str(cwd), dict(environment)]).encode()
        socket.send_fds(server, [request], [told, *(file.fileno() for file in files)])
    finally:
        os.close(told)
    return open(end, buffering=1)


def program(path: Path) -> None:
    """Write a program `envgen` for other programs, which find it in their PATH and wait for it: its runs are forked, too."""
    asks = f"import sys; sys.path.insert(0, {TESTS!r}); from system import forks; forks.become_program({str(shared())!r}, sys.argv[1:])"
    words = f'-ESc "{asks}"' if sys.platform.startswith("linux") else f'-c "{_NEW}"'
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n', encoding="utf-8")
    path.chmod(0o755)


def become_program(shared: str, words: list[str]) -> NoReturn:
    """Have a run forked, or be it where no process forks for this environment."""
    environment = dict(os.environ)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        place = _place(shared, environment.get(BY_SERVER), _at_start(environment))
        if not (_of_this_checkout(environment) and _connect(server, place)):
            os.execv(sys.executable, [sys.executable, "-c", _NEW, *words])
        with _ask(server, words, Path.cwd(), environment, sys.stdout, sys.stderr, sys.stdin) as answers:
            _, status = map(int, answers)
    os._exit(status if status >= 0 else 128 - status)  # as a shell tells of a signal


@cache
def _server(library_path: str | None, at_start: tuple[tuple[str, str], ...]) -> socket.socket:
    """The way to a process that forks, which is there until everyone who asks it has stopped."""
    place = _place(str(shared()), library_path, at_start)
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with _alone(place.parent):
        if not _connect(ours, place):
            _start(ours, place, {**dict(at_start), **({BY_SERVER: library_path} if library_path is not None else {})})
    _ASKED.append(ours)
    return ours


def _place(shared: str, library_path: str | None, at_start: tuple[tuple[str, str], ...]) -> Path:
    """Where a server with these variables is asked."""
    return Path(shared, hashlib.sha256(repr((library_path, at_start)).encode()).hexdigest()[:16])


def _connect(ours: socket.socket, place: Path) -> bool:
    """Connect with the server that is asked there; False if there is none."""
    with _opened(place.parent) as folder, suppress(FileNotFoundError, ConnectionRefusedError):
        ours.connect(f"/proc/self/fd/{folder}/{place.name}")  # a path that is never too long for a socket
        return True
    return False


def _start(ours: socket.socket, place: Path, at_start: Mapping[str, str]) -> None:
    """Start a process that forks for everyone who connects, and be the first."""
    import subprocess

    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    environment = {**kept, "HOME": f"/proc/self/fd/{_HOME}", IN_FORK: CODE, **at_start}
    place.unlink(missing_ok=True)
    with _opened(place.parent) as folder, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(f"/proc/self/fd/{folder}/{place.name}")
        listener.listen()
        _connect(ours, place)
        words = [sys.executable, __file__, str(listener.fileno()), str(place), IMPORTED]
        _STARTED.append(subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, pass_fds=[listener.fileno()]))


def shared() -> Path:
    """The folder that the workers of xdist inherit from the process that called this first, and which goes with that process."""
    if SHARED not in os.environ:
        import atexit
        import shutil
        import tempfile

        os.environ[SHARED] = tempfile.mkdtemp(prefix="envgen-shared-")
        atexit.register(shutil.rmtree, os.environ[SHARED], ignore_errors=True)
    return Path(os.environ[SHARED])


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """The descriptor of a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else begins or ends to be asked meanwhile."""
    import fcntl  # not on Windows, where nothing is forked

    with _opened(folder) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


_ASKED: list[socket.socket] = []
_STARTED: list[subprocess.Popen[bytes]] = []


def stop() -> None:
    """Ask nobody any more, and wait until those that this process started have ended: when the others have stopped, too."""
    for requests in _ASKED:
        requests.close()
    for process in _STARTED:
        process.wait()
    _ASKED.clear()
    _STARTED.clear()
    _server.cache_clear()


# --- the program that forks -----------------------------------------------------------------------------------------------


def serve(listener: socket.socket, place: Path, imported: str) -> None:
    """Import what begins so, then fork for everyone who connects, until nobody does any more."""
    del sys.path[0]  # the folder of this file
    _import(imported)
    gc.freeze()
    _in_large_pages()
    asking = _connected(listener)
    while asking:
        answer(asking, listener)
        with suppress(FileNotFoundError), _alone(place.parent):  # whoever connects is heard, or finds no socket and starts a server
            asking = _connected(listener, 0)
            if not asking:
                place.unlink()


def _import(beginning: str) -> None:
    """Import the modules of envgen whose names begin so; with all of them also what they import later, and compile the templates."""
    import importlib
    import pkgutil

    import envgen

    for module in pkgutil.walk_packages(envgen.__path__, "envgen."):
        if module.name.startswith(beginning) and not module.name.startswith(_NOT_IMPORTED):
            importlib.import_module(module.name)
    if "envgen.lock.sandbox" not in sys.modules:
        return
    from envgen.lock.condalock import warm
    from envgen.lock.sandbox import _sandbox

    warm()
    templates = Path(CODE, "templates")
    for path in templates.iterdir():
        _sandbox(templates, templates.name).get_template(path.name)  # which has the same code in the repositories of tests
    for name in _LATE:
        with suppress(ImportError):
            importlib.import_module(name)


def _in_large_pages() -> None:
    """Move what is in memory to pages of 2 MB, where Linux can: a fork copies 40 entries of its tables instead of 20,000."""
    import ctypes

    madvise, size, collapse = ctypes.CDLL(None).madvise, 1 << 21, 25
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        places, access, *_, name = f"{line} ".split(" ", 5)
        begin, end = (int(place, 16) for place in places.split("-"))
        first, last = -(-begin // size) * size, end // size * size
        if access == "rw-p" and name.strip() in ("", "[heap]") and first < last:
            madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), collapse)


def _connected(listener: socket.socket, timeout: float | None = None) -> dict[int, socket.socket]:
    """The first who connects within so many seconds, by the descriptor."""
    ready, _, _ = select.select([listener], [], [], timeout)
    return {(connection := one.accept()[0]).fileno(): connection for one in ready}


def answer(asking: dict[int, socket.socket], listener: socket.socket | None = None) -> None:
    """Fork for each request until nobody of those who ask, and of those who connect meanwhile, can ask any more."""
    running: dict[int, tuple[int, int]] = {}  # the descriptor of a process -> its number, and where to tell how it ends
    new = [] if listener is None else [listener.fileno()]
    while asking:
        for ready in select.select([*new, *asking, *running], [], [])[0]:
            if listener and ready in new:
                asking.update(_connected(listener))
            elif ready in running:
                os.close(ready)
                _ended(*running.pop(ready))
            elif not _begun(asking[ready], [*new, *asking], running):
                asking.pop(ready).close()


def _begun(requests: socket.socket, sockets: Sequence[int], running: dict[int, tuple[int, int]]) -> bool:
    """Fork the next run, and tell its process id; False if nobody can ask any more."""
    try:
        request, fds, _, _ = socket.recv_fds(requests, 1 << 20, 4)
    except ConnectionResetError:
        return False
    if not request:
        return False
    words, cwd, environment = json.loads(request)
    told, *files = fds
    _read_ahead(environment.get("ENVGEN_CACHE", ""))
    pid = os.fork()
    if pid == 0:
        for file, place in zip(files, (1, 2, 0), strict=False):
            os.dup2(file, place)
        for fd in (*sockets, *fds, *running, *(other for _, other in running.values())):
            os.close(fd)
        _become(words, cwd, environment)
    os.write(told, b"%d\n" % pid)
    running[os.pidfd_open(pid)] = pid, told
    for file in files:
        os.close(file)
    return True


def _ended(pid: int, told: int) -> None:
    """Tell how a run ended; whoever asked may be gone."""
    with suppress(BrokenPipeError):
        os.write(told, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os.close(told)


def _read_ahead(cache_folder: str) -> None:
    """Put the facts of the first cache that holds some together, once: runs that read the same entry find it done, too."""
    from envgen.cache import decoded, recalled
    from envgen.model.catalogue import MANAGERS
    from envgen.model.facts import Matrix

    if cache_folder and not decoded.cache_info().currsize:
        os.environ["ENVGEN_CACHE"] = cache_folder
        for entry in Path(cache_folder, "values").glob("Matrix-*.json"):
            facts = recalled(Matrix, entry.stem.partition("-")[2])
            for manager in MANAGERS if facts else ():
                facts.of_packages.catalogue.named(manager, "")  # its patterns are compiled
        gc.freeze()


def _become(words: list[str], cwd: str, environment: dict[str, str]) -> NoReturn:
    """`python -m envgen` in a folder and an environment."""
    import runpy
    import signal
    import tempfile
    import traceback

    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # asked again
    for fd, name, mode, buffering in (
        (0, "stdin", "r", -1),
        (1, "stdout", "w", -1),
        (2, "stderr", "w", 1),
    ):  # a file may be a pipe now
        was = getattr(sys, name)
        new = open(fd, mode, buffering, was.encoding, was.errors, closefd=False)
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
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
    import importlib

    sys.modules.pop("sitecustomize", None)
    with suppress(ModuleNotFoundError):
        importlib.import_module("sitecustomize")


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        serve(channel, Path(sys.argv[2]), sys.argv[3])
