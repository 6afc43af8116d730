"""The CUDA libraries that a framework loaded: which version their names tell, and how they were found. Pure."""

from __future__ import annotations

import re

from packaging.version import Version

from envgen.model.catalogue import Catalogue
from envgen.probe.model import Answer, Comparison, Library

_DRIVER = ("libcuda.so", "libnvidia-", "libcudadebugger.so")
_LIBCUDA = re.compile(r"libcuda\.so\.(\d{3,4}(?:\.\d{1,4}){1,2})")  # libcuda.so.580.159.04; on WSL it is libcuda.so.1.1
_CUDNN = "cudnn"  # the one library whose own version an answer names


def is_driver(file: str) -> bool:
    """Whether a file of this name belongs to the driver."""
    return file.startswith(_DRIVER)


def cuda_name(catalogue: Catalogue, file: str) -> str:
    """The library of CUDA that a file is part of, by the libraries that packages bring; "" if none.

    `cublasLt` for `libcublasLt.so.12`, `cudart` for `libcudart-d0da41ae.so.11.0`, `cudnn` for `libcudnn_ops.so.9`.
    """
    stem, so, _ = file.partition(".so")
    names = (name for row in catalogue.packages for name in row.brings if so and stem.startswith(f"lib{name}"))
    return max(names, key=len, default="")


def foreign(answer: Answer) -> dict[str, tuple[Library, ...]]:
    """The libraries from outside the environment, by their folder."""
    found = [library for library in answer.libraries if library.origin == "foreign"]
    folders = dict.fromkeys(library.folder for library in found)
    return {folder: tuple(library for library in found if library.folder == folder) for folder in folders}


def of_another_major(case: Comparison, library: Library) -> bool:
    """Whether a library's file name tells another major version of CUDA, or of cuDNN, than the build is for."""
    if library.cuda_name == _CUDNN:
        needed = case.answer.cudnn
    else:
        needed = case.cuda if counts_like_cuda(case.matrix.catalogue, library.cuda_name) else None
    have = soname_major(library)
    return needed is not None and have is not None and needed.major != have


def soname_major(library: Library) -> int | None:
    """The first number after `.so` in a library's file name."""
    found = re.search(r"\.so\.(\d{1,3})", library.name)
    return int(found[1]) if found else None


def driver_version(library: Library) -> Version | None:
    """The driver that a libcuda belongs to, by the name of its file; None of another library, and where that tells none."""
    found = _LIBCUDA.fullmatch(library.name)
    return Version(found[1]) if found else None


def counts_like_cuda(catalogue: Catalogue, name: str) -> bool:
    """Whether a library's soname has the major of its CUDA version: that of `cudart` does, while `cufft` 11 is of CUDA 12."""
    rows = [row for row in catalogue.packages if name in row.brings]
    return bool(rows) and all(row.tells != "none" and not row.brings[name] for row in rows)


def shadowing_hint(case: Comparison) -> str:
    """What to try if LD_LIBRARY_PATH holds libraries that may be taken for the environment's; "" if it holds none.

    What fails to load leaves no trace among the loaded libraries, so the folders are all that is known.
    """
    for folder, files in case.launch.shadowing.items():
        return f"LD_LIBRARY_PATH contains {folder}, which holds {', '.join(files[:3])}; try without it"
    return ""


def found_through(case: Comparison, folder: str) -> str:
    """What led the loader to a folder: the entry of LD_LIBRARY_PATH that holds it, else the rest of its search."""
    for entry, real in case.launch.library_path:
        if any(f"{folder}/".startswith(f"{place.rstrip('/')}/") for place in (entry, real)):
            return f"LD_LIBRARY_PATH contains {entry}"
    return "LD_LIBRARY_PATH does not contain it: it was found through LD_PRELOAD, ldconfig or an RPATH"
