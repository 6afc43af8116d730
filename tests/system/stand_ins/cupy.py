"""A stand-in for cupy: what envgen asks of it, answered as the real one would for this build and driver."""

from types import SimpleNamespace

from ._build import AT_IMPORT, CUDA, VERSION
from ._driver import gpus, load_cuda, product

exec(AT_IMPORT)
load_cuda()
__version__ = VERSION
_gpus = gpus(CUDA)


def _count():
    if not _gpus:
        raise RuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
    return len(_gpus)


def _version():
    major, minor = CUDA.split(".")
    return int(major) * 1000 + int(minor) * 10


def _properties(index):
    name, major, minor = _gpus[index]
    return {"name": name.encode(), "major": major, "minor": minor}


cuda = SimpleNamespace(runtime=SimpleNamespace(runtimeGetVersion=_version, getDeviceCount=_count, getDeviceProperties=_properties))


class asarray:
    def __init__(self, rows):
        _count()
        self.rows = rows

    def tolist(self):
        return self.rows

    def __matmul__(self, other):
        return asarray(product(self.rows, other.rows))
