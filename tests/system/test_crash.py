"""What is left when a run is killed, interrupted, cannot write, or runs beside many others.

Moments are chosen by what the process does, not by the clock: a `sitecustomize` counts the process's own audit events (a
file opened for writing or renamed below environments/) and strikes at a given one. Some kills fall at spread delays as well;
nothing is asserted about time.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zstandard
from conftest import Run, Workspace, clean_environment, repository
from system import forks
from system.channel import PROJECT

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="signals, limits and mounts of Linux")

CHANGED = PROJECT.replace("numpy, einops", '"numpy <2", pip')
ANYWHERE = r"(p/cpu|index/conda-forge/\S+)"  # what is written first, the recorded index or a target, is not laid down
INTERRUPTED = "interrupted: files that were not replaced yet are unchanged"
STRIKE = """
import os, sys
_left = [int(os.environ["STRIKE_AT"])]
_log = os.environ.get("STRIKE_LOG")
def _hook(event, arguments):
    if event == "import":
        mine = arguments[0] == os.environ.get("STRIKE_IMPORT")
    elif event == "open":
        path, mode, flags = arguments
        mine = isinstance(path, str) and os.environ["STRIKE_BELOW"] in path and (flags or 0) & (os.O_WRONLY | os.O_RDWR)
    elif event in ("os.rename", "os.remove", "os.mkdir"):
        mine = os.environ["STRIKE_BELOW"] in str(arguments[0])
    else:
        return
    if mine:
        _left[0] -= 1
        if _log:
            with open(_log, "a") as log:
                log.write(event + "\\n")
        if _left[0] == 0:
            if "STRIKE_LIMIT" in os.environ:  # from now on no file may grow larger
                import resource
                resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["STRIKE_LIMIT"]),) * 2)
            else:
                os.kill(os.getpid(), int(os.environ["STRIKE_SIGNAL"]))
sys.addaudithook(_hook)
"""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory, index: Path) -> Workspace:
    """A locked project whose wishes have changed since."""
    folder = tmp_path_factory.mktemp("old")
    (folder / "strike").mkdir()
    (folder / "strike" / "sitecustomize.py").write_text(STRIKE)
    site = repository(folder / "repository", clean_environment(folder))
    site.project("p", PROJECT)
    done = site.envgen("lock", "--index", index)
    assert done.status == 0, done.err
    site.project("p", CHANGED)
    return site


@pytest.fixture(scope="module")
def new(old: Workspace, index: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """The files after a run that nobody disturbed."""
    site = copied(old, tmp_path_factory.mktemp("new"))
    done = site.envgen("lock", "--index", index)
    assert done.status == 0, done.err
    assert site.files() != old.files()
    assert site.files().keys() == old.files().keys()
    return site.files()


@pytest.fixture
def site(old: Workspace, tmp_path: Path) -> Workspace:
    return copied(old, tmp_path)


def copied(old: Workspace, folder: Path) -> Workspace:
    shutil.copytree(old.root, folder / "repository")
    return Workspace(folder / "repository", old.environment)


def struck(
    site: Workspace, index: Path, at: int, sign: signal.Signals = signal.SIGKILL, words: tuple[str, ...] = (), **more: str
) -> Run:
    """A lock run that gets a signal at its event number `at`; `words` are further options."""
    hook = site.environment["HOME"] + "/strike"
    settings = {"STRIKE_AT": str(at), "STRIKE_SIGNAL": str(int(sign)), "STRIKE_BELOW": "/environments/", **more}
    path = os.pathsep.join((hook, site.environment["PYTHONPATH"]))
    fresh = "STRIKE_IMPORT" in settings or "STRIKE_LIMIT" in settings  # a fork has imported all, and writes what it says to a file
    return site.envgen("lock", "--index", index, *words, **settings, PYTHONPATH=path, fresh=fresh)


def temporaries(site: Workspace) -> list[str]:
    return [name for name in site.files() if ".envgen-tmp" in name]


def whole(site: Workspace, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> None:
    """Every file is the old one or the new one; the recorded index may hold records of both, and has all that the locks name."""
    found = {name: data for name, data in site.files().items() if ".envgen-" not in name}
    assert found.keys() == old.keys()
    between = [name for name, data in found.items() if data not in (old[name], new[name])]
    assert not [name for name in between if not name.startswith("index/")]
    for name in between:
        assert rows(found[name]).items() <= (rows(old[name]) | rows(new[name])).items()
    held = {file for name, data in indexes(found).items() for file in rows(data)}
    named = {url.rsplit("/", 1)[1] for name, data in found.items() if name.endswith("lock.yml") for url in urls(data)}
    assert named <= held


def indexes(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The recorded index among files."""
    return {name: data for name, data in files.items() if name.startswith("index/")}


