"""What the records leave open and the matrices do not: environments of old releases that run, locked from genuine records."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from conftest import Workspace

CHANNELS = "channels: [pytorch, nvidia, conda-forge]"


def project(version: str, *lines: str, targets: str = "cpu", python: str = "3.10", channels: str = CHANNELS) -> str:
    """A project with one release of the channel of PyTorch's makers."""
    frameworks = f'frameworks: {{pytorch: {{version: "{version}", provider: pytorch}}}}'
    return "\n".join((f'python: "{python}"', frameworks, f"targets: [{targets}]", "platforms: [linux-64]", channels, *lines)) + "\n"


def locked(workspace: Workspace, target: str = "cpu") -> dict[str, str]:
    """The packages of a lock and their versions."""
    path = workspace.root / "environments" / "old" / target / "conda-lock.yml"
    return {package["name"]: package["version"] for package in yaml.safe_load(path.read_text(encoding="utf-8"))["package"]}


def without_bounds(workspace: Workspace) -> None:
    """Take the bounds out of the matrices."""
    for path in (workspace.root / "matrices").glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"^bounds:\n(?:[ #].*\n|\n)*", "", text, flags=re.MULTILINE), encoding="utf-8")


def spec_file(workspace: Workspace, target: str = "cpu") -> str:
    return (workspace.root / "environments" / "old" / target / "environment.yml").read_text(encoding="utf-8")


def test_torch_of_2023_gets_the_numpy_that_it_was_built_for(workspace: Workspace, sample: Path) -> None:
    """`dependencies: [numpy]` would get NumPy 2, with which no tensor becomes an array."""
    workspace.project("old", project("2.1.0", "dependencies: [numpy]"))
    run = workspace.envgen("lock", "--index", sample)
    assert (run.status, locked(workspace)["numpy"]) == (0, "1.26.4"), run.err
    assert "needs numpy <2, or tensors cannot be made of arrays" in spec_file(workspace)
    assert "\n  - numpy <2\n" in spec_file(workspace)
    assert workspace.envgen("verify").status == 0


def test_without_the_bound_it_would_get_another_and_verify_would_say_so(workspace: Workspace, sample: Path) -> None:
    """The records allow it; the facts that come with envgen know better."""
    matrices = workspace.root / "matrices"
    before = {path.name: path.read_bytes() for path in matrices.iterdir()}
    without_bounds(workspace)
    workspace.project("old", project("2.1.0", "dependencies: [numpy]"))
    assert workspace.envgen("lock", "--index", sample).status == 0
    assert locked(workspace)["numpy"].startswith("2.")
    for name, data in before.items():
        (matrices / name).write_bytes(data)
    run = workspace.envgen("verify")
    assert run.status == 0
    assert "warning: partly-broken (linux-64): numpy 2." in run.out
    assert "https://github.com/pytorch/pytorch/issues/132179 (matrices/pytorch.yaml:" in run.out


def test_a_package_that_nobody_needs_is_not_brought_along(workspace: Workspace, sample: Path) -> None:
    """2.1 does not depend on numpy: a bound on it is a remark in environment.yml."""
    workspace.project("old", project("2.1.0"))
    run = workspace.envgen("lock", "--index", sample)
    assert run.status == 0, run.err
    assert not {"numpy", "setuptools"} & locked(workspace).keys()
    assert "  # if anything brings numpy: pytorch <2.3 needs numpy <2" in spec_file(workspace)


def test_a_bound_that_is_only_a_remark_still_holds_for_the_solver(workspace: Workspace, sample: Path) -> None:
    """pandas depends on numpy, whatever its version."""
    workspace.project("old", project("2.1.0", "dependencies: [pandas]"))
    run = workspace.envgen("lock", "--index", sample)
    assert (run.status, locked(workspace)["numpy"]) == (0, "1.26.4"), run.err


@pytest.mark.parametrize("command", ["resolve", "lock"])
def test_a_dependency_that_contradicts_is_told_with_the_source_before_anything_is_solved(
    workspace: Workspace, command: str
) -> None:
    workspace.project("old", project("2.1.0", 'dependencies: ["numpy >=2"]'))
    run = workspace.envgen(command, "old")
    assert run.status == 3
    assert "environments/old/project.yaml:6:16: dependencies numpy >=2" in run.err
    assert "needs numpy <2, or tensors cannot be made of arrays" in run.err
    assert "because: https://github.com/pytorch/pytorch/issues/132179" in run.err
    assert "dependencies numpy >=2 -> numpy" in run.err
    assert "pytorch 2.1.0 -> 2.3.0" in run.err


def test_what_the_project_says_of_a_package_stays_part_of_its_spec(workspace: Workspace, sample: Path) -> None:
    workspace.project("old", project("2.1.0", 'dependencies: ["numpy >=1.22"]'))
    run = workspace.envgen("lock", "--index", sample)
    assert (run.status, locked(workspace)["numpy"]) == (0, "1.26.4"), run.err
    assert "\n  - numpy >=1.22,<2\n" in spec_file(workspace)


