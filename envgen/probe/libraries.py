"""The CUDA libraries that a framework loaded: which version their names tell, and how they were found. Pure."""

from __future__ import annotations

import re

from packaging.version import Version

from envgen.probe.model import Answer, Comparison, Library

# What comes with CUDA, cuDNN, NCCL or the driver, as files: libcublasLt.so.12, libcudart-d0da41ae.so.11.0, libcuda.so.1
_CUDA = re.compile(
    r"lib(cuda|cudart|cublas|cudnn|cufft|cufile|cupti|curand|cusolver|cusparse|cutensor|nccl|nvfatbin|nvJitLink|nvrtc|nvshmem"
    r"|nvToolsExt|nvptxcompiler|nvvm|nvidia-ml|nvidia-ptxjitcompiler)[\w.-]*\.so[\w.]*"
)
# Only these carry the CUDA major in their file name; cuFFT 11 and cuSPARSE 12 both belong to CUDA 12.
_OF_CUDA = re.compile(r"lib(?:cudart|cublas|cublasLt|nvrtc|nvJitLink|cupti)[\w-]*\.so\.(\d{1,3})")
_OF_CUDNN = re.compile(r"libcudnn\w*[\w-]*\.so\.(\d{1,3})")


def is_cuda(path: str) -> bool:
    """Whether a shared library belongs to CUDA or to the driver, by the name of its file."""
    return _CUDA.fullmatch(path.rsplit("/", 1)[-1]) is not None


def foreign(answer: Answer) -> dict[str, tuple[Library, ...]]:
    """The libraries from outside the environment, by their folder."""
    found = [library for library in answer.libraries if library.origin == "foreign"]
    folders = dict.fromkeys(library.folder for library in found)
    return {folder: tuple(library for library in found if library.folder == folder) for folder in folders}


def of_another_major(case: Comparison, library: Library) -> bool:
    """Whether a library's name tells another major version of CUDA, or of cuDNN, than the build needs."""
    need, have = _major_needed(case, library), major_of(library)
    return need is not None and have is not None and need != have


def major_of(library: Library) -> int | None:
    """The CUDA major in a file's name, for cuDNN's files the cuDNN major; None if it tells none."""
    found = _OF_CUDA.match(library.name) or _OF_CUDNN.match(library.name)
    return int(found[1]) if found else None


def _major_needed(case: Comparison, library: Library) -> int | None:
    version: Version | None = case.answer.cudnn if library.name.startswith("libcudnn") else case.cuda
    return version.major if version else None


def found_through(case: Comparison, folder: str) -> str:
    """What led the loader to a folder: the entry of LD_LIBRARY_PATH that holds it, else the rest of its search."""
    for entry, real in case.launch.library_path:
        if any(f"{folder}/".startswith(f"{place.rstrip('/')}/") for place in (entry, real)):
            return f"LD_LIBRARY_PATH contains {entry}"
    return "LD_LIBRARY_PATH does not contain it: it was found through LD_PRELOAD, ldconfig or an RPATH"
