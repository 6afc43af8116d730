"""Ask one framework what it sees. Runs inside the environment that is probed, by that environment's own Python.

    python child.py torch|tensorflow|jax|cupy JOURNAL

JOURNAL is a file that grows by one JSON object a line; later lines add to earlier ones, so that what was learnt before a
crash is not lost. `doing` names the step that begins, `problem` is [step, message] of a step that failed, `done` is told last:

    {"doing": "import"}  {"origin": "/env/lib/.../torch/__init__.py"}  {"doing": "build"}  {"version": "2.7.1", "cuda": "12.6"}

`cuda` is null for a CPU build; `devices` are the GPUs that the framework sees, `code` the GPU code in it (sm_90, compute_90),
`ran_on` is where a small matmul ran (gpu or cpu), `agrees` whether it came out right, `libraries` the CUDA libraries loaded.

Standard library only, and syntax that Python 3.6 reads: environments are older than envgen.
"""
# ruff: noqa: UP006, UP035, UP045, FURB188, PTH100, PTH110, PTH120, PTH123 - Python 3.6 and a quick start have no other way

import importlib
import importlib.util
import json
import os
import re
import sys
from typing import IO, Any, Callable, Dict, Iterable, List, Optional, Tuple

Answers = Dict[str, Any]
FrameworkProbe = Callable[[Any], Answers]

# What comes with CUDA, cuDNN, NCCL or the driver, as files: libcublasLt.so.12, libcudart-d0da41ae.so.11.0, libcuda.so.1
_CUDA_LIBRARY = re.compile(
    r"lib(cuda|cudart|cublas|cudnn|cufft|cufile|cupti|curand|cusolver|cusparse|cutensor|nccl|nvfatbin|nvJitLink|nvrtc|nvshmem"
    r"|nvToolsExt|nvptxcompiler|nvvm|nvidia-ml|nvidia-ptxjitcompiler)[\w.-]*\.so[\w.]*"
)
_ROWS = [[float(8 * row + column) for column in range(8)] for row in range(8)]
_PRODUCT = [[sum(_ROWS[i][k] * _ROWS[k][j] for k in range(8)) for j in range(8)] for i in range(8)]  # exact in float32 and TF32


def cuda_libraries(maps: str) -> List[str]:
    """The CUDA libraries in a text like /proc/self/maps, each once, in the order in which they lie in memory."""
    rows = [line.split(None, 5) for line in maps.split("\n")]
    paths = [row[5] for row in rows if len(row) == 6]
    whole = [path[: -len(" (deleted)")] if path.endswith(" (deleted)") else path for path in paths]
    return list(dict.fromkeys(path for path in whole if path.startswith("/") and _CUDA_LIBRARY.fullmatch(path.rsplit("/", 1)[-1])))


def dotted(number: Optional[int]) -> Optional[str]:
    """A CUDA version as the runtime writes it: 12060 is 12.6. None stays None."""
    return f"{number // 1000}.{number % 1000 // 10}" if number else None


def pair(capability: Iterable[int]) -> str:
    """A compute capability as major.minor."""
    return ".".join(map(str, capability))


class Journal:
    """What is learnt, written down at once."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def tell(self, answers: Answers) -> None:
        """Write one line."""
        self._file.write(json.dumps(answers, default=str) + "\n")
        self._file.flush()

    def step(self, name: str, question: Callable[[], Answers]) -> bool:
        """Ask one question; whether it was answered. What goes wrong in a framework is an answer, too."""
        self.tell({"doing": name})
        try:
            self.tell(question())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a framework raises is told and judged outside
            self.tell({"problem": [name, f"{type(error).__name__}: {error}"]})
            return False
        return True


# --- torch ----------------------------------------------------------------------------------------------------------------


def torch_build(torch: Any) -> Answers:
    """Version, and the CUDA that it was built for."""
    return {"version": torch.__version__, "cuda": torch.version.cuda}


def torch_devices(torch: Any) -> Answers:
    """The GPUs that it can use."""
    if not torch.cuda.is_available():
        return {"available": False, "devices": []}
    found = range(torch.cuda.device_count())
    name, capability = torch.cuda.get_device_name, torch.cuda.get_device_capability
    return {"available": True, "devices": [{"name": name(i), "capability": pair(capability(i))} for i in found]}


def torch_code(torch: Any) -> Answers:
    """The GPU code in it; the public function answers only where a GPU is seen."""
    flags = getattr(getattr(torch, "_C", None), "_cuda_getArchFlags", None) if torch.version.cuda else None
    return {"code": torch.cuda.get_arch_list() or ((flags() or "").split() if flags else [])}


def torch_cudnn(torch: Any) -> Answers:
    """The cuDNN that it loads, as its number: 90100, 8902."""
    return {"cudnn": torch.backends.cudnn.version()}


def torch_matmul(torch: Any) -> Answers:
    """A small matmul where it would run, and on the CPU."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    here, there = torch.tensor(_ROWS), torch.tensor(_ROWS).to(device)
    product = there @ there
    agrees = product.cpu().tolist() == _PRODUCT and (here @ here).tolist() == _PRODUCT
    return {"ran_on": "gpu" if product.device.type == "cuda" else product.device.type, "agrees": agrees}


# --- tensorflow -----------------------------------------------------------------------------------------------------------


def tensorflow_build(tf: Any) -> Answers:
    """Version, and the CUDA and cuDNN that it was built for."""
    info = dict(tf.sysconfig.get_build_info()) if hasattr(tf.sysconfig, "get_build_info") else {}  # from 2.3 on
    if not info.get("is_cuda_build", tf.test.is_built_with_cuda()):
        return {"version": tf.__version__, "cuda": None}
    return {"version": tf.__version__, "cuda": info.get("cuda_version", ""), "cudnn": info.get("cudnn_version")}


