"""What NVML says this machine has; an empty answer where there is no driver.

Machine is the only answer: a failure is a `note` in it, because a machine without a GPU is an ordinary machine.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import TypeVar

from packaging.version import Version

from envgen.model.facts import Gpu
from envgen.model.machine import Machine

Answer = TypeVar("Answer")

# nvmlReturn_t -> what it means for the reader; the other codes keep NVML's own text
_MEANINGS = {
    4: "no permission to talk to the NVIDIA driver",
    9: "NVIDIA driver not loaded",
    12: "no NVIDIA driver (libnvidia-ml not found)",
    13: "the NVIDIA driver is too old to answer (function not found in libnvidia-ml)",
    15: "a GPU is lost (it fell off the bus; reset it or reboot)",
    18: "driver/library version mismatch (the loaded NVIDIA driver is not the installed one; reboot)",
}


def inspect(visible: str | None = None) -> Machine:
    """Ask NVML for the driver, the newest CUDA it can run, and all GPUs in NVML's order (PCI order).

    `visible` is the value of CUDA_VISIBLE_DEVICES, None where it is not set: the GPUs that it does not name are `hidden`.
    Raises nothing a machine can cause: what could not be learnt is missing, and `note` says why.
    """
    try:
        nvml = _pynvml()
    except ImportError as error:
        return Machine(note=f"cannot ask NVML: {error} (install nvidia-ml-py)")
    notes: list[str] = []
    _attempt(nvml, _start, "", notes)
    if notes:
        return Machine(note=notes[0])
    try:
        return _hide(_interview(nvml, notes), visible)
    finally:
        with suppress(nvml.NVMLError):  # the answers are in; a failing goodbye takes nothing from them
            nvml.nvmlShutdown()


def _pynvml() -> ModuleType:
    """Import pynvml, whoever ships it, or raise ImportError.

    The PyPI project `pynvml` (13.x) puts a finder before nvidia-ml-py's module that warns; that warning only is dropped.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The pynvml package is deprecated", category=FutureWarning)
        import pynvml  # type: ignore[import-untyped,import-not-found,unused-ignore]  # lazy: most runs ask no GPU
    module: ModuleType = pynvml
    if not hasattr(module, "NVMLError_LibraryNotFound"):  # an empty folder left behind imports too, as a namespace
        message = "module pynvml is not NVIDIA's"
        raise ImportError(message)
    return module


def _interview(nvml: ModuleType, notes: list[str]) -> Machine:
    """Ask a started NVML everything; each failure costs one answer and adds one of `notes`."""
    driver = _attempt(nvml, _driver, "driver version: ", notes)
    cuda = _attempt(nvml, partial(_cuda, notes=notes), "CUDA version: ", notes)
    count = _attempt(nvml, _count, "number of GPUs: ", notes)
    if count == 0:
        notes.append("the NVIDIA driver lists no GPU")
    gpus = [_attempt(nvml, partial(_gpu, index=index), f"GPU {index}: ", notes) for index in range(count or 0)]
    return Machine(driver=driver, cuda=cuda, gpus=tuple(gpu for gpu in gpus if gpu), note="; ".join(notes))


def _hide(machine: Machine, visible: str | None) -> Machine:
    """CUDA's reading of the variable: numbers and beginnings of UUIDs, up to the first that names no GPU."""
    if visible is None:
        return machine
    shown: list[Gpu] = []
    for word in visible.split(","):
        named = [gpu for index, gpu in enumerate(machine.gpus) if _named(word.strip(), index, gpu)]
        if not named:
            break
        shown.extend(gpu for gpu in named if all(gpu is not other for other in shown))
    hidden = tuple(gpu for gpu in machine.gpus if all(gpu is not other for other in shown))
    return replace(machine, gpus=tuple(shown), hidden=hidden)


def _named(word: str, index: int, gpu: Gpu) -> bool:
    """A name of an instance (MIG-...) does not tell its GPU: it stands for every GPU that has instances."""
    if word.startswith("MIG-"):
        return bool(gpu.mig)
    return word == str(index) or (word.startswith("GPU-") and gpu.uuid.startswith(word))


def _attempt(nvml: ModuleType, question: Callable[[ModuleType], Answer], about: str, notes: list[str]) -> Answer | None:
    """Ask one question; on failure add `about` and the cause to `notes` and answer None."""
    try:
        return question(nvml)
    except nvml.NVMLError as error:
        notes.append(about + _MEANINGS.get(error.value, f"NVML error {error.value} ({error})"))
    except ValueError as error:  # InvalidVersion, UnicodeDecodeError: an answer, but not one that can be read
        notes.append(f"{about}{error}")
    except AttributeError:  # a pynvml of before nvidia-ml-py lacks functions, and shadows it when installed last
        notes.append(f"{about}this pynvml is too old to ask (install nvidia-ml-py, remove pynvml)")
    return None


def _start(nvml: ModuleType) -> None:
    nvml.nvmlInit()


def _driver(nvml: ModuleType) -> Version:
    return Version(_text(nvml.nvmlSystemGetDriverVersion()))


def _cuda(nvml: ModuleType, notes: list[str]) -> Version:
    """Newest CUDA that the driver can run, as major.minor.

    v2 asks libcuda, v1 falls back to what NVML knows. Without libcuda, as in a container with the `utility` capability
    only, v1's answer is true of the driver, though no CUDA program starts there: worth a note.
    """
    try:
        number = nvml.nvmlSystemGetCudaDriverVersion_v2()
    except nvml.NVMLError_FunctionNotFound:
        number = nvml.nvmlSystemGetCudaDriverVersion()
    except nvml.NVMLError_LibraryNotFound:
        number = nvml.nvmlSystemGetCudaDriverVersion()
        notes.append("libcuda not found, the CUDA version is what the driver could run")
    if number <= 0:
        message = f"NVML answers {number}"
        raise ValueError(message)
    return Version(f"{number // 1000}.{number % 1000 // 10}")


def _count(nvml: ModuleType) -> int:
    return int(nvml.nvmlDeviceGetCount())


def _gpu(nvml: ModuleType, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    name, capability = _text(nvml.nvmlDeviceGetName(handle)), Version(f"{major}.{minor}")
    return Gpu(name=name, capability=capability, uuid=_optional(nvml, _uuid, handle) or "", mig=_optional(nvml, _instances, handle))


def _optional(nvml: ModuleType, question: Callable[[ModuleType, object], Answer], handle: object) -> Answer | None:
    """What not every GPU, driver and pynvml can tell, and nobody misses; None where it is not told."""
    try:
        return question(nvml, handle)
    except (nvml.NVMLError, AttributeError, ValueError):
        return None


def _uuid(nvml: ModuleType, handle: object) -> str:
    return _text(nvml.nvmlDeviceGetUUID(handle))


def _instances(nvml: ModuleType, handle: object) -> int | None:
    """The number of MIG instances that exist; None where the mode is off. A GPU in MIG mode without one runs nothing."""
    current, _ = nvml.nvmlDeviceGetMigMode(handle)
    if current != nvml.NVML_DEVICE_MIG_ENABLE:
        return None
    places = range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle))
    return sum(_optional(nvml, partial(_instance, place=place), handle) is not None for place in places)


def _instance(nvml: ModuleType, handle: object, place: int) -> object:
    return nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, place)


def _text(answer: str | bytes) -> str:
    """Decode what an old pynvml (8.0) hands on as bytes."""
    return answer.decode() if isinstance(answer, bytes) else answer
