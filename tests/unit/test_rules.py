"""Every rule fires where it should and is silent where it should not; the gate holds a lock against what was resolved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from conftest import REPO, some
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from unit.small import PROJECT, examples, project_of, small_matrix

from envgen.formats.environment_file import read_environment_file
from envgen.model.facts import LeftOut, Matrix
from envgen.model.findings import Claim
from envgen.model.gpu import Gpu
from envgen.model.packages import Lock, LockedPackage
from envgen.resolver.resolve import resolve
from envgen.verify.check import cases, check, claims_of, inferred
from envgen.verify.judgements import Judgements
from envgen.verify.registry import REGISTRY

CHANNEL = "https://conda.anaconda.org/conda-forge"
SHA, MD5 = "ab" * 32, "cd" * 16
V100, A100, B200 = (
    Gpu(name=name, capability=Version(capability)) for name, capability in (("V100", "7.0"), ("A100", "8.0"), ("B200", "10.0"))
)
ORIN = Gpu(name="Jetson AGX Orin", capability=Version("8.7"), platforms=frozenset({"linux-aarch64"}), tegra=True)


def conda(name: str, version: str = "1.0", build: str = "h1234567_0", *depends: str, **other: Any) -> LockedPackage:
    """A package of conda-forge as a lock holds it."""
    url = f"{CHANNEL}/linux-64/{name}-{version}-{build}.conda"
    told = {"url": url, "md5": MD5, "sha256": SHA, "depends": depends, **other}
    return LockedPackage(
        name=name, version=version, build=build, manager="conda", platform=told.pop("platform", "linux-64"), **told
    )


def pip(name: str, version: str = "1.0", *depends: str, **other: Any) -> LockedPackage:
    """A wheel."""
    url = f"https://wheels.example/{name.replace('-', '_')}-{version}-py3-none-any.whl"
    return LockedPackage(
        name=name,
        version=version,
        build="",
        manager="pip",
        platform="linux-64",
        **{"url": url, "sha256": SHA, "depends": depends, **other},
    )


def channel(name: str, version: str, build: str) -> LockedPackage:
    """A package of the channel of a framework's makers."""
    return conda(name, version, build, url=f"https://conda.anaconda.org/pytorch/linux-64/{name}-{version}-{build}.tar.bz2")


def on_windows(*packages: LockedPackage) -> tuple[LockedPackage, ...]:
    """The same packages on another platform."""
    return tuple(replace(package, platform="win-64", url=package.url.replace("linux-64", "win-64")) for package in packages)


def on_arm(*packages: LockedPackage) -> tuple[LockedPackage, ...]:
    """The same packages on Linux of another processor."""
    return tuple(replace(package, platform="linux-aarch64") for package in packages)


CPU = Claim(kind="cpu", cuda=None, source="target cpu", virtual={"__glibc": "2.28", "__archspec": "1 x86_64"})
CU126 = Claim(
    kind="cuda",
    cuda=Version("12.6"),
    source="target cu126",
    virtual={"__cuda": "12.6", "__glibc": "2.28", "__archspec": "1 x86_64"},
)
MIXED = Claim(kind="mixed", cuda=None, source="inferred", stated=False)
CU118 = replace(CU126, cuda=Version("11.8"), source="target cu118", virtual={"__cuda": "11.8", "__glibc": "2.28"})
CU130 = replace(CU126, cuda=Version("13.0"), source="target cu130", virtual={"__cuda": "13.0", "__glibc": "2.28"})
TORCH = conda("pytorch", "2.7.0", "cuda126_mkl_py312_h30b5a27_300")
TORCH_CPU = conda("pytorch", "2.7.0", "cpu_mkl_py312_h6a7998d_100")
VARIANT = "https://wheels.example/einops-1.0-py3-none-linux_x86_64-v3.whl"
NUMPY = conda("numpy", "2.2.6", "py312h1234567_0")
CUDNN = conda("libcudnn", "9.10.1.4", "hf7e9902_1")
CHANNEL_TORCH = channel("pytorch", "1.12.1", "py3.10_cpu_0")
MKL_2026 = conda("mkl", "2026.0.0", "h0e700b2_915")


@dataclass(frozen=True)
class Given:
    """A claim, packages, and what the lock says of itself."""

    claim: Claim
    packages: tuple[LockedPackage, ...]
    lock: Mapping[str, Any] = field(default_factory=dict)


def given_(claim: Claim, *packages: LockedPackage, **lock: Any) -> Given:
    return Given(claim, packages, lock)


def asks(claim: Claim, *specs: str, channels: str = "pytorch, conda-forge", **lock: Any) -> Given:
    """An environment.yml that asks for these specs; those of pip begin with `pip:`."""
    rows = [f"  - {spec}" for spec in specs if not spec.startswith("pip:")]
    wheels = [f'      - "{spec.removeprefix("pip:")}"' for spec in specs if spec.startswith("pip:")]
    text = "\n".join((f"channels: [{channels}]", "dependencies:", *rows, "  - pip", *(["  - pip:", *wheels] if wheels else ()), ""))
    read = read_environment_file(text, "environment.yml")
    told = {"format": read.format, "channels": read.channels, "linked": False, "hashed": False, "complete": False}
    return Given(claim, read.packages, {**told, **lock})


