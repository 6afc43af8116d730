"""Puts a double of libnvidia-ml behind ctypes.CDLL in a child process; says the same as fake_nvml.c, without a compiler.

Python imports this file at start where its folder is on PYTHONPATH; pynvml then runs unchanged, down to its ctypes calls.
"""

from __future__ import annotations

import ctypes
from os import environ
from typing import Any

REAL = ctypes.CDLL
COUNTS = {"opened": 0, "sessions": 0}


def number(name: str, otherwise: int = 0) -> int:
    return int(environ.get(f"FAKE_NVML_{name}", otherwise))


def gpus() -> list[tuple[str, int, int, int]]:
    """Name, major, minor, and what asking for the handle returns."""
    entries = [entry.split(":") for entry in environ.get("FAKE_NVML_GPUS", "").split(",") if entry]
    return [(name, *map(int, capability.split(".")), int(error[0]) if error else 0) for name, capability, *error in entries]  # type: ignore[misc]


def instances(index: int) -> int:
    """How many MIG instances a GPU has; -1 where the mode is off."""
    entries = (entry.split(":") for entry in environ.get("FAKE_NVML_MIG", "").split(",") if entry)
    return {int(place): int(count) for place, count in entries}.get(index, -1)


def index_of(device: Any) -> int:
    return int(ctypes.c_void_p.from_buffer(device).value or 0) - 1


class Library:
    """The functions by the names pynvml looks up; arguments are what pynvml hands to ctypes, so `_obj` is behind a byref."""

    @staticmethod
    def nvmlInitWithFlags(_flags: int) -> int:
        if error := number("INIT_ERROR"):
            return error
        COUNTS["opened"] += 1
        COUNTS["sessions"] += 1
        return 0

    @staticmethod
    def nvmlShutdown() -> int:
        COUNTS["sessions"] -= 1
        return number("SHUTDOWN_ERROR")

    @staticmethod
    def nvmlErrorString(error: int) -> bytes:
        return b"Made Up" if error else b"Success"

    @staticmethod
    def nvmlSystemGetDriverVersion(buffer: Any, _length: Any) -> int:
        buffer.value = environ.get("FAKE_NVML_DRIVER", "535.104.05").encode()
        return 0 if COUNTS["sessions"] else 1

    @staticmethod
    def nvmlSystemGetCudaDriverVersion(version: Any) -> int:
        version._obj.value = number("CUDA", 12020)
        return 0 if COUNTS["sessions"] else 1

    @staticmethod
    def nvmlSystemGetCudaDriverVersion_v2(version: Any) -> int:
        if number("NO_V2"):
            return 13
        return 12 if number("NO_LIBCUDA") else Library.nvmlSystemGetCudaDriverVersion(version)

    @staticmethod
    def nvmlDeviceGetCount_v2(count: Any) -> int:
        count._obj.value = len(gpus())
        return 0 if COUNTS["sessions"] else 1

    @staticmethod
    def nvmlDeviceGetHandleByIndex_v2(index: Any, device: Any) -> int:
        ctypes.c_void_p.from_buffer(device._obj).value = index.value + 1
        return gpus()[index.value][3] if COUNTS["sessions"] else 1

    @staticmethod
    def nvmlDeviceGetName(device: Any, buffer: Any, _length: Any) -> int:
        buffer.value = gpus()[index_of(device)][0].encode()
        return 0

    @staticmethod
    def nvmlDeviceGetCudaComputeCapability(device: Any, major: Any, minor: Any) -> int:
        _, major._obj.value, minor._obj.value, _ = gpus()[index_of(device)]
        return 0

    @staticmethod
    def nvmlDeviceGetUUID(device: Any, buffer: Any, _length: Any) -> int:
        buffer.value = f"GPU-{index_of(device):08x}-made-up".encode()
        return 0

    @staticmethod
    def nvmlDeviceGetMigMode(device: Any, current: Any, pending: Any) -> int:
        current._obj.value = pending._obj.value = int(instances(index_of(device)) >= 0)
        return 0 if environ.get("FAKE_NVML_MIG") else 3

    @staticmethod
    def nvmlDeviceGetMaxMigDeviceCount(_device: Any, count: Any) -> int:
        count._obj.value = 7
        return 0

    @staticmethod
    def nvmlDeviceGetMigDeviceHandleByIndex(device: Any, index: Any, instance: Any) -> int:
        ctypes.c_void_p.from_buffer(instance._obj).value = 1000 + int(getattr(index, "value", index))
        return 0 if int(getattr(index, "value", index)) < instances(index_of(device)) else 6

    @staticmethod
    def fake_nvml_opened() -> int:
        return COUNTS["opened"]

    @staticmethod
    def fake_nvml_sessions() -> int:
        return COUNTS["sessions"]


def load(name: Any = None, *args: Any, **options: Any) -> Any:
    if not str(name).endswith(("libnvidia-ml.so.1", "nvml.dll")):
        return REAL(name, *args, **options)
    if number("ABSENT"):
        message = f"{name}: cannot open shared object file"
        raise OSError(message)
    return Library()


ctypes.CDLL = load  # type: ignore[assignment,misc]
