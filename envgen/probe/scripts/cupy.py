"""CuPy, which computes on GPUs only."""
# ruff: noqa: UP006, UP035, UP045 - runs on Python 3.6

from typing import Any, Dict, List, Optional, Tuple


def build(cupy: Any) -> Dict[str, Any]:
    """Version, and the version of the CUDA runtime that is linked in."""
    return {"version": cupy.__version__, "cuda": cupy.cuda.runtime.runtimeGetVersion()}


def devices(cupy: Any) -> Dict[str, Any]:
    """The GPUs it can use. Without any, CuPy raises."""
    properties = cupy.cuda.runtime.getDeviceProperties
    rows = [properties(index) for index in range(cupy.cuda.runtime.getDeviceCount())]
    found = [{"name": _text(row["name"]), "capability": (row["major"], row["minor"])} for row in rows]
    return {"available": bool(found), "devices": found}


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def matmul(cupy: Any, rows: List[List[float]]) -> Optional[Tuple[str, List[Any]]]:
    """Multiply on the GPU; None without one."""
    try:
        cupy.cuda.runtime.getDeviceCount()
    except RuntimeError:  # no GPU or no driver: `devices` failed with the reason
        return None
    matrix = cupy.asarray(rows)
    return "gpu", [(matrix @ matrix).tolist()]


STEPS = (build, devices)