# rule -> what it must find, and what it must let pass
TABLE: Mapping[str, tuple[list[Given], list[Given]]] = {
    "cpu-build": (
        [
            given_(CU126, TORCH_CPU),
            given_(CU126, TORCH, conda("torchvision", "0.22.0", "cpu_py312_h0_0")),
            given_(CU126, conda("jaxlib", "0.5.1", "cpu_py312h608a18e_0"), conda("cuda-version", "12.6")),
            given_(CU126, pip("torch", "2.7.1+cpu")),
            given_(CU126, pip("tensorflow", "2.18.0")),
            given_(CU126, pip("jaxlib", "0.7.2")),
            given_(replace(CU126, frameworks=("xgboost",)), conda("libxgboost", "3.2.0", "cpu_h2ebb00f_1")),
        ],
        [
            given_(CU126, TORCH, conda("torchvision", "0.22.0", "cuda126_py312_h0_0")),
            given_(CPU, TORCH_CPU),
            given_(CU126, pip("tensorflow", "2.18.0"), pip("nvidia-cudnn-cu12", "9.3.0.75")),
        ],
    ),
    "cpu-sibling": (
        [
            given_(CU126, TORCH, conda("libxgboost", "3.2.0", "cpu_h2ebb00f_1")),
            given_(CU126, TORCH, conda("liblightgbm", "4.6.0", "cpu_h1ca3010_6")),
            given_(CU126, TORCH, conda("faiss", "1.9.0", "py312hf23773a_0_cpu")),
            given_(CU126, TORCH, conda("onnxruntime", "1.22.0", "py312h0123456_1_cpu")),
            given_(replace(CU126, frameworks=("pytorch",)), TORCH, pip("onnxruntime", "1.22.0")),
        ],
        [
            given_(
                replace(CU126, frameworks=("pytorch", "xgboost")), TORCH, conda("libxgboost", "3.2.0", "cpu_h2ebb00f_1")
            ),  # cpu-build
            given_(CU126, TORCH, conda("libxgboost", "3.2.0", "cuda129_h0123456_1")),
            given_(CU126, *on_windows(TORCH, conda("liblightgbm", "4.6.0", "cpu_hb4e115d_0"))),  # Windows has no other
            given_(CPU, TORCH_CPU, conda("libxgboost", "3.2.0", "cpu_h2ebb00f_1")),
            given_(CU126, TORCH, conda("libarrow", "20.0.0", "h1234567_8_cpu")),
        ],
    ),
    "wrong-cuda": (
        [
            given_(CU126, conda("pytorch", "2.10.0", "cuda130_mkl_py312_h0_300")),
            given_(CU126, conda("pytorch", "2.4.0", "cuda118_py312h3690e1b_301")),
            given_(CU126, TORCH, conda("torchvision", "0.23.0", "cuda129_py312_h0_0")),
            given_(CU126, pip("torch", "2.8.0+cu128")),
            given_(replace(CU126, builds={"pytorch": (Version("12.6"), True)}), conda("pytorch", "2.5.1", "cuda124_py312_h0_0")),
        ],
        [
            given_(CU126, TORCH),
            given_(CU126, conda("pytorch", "2.5.1", "cuda120_py312h1234567_300")),  # an older minor runs
            given_(CU126, TORCH, conda("torchvision", "0.22.0", "cuda_py312_h592d7cb_2")),  # tells no version
            given_(CU126, pip("torch", "2.6.0+cu124")),
            given_(CU126, conda("libxgboost", "3.2.0", "cuda129_h0123456_1")),  # runs with every 12.x
        ],
    ),
    "cpu-selector": (
        [given_(CU126, TORCH, conda("cpuonly", "2.0", "0")), given_(CU126, conda("pytorch-mutex", "1.0", "cpu"))],
        [given_(CPU, TORCH_CPU, conda("cpuonly", "2.0", "0")), given_(CU126, conda("pytorch-mutex", "1.0", "cuda"))],
    ),
    "framework-missing": (
        [
            given_(replace(CU126, frameworks=("pytorch", "jax")), TORCH),
            given_(replace(CU126, builds={"torchvision": (Version("12.6"), False)}), TORCH),
        ],
        [
            given_(replace(CU126, frameworks=("pytorch",)), TORCH),
            given_(replace(CU126, frameworks=("pytorch",)), pip("torch", "2.7.1+cu126")),
        ],
    ),
    "stub-package": (
        [
            given_(CU118, pip("tensorflow-gpu", "2.12.0")),
            asks(CPU, "pip:tensorflow-gpu"),
            asks(CPU, "pip:tensorflow-gpu>=2.4"),
        ],
        [
            asks(CPU, "pip:tensorflow-gpu<2.11"),
            asks(CPU, "pip:tensorflow-gpu==2.10.*"),
            asks(CPU, "tensorflow-gpu"),
            given_(CU118, pip("tensorflow-gpu", "2.11.0")),
            given_(CU118, conda("tensorflow-gpu", "2.14.0", "cuda118py311h0240f8b_0")),
        ],
    ),
    "silent-cpu": (
        [
            given_(CPU, TORCH_CPU, conda("cudatoolkit", "11.8.0")),
            given_(Claim(kind="mixed", cuda=None, source="inferred"), TORCH_CPU, CUDNN),
            given_(Claim(kind="mixed", cuda=None, source="inferred"), TORCH, conda("jaxlib", "0.5.1", "cpu_py312h608a18e_0")),
            given_(
                MIXED, conda("tool", "1", "h0_0", "pytorch"), TORCH_CPU, conda("cupy-core", "13.4.1"), conda("cuda-version", "12.9")
            ),
            given_(MIXED, TORCH, conda("tool", "1", "h0_0", "jaxlib"), conda("jaxlib", "0.5.1", "cpu_py312h608a18e_0")),
            given_(MIXED, TORCH, pip("jax", "0.7.2", "jaxlib"), pip("jaxlib", "0.7.2")),
            given_(MIXED, TORCH, pip("tool", "1", "jaxlib"), pip("jaxlib", "0.7.2"), linked=False),
            given_(MIXED, CUDNN, pip("tool", "1", "jaxlib"), pip("jaxlib", "0.7.2")),
        ],
        [
            given_(CPU, TORCH_CPU),
            given_(CPU, NUMPY),
            given_(CU126, TORCH, CUDNN),
            given_(MIXED, TORCH, pip("tool", "1", "jaxlib"), pip("jaxlib", "0.7.2")),
            given_(MIXED, TORCH, pip("tensorflow-cpu", "2.18.0")),
        ],
    ),
    "cuda-in-cpu": (
        [
            given_(CPU, TORCH),
            given_(CPU, conda("cudatoolkit", "11.8.0")),
            given_(CPU, conda("nccl", "2.27")),
            given_(CPU, conda("other", "1", "cuda_h1234567_0")),
            given_(CPU, conda("secret", "1", "h1234567_0", "python", "__cuda >=11")),
            given_(CPU, pip("nvidia-cublas-cu12", "12.6.4.1")),
            given_(CPU, pip("torch", "2.7.1", "nvidia-cublas-cu12 12.6.4.1")),
        ],
        [
            given_(CPU, TORCH_CPU, NUMPY),
            given_(CPU, conda("libarrow", "20.0.0", "h1234567_8_cpu")),
            given_(CU126, TORCH),
            given_(CPU, pip("nvidia-ml-py")),
        ],
    ),
    "other-cuda": (
        [
            given_(CU126, TORCH, conda("cuda-version", "12.9")),
            given_(CU126, TORCH, conda("cuda-version", "11.8")),
            given_(CU118, conda("cudatoolkit", "11.8.0"), conda("cuda-version", "11.2")),
        ],
        [
            given_(CU126, TORCH, conda("cuda-version", "12.6")),
            given_(replace(CU126, cuda=Version("12.4")), conda("pytorch-cuda", "12.4"), conda("cuda-version", "12.8")),
            given_(CU118, conda("pytorch-cuda", "11.8"), conda("cuda-version", "13.1")),  # libcufile brought it
            given_(CU126, TORCH),
        ],
    ),
    "two-cuda-majors": (
        [
            given_(CU130, pip("nvidia-cudnn-cu12", "9.13.0.50"), pip("nvidia-cudnn-cu13", "9.13.0.50")),
            given_(CU126, TORCH, conda("cudatoolkit", "11.8.0")),
            given_(CU126, TORCH, pip("torch", "2.4.0+cu118")),
        ],
        [given_(CU126, TORCH, conda("cuda-nvcc", "12.9.86"), pip("nvidia-cudnn-cu12", "9.5.1.17")), given_(CPU, NUMPY)],
    ),
    "two-cuda-minors": (
        [
            given_(CU118, conda("cudatoolkit", "11.8.0"), conda("cuda-version", "11.2")),
            given_(CU118, conda("cudatoolkit", "11.3.1"), pip("torch", "1.12.1+cu116")),
        ],
        [
            given_(CU118, conda("cudatoolkit", "11.8.0"), conda("pytorch", "1.13.1", "cuda112py310h1234567_200")),
            given_(CU126, conda("cuda-version", "12.6"), pip("torch", "2.6.0+cu124")),
        ],
    ),
    "cuda-minor-open": (
        [
            given_(CU130, pip("jaxlib", "0.12.0.1"), pip("jax-cuda13-plugin", "0.12.0.1"), pip("nvidia-cuda-nvcc", "13.5.37")),
            given_(CU126, pip("tensorflow", "2.20.0"), pip("nvidia-cuda-runtime-cu12", "12.9.79")),
            given_(CU130, pip("nvidia-nvvm", "13.5.37")),
        ],
        [
            given_(CU130, pip("jaxlib", "0.12.0.1"), pip("jax-cuda13-plugin", "0.12.0.1"), pip("nvidia-cuda-nvcc", "13.0.88")),
            given_(
                CU130, pip("nvidia-cuda-runtime", "13.0.96"), pip("nvidia-nvjitlink", "13.5.37"), pip("nvidia-cublas", "13.5.0.1")
            ),
            given_(
                CU130, pip("torch", "2.15.0"), pip("nvidia-cublas", "13.4.0.1"), pip("nvidia-cuda-runtime", "13.2.86")
            ),  # wrong-cuda
            given_(CU126, conda("cuda-nvcc", "12.9.86")),
            given_(replace(CU130, stated=False), pip("nvidia-cuda-nvcc", "13.5.37")),
        ],
    ),
    "two-cudnn-majors": (
        [given_(CU126, conda("cudnn", "8.9.7.29"), pip("nvidia-cudnn-cu12", "9.5.1.17"))],
        [given_(CU126, conda("cudnn", "9.10.1.4"), CUDNN)],
    ),
    "cudnn-for-cuda": (
        [
            given_(CU118, conda("cudnn", "9.13.0.50")),
            given_(CU130, conda("cudnn", "8.9.7.29")),
            given_(CU126, conda("libcudnn", "9.20.0.48")),
        ],
        [
            given_(CU126, conda("cudnn", "9.13.0.50")),
            given_(CU118, conda("cudnn", "8.9.7.29")),
            given_(CU126, pip("nvidia-cudnn-cu12", "9.20.0.48")),
        ],
    ),
    "cudnn-for-framework": (
        [
            given_(CU118, pip("tensorflow", "2.12.0"), conda("cudatoolkit", "11.8.0"), conda("cudnn", "8.4.1.50")),
            given_(CU126, pip("tensorflow", "2.18.0"), pip("nvidia-cudnn-cu12", "9.1.0.70")),
            given_(CU126, pip("tensorflow", "2.17.0"), pip("nvidia-cudnn-cu12", "9.1.0.70")),
            given_(CU126, pip("jax-cuda12-plugin", "0.7.2"), pip("nvidia-cudnn-cu12", "9.5.1.17")),
        ],
        [
            given_(CU118, pip("tensorflow", "2.12.0"), conda("cudnn", "8.8.0.121")),
            given_(CU126, pip("tensorflow", "2.18.0"), pip("nvidia-cudnn-cu12", "9.10.2.21")),
            given_(CU126, conda("tensorflow", "2.18.0", "cuda126py312h5379a72_200"), conda("cudnn", "9.1.0.70")),
            given_(CPU, *on_arm(pip("tensorflow", "2.15.0"), pip("nvidia-cudnn-cu12", "9.5.1.17"))),
        ],
    ),
    "plugin-mismatch": (
        [
            given_(CU126, pip("jaxlib", "0.7.2"), pip("jax-cuda12-plugin", "0.6.2")),
            given_(CU126, pip("jaxlib", "0.7.2"), pip("jax-cuda12-pjrt", "0.7.1")),
        ],
        [
            given_(CU126, pip("jaxlib", "0.7.2"), pip("jax-cuda12-plugin", "0.7.2")),
            given_(CU126, pip("jaxlib", "0.12.0.1"), pip("jax-cuda13-plugin", "0.12.0")),
        ],
    ),
    "framework-twice": (
        [given_(CU126, TORCH, pip("torch", "2.7.1+cu126"))],
        [given_(CU126, TORCH, conda("libtorch", "2.7.0", "cuda126_mkl_h99b69db_300")), given_(CU126, TORCH, pip("jaxlib"))],
    ),
    "cuda-libraries-twice": (
        [
            given_(CU126, conda("libcublas", "12.6.4.1"), pip("nvidia-cublas-cu12", "12.6.3.3")),
            given_(CU118, conda("cudatoolkit", "11.8.0"), pip("nvidia-cuda-runtime-cu11", "11.8.89")),
        ],
        [
            given_(CU126, conda("libcublas", "12.6.4.1"), pip("nvidia-cublas-cu12", "12.6.4.1")),  # cuda-library-copied
            given_(CU126, conda("libcublas", "12.6.4.1"), pip("nvidia-cublas", "13.1.0.3")),  # another soname
            given_(CU126, conda("cuda-nvcc", "12.6.85"), pip("nvidia-cublas-cu12", "12.6.4.1")),
            given_(CU126, conda("libcublas", "12.6.4.1")),
        ],
    ),
    "cuda-library-copied": (
        [given_(CU126, conda("libcublas", "12.6.4.1"), pip("nvidia-cublas-cu12", "12.6.4.1"))],
        [given_(CU126, conda("libcublas", "12.6.4.1"), pip("nvidia-cublas-cu12", "12.6.3.3"))],
    ),
    "metapackage-mismatch": (
        [given_(CU126, TORCH, conda("pytorch-gpu", "2.7.0", "cuda129_mkl_h1715cf7_200"))],
        [
            given_(CU126, TORCH, conda("pytorch-gpu", "2.7.0", "cuda126_mkl_h1715cf7_200")),
            given_(CU126, conda("pytorch-gpu", "2.7.0", "cuda126_mkl_h1715cf7_200")),
        ],
    ),
    "unmarked-build": (
        [given_(CU126, conda("pytorch", "0.4.1", "py36ha74772b_0"))],
        [given_(CU126, TORCH), given_(CPU, conda("pytorch", "0.4.1", "py36ha74772b_0"))],
    ),
    "cpu-elsewhere": (
        [given_(replace(CPU, stated=False, virtual=None), TORCH, conda("pytorch", "2.7.0", "cpu_mkl_h0_0", platform="win-64"))],
        [
            given_(replace(CPU, stated=False, virtual=None), TORCH, conda("pytorch", "2.7.0", "cpu_h0_0", platform="osx-arm64")),
            given_(replace(CPU, stated=False, virtual=None), TORCH_CPU, conda("pytorch", "2.7.0", "cpu_h0_0", platform="win-64")),
        ],
    ),
    "undeclared-channel": (
        [
            given_(CPU, NUMPY, channels=("defaults",)),
            given_(
                CPU, conda("x", url="https://mirror.example/conda-forge/linux-64/x-1.0-h1234567_0.conda"), channels=("conda-forge",)
            ),
        ],
        [
            given_(replace(CPU, channels=("pytorch",)), NUMPY),  # foreign-channel
            given_(CPU, NUMPY, channels=(f"{CHANNEL}/",)),
            given_(CPU, NUMPY),
            given_(CPU, pip("einops"), channels=("conda-forge",)),
        ],
    ),
    "companion-elsewhere": (
        [
            given_(CU126, TORCH, pip("torchvision", "0.22.0")),
            given_(CU126, pip("torch", "2.7.1+cu126"), conda("torchvision", "0.22.0", "cuda126_py312_h0_0")),
        ],
        [given_(CU126, TORCH, conda("torchvision", "0.22.0", "cuda126_py312_h0_0")), given_(CPU, NUMPY, pip("einops"))],
    ),
    "virtual-package": (
        [
            given_(CU126, conda("new", "1", "h1234567_0", "__glibc >=2.34,<3.0.a0")),
            given_(CU126, conda("new", "1", "h1234567_0", "__cuda >=13")),
            given_(CU126, conda("apple", "1", "h1234567_0", "__osx >=11.0")),
            given_(CPU, conda("level", "1", "h1234567_0", "__win")),
        ],
        [
            given_(CU126, conda("new", "1", "h1234567_0", "__glibc >=2.17,<3.0.a0", "__cuda", "__unix", "__linux")),
            given_(replace(CU126, virtual=None), conda("new", "1", "h1234567_0", "__glibc >=2.99")),
        ],
    ),
    "wheel-glibc": (
        [
            given_(
                replace(CU126, virtual={"__glibc": "2.17"}),
                pip("torch", "2.7.1", url="https://w.example/torch-2.7.1-cp312-cp312-manylinux_2_28_x86_64.whl"),
            )
        ],
        [
            given_(CU126, pip("torch", "2.7.1", url="https://w.example/torch-2.7.1-cp312-cp312-manylinux_2_28_x86_64.whl")),
            given_(
                replace(CU126, virtual={"__glibc": "2.17"}),
                pip("x", url="https://w.example/x-1.0-cp312-cp312-manylinux_2_28_x86_64.manylinux2014_x86_64.whl"),
            ),
        ],
    ),
    "microarchitecture": (
        [given_(CPU, conda("_x86_64-microarch-level", "3", "2_x86_64_v3"))],
        [
            given_(CPU, conda("_x86_64-microarch-level", "1", "2_x86_64")),
            given_(replace(CPU, virtual={"__archspec": "1 x86_64_v3"}), conda("_x86_64-microarch-level", "3", "2_x86_64_v3")),
            given_(replace(CPU, virtual={"__archspec": "1 skylake"}), conda("_x86_64-microarch-level", "3", "2_x86_64_v3")),
        ],
    ),
    "cuda-promise": (
        [given_(CU126, conda("cuda-version", "13.0"))],
        [given_(CU126, conda("cuda-version", "12.9")), given_(replace(CU126, virtual=None), conda("cuda-version", "13.0"))],
    ),
    "driver-too-old": (
        [given_(replace(CU126, driver=Version("520.61.05")), TORCH), given_(replace(CU130, driver=Version("575.57.08")), NUMPY)],
        [
            given_(replace(CU126, driver=Version("525.60.13")), NUMPY),
            given_(replace(CPU, driver=Version("390")), NUMPY),
            given_(CU126, TORCH),
        ],
    ),
    "unknown-cuda": (
        [
            given_(replace(CU126, cuda=Version("13.9"), driver=Version("390"), gpus=(V100,)), NUMPY),
            given_(replace(CU126, cuda=Version("12.7")), NUMPY),
        ],
        [given_(CU126, TORCH), given_(replace(CU126, cuda=Version("13.4")), NUMPY), given_(replace(CPU, cuda=None), NUMPY)],
    ),
    "run-time-compilation": (
        [given_(replace(CU126, driver=Version("535.183.01")), TORCH, conda("triton", "3.3.0", "cuda126py312hebffaa9_1"))],
        [
            given_(replace(CU126, driver=Version("560.35.05")), TORCH, conda("triton", "3.3.0", "cuda126py312hebffaa9_1")),
            given_(replace(CU126, driver=Version("535.183.01")), conda("cudf", "25.12.00", "cuda12_py312_251210_580975be")),
        ],
    ),
    "gpu-without-code": (
        [
            given_(replace(CU130, gpus=(V100,)), NUMPY),
            given_(replace(CU126, gpus=(A100, B200)), NUMPY),
            given_(replace(CU126, cuda=Version("12.9"), gpus=(B200,)), TORCH),  # the target has code, the older build has none
        ],
        [
            given_(replace(CU126, gpus=(V100, A100)), TORCH),
            given_(replace(CPU, gpus=(V100,)), TORCH_CPU),
            given_(replace(CU126, gpus=(A100, ORIN)), NUMPY),  # no machine for linux-64 has an Orin
        ],
    ),
    "cudnn-without-code": (
        [
            given_(replace(CU126, gpus=(V100,)), conda("cudnn", "9.13.0.50")),
            given_(replace(CU126, gpus=(V100,)), pip("nvidia-cudnn-cu12", "9.11.0.98")),
        ],
        [
            given_(replace(CU126, gpus=(V100,)), conda("cudnn", "9.10.2.21")),
            given_(replace(CU126, gpus=(A100,)), conda("cudnn", "9.13.0.50")),
        ],
    ),
    "fact": (
        [
            given_(
                replace(CU130, virtual={"__cuda": "13.0", "__glibc": "2.17"}),
                conda("pytorch", "2.10.0", "cuda130_mkl_py312_h0_300"),
            )
        ],
        [given_(CU130, conda("pytorch", "2.10.0", "cuda130_mkl_py312_h0_300")), given_(CU130, NUMPY)],
    ),
    "no-hash": (
        [
            given_(CPU, conda("numpy", md5=None, sha256=None)),
            given_(CPU, conda("numpy", sha256="ab" * 20)),
            given_(CPU, pip("x", sha256="no")),
        ],
        [
            given_(CPU, NUMPY),
            given_(CPU, conda("numpy", md5=None, sha256=None), hashed=False),
            given_(CPU, conda("__osx", md5=None, sha256=None)),
        ],
    ),
    "weak-hash": ([given_(CPU, conda("numpy", sha256=None))], [given_(CPU, NUMPY), given_(CPU, conda("numpy", md5=None))]),
    "source-package": (
        [
            given_(CPU, pip("einops", url="https://wheels.example/einops-1.0.tar.gz")),
            given_(CPU, pip("einops", url="git+https://git.example/einops@" + "ab" * 20)),
            given_(CPU, pip("einops", url="https://wheels.example/einops-1.0.tar.gz#einops.whl")),
            given_(CPU, pip("einops", url="https://wheels.example/einops-1.0.tar.gz?x=einops-1.0-py3-none-any.whl")),
            given_(CPU, pip("einops", url="https://wheels.example/einops-1.0.tar.gz%2f.whl")),
            given_(CPU, pip("einops", url="https://wheels.example/einops-1.0.zip/.whl")),
        ],
        [given_(CPU, pip("einops")), given_(CPU, pip("einops", url="https://wheels.example/e-1.0-py3-none-any.whl?a=b#sha256=ab"))],
    ),
    "variants-open": (
        [given_(CPU, pip("einops", url=VARIANT, variants=("", "v3")))],
        [given_(CPU, pip("einops", url=VARIANT)), given_(CPU, pip("einops"))],
    ),
    "local-file": (
        [given_(CPU, conda("tool", url="file:///srv/linux-64/tool-1.0-h1234567_0.conda"))],
        [given_(CPU, NUMPY), given_(CPU, conda("tool", url="file:///srv/linux-64/tool-1.0-h1234567_0.conda"), format="prefix")],
    ),
    "other-run": (
        [given_(CPU, NUMPY, of_other_run=("linux-64",))],
        [given_(CPU, NUMPY), given_(CPU, NUMPY, of_other_run=("win-64",))],
    ),
    "edited": ([given_(CPU, NUMPY, intact=False)], [given_(CPU, NUMPY)]),
    "platform-missing": (
        [given_(CPU, NUMPY, declared=("linux-64", "win-64"))],
        [given_(CPU, NUMPY, declared=("linux-64",)), given_(CPU, NUMPY)],
    ),
    "foreign-channel": (
        [
            given_(replace(CPU, channels=("pytorch",)), NUMPY),
        ],
        [
            given_(replace(CPU, channels=("conda-forge",)), NUMPY),
            given_(CPU, NUMPY, channels=("defaults",)),  # undeclared-channel
            given_(CPU, NUMPY, channels=(f"{CHANNEL}/",)),
            given_(CPU, NUMPY),
            given_(CPU, pip("einops"), channels=("conda-forge",)),
            given_(
                CPU, conda("x", url="https://repo.anaconda.com/pkgs/main/linux-64/x-1.0-h1234567_0.conda"), channels=("defaults",)
            ),
            given_(
                CPU,
                conda("x", url="https://${USER}:${PASSWORD}@c.example/get/in/linux-64/x-1.0-h1234567_0.conda"),
                channels=("https://$USER:$PASSWORD@c.example/get/in",),
            ),
        ],
    ),
    "withdrawn-build": (
        [
            given_(CU126, conda("jaxlib", "0.6.2", "cuda126py312h59a9b8a_200")),
            given_(CU126, conda("libcudnn", "9.13.1.26", "hf7e9902_0")),
            given_(CU126, conda("libcudnn", "9.13.1.26", "hca898b4_0", platform="win-64")),
            given_(
                CU126,
                conda(
                    "cudnn",
                    "9.11.0.98",
                    "hbcb9cd8_0",
                    url="https://m.example/conda-forge/linux-64/cudnn-9.11.0.98-hbcb9cd8_0.conda",
                ),
            ),
        ],
        [
            given_(CU126, conda("jaxlib", "0.7.0", "cuda129py313h2550629_201")),  # build 200 was withdrawn
            given_(CU126, conda("jaxlib", "0.6.2", "cpu_py312h860521c_0")),
            given_(CU130, conda("libcudnn", "9.13.1.26", "h1234567_0")),  # the same version for CUDA 13
            given_(CPU, conda("pytorch", "2.3.0", "cpu_generic_py312h16b77fb_0")),  # withdrawn for osx-arm64
            given_(
                CU126,
                conda("jaxlib", "0.6.2", "cuda126py312h59a9b8a_200", url="https://c.example/in/linux-64/jaxlib-0.6.2-0.conda"),
            ),
            given_(CU126, conda("jaxlib", "0.6.2", "cuda126py312h59a9b8a_200", url=""), hashed=False),
            given_(CU126, pip("jaxlib", "0.6.2")),
        ],
    ),
    "credentials": (
        [
            given_(CPU, conda("x", url="https://alice:hunter2@c.example/linux-64/x-1.0-h1234567_0.conda")),
            given_(CPU, conda("x", url="https://c.example/t/tk-123/in/linux-64/x-1.0-h1234567_0.conda")),
            given_(CPU, pip("x", url="git+https://0123456789abcdef0123456789@c.example/x.git")),
            given_(CPU, pip("x", url="https://c.example/x-1.0-py3-none-any.whl?token=abc")),
            given_(CPU, NUMPY, channels=("https://c.example/t/tk-123/in", "conda-forge")),
        ],
        [
            given_(CPU, conda("x", url="https://$USER:$PASSWORD@c.example/linux-64/x-1.0-h1234567_0.conda")),
            given_(CPU, conda("x", url="https://${USER}:${PASSWORD}@c.example/linux-64/x-1.0-h1234567_0.conda")),
            given_(CPU, conda("x", url="https://c.example/t/$TOKEN/in/linux-64/x-1.0-h1234567_0.conda")),
            given_(CPU, conda("x", url="https://c.example/t/<TOKEN>/in/linux-64/x-1.0-h1234567_0.conda")),
            given_(CPU, pip("torch", url="https://c.example/packages/py3/t/torch/torch-1.0-py3-none-any.whl")),
            given_(CPU, pip("x", url="git+ssh://git@c.example/x.git@v1.0"), channels=("conda-forge",)),
        ],
    ),
    "url-mismatch": (
        [
            given_(CPU, conda("x", url=f"{CHANNEL}/linux-64/x-1.1-h1234567_0.conda")),
            given_(CPU, conda("x", url=f"{CHANNEL}/osx-64/x-1.0-h1234567_0.conda")),
            given_(CPU, pip("x", url="https://w.example/y-1.0-py3-none-any.whl")),
            given_(CPU, pip("x", url="https://w.example/x-1.0-cp312-cp312-win_amd64.whl")),
            given_(CPU, pip("x", url="https://w.example/x-2.0.tar.gz")),
        ],
        [
            given_(CPU, conda("x", url=f"{CHANNEL}/noarch/x-1.0-h1234567_0.tar.bz2")),
            given_(CPU, conda("x", "1!2.0", url=f"{CHANNEL}/noarch/x-1%212.0-h1234567_0.conda")),
            given_(CPU, pip("Some_Name", "1.0.0", url="https://w.example/some_name-1.0-py3-none-any.whl")),
            given_(
                CPU, pip("torch", "2.7.1+cu126", url="https://w.example/torch-2.7.1%2Bcu126-cp312-cp312-manylinux_2_28_x86_64.whl")
            ),
            given_(CPU, pip("x", url="https://w.example/x-1.0-cp312-cp312-linux_x86_64.whl#sha256=ab")),
            given_(CPU, pip("x", url="git+https://w.example/x.git@0123")),
            given_(CPU, conda("x", url=""), hashed=False),
        ],
    ),
    "package-twice": (
        [given_(CPU, NUMPY, conda("numpy", "1.26.4"))],
        [given_(CPU, NUMPY, pip("numpy")), given_(CPU, NUMPY, conda("numpy", platform="osx-64"))],
    ),
    "damaged-files": (
        [given_(CPU, replace(NUMPY, damaged=("lib/python3.12/site-packages/numpy/version.py",)))],
        [given_(CPU, NUMPY)],
    ),
    "missing-dependency": (
        [
            given_(CPU, conda("x", "1.0", "h1234567_0", "libgone >=1")),
            given_(CPU, conda("x", "1.0", "h1234567_0", "libgone>=1")),
            given_(CU126, pip("torch", "2.7.1+cu126", "nvidia-cudnn-cu12==9.5.1.17")),
        ],
        [
            given_(CPU, conda("x", "1.0", "h1234567_0", "numpy >=1", "numpy>=1", "conda-forge::numpy", "__unix"), NUMPY),
            given_(CPU, conda("x", "1.0", "h1234567_0", "libgone >=1"), linked=False),
            given_(CPU, conda("x", "1.0", "h1234567_0", "libgone; if osx", "libgone[version='>=1']")),
            given_(CPU, pip("x", "1.0", "numpy", "nvidia-cudnn-cu12; platform_system == 'Windows'")),
            given_(CPU, pip("x", "1.0", "nvidia-cudnn-cu12; extra == 'gpu'")),
        ],
    ),
    "known-broken": (
        [
            given_(CPU, CHANNEL_TORCH, MKL_2026),
            given_(CPU, replace(CHANNEL_TORCH, url=""), replace(MKL_2026, url="")),  # by its build string
            given_(CPU, channel("pytorch", "2.5.1", "py3.12_cpu_0"), conda("mkl", "2025.3.0")),
            given_(CPU, channel("pytorch", "1.10.2", "py3.9_cpu_0"), conda("setuptools", "80.9.0")),
            given_(CPU, pip("torch", "1.10.2+cpu"), conda("setuptools", "70.0.0")),
            given_(CPU, pip("tensorflow-cpu", "2.17.1"), NUMPY),
            given_(CPU, conda("tensorflow-base", "2.6.2", "cpu_py39h0_0"), conda("numpy", "1.24.4")),
            given_(CPU, pip("jaxlib", "0.4.25"), pip("numpy", "2.0.2")),
            given_(CPU, conda("jaxlib", "0.4.12", "cpu_py310h0_0"), conda("ml_dtypes", "0.3.1")),
            given_(CPU, pip("jaxlib", "0.4.10"), pip("ml-dtypes", "0.3.1")),
        ],
        [
            given_(CPU, CHANNEL_TORCH, conda("mkl", "2024.0.0"), conda("numpy", "1.26.4")),
            given_(CPU, conda("pytorch", "2.10.0", "cpu_mkl_py312_h0_100"), MKL_2026, NUMPY),
            given_(CPU, conda("pytorch", "1.12.1", "cpu_py310h0_0"), MKL_2026),  # not a build of that channel
            given_(CPU, pip("torch", "1.12.1"), MKL_2026),  # has its own
            given_(CPU, pip("tensorflow-cpu", "2.18.0"), pip("numpy", "2.0.2")),
            given_(CPU, pip("jaxlib", "0.4.26"), pip("numpy", "2.0.2")),
            given_(CPU, conda("jaxlib", "0.4.14", "cpu_py310h0_0"), conda("ml_dtypes", "0.5.1")),
            given_(CPU, channel("pytorch", "1.11.0", "py3.9_cpu_0"), conda("setuptools", "80.9.0")),
            given_(CPU, MKL_2026, NUMPY),  # no framework
            given_(CPU, CHANNEL_TORCH, conda("mkl", "of_long_ago")),
        ],
    ),
    "partly-broken": (
        [
            given_(CPU, CHANNEL_TORCH, NUMPY),
            given_(CPU, pip("torch", "2.2.2+cpu"), pip("numpy", "2.0.0")),
            given_(CPU, pip("torch", "2.2.2+cpu"), NUMPY),
            given_(CPU, *on_windows(channel("pytorch", "2.3.1", "py3.12_cpu_0"), NUMPY)),
            given_(CPU, channel("pytorch", "2.1.0", "py3.10_cpu_0"), conda("setuptools", "70.0.0")),
            given_(CPU, channel("pytorch", "1.9.1", "py3.9_cpu_0"), conda("setuptools", "60.0.0")),
            given_(CPU, conda("jaxlib", "0.4.20", "cpu_py310h0_0"), conda("scipy", "1.13.0")),
        ],
        [
            given_(CPU, channel("pytorch", "2.3.1", "py3.12_cpu_0"), NUMPY),
            given_(CPU, *on_windows(channel("pytorch", "2.4.1", "py3.12_cpu_0"), NUMPY)),
            given_(CPU, CHANNEL_TORCH, conda("numpy", "1.26.4"), conda("setuptools", "69.5.1")),
            given_(CPU, channel("pytorch", "2.2.2", "py3.12_cpu_0"), conda("setuptools", "80.9.0")),
            given_(CPU, conda("jaxlib", "0.4.24", "cpu_py310h0_0"), conda("scipy", "1.15.0")),
        ],
    ),
    "never-built": (
        [
            asks(CPU, "python=3.8", "pytorch=2.6", channels="conda-forge"),
            asks(CPU, "python=3.8.10", "pytorch>=2.5,<2.7", channels="conda-forge, pytorch"),
            asks(CPU, "python<3.9", "pytorch=2.6", channels="conda-forge, nodefaults"),
            asks(CPU, "python=3.8", "conda-forge::pytorch=2.6", channels="pytorch"),
            asks(CU118, "pytorch=2.1", "pytorch-cuda=11.7", channels="pytorch, nvidia, conda-forge"),
            asks(CU126, "pytorch >=2.6, <2.7 cuda*", "cuda-version >=12.0,<12.2", channels="conda-forge"),
            asks(CU126, "pytorch=2.6", "cuda-version=12.0", channels="conda-forge"),
            asks(CU126, "pytorch=2.6=*cuda*", "cuda-version=12.0", channels="conda-forge"),
            asks(CU126, "python=3.13", "jaxlib>=0.4.31,<0.5,!=0.4.34", "cuda-version=12.0", channels="conda-forge"),
            asks(CU118, "jaxlib=0.4.35", "cuda-version=11.8", channels="conda-forge"),
            asks(CU126, "pytorch=2.5", "python=3.8", "pytorch-cuda=12.1", channels="pytorch, nvidia"),
        ],
        [
            asks(CPU, "python=3.9", "pytorch=2.6", channels="conda-forge"),
            asks(CPU, "python>=3.8", "pytorch=2.6", channels="conda-forge"),
            asks(CPU, "python=3.8", "pytorch", channels="conda-forge"),
            asks(CPU, "python=3.8", "pytorch>=2.6", channels="conda-forge"),  # or what will come
            asks(CPU, "python=2.7", "pytorch<2", channels="conda-forge"),  # older than what the matrices have
            asks(CPU, "python=3.8", "pytorch=2.6", channels="conda-forge, defaults"),
            asks(CPU, "python=3.8", "pytorch=2.6", channels="conda-forge, our-own"),
            asks(CPU, "python=3.8", "pytorch=2.6", channels="bioconda"),
            asks(CPU, "python=3.8", "pytorch::pytorch=2.6", channels="conda-forge"),  # which has no such release
            asks(CPU, "python=3.8", "pytorch=2.6", channels="pytorch, conda-forge"),  # which has no such release
            asks(CPU, "python=3.8", "pip:torch==2.6", channels="conda-forge"),
            asks(CPU, "python=3.8", "pytorch=2.6", channels="conda-forge", complete=True),
            asks(CPU, "python=3.7", "pytorch=2.5", channels="pytorch"),  # builds for Macs are not among the facts
            asks(CPU, "python=3.6", "jaxlib=0.4.30", channels="conda-forge"),  # nor is this release
            asks(CPU, "python=3.14", "pytorch=2.1", channels="conda-forge"),  # newer: not-built
            asks(CU126, "pytorch=2.6", "cuda-version=12", channels="conda-forge"),
            asks(CU126, "pytorch=2.6", "cuda-version=12.8", channels="conda-forge"),  # runs builds for 12.6
            asks(CU126, "pytorch=2.6", "cuda-version", channels="conda-forge"),
            asks(CU126, "pytorch=2.6", "cudatoolkit=11.2", channels="conda-forge"),  # does not say the CUDA of its builds
            asks(CU126, "pytorch=2.6=cpu*", "cuda-version=12.0", channels="conda-forge"),
            asks(CPU, "pytorch=2.6", "cuda-version=12.0", channels="conda-forge"),
            asks(CU126, "pytorch=2.5", "pytorch-cuda=12.4", "python=3.12", channels="pytorch, nvidia, conda-forge"),
            asks(CU126, "pytorch>=2.4,<2.7", "cuda-version=12.0", channels="conda-forge"),  # 2.4 has builds for it
            asks(CU126, "pytorch=2.6", "cuda-version=13.0", channels="conda-forge"),  # newer: not-built
        ],
    ),
    "not-built": (
        [
            asks(CU126, "python=3.12", "pytorch=2.1", "pytorch-cuda=12.1", channels="pytorch, nvidia, conda-forge"),
            asks(CPU, "python=3.13", "tensorflow=2.17", channels="conda-forge"),
            asks(CPU, "python>=3.14", "pytorch=2.6", channels="conda-forge"),
            asks(CU126, "pytorch=2.6", "cuda-version=13.0", channels="conda-forge"),
            asks(CU126, "pytorch=2.1", "pytorch-cuda=12.4", channels="pytorch, nvidia, conda-forge"),  # which is for 12.4 alone
        ],
        [
            asks(CU126, "python=3.11", "pytorch=2.1", "pytorch-cuda=12.1", channels="pytorch, nvidia, conda-forge"),
            asks(CPU, "python=3.12", "tensorflow=2.17", channels="conda-forge"),
            asks(CPU, "python=3.8", "pytorch=2.6", channels="conda-forge"),  # older: never-built
            asks(CU126, "pytorch=2.6", "cuda-version=12.0", channels="conda-forge"),
            asks(CPU, "pytorch=2.6", "cuda-version=13.0", channels="conda-forge"),
            asks(CPU, "python=3.13", "tensorflow=2.17", channels="conda-forge", complete=True),
        ],
    ),
    "newest-is-cpu": (
        [
            asks(CU126, "python=3.12", "pytorch", "cuda-version=12.4", channels="conda-forge"),
            asks(CU118, "python=3.10", "pytorch>=2.1", "cuda-version=11.8", channels="conda-forge"),
            asks(CU118, "pytorch", "pytorch-cuda=11.7", channels="pytorch, nvidia, conda-forge"),
            asks(CU126, "pytorch>=2.4,<2.7", "cuda-version=12.0", channels="conda-forge"),  # 2.6 has no build for it
            asks(CU126, "conda-forge::pytorch", "cuda-version=12.0", channels="pytorch"),
            asks(CU118, "cudatoolkit=11.8", "pip:tensorflow", channels="conda-forge"),
            asks(CU118, "cudatoolkit=11.8", "pip:tensorflow>=2.10", channels="conda-forge"),
        ],
        [
            asks(CU126, "pytorch", "cuda-version=12", channels="conda-forge"),
            asks(CU126, "pytorch", "cuda-version", channels="conda-forge"),
            asks(CU126, "pytorch", channels="conda-forge"),
            asks(CU126, "pytorch=*=*cuda*", "cuda-version=12.4", channels="conda-forge"),
            asks(CU126, "pytorch=2.6", "cuda-version=12.0", channels="conda-forge"),  # never-built
            asks(CU126, "pytorch<2.6", "cuda-version=12.0", channels="conda-forge"),  # 2.5 has a build for it
            asks(CU126, "pytorch", "cuda-version=14.0", channels="conda-forge"),  # what comes may have a build
            asks(CU126, "pytorch 2.4|2.5", "cuda-version=12.0", channels="conda-forge"),  # a spec of another kind
            asks(CU118, "cudatoolkit=11.8", "pip:tensorflow==2.14.0+nv23.11", channels="conda-forge"),
            asks(CU118, "cudatoolkit=11.8", "pip:tensorflow @ https://example.org/tensorflow.whl", channels="conda-forge"),
            asks(CPU, "pytorch", "cuda-version=12.4", channels="conda-forge"),
            asks(CU118, "pytorch", "pytorch-cuda=11.8", channels="pytorch, nvidia, conda-forge"),
            asks(CU118, "pytorch", "cudatoolkit=11.8", channels="pytorch, conda-forge"),  # request-gets-cpu
            asks(CU126, "pytorch", "cuda-version=12.4", channels="conda-forge, defaults"),
            asks(CU126, "pytorch", "cuda-version=12.4", channels="conda-forge", complete=True),
            asks(CU126, "jaxlib>=0.7,<0.7.2", "cuda-version=12.0", channels="conda-forge"),  # some builds are not among the facts
            asks(CU126, "cuda-version=12.6", "pip:tensorflow", channels="conda-forge"),
            asks(CU118, "cudatoolkit=11.8", "pip:tensorflow<2.15", channels="conda-forge"),
            asks(CU118, "cudatoolkit=11.8", "pip:tensorflow[and-cuda]", channels="conda-forge"),  # brings its own
            asks(CPU, "cudatoolkit=11.8", "pip:tensorflow", channels="conda-forge"),
            asks(CU118, "cudatoolkit=11.8", "pip:torch", channels="conda-forge"),  # brings its own
            asks(CU130, "cuda-version=13.0", "pip:tensorflow", channels="conda-forge"),  # which what comes may load
            asks(CU118, "cupy", "cuda-version=11.8", channels="conda-forge"),  # has no CPU builds: an older release comes
        ],
    ),
    "never-published": (
        [
            asks(CU126, "cudatoolkit=12.1"),
            asks(CPU, "cudatoolkit==12.6.0", channels="nvidia"),
            asks(CU126, "pytorch-cuda=12.6", channels="pytorch, nvidia"),
            asks(CU126, "conda-forge::cudatoolkit=13"),
        ],
        [
            asks(CU118, "cudatoolkit=11.8"),
            asks(CU118, "cudatoolkit=11"),
            asks(CU118, "cudatoolkit"),
            asks(CU126, "cudatoolkit>=12"),  # a range is not judged
            asks(CU126, "pytorch-cuda=12"),
            asks(CU126, "pytorch-cuda=12.4"),
            asks(CU126, "cuda-version=12.9"),
            asks(CU118, "cudatoolkit=11.8rc1"),
            asks(CU126, "cudatoolkit=12.1", complete=True),
            asks(CPU, "pip:cudatoolkit==12.1"),
        ],
    ),
    "no-such-extra": (
        [
            asks(CU126, "pip:jax[gpu]"),
            asks(CU126, "pip:jax[cuda11_pip]==0.4.30"),
            asks(CU126, "pip:jax[cuda11_pip]"),
            asks(CU126, "pip:jax[cuda11_pip]>=0.4"),
            asks(CPU, "pip:jax[ci, cuda13]==0.4.35"),
            asks(CPU, "pip:jax[cuda13]<0.5,>=0.4.35; python_version >= '3.10'"),
            asks(CU126, "pip:tensorflow[cuda]"),
            asks(CU118, "pip:tensorflow[and-cuda]==2.13.0"),
        ],
        [
            asks(CU126, "pip:jax[cuda12]"),
            asks(CU126, "pip:jax[CUDA12_local]==0.4.30"),
            asks(CU118, "pip:jax[cuda11_pip]==0.4.25"),
            asks(CU118, "pip:jax[cuda11_pip]<0.4.30"),  # 0.4.25 is in the range: nobody knows what comes
            asks(CU126, "pip:jax[k8s]"),  # for no kind of hardware
            asks(CU118, "pip:jax[cuda11_pip]==0.4.25+own"),
            asks(CU126, "pip:jax"),
            asks(CU126, "pip:numpyro[cuda]"),  # of which nothing is known
            asks(CU126, "pip:tensorflow[and-cuda]"),
            asks(CU126, "pip:jax[gpu]", complete=True),
        ],
    ),
    "not-in-channels": (
        [
            asks(CU126, "pytorch=2.5", "pytorch-cuda=12.4", channels="conda-forge"),
            asks(CU126, "pytorch-cuda", channels='"https://conda.anaconda.org/conda-forge/", nvidia'),
        ],
        [
            asks(CU126, "pytorch-cuda=12.4", channels="conda-forge, pytorch"),
            asks(CU126, "pytorch-cuda=12.4", channels='conda-forge, "https://conda.anaconda.org/pytorch"'),
            asks(CU126, "pytorch-cuda=12.4", channels="conda-forge, pytorch-nightly"),
            asks(CU126, "pytorch-cuda=12.4", channels="conda-forge, ours"),
            asks(CU126, "pytorch-cuda=12.4", channels="defaults"),
            asks(CU126, "pytorch-cuda=12.4", channels='"not a channel", conda-forge'),
            asks(CU126, "pytorch-cuda=12.4", channels=""),
            asks(CU126, "pytorch::pytorch-cuda=12.4", channels="conda-forge"),
            asks(CU126, "cuda-version=12.4", channels="conda-forge"),
            asks(CU126, "pytorch-cuda=12.4", channels="conda-forge", complete=True),
        ],
    ),
    "cuda-named-twice": (
        [
            asks(CU126, "cuda-version=12.6", "cudatoolkit=11.8"),
            asks(CU126, "pytorch-cuda=12.4", "cudatoolkit=11.8"),
            asks(CU126, "cuda-toolkit=11.8", "cuda-version=12.6"),
            asks(CU126, "pytorch=2.4=*cuda118*", "cuda-version=12.6"),
        ],
        [
            asks(CU118, "cuda-version=11.8", "cudatoolkit=11.8"),
            asks(CU126, "cuda-version=12", "cuda-toolkit=12.6"),
            asks(CU126, "pytorch-cuda=11.8", "cuda-version=12.6"),  # overruled
            asks(CU126, "cuda-version=12.6", "cudatoolkit"),
            asks(CU126, "pytorch=2.4=*cuda126*", "cuda-version=12.9"),
            asks(CU126, "cuda-version=12.6", "pip:torch==2.4.0+cu118"),
            asks(CU126, "cuda-version=12.6", "cudatoolkit=11.8", complete=True),
        ],
    ),
    "request-gets-cpu": (
        [
            asks(CU118, "python=3.10", "pytorch=2.0", "torchvision", "cudatoolkit=11.8"),
            asks(CU118, "pytorch=2.0.1", "cudatoolkit=11.8", channels="pytorch, conda-forge, defaults"),
            asks(replace(CU118, cuda=Version("11.7")), "pytorch=1.12", "cudatoolkit=11.7"),
            asks(CU118, "pytorch=2.0"),
            asks(CU126, "cuda-toolkit=12.6", "pip:jax==0.4.35"),
            asks(CU126, "pip:jax", "pip:imageio[ffmpeg]"),
            asks(CU126, "pip:jaxlib==0.4.35"),
        ],
        [
            asks(CPU, "pip:jax"),
            asks(CU126, "pip:jax[cuda12]"),
            asks(CU126, "pip:jax", "pip:numpyro[cuda12]>=0.15"),
            asks(CU126, "pip:jax", "pip:jax-cuda12-plugin"),
            asks(CU126, "pip:jax", "jaxlib=*=*cuda*", channels="conda-forge"),
            asks(CU126, "pip:torch"),
            asks(CU126, "pip:torch", "pip:jax"),  # whose CUDA it is nobody says
            asks(CU126, "pip:jax", complete=True),
            asks(CPU, "pytorch=2.0", "cudatoolkit=11.8"),
            asks(CPU, "pytorch=2.0"),
            asks(CU118, "pytorch=2.0", "cudatoolkit=11.8", channels="conda-forge"),
            asks(CU118, "pytorch=2.0", "cudatoolkit=11.8", channels="pytorch, nvidia, conda-forge"),
            asks(CU118, "conda-forge::pytorch=2.0", "cudatoolkit=11.8"),
            asks(CU118, "pytorch=2.0=*cuda*", "cudatoolkit=11.8"),
            asks(CU118, "pytorch=2.0", "pytorch-cuda=11.8", "cudatoolkit=11.8"),
            asks(CU118, "pytorch>=1.10", "cudatoolkit=11.8"),
            asks(CU118, "pytorch=1", "cudatoolkit=11.8"),  # 1.12 is another case
            asks(CU118, "pytorch=9.9", "cudatoolkit=11.8"),
            asks(CU118, "pytorch=2.0rc1", "cudatoolkit=11.8"),
            asks(CU118, "pytorch=2.0", "cudatoolkit=11.8", complete=True),
        ],
    ),
    "request-unsolvable": (
        [
            asks(CU118, "pytorch=2.4", "pytorch-cuda=11.8"),
            asks(CPU, "pytorch=2.2", channels="conda-forge"),
            asks(CU126, "pytorch=2.6", "pytorch-cuda=12.4", channels="pytorch, nvidia, defaults"),
            asks(CU118, "tensorflow=2.13", "cudatoolkit=11.8", "cudnn=8.6", channels="conda-forge"),
        ],
        [
            asks(CU118, "pytorch=2.4", "pytorch-cuda=11.8", channels="pytorch, nvidia, conda-forge"),
            asks(CPU, "pytorch=2.4", channels="conda-forge"),
            asks(CPU, "pytorch=2", channels="conda-forge"),
            asks(CPU, "pytorch=2.7", channels="conda-forge"),
            asks(CU118, "tensorflow=2.11", "cudatoolkit=11.8", "cudnn=8.6", channels="conda-forge"),
            asks(CU126, "cudatoolkit=12.1", channels="conda-forge"),  # never-published
            asks(CPU, "pytorch=2.2", channels="conda-forge", complete=True),
        ],
    ),
    "unmet-dependency": (
        [
            given_(CPU, conda("x", "1.0", "h1234567_0", "numpy <2"), NUMPY),
            given_(CPU, conda("x", "1.0", "h1234567_0", "numpy * py310*"), NUMPY),
            given_(CPU, conda("x", constrains=("numpy <2",)), NUMPY),
        ],
        [
            given_(CPU, conda("x", "1.0", "h1234567_0", "numpy >=2", "numpy * py312*", "numpy 2.2.6", "numpy"), NUMPY),
            given_(CPU, conda("x", constrains=("libgone <2",)), NUMPY),
            given_(CPU, conda("x", "1.0", "h1234567_0", "numpy <2"), NUMPY, linked=False),
        ],
    ),
}


