"""What one package says about CUDA: build strings in every dialect, wheels by version, name and neighbours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.small import examples, real_matrix

from envgen.formats.builds import (
    Surroundings,
    applies,
    built_for,
    cuda_of,
    cudnn_of,
    framework_cuda,
    framework_of,
    is_cpu_build,
    libraries_of,
    needs_cuda,
    requirement_name,
)
from envgen.formats.marks import dotted
from envgen.model.packages import LockedPackage

KNOWN = real_matrix().catalogue


def conda(name: str, version: str = "1", build: str = "h1234567_0", platform: str = "linux-64") -> LockedPackage:
    return LockedPackage(name=name, version=version, build=build, manager="conda", platform=platform)


def pip(name: str, version: str = "1", *depends: str, platform: str = "linux-64") -> LockedPackage:
    return LockedPackage(name=name, version=version, build="", manager="pip", platform=platform, depends=depends)


@pytest.mark.parametrize(
    ("build", "cuda"),
    [
        # conda-forge, now and before
        ("cuda126_mkl_py312_h1234567_300", "12.6"),
        ("cuda129_generic_py313_h0_303", "12.9"),
        ("cuda130_py314_h0_0", "13.0"),
        ("cuda126py312h1234567_0", "12.6"),
        ("cuda112py310he33e0d6_1", "11.2"),
        ("cuda118_h8db9d67_301", "11.8"),
        ("cuda129_py312he8d3998_200", "12.9"),
        ("cuda_py312_h592d7cb_2", ""),
        ("cuda12_h0_0", "12"),
        ("h12806ad_14_cuda", ""),
        ("py312h1234567_0_cuda", ""),
        ("cuda12.9_h1234567_", "12.9"),
        ("cuda12_py312_251210_580975be", "12"),
        ("cuda13_cp311_abi3_260408_f9c3cf19", "13"),
        ("gpuh1234567_0", ""),
        # pytorch channel
        ("py3.10_cuda11.6_cudnn8.3.2_0", "11.6"),
        ("py3.12_cuda12.4_cudnn9.1.0_0", "12.4"),
        ("py3.7_cuda10.2_cudnn7.6.5_0", "10.2"),
        ("py3.7_cuda10.0.130_cudnn7.4.2_2", "10.0"),
        ("py3.7_cuda10.1.243_cudnn7.6.3_0", "10.1"),
        ("py310_cu116", "11.6"),
        ("py39_cu102", "10.2"),
        ("py38_cu92", "9.2"),
        ("cuda", ""),
        # defaults and the nvidia channel
        ("gpu_py39h8236f22_0", ""),
        ("gpu_cuda121py312he1a5c4b_101", "12.1"),
        ("gpu", ""),
        ("cuda12_0", "12"),
        ("cuda10.1_0", "10.1"),
        # for CPU, or for neither
        ("cpu_mkl_py312_hf535c18_300", None),
        ("cpu_generic_py312_h0_0", None),
        ("cpu_py312h1234567_0", None),
        ("py3.10_cpu_0", None),
        ("py310_cpu", None),
        ("h0123456_0", None),
        ("pyhd8ed1ab_0", None),
        ("cudnn_0", None),
        ("py38_cuNone_0", None),
        ("nocuda_h1234567_0", None),
        ("mkl_py39h4683426_0", None),
        ("", None),
    ],
)
def test_a_build_string_says_for_which_cuda_it_was_built(build: str, cuda: str | None) -> None:
    assert built_for(build) == cuda


@examples(100)
@given(st.integers(9, 14), st.integers(0, 9))
def test_the_digits_of_a_toolkit_are_read_back(major: int, minor: int) -> None:
    assert dotted(f"{major}{minor}") == f"{major}.{minor}"
    assert built_for(f"cuda{major}{minor}_py312_h1234567_0") == f"{major}.{minor}"
    assert built_for(f"py3.10_cuda{major}.{minor}_cudnn8.9.2_0") == f"{major}.{minor}"
    assert built_for(f"py310_cu{major}{minor}") == f"{major}.{minor}"


@examples(200)
@given(st.text(max_size=40))
def test_any_text_is_a_build_of_some_cuda_or_of_none(build: str) -> None:
    found = built_for(build)
    assert found is None or found == "" or found.replace(".", "").isdigit()


@pytest.mark.parametrize(
    ("package", "cuda"),
    [
        (conda("cuda-version", "12.6"), "12.6"),
        (conda("cudatoolkit", "11.8.0"), "11.8"),
        (conda("pytorch-cuda", "12.4"), "12.4"),
        (conda("cuda-version", "broken"), ""),
        (conda("cuda-cudart", "12.6.77"), "12"),
        (conda("libcublas", "12.6.4.1"), "12"),
        (conda("libcufft", "11.3.0.4"), ""),
        (conda("nccl", "2.27.3"), ""),
        (conda("cudnn", "8.9.2.26", "cuda11_0"), "11"),
        (conda("cuda-pathfinder", "1.2"), None),
        (conda("faiss-cpu", "1.8.0", "py3.10_cuda11.4h1234567_0"), None),
        (conda("numpy"), None),
        (pip("torch", "2.1.0+cu118"), "11.8"),
        (pip("torchvision", "0.16.0+cu121"), "12.1"),
        (pip("torch", "2.7.1+cpu"), None),
        (pip("torch", "1.12.1"), "10.2"),
        (pip("torch", "1.4.0"), "10.1"),
        (pip("torch", "2.7.1"), None),
        (pip("torch", "2.7.1", "filelock", "nvidia-cudnn-cu12 ==9.5.1.17"), "12"),
        (pip("torch", "2.14.0", "cuda-toolkit[cublas]==13.0.2; platform_system == 'Linux'"), ""),
        (pip("torch", "2.7.1", "nvidia-cudnn-cu12 ==9.5.1.17", platform="osx-arm64"), None),
        (pip("torch", "2.7.1", "nvidia-cudnn-cu12==9.5.1.17; platform_machine == 'x86_64'", platform="linux-aarch64"), None),
        (pip("torch", "2.7.1", "nvidia-cudnn-cu12==9.5.1.17; platform_machine == 'x86_64'"), "12"),
        (pip("torch", "1.12.1", platform="win-64"), None),
        (pip("nvidia-cudnn-cu12", "9.5.1.17"), "12"),
        (pip("nvidia-cuda-runtime-cu12", "12.6.77"), "12.6"),
        (pip("nvidia-cuda-runtime", "13.0.96"), "13.0"),
        (pip("nvidia-cublas", "13.1.0.3"), "13"),
        (pip("nvidia-cufft", "12.0.0.61"), ""),
        (pip("onnxruntime", "1.22.0"), None),
        (pip("cuda-toolkit", "13.0.2"), "13.0"),
        (pip("jax-cuda12-plugin", "0.7.2"), "12"),
        (pip("cupy-cuda12x", "13.6.0"), "12"),
        (pip("cupy-cuda118", "10.6.0"), "11.8"),
        (pip("nvidia-ml-py", "13.615.71"), None),
        (pip("tensorflow", "2.18.0"), None),
        (pip("numpy", "2.2.6"), None),
    ],
    ids=lambda value: f"{value.name}-{value.version}" if isinstance(value, LockedPackage) else str(value),
)
def test_a_package_says_for_which_cuda_it_is(package: LockedPackage, cuda: str | None) -> None:
    assert cuda_of(KNOWN, package) == cuda


CUDNN12 = pip("nvidia-cudnn-cu12", "9.5.1.17")


@pytest.mark.parametrize(
    ("package", "beside", "cuda"),
    [
        (pip("torch", "2.7.1"), (CUDNN12,), "12"),
        (pip("torch", "2.7.1"), (CUDNN12, pip("nvidia-cuda-runtime-cu12", "12.6.77")), "12.6"),
        (pip("torch", "2.7.1"), (), None),
        (pip("torch", "2.7.1+cpu"), (CUDNN12,), None),
        (pip("jaxlib", "0.7.2"), (pip("jax-cuda13-plugin", "0.7.2"),), "13"),
        (pip("jaxlib", "0.7.2"), (CUDNN12,), None),
        (pip("tensorflow", "2.18.0"), (CUDNN12,), "12"),
        (pip("tensorflow", "2.18.0"), (), None),
        (pip("tensorflow", "2.10.1"), (conda("cudatoolkit", "11.2.2"),), "11.2"),
        (pip("tensorflow", "2.16.1"), (conda("cudatoolkit", "11.8.0"),), None),
        (pip("tensorflow", "2.16.1"), (conda("libcublas", "12.6.4.1"),), "12"),
        (pip("tensorflow", "2.10.1", platform="win-64"), (conda("cudatoolkit", "11.2.2"),), "11.2"),
        (pip("tensorflow", "2.11.0", platform="win-64"), (conda("cudatoolkit", "11.2.2"),), None),
        (pip("tensorflow-cpu", "2.18.0"), (CUDNN12,), None),
        (conda("pytorch", "2.7.1", "cpu_generic_py312_h0_0"), (CUDNN12,), None),
        (conda("jaxlib", "0.5.1", "cuda126py312h344eca2_200"), (), "12.6"),
    ],
    ids=lambda value: f"{value.name}-{value.version}" if isinstance(value, LockedPackage) else None,
)
def test_a_wheel_that_does_not_tell_is_judged_by_what_is_beside_it(
    package: LockedPackage, beside: tuple[LockedPackage, ...], cuda: str | None
) -> None:
    assert framework_cuda(KNOWN, package, Surroundings(KNOWN, (package, *beside))) == cuda


def test_frameworks_are_known_by_the_names_of_both_managers() -> None:
    assert [framework_of(KNOWN, conda(name)) for name in ("pytorch", "libtorch", "tensorflow-base", "jaxlib", "jax", "torch")] == [
        *("pytorch", "pytorch", "tensorflow", "jax", None, None)
    ]
    assert [framework_of(KNOWN, pip(name)) for name in ("torch", "tensorflow-cpu", "jaxlib", "pytorch")] == [
        *("pytorch", "tensorflow", "jax", None)
    ]


@pytest.mark.parametrize(
    ("package", "found"),
    [
        (conda("torchvision", build="cpu_py312_h0_0"), True),
        (conda("torchvision", build="py310_cpu"), True),
        (conda("torchvision", build="py310_cu116"), False),
        (pip("torchvision", "0.22.1+cpu"), True),
        (pip("torchvision", "0.22.1"), False),
    ],
)
def test_a_cpu_build_says_so(package: LockedPackage, found: bool) -> None:
    assert is_cpu_build(KNOWN, package) is found


def test_parts_of_cuda_are_told_from_what_only_sounds_like_them() -> None:
    parts = (
        "cudatoolkit",
        "cuda-nvcc",
        "cuda",
        "libcublas-dev",
        "cudnn",
        "libcudnn-jit",
        "nccl",
        "cupy",
        "libmagma",
        "pytorch-cuda",
    )
    assert [name for name in parts if not needs_cuda(KNOWN, conda(name))] == []
    others = ("cuda-pathfinder", "numpy", "pynvml", "nvidia-ml-py", "libcurl", "pytorch", "cudf-docs")
    assert [name for name in others if needs_cuda(KNOWN, conda(name))] == []
    assert [
        name
        for name in ("nvidia-cublas-cu12", "nvidia-nccl-cu13", "cupy-cuda12x", "jax-cuda12-pjrt")
        if not needs_cuda(KNOWN, pip(name))
    ] == []
    assert [name for name in ("nvidia-ml-py", "torch", "triton", "cuda-pathfinder") if needs_cuda(KNOWN, pip(name))] == []


@pytest.mark.parametrize(
    ("package", "libraries"),
    [
        (conda("libcublas", "12.6.4.1"), "cublas 12, cublasLt 12"),
        (conda("cuda-cudart", "12.6.77"), "cudart 12"),
        (conda("libcudnn", "9.10.1.4"), "cudnn 9"),
        (conda("libcufft", "11.3.0.4"), "cufft 11"),
        (pip("nvidia-cuda-runtime-cu12", "12.6.77"), "cudart 12"),
        (pip("nvidia-cudnn-cu12", "9.5.1.17"), "cudnn 9"),
        (pip("nvidia-cublas", "13.1.0.3"), "cublas 13, cublasLt 13"),
        (pip("nvidia-cufile-cu12", "1.11.1.6"), "cufile 0"),
        (conda("cuda-nvcc"), ""),
        (conda("libcublas-dev"), ""),
        (pip("torch"), ""),
    ],
    ids=lambda value: value.name if isinstance(value, LockedPackage) else None,
)
def test_a_shared_library_is_the_same_from_conda_and_from_pip(package: LockedPackage, libraries: str) -> None:
    assert ", ".join(" ".join(item) for item in libraries_of(KNOWN, package).items()) == libraries


def test_a_toolkit_in_one_package_brings_the_libraries_of_its_time() -> None:
    found = libraries_of(KNOWN, conda("cudatoolkit", "11.8.0"))
    assert (found["cudart"], found["cublas"], found["cufft"]) == ("11", "11", "10")
    assert not {"cudnn", "nccl"} & found.keys()


def test_only_cudnn_has_a_version_of_cudnn() -> None:
    assert [str(cudnn_of(KNOWN, conda(name, "9.10.1.4"))) for name in ("cudnn", "libcudnn", "libcudnn-dev", "cudnn-frontend")] == [
        *("9.10.1.4", "9.10.1.4", "None", "None")
    ]
    assert cudnn_of(KNOWN, conda("cudnn", "broken!")) is None


@pytest.mark.parametrize(
    ("need", "platform", "holds"),
    [
        ("numpy", "linux-64", True),
        ("numpy>=1; platform_system == 'Linux'", "linux-64", True),
        ("numpy>=1; platform_system == 'Linux'", "win-64", False),
        ("numpy; sys_platform == 'darwin'", "osx-arm64", True),
        ("numpy; platform_machine == 'AMD64'", "win-64", True),
        ("numpy; platform_machine == 'aarch64'", "linux-aarch64", True),
        ("numpy; extra == 'gpu'", "linux-64", False),
        ("numpy; nonsense ===", "linux-64", True),
    ],
)
def test_a_marker_is_judged_for_the_platform_of_the_lock(need: str, platform: str, holds: bool) -> None:
    assert applies(need, platform) is holds


def test_a_requirement_names_its_package() -> None:
    assert requirement_name("nvidia-nccl-cu12==2.26.2; sys_platform == 'linux'") == "nvidia-nccl-cu12"
    assert requirement_name("nvidia-nccl-cu12 2.26.2") == "nvidia-nccl-cu12"
    assert requirement_name("cuda-toolkit[cublas]==13") == "cuda-toolkit"
    assert requirement_name("") == ""
