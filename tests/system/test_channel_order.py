"""The order of channels is their priority: what it keeps from being chosen is said, and a lock follows where it changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import Run, Workspace
from system.channel import Package, build, compiled, of_python, pure

LOCK = "p/cu126/conda-lock.yml"
FORGE = (
    *(package for package in of_python("3.12") if package.name != "pytorch"),
    Package("cuda-version", "12.6", "h7480c83_3", constrains=("__cuda >=12",)),
    pure("pip", "25.1"),
    Package("libcu", "12.4"),
    Package("libcu", "12.6"),
    *(
        compiled("pytorch", version, "3.12", flavour, needs)
        for version, libcu in (("2.6.0", "libcu 12.*"), ("2.7.1", "libcu 12.6.*"))
        for flavour, needs in (("cpu_generic", ()), ("cuda126_generic", ("__cuda", "cuda-version >=12.6,<13", libcu)))
    ),
)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index folder: conda-forge, a channel that has an older library of it, and one that has a package of its own."""
    folder = tmp_path_factory.mktemp("index")
    build(folder / "conda-forge", FORGE)
    build(folder / "nvidia", [Package("libcu", "12.4")])
    build(folder / "team", [pure("mine", "1.0")])
    return folder


def locked(workspace: Workspace, index: Path, channels: str, more: str = "", pytorch: str = "*") -> Run:
    """The lock of a project with these channels."""
    rest = f'python: "3.12"\ntargets: [cpu, cu126]\nplatforms: [linux-64]\n{more}'
    workspace.project("p", f'{rest}frameworks: {{pytorch: "{pytorch}"}}\nchannels: [{channels}]\n')
    return workspace.envgen("lock", "--index", index)


def test_a_release_that_other_channels_keep_from_being_chosen_is_told_with_the_order(workspace: Workspace, index: Path) -> None:
    done = locked(workspace, index, "nvidia, conda-forge")
    assert done.status == 0, done.err
    why = "it has no solution for cu126 on linux-64 while `channels:` has nvidia before conda-forge"
    assert f"p-cu126: pytorch 2.6.0, not 2.7.1: {why}" in " ".join(done.err.split())
    assert "nvidia/noarch/libcu-12.4" in workspace.files()[LOCK].decode()


def test_only_the_channels_in_the_way_are_named(workspace: Workspace, index: Path) -> None:
    done = locked(workspace, index, "team, nvidia, conda-forge")
    assert done.status == 0, done.err
    assert "not 2.7.1: it has no solution for cu126 on linux-64 while `channels:` has nvidia before conda-forge" in done.err
    done = locked(workspace, index, "team, nvidia, conda-forge", pytorch="2.7.*")
    assert done.status == 4 and "  1. channels in the order team, conda-forge, nvidia\n" in done.err


def test_two_channels_in_the_way_are_named_together(workspace: Workspace, index: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(index, tmp_path / "index")
    build(folder / "team", [Package("libcu", "12.4")])
    done = locked(workspace, folder, "team, nvidia, conda-forge")
    assert done.status == 0, done.err
    kept = workspace.files()[LOCK].decode()
    why = "it has no solution for cu126 on linux-64 while `channels:` has team and nvidia before conda-forge"
    assert f"p-cu126: pytorch 2.6.0, not 2.7.1: {why}" in " ".join(done.err.split()) and "pytorch-2.6.0" in kept
    again = locked(workspace, folder, "team, conda-forge, nvidia")
    assert again.status == 0 and "while" not in workspace.files()[LOCK].decode()
    done = locked(workspace, folder, "team, nvidia, conda-forge", pytorch="2.7.*")
    assert done.status == 4 and "  1. channels in the order conda-forge, team, nvidia\n" in done.err


def test_another_order_is_a_repair(workspace: Workspace, index: Path) -> None:
    done = locked(workspace, index, "nvidia, conda-forge", pytorch="2.7.*")
    assert done.status == 4
    assert "  1. channels in the order conda-forge, nvidia\n       cpu, cu126: pytorch 2.7.1, python 3.12\n" in done.err
    assert "while `channels:`" not in done.err


def test_nothing_is_said_of_an_order_that_changes_nothing(workspace: Workspace, index: Path) -> None:
    done = locked(workspace, index, "team, conda-forge", 'dependencies: ["libcu 12.4.*"]\n', "2.7.*")
    assert done.status == 4 and "in the order" not in done.err and "libcu 12.4.* -> libcu" in done.err


def test_where_a_channel_comes_first_now_the_packages_that_it_has_are_taken_from_it(workspace: Workspace, index: Path) -> None:
    assert locked(workspace, index, "conda-forge, nvidia").status == 0
    before = workspace.files()
    assert "conda-forge/noarch/libcu-12.6" in before[LOCK].decode()
    done = locked(workspace, index, "nvidia, conda-forge")
    assert done.status == 0
    assert "libcu 12.6 -> 12.4 (cu126/linux-64): nvidia has it, and comes first in channels: now" in " ".join(done.out.split())
    after = workspace.files()
    assert all("pytorch-2.6.0" in after[name].decode() for name in ("p/cpu/conda-lock.yml", LOCK))
    assert "nvidia/noarch/libcu-12.4" in after[LOCK].decode()
    assert locked(workspace, index, "conda-forge, nvidia").status == 0
    assert "conda-forge/noarch/libcu-12.6" in workspace.files()[LOCK].decode()


def test_what_a_channel_in_front_has_not_stays(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    build(folder / "conda-forge", [package for package in FORGE if (package.name, package.version) != ("numpy", "2.2.6")])
    build(folder / "team", [pure("mine", "1.0")])
    more = "dependencies: [numpy]\n"
    assert locked(workspace, folder, "conda-forge", more).status == 0
    build(folder / "conda-forge", [package for package in FORGE if package.name == "numpy"])
    done = locked(workspace, folder, "team, conda-forge", more.replace("]", ", mine]"))
    assert done.status == 0 and "p: 0 moved, 2 added, 0 removed in 2 cells\n  + mine 1.0\n" in done.out


def test_what_is_requested_from_a_channel_stays_there(workspace: Workspace, index: Path) -> None:
    more = 'dependencies: ["conda-forge::libcu"]\n'
    assert locked(workspace, index, "conda-forge, nvidia", more).status == 0
    before = workspace.files()[LOCK].decode()
    assert locked(workspace, index, "nvidia, conda-forge", more).status == 0
    after = workspace.files()[LOCK].decode()
    assert "conda-forge/noarch/libcu-12.6" in before and "conda-forge/noarch/libcu-12.6" in after


def test_a_channel_that_is_gone_is_not_asked_for(workspace: Workspace, index: Path) -> None:
    assert locked(workspace, index, "nvidia, conda-forge").status == 0
    done = locked(workspace, index, "conda-forge")
    assert done.status == 0, done.err
    text = workspace.files()[LOCK].decode()
    assert "nvidia" not in text and "conda-forge/noarch/libcu-12.6" in text  # nor is it told why 2.7.1 was not chosen
    assert "pytorch-2.6.0" in text