def fired(given: Given, matrix: Matrix) -> list[str]:
    told = {"shown": "demo.yml", "format": "conda-lock 1", "environment": "", "packages": given.packages, **given.lock}
    lock = Lock(**told)
    return [finding.rule for finding in check(lock, dict.fromkeys(lock.platforms, given.claim), matrix)]


def named(side: int) -> list[Any]:
    return [
        pytest.param(rule, case, id=f"{rule}-{number}") for rule, sides in TABLE.items() for number, case in enumerate(sides[side])
    ]


def test_the_table_has_every_rule_and_no_other() -> None:
    assert set(TABLE) == set(REGISTRY)
    assert [rule for rule, (fires, silent) in TABLE.items() if not fires or not silent] == []


@pytest.mark.parametrize(("rule", "case"), named(0))
def test_a_rule_fires_on_what_it_is_for(rule: str, case: Given, real: Matrix) -> None:
    assert rule in fired(case, real)


@pytest.mark.parametrize(("rule", "case"), named(1))
def test_a_rule_is_silent_on_what_is_right(rule: str, case: Given, real: Matrix) -> None:
    assert rule not in fired(case, real)


def test_a_pair_that_is_known_not_to_work_is_reported_once_with_its_source(real: Matrix) -> None:
    """However many packages of the framework the lock has."""
    torch = (CHANNEL_TORCH, channel("pytorch-cpu", "1.12.1", "py3.10_cpu_0"), channel("torchvision", "0.13.1", "py310_cpu"))
    lock = Lock(shown="demo.yml", format="explicit", environment="", packages=(*torch, MKL_2026), linked=False)
    (found,) = [finding for finding in check(lock, {"linux-64": CPU}, real) if finding.rule == "known-broken"]
    assert found.package == "mkl 2026.0.0 h0e700b2_915"
    assert "needs mkl <2024.1, or `import torch` ends in `undefined symbol: iJIT_NotifyEvent`" in found.text
    assert "https://github.com/pytorch/pytorch/issues/123097 (matrices/pytorch.yaml:" in found.text


