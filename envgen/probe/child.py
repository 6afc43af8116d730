"""Import one framework and write down what it reports. Runs inside the environment being probed, with that environment's Python.

    python child.py IMPORT_NAME JOURNAL [SCRIPT]

SCRIPT is the probe script of the framework (see `scripts/`); without one, only the version is asked for. JOURNAL grows by one JSON
object per line. Later lines add to earlier ones, so whatever was learned before a crash survives it:

    {"step": "import"}  {"file": "/env/lib/.../IMPORT_NAME/__init__.py"}  {"step": "build"}  {"version": "2.7.1", "cuda": "12.6"}

`step` names the step that begins, `problem` is [step, message] for a step that failed, `libraries` lists every shared library that
is loaded at the end, and `done` comes last. The other keys are those of the scripts.

Standard library only, in the syntax of Python 3.6: the environment need not hold envgen, and may be older than it.
"""
# ruff: noqa: UP006, UP035, UP045, FURB188, PTH100, PTH110, PTH120, PTH123 - Python 3.6 and a quick start have no other way

import importlib
import importlib.util
import json
import os
import sys
from typing import IO, Any, Callable, Dict, List, Optional

Answers = Dict[str, Any]
Rows = List[List[float]]

_ROWS = [[float(8 * row + column) for column in range(8)] for row in range(8)]
_PRODUCT = [[sum(_ROWS[i][k] * _ROWS[k][j] for k in range(8)) for j in range(8)] for i in range(8)]  # exact in float32 and TF32


class Journal:
    """Writes answers to a file, each at once."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, answers: Answers) -> None:
        """Write one line."""
        self._file.write(json.dumps(answers, default=str) + "\n")
        self._file.flush()

    def step(self, name: str, question: Callable[[], Answers]) -> bool:
        """Run one step and write its answers, or the error that it raised. Returns whether it succeeded."""
        self.write({"step": name})
        try:
            self.write(question())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a framework may raise anything; envgen judges it
            self.write({"problem": [name, f"{type(error).__name__}: {error}"]})
            return False
        return True


def shared_libraries(maps: str) -> List[str]:
    """The shared libraries in the text of /proc/self/maps, each once, in the order of their addresses."""
    rows = [line.split(None, 5) for line in maps.split("\n")]
    paths = [row[5] for row in rows if len(row) == 6]
    whole = [path[: -len(" (deleted)")] if path.endswith(" (deleted)") else path for path in paths]
    return list(dict.fromkeys(path for path in whole if path.startswith("/") and ".so" in path.rsplit("/", 1)[-1]))


def libraries() -> Answers:
    """The shared libraries that are loaded now; nothing outside Linux."""
    maps = "/proc/self/maps"
    if not os.path.exists(maps):
        return {}
    with open(maps, encoding="utf-8", errors="replace") as file:
        return {"libraries": shared_libraries(file.read())}


def version(module: Any) -> Answers:
    """The version of a module: `__version__`, or else that of the distribution which installed it; "" if neither is known."""
    own = getattr(module, "__version__", None)
    return {"version": own if isinstance(own, str) else _distribution_version(module.__name__)}


def _distribution_version(name: str) -> str:
    try:
        metadata = importlib.import_module("importlib.metadata")  # Python 3.8
    except ImportError:
        return ""
    owners = getattr(metadata, "packages_distributions", dict)()  # type: Dict[str, List[str]]  # Python 3.10
    for distribution in [*owners.get(name.partition(".")[0], ()), name]:
        try:
            return str(metadata.version(distribution))
        except metadata.PackageNotFoundError:
            continue
    return ""


class Generic:
    """The steps for a framework without a script."""

    STEPS = (version,)


def load_script(path: Optional[str]) -> Any:
    """The script at `path`, Generic without one; loaded by its path, because a name on sys.path would hide the framework."""
    if path is None:
        return Generic
    spec = importlib.util.spec_from_file_location("envgen_probe_script", path)
    script = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(script)  # type: ignore[union-attr]
    return script


def matmul(script: Any, module: Any) -> Answers:
    """Where the script multiplied two matrices, and whether every product is exact; nothing if it had no device to do so."""
    computed = script.matmul(module, _ROWS)
    if computed is None:
        return {}
    device, products = computed
    return {"ran_on": device, "agrees": all(product == _PRODUCT for product in products)}


def probe(name: str, script: Any, journal: Journal) -> None:
    """Import a module and run every step of its script; a step that fails does not keep the next from running."""
    loaded = {}  # type: Dict[str, Any]

    def load() -> Answers:
        loaded["module"] = importlib.import_module(name)
        return {"file": getattr(loaded["module"], "__file__", None) or ""}

    if journal.step("import", load):
        for step in script.STEPS:
            journal.step(step.__name__, lambda run=step: run(loaded["module"]))  # type: ignore[misc]
        if hasattr(script, "matmul"):
            journal.step("matmul", lambda: matmul(script, loaded["module"]))
    journal.step("libraries", libraries)
    journal.write({"step": "exit", "done": True})


def limit_traces() -> None:
    """Leave no core file after a crash, and no process behind when envgen is killed."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):  # not on Windows
        pass
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL


def main() -> None:
    """Probe the module that the command line names."""
    name, path = sys.argv[1:3]
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != own]  # Python puts the folder of its script first
    script = load_script(sys.argv[3] if len(sys.argv) > 3 else None)
    for variable, value in getattr(script, "ENVIRONMENT", {}).items():
        os.environ.setdefault(variable, value)
    limit_traces()
    with open(path, "a", encoding="ascii") as file:
        probe(name, script, Journal(file))


if __name__ == "__main__":
    main()
