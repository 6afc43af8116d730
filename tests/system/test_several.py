"""Several runs at once in one repository: one writes, the others wait and say for whom; what a killed run left goes."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Workspace, clean_environment, repository
from system import forks
from system.processes import ends

from envgen.channels.recorded import read_recorded, recorded_files

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="signals of Linux")

PROJECT = """\
python: "{python}"
targets: [cpu]
platforms: [linux-64]
channels: [conda-forge]
dependencies: [{own}]
"""
OWN = {"a": ("3.11", "'numpy <2'"), "b": ("3.12", "einops"), "c": ("3.12", "numpy"), "d": ("3.11", "needs-new-numpy")}
NOTHING_TO_DO = "Nothing to do: every lock is up to date."
# Stops the process when it is about to replace a lock: its records are in the index, its lock is not there yet.
STOP = """
import os, signal, sys
def hook(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("conda-lock.yml"):
        os.kill(os.getpid(), signal.SIGSTOP)
sys.addaudithook(hook)
"""


@pytest.fixture
def site(tmp_path: Path) -> Workspace:
    """Four projects without locks."""
    made = repository(tmp_path / "repository", clean_environment(tmp_path))
    for name, (python, own) in OWN.items():
        made.project(name, PROJECT.format(python=python, own=own))
    return made


@pytest.fixture
def locked(site: Workspace, index: Path) -> Workspace:
    done = site.envgen("lock", "--index", index)
    assert done.status == 0, done.err
    return site


@pytest.fixture
def stopped(site: Workspace, index: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run `lock a` that stands still between its records and its lock."""
    (tmp_path / "stop").mkdir()
    (tmp_path / "stop" / "sitecustomize.py").write_text(STOP)
    process = begun(site, index, "a", PYTHONPATH=os.pathsep.join((str(tmp_path / "stop"), site.environment["PYTHONPATH"])))
    while ") T " not in Path(f"/proc/{process.pid}/stat").read_text():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    yield process
    process.kill()
    process.communicate()


def begun(site: Workspace, index: Path, *projects: str, **more: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "envgen", "lock", *projects, "--index", str(index)]
    environment = {**site.environment, **more}
    return subprocess.Popen(argv, cwd=site.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def named(site: Workspace) -> set[str]:
    """The files of all packages that a lock names."""
    locks = (site.root / "environments").glob("*/*/conda-lock.yml")
    return {url.rpartition("/")[2] for lock in locks for url in re.findall(r"^  url: (\S+)$", lock.read_text(), re.MULTILINE)}


def recorded(site: Workspace) -> set[str]:
    """The files of all packages in the recorded index."""
    paths = (site.root / "environments" / "index").glob("**/repodata.json")
    return {file for path in paths for file in json.loads(path.read_text())["packages.conda"]}


def hidden(site: Workspace) -> list[str]:
    """Temporary files and lock files below environments/."""
    return sorted(name for name in site.files() if "/." in f"/{name}")


# --- one writes -----------------------------------------------------------------------------------------------------------


def test_a_second_run_waits_for_the_one_that_writes_and_names_it(
    site: Workspace, index: Path, stopped: subprocess.Popen[str]
) -> None:
    other = begun(site, index, "b")
    assert other.stderr
    assert select.select([other.stderr], [], [], 60)[0]
    said = other.stderr.readline()
    holder = f"(`envgen lock a --index {index}`, process {stopped.pid})"
    assert said == f"waiting for another envgen to write this repository {holder}\n"
    assert other.poll() is None
    stopped.send_signal(signal.SIGCONT)
    told = [(run.communicate(timeout=60)[1], run.returncode) for run in (stopped, other)]
    assert told == [("next: envgen install a --target cpu\n", 0), ("next: envgen install b --target cpu\n", 0)]
    assert recorded(site) == named(site)
    assert {path.parent.parent.name for path in (site.root / "environments").glob("*/*/conda-lock.yml")} == {"a", "b"}
    assert hidden(site) == []


def test_a_run_with_nothing_to_do_waits_for_nobody(site: Workspace, index: Path, tmp_path: Path) -> None:
    done = site.envgen("lock", "c", "--index", index)
    assert done.status == 0, done.err
    before = site.files()
    holder = "from filelock import FileLock; import sys; FileLock(sys.argv[1]).acquire(); print(flush=True); sys.stdin.read()"
    argv = [sys.executable, "-c", holder, str(site.root / "environments" / ".writer.envgen-lock")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        again = site.envgen("lock", "c", "--index", index)
        process.communicate(b"")
    assert (again.status, again.talk.strip()) == (0, NOTHING_TO_DO)
    assert {name: data for name, data in site.files().items() if not name.endswith("-lock")} == before


def test_a_lock_of_a_killed_run_keeps_nobody_out(site: Workspace, index: Path, stopped: subprocess.Popen[str]) -> None:
    stopped.kill()
    assert ends(stopped.pid)
    assert ".writer.envgen-lock" in hidden(site)
    done = site.envgen("lock", "b", "--index", index)
    assert done.status == 0, done.err
    assert "waiting" not in done.err
    assert (recorded(site), hidden(site)) == (named(site), [])


def test_runs_that_begin_together_lose_no_record(site: Workspace, index: Path) -> None:
    for _ in range(2):
        words = [("lock", *projects, "--index", str(index)) for projects in ("ac", "bd", "ab", "cd")]
        runs = [forks.begin(line, site.root, site.environment) for line in words]
        ended = [run.end(120) for run in runs]
        assert [run.returncode for run in ended] == [0, 0, 0, 0], ended
        assert recorded(site) == named(site) != set()
        assert hidden(site) == []
        for name in OWN:
            shutil.rmtree(site.root / "environments" / name / "cpu")


# --- records that are missing ---------------------------------------------------------------------------------------------


def without(site: Workspace, *begins: str) -> None:
    """Take the records of packages out of the recorded index."""
    top = site.root / "environments" / "index"
    kept = {key: row for key, row in read_recorded(top, "index").items() if not key.rpartition("/")[2].startswith(begins)}
    for name, text in recorded_files(kept).items():
        (top / name).write_text(text)


def test_records_that_are_missing_are_found_again(locked: Workspace, index: Path) -> None:
    before = locked.files()
    without(locked, "numpy-", "einops-")
    done = locked.envgen("lock", "--index", index)
    assert done.status == 0, done.err
    assert f"environments/index had no record of 4 locked packages: taken from {index}\n" in done.err
    assert locked.files() == before


def test_a_recorded_index_that_is_gone_is_made_again(locked: Workspace, index: Path) -> None:
    before = locked.files()
    shutil.rmtree(locked.root / "environments" / "index")
    done = locked.envgen("lock", "--index", index)
    assert done.status == 0, done.err
    assert locked.files() == before


def test_a_record_with_another_hash_is_not_taken(locked: Workspace, index: Path, tmp_path: Path) -> None:
    shutil.copytree(index, tmp_path / "other")
    path = tmp_path / "other" / "conda-forge" / "noarch" / "repodata.json"
    data = json.loads(path.read_text())
    for row in data["packages.conda"].values():
        row["sha256"] = "0" * 64
    path.write_text(json.dumps(data))
    without(locked, "einops-")
    done = locked.envgen("lock", "--index", tmp_path / "other")
    assert done.status == 0
    assert "environments/index has no record of 1 locked package, so `--offline` cannot solve with them" in done.err
    assert named(locked) - recorded(locked) == {"einops-0.8.1-pyhd8ed1ab_0.conda"}


def test_without_an_index_it_is_said_how_many_are_missing(locked: Workspace) -> None:
    without(locked, "einops-")
    before = locked.files()
    done = locked.envgen("lock", "--offline")
    assert (done.status, locked.files()) == (0, before)
    assert "environments/index has no record of 1 locked package, so `--offline` cannot solve with them" in done.err


# --- what a killed run left -----------------------------------------------------------------------------------------------


def test_what_a_killed_run_left_goes_even_if_there_is_nothing_to_do(locked: Workspace, index: Path) -> None:
    before, top = locked.files(), locked.root / "environments"
    for name in ("a/cpu/.conda-lock.yml.4711.envgen-tmp", "index/conda-forge/noarch/.repodata.json.4711.envgen-tmp"):
        (top / name).write_text("half")
    (top / ".writer.envgen-lock").write_text("")
    done = locked.envgen("lock", "b", "--index", index)
    assert (done.status, done.talk.strip()) == (0, NOTHING_TO_DO)
    assert locked.files() == before