def test_every_rule_has_its_section_in_the_documentation() -> None:
    """What it finds, why that matters, how to fix it; and no section for a rule that does not exist."""
    text = (REPO / "docs" / "verify.md").read_text(encoding="utf-8")
    found = re.findall(r"^### ([a-z0-9-]+)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    sections = dict(found)
    assert sorted(name for name, _ in found) == sorted(REGISTRY)
    for name, body in sections.items():
        assert [word for word in ("**What.**", "**Why.**", "**Fix.**") if word not in body] == [], name
        assert ("A warning" in body) == (REGISTRY[name].severity == "warning"), name


def test_a_rule_says_in_one_line_what_it_is_for() -> None:
    assert all(rule.because.endswith(".") and "\n" not in rule.because for rule in REGISTRY.values())
    assert {rule.severity for rule in REGISTRY.values()} == {"error", "warning"}


# --- whatever a lock holds ------------------------------------------------------------------------------------------------

NAMES = sorted(
    {package.name for sides in TABLE.values() for side in sides for case in side for package in case.packages}
    | {"torch", "tensorflow", "cuda-version", "cuda-nvcc", "nvidia-cuda-runtime-cu12"}
)
ODD = st.sampled_from(
    ["", "1", "12.6", "broken", "1!2", "2.7.1+cu118", "2.7.1+cuda", "9.10", "0.7.2rc1", "*", "é", "12.", "..", "-1"]
)
PACKAGES = st.builds(
    LockedPackage,
    name=st.sampled_from(NAMES),
    version=ODD,
    build=st.sampled_from(["", "cpu", "cuda126_py312_h0_0", "py3.10_cuda11.6_cudnn8.3.2_0", "é_0"]),
    manager=st.sampled_from(["conda", "pip"]),
    platform=st.sampled_from(["linux-64", "win-64", "osx-arm64", "noarch", ""]),
    url=st.sampled_from(["", "x", "https://c.example/linux-64/x-1-0.conda", "https://c.example/x-1-py3-none-any.whl", "://@:"]),
    md5=st.none() | ODD,
    sha256=st.none() | ODD,
    depends=st.lists(
        st.sampled_from(["", " ", "numpy", "numpy >=", "numpy>1", "__cuda", "__glibc >=x", "nvidia-x; bad", "a[b]", "::", "é"])
    ).map(tuple),
)


@examples(300)
@given(
    st.lists(PACKAGES, max_size=6),
    st.sampled_from(
        [
            None,
            CPU,
            CU126,
            replace(CU126, virtual={"__glibc": "x", "__cuda": "", "__archspec": ""}, gpus=(V100,), driver=Version("1")),
        ]
    ),
)
def test_no_lock_whatever_makes_a_rule_stumble(packages: list[LockedPackage], claim: Claim | None) -> None:
    lock = Lock(shown="demo.yml", format="conda-lock 1", environment="", packages=tuple(packages))
    claims = dict.fromkeys(lock.platforms, claim) if claim else {}
    found = check(lock, claims, small_matrix())
    assert {finding.platform for finding in found} <= set(lock.platforms)
    assert all(finding.text for finding in found)
    for case in cases(lock, claims, small_matrix()):
        assert len(case.driver_floors) == 2


# --- what is said of a finding --------------------------------------------------------------------------------------------


def findings(claim: Claim, *packages: LockedPackage, matrix: Matrix) -> list[Any]:
    lock = Lock(shown="demo.yml", format="conda-lock 1", environment="", packages=packages)
    return list(check(lock, dict.fromkeys(lock.platforms, claim), matrix))


@pytest.mark.parametrize(("count", "told"), [(9, 9), (10, 10), (11, 1), (200, 1)])
@pytest.mark.parametrize(("rule", "hashes"), [("no-hash", {"md5": None}), ("weak-hash", {})])
def test_many_packages_without_a_hash_are_one_finding(
    rule: str, hashes: dict[str, None], count: int, told: int, real: Matrix
) -> None:
    packages = (NUMPY, *(conda(f"tool{number}", sha256=None, **hashes) for number in range(count)))
    found = findings(CPU, *packages, matrix=real)
    assert [finding.rule for finding in found] == [rule] * told
    assert found[0].package == "tool0 1.0 h1234567_0"
    assert (f", as {count - 1} other packages" in found[0].text) == (told == 1)


def test_a_list_of_md5_alone_is_one_finding(real: Matrix) -> None:
    (found,) = findings(CPU, *(conda(f"tool{number}", sha256=None) for number in range(20)), matrix=real)
    assert (found.rule, found.package, found.text) == ("weak-hash", "", "its 20 packages have an md5 and no sha256")


def test_a_finding_says_what_brought_the_package(real: Matrix) -> None:
    """The shortest way from what nothing needs; a circle has no such way."""
    top = conda("lightning", "2.5", "pyhd8ed1ab_0", "pytorch >=2", "torchmetrics")
    between = conda("torchmetrics", "1.8", "pyhd8ed1ab_0", "pytorch >=2")
    (found,) = findings(CU126, top, between, TORCH_CPU, matrix=real)
    assert found.chain == ("lightning", "pytorch")
    circle = (conda("a", "1.0", "h1234567_0", "pytorch"), replace(TORCH_CPU, depends=("a",)))
    assert findings(CU126, *circle, matrix=real)[0].chain == ()


def test_the_way_out_is_said_where_there_is_one(real: Matrix) -> None:
    said = {
        "tensorflow[and-cuda]": (CU126, pip("tensorflow", "2.18.0")),
        "jax[cuda12]": (CU126, pip("jaxlib", "0.7.2")),
        "request jax under `frameworks:`": (
            replace(CU126, frameworks=("pytorch",)),
            TORCH,
            conda("jaxlib", "0.5.1", "cpu_py312h608a18e_0"),
        ),
    }
    for words, (claim, *packages) in some(said.items()):
        assert any(words in found.text for found in findings(claim, *packages, matrix=real)), words


def test_a_secret_is_not_repeated(real: Matrix) -> None:
    url = "https://alice:hunter2@c.example/t/tk-123/in/linux-64/x-1.0-h1234567_0.conda"
    found = findings(replace(CPU, channels=("conda-forge",)), conda("x", url=url), matrix=real)
    assert {finding.rule for finding in found} == {"credentials", "foreign-channel"}
    assert not [finding for finding in found if "hunter2" in finding.text or "tk-123" in finding.text]


def test_every_platform_is_judged_on_its_own(real: Matrix) -> None:
    here, there = TORCH, conda("pytorch", "2.7.0", "cpu_mkl_py312_h0_0", platform="win-64", url="")
    assert [(finding.rule, finding.platform) for finding in findings(CU126, here, there, matrix=real)] == [("cpu-build", "win-64")]


# --- what a lock seems to be ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("packages", "kind", "cuda"),
    [
        ([NUMPY], "none", None),
        ([TORCH_CPU, NUMPY], "cpu", None),
        ([TORCH], "cuda", "12.6"),
        ([TORCH, conda("cuda-version", "12.9")], "cuda", "12.9"),
        ([TORCH_CPU, conda("cudatoolkit", "11.8.0")], "mixed", None),
        ([TORCH, conda("jaxlib", "0.5.1", "cpu_py312h608a18e_0")], "mixed", None),
        ([TORCH, conda("libxgboost", "3.2.0", "cpu_h2ebb00f_1")], "cuda", "12.6"),
        ([conda("libxgboost", "3.2.0", "cpu_h2ebb00f_1")], "cpu", None),
        ([conda("libxgboost", "3.2.0", "cuda129_h0123456_1"), conda("cuda-version", "12.6")], "cuda", "12.6"),
        ([conda("cudf", "25.12.00", "cuda12_py312_0"), conda("cuda-version", "12.9")], "cuda", "12.9"),
        ([conda("libarrow", "20.0.0", "h1234567_8_cuda")], "none", None),
        (
            [
                conda("pytorch-cuda", "12.4"),
                conda("cuda-version", "12.8"),
                conda("pytorch", "2.5.1", "py3.12_cuda12.4_cudnn9.1.0_0"),
            ],
            "cuda",
            "12.4",
        ),
        ([pip("torch", "2.7.1"), pip("nvidia-cudnn-cu12", "9.5.1.17"), pip("nvidia-cuda-runtime-cu12", "12.6.77")], "cuda", "12.6"),
        ([pip("jaxlib"), pip("jax-cuda12-plugin")], "cuda", "12"),
        ([pip("cupy-cuda12x", "13.6.0")], "cuda", "12"),
        ([pip("torch", "2.7.1+cpu")], "cpu", None),
        ([conda("tensorflow", "2.4.1", "gpu_py39h8236f22_0")], "cuda", None),
    ],
)
def test_what_a_lock_seems_to_be(packages: list[LockedPackage], kind: str, cuda: str | None, real: Matrix) -> None:
    claim = inferred(real.catalogue, packages)
    assert (claim.kind, str(claim.cuda) if claim.cuda else None) == (kind, cuda)


