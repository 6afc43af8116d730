"""A clone without any channel relocks to the same bytes, from the records that the repository keeps in environments/index/."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from conftest import REPO, Workspace, some

ENVIRONMENTS = REPO / "environments"
PROJECTS = sorted(path.parent.name for path in ENVIRONMENTS.glob("*/project.yaml"))
REPODATA = sorted(path.relative_to(ENVIRONMENTS).as_posix() for path in (ENVIRONMENTS / "index").glob("**/*") if path.is_file())
NO_NETWORK = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
HOST = "https://conda.anaconda.org"


@pytest.fixture
def clone(workspace: Workspace) -> Workspace:
    """This repository as a clone has it: matrices, templates, projects, locks and recorded records."""
    shutil.copytree(ENVIRONMENTS, workspace.root / "environments")
    return workspace


def targets(clone: Workspace, project: str) -> list[Path]:
    """The folders of a project's targets."""
    found = sorted(path.parent for path in (clone.root / "environments" / project).glob("*/conda-lock.yml"))
    assert found
    return found


def named(clone: Workspace) -> set[str]:
    """Every url that a lock names."""
    locks = (clone.root / "environments").glob("*/*/conda-lock.yml")
    return {url for lock in locks for url in re.findall(r"^  url: (\S+)$", lock.read_text(encoding="utf-8"), re.MULTILINE)}


def recorded(clone: Workspace) -> list[str]:
    """Every url that the recorded index has a record of."""
    found, top = [], clone.root / "environments" / "index"
    for path in top.glob("**/repodata.json"):
        data = json.loads(path.read_text(encoding="utf-8"))
        subdir = path.parent.relative_to(top).as_posix()
        found += [f"{HOST}/{subdir}/{file}" for section in ("packages", "packages.conda") for file in data[section]]
    return found


@pytest.mark.parametrize("project", PROJECTS)
def test_a_project_without_locks_is_relocked_to_the_same_bytes(clone: Workspace, project: str) -> None:
    before = clone.files()
    for folder in targets(clone, project):
        (folder / "conda-lock.yml").unlink()
    run = clone.envgen("lock", project, "--offline")
    assert (run.status, clone.files()) == (0, before), run.err


@pytest.mark.parametrize("project", PROJECTS)
def test_a_single_target_is_relocked_to_the_same_bytes(clone: Workspace, project: str) -> None:
    """Each in turn, beside the locks of its siblings."""
    before = clone.files()
    for folder in some(targets(clone, project)):
        (folder / "conda-lock.yml").unlink()
        run = clone.envgen("lock", project, "--target", folder.name, "--offline")
        assert (run.status, clone.files()) == (0, before), f"{folder.name}: {run.err}"


def test_targets_without_any_file_are_made_again(clone: Workspace) -> None:
    """Only the project files and the records are left, of all projects at once."""
    before = clone.files()
    for project in PROJECTS:
        for folder in targets(clone, project):
            shutil.rmtree(folder)
    run = clone.envgen("lock", "--offline")
    assert (run.status, clone.files()) == (0, before), run.err


def test_solving_everything_again_changes_nothing(clone: Workspace) -> None:
    """The recorded index is closed under its own solutions."""
    before = clone.files()
    run = clone.envgen("lock", "--offline", "--update")
    assert (run.status, clone.files()) == (0, before), run.err


def test_unreachable_channels_give_way_to_the_records_and_it_is_said(clone: Workspace) -> None:
    before = clone.files()
    for folder in targets(clone, "transition"):
        (folder / "conda-lock.yml").unlink()
    run = clone.envgen("lock", "transition", **NO_NETWORK)
    assert (run.status, clone.files()) == (0, before), run.err
    assert "cannot be reached" in run.err
    assert "environments/index" in run.err


def test_without_channels_and_records_nothing_is_written(clone: Workspace) -> None:
    """No solution: status 4, a next step, and the locks that were there are whole."""
    shutil.rmtree(clone.root / "environments" / "index")
    before = clone.files()
    run = clone.envgen("lock", "legacy", "--update", **NO_NETWORK)
    assert (run.status, clone.files()) == (4, before), run.err
    assert "--index DIR" in run.err


def test_packages_that_no_lock_names_any_more_are_forgotten(clone: Workspace) -> None:
    """With the projects of the pytorch and nvidia channels their records go, files and folders."""
    for project in ("legacy", "transition"):
        shutil.rmtree(clone.root / "environments" / project)
    assert any(f"{HOST}/nvidia/" in url for url in recorded(clone))
    run = clone.envgen("lock", "--offline")
    assert run.status == 0, run.err
    assert sorted(recorded(clone)) == sorted(named(clone))
    assert [path.name for path in (clone.root / "environments" / "index").iterdir()] == ["conda-forge"]


def test_the_records_are_those_of_the_locked_packages(clone: Workspace) -> None:
    """Each that a lock names, once, and no other."""
    assert sorted(recorded(clone)) == sorted(named(clone)) != []


@pytest.mark.parametrize("name", REPODATA)
def test_records_stand_one_a_line_and_sorted(name: str) -> None:
    """So that a pull request shows each package as a line; every line says which package it is."""
    text = (ENVIRONMENTS / name).read_text(encoding="utf-8")
    assert name.endswith("/repodata.json")
    data = json.loads(text)
    assert data["info"] == {"subdir": name.split("/")[-2]}
    lines = [
        json.loads("{" + line.rstrip(",") + "}") for line in text.splitlines() if re.match(r'"[^"]+\.(conda|tar\.bz2)": \{"', line)
    ]
    files = [file for section in ("packages", "packages.conda") for file in data[section]]
    assert [next(iter(line)) for line in lines] == files != []
    for section in ("packages", "packages.conda"):
        assert list(data[section]) == sorted(data[section])
        assert all(list(record) == sorted(record) for record in data[section].values())


@pytest.mark.parametrize("name", REPODATA)
def test_a_record_says_all_that_a_lock_needs(name: str) -> None:
    """Hashes and dependencies; name, version and build as in the file's name; the folder's own subdir."""
    data = json.loads((ENVIRONMENTS / name).read_text(encoding="utf-8"))
    for file, record in some({**data["packages"], **data["packages.conda"]}.items()):
        assert file.removesuffix(".conda").removesuffix(".tar.bz2") == f"{record['name']}-{record['version']}-{record['build']}"
        assert re.fullmatch("[0-9a-f]{32}", record["md5"])
        assert isinstance(record["depends"], list)
        assert record["subdir"] == name.split("/")[-2]