def rows(repodata: bytes) -> dict[str, str]:
    """File name of a package -> its record, in one file of the recorded index."""
    return {file: json.dumps(record) for file, record in json.loads(repodata)["packages.conda"].items()}


def urls(lock: bytes) -> list[str]:
    """The url of every package of a lock."""
    return re.findall(r"^  url: (\S+)$", lock.decode(), re.MULTILINE)


def healed(site: Workspace, index: Path, new: Mapping[str, bytes]) -> None:
    """The next run ends with the bytes of an undisturbed one."""
    done = site.envgen("lock", "--index", index)
    assert done.status == 0, done.err
    assert {name: data for name, data in site.files().items() if ".envgen-" not in name} == new


# --- kill -9 --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moments(events: list[str]) -> int:
    """How many events an undisturbed run has."""
    return len(events)


@pytest.fixture(scope="module")
def events(old: Workspace, index: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The events of an undisturbed run."""
    folder = tmp_path_factory.mktemp("moments")
    done = struck(copied(old, folder), index, 10**6, STRIKE_LOG=str(folder / "log"))
    assert done.status == 0, done.err
    events = (folder / "log").read_text().split()
    assert events.count("os.rename") >= 6  # three files of two targets
    return events


def test_killed_at_any_moment_of_the_writing_every_file_is_whole_and_the_next_run_heals(
    old: Workspace, index: Path, new: Mapping[str, bytes], moments: int, tmp_path: Path
) -> None:
    before = old.files()

    def one(at: int) -> bool:
        (tmp_path / str(at)).mkdir()
        site = copied(old, tmp_path / str(at))
        assert struck(site, index, at).status == -signal.SIGKILL
        whole(site, before, new)
        partial = site.files() != before
        healed(site, index, new)
        return partial

    spread = sorted({1 + round(step * (moments - 1) / 11) for step in range(12)})
    with ThreadPoolExecutor(2) as pool:
        partial = list(pool.map(one, spread))
    assert partial.count(True) > 6  # most kills fell into the middle of it


def test_killed_at_any_time_every_file_is_whole_and_the_next_run_heals(
    old: Workspace, index: Path, new: Mapping[str, bytes], tmp_path: Path
) -> None:
    before = old.files()

    def one(step: int) -> None:
        (tmp_path / str(step)).mkdir()
        site = copied(old, tmp_path / str(step))
        run = forks.begin(["lock", "--index", str(index)], site.root, site.environment)
        if not run.ended(0.02 * step):
            os.kill(run.pid, signal.SIGKILL)
        run.end(60)
        whole(site, before, new)
        healed(site, index, new)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, range(1, 7)))


def test_what_a_killed_run_left_lying_is_swept_by_a_later_one(site: Workspace, index: Path, new: Mapping[str, bytes]) -> None:
    left = next(found for at in range(1, 12) if struck(site, index, at).status and (found := temporaries(site)))
    for name in left:
        os.utime(site.root / "environments" / name, (0, 0))
    assert site.envgen("lock", "--index", index).status == 0
    assert (temporaries(site), site.files()) == ([], new)


# --- Ctrl-C ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "module",
    [
        "envgen.lock.pipeline",
        "envgen.resolver.resolve",
        "envgen.channels.index",
        "rattler",
        "conda_lock.lockfile",
        "envgen.cli.lock_report",
    ],
)
def test_ctrl_c_while_thinking_leaves_all_files_as_they_are(
    site: Workspace, old: Workspace, new: Mapping[str, bytes], index: Path, module: str
) -> None:
    before = site.files()
    words = ("--pin-with", "conda-lock")  # so that it is imported
    done = struck(site, index, 1, signal.SIGINT, words, STRIKE_BELOW="/no such folder/", STRIKE_IMPORT=module)
    assert done.status == 130, done.err
    assert done.err.strip() == INTERRUPTED
    assert site.files() == (new if module == "envgen.cli.lock_report" else before)


@pytest.mark.parametrize("at", [1, 2, 4, 6, 8, 10])
def test_ctrl_c_while_writing_leaves_whole_files_and_no_temporary(
    site: Workspace, old: Workspace, new: Mapping[str, bytes], index: Path, at: int
) -> None:
    done = struck(site, index, at, signal.SIGINT)
    assert done.status == 130, done.err
    assert done.err.strip() == INTERRUPTED
    whole(site, old.files(), new)
    assert temporaries(site) == []
    healed(site, index, new)


@pytest.mark.parametrize(("sign", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_interrupted_between_two_renames_the_files_of_each_target_are_of_one_run(
    old: Workspace, new: Mapping[str, bytes], index: Path, events: list[str], tmp_path: Path, sign: signal.Signals, status: int
) -> None:
    """At the second and the third rename of the three of each target."""
    before, three = old.files(), ["os.rename"] * 3
    moments = [n + more for n in range(len(events)) if events[n : n + 3] == three for more in (2, 3)]
    assert len(moments) == 4  # of two targets
    for at in moments:
        (tmp_path / str(at)).mkdir()
        site = copied(old, tmp_path / str(at))
        done = struck(site, index, at, sign)
        assert done.status == status, done.err
        after = site.files()
        for target in ("p/cpu/", "p/cu126/"):
            names = [name for name in new if name.startswith(target)]
            assert len(names) == 3
            assert {name: after[name] for name in names} in ({name: files[name] for name in names} for files in (before, new)), at


def test_verify_notices_a_target_whose_files_are_of_two_runs(site: Workspace, old: Workspace, new: Mapping[str, bytes]) -> None:
    """As a run leaves them that is killed between two of its renames."""
    site.restore({"p/cpu/environment.yml": new["p/cpu/environment.yml"]})
    assert site.files() != old.files()
    done = site.envgen("verify")
    assert done.status == 1
    assert done.out.count("error: other-run (linux-64)") == 1
    assert "environments/p/cpu/conda-lock.yml" in done.out
    site.restore({"p/cpu/conda-lock.yml": new["p/cpu/conda-lock.yml"]})
    assert site.envgen("verify").status == 0


# --- folders that cannot be written -----------------------------------------------------------------------------------------


def cannot_write(
    site: Workspace,
    index: Path,
    where: str,
    old: Mapping[str, bytes],
    new: Mapping[str, bytes],
    hint: str = "make the folder writable",
) -> None:
    done = site.envgen("lock", "--index", index)
    assert "Traceback" not in done.err
    assert re.match(rf"error: environments/{where}: cannot be written: \w", done.err), done.err
    assert f"\n\nhint: {hint}; its files are unchanged\n" in done.err
    assert done.status == 2
    whole(site, old, new)
    assert temporaries(site) == []


def test_a_file_in_the_place_of_a_targets_folder_is_told_by_its_place(
    site: Workspace, index: Path, new: Mapping[str, bytes]
) -> None:
    shutil.rmtree(site.root / "environments" / "p" / "cpu")
    (site.root / "environments" / "p" / "cpu").write_text("a file")
    before = site.files()
    cannot_write(site, index, "p/cpu", before, {**before, **indexes(new)}, "move away what is in its place, or name another place")


def test_a_folder_in_the_place_of_a_lock_is_told_by_its_place(
    site: Workspace, index: Path, old: Workspace, new: Mapping[str, bytes]
) -> None:
    lock = site.root / "environments" / "p" / "cpu" / "conda-lock.yml"
    lock.unlink()
    lock.mkdir()
    before = site.files()
    done = site.envgen("lock", "--index", index)
    assert "Traceback" not in done.err
    assert re.match(r"error: environments/p/cpu\S*: cannot be (read|written): \w", done.err), done.err
    assert "\n\nhint: " in done.err
    assert (done.status, temporaries(site)) == (2, [])
    whole(site, before, {name: new[name] for name in before})


@pytest.mark.parametrize("room", [0, 100, 2000])
def test_a_disk_that_takes_no_more_leaves_the_old_files(site: Workspace, index: Path, room: int) -> None:
    """A limit on the size of files makes write() fail, as a full disk does; it begins with the first temporary file."""
    before = site.files()
    done = struck(site, index, 1, STRIKE_LIMIT=str(room))
    assert "Traceback" not in done.err
    assert re.match(rf"error: environments/{ANYWHERE}: cannot be written: File too large\n\nhint: ", done.err), done.err
    assert (done.status, done.out) == (2, "")
    assert site.files() == before


def test_a_temporary_folder_that_takes_no_more_is_no_traceback(site: Workspace, index: Path) -> None:
    before = site.files()
    done = struck(site, index, 1, STRIKE_LIMIT="10", STRIKE_BELOW="/no such folder/", STRIKE_IMPORT="envgen.channels.index")
    assert "Traceback" not in done.err
    assert done.err.startswith("error: ")
    assert "File too large" in done.err
    assert "\n\nhint: " in done.err
    assert (done.status, done.out) == (2, "")
    assert site.files() == before


def mounted(*words: object) -> Iterator[None]:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(words[-1])], check=True)


@pytest.fixture
def full_disk(site: Workspace) -> Iterator[None]:
    """environments/ on a disk of its own, with 4 kB left."""
    folder = site.root / "environments"
    kept = folder.with_name("kept")
    shutil.move(folder, kept)
    folder.mkdir()
    for _ in mounted("-t", "tmpfs", "-o", "size=128k", "none", folder):
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        with (folder / "ballast").open("wb", buffering=0) as ballast:
            try:
                while ballast.write(b"x" * 1024) == 1024:
                    pass
            except OSError:
                pass
            ballast.truncate(ballast.tell() - ballast.tell() % 4096 - 4096)
        yield


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may mount")
def test_a_full_disk_is_told_by_its_place_and_leaves_the_old_files(
    site: Workspace, index: Path, new: Mapping[str, bytes], full_disk: None
) -> None:
    before = site.files()
    cannot_write(site, index, ANYWHERE, before, {**before, **indexes(new)}, "free some space")
    assert {name: data for name, data in site.files().items() if name.startswith("p/")} == {
        name: data for name, data in before.items() if name.startswith("p/")
    }


@pytest.fixture
def read_only(site: Workspace) -> Iterator[None]:
    folder = site.root / "environments" / "p" / "cu126"
    for _ in mounted("--bind", folder, folder):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may mount")
def test_a_read_only_folder_is_told_by_its_place_and_later_runs_heal(
    old: Workspace, site: Workspace, index: Path, new: Mapping[str, bytes], read_only: None, request: pytest.FixtureRequest
) -> None:
    cannot_write(site, index, "p/cu126", old.files(), new)
    subprocess.run(["mount", "-o", "remount,rw,bind", str(site.root / "environments" / "p" / "cu126")], check=True)
    healed(site, index, new)


def test_a_cache_that_cannot_be_written_is_no_traceback(site: Workspace, tmp_path: Path, index: Path) -> None:
    packed = tmp_path / "packed"
    shutil.copytree(index, packed)
    for path in packed.rglob("repodata.json"):
        path.with_name("repodata.json.zst").write_bytes(zstandard.compress(path.read_bytes()))
        path.unlink()
    (tmp_path / "cache").write_text("a file")
    before = site.files()
    done = site.envgen("lock", "--index", packed, ENVGEN_CACHE=str(tmp_path / "cache"))
    assert (done.status, "Traceback" in done.err) == (2, False)
    assert done.err.startswith("error: the cache cannot be written: ")
    assert done.err.endswith("hint: set ENVGEN_CACHE to a writable folder\n")
    assert site.files() == before


# --- the exit -------------------------------------------------------------------------------------------------------------


def test_forty_runs_four_at_a_time_all_end_well_and_say_all(old: Workspace, index: Path, tmp_path: Path) -> None:
    sites = []
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        sites.append(copied(old, tmp_path / str(number)))

    def ten(site: Workspace) -> list[Run]:
        return [site.envgen("lock", "--update", "--index", index) for _ in range(10)]

    with ThreadPoolExecutor(4) as pool:
        runs = [run for group in pool.map(ten, sites) for run in group]
    assert [run.status for run in runs] == [0] * 40
    assert {run.talk for run in runs} == {""}
    for run in runs:
        rows = run.out.split("\n")
        assert [row.split()[0] for row in rows if "linux-64" in row] == ["cpu", "cu126"]
        assert rows[-1] == ""


@pytest.mark.parametrize("words", [("lock", "--update"), ("lock", "--update", "--json"), ("resolve", "p", "--explain")])
def test_a_reader_that_goes_away_is_no_traceback(site: Workspace, index: Path, words: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)  # gone before the first byte
    environment = {**site.environment, "ENVGEN_INDEX": str(index)}
    with os.fdopen(write, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "envgen", *words],
            cwd=site.root,
            env=environment,
            stdout=gone,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert done.returncode in (0, 1)


def test_head_gets_its_line(site: Workspace, index: Path) -> None:
    command = f'"{sys.executable}" -m envgen lock --update --json --index "{index}" | head -1'
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=site.root,
        env=dict(site.environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("[\n", "")


FAREWELL = 'import atexit, os; atexit.register(os.write, 2, b"the interpreter shuts down")'


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("lock", "--update"), 0),
        (("lock", "nobody"), 2),
        (("resolve", "p"), 0),
        (("--help",), 0),
        (("--version",), 0),
        (("lokc",), 2),
    ],
)
def test_no_way_out_runs_the_interpreters_own_shutdown(
    site: Workspace, index: Path, tmp_path: Path, words: tuple[str, ...], status: int
) -> None:
    """That shutdown is where py-rattler 0.28 aborts now and then (about 4 % of bare solves, four at a time): it must not be reached."""
    (tmp_path / "sitecustomize.py").write_text(FAREWELL)
    path = os.pathsep.join((str(tmp_path), site.environment["PYTHONPATH"]))
    bare = subprocess.run([sys.executable, "-c", ""], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True)
    assert bare.stderr == "the interpreter shuts down"
    done = site.envgen(*words, PYTHONPATH=path, ENVGEN_INDEX=str(index), fresh=True)
    assert done.status == status
    assert "the interpreter shuts down" not in done.err


# --- interrupts while modules are imported --------------------------------------------------------------------------------

IMPORTS = """
import os, signal, sys
_left = [int(os.environ["STRIKE_AT"])]
_begun = []
def _hook(event, arguments):
    if event == "import":
        if arguments[0] == "envgen.cli.main":
            _begun.append(True)
        if _begun:
            _left[0] -= 1
            if _left[0] == 0:
                os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(_hook)
"""


def test_ctrl_c_while_modules_are_imported_is_no_traceback(old: Workspace, tmp_path: Path) -> None:
    """From the first import of the command line on; what comes before is Python's own."""
    (tmp_path / "sitecustomize.py").write_text(IMPORTS)
    path = os.pathsep.join((str(tmp_path), old.environment["PYTHONPATH"]))
    ended = set()
    for at in (1, 5, 20, 100, 300):
        done = old.envgen("lock", "--offline", PYTHONPATH=path, STRIKE_AT=str(at), fresh=True)
        assert "Traceback" not in done.err, (at, done.err)
        ended.add(done.status)
    assert -signal.SIGINT in ended  # while the command line is imported
    assert 130 in ended  # while a command imports what it needs