# --- the gate: a lock is held against what was resolved -------------------------------------------------------------------

WITH = PROJECT.replace('">=2"', '{version: ">=2", with: [alphavision]}')
GOOD = (conda("cuda-version", "12.6", "h0_3"), conda("libcublas", "12.6.4.1"))


def gate(target: str, *packages: LockedPackage, text: str = PROJECT) -> list[tuple[str, str]]:
    """What the gate says about these packages of the small matrix; framework alpha is known by what its spellings ask for."""
    resolution = next(r for r in resolve(small_matrix(), project_of(text)) if r.target.name == target)
    lock = Lock(shown="demo.yml", format="conda-lock 1", environment="", packages=packages)
    found = check(lock, claims_of(resolution), small_matrix())
    return [(finding.rule, finding.text) for finding in found]


def test_a_cuda_target_with_its_own_builds_passes() -> None:
    assert gate("cu126", conda("alpha", "2.1.0", "cuda126_py312_h0_0"), *GOOD) == []


@pytest.mark.parametrize(("build", "cuda"), [("cuda118_py312_0", "11.8"), ("cuda124_py312_0", "12.4"), ("cuda130_py312_0", "13.0")])
def test_a_framework_is_built_for_just_the_cuda_that_was_chosen(build: str, cuda: str) -> None:
    found = gate("cu126", conda("alpha", "2.1.0", build), *GOOD)
    assert ("wrong-cuda", f"built for CUDA {cuda}, but a build for CUDA 12.6 was chosen") in found