def test_resolve_shows_what_is_bounded_why_and_where_that_is_written(workspace: Workspace) -> None:
    workspace.project("old", project("1.12.1", "dependencies: [numpy]", channels="channels: [pytorch, conda-forge]"))
    for words in ((), ("--explain",)):
        run = workspace.envgen("resolve", "old", *words)
        text = " ".join(run.out.split())
        assert run.status == 0
        assert "mkl <2024.1 pytorch <2.1 with provider pytorch and platform linux-64 needs mkl <2024.1" in text
        assert "iJIT_NotifyEvent" in text
        assert "(matrices/pytorch.yaml:" in text
    assert "https://github.com/pytorch/pytorch/issues/123097" in text


def index_of(folder: Path, channel: str, *packages: tuple[str, str, str, list[str]]) -> None:
    """Package records of a made-up channel: name, version, build and dependencies."""
    rows = {
        f"{name}-{version}-{build}.conda": {
            "name": name,
            "version": version,
            "build": build,
            "build_number": 0,
            "depends": depends,
            "subdir": "linux-64",
            "md5": "ab" * 16,
            "sha256": "cd" * 32,
            "size": 1,
        }
        for name, version, build, depends in packages
    }
    for subdir, found in (("linux-64", rows), ("noarch", {})):
        path = folder / channel / subdir / "repodata.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"info": {"subdir": subdir}, "packages": {}, "packages.conda": found}), encoding="utf-8")


def test_a_release_without_the_bound_is_not_refused_for_it(workspace: Workspace, tmp_path: Path) -> None:
    """The solver is asked about each release with the bounds of that release, not with those of the one that failed."""
    index = tmp_path / "index"
    index_of(index, "nvidia")
    torch = [("pytorch", version, "py3.10_cpu_0", ["python >=3.10,<3.11.0a0", "numpy"]) for version in ("2.2.2", "2.3.1")]
    index_of(index, "pytorch", *torch, ("cpuonly", "2.0", "0", []))
    numpys = [("numpy", version, "py310_0", []) for version in ("1.26.4", "2.0.0")]
    index_of(index, "conda-forge", ("python", "3.10.13", "0", []), ("needy", "1.0", "0", ["numpy >=2"]), *numpys)
    without_bounds(workspace)
    bound = (
        'bounds:\n  - {when: {pytorch: ">=2.3"}, need: {numpy: "<2"}, breaks: it, because: https://example.com}\n\nconstraints:\n'
    )
    path = workspace.root / "matrices" / "pytorch.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("constraints:\n", bound, 1), encoding="utf-8")
    workspace.project("old", project(">=2.2,<2.4", "dependencies: [needy]"))
    run = workspace.envgen("lock", "--index", index)
    assert run.status == 0, run.err
    assert (locked(workspace)["pytorch"], locked(workspace)["numpy"]) == ("2.2.2", "2.0.0")


def test_where_the_channels_leave_no_way_the_bound_and_the_dependency_are_named(workspace: Workspace, tmp_path: Path) -> None:
    """The solver's own words name a constraint for each package that it excludes; here it is named once."""
    index = tmp_path / "index"
    index_of(index, "nvidia")
    torch = ("pytorch", "2.1.0", "py3.10_cpu_0", ["python >=3.10,<3.11.0a0"])
    index_of(index, "pytorch", torch, ("cpuonly", "2.0", "0", []))
    numpys = [("numpy", version, "py310_0", []) for version in ("1.26.4", "2.0.0", "2.1.0", "2.2.0")]
    index_of(index, "conda-forge", ("python", "3.10.13", "0", []), ("needy", "1.0", "0", ["numpy >=2"]), *numpys)
    workspace.project("old", project("2.1.0", "dependencies: [needy]"))
    run = workspace.envgen("lock", "--index", index)
    assert run.status == 4
    assert run.err.count("the constraint numpy <2 cannot be fulfilled") == 1
    told = run.err.partition("without any one of them there is one:")[2]
    assert "environments/old/project.yaml:6:16: needy\n" in told
    assert "pytorch <2.3 needs numpy <2, or tensors cannot be made of arrays" in told
    assert "because: https://github.com/pytorch/pytorch/issues/132179" in told


RELEASES = {
    "1.7.1": "3.8",
    "1.8.1": "3.8",
    "1.9.1": "3.9",
    "1.10.2": "3.9",
    "1.11.0": "3.9",
    "1.12.1": "3.10",
    "1.13.1": "3.10",
    "2.0.1": "3.10",
}


def test_no_release_gets_a_version_with_which_it_cannot_be_imported(workspace: Workspace, snapshot: Path) -> None:
    """From all records of the snapshot; `setuptools` is asked for so that the bounds on it count."""
    for version, python in RELEASES.items():
        name = f"with-{version.replace('.', '-')}"
        workspace.project(name, project(version, "dependencies: [numpy, setuptools]", python=python))
    run = workspace.envgen("lock", "--index", snapshot)
    assert run.status == 0, run.err
    assert len(list(workspace.root.glob("environments/with-*/*/conda-lock.yml"))) == len(RELEASES)
    assert [line for line in workspace.envgen("verify", "--json").out.splitlines() if "-broken" in line] == []
