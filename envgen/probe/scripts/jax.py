"""JAX. Its version is that of jaxlib, which holds the compiled code."""
# ruff: noqa: UP006, UP007, UP035 - runs on Python 3.6

import importlib
import importlib.util
import os
import re
from typing import Any, Dict, List, Tuple, Union

ENVIRONMENT = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # do not take all memory of a GPU that others use
_VERSIONS = ("jax_cuda13_plugin._versions", "jax_cuda12_plugin._versions", "jaxlib.cuda._versions")
_SETTINGS = ("JAX_PLATFORMS", "JAX_PLATFORM_NAME")
_GPU = ("gpu", "cuda", "rocm")


def build(jax: Any) -> Dict[str, Any]:
    """Versions of jaxlib and jax, and the CUDA version that the plugin or jaxlib was built for."""
    version = importlib.import_module("jaxlib.version").__version__
    return {"version": version, "companion": f"jax {jax.__version__}", "cuda": _cuda()}


def _cuda() -> Union[int, str, None]:
    for name in _VERSIONS:
        package = name.rsplit(".", 1)[0]
        try:
            if importlib.util.find_spec(package) is not None:
                return importlib.import_module(name).cuda_runtime_build_version() or None
        except (ImportError, AttributeError):  # a plugin that does not load still has its CUDA major in its name
            digits = re.sub(r"\D", "", package)
            if digits:
                return digits
    return None


def devices(jax: Any) -> Dict[str, Any]:
    """The GPUs it can use."""
    gpus = [device for device in jax.devices() if device.platform in _GPU]
    found = [{"name": device.device_kind, "capability": getattr(device, "compute_capability", "")} for device in gpus]
    settings = [f"{name}={os.environ[name]}" for name in _SETTINGS if os.environ.get(name)]
    return {"available": bool(found), "devices": found, "settings": settings}


def matmul(jax: Any, rows: List[List[float]]) -> Tuple[str, List[Any]]:
    """Multiply on the default backend."""
    matrix = jax.numpy.asarray(rows)
    product = matrix @ matrix
    device = next(iter(product.devices())) if hasattr(product, "devices") else product.device()  # before JAX 0.4
    return "gpu" if device.platform in _GPU else "cpu", [product.tolist()]


STEPS = (build, devices)
