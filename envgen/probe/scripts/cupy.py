"""CuPy, which computes on GPUs only."""
# ruff: noqa: UP006, UP035, UP045 - runs on Python 3.6

from typing import Any, Dict, List, Optional, Tuple

ENVIRONMENT = {"CUPY_CACHE_IN_MEMORY": "1"}  # leave no compiled code in the home folder


def build(cupy: Any) -> Dict[str, Any]:
    """Version, and the version of the CUDA runtime that is linked in."""
    return {"version": cupy.__version__, "cuda": cupy.cuda.runtime.runtimeGetVersion()}


def devices(cupy: Any) -> Dict[str, Any]:
    """The GPUs it can use. Without any, CuPy raises."""
    properties = cupy.cuda.runtime.getDeviceProperties
    rows = [properties(index) for index in range(cupy.cuda.runtime.getDeviceCount())]
    found = [{"name": _text(row["name"]), "capability": (row["major"], row["minor"])} for row in rows]
    return {"available": bool(found), "devices": found}


def compiler(cupy: Any) -> Dict[str, Any]:
    """The version of NVRTC, which is loaded from the environment: CuPy compiles for that CUDA, whatever it was built with."""
    major, minor = cupy.cuda.nvrtc.getVersion()
    return {"compiler": f"{major}.{minor}"}


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def matmul(cupy: Any, rows: List[List[float]]) -> Optional[Tuple[str, List[Any]]]:
    """Multiply on the GPU, with cuBLAS and with code that CuPy compiles; None without a GPU."""
    try:
        cupy.cuda.runtime.getDeviceCount()
    except RuntimeError:  # no GPU or no driver: `devices` failed with the reason
        return None
    matrix = cupy.asarray(rows)
    compiled = (matrix[:, :, None] * matrix[None, :, :]).sum(axis=1)
    return "gpu", [(matrix @ matrix).tolist(), compiled.tolist()]


STEPS = (build, devices, compiler)