def test_a_framework_whose_build_tells_no_version_is_not_what_was_chosen() -> None:
    assert gate("cu126", conda("alpha", "2.1.0", "cuda_py312_0"), *GOOD) == [
        ("wrong-cuda", "built for an unknown CUDA, but a build for CUDA 12.6 was chosen")
    ]


@pytest.mark.parametrize("build", ["cuda126_py312_0", "cuda124_py312_0", "cuda_py312_0"])
def test_a_companion_may_be_built_for_an_older_minor(build: str) -> None:
    assert gate("cu126", conda("alpha", "2.1.0", "cuda126_py312_0"), *GOOD, conda("alphavision", "0.21", build), text=WITH) == []


@pytest.mark.parametrize("build", ["cuda118_py312_0", "cpu_py312_0", "py312_0"])
def test_a_companion_for_another_major_or_for_cpu_is_found(build: str) -> None:
    found = gate("cu126", conda("alpha", "2.1.0", "cuda126_py312_0"), *GOOD, conda("alphavision", "0.21", build), text=WITH)
    assert {rule for rule, _ in found} & {"wrong-cuda", "cpu-build"}


def test_what_was_chosen_must_be_there() -> None:
    resolution = next(r for r in resolve(small_matrix(), project_of(PROJECT)) if r.target.name == "cu126")
    found = check(Lock(shown="demo.yml", format="", environment="", packages=(NUMPY,)), claims_of(resolution), small_matrix())
    assert [finding.text for finding in found if finding.rule == "framework-missing"] == [
        "the project requests alpha, which is not in the lock",
        "alpha was chosen, but is not in the lock",
    ]


