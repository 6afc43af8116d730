"""PyTorch."""
# ruff: noqa: UP006, UP035 - runs on Python 3.6

from typing import Any, Dict, List, Tuple


def build(torch: Any) -> Dict[str, Any]:
    """Version, and the CUDA version it was built for."""
    return {"version": torch.__version__, "cuda": torch.version.cuda}


def devices(torch: Any) -> Dict[str, Any]:
    """The GPUs it can use."""
    if not torch.cuda.is_available():
        return {"available": False, "devices": []}
    name, capability = torch.cuda.get_device_name, torch.cuda.get_device_capability
    found = range(torch.cuda.device_count())
    return {"available": True, "devices": [{"name": name(i), "capability": capability(i)} for i in found]}


def code(torch: Any) -> Dict[str, Any]:
    """The GPU code in the build; the public function returns it only if a GPU is visible."""
    flags = getattr(getattr(torch, "_C", None), "_cuda_getArchFlags", None) if torch.version.cuda else None
    return {"code": torch.cuda.get_arch_list() or ((flags() or "").split() if flags else [])}


def cudnn(torch: Any) -> Dict[str, Any]:
    """The cuDNN version it loads, as cuDNN's number: 90100, 8902."""
    return {"cudnn": torch.backends.cudnn.version()}


def matmul(torch: Any, rows: List[List[float]]) -> Tuple[str, List[Any]]:
    """Multiply on the GPU if there is one, and on the CPU."""
    here = torch.tensor(rows)
    there = here.to("cuda" if torch.cuda.is_available() else "cpu")
    product = there @ there
    device = "gpu" if product.device.type == "cuda" else product.device.type
    return device, [product.cpu().tolist(), (here @ here).tolist()]


STEPS = (build, devices, code, cudnn)
