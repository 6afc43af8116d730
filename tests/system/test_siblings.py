"""What happens to the other targets of a project when one of them is locked again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conftest import Workspace
from system.channel import PROJECT, build

NOTHING = "Nothing to do: every lock is up to date.\n"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    build(tmp_path / "index" / "conda-forge")
    return tmp_path / "index"


@pytest.fixture
def site(workspace: Workspace, index: Path) -> Workspace:
    """Both targets locked, with python 3.12."""
    workspace.project("p", PROJECT)
    done = workspace.envgen("lock", "--index", index)
    assert done.status == 0, done.err
    return workspace


def without(index: Path, *words: str) -> None:
    """Take the records whose file names hold all of these words out of the index."""
    path = index / "conda-forge" / "linux-64" / "repodata.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    kept = {name: row for name, row in data["packages.conda"].items() if not all(word in name for word in words)}
    assert len(kept) < len(data["packages.conda"])
    path.write_text(json.dumps({**data, "packages.conda": kept}), encoding="utf-8")


def chosen(site: Workspace, target: str) -> str:
    text = (site.root / "environments" / "p" / target / "conda-lock.yml").read_text(encoding="utf-8")
    return next(line.split(": ", 1)[1] for line in text.splitlines() if "envgen-chosen" in line)


def test_a_target_that_is_locked_again_leaves_its_siblings_alone(site: Workspace, index: Path) -> None:
    before = site.files()
    cpu = site.root / "environments" / "p" / "cpu" / "conda-lock.yml"
    written = cpu.stat().st_mtime_ns
    shutil.rmtree(site.root / "environments" / "p" / "cu126")
    assert site.envgen("lock", "--index", index).status == 0
    assert (site.files(), cpu.stat().st_mtime_ns) == (before, written)


def test_a_new_release_does_not_reach_one_target_without_the_others(site: Workspace, index: Path) -> None:
    """cu126 keeps the version that cpu has, although the index could now offer another: they share versions."""
    without(index, "pytorch-2.7.1-cpu")
    shutil.rmtree(site.root / "environments" / "p" / "cu126")
    assert site.envgen("lock", "--index", index).status == 0
    assert chosen(site, "cpu") == chosen(site, "cu126") == "python 3.12, pytorch 2.7.1"


def test_when_the_siblings_choice_is_gone_all_are_chosen_again_and_then_there_is_nothing_to_do(
    site: Workspace, index: Path
) -> None:
    without(index, "pytorch-2.7.1-cuda126", "py312")
    shutil.rmtree(site.root / "environments" / "p" / "cu126")
    done = site.envgen("lock", "--index", index)
    assert done.status == 0, done.err
    assert chosen(site, "cpu") == chosen(site, "cu126") == "python 3.11, pytorch 2.7.1"
    assert site.envgen("lock", "--index", index).talk == NOTHING