def test_the_fleet_of_the_project_counts_in_the_gate() -> None:
    text = PROJECT.replace("targets: [cpu, cu126]", "targets: [cu126]\ngpus: [A100]\ndriver: '>=560.28.03'")
    resolution = next(iter(resolve(small_matrix(), project_of(text))))
    (claim,) = claims_of(resolution).values()
    assert ([gpu.name for gpu in claim.gpus], str(claim.driver)) == (["A100"], "560.28.3")


def test_a_cuda_of_no_told_version_is_just_cuda(real: Matrix) -> None:
    packages = (conda("tensorflow", "2.4.1", "gpu_py39h8236f22_0"), conda("torchvision", "0.9.0", "cpu_py39_0"))
    (found,) = check(Lock(shown="l", format="", environment="", packages=packages), {}, real)
    hint = "request torchvision under `frameworks:` to get a CUDA build"
    assert (found.rule, found.text) == ("cpu-sibling", f"a CPU build of torchvision in an environment for CUDA; {hint}")


def test_packages_without_a_version_are_named_as_they_are_asked_for(real: Matrix) -> None:
    given = asks(CU126, "pip:onnxruntime", "pip:onnxruntime-gpu")
    lock = Lock(**{"shown": "environment.yml", "environment": "", "packages": given.packages, **given.lock})
    texts = [found.text for found in check(lock, dict.fromkeys(lock.platforms, CU126), real) if found.rule == "framework-twice"]
    assert texts == ["onnxruntime-gpu and onnxruntime install the same files and overwrite each other's"]


