"""What one package says about CUDA: by its build string, its version, its name. Pure; the tables of names stand here.

A build string names its CUDA in many dialects: cuda126_mkl_py312_h0_300 and cuda112py310h0_0 (conda-forge),
py3.10_cuda11.6_cudnn8.3.2_0, py3.7_cuda10.0.130_cudnn7.4.2_2 and py310_cu116 (pytorch channel), gpu_py39h0_0 (defaults). A
wheel says it in its version (2.1.0+cu118), in its name (nvidia-cudnn-cu12, jax-cuda12-plugin, cupy-cuda12x) or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName
from packaging.version import InvalidVersion, Version

from envgen.model.facts import Platform
from envgen.model.packages import LockedPackage

_BUILT_FOR = re.compile(r"(?:^|_)(?:cu(?:da)?(\d+(?:\.\d+)+|\d{1,3})?|gpu)(?=_|py|h[0-9a-f]{7}|$)")
_CPU_BUILD = re.compile(r"(?:^|_)cpu(?=_|py|h[0-9a-f]{7}|$)")
_LOCAL = re.compile(r"\+cu(?:da)?(\d+)")
_IN_NAME = re.compile(r"-cu(\d+)$|-cuda(\d+)(?:x$|$|-)")

# Packages with a CPU and a CUDA build, and the framework that they are.
_CONDA_FRAMEWORKS = {
    **dict.fromkeys(("pytorch", "libtorch", "pytorch-gpu", "pytorch-cpu"), "pytorch"),
    **dict.fromkeys(("tensorflow", "tensorflow-base", "tensorflow-gpu", "tensorflow-cpu", "libtensorflow_cc"), "tensorflow"),
    "jaxlib": "jax",
}
PIP_TENSORFLOW = ("tensorflow", "tensorflow-gpu", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tensorflow-cpu-aws")
_PIP_FRAMEWORKS = {"torch": "pytorch", "jaxlib": "jax", **dict.fromkeys(PIP_TENSORFLOW, "tensorflow")}
CPU_WHEELS = frozenset({"tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tensorflow-cpu-aws"})
_SIGNS = {
    "jax": re.compile(r"pip:jax-cuda\d+-(?:plugin|pjrt)"),
    "tensorflow": re.compile(r"pip:nvidia-cudnn(?:-cu\d+)?|conda:(?:cudatoolkit|libcublas)"),
    "pytorch": re.compile(r"pip:nvidia-cu(?:dnn|blas)(?:-cu\d+)?"),
}
# TensorFlow's wheels for Linux, and the CUDA major that they load (https://www.tensorflow.org/install/source#gpu).
_TENSORFLOW = {"2.15": "12", "2.4": "11", "2.1": "10"}
_TENSORFLOW_WINDOWS = Version("2.11")  # from here on the wheels for Windows have no GPU code
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
    r"cudatoolkit|pytorch-cuda|cuda(?:-.*)?|cudnn.*|libcudnn.*|nccl|cutensor|libcutensor.*|cusparselt|libcusparselt.*|magma|libmagma.*"
    r"|lib(?:cublas|cufft|cufile|curand|cusolver|cusparse|cudss|npp|nvjitlink|nvjpeg|nvrtc|nvfatbin|nvptxcompiler|nvvm|nvshmem).*"
    r"|cupy|cupy-core|pycuda|faiss-gpu|pytorch-gpu|tensorflow-gpu|tensorrt.*"
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
    """The version in digits of a build string: 126 is 12.6, 118 is 11.8, 92 is 9.2, 10.0.130 is 10.0; 12 and 11.6 stay."""
    if "." in digits:
        return minor_of(digits)
    if len(digits) < 2 or digits in ("11", "12", "13", "14"):
        return digits
    return f"{digits[:-1]}.{digits[-1]}"


def built_for(build: str) -> str | None:
    """The CUDA that a build string names, "12.6" or "12"; "" for a CUDA build without a version, None for a CPU build."""
    found = _BUILT_FOR.findall(build)
    return dotted(max(found, key=len)) if found else None


def framework_of(package: LockedPackage) -> str | None:
    """The framework that a package is: `pytorch` for conda's pytorch and libtorch and for pip's torch."""
    return (_CONDA_FRAMEWORKS if package.manager == "conda" else _PIP_FRAMEWORKS).get(package.name)


def version_of(package: LockedPackage) -> Version | None:
    """A package's version by PEP 440; None where it is none."""
    try:
        return Version(package.version)
    except InvalidVersion:
        return None


def cuda_of(package: LockedPackage) -> str | None:
    """The CUDA that a package was built for or belongs to, "12.6" or "12"; "" for CUDA of no told version, None for none."""
    return _conda_cuda(package) if package.manager == "conda" else _pip_cuda(package)


