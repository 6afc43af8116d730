"""The recorded index follows the locks, and a run reads no more of either than it must."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import Workspace, clean_environment, repository

PROJECT = """\
python: "{python}"
targets: [cpu]
platforms: [linux-64]
channels: [conda-forge]
dependencies: [{own}]
"""
# Runs envgen and prints, at the end, each file below environments/ that it opened to read or to write.
WATCHED = """
import json, os, sys
opened = []
def hook(event, arguments):
    if event == "open" and "/environments/" in str(arguments[0]):
        opened.append([str(arguments[0]), "w" if (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR) else "r"])
sys.addaudithook(hook)
leave = os._exit
def ended(status):
    with open(os.environ["OPENED"], "w") as file:
        json.dump(opened, file)
    leave(status)
os._exit = ended
from envgen.cli.main import run
run()
"""


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, index: Path) -> Workspace:
    """Four projects with locks."""
    folder = tmp_path_factory.mktemp("locked")
    site = repository(folder / "repository", clean_environment(folder))
    for name, python, own in [("a", "3.11", "numpy"), ("b", "3.12", "einops"), ("c", "3.12", "numpy"), ("d", "3.12", "numpy")]:
        site.project(name, PROJECT.format(python=python, own=own))
    done = site.envgen("lock", "--index", index)
    assert done.status == 0, done.err
    return site


@pytest.fixture
def site(locked: Workspace) -> Workspace:
    """The same, put back after the test."""
    before = locked.files()
    yield locked
    for name in set(locked.files()) - set(before):
        (locked.root / "environments" / name).unlink()
    locked.restore(before)


def opened(site: Workspace, *words: object) -> Counter[tuple[str, str]]:
    """How often `envgen lock WORDS` opened each file below environments/ to read ("r") or to write ("w")."""
    log = site.root / "opened.json"
    variables = {**site.environment, "OPENED": str(log)}
    argv = [sys.executable, "-c", WATCHED, "lock", *map(str, words)]
    done = subprocess.run(argv, cwd=site.root, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(log.read_text(encoding="utf-8"))
    return Counter((re.sub(r"^.*/environments/", "", path), mode) for path, mode in found)


def recorded(site: Workspace) -> set[str]:
    """The files of all packages in the recorded index."""
    found: set[str] = set()
    for path in (site.root / "environments" / "index").glob("**/repodata.json"):
        found.update(json.loads(path.read_text(encoding="utf-8"))["packages.conda"])
    return found


def named(site: Workspace) -> set[str]:
    """The files of all packages in the locks."""
    texts = [text.decode() for name, text in site.files().items() if name.endswith("conda-lock.yml")]
    return {url.rpartition("/")[2] for text in texts for url in re.findall(r"^  url: (\S+)$", text, re.MULTILINE)}


def test_the_locks_of_other_projects_are_read_once(site: Workspace, index: Path) -> None:
    site.project("a", PROJECT.format(python="3.11", own="numpy <2"))
    found = opened(site, "a", "--index", index)
    assert {name: found[f"{name}/cpu/conda-lock.yml", "r"] for name in "bcd"} == {"b": 1, "c": 1, "d": 1}
    assert recorded(site) == named(site)


def test_a_file_of_the_index_is_written_only_if_its_records_change(site: Workspace, index: Path) -> None:
    """The new numpy is for linux-64; of noarch the same packages are needed as before."""
    site.project("a", PROJECT.format(python="3.11", own="numpy <2"))
    written = {name for name, mode in opened(site, "a", "--index", index) if mode == "w" and name.startswith("index/")}
    assert {name.rpartition("/")[0] for name in written} == {"index/conda-forge/linux-64"}


def test_nothing_to_do_reads_each_file_once_and_writes_nothing(site: Workspace) -> None:
    assert not [name for name, mode in opened(site) if mode == "w"]
    found = opened(site)
    assert set(found.values()) == {1}
    assert {name for name, _ in found} == set(site.files())


def test_one_project_with_nothing_to_do_reads_no_other(site: Workspace) -> None:
    opened(site, "a")
    assert {name.partition("/")[0] for name, _ in opened(site, "a")} == {"a", "index"}


def test_other_locks_are_read_only_until_what_a_lock_gave_up_is_found_in_them(site: Workspace, index: Path) -> None:
    """b is read first and has no numpy, c has it."""
    site.project("d", PROJECT.format(python="3.12", own="einops"))
    found = opened(site, "d", "--index", index)
    assert [found[f"{name}/cpu/conda-lock.yml", "r"] for name in "abc"] == [1, 1, 1]
    assert recorded(site) == named(site)
    site.project("d", PROJECT.format(python="3.12", own="numpy, einops"))
    found = opened(site, "d", "--index", index)
    assert [found[f"{name}/cpu/conda-lock.yml", "r"] for name in "abc"] == [0, 0, 0], "nothing was given up"


def test_records_that_a_lock_still_names_stay_when_another_lock_gives_them_up(site: Workspace, index: Path) -> None:
    """Both c and d have numpy for Python 3.12; c gives it up."""
    site.project("c", PROJECT.format(python="3.12", own="einops"))
    before = recorded(site)
    assert site.envgen("lock", "c", "--index", index).status == 0
    assert recorded(site) == before == named(site)
    site.project("d", PROJECT.format(python="3.12", own="einops"))
    assert site.envgen("lock", "d", "--index", index).status == 0
    assert recorded(site) == named(site) < before


def test_what_a_clone_has_no_records_of_is_said_and_recorded_again_when_it_is_locked(site: Workspace, index: Path) -> None:
    whole = site.files()
    path = site.root / "environments" / "index" / "conda-forge" / "linux-64" / "repodata.json"
    path.unlink()
    done = site.envgen("lock")
    assert done.status == 0
    gone = {file for file in named(site) if file not in recorded(site)}
    said = f"environments/index has no record of {len(gone)} locked packages, so `--offline` cannot solve with them"
    assert said in done.err
    done = site.envgen("lock", "--update", "--index", index)
    assert (done.status, "has no record" in done.err) == (0, False)
    assert site.files() == whole


def test_a_record_that_the_channel_corrected_replaces_the_recorded_one(site: Workspace, index: Path) -> None:
    whole = site.files()
    path = site.root / "environments" / "index" / "conda-forge" / "linux-64" / "repodata.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"depends": [', '"depends": ["wrong >=1", ', 1), encoding="utf-8")
    assert site.files() != whole
    assert site.envgen("lock", "--update", "--index", index).status == 0
    assert site.files() == whole


def test_a_broken_file_of_the_index_stops_a_run_before_it_writes_a_lock(site: Workspace, index: Path) -> None:
    path = site.root / "environments" / "index" / "conda-forge" / "linux-64" / "repodata.json"
    path.write_text("{", encoding="utf-8")
    before = site.files()
    done = site.envgen("lock", "--update", "--index", index)
    assert (done.status, site.files()) == (2, before)
    assert "environments/index/conda-forge/linux-64/repodata.json: not repodata" in done.err
