"""The command line, the pipeline, the index, the solve and the pin, in this process: each once, on a channel of a few packages."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from conftest import REPO
from system.conftest import index
from unit.small import project_of, small_matrix

from envgen.channels.channel import locate
from envgen.channels.index import FolderIndex
from envgen.channels.solve import Unsolvable, solve
from envgen.cli.main import main
from envgen.lock.pin import pin
from envgen.model.catalogue import Catalogue
from envgen.model.errors import BadInput, EnvgenError, NoSolution
from envgen.model.packages import SolveRequest
from envgen.model.run import Solved
from envgen.resolver.resolve import resolve

__all__ = ["index"]  # a fixture
PROJECT_OF_SMALL = 'python: "3.12"\ntargets: [cpu]\nplatforms: [linux-64]\nchannels: [conda-forge]\n'
PROJECT = 'python: "3.12"\ntargets: [cpu]\nplatforms: [linux-64]\nchannels: [conda-forge]\ndependencies: [{own}]\n'
VIRTUAL = {"__unix": "0", "__linux": "5.10", "__glibc": "2.28", "__archspec": "1 x86_64"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository without projects."""
    for folder in ("matrices", "templates"):
        shutil.copytree(REPO / folder, tmp_path / folder)
    return tmp_path


def project(root: Path, own: str, name: str = "p") -> Path:
    path = root / "environments" / name / "project.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PROJECT.format(own=own), encoding="utf-8")
    return path.parent / "cpu"


def run(root: Path, *words: object) -> Result:
    """A command, in this process; what it raises is raised."""
    done = CliRunner().invoke(main, ["--root", str(root), *map(str, words)], standalone_mode=False)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def request(*own: str, **virtual: str) -> SolveRequest:
    return SolveRequest(
        environment="p-cpu",
        platform="linux-64",
        channels=("conda-forge",),
        specs=("python 3.12.*", *own),
        virtual={**VIRTUAL, **virtual},
    )


def test_a_project_is_locked_and_then_there_is_nothing_to_do(root: Path, index: Path) -> None:
    folder = project(root, "'numpy <2', einops")
    done = run(root, "lock", "--index", index, "--json")
    (row,) = json.loads(done.stdout)
    assert (row["project"], row["target"]) == ("p", "cpu")
    lock = yaml.safe_load((folder / "conda-lock.yml").read_text(encoding="utf-8"))
    assert [(package["name"], package["version"]) for package in lock["package"]] == [
        ("einops", "0.8.1"),
        ("numpy", "1.26.4"),
        ("python", "3.12.9"),
        ("python_abi", "3.12"),
    ]
    assert sorted(path.name for path in folder.iterdir()) == ["conda-lock.yml", "environment.yml", "virtual-packages.yml"]
    recorded = json.loads((root / "environments/index/conda-forge/linux-64/repodata.json").read_text(encoding="utf-8"))
    assert sorted(record["name"] for record in recorded["packages.conda"].values()) == ["numpy", "python"]
    assert "Nothing to do: every lock is up to date." in run(root, "lock").stderr
    assert not run(root, "lock", "--check").return_value


def test_a_project_that_has_changed_is_found_and_nothing_is_written(root: Path, index: Path) -> None:
    folder = project(root, "numpy")
    run(root, "lock", "--index", index)
    project(root, "einops")
    before = (folder / "conda-lock.yml").read_bytes()
    assert run(root, "lock", "--check").return_value == 1
    run(root, "lock", "--index", index, "--dry-run")
    assert (folder / "conda-lock.yml").read_bytes() == before


def test_what_no_channel_has_is_bad_input_with_its_line(root: Path, index: Path) -> None:
    project(root, "numpyy")
    with pytest.raises(EnvgenError) as caught:
        run(root, "lock", "--index", index)
    assert "numpyy" in str(caught.value)
    assert "environments/p/project.yaml:5:16" in str(caught.value)
    assert not (root / "environments/p/cpu").exists()


def test_what_has_no_solution_is_said_and_nothing_is_written(root: Path, index: Path) -> None:
    project(root, "needs-old-numpy, 'numpy >=2'")
    with pytest.raises(NoSolution) as caught:
        run(root, "lock", "--index", index)
    assert caught.value.exit_code == 4
    assert "needs-old-numpy" in str(caught.value)
    assert not (root / "environments/p/cpu").exists()


def test_an_index_has_the_records_of_one_name_and_platform(index: Path) -> None:
    found = FolderIndex(index, "index")
    records = found.records("numpy", locate("conda-forge"), "linux-64")
    assert sorted({(str(row.name.normalized), str(row.version)) for row in records}) == [("numpy", "1.26.4"), ("numpy", "2.2.6")]
    assert found.records("numpy", locate("conda-forge"), "osx-arm64") == []
    assert found.records("no-such-package", locate("conda-forge"), "linux-64") == []


def test_a_solve_takes_the_newest_that_goes_together(index: Path) -> None:
    (found,) = solve([request("numpy", "needs-old-numpy")], FolderIndex(index, "index"), 1)
    assert {record.name: record.version for record in found.records} == {
        "needs-old-numpy": "1.0",
        "numpy": "1.26.4",
        "python": "3.12.9",
        "python_abi": "3.12",
    }
    assert (found.platform, found.records[0].channel) == ("linux-64", "https://conda.anaconda.org/conda-forge")


@pytest.mark.parametrize(
    ("own", "virtual"), [(("numpy >=3",), {}), (("pytorch =*=cuda*",), {}), (("numpy <2", "needs-new-numpy"), {})]
)
def test_a_solve_without_solution_names_what_is_in_the_way(index: Path, own: tuple[str, ...], virtual: dict[str, str]) -> None:
    with pytest.raises(Unsolvable) as caught:
        solve([request(*own, **virtual)], FolderIndex(index, "index"), 1)
    assert own[0].split()[0] in str(caught.value)


def test_a_virtual_package_that_is_promised_lets_a_cuda_build_in(index: Path) -> None:
    (found,) = solve([request("pytorch =*=cuda*", __cuda="12.6")], FolderIndex(index, "index"), 1)
    assert next(record for record in found.records if record.name == "pytorch").build.startswith("cuda126")


def test_a_package_without_an_md5_cannot_be_pinned(index: Path) -> None:
    (found,) = solve([request("numpy")], FolderIndex(index, "index"), 1)
    bare = replace(found, records=(replace(found.records[0], md5=None), *found.records[1:]))
    (resolution,) = resolve(small_matrix(), project_of(PROJECT_OF_SMALL))
    item = Solved(resolution=resolution, solutions=(bare,), files=(), seconds=0)
    with pytest.raises(BadInput, match="has no md5 in https://conda.anaconda.org/conda-forge"):
        pin(item, (), "", Catalogue())
