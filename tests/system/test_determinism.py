"""A lock does not depend on the machine that made it: the same records and wishes give the same bytes everywhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import REPO, Workspace, clean_environment
from nvml.build import FakeNvml, absent_nvml

PROJECTS = {
    "legacy": (REPO / "environments" / "legacy" / "project.yaml").read_text(encoding="utf-8"),  # two channels
    "trio": """\
python: "3.12"
frameworks: {pytorch: {version: ">=2.5", with: [torchvision]}}
targets: {cpu: , cu126: , cu129: {platforms: [linux-64]}} # versions differ in cu129
platforms: [linux-64, osx-arm64, win-64]
channels: [conda-forge]
numerics: {may-differ: [pytorch]}
dependencies: [numpy]
""",
}
HOSTILE_HOME = {
    ".condarc": "channels: [nowhere]\nchannel_priority: flexible\n",
    ".config/pip/pip.conf": "[global]\nindex-url = http://127.0.0.1:9\n",
}
VARIABLES = {
    "the driver's CUDA overridden": {"CONDA_OVERRIDE_CUDA": "11.2"},
    "no CUDA, by an override": {"CONDA_OVERRIDE_CUDA": ""},
    "an old C library": {"CONDA_OVERRIDE_GLIBC": "2.12", "CONDA_OVERRIDE_LINUX": "3.10", "CONDA_OVERRIDE_ARCHSPEC": "m1"},
    "a conda of another platform": {"CONDA_SUBDIR": "osx-arm64", "CONDA_CHANNELS": "nowhere", "CONDA_CHANNEL_PRIORITY": "flexible"},
    "another language and time zone": {
        "LANG": "C",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "TZ": "Pacific/Kiritimati",
    },
    "a colourful, narrow terminal": {"FORCE_COLOR": "1", "COLUMNS": "20", "TERM": "xterm-256color"},
}


@pytest.fixture
def ready(workspace: Workspace) -> Workspace:
    """A workspace with the projects to lock, and no lock."""
    return with_projects(workspace)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, unpacked_cache: Path, records: Path) -> dict[str, bytes]:
    """What one ordinary run writes."""
    top = tmp_path_factory.mktemp("expected")
    for folder in ("matrices", "templates"):
        shutil.copytree(REPO / folder, top / folder)
    workspace = with_projects(Workspace(top, {**clean_environment(top), "ENVGEN_CACHE": str(unpacked_cache)}))
    locked(workspace, records)
    files = workspace.files()
    assert {"legacy/cu116/conda-lock.yml", "trio/cpu/environment.yml", "index/conda-forge/win-64/repodata.json"} <= set(files)
    return files


def with_projects(workspace: Workspace) -> Workspace:
    for name, text in PROJECTS.items():
        workspace.project(name, text)
    return workspace


def locked(
    workspace: Workspace, records: Path, *words: str, cwd: Path | None = None, umask: int | None = None, **variables: str
) -> str:
    """Lock what is asked; what was said on stderr."""
    before = None if umask is None else os.umask(umask)
    try:
        done = workspace.envgen("lock", "--index", records, *words, cwd=cwd, fresh=umask is not None, **variables)
    finally:
        if before is not None:
            os.umask(before)
    assert done.status == 0, done.err
    return done.err


def nvml_only(environment: Mapping[str, str], fake: Mapping[str, str]) -> dict[str, str]:
    """The variables that lead to a made-up NVML, beside those that the environment has already."""
    found = {name: value for name, value in fake.items() if name.startswith("FAKE_NVML_")}
    for name in ("LD_LIBRARY_PATH", "PYTHONPATH"):
        found[name] = os.pathsep.join(filter(None, (fake.get(name), environment.get(name))))
    return found


@pytest.mark.parametrize("variables", VARIABLES.values(), ids=VARIABLES)
def test_the_environment_of_the_process_does_not_matter(
    ready: Workspace, records: Path, expected: dict[str, bytes], variables: dict[str, str]
) -> None:
    locked(ready, records, **variables)
    assert ready.files() == expected


@pytest.mark.parametrize(("jobs", "seed"), [("1", "0"), ("8", "1")])
def test_the_order_in_which_things_happen_does_not_matter(
    ready: Workspace, records: Path, expected: dict[str, bytes], jobs: str, seed: str
) -> None:
    """Of solves, by their number at once; of sets, by the hash seed."""
    locked(ready, records, "--jobs", jobs, PYTHONHASHSEED=seed)
    assert ready.files() == expected


def test_the_umask_does_not_matter(ready: Workspace, records: Path, expected: dict[str, bytes]) -> None:
    locked(ready, records, umask=0o077)
    assert ready.files() == expected


def test_home_and_cache_do_not_matter(ready: Workspace, records: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    """A new cache, and a home with settings of conda and pip that would change a solve of theirs."""
    home = tmp_path / "home of another"
    for name, text in HOSTILE_HOME.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    locked(ready, records, HOME=str(home), ENVGEN_CACHE=str(home / "cache"))
    assert ready.files() == expected


def test_the_working_directory_does_not_matter(ready: Workspace, records: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    locked(ready, records, "--root", str(ready.root), cwd=tmp_path)
    assert ready.files() == expected


def test_the_place_of_the_repository_does_not_matter(
    ready: Workspace, records: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    moved = Workspace(ready.root.rename(tmp_path / "ein Ordner für alles"), ready.environment)
    locked(moved, records)
    assert moved.files() == expected


def test_the_driver_does_not_matter(ready: Workspace, records: Path, expected: dict[str, bytes], nvml: FakeNvml) -> None:
    """It decides which target `gpu` is, and so what is locked first; not what a lock says."""
    fake = nvml_only(ready.environment, nvml(driver="450.80.02", cuda=11000, gpus="Tesla T4:7.5"))
    said = locked(ready, records, "legacy", "--target", "gpu", **fake)
    assert "450.80.02" in said
    locked(ready, records, **fake)
    assert ready.files() == expected


def test_a_machine_without_driver_locks_the_same(ready: Workspace, records: Path, expected: dict[str, bytes]) -> None:
    said = locked(ready, records, "--target", "gpu", **nvml_only(ready.environment, absent_nvml()))
    assert "legacy: cu116" in said
    locked(ready, records, "--update")
    assert ready.files() == expected


def test_one_after_the_other_is_all_at_once(ready: Workspace, records: Path, expected: dict[str, bytes]) -> None:
    """Projects and targets of a project can be locked in any order, in runs of their own; an update aligns what stayed as it was."""
    for target in ("cu126", "cpu", "cu129"):
        locked(ready, records, "trio", "--target", target)
    locked(ready, records, "legacy")
    locked(ready, records, "--update")
    assert ready.files() == expected


def test_solving_again_changes_nothing(ready: Workspace, records: Path, expected: dict[str, bytes]) -> None:
    """`--update` over locks that are there, from the same records."""
    locked(ready, records, "legacy")
    locked(ready, records, "--update")
    assert ready.files() == expected
