"""Frameworks from wheels, against an index on loopback with stand-ins for those of PyTorch and of CUDA: locked and verified."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Workspace
from system.channel import build
from system.test_pip_indexes import Index, urls, wheels  # noqa: F401 - a fixture

PROJECT = """\
python: "3.12"
frameworks:
  pytorch: {version: "2.14.1", provider: pypi}
targets: [cpu, cu130]
platforms: [linux-64]
channels: [conda-forge]
"""
TORCH = "cp312-cp312-manylinux_2_28_x86_64"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    build(tmp_path / "index" / "conda-forge")
    return tmp_path / "index"


@pytest.fixture
def site(workspace: Workspace, wheels: Index) -> Workspace:  # noqa: F811
    """A repository whose matrices have the index of PyTorch on loopback, and an index with what its wheels need."""
    file = workspace.root / "matrices" / "pytorch.yaml"
    text = file.read_text(encoding="utf-8")
    assert "https://download.pytorch.org/whl/{variant}" in text
    file.write_text(text.replace("https://download.pytorch.org/whl/{variant}", wheels.url("whl/{variant}")), encoding="utf-8")
    wheels.wheel("whl/cpu", "torch", "2.14.1+cpu", "tinyops", tag=TORCH)
    cuda = ("nvidia-cuda-runtime==13.0.96", "nvidia-cublas==13.1.0.3", "nvidia-cudnn-cu13==9.24.0.43", "tinyops")
    wheels.wheel("whl/cu130", "torch", "2.14.1+cu130", *cuda, tag=TORCH)
    wheels.wheel("whl/cu130", "tinyops", "9.0")  # nothing but the framework comes from its index
    for name, versions in {
        "nvidia_cuda_runtime": ("13.0.96", "13.5.37"),
        "nvidia_cublas": ("13.1.0.3",),
        "nvidia_cudnn_cu13": ("9.24.0.43",),
        "tinyops": ("1.0",),
        "torch": ("2.14.1", "2.15.0"),  # the public index has the name, too
    }.items():
        for version in versions:
            wheels.wheel("main", name, version)
    return workspace


def lock(site: Workspace, index: Path, wheels: Index, text: str) -> str:  # noqa: F811
    site.project("demo", f'{text}pip-repositories: ["{wheels.url("main")}"]\n')
    done = site.envgen("lock", "--index", index)
    assert done.status == 0, done.err
    return done.err


def test_cpu_and_cuda_targets_stand_side_by_side(site: Workspace, index: Path, wheels: Index) -> None:  # noqa: F811
    lock(site, index, wheels, PROJECT)
    cpu, cuda = (urls(site, f"environments/demo/{target}/conda-lock.yml") for target in ("cpu", "cu130"))
    assert cpu == ["main/tinyops/tinyops-1.0-py3-none-any.whl", f"whl/cpu/torch/torch-2.14.1+cpu-{TORCH}.whl"]
    assert f"whl/cu130/torch/torch-2.14.1+cu130-{TORCH}.whl" in cuda
    assert "main/nvidia-cuda-runtime/nvidia_cuda_runtime-13.0.96-py3-none-any.whl" in cuda
    assert "main/tinyops/tinyops-1.0-py3-none-any.whl" in cuda
    assert len(cuda) == 5
    for target in ("cpu", "cu130"):
        lock_text = (site.root / f"environments/demo/{target}/conda-lock.yml").read_text(encoding="utf-8")
        assert "name: pytorch" not in lock_text
        done = site.envgen("verify", f"environments/demo/{target}/conda-lock.yml")
        assert done.status == 0, done.out + done.err


def test_locking_again_changes_nothing(site: Workspace, index: Path, wheels: Index) -> None:  # noqa: F811
    lock(site, index, wheels, PROJECT)
    before = site.files()
    lock(site, index, wheels, PROJECT)
    assert site.files() == before


def test_a_mirror_of_the_project_comes_before_the_index_of_the_matrices(
    site: Workspace,
    index: Path,
    wheels: Index,  # noqa: F811
) -> None:
    wheels.wheel("mirror", "torch", "2.14.1+cu130", "tinyops", "nvidia-cuda-runtime==13.0.96", tag=TORCH)
    mirror = f'pip-indexes:\n  mirror: {{url: "{wheels.url("mirror")}", packages: [torch]}}\n'
    lock(site, index, wheels, PROJECT.replace("[cpu, cu130]", "[cu130]") + mirror)
    assert f"mirror/torch/torch-2.14.1+cu130-{TORCH}.whl" in urls(site, "environments/demo/cu130/conda-lock.yml")


def test_the_minor_of_cuda_that_a_framework_leaves_open_is_the_targets(
    site: Workspace,
    index: Path,
    wheels: Index,  # noqa: F811
) -> None:
    for name, versions in {
        "jax_cuda13_plugin": ("0.10.2",),
        "jaxlib": ("0.10.2",),
        "nvidia_cuda_nvcc": ("13.0.88", "13.5.37"),
        "nvidia_nvvm": ("13.0.88", "13.5.37"),
    }.items():
        for version in versions:
            wheels.wheel("main", name, version)
    needs = ("nvidia-cuda-nvcc>=13.0.48", "nvidia-nvvm", "nvidia-cuda-runtime>=13.0.48", "jaxlib", "jax-cuda13-plugin")
    wheels.wheel("main", "jax", "0.10.2", *needs)
    for version, patch in (("13.0.2", ("13.0.96", "13.0.88")), ("13.5.0", ("13.5.37", "13.5.37"))):
        wheels.wheel("main", "cuda_toolkit", version, f"nvidia-cuda-runtime=={patch[0]}", f"nvidia-cuda-nvcc=={patch[1]}")
    text = PROJECT.replace('pytorch: {version: "2.14.1"', 'jax: {version: "0.10.2"').replace("[cpu, cu130]", "[cu130]")
    lock(site, index, wheels, text)
    found = [url.rpartition("/")[2] for url in urls(site, "environments/demo/cu130/conda-lock.yml")]
    assert [file for file in found if file.startswith("nvidia")] == [
        "nvidia_cuda_nvcc-13.0.88-py3-none-any.whl",
        "nvidia_cuda_runtime-13.0.96-py3-none-any.whl",
        "nvidia_nvvm-13.0.88-py3-none-any.whl",
    ]