@pytest.mark.parametrize(
    ("spec", "cuda", "newest"),
    [
        ("pytorch", "cuda-version=12.4", "2.5.1"),
        ("jaxlib", "cuda-version=12.0", "0.4.34"),  # those of 0.7 are not among the facts
        ("pytorch>=2.6", "cuda-version=12.4", ""),
        ("pytorch", "cuda-version=10.2", ""),  # of builds for cudatoolkit it says nothing
    ],
)
def test_the_newest_release_for_a_cuda_is_named_where_there_is_one(real: Matrix, spec: str, cuda: str, newest: str) -> None:
    given = asks(CU126, spec, cuda, channels="conda-forge")
    lock = Lock(**{"shown": "environment.yml", "environment": "", "packages": given.packages, **given.lock})
    (text,) = (found.text for found in check(lock, {}, real) if found.rule == "newest-is-cpu")
    assert text.partition("; the newest for it is ")[2] == newest


def test_a_release_with_builds_that_are_not_among_the_facts_is_not_judged(real: Matrix) -> None:
    framework, given = real.frameworks["pytorch"], asks(CU126, "pytorch", "cuda-version=12.4", channels="conda-forge")
    row = LeftOut(
        provider="conda-forge", platforms=frozenset(), variants=frozenset(), releases=None, because="", at=framework.releases[0].at
    )
    changed = replace(real, frameworks={**real.frameworks, "pytorch": replace(framework, left_out=(row,))})
    assert ["newest-is-cpu" in fired(given, matrix) for matrix in (real, changed)] == [True, False]


def test_a_wheel_with_its_libraries_inside_needs_none_of_the_file(real: Matrix) -> None:
    rows = tuple(
        replace(row, built_with=tuple(replace(one, inside=True) for one in row.built_with)) for row in real.catalogue.packages
    )
    given = asks(CU118, "cudatoolkit=11.8", "pip:tensorflow", channels="conda-forge")
    changed = replace(real, catalogue=replace(real.catalogue, packages=rows))
    assert ["newest-is-cpu" in fired(given, matrix) for matrix in (real, changed)] == [True, False]


def test_what_is_asked_for_is_judged_in_each_file_as_that_file_writes_it(real: Matrix) -> None:
    """Two files ask for the same version, one of them from the channel that has it."""
    judgements, found = Judgements(), []
    for spec in ("pytorch::pytorch-cuda=12.4", "pytorch-cuda=12.4"):
        given = asks(CU126, spec, channels="conda-forge")
        lock = Lock(**{"shown": f"{spec}.yml", "environment": "", "packages": given.packages, **given.lock})
        (case,) = cases(lock, dict.fromkeys(lock.platforms, CU126), real)
        found.append("not-in-channels" in [row.rule for row in judgements.of(case).findings])
    assert found == [False, True]


@pytest.mark.parametrize("own", [{}, {"strict": False}, {"platform": "win-64"}, {"virtual": {"__cuda": None}}])
def test_a_trial_with_settings_of_its_own_says_nothing_of_a_file(real: Matrix, own: dict[str, Any]) -> None:
    advice = tuple((rule, replace(row, trial=row.trial and replace(row.trial, **own))) for rule, row in real.advice)
    found = fired(asks(CU118, "pytorch=2.0", "cudatoolkit=11.8"), replace(real, advice=advice))
    assert ("request-gets-cpu" in found) == (own == {})
