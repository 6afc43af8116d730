"""Targets of a project's own through the commands: locked, verified, listed, installed, and judged by conda-lock."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from conftest import Workspace, clean_environment, repository
from system.channel import Package, build, compiled, pure, serve

from envgen.machine.system import current_platform

PROJECT = """\
python: "3.12"
frameworks: {pytorch: "2.9.*"}
targets:
  cpu:
  gpu: {cuda: {linux-64: "12.9", win-64: "12.8"}}
  old-cluster: {cuda: "12.9", platforms: [linux-64], driver: "525", virtual-packages: {__glibc: "2.34"}}
platforms: [linux-64, win-64]
channels: [conda-forge]
dependencies: [einops]
"""
OTHER = """\
python: "3.12"
targets: [cpu]
platforms: [linux-64]
channels: [conda-forge]
"""
RELEASE = "2.9.1"
DRIVER = {"linux-64": "cuda129", "win-64": "cuda128"}


def packages(platform: str) -> Iterator[Package]:
    yield Package("python", "3.12.9", "h9e4cc4f_0_cpython", constrains=("python_abi 3.12.* *_cp312",), subdir=platform)
    yield compiled("pytorch", RELEASE, "3.12", "cpu_generic", subdir=platform)
    cuda = DRIVER[platform]
    minor = f"12.{cuda[-1]}"
    yield compiled("pytorch", RELEASE, "3.12", f"{cuda}_generic", ("__cuda", f"cuda-version >={minor},<13"), platform)


SHARED = (
    Package("python_abi", "3.12", "8_cp312", constrains=("python 3.12.*",)),
    Package("cuda-version", "12.8", "h5d125a7_3", constrains=("__cuda >=12",)),
    Package("cuda-version", "12.9", "h4f385c5_3", constrains=("__cuda >=12",)),
    pure("einops", "0.8.1"),
)


@dataclass(frozen=True)
class Site:
    """A repository with two projects, of which `p` is locked, and the folder of its channel."""

    workspace: Workspace
    channels: Path

    def run(self, *words: object, status: int = 0, **variables: str) -> str:
        """Everything that a command says; it must end with a status."""
        done = self.workspace.envgen(*words, **variables)
        assert done.status == status, done.err
        return done.out + done.err

    def lock(self, target: str) -> Path:
        return self.workspace.root / "environments/p" / target / "conda-lock.yml"


@pytest.fixture(scope="module")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index folder with one channel, whose newest CUDA builds differ by platform."""
    folder = tmp_path_factory.mktemp("channels")
    build(folder / "conda-forge", [*SHARED, *packages("linux-64"), *packages("win-64")], ("linux-64", "win-64"))
    return folder


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, channels: Path) -> dict[str, bytes]:
    """The files of two projects, the first of which is locked."""
    folder = tmp_path_factory.mktemp("locked")
    workspace = repository(folder / "site", clean_environment(folder))
    workspace.project("p", PROJECT)
    workspace.project("q", OTHER)
    Site(workspace, channels).run("lock", "p", "--index", channels)
    return workspace.files()


@pytest.fixture
def site(workspace: Workspace, channels: Path, locked: dict[str, bytes]) -> Site:
    workspace.restore(locked)
    return Site(workspace, channels)


def builds(lock: Path) -> dict[tuple[str, str], str]:
    """What a lock holds of the packages that differ: (platform, name) -> version and build."""
    found = yaml.safe_load(lock.read_text(encoding="utf-8"))["package"]
    rows = [row for row in found if row["name"] in ("pytorch", "cuda-version")]
    return {(row["platform"], row["name"]): re.split(r"[/-]", row["url"])[-1].removesuffix(".conda") for row in rows}


def test_one_lock_has_the_builds_of_each_platform_and_verify_judges_each_by_its_cuda(site: Site) -> None:
    found = builds(site.lock("gpu"))
    assert found["linux-64", "pytorch"].startswith("cuda129")
    assert found["win-64", "pytorch"].startswith("cuda128")
    urls = site.lock("gpu").read_text(encoding="utf-8")
    assert "cuda-version-12.9" in urls
    assert "cuda-version-12.8" in urls
    rows = json.loads(site.run("verify", "--target", "gpu", "--json"))
    assert "error" not in json.dumps(rows).replace('"errors": 0', "")
    said = site.run("verify", "--target", "gpu")
    assert re.search(r"linux-64\s+cuda 12\.9\s+target gpu", said)
    assert re.search(r"win-64\s+cuda 12\.8\s+target gpu", said)


def test_verify_finds_the_build_of_the_wrong_cuda_on_one_platform(site: Site) -> None:
    path = site.workspace.root / "environments/p/project.yaml"
    path.write_text(PROJECT.replace('win-64: "12.8"', 'win-64: "12.6"'), encoding="utf-8")
    said = site.run("verify", "--target", "gpu", status=1)
    assert "wrong-cuda (win-64)" in said
    assert "(linux-64)" not in said


def test_a_second_lock_has_nothing_to_do_and_offline_gives_the_same_bytes(site: Site) -> None:
    before = site.lock("gpu").read_bytes()
    assert "Nothing to do" in site.run("lock", "p", "--index", site.channels)
    site.lock("gpu").unlink()
    site.run("lock", "p", "--offline")
    assert site.lock("gpu").read_bytes() == before


def test_conda_lock_itself_writes_the_same_bytes(site: Site) -> None:
    before = site.lock("gpu").read_bytes()
    site.lock("gpu").unlink()
    said = site.run("lock", "p", "--target", "gpu", "--index", site.channels, "--pin-with", "conda-lock")
    assert site.lock("gpu").read_bytes() == before
    assert "filtered out" not in said


