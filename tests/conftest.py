"""What all tests share: the checkout, real package records, and a workspace of one's own to lock in."""

from __future__ import annotations

import gc
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

import pytest
from filelock import FileLock
from hypothesis import settings
from nvml.build import FakeNvml, build_fake_nvml, fake_nvml
from system import forks

from envgen.curate.lint.cached import linted
from envgen.matrix.cached import cached_matrix
from envgen.model.layout import Layout

REPO = Path(__file__).parent.parent
SNAPSHOT = REPO.parent / "shared" / "channels"
SAMPLE = REPO / "tests" / "records"
# warnings are errors in child processes, too, but for those that conda_lock gives when it is imported
ROOM = 6 * 1024**3  # bytes: three times what the tests were seen to write at once
IN_MEMORY = "envgen-"  # a short path: pip writes other scripts where one is longer than 127 characters
TRUSTED = REPO / "tests" / "system" / "nobody.pem"  # no test asks a server by TLS: to read who is trusted takes 8 ms of each run
CERTIFICATES = {name: os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")}  # this machine's own
WARNINGS = "error,ignore::PendingDeprecationWarning,ignore:path is deprecated:DeprecationWarning"


# The same examples in every run; ENVGEN_EXAMPLES=10 makes ten times as many, and other ones each time; 0.2 makes a fifth of them, for
# a first look. Nothing is written here.
SAME = float(os.environ.get("ENVGEN_EXAMPLES", "1")) <= 1
settings.register_profile("envgen", deadline=None, database=None, derandomize=SAME, print_blob=False)
settings.load_profile("envgen")

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would every process that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` rewrites golden files (tests/unit/golden, tests/verify/findings); look at the diff before it is committed."""
    parser.addoption("--update-golden", action="store_true", help="write what comes out now into the golden files")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten instead of compared."""
    return bool(request.config.getoption("--update-golden", default=False))


def pytest_configure(config: pytest.Config) -> None:
    """No test reads or writes the user's cache, or depends on the width of the terminal, which a worker of xdist exports."""
    gc.set_threshold(100_000, 10, 100)  # a sixth of a worker's time went into looking for circles among what it keeps
    gc.disable()
    _temporary_files_in_memory(config)
    folder = tempfile.mkdtemp(prefix="envgen-cache-")  # for what runs in this process
    os.environ["ENVGEN_CACHE"] = folder
    os.environ["SSL_CERT_FILE"] = str(TRUSTED)
    os.environ.pop("SSL_CERT_DIR", None)
    os.environ.pop("COLUMNS", None)
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    forks.shared()


def _temporary_files_in_memory(config: pytest.Config) -> None:
    """Let the tests write to /dev/shm where there is room: a disk that syncs each file makes them a third slower.

    A TMPDIR or --basetemp of the user's own is kept; the workers of xdist inherit what is set here. What a killed run left goes.
    """
    memory = Path("/dev/shm")
    if "TMPDIR" in os.environ or config.option.basetemp or not memory.is_dir():
        return
    for left in memory.glob(f"{IN_MEMORY}*"):
        status = left.stat()
        if status.st_uid == os.getuid() and status.st_mtime < time.time() - 60 and _locked(left):  # a new one is about to be locked
            shutil.rmtree(left, ignore_errors=True)
    if _has_room(memory):
        folder = tempfile.mkdtemp(prefix=IN_MEMORY, dir=memory)
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        config.option.basetemp = f"{folder}/b"
        if _locked(Path(folder)):
            config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def _locked(folder: Path) -> bool:
    """Lock a folder until this process ends; False if another process has it locked."""
    import fcntl  # not on Windows, which has no /dev/shm

    try:
        fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _has_room(memory: Path) -> bool:
    """Whether a folder in memory, and the memory that Linux calls available, hold what the tests write."""
    if shutil.disk_usage(memory).free < ROOM:
        return False
    available = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"))
    return available is not None and int(available[1]) * 1024 > ROOM


@pytest.hookimpl(optionalhook=True)  # `make mutants` runs without xdist
def pytest_xdist_auto_num_workers() -> int:
    """A worker more than there are cores, or half as many more: a tenth of the tests' time is spent waiting, for time-outs and servers."""
    cores = len(os.sched_getaffinity(0)) if sys.platform.startswith("linux") else os.cpu_count() or 1
    return max(cores + 1, cores * 3 // 2)


def pytest_collection_finish() -> None:
    """What was collected stays until the end: the garbage collector never looks at it."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """End what the tests left running."""
    forks.stop()


T = TypeVar("T")


def some(rows: Iterable[T], least: int = 1) -> list[T]:
    """What a test goes through, of which there must be so many: a loop that never runs proves nothing."""
    found = list(rows)
    assert len(found) >= least, f"only {len(found)} of at least {least}"
    return found


@dataclass(frozen=True)
class Run:
    """What a command said and how it ended."""

    status: int
    out: str
    err: str

    @property
    def talk(self) -> str:
        """What it said on stderr, but for the line with what to do next."""
        return "".join(line for line in self.err.splitlines(keepends=True) if not line.startswith("next: "))


@dataclass(frozen=True)
class Workspace:
    """A repository in a temporary folder: matrices and templates of this one, projects of the test's own."""

    root: Path
    environment: Mapping[str, str]

    def project(self, name: str, text: str) -> Path:
        path = self.root / "environments" / name / "project.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def envgen(self, *words: object, cwd: Path | None = None, fresh: bool = False, **variables: str) -> Run:
        """Run the command line in a process of its own; `variables` are added to its environment.

        It is forked from one that has imported everything, unless it must be `fresh` or its environment says so (see system.forks).
        """
        told, folder, environment = [str(word) for word in words], cwd or self.root, {**self.environment, **variables}
        _know_the_facts(Path(environment["ENVGEN_CACHE"]))
        if not fresh and forks.forkable(environment, clean_environment(self.root)):
            done = forks.run(told, folder, environment, timeout=300)
        else:
            argv = [sys.executable, "-m", "envgen", *told]
            done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
        return Run(done.returncode, done.stdout, done.stderr)

    def restore(self, files: Mapping[str, bytes]) -> None:
        """Make files below environments/ what they were: the reverse of `files`."""
        for name, data in files.items():
            path = self.root / "environments" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def files(self) -> dict[str, bytes]:
        """Every file below environments/, by its path: to compare before and after."""
        top = self.root / "environments"
        return {path.relative_to(top).as_posix(): path.read_bytes() for path in sorted(top.rglob("*")) if path.is_file()}


@cache
def _facts_of_this_repository() -> Mapping[str, bytes]:
    """Entries of the cache by their names: this repository's facts as they were read, and what `matrix lint` finds in them today."""

    def read(folder: Path) -> None:
        with patch.dict(os.environ, ENVGEN_CACHE=str(folder)):
            layout = Layout(repository(folder / "repository", {}).root)
            cached_matrix(layout)
            linted(layout, datetime.now(timezone.utc).date())

    entries = (made_once("facts", read) / "values").iterdir()
    return {entry.name: entry.read_bytes() for entry in entries}


def _know_the_facts(cache_folder: Path) -> None:
    """Let a new cache begin with this repository's facts: reading them takes a third of a short run, and most tests have new caches.

    The entries are used where the facts are the same to the letter; test_cache.py and test_start_up.py tell how they are read and kept.
    """
    with suppress(OSError):
        (cache_folder / "values").mkdir(parents=True)
        for name, data in _facts_of_this_repository().items():
            (cache_folder / "values" / name).write_bytes(data)


def clean_environment(folder: Path) -> dict[str, str]:
    """An environment in which nothing of this machine's own settings can be noticed."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR", "LANG") if name in os.environ}
    python = {"PYTHONPATH": str(REPO), "PYTHONWARNINGS": WARNINGS}
    return {**kept, **python, "HOME": str(folder), "ENVGEN_CACHE": str(folder / "cache"), "SSL_CERT_FILE": str(TRUSTED)}


def repository(root: Path, environment: Mapping[str, str]) -> Workspace:
    """A new repository with this one's matrices and templates."""
    for folder in ("matrices", "templates"):
        (root / folder).mkdir(parents=True)
    for name, data in _facts_and_templates().items():
        (root / name).write_bytes(data)
    return Workspace(root, environment)


@cache
def _facts_and_templates() -> Mapping[str, bytes]:
    """What most tests have in their repository, by its path: to copy the files would take three times as long."""
    paths = (path for folder in ("matrices", "templates") for path in (REPO / folder).iterdir())
    return {path.relative_to(REPO).as_posix(): path.read_bytes() for path in paths}


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """A folder that the first worker of xdist who needs it fills for all of them; nobody changes what is in it."""
    folder = forks.shared() / name
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            scratch = Path(tempfile.mkdtemp(dir=forks.shared()))
            make(scratch)
            scratch.rename(folder)
    return folder


@pytest.fixture(scope="session")
def repo() -> Path:
    """The checkout that is tested."""
    return REPO


@pytest.fixture(scope="session")
def records() -> Path:
    """An index folder of real package records: what this repository records, whatever is beside it."""
    return REPO / "environments" / "index"


@pytest.fixture(scope="session")
def sample() -> Path:
    """An index folder of genuine records, cut out of the snapshot for the tests that ask for more than the committed locks hold."""
    return SAMPLE


@pytest.fixture(scope="session")
def snapshot() -> Path:
    """The snapshot of public channels, for tests that repeat with all of it what others say with fewer records."""
    if not SNAPSHOT.is_dir():
        pytest.skip("no snapshot of public channels beside this checkout: the same is tested with fewer records")
    return SNAPSHOT


@pytest.fixture(scope="session")
def unpacked_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests, so that the records are unpacked once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def workspace(tmp_path: Path, unpacked_cache: Path) -> Workspace:
    """An empty repository with this one's matrices and templates."""
    return repository(tmp_path / "workspace", {**clean_environment(tmp_path), "ENVGEN_CACHE": str(unpacked_cache)})


@pytest.fixture(scope="session")
def nvml() -> FakeNvml:
    """A made-up NVML: call it with a machine's settings to get a child's whole environment."""
    made_up = fake_nvml(made_once("nvml", build_fake_nvml))
    forks.SERVED.add(str(made_up.folder))
    return made_up
