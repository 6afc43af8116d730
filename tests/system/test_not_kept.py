"""What moves although it was locked, and the reason that `lock` prints: in the project, the facts, the index, or a dependency."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import Run, Workspace, clean_environment, repository
from system.channel import Package, build, compiled, of_python, pure

FILE = "environments/p/project.yaml"
PROJECT = """\
python: ">=3.11,<3.13"
frameworks: {pytorch: ">=2.6,<2.9"}
targets: [cpu]
platforms: [linux-64]
channels: [conda-forge]
dependencies: [numpy]
"""


def cuda(version: str, python: str) -> Package:
    return compiled("pytorch", version, python, "cuda126_generic", ("__cuda", "cuda-version >=12.6,<13", "numpy"))


PACKAGES = (
    *(row for python in ("3.11", "3.12") for row in of_python(python) if row.name != "pytorch"),
    *(compiled("pytorch", "2.6.0", python, "cpu_generic", ("numpy",)) for python in ("3.11", "3.12")),
    compiled("pytorch", "2.7.1", "3.12", "cpu_generic", ("numpy",)),
    cuda("2.6.0", "3.11"),
    cuda("2.7.1", "3.11"),
    compiled("torchvision", "0.21.0", "3.12", "cpu_generic", ("pytorch 2.6.*",)),
    compiled("flash-attn", "2.7.4.post1", "3.11", "", ("pytorch 2.6.*", "cuda-version >=12.6,<13")),
    Package("cuda-version", "12.6", "h7480c83_3", constrains=("__cuda >=12",)),
    Package("wants-old", "1.0", depends=("pytorch >=2.5,<2.7.0a0",)),
    pure("pip", "25.1"),
)
NEWER = (*PACKAGES, compiled("pytorch", "2.8.0", "3.12", "cpu_generic", ("numpy",)))
"""The same later, with a newer release, so that what was locked is not the newest."""


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of both indexes."""
    folder = tmp_path_factory.mktemp("indexes")
    build(folder / "before" / "conda-forge", PACKAGES)
    build(folder / "after" / "conda-forge", NEWER)
    return folder


@pytest.fixture(scope="module")
def files(indexes: Path, tmp_path_factory: pytest.TempPathFactory, unpacked_cache: Path) -> dict[str, bytes]:
    """A project whose CPU target is locked with Python 3.12 and pytorch 2.7.1, as its files."""
    folder = tmp_path_factory.mktemp("locked")
    site = repository(folder, {**clean_environment(folder), "ENVGEN_CACHE": str(unpacked_cache)})
    site.project("p", PROJECT)
    assert "python 3.12, pytorch 2.7.1" in locked(site, indexes / "before").out
    return site.files()


@pytest.fixture
def site(workspace: Workspace, files: dict[str, bytes]) -> Workspace:
    """A repository of its own with the locked project."""
    workspace.restore(files)
    return workspace


def locked(site: Workspace, index: Path, *words: str) -> Run:
    done = site.envgen("lock", "--index", index, *words)
    assert done.status == 0, done.err
    return done


def moves(done: Run, target: str = "cpu") -> list[str]:
    """The lines about one target that say that a version is not another."""
    begin = f"p-{target}: "
    return [line.removeprefix(begin) for line in done.err.splitlines() if line.startswith(begin) and ", not " in line]


def write(site: Workspace, *edits: tuple[str, str]) -> None:
    """The project with other texts, and more lines after the last."""
    text = PROJECT
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    site.project("p", text)


def constraint(site: Workspace, text: str) -> None:
    """One more constraint in the matrices."""
    path = site.root / "matrices/pytorch.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("\nconstraints:\n", f"\nconstraints:\n  - {text}\n"), encoding="utf-8")


CUDA = ("[cpu]", "[cpu, cu126]")
ONLY_312 = "the index holds the CPU build of pytorch 2.7.1 for linux-64 only for python 3.12"
NO_BUILD = "the index holds no CUDA 12.6 build of pytorch for linux-64 and python 3.12 that this project can use"
NOT_260 = "the index holds the CUDA 12.6 build of pytorch 2.6.0 for linux-64 only for python 3.11"
ONLY_311 = "the index holds the CUDA 12.6 build of pytorch 2.7.1 for linux-64 only for python 3.11"


def test_a_new_target_takes_another_python_and_with_it_the_framework(site: Workspace, indexes: Path) -> None:
    write(site, CUDA, ("<2.9", "<2.8"))
    done = locked(site, indexes / "before")
    assert moves(done) == [
        f"pytorch 2.6.0, not 2.7.1: {ONLY_312}; cu126 cannot have it: {ONLY_311}",
        f"python 3.11, not 3.12: cu126 cannot have it: {NOT_260}",
    ]
    assert moves(done, "cu126") == [
        f"pytorch 2.6.0, not 2.7.1: {ONLY_311}; cpu cannot have it: {ONLY_312}",
        f"python 3.11, not 3.12: {NOT_260}",
    ]
    assert "  pytorch 2.7.1 -> 2.6.0: `pytorch 2.6.0.* cpu_*` is chosen" in done.out


