"""A stand-in for cupy: what envgen asks of it, answered as the real one would for this build and driver."""

from types import SimpleNamespace

from ._build import AT_IMPORT, COMPILER, CUDA, VERSION
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


def _compiler():
    if COMPILER is None:
        raise RuntimeError("CuPy failed to load libnvrtc.so.12: OSError: libnvrtc.so.12: cannot open shared object file")
    return tuple(map(int, COMPILER.split(".")))


cuda = SimpleNamespace(
    nvrtc=SimpleNamespace(getVersion=_compiler),
    runtime=SimpleNamespace(runtimeGetVersion=_version, getDeviceCount=_count, getDeviceProperties=_properties),
)


class asarray:
    def __init__(self, rows):
        _count()
        self.rows = rows

    def tolist(self):
        return self.rows

    def __matmul__(self, other):
        return asarray(product(self.rows, other.rows))

    def __getitem__(self, _places):
        return self

    def __mul__(self, other):
        _compiler()
        return _Products(self.rows, other.rows)


class _Products:
    """Every product of two elements, which the sum over the middle axis makes the product of the matrices."""

    def __init__(self, left, right):
        self.left, self.right = left, right

    def sum(self, axis):
        assert axis == 1
        return asarray(product(self.left, self.right))