def tensorflow_devices(tf: Any) -> Answers:
    """The GPUs that it can use."""
    found = []
    for device in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(device)
        capability = details.get("compute_capability")
        found.append({"name": details.get("device_name", device.name), "capability": pair(capability) if capability else ""})
    return {"available": bool(found), "devices": found}


def tensorflow_matmul(tf: Any) -> Answers:
    """A small matmul, placed by TensorFlow itself."""
    product = tf.matmul(tf.constant(_ROWS), tf.constant(_ROWS))
    return {"ran_on": "gpu" if "GPU" in product.device else "cpu", "agrees": product.numpy().tolist() == _PRODUCT}


# --- jax ------------------------------------------------------------------------------------------------------------------


def jax_build(jax: Any) -> Answers:
    """Versions of jax and jaxlib, and the CUDA that the plugin or jaxlib was built for."""
    version = importlib.import_module("jaxlib.version").__version__
    return {"version": version, "beside": f"jax {jax.__version__}", "cuda": _jax_cuda()}


def _jax_cuda() -> Optional[str]:
    for name in ("jax_cuda13_plugin._versions", "jax_cuda12_plugin._versions", "jaxlib.cuda._versions"):
        package = name.rsplit(".", 1)[0]
        try:
            if importlib.util.find_spec(package) is None:
                continue
            return dotted(importlib.import_module(name).cuda_runtime_build_version())
        except (ImportError, AttributeError):  # a plugin that does not load still says what it is for
            digits = re.sub(r"\D", "", package)
            if digits:
                return digits
    return None


def jax_devices(jax: Any) -> Answers:
    """The GPUs that it can use."""
    gpus = [device for device in jax.devices() if device.platform in ("gpu", "cuda", "rocm")]
    found = [{"name": device.device_kind, "capability": getattr(device, "compute_capability", "")} for device in gpus]
    return {"available": bool(found), "devices": found, "backend": jax.default_backend()}


def jax_matmul(jax: Any) -> Answers:
    """A small matmul on the default backend."""
    rows = jax.numpy.asarray(_ROWS)
    product = rows @ rows
    where = next(iter(product.devices())) if hasattr(product, "devices") else product.device()  # before jax 0.4
    return {"ran_on": "gpu" if where.platform in ("gpu", "cuda", "rocm") else "cpu", "agrees": product.tolist() == _PRODUCT}


# --- cupy -----------------------------------------------------------------------------------------------------------------


def cupy_build(cupy: Any) -> Answers:
    """Version, and the CUDA that it was built for: its runtime is linked in."""
    return {"version": cupy.__version__, "cuda": dotted(cupy.cuda.runtime.runtimeGetVersion())}


def cupy_devices(cupy: Any) -> Answers:
    """The GPUs that it can use; without any, the question itself fails."""
    ask = cupy.cuda.runtime.getDeviceProperties
    found = [ask(index) for index in range(cupy.cuda.runtime.getDeviceCount())]
    devices = [{"name": _text(row["name"]), "capability": pair((row["major"], row["minor"]))} for row in found]
    return {"available": bool(devices), "devices": devices}


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def cupy_matmul(cupy: Any) -> Answers:
    """A small matmul; cupy has only the GPU."""
    rows = cupy.asarray(_ROWS)
    return {"ran_on": "gpu", "agrees": (rows @ rows).tolist() == _PRODUCT}


STEPS = {
    "torch": (
        ("build", torch_build),
        ("devices", torch_devices),
        ("code", torch_code),
        ("cudnn", torch_cudnn),
        ("matmul", torch_matmul),
    ),
    "tensorflow": (("build", tensorflow_build), ("devices", tensorflow_devices), ("matmul", tensorflow_matmul)),
    "jax": (("build", jax_build), ("devices", jax_devices), ("matmul", jax_matmul)),
    "cupy": (("build", cupy_build), ("devices", cupy_devices), ("matmul", cupy_matmul)),
}  # type: Dict[str, Tuple[Tuple[str, FrameworkProbe], ...]]


# --- all of them ----------------------------------------------------------------------------------------------------------


def libraries() -> Answers:
    """The CUDA libraries that are loaded now; Linux alone tells."""
    maps = "/proc/self/maps"
    if not os.path.exists(maps):
        return {}
    with open(maps, encoding="utf-8", errors="replace") as file:
        return {"libraries": cuda_libraries(file.read())}


def interview(name: str, steps: Iterable[Tuple[str, FrameworkProbe]], journal: Journal) -> None:
    """Import a framework and ask it everything; a question that fails does not keep the next from being asked."""
    loaded = {}  # type: Dict[str, Any]

    def load() -> Answers:
        loaded["it"] = importlib.import_module(name)
        return {"origin": getattr(loaded["it"], "__file__", None) or ""}

    if journal.step("import", load):
        for step, question in steps:
            journal.step(step, lambda ask=question: ask(loaded["it"]))  # type: ignore[misc]
    journal.step("libraries", libraries)
    journal.tell({"doing": "exit", "done": True})


def gentle() -> None:
    """Leave no traces and take no more than needed: no core file, no grasp on all memory of a GPU that others use."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):  # not on Windows
        pass
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: not to outlive the one who asked, when that is killed


def main() -> None:
    """Interview the framework that the command line names."""
    name, path = sys.argv[1:]
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != own]  # envgen's modules are not the environment's
    gentle()
    with open(path, "a", encoding="ascii") as file:
        interview(name, STEPS[name], Journal(file))


if __name__ == "__main__":
    main()