def test_what_was_not_the_newest_either_says_why_it_is_not_as_locked(site: Workspace, indexes: Path) -> None:
    write(site, CUDA, ("<2.9", "<2.8"), ("<3.13", "<3.14"))
    (cpu, _) = json.loads(locked(site, indexes / "before", "--json").out)
    assert cpu["notes"] == [
        f"python 3.11, not 3.12 as locked: cu126 cannot have it: {NO_BUILD}",
        f"pytorch 2.6.0, not 2.7.1: {ONLY_312}; cu126 cannot have it: {ONLY_311}",
        "python 3.11, not 3.13: the index holds the CPU build of pytorch 2.6.0 for linux-64 only for python 3.11-3.12",
    ]


def test_the_same_is_said_where_nothing_was_locked(site: Workspace, indexes: Path) -> None:
    write(site, CUDA, ("<2.9", "<2.8"))
    relocked = locked(site, indexes / "before")
    assert moves(locked(site, indexes / "before", "--update")) == moves(relocked)


WITHOUT = "the index holds no CPU build of torchvision for linux-64 and python 3.12 that goes with pytorch 2.7.1"
EDITS: dict[str, tuple[tuple[str, str], str]] = {
    "python": (("<3.13", "<3.12"), "python 3.11, not 3.12 as locked: >=3.11,<3.12 is requested (FILE:1)"),
    "release": (("<2.9", "<2.7"), "pytorch 2.6.0, not 2.7.1 as locked: >=2.6,<2.7 is requested (FILE:2)"),
    "companion": (
        ('">=2.6,<2.9"', '{version: ">=2.6,<2.9", with: [torchvision]}'),
        f"pytorch 2.6.0, not 2.7.1 as locked: {WITHOUT}",
    ),
    "dependency": (
        ("[numpy]", "[numpy, wants-old]"),
        "pytorch 2.6.0, not 2.7.1 as locked: wants-old 1.0 (FILE:6) needs pytorch >=2.5,<2.7",
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_the_project_is_the_reason(site: Workspace, indexes: Path, edit: str) -> None:
    change, expected = EDITS[edit]
    write(site, change)
    assert expected.replace("FILE", FILE) in moves(locked(site, indexes / "after"))


def test_a_fact_is_the_reason(site: Workspace, indexes: Path) -> None:
    """The matrices do not list the release any more."""
    path = site.root / "matrices/pytorch.yaml"
    text, count = re.subn(r'(?m)^  - version: "2\.7\.1"\n(?:    .*\n|\s*#.*\n)+', "", path.read_text(encoding="utf-8"))
    assert count == 1
    path.write_text(text, encoding="utf-8")
    (first, *_) = moves(locked(site, indexes / "before"))
    told = re.sub(r"[\d.]+ to [\d.]+", "A to B", re.sub(r"\d+:\d+\)$", "LINE)", first))
    listed = "the matrices list pytorch A to B, and no 2.7.1; the nearest are 2.7.0 and 2.8.0"
    assert told == f"pytorch 2.6.0, not 2.7.1 as locked: {listed} (matrices/pytorch.yaml:LINE)"


MACHINES = {
    "gpus A100 (compute capability 8.0)": ("gpus: [A100]", "gpu >=8.9", '{gpu: ">=8.9"}'),
    "driver 560.28.03": ('driver: "560.28.03"', "driver >=565", '{driver: ">=565"}'),
}


@pytest.mark.parametrize("key", MACHINES)
def test_the_machines_of_the_project_are_the_reason(site: Workspace, indexes: Path, key: str) -> None:
    """A constraint of the facts concerns what the project did not say before."""
    line, asked, need = MACHINES[key]
    alone = ("[cpu]", "[cu126]")
    write(site, alone)
    constraint(site, f'{{when: {{pytorch: ">=2.7", cuda: ">=12"}}, need: {need}, because: a test}}')
    assert "pytorch 2.7.1" in locked(site, indexes / "before").out
    write(site, alone, ("platforms", f"{line}\nplatforms"))
    (found,) = moves(locked(site, indexes / "before"), "cu126")
    because = f"pytorch >=2.7 with cuda >=12 needs {asked} (matrices/pytorch.yaml:LINE); {key} ({FILE}:4:1)"
    assert re.sub(r"yaml:7\d\d:\d+", "yaml:LINE", found) == f"pytorch 2.6.0, not 2.7.1 as locked: {because}"


@pytest.mark.parametrize("targets", ["[cu126, cpu]", "[cpu, cu126]"])
def test_a_framework_that_one_target_goes_without_is_told_of_the_other(site: Workspace, indexes: Path, targets: str) -> None:
    companion = ('">=2.6,<2.9"', '{version: ">=2.6,<2.8", with: [flash-attn]}')
    write(site, ("[cpu]", targets), companion, ("[numpy]", "[numpy, wants-old]"))
    done = locked(site, indexes / "before", "--update")
    attention = "the index holds the CUDA 12.6 build of flash-attn 2.7.4.post1 for linux-64 only for python 3.11"
    assert moves(done)[1] == f"python 3.11, not 3.12: cu126 cannot have it: {attention}"
    assert moves(done, "cu126")[1] == f"python 3.11, not 3.12: {attention}"
