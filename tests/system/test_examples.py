"""What the committed locks hold, judged from their text alone; and that there is nothing to do for them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import REPO, Workspace, some

LOCKS = sorted((REPO / "environments").glob("*/*/conda-lock.yml"))
IDS = ["-".join(path.parts[-3:-1]) for path in LOCKS]
CUDA = [pytest.param(path, id=name) for path, name in zip(LOCKS, IDS, strict=True) if path.parent.name != "cpu"]
CPU = [pytest.param(path, id=name) for path, name in zip(LOCKS, IDS, strict=True) if path.parent.name == "cpu"]
# The package that must be there for a framework, and those that hold its compiled code, wherever they are there.
FRAMEWORK = {"pytorch": "pytorch", "tensorflow": "tensorflow", "jax": "jaxlib"}
COMPILED = {"pytorch", "libtorch", "torchvision", "torchaudio", "tensorflow", "tensorflow-base", "jaxlib"}
OF_NVIDIA = re.compile(r"cuda|cudnn|nccl|nvidia|cutensor|libcu(blas|fft|rand|solver|sparse|file)|(?<![a-z])cu[0-9]{2,3}(?![0-9])")
URL = re.compile(
    r"https://conda\.anaconda\.org/(?:conda-forge|pytorch|nvidia)/(?P<subdir>[a-z0-9-]+)/[A-Za-z0-9_.+!-]+\.(?:conda|tar\.bz2)"
)
# Its record is put together from public notes, which have no sha256 (../shared/channels/README.md).
WITHOUT_SHA256 = {"cudatoolkit-11.6.0-habf752d_10.tar.bz2"}
PROMISED = {"linux": {"__linux", "__unix", "__glibc"}, "osx": {"__osx", "__unix"}, "win": {"__win"}}
# Runs envgen; to import what solves or pins, to open a socket, a process or a file for writing, is an error.
GUARDED = """
import os, sys
def hook(event, args):
    if event == "import" and args[0].split(".")[0] in ("rattler", "conda_lock"):
        raise RuntimeError(f"guard: import of {args[0]}")
    if event.startswith(("socket.", "subprocess.", "os.posix_spawn", "os.rename", "os.remove", "os.mkdir", "os.truncate")):
        raise RuntimeError(f"guard: {event}")
    if event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        raise RuntimeError(f"guard: {args[0]} opened for writing")
sys.addaudithook(hook)
from envgen.cli.main import run
run()
"""


@cache
def data(path: Path) -> Any:
    """A YAML file."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def packages(lock: Path) -> list[dict[str, Any]]:
    """The packages of a lock; there are some."""
    found: list[dict[str, Any]] = data(lock)["package"]
    assert found
    return found


def file_name(row: dict[str, Any]) -> str:
    return str(row["url"]).rpartition("/")[2]


def built_for(row: dict[str, Any]) -> list[str]:
    """Every CUDA that the build in a file's name names: `_cuda11.6_`, `cuda126_`, `cuda126py312`, `_cu118`."""
    build = re.sub(r"\.(conda|tar\.bz2)$", "", file_name(row)).removeprefix(f"{row['name']}-{row['version']}-")
    return [cuda.replace(".", "") for cuda in re.findall(r"(?:^|_)cu(?:da)?([0-9]+\.?[0-9])(?=_|py|$)", build)]


