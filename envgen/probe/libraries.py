"""What code a build has for a GPU, and where the libraries that it loaded come from. Pure; the words are the rules' business."""

from __future__ import annotations

import re

from packaging.version import Version

from envgen.model.facts import Gpu
from envgen.probe.model import Answer, Library, ProbeCase

# --- GPU code -------------------------------------------------------------------------------------------------------------

_CODE = re.compile(r"(sm|compute)_(\d{1,3})(\d)([af]?)")


def has_code(gpu: Version, code: tuple[str, ...], build: Version | None, driver: Version | None) -> bool | None:
    """Whether a GPU of this compute capability has code among `code` (sm_90, compute_90); None where `code` names none.

    Binary code for X.Y runs on X.Z, Z >= Y, of the same major (8.6 not on 8.7, 10.0 not on 10.1); with `a` on just that, with
    `f` in the family. PTX for X.Y (`compute`) is compiled for any later GPU by a driver that knows the build's CUDA. Source:
    NVIDIA's CUDA programming guide, "binary compatibility" and "PTX compatibility".
    """
    rows = [(found[1], (int(found[2]), int(found[3])), found[4]) for text in code if (found := _CODE.fullmatch(text))]
    wanted = (gpu.major, gpu.minor)
    jit = build is None or driver is None or driver >= build
    return any(_runs(kind, made, suffix, wanted, jit=jit) for kind, made, suffix in rows) if rows else None


def _runs(kind: str, made: tuple[int, int], suffix: str, wanted: tuple[int, int], *, jit: bool) -> bool:
    if suffix == "a":
        return made == wanted and (kind == "sm" or jit)
    if kind == "compute" and not suffix:
        return jit and made <= wanted
    exception = (made, wanted) in {((8, 6), (8, 7)), ((10, 0), (10, 1))}
    return made[0] == wanted[0] and made <= wanted and not exception


def without_code(case: ProbeCase) -> tuple[Gpu, ...]:
    """The GPUs that the build has no code for, by its own word, else those that its CUDA cannot make any for."""
    answer, machine, first = case.answer, case.machine, first_capability(case)

    def bare(gpu: Gpu) -> bool:
        runs = has_code(gpu.capability, answer.code, answer.cuda, machine.cuda)
        return bool(first and gpu.capability < first) if runs is None else not runs

    return tuple(gpu for gpu in gpus(answer, machine.gpus) if bare(gpu))


def first_capability(case: ProbeCase) -> Version | None:
    """The lowest compute capability that the build's CUDA has code for; above its highest one PTX may help."""
    toolkit = case.facts.toolkits.get(case.answer.cuda) if case.answer.cuda else None
    return toolkit.capabilities[0] if toolkit else None


def newest_code(code: tuple[str, ...]) -> Version | None:
    """The highest compute capability that `code` names."""
    found = [Version(f"{row[2]}.{row[3]}") for text in code if (row := _CODE.fullmatch(text))]
    return max(found, default=None)


def gpus(answer: Answer, here: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    """The GPUs with a known compute capability: those that the framework names, else those of the machine."""
    seen = tuple(Gpu(name=device.name, capability=device.capability) for device in answer.devices if device.capability)
    return seen or here


# --- libraries ------------------------------------------------------------------------------------------------------------

# Only these carry the CUDA major in their file name; cuFFT 11 and cuSPARSE 12 both belong to CUDA 12.
_OF_CUDA = re.compile(r"lib(?:cudart|cublas|cublasLt|nvrtc|nvJitLink|cupti)[\w-]*\.so\.(\d{1,3})")
_OF_CUDNN = re.compile(r"libcudnn\w*[\w-]*\.so\.(\d{1,3})")


def foreign(answer: Answer) -> dict[str, tuple[Library, ...]]:
    """The libraries from outside the environment, by their folder."""
    found = [library for library in answer.libraries if library.origin == "foreign"]
    folders = dict.fromkeys(library.folder for library in found)
    return {folder: tuple(library for library in found if library.folder == folder) for folder in folders}


def major_of(library: Library) -> int | None:
    """The CUDA major, or for cuDNN's files the cuDNN major, that a file's name tells; None where it tells none."""
    found = _OF_CUDA.match(library.name) or _OF_CUDNN.match(library.name)
    return int(found[1]) if found else None


def major_needed(answer: Answer, library: Library) -> int | None:
    """The major that a library should have for this build; None where it is not known."""
    version = answer.cudnn if library.name.startswith("libcudnn") else answer.cuda
    return version.major if version else None


def culprit(case: ProbeCase, folder: str) -> str:
    """What led to a library's folder: the entry of LD_LIBRARY_PATH that holds it, else the system's own search."""
    for entry, real in case.around.library_path:
        if any(f"{folder}/".startswith(f"{place.rstrip('/')}/") for place in (entry, real)):
            return f"LD_LIBRARY_PATH names {entry}"
    return "LD_LIBRARY_PATH does not name it; it was found by LD_PRELOAD, ldconfig or an RPATH"
