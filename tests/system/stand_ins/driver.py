"""What every stand-in shares: the driver and the GPUs, asked of NVML as the test made it up, and the CUDA library that it loads.

Installed as `_driver` in each framework, beside `_build`, which says what the build is.
"""

import ctypes
import os
from pathlib import Path


def load_cuda():
    """Load this build's CUDA code, and with it the libcudart that the loader finds; 0 where the build has none."""
    library = Path(__file__).parent / "lib" / "libcode.so"
    return ctypes.CDLL(str(library)).runtime_version() if library.exists() else 0


def gpus(cuda):
    """(name, major, minor) of the GPUs that a build for `cuda` can use: none for a CPU build or with a driver of an older major."""
    return _visible(_driver_gpus(cuda)) if cuda else []


def _driver_gpus(cuda):
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return []
    if nvml.nvmlInitWithFlags(0):
        return []
    newest = ctypes.c_int()
    if nvml.nvmlSystemGetCudaDriverVersion_v2(ctypes.byref(newest)) or newest.value // 1000 < int(cuda.split(".")[0]):
        return []
    count = ctypes.c_uint()
    nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
    return [_gpu(nvml, index) for index in range(count.value)]


def _gpu(nvml, index):
    device, name = ctypes.c_void_p(), ctypes.create_string_buffer(96)
    major, minor = ctypes.c_int(), ctypes.c_int()
    nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(device))
    nvml.nvmlDeviceGetName(device, name, ctypes.c_uint(96))
    nvml.nvmlDeviceGetCudaComputeCapability(device, ctypes.byref(major), ctypes.byref(minor))
    return name.value.decode(), major.value, minor.value


def _visible(found):
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return found
    chosen = []
    for word in wanted.split(","):
        if not word.strip().isdigit() or int(word) >= len(found):
            break
        chosen.append(found[int(word)])
    return chosen


def has_code(gpu, code):
    """Whether a GPU runs this code; no more than the tests need: binary code of the same major, and PTX."""
    rows = [(kind, int(digits[:-1]), int(digits[-1])) for kind, digits in (item.split("_") for item in code)]
    mine = gpu[1:]
    return any((major, minor) <= mine and (kind == "compute" or major == mine[0]) for kind, major, minor in rows)


def product(left, right):
    """A matrix product of lists."""
    return [[sum(a * b for a, b in zip(row, column)) for column in zip(*right)] for row in left]
