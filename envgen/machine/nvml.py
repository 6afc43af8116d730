"""Ask NVML what this machine has. Without a driver the answer is an empty Machine, whose `note` says why: that is not an error."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType
from typing import Generic, TypeVar

from packaging.version import Version

from envgen.machine.visible import selected
from envgen.model.gpu import Gpu
from envgen.model.machine import Machine

T = TypeVar("T")

# nvmlReturn_t -> what it means for the user; for other codes NVML's own text is shown
_MEANINGS = {
    4: "no permission to use the NVIDIA driver",
    9: "NVIDIA driver not loaded",
    12: "no NVIDIA driver (libnvidia-ml not found)",
    13: "the NVIDIA driver is too old to answer (function not found in libnvidia-ml)",
    15: "a GPU is lost (it fell off the bus; reset it or reboot)",
    18: "driver/library version mismatch (the loaded NVIDIA driver is not the installed one; reboot)",
}


@dataclass(frozen=True, slots=True)
class _Reply(Generic[T]):
    """What NVML answered to one question; None if it failed, and `note` says why."""

    value: T | None
    note: str = ""


def inspect(visible: str | None = None) -> Machine:
    """The driver, the newest CUDA that it runs, and all GPUs in NVML's order (PCI order).

    `visible` is the value of CUDA_VISIBLE_DEVICES, None if it is not set; GPUs that it does not select are `hidden`. No state of
    the machine makes this raise: what NVML does not tell is missing, and `note` says why.
    """
    try:
        nvml = _pynvml()
    except ImportError as error:
        return Machine(note=f"cannot use NVML: {error} (install nvidia-ml-py)")
    started = _ask(nvml, _start, "")
    if started.note:
        return Machine(note=started.note)
    try:
        return _hide(_interview(nvml), visible)
    finally:
        with suppress(nvml.NVMLError):  # the answers are complete; a failing shutdown does not change them
            nvml.nvmlShutdown()


def _pynvml() -> ModuleType:
    """Import pynvml, from whichever distribution, or raise ImportError.

    The PyPI project `pynvml` (13.x) installs an import hook that warns before it loads nvidia-ml-py's module; only that warning is
    ignored.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The pynvml package is deprecated", category=FutureWarning)
        import pynvml  # type: ignore[import-untyped,import-not-found,unused-ignore]  # lazy: most commands do not need it
    module: ModuleType = pynvml
    if not hasattr(module, "NVMLError_LibraryNotFound"):  # an empty folder is importable too, as a namespace package
        message = "module pynvml is not NVIDIA's"
        raise ImportError(message)
    return module


def _interview(nvml: ModuleType) -> Machine:
    """Ask an initialized NVML everything. A question that fails costs one answer and adds a note."""
    driver = _ask(nvml, _driver, "driver version: ")
    cuda = _ask(nvml, _cuda, "CUDA version: ")
    version, without_libcuda = cuda.value or (None, "")
    count = _ask(nvml, _count, "number of GPUs: ")
    no_gpu = "the NVIDIA driver lists no GPU" if count.value == 0 else ""
    gpus = [_ask(nvml, partial(_gpu, index=index), f"GPU {index}: ") for index in range(count.value or 0)]
    notes = (driver.note, without_libcuda, cuda.note, count.note, no_gpu, *(gpu.note for gpu in gpus))
    found = tuple(gpu.value for gpu in gpus if gpu.value)
    return Machine(driver=driver.value, cuda=version, gpus=found, note="; ".join(filter(None, notes)))


def _hide(machine: Machine, visible: str | None) -> Machine:
    """The machine as a CUDA program sees it."""
    shown = selected(machine.gpus, visible)
    hidden = tuple(gpu for place, gpu in enumerate(machine.gpus) if place not in shown)
    return replace(machine, gpus=tuple(machine.gpus[place] for place in shown), hidden=hidden)


def _ask(nvml: ModuleType, question: Callable[[ModuleType], T], about: str) -> _Reply[T]:
    """The answer to one question, or the reason why there is none, prefixed with `about`."""
    try:
        return _Reply(question(nvml))
    except nvml.NVMLError as error:
        return _Reply(None, about + _MEANINGS.get(error.value, f"NVML error {error.value} ({error})"))
    except ValueError as error:  # InvalidVersion, UnicodeDecodeError: an answer that is not readable
        return _Reply(None, f"{about}{error}")
    except AttributeError:  # a pynvml from before nvidia-ml-py has fewer functions, and replaces the newer one if installed last
        return _Reply(None, f"{about}this pynvml is too old (install nvidia-ml-py, remove pynvml)")


def _start(nvml: ModuleType) -> None:
    nvml.nvmlInit()


def _driver(nvml: ModuleType) -> Version:
    return Version(_text(nvml.nvmlSystemGetDriverVersion()))


def _cuda(nvml: ModuleType) -> tuple[Version, str]:
    """The newest CUDA that the driver runs, as major.minor, and a note if libcuda is missing.

    v2 of the function asks libcuda; v1 answers without it. A container with the `utility` capability only has no libcuda: v1's
    answer is right for the driver, but no CUDA program can start there.
    """
    note = ""
    try:
        number = nvml.nvmlSystemGetCudaDriverVersion_v2()
    except nvml.NVMLError_FunctionNotFound:
        number = nvml.nvmlSystemGetCudaDriverVersion()
    except nvml.NVMLError_LibraryNotFound:
        number = nvml.nvmlSystemGetCudaDriverVersion()
        note = "libcuda not found, so no CUDA program can start; the CUDA version is what the driver supports"
    if number <= 0:
        message = f"NVML answers {number}"
        raise ValueError(message)
    return Version(f"{number // 1000}.{number % 1000 // 10}"), note


def _count(nvml: ModuleType) -> int:
    return int(nvml.nvmlDeviceGetCount())


def _gpu(nvml: ModuleType, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    name, capability = _text(nvml.nvmlDeviceGetName(handle)), Version(f"{major}.{minor}")
    return Gpu(name=name, capability=capability, uuid=_optional(nvml, _uuid, handle) or "", mig=_optional(nvml, _instances, handle))


def _optional(nvml: ModuleType, question: Callable[[ModuleType, object], T], handle: object) -> T | None:
    """The answer to a question that not every GPU, driver and pynvml can answer; None if there is none."""
    try:
        return question(nvml, handle)
    except (nvml.NVMLError, AttributeError, ValueError):
        return None


def _uuid(nvml: ModuleType, handle: object) -> str:
    return _text(nvml.nvmlDeviceGetUUID(handle))


def _instances(nvml: ModuleType, handle: object) -> int | None:
    """The number of MIG instances; None if MIG is off. A GPU in MIG mode without instances cannot run anything."""
    current, _ = nvml.nvmlDeviceGetMigMode(handle)
    if current != nvml.NVML_DEVICE_MIG_ENABLE:
        return None
    places = range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle))
    return sum(_optional(nvml, partial(_instance, place=place), handle) is not None for place in places)


def _instance(nvml: ModuleType, handle: object, place: int) -> object:
    return nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, place)


def _text(answer: str | bytes) -> str:
    """Decode an answer, which an old pynvml (8.0) returns as bytes."""
    return answer.decode() if isinstance(answer, bytes) else answer
