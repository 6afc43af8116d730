"""A project whose framework comes from wheels, from its lock to what computes: installed by pip from an index on loopback, run, probed."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from conftest import Workspace, clean_environment, repository
from nvml.build import FakeNvml, absent_nvml, changes
from system import frameworks
from system.channel import Server, serve
from system.stand_in import MINOR, SITE, SUBDIR, channel, pip_package, python_package
from system.test_wheels import index_of

pytestmark = pytest.mark.skipif(SUBDIR != "linux-64", reason="the wheels are for linux-64")
INDEX = "https://download.pytorch.org/whl/{variant}"
LINUX = "py3-none-manylinux_2_28_x86_64"  # for whichever Python runs the tests
PROJECT = f"""\
python: "{MINOR}.*"
frameworks:
  pytorch: {{version: "2.14.1", provider: pypi}}
targets: [cpu, cu130]
platforms: [linux-64]
"""


def wheel(folder: Path, name: str, version: str, needs: tuple[str, ...] = (), files: Mapping[str, str] | None = None) -> None:
    """A genuine wheel of some files, on the page of its project."""
    page, info = folder / name.replace("_", "-"), f"{name}-{version}.dist-info"
    page.mkdir(parents=True, exist_ok=True)
    required = "".join(f"Requires-Dist: {need}\n" for need in needs)
    with zipfile.ZipFile(page / f"{name}-{version}-{LINUX}.whl", "w") as archive:
        for path, text in (files or {f"nvidia/{name}.txt": version}).items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: {LINUX}\n")
        archive.writestr(f"{info}/RECORD", "")


def torch(folder: Path, label: str, cuda: str | None, *needs: str) -> None:
    files = frameworks.torch("2.14.1", cuda)[0].files
    texts = {path.removeprefix(f"{SITE}/"): text for path, text in files.items() if isinstance(text, str)}
    wheel(folder, "torch", f"2.14.1+{label}", needs, texts)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A repository with both targets locked and installed, and the server that they came from."""
    top = tmp_path_factory.mktemp("wheels")
    www = top / "www"
    channel(www / "c", (python_package(), pip_package()))
    torch(www / "whl" / "cpu", "cpu", None)
    torch(www / "whl" / "cu130", "cu130", "13.0", "nvidia-cuda-runtime==13.0.96", "nvidia-cudnn-cu13==9.24.0.43")
    for name, version in (
        ("nvidia_cuda_runtime", "13.0.96"),
        ("nvidia_cuda_runtime", "13.5.37"),
        ("nvidia_cudnn_cu13", "9.24.0.43"),
    ):
        wheel(www / "main", name, version)
    for folder in (www / "whl" / "cpu", www / "whl" / "cu130", www / "main"):
        index_of(folder)
    made = repository(top / "site", clean_environment(top))
    with serve(www) as server:
        _locked(made, server)
        yield made


def _locked(site: Workspace, server: Server) -> None:
    file = site.root / "matrices" / "pytorch.yaml"
    text = file.read_text(encoding="utf-8")
    assert INDEX in text
    file.write_text(text.replace(INDEX, server.url("whl/{variant}")), encoding="utf-8")
    site.project("p", f'{PROJECT}channels: ["{server.url("c")}"]\npip-repositories: ["{server.url("main")}"]\n')
    done = site.envgen("lock")
    assert done.status == 0, done.err
    for target in ("cpu", "cu130"):
        done = site.envgen("install", "p", "--target", target)
        assert done.status == 0, done.err


def _probed(site: Workspace, target: str, machine: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    done = site.envgen("probe", "p", "--target", target, "--json", **changes(machine))
    assert done.out, done.err
    found: dict[str, Any] = json.loads(done.out)
    return done.status, found


def test_verify_finds_nothing_wrong_in_locks_and_environments(site: Workspace) -> None:
    for target in ("cpu", "cu130"):
        for path in (f"environments/p/{target}/conda-lock.yml", f".envs/p-{target}"):
            done = site.envgen("verify", "--target", target, path)
            assert (done.status, done.err) == (0, ""), done.out


def test_each_environment_has_the_wheel_of_its_target(site: Workspace) -> None:
    code = "import torch; print(torch.version.cuda)"
    for target, cuda in (("cpu", "None"), ("cu130", "13.0")):
        done = site.envgen("run", "p", "--target", target, "--", "python", "-c", code)
        assert (done.status, done.out) == (0, f"{cuda}\n"), done.err
        there = {path.name for path in (site.root / f".envs/p-{target}" / SITE).glob("nvidia_*.dist-info")}
        cudas = {"nvidia_cuda_runtime-13.0.96.dist-info", "nvidia_cudnn_cu13-9.24.0.43.dist-info"}
        assert there == (cudas if target == "cu130" else set())


def test_probe_knows_the_wheels_of_a_cpu_and_of_a_cuda_target(site: Workspace, nvml: FakeNvml) -> None:
    machine = nvml(driver="580.65.06", cuda=13000, gpus="Tesla T4:7.5")
    for target, expected in (("cpu", (False, "cpu")), ("cu130", (True, "gpu"))):
        status, found = _probed(site, target, machine)
        (row,) = found["frameworks"]
        assert (status, row["framework"], row["version"]) == (0, "pytorch", "2.14.1"), found
        assert (row["cuda_build"], row["ran_on"], row["agrees"]) == (*expected, True)
    status, found = _probed(site, "cu130", absent_nvml())
    assert (status, [issue["rule"] for issue in found["frameworks"][0]["issues"]]) == (1, ["no-driver"])


def test_doctor_says_which_target_of_wheels_fits_the_machine(site: Workspace, nvml: FakeNvml) -> None:
    for machine, fits in (
        (nvml(driver="580.65.06", cuda=13000, gpus="Tesla T4:7.5"), {"cpu": True, "cu130": True}),
        (nvml(driver="560.35.03", cuda=12060, gpus="Tesla T4:7.5"), {"cpu": True, "cu130": False}),
        (absent_nvml(), {"cpu": True, "cu130": False}),
    ):
        done = site.envgen("doctor", "p", "--json", **changes(machine))
        (project,) = json.loads(done.out)["projects"]
        assert {row["target"]: row["fits"] for row in project["targets"]} == fits, done.err
        assert project["chosen"] == ("cu130" if fits["cu130"] else "cpu")
