"""Who writes a lock: envgen itself without importing conda-lock, or conda-lock where that is needed or requested."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPO, Workspace
from system.channel import build

PROJECT = """\
python: "3.12"
targets: [cpu]
platforms: [linux-64]
channels: [conda-forge]
dependencies: [{numpy}]
"""
# Runs envgen and says at the end on stderr whether it imported conda-lock.
WATCHED = """
import os, sys
leave = os._exit
def ended(status):
    sys.stderr.write(f"conda-lock imported: {'conda_lock' in sys.modules}\\n")
    sys.stderr.flush()
    leave(status)
os._exit = ended
from envgen.cli.main import run
run()
"""


def imports_conda_lock(site: Workspace, *words: object) -> bool:
    """Whether `envgen lock WORDS`, which must succeed, imports conda-lock."""
    argv = [sys.executable, "-c", WATCHED, "lock", *map(str, words)]
    done = subprocess.run(argv, cwd=site.root, env=dict(site.environment), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = {"conda-lock imported: True": True, "conda-lock imported: False": False}
    return answers[done.stderr.splitlines()[-1]]


@pytest.fixture
def clone(workspace: Workspace) -> Workspace:
    """This repository as a clone has it."""
    shutil.copytree(REPO / "environments", workspace.root / "environments")
    return workspace


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    build(folder / "conda-forge")
    return folder


def test_the_examples_are_locked_without_conda_lock(clone: Workspace) -> None:
    """They have no pip section; solving, writing, reading back and verifying need no conda-lock."""
    before = clone.files()
    assert not imports_conda_lock(clone, "--offline", "--update")
    assert clone.files() == before


def test_conda_lock_writes_the_bytes_of_the_committed_examples(clone: Workspace) -> None:
    before = clone.files()
    assert imports_conda_lock(clone, "--offline", "--update", "--pin-with", "conda-lock")
    assert clone.files() == before


@pytest.mark.parametrize("spec", ["numpy", "'numpy >=2, <3'", "conda-forge::numpy"])
def test_a_project_without_pip_is_locked_without_conda_lock(workspace: Workspace, index: Path, spec: str) -> None:
    workspace.project("p", PROJECT.format(numpy=spec))
    assert not imports_conda_lock(workspace, "--index", index)
    before = workspace.files()
    assert workspace.envgen("lock", "--index", index, "--update", "--pin-with", "conda-lock").status == 0
    assert workspace.files() == before


def test_a_spec_that_envgen_does_not_cover_is_locked_with_conda_lock(workspace: Workspace, index: Path) -> None:
    workspace.project("p", PROJECT.format(numpy="numpy 2.*.*"))
    assert imports_conda_lock(workspace, "--index", index)


def test_nothing_to_do_needs_no_conda_lock_even_if_it_is_requested(clone: Workspace) -> None:
    assert not imports_conda_lock(clone, "--pin-with", "conda-lock")
