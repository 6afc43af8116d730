"""A stand-in for a framework without a probe script: it has a version, and loads its CUDA code when it is imported."""

from ._build import AT_IMPORT, VERSION
from ._driver import load_cuda

exec(AT_IMPORT)
load_cuda()
__version__ = VERSION
