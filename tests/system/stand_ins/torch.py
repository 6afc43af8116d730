"""A stand-in for torch: what envgen asks of it, answered as the real one would for this build and driver."""

import sys
from types import SimpleNamespace

from ._build import AT_IMPORT, CODE, CUDA, CUDNN, VERSION
from ._driver import gpus, has_code, load_cuda, product

exec(AT_IMPORT)
load_cuda()
__version__ = VERSION
version = SimpleNamespace(cuda=CUDA)
_gpus = gpus(CUDA)


def _is_available():
    if CUDA and not _gpus:
        sys.stderr.write("UserWarning: CUDA initialization: no CUDA-capable device is detected\n")
    return bool(_gpus)


cuda = SimpleNamespace(
    is_available=_is_available,
    device_count=lambda: len(_gpus),
    get_device_name=lambda index: _gpus[index][0],
    get_device_capability=lambda index: _gpus[index][1:],
    get_arch_list=lambda: list(CODE) if _gpus else [],
)
_C = SimpleNamespace(_cuda_getArchFlags=lambda: " ".join(CODE)) if CUDA else SimpleNamespace()
backends = SimpleNamespace(cudnn=SimpleNamespace(version=lambda: CUDNN))


class tensor:
    def __init__(self, rows, device="cpu"):
        self.rows, self.device = rows, SimpleNamespace(type=device)

    def to(self, device):
        return tensor(self.rows, device)

    def cpu(self):
        return self.to("cpu")

    def tolist(self):
        return self.rows

    def __matmul__(self, other):
        if self.device.type == "cuda" and not has_code(_gpus[0], CODE):
            raise RuntimeError("CUDA error: no kernel image is available for execution on the device")
        return tensor(product(self.rows, other.rows), self.device.type)
