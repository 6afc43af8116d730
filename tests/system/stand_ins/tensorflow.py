"""A stand-in for tensorflow: what envgen asks of it, answered as the real one would for this build and driver."""

import sys
from types import SimpleNamespace

from ._build import AT_IMPORT, CUDA, VERSION
from ._driver import gpus, load_cuda, product

exec(AT_IMPORT)
load_cuda()
__version__ = VERSION
_gpus = gpus(CUDA)
if CUDA and not _gpus:
    sys.stderr.write("Could not find cuda drivers on your machine, GPU will not be used.\n")

sysconfig = SimpleNamespace(
    get_build_info=lambda: {"is_cuda_build": True, "cuda_version": CUDA, "cudnn_version": "9"} if CUDA else {"is_cuda_build": False}
)
test = SimpleNamespace(is_built_with_cuda=lambda: bool(CUDA))
_devices = [SimpleNamespace(name=f"/physical_device:GPU:{index}", gpu=gpu) for index, gpu in enumerate(_gpus)]


def _details(device):
    name, major, minor = device.gpu
    return {"device_name": name, "compute_capability": (major, minor)}


config = SimpleNamespace(
    list_physical_devices=lambda kind: _devices if kind == "GPU" else [],
    experimental=SimpleNamespace(get_device_details=_details),
)


class constant:
    def __init__(self, rows):
        self.rows = rows
        self.device = f"/job:localhost/replica:0/task:0/device:{'GPU' if _gpus else 'CPU'}:0"

    def numpy(self):
        return self

    def tolist(self):
        return self.rows


def matmul(left, right):
    return constant(product(left.rows, right.rows))