def guarded(clone: Workspace, *words: str) -> subprocess.CompletedProcess[str]:
    variables = {**clone.environment, "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-c", GUARDED, "lock", *words]
    return subprocess.run(argv, cwd=clone.root, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture
def clone(workspace: Workspace) -> Workspace:
    """This repository as a clone has it."""
    shutil.copytree(REPO / "environments", workspace.root / "environments")
    return workspace


def test_the_examples_cover_what_they_are_there_for() -> None:
    """All three dialects, CPU beside CUDA in each project, CUDA 11, 12 and 13, every platform."""
    assert {"vision-cu126", "legacy-cu113", "transition-cu118", "both-cu126", "tensorflow-cu126", "jax-cu129"} <= set(IDS)
    assert {f"{path.parent.parent.name}-cpu" for path in LOCKS} <= set(IDS)
    assert {path.parent.name[2:4] for path in LOCKS if path.parent.name != "cpu"} == {"11", "12", "13"}
    platforms = {row["platform"] for path in LOCKS for row in packages(path)}
    assert platforms == {"linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64"}


@pytest.mark.parametrize("lock", CUDA)
def test_a_cuda_target_holds_frameworks_built_for_that_cuda(lock: Path) -> None:
    """By the build in the file's name: cuda126, cuda11.6 or cu118, and no other CUDA."""
    digits = lock.parent.name.removeprefix("cu")
    built = {(row["platform"], row["name"]): built_for(row) for row in packages(lock) if row["name"] in COMPILED}
    frameworks = data(lock.parent.parent / "project.yaml")["frameworks"]
    assert {(platform, FRAMEWORK[name]) for platform in data(lock)["metadata"]["platforms"] for name in frameworks} <= set(built)
    assert built == dict.fromkeys(built, [digits])


@pytest.mark.parametrize("lock", CUDA)
def test_a_cuda_target_brings_the_cuda_it_is_called_after(lock: Path) -> None:
    """In the package that pins it: cuda-version, cudatoolkit or pytorch-cuda, on each platform."""
    digits = lock.parent.name.removeprefix("cu")
    wanted = f"{digits[:-1]}.{digits[-1]}"
    for platform in some(data(lock)["metadata"]["platforms"]):
        versions = {row["name"]: ".".join(row["version"].split(".")[:2]) for row in packages(lock) if row["platform"] == platform}
        pin = next(name for name in ("pytorch-cuda", "cudatoolkit", "cuda-version") if name in versions)
        assert (pin, versions[pin]) == (pin, wanted)


@pytest.mark.parametrize("lock", CPU)
def test_a_cpu_target_holds_nothing_of_cuda(lock: Path) -> None:
    """No CUDA build, no CUDA library, nothing that asks for a GPU; by file names and dependencies."""
    assert [file_name(row) for row in packages(lock) if OF_NVIDIA.search(file_name(row)) or "__cuda" in row["dependencies"]] == []
    built = {row["name"] for row in packages(lock)}
    assert {FRAMEWORK[name] for name in data(lock.parent.parent / "project.yaml")["frameworks"]} <= built


@pytest.mark.parametrize(
    "name",
    [
        "pytorch-2.6.0-cuda126_mkl_py312_h.conda",
        "torchaudio-2.1.0-py310_cu121.tar.bz2",
        "libcublas-12.conda",
        "pytorch-mutex-1.0-cuda.tar.bz2",
    ],
)
def test_the_judge_of_cpu_targets_knows_cuda_when_it_sees_it(name: str) -> None:
    assert OF_NVIDIA.search(name)


@pytest.mark.parametrize("lock", LOCKS, ids=IDS)
def test_lock_spec_and_promises_speak_of_the_same_platforms(lock: Path) -> None:
    """In all three files, and in the packages; those the project asks for, less what the target cannot serve."""
    platforms = sorted(data(lock)["metadata"]["platforms"])
    assert sorted(data(lock.parent / "virtual-packages.yml")["subdirs"]) == platforms
    assert sorted(data(lock.parent / "environment.yml")["platforms"]) == platforms
    assert sorted({row["platform"] for row in packages(lock)}) == platforms
    assert set(platforms) <= set(data(lock.parent.parent / "project.yaml")["platforms"])


@pytest.mark.parametrize("lock", LOCKS, ids=IDS)
def test_a_target_promises_its_own_cuda_and_a_cpu_target_none(lock: Path) -> None:
    """And always the system, its C library and the processor."""
    digits = lock.parent.name.removeprefix("cu")
    cuda = {} if lock.parent.name == "cpu" else {"__cuda": f"{digits[:-1]}.{digits[-1]}"}
    for platform, promised in some(data(lock.parent / "virtual-packages.yml")["subdirs"].items()):
        packages = promised["packages"]
        assert {name: value for name, value in packages.items() if name == "__cuda"} == cuda
        assert set(packages) - set(cuda) == PROMISED[platform.split("-")[0]] | {"__archspec"}


@pytest.mark.parametrize("lock", LOCKS, ids=IDS)
def test_every_package_is_a_conda_package_from_a_public_channel_with_hashes(lock: Path) -> None:
    """No pip, no credentials, no other host; the file is one for that platform."""
    for row in some(packages(lock)):
        found = URL.fullmatch(row["url"])
        assert found, row["url"]
        assert (row["manager"], found["subdir"]) in {("conda", row["platform"]), ("conda", "noarch")}
        assert re.fullmatch("[0-9a-f]{32}", row["hash"]["md5"]), row["url"]
        assert re.fullmatch("[0-9a-f]{64}", row["hash"].get("sha256", "")) or file_name(row) in WITHOUT_SHA256, row["url"]


@pytest.mark.parametrize("lock", LOCKS, ids=IDS)
def test_a_lock_holds_each_package_once_and_all_that_it_needs(lock: Path) -> None:
    """Per platform: one version of a name, and every dependency is there or is promised by the machine."""
    for platform, promised in some(data(lock.parent / "virtual-packages.yml")["subdirs"].items()):
        rows = [row for row in packages(lock) if row["platform"] == platform]
        names = [row["name"] for row in rows]
        assert len(names) == len(set(names))
        needed = {name for row in rows for name in row["dependencies"]}
        assert needed - set(names) - set(promised["packages"]) == set()


def test_there_is_nothing_to_do_for_the_examples(clone: Workspace) -> None:
    """Status 0 with neither solver nor conda-lock imported, no socket, no process, nothing opened for writing.

    A run before it has read the facts into the cache.
    """
    assert clone.envgen("resolve", "legacy").status == 0
    assert clone.envgen("lock").status == 0
    before = {path: path.stat().st_mtime_ns for path in clone.root.rglob("*")}
    run = guarded(clone)
    assert run.returncode == 0, run.stderr
    assert "Nothing to do" in run.stderr
    assert {path: path.stat().st_mtime_ns for path in clone.root.rglob("*")} == before


def test_the_guard_of_the_law_above_sees_a_solve(clone: Workspace) -> None:
    """Where there is something to do, the same guard stops it."""
    run = guarded(clone, "jax", "--update", "--offline")
    assert run.returncode != 0
    assert "guard: import of rattler" in run.stderr