def test_a_standard_target_keeps_windows_with_a_build_for_an_older_minor(site: Site) -> None:
    site.workspace.project("p", PROJECT.replace('  gpu: {cuda: {linux-64: "12.9", win-64: "12.8"}}\n', "  cu129:\n"))
    said = site.run("lock", "p", "--index", site.channels)
    assert "dropped" not in said
    found = builds(site.lock("cu129"))
    assert found["linux-64", "pytorch"].startswith("cuda129")
    assert found["win-64", "pytorch"].startswith("cuda128")
    assert "cuda-version-12.8" not in site.lock("cu129").read_text(encoding="utf-8")
    assert "pytorch-build-win-64 12.8" in site.lock("cu129").read_text(encoding="utf-8")
    assert "Nothing to do" in site.run("lock", "p", "--index", site.channels)


def test_the_promises_of_a_target_are_written_for_its_machines(site: Site) -> None:
    data = yaml.safe_load((site.lock("old-cluster").parent / "virtual-packages.yml").read_text(encoding="utf-8"))
    assert {name: data["subdirs"]["linux-64"]["packages"][name] for name in ("__cuda", "__glibc")} == {
        "__cuda": "12.9",
        "__glibc": "2.34",
    }
    data = yaml.safe_load((site.lock("gpu").parent / "virtual-packages.yml").read_text(encoding="utf-8"))
    assert {platform: row["packages"]["__cuda"] for platform, row in data["subdirs"].items()} == {
        "linux-64": "12.9",
        "win-64": "12.8",
    }


def test_every_command_knows_the_name(site: Site) -> None:
    assert "q: has no target `old-cluster`, skipped" in site.run("lock", "--target", "old-cluster", "--index", site.channels)
    assert "has no target `old-cluster`" in site.run("lock", "q", "--target", "old-cluster", status=2)
    assert "no target `old-clustr`" in site.run("lock", "--target", "old-clustr", status=2)
    assert site.run("resolve", "p", "--target", "old-cluster").startswith("p-old-cluster: linux-64\n")
    assert site.run("resolve", "p", "--target", "gpu").startswith("p-gpu: linux-64, win-64\n")
    assert "target old-cluster" in site.run("verify", "--target", "old-cluster")
    assert re.search(r"p\s+old-cluster\s+yes", site.run("list"))
    assert re.search(r"old-cluster\s+no: needs driver 525", site.run("doctor", "p", status=0))
    assert "its targets are cpu" in site.run("install", "q", "--target", "old-cluster", status=2)


def test_resolve_tells_a_program_the_cuda_of_each_platform(site: Site) -> None:
    found = {row["target"]: row for row in json.loads(site.run("resolve", "p", "--json"))}
    assert found["gpu"]["cuda_by_platform"] == {"linux-64": "12.9", "win-64": "12.8"}
    assert "cuda_by_platform" not in found["old-cluster"]


@pytest.mark.skipif(current_platform() != "linux-64", reason="the packages are for linux-64")
@pytest.mark.parametrize("target", ["gpu", "old-cluster"])
def test_an_environment_of_the_target_is_installed_from_its_lock(site: Site, tmp_path: Path, target: str) -> None:
    with serve(site.channels) as server:
        mirror = {"ENVGEN_MIRROR": server.url("").rstrip("/"), "ENVGEN_CACHE": str(tmp_path / "cache")}
        site.run("install", "p", "--target", target, **mirror)
    prefix = site.workspace.root / ".envs" / f"p-{target}"
    installed = {path.name for path in (prefix / "conda-meta").glob("*.json")}
    assert f"pytorch-{RELEASE}-cuda129_generic_py312h1234567_0.json" in installed
    assert f"target {target}" in site.run("verify", prefix)
    record = json.loads(next((prefix / "conda-meta").glob("pytorch-*.json")).read_text(encoding="utf-8"))
    assert record["requested_specs"] == [f"pytorch {RELEASE}.* cuda129*"]


def test_a_selector_that_changed_is_found_by_verify_and_by_the_check_of_locks(site: Site) -> None:
    path = site.lock("gpu").with_name("environment.yml")
    text = path.read_text(encoding="utf-8")
    swapped = text.replace("[linux64]", "[other]").replace("[win64]", "[linux64]").replace("[other]", "[win64]")
    assert swapped != text
    path.write_text(swapped, encoding="utf-8")
    said = site.run("verify", "--target", "gpu", status=1)
    assert {"other-run (linux-64)", "other-run (win-64)"} <= set(re.findall(r"other-run \(\S+\)", said))
    assert "p-gpu: environment.yml was changed by hand" in site.run("lock", "--check", "p", status=1)
    site.run("lock", "p", "--offline")
    assert path.read_text(encoding="utf-8") == text


def test_what_is_locked_for_each_platform_stays_when_a_dependency_is_added(site: Site) -> None:
    before = builds(site.lock("gpu"))
    site.run("remove", "p", "einops", "--index", site.channels)
    assert "einops" not in site.lock("gpu").read_text(encoding="utf-8")
    assert "einops" in site.run("add", "p", "einops", "--target", "gpu", "--index", site.channels)
    assert builds(site.lock("gpu")) == before
    assert "einops" not in site.lock("cpu").read_text(encoding="utf-8")
    assert "Nothing to do" in site.run("lock", "p", "--index", site.channels)


def test_a_conflict_has_the_lines_of_the_target_and_of_its_driver(site: Site) -> None:
    site.workspace.project("p", PROJECT.replace('driver: "525"', 'driver: "470"'))
    said = site.run("lock", "p", "--index", site.channels, status=3)
    assert "environments/p/project.yaml:6:3: target old-cluster (CUDA 12.9)" in said
    assert re.search(r"environments/p/project\.yaml:6:\d+: target old-cluster: driver 470", said)