def _conda_cuda(package: LockedPackage) -> str | None:
    if package.name in _HARMLESS or package.name == "faiss-cpu":
        return None
    if package.name in NAMERS:
        return _told(package.version)
    if package.name.startswith(("cuda-", "libcublas")) and package.version.split(".")[0] in ("9", "10", "11", "12", "13"):
        return package.version.split(".")[0]  # the major of cuBLAS is that of its toolkit
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
        return _told(package.version) if runtime else dotted(digits)
    if package.name.startswith("nvidia-cuda-") or package.name in NAMERS:
        return _told(package.version)
    if package.name == "torch":
        return _torch_cuda(package)
    return "" if _PIP_LIBRARY.fullmatch(package.name) else None


def _torch_cuda(package: LockedPackage) -> str | None:
    """CUDA of a plain torch wheel: by the nvidia-* packages that it needs, or, of old ones, by what was inside."""
    if not package.platform.startswith("linux") or "+cpu" in package.version:
        return None
    needs = [need for need in package.depends if need.startswith(("nvidia-", "cuda-toolkit", "cuda-bindings"))]
    wanted = [need for need in needs if applies(need, package.platform)]
    if needs:
        named = _IN_NAME.search(requirement_name(wanted[0])) if wanted else None
        return (dotted(named[1]) if named else "") if wanted else None
    version = version_of(package)
    if version is None or package.platform != "linux-64":
        return None
    return next((cuda for since, cuda in _BUNDLED.items() if version >= Version(since)), None)


def requirement_name(need: str) -> str:
    """The package that a requirement names: nvidia-nccl-cu12==2.26.2; sys_platform == "linux" names nvidia-nccl-cu12."""
    found = re.match(r"[A-Za-z0-9._-]+", need)
    return found[0] if found else ""


def applies(need: str, platform: Platform) -> bool:
    """Whether a requirement holds on a platform, as far as its marker speaks of platforms; one of an extra does not."""
    marker = need.partition(";")[2].strip()
    if not marker:
        return True
    system, _, machine = platform.partition("-")
    names = {"linux": ("Linux", "linux"), "osx": ("Darwin", "darwin"), "win": ("Windows", "win32")}
    arch = {"64": "AMD64" if system == "win" else "x86_64"}.get(machine, machine)
    told = names.get(system, (system, system))
    environment = {"platform_system": told[0], "sys_platform": told[1], "platform_machine": arch, "extra": ""}
    try:
        return Marker(marker).evaluate(environment)
    except (InvalidMarker, UndefinedEnvironmentName):
        return True


def _told(version: str) -> str:
    """Major and minor where they are numbers, else "": what a broken version says of CUDA."""
    return minor_of(version) if re.match(r"\d+(\.\d+)*$|\d+\.\d+\.", version) else ""


def minor_of(version: str) -> str:
    """Major and minor of a version: 12.6.77 is 12.6."""
    return ".".join(version.split(".")[:2])


def framework_cuda(package: LockedPackage, beside: Iterable[LockedPackage]) -> str | None:
    """The CUDA of a framework's package; of a wheel that does not tell, what the packages beside it make of it.

    JAX's CUDA is a plugin; TensorFlow's and torch's wheels load the nvidia-* packages, TensorFlow's up to 2.14 also conda's
    cudatoolkit. A torch wheel that tells a bare major is for the minor of the CUDA runtime that it is locked with.
    """
    found = cuda_of(package)
    if package.manager == "conda" or is_cpu_build(package) or package.name in CPU_WHEELS:
        return found
    others = tuple(beside)
    if found is None:
        framework = _PIP_FRAMEWORKS[package.name]
        signs = (other for other in others if _SIGNS[framework].fullmatch(f"{other.manager}:{other.name}"))
        told = [cuda for other in signs if (cuda := cuda_of(other)) is not None]
        found = _loaded(package, told) if framework == "tensorflow" else next(iter(told), None)
    return _runtime_minor(found, others) if package.name == "torch" and found is not None and "." not in found else found


def _loaded(tensorflow: LockedPackage, beside: list[str]) -> str | None:
    """The CUDA beside a TensorFlow wheel that it can load: of the major that it was built for; no wheel does on macOS."""
    version = version_of(tensorflow)
    windows = tensorflow.platform.startswith("win")
    if tensorflow.platform.startswith("osx") or (windows and (version is None or version >= _TENSORFLOW_WINDOWS)):
        return None
    major = tensorflow_loads(tensorflow)
    return next((cuda for cuda in beside if not cuda or not major or cuda.split(".")[0] == major), None)


def tensorflow_loads(wheel: LockedPackage) -> str:
    """The CUDA major whose libraries a TensorFlow wheel for Linux loads by name, "" where that is not known."""
    version = version_of(wheel)
    return next((cuda for since, cuda in _TENSORFLOW.items() if version and version >= Version(since)), "")


def _runtime_minor(major: str, beside: Iterable[LockedPackage]) -> str:
    runtimes = (other for other in beside if other.manager == "pip" and other.name.startswith("nvidia-cuda-runtime"))
    told = [cuda for other in runtimes if (cuda := cuda_of(other)) and cuda.split(".")[0] == (major or cuda.split(".")[0])]
    return told[0] if told else major


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
    found = re.fullmatch(r"(?:lib)?cudnn|nvidia-cudnn(?:-cu\d+)?", package.name)
    return version_of(package) if found else None
