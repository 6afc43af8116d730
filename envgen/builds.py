"""What one package says about CUDA: by its build string, its version, its name. Pure; the tables of names stand here.

A build string names its CUDA in many dialects: cuda126_mkl_py312_h0_300 and cuda112py310h0_0 (conda-forge),
py3.10_cuda11.6_cudnn8.3.2_0 and py310_cu116 (pytorch channel), gpu_py39h0_0 (defaults). A wheel says it in its version
(2.1.0+cu118), in its name (nvidia-cudnn-cu12, jax-cuda12-plugin, cupy-cuda12x) or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from packaging.version import InvalidVersion, Version

from envgen.model import LockedPackage

_BUILT_FOR = re.compile(r"(?:^|_)(?:cu(?:da)?(\d+\.\d|\d{1,3})?|gpu)(?=_|py|h[0-9a-f]{7}|$)")
_CPU_BUILD = re.compile(r"(?:^|_)cpu(?=_|py|h[0-9a-f]{7}|$)")
_LOCAL = re.compile(r"\+cu(?:da)?(\d+)")
_IN_NAME = re.compile(r"-cu(\d+)$|-cuda(\d+)(?:x$|$|-)")

# Packages with a CPU and a CUDA build, and the framework that they are.
_CONDA_FRAMEWORKS = {
    **dict.fromkeys(("pytorch", "libtorch", "pytorch-gpu", "pytorch-cpu"), "pytorch"),
    **dict.fromkeys(("tensorflow", "tensorflow-base", "tensorflow-gpu", "tensorflow-cpu", "libtensorflow_cc"), "tensorflow"),
    "jaxlib": "jax",
}
_PIP_TENSORFLOW = ("tensorflow", "tensorflow-gpu", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tensorflow-cpu-aws")
_PIP_FRAMEWORKS = {"torch": "pytorch", "jaxlib": "jax", **dict.fromkeys(_PIP_TENSORFLOW, "tensorflow")}
_PIP_CPU_ONLY = frozenset({"tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tensorflow-cpu-aws"})
_SIGNS = {
    "jax": re.compile(r"pip:jax-cuda\d+-(?:plugin|pjrt)"),
    "tensorflow": re.compile(r"pip:nvidia-cudnn(?:-cu\d+)?|conda:(?:cudatoolkit|libcublas)"),
    "pytorch": re.compile(r"pip:nvidia-cu(?:dnn|blas)(?:-cu\d+)?"),
}
COMPANIONS = frozenset(
    {
        *("torchvision", "torchaudio", "torchtext", "torchcodec", "torchani", "openmm-torch", "xformers", "flash-attn"),
        *("bitsandbytes", "deepspeed", "torchcsprng", "tensorflow-estimator", "libtensorflow_framework", "triton"),
    }
)
# Say which CUDA the whole environment is for, the more binding first. pytorch-cuda comes first: the nvidia channel's helper
# libraries bring a cuda-version that is newer than it.
NAMERS = ("pytorch-cuda", "cudatoolkit", "cuda-version", "cuda-toolkit")

_LIBRARY = re.compile(
    r"cudatoolkit|pytorch-cuda|cuda-.*|cudnn.*|libcudnn.*|nccl|cutensor|libcutensor.*|cusparselt|libcusparselt.*|magma|libmagma.*"
    r"|lib(?:cublas|cufft|cufile|curand|cusolver|cusparse|cudss|npp|nvjitlink|nvjpeg|nvrtc|nvfatbin|nvptxcompiler|nvvm|nvshmem).*"
    r"|cupy|cupy-core|pycuda|pytorch-gpu|tensorflow-gpu|tensorrt.*"
)
_PIP_LIBRARY = re.compile(
    r"nvidia-(?:cublas|cuda-.*|cudnn|cufft|cufile|curand|cusolver|cusparse|cusparselt|nccl|nvjitlink|nvtx|nvshmem)(?:-cu\d+)?"
    r"|cuda-toolkit|jax-cuda\d+-(?:plugin|pjrt)|cupy-cuda.*|pycuda|onnxruntime-gpu|faiss-gpu.*|tensorrt.*|.*-cu1[1-9]"
)
_HARMLESS = frozenset({"cuda-pathfinder", "cuda-python-headers"})  # pure Python and headers: they load nothing
_RUNTIME = re.compile(r"(?:lib|nvidia-)?(cublas|cudart|cuda-runtime|cudnn|cufft|cusparse|cusolver|curand|nccl)(?:-cu\d+)?")

# CUDA inside the plain wheels of PyPI for Linux x86_64, up to 1.12; later ones depend on nvidia-* packages.
# https://github.com/pytorch/pytorch/blob/main/RELEASE.md and the wheels' own metadata
_BUNDLED = {"1.13": None, "1.7": "10.2", "1.6": "10.2", "1.5": "10.2", "1.4": "10.1", "1.3": "10.1"}


def dotted(digits: str) -> str:
    """The version in digits of a build string: 126 is 12.6, 118 is 11.8, 92 is 9.2; 12 and 11.6 stay as they are."""
    if "." in digits or len(digits) < 2 or digits in ("11", "12", "13", "14"):
        return digits
    return f"{digits[:-1]}.{digits[-1]}"


def built_for(build: str) -> str | None:
    """The CUDA that a build string names, "12.6" or "12"; "" for a CUDA build without a version, None for a CPU build."""
    found = _BUILT_FOR.findall(build)
    return dotted(max(found, key=len)) if found else None


def framework_of(package: LockedPackage) -> str | None:
    """The framework that a package is: `pytorch` for conda's pytorch and libtorch and for pip's torch."""
    return (_CONDA_FRAMEWORKS if package.manager == "conda" else _PIP_FRAMEWORKS).get(package.name)


def cuda_of(package: LockedPackage) -> str | None:
    """The CUDA that a package was built for or belongs to, "12.6" or "12"; "" for CUDA of no told version, None for none."""
    return _conda_cuda(package) if package.manager == "conda" else _pip_cuda(package)


def _conda_cuda(package: LockedPackage) -> str | None:
    if package.name in _HARMLESS or package.name == "faiss-cpu":
        return None
    if package.name in NAMERS:
        return minor_of(package.version)
    if package.name.startswith("cuda-") and package.version.split(".")[0] in ("9", "10", "11", "12", "13"):
        return package.version.split(".")[0]
    found = built_for(package.build)
    if found is None and _LIBRARY.fullmatch(package.name):
        return ""
    return found


def _pip_cuda(package: LockedPackage) -> str | None:
    local = _LOCAL.search(package.version)
    if local:
        return dotted(local[1])
    named = _IN_NAME.search(package.name)
    if named:
        digits = named[1] or named[2]
        runtime = package.name.startswith(("nvidia-cuda-runtime", "nvidia-cuda-nvrtc", "nvidia-cuda-cupti"))
        return minor_of(package.version) if runtime else dotted(digits)
    if package.name.startswith("nvidia-cuda-") or package.name in NAMERS:
        return minor_of(package.version)
    if package.name == "torch":
        return _torch_cuda(package)
    return "" if _PIP_LIBRARY.fullmatch(package.name) else None


def _torch_cuda(package: LockedPackage) -> str | None:
    """CUDA of a plain torch wheel: by the nvidia-* packages that it needs, or, of old ones, by what was inside."""
    if package.platform != "linux-64" and not package.depends:
        return None
    needs = [need for need in package.depends if need.startswith(("nvidia-", "cuda-toolkit", "cuda-bindings"))]
    if needs:
        named = _IN_NAME.search(needs[0].split()[0].split("=")[0].split("<")[0].split(">")[0])
        return dotted(named[1]) if named else ""
    if package.platform != "linux-64" or "+cpu" in package.version:
        return None
    try:
        version = Version(package.version)
    except InvalidVersion:
        return None
    return next((cuda for since, cuda in _BUNDLED.items() if version >= Version(since)), None)


def minor_of(version: str) -> str:
    """Major and minor of a version: 12.6.77 is 12.6."""
    return ".".join(version.split(".")[:2])


def framework_cuda(package: LockedPackage, beside: Iterable[LockedPackage]) -> str | None:
    """The CUDA of a framework's package; of a wheel that does not tell, what the packages beside it make of it.

    JAX's CUDA is a plugin; TensorFlow's and torch's wheels load the nvidia-* packages, TensorFlow's up to 2.14 also conda's.
    """
    found = cuda_of(package)
    if found is not None or package.manager == "conda" or is_cpu_build(package) or package.name in _PIP_CPU_ONLY:
        return found
    sign = _SIGNS[_PIP_FRAMEWORKS[package.name]]
    return next((cuda_of(other) for other in beside if sign.fullmatch(f"{other.manager}:{other.name}")), None)


def is_cpu_build(package: LockedPackage) -> bool:
    """Whether a package says of itself that it is a CPU build."""
    return bool(_CPU_BUILD.search(package.build)) if package.manager == "conda" else "+cpu" in package.version


def is_library(package: LockedPackage) -> bool:
    """Whether a package is part of CUDA itself, or useless without it."""
    if package.name in _HARMLESS:
        return False
    return bool((_LIBRARY if package.manager == "conda" else _PIP_LIBRARY).fullmatch(package.name))


def runtime_of(package: LockedPackage) -> str | None:
    """Which of CUDA's shared libraries a package brings: cublas, cudnn ...; `cudatoolkit` brings all, cuDNN and NCCL aside."""
    if package.manager == "conda" and package.name == "cudatoolkit":
        return "cudart"
    name = package.name.removeprefix("cuda-") if package.manager == "conda" else package.name
    found = _RUNTIME.fullmatch(name)
    return {"cuda-runtime": "cudart"}.get(found[1], found[1]) if found else None


def cudnn_of(package: LockedPackage) -> Version | None:
    """The version of cuDNN that a package is, None for every other package."""
    if not re.fullmatch(r"(?:lib)?cudnn|nvidia-cudnn(?:-cu\d+)?", package.name):
        return None
    try:
        return Version(package.version)
    except InvalidVersion:
        return None
