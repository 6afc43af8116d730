"""TensorFlow."""
# ruff: noqa: UP006, UP035 - runs on Python 3.6

from typing import Any, Dict, List, Tuple

ENVIRONMENT = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}  # do not take all memory of a GPU that others use


def build(tf: Any) -> Dict[str, Any]:
    """Version, and the CUDA and cuDNN versions it was built for."""
    info = dict(tf.sysconfig.get_build_info()) if hasattr(tf.sysconfig, "get_build_info") else {}  # TensorFlow 2.3
    if not info.get("is_cuda_build", tf.test.is_built_with_cuda()):
        return {"version": tf.__version__, "cuda": None}
    return {"version": tf.__version__, "cuda": info.get("cuda_version", ""), "cudnn": info.get("cudnn_version")}


def devices(tf: Any) -> Dict[str, Any]:
    """The GPUs it can use."""
    found = []
    for device in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(device)
        found.append({"name": details.get("device_name", device.name), "capability": details.get("compute_capability")})
    return {"available": bool(found), "devices": found}


def matmul(tf: Any, rows: List[List[float]]) -> Tuple[str, List[Any]]:
    """Multiply where TensorFlow places it."""
    product = tf.matmul(tf.constant(rows), tf.constant(rows))
    return "gpu" if "GPU" in product.device else "cpu", [product.numpy().tolist()]


STEPS = (build, devices)
