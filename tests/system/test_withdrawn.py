"""Builds that a channel withdrew: a folder that still has them is read without them, a lock that has one is told, and stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Workspace, some
from system.channel import PROJECT, build
from system.publishing import publish, world
from unit.small import FILES, small_matrix, write_matrix

from envgen.channels.channel import locate
from envgen.channels.index import FolderIndex
from envgen.matrix.load import load_matrix

WITHDRAWN = """\
because: https://x.example
withdrawn:
  - date: 2026-01-31
    channel: conda-forge
    because: https://x.example/requests/1 (it crashes)
    builds:
      - {{packages: [{package}], versions: ["{version}"], builds: ["{build}"]}}
"""
NUMPY = WITHDRAWN.format(package="numpy", version="2.2.6", build="py*")


@pytest.fixture
def channels(tmp_path: Path) -> Path:
    build(tmp_path / "channels" / "conda-forge")
    return tmp_path / "channels"


def withdraw(workspace: Workspace, text: str) -> None:
    (workspace.root / "matrices" / "withdrawn.yaml").write_text(text, encoding="utf-8")


def numpy_of(workspace: Workspace) -> set[str]:
    lock = (workspace.root / "environments" / "demo" / "cpu" / "conda-lock.yml").read_text(encoding="utf-8")
    return {line for line in lock.splitlines() if "/numpy-" in line}


def test_a_solve_takes_the_next_best_build_and_a_request_for_the_withdrawn_one_says_why_there_is_none(
    workspace: Workspace, channels: Path
) -> None:
    withdraw(workspace, NUMPY)
    workspace.project("demo", PROJECT)
    run = workspace.envgen("lock", "demo", "--index", channels)
    assert run.status == 0, run.err
    assert all("numpy-1.26.4-" in line for line in numpy_of(workspace))
    workspace.project("demo", PROJECT.replace("numpy,", '"numpy 2.2.6",'))
    run = workspace.envgen("lock", "demo", "--index", channels)
    assert run.status == 4
    assert "its channel withdrew every build that fits: numpy 2.2.6" in run.err


def test_a_lock_from_before_the_withdrawal_is_told_and_is_made_again_offline_as_it_is(workspace: Workspace, channels: Path) -> None:
    withdraw(workspace, WITHDRAWN.format(package="nothing", version="1", build="x"))
    workspace.project("demo", PROJECT)
    assert workspace.envgen("lock", "demo", "--index", channels).status == 0
    before = numpy_of(workspace)
    assert any("numpy-2.2.6-" in line for line in before)
    withdraw(workspace, NUMPY)
    run = workspace.envgen("verify")
    assert run.status == 0
    assert "warning: withdrawn-build (linux-64): numpy 2.2.6" in run.out
    assert "conda-forge withdrew it on 2026-01-31: https://x.example/requests/1 (it crashes)" in run.out
    (workspace.root / "environments" / "demo" / "cpu" / "conda-lock.yml").unlink()
    run = workspace.envgen("lock", "demo", "--offline")
    assert (run.status, numpy_of(workspace)) == (0, before)
    assert "withdrawn-build: numpy 2.2.6" in run.err


def test_only_builds_of_that_channel_version_build_and_platform_are_left_out(tmp_path: Path) -> None:
    files = {**FILES, "withdrawn.yaml": WITHDRAWN.format(package="alpha", version="2.1.0", build="cuda126_py310_*")}
    matrix = load_matrix(write_matrix(tmp_path / "matrices", files))
    folder = publish(tmp_path / "index", world(small_matrix()))
    whole, index = FolderIndex(folder, "index"), FolderIndex(folder, "index", matrix.withdrawn)
    for channel in some(map(locate, ("conda-forge", "vendor"))):
        for platform in ("linux-64", "osx-arm64", "win-64"):
            kept = {str(record) for record in index.records("alpha", channel, platform)}
            held = {str(record) for record in index.withheld("alpha", channel, platform)}
            assert kept | held == {str(record) for record in whole.records("alpha", channel, platform)}
            assert kept & held == set()
            assert bool(held) == (channel.text == "conda-forge" and platform in ("linux-64", "win-64"))
            assert all(str(record.build).startswith("cuda126_py310_") for record in index.withheld("alpha", channel, platform))
