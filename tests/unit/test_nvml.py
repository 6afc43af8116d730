"""What NVML answers, question by question: a module in its place that knows some answers and fails at others."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.version import Version
from unit.lock_texts import lock_of
from unit.small import project_of, small_matrix

from envgen.machine import locked as of_locks
from envgen.machine import nvml
from envgen.machine.doctor import diagnose
from envgen.machine.locked import best_here, best_locked
from envgen.model.gpu import Gpu
from envgen.model.layout import Layout
from envgen.model.machine import Machine, System
from envgen.targets import MachineWord


class NVMLError(Exception):
    def __init__(self, value: int) -> None:
        super().__init__(f"code {value}")
        self.value = value


class LibraryNotFound(NVMLError):
    def __init__(self) -> None:
        super().__init__(12)


class FunctionNotFound(NVMLError):
    def __init__(self) -> None:
        super().__init__(13)


A100: Mapping[str, Any] = {"name": "A100", "capability": (8, 0), "uuid": "GPU-aa", "mig": None}
V100: Mapping[str, Any] = {"name": b"V100", "capability": (7, 0), "uuid": b"GPU-bb", "mig": None}


def driver(*gpus: Mapping[str, Any], **answers: Any) -> ModuleType:
    """A module like pynvml; an answer that is an exception is raised, and one that is missing has no function."""
    found = ModuleType("pynvml")
    told: dict[str, Any] = {
        "nvmlInit": None,
        "nvmlShutdown": None,
        "nvmlSystemGetDriverVersion": "535.104.05",
        "nvmlSystemGetCudaDriverVersion_v2": 12020,
        "nvmlSystemGetCudaDriverVersion": 12010,
        "nvmlDeviceGetCount": len(gpus),
        **answers,
    }

    def answer(value: Any) -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    for name, value in told.items():
        if value != "missing":
            setattr(found, name, lambda value=value: answer(value))
    found.NVMLError, found.NVML_DEVICE_MIG_ENABLE = NVMLError, 1  # type: ignore[attr-defined]
    found.NVMLError_LibraryNotFound, found.NVMLError_FunctionNotFound = LibraryNotFound, FunctionNotFound  # type: ignore[attr-defined]
    found.nvmlDeviceGetHandleByIndex = lambda index: answer(gpus[index])  # type: ignore[attr-defined]
    found.nvmlDeviceGetCudaComputeCapability = lambda gpu: answer(gpu["capability"])  # type: ignore[attr-defined]
    found.nvmlDeviceGetName = lambda gpu: answer(gpu["name"])  # type: ignore[attr-defined]
    found.nvmlDeviceGetUUID = lambda gpu: answer(gpu["uuid"])  # type: ignore[attr-defined]
    found.nvmlDeviceGetMigMode = lambda gpu: (0, 0) if gpu["mig"] is None else (answer(1), 1)  # type: ignore[attr-defined]
    found.nvmlDeviceGetMaxMigDeviceCount = lambda _: 3  # type: ignore[attr-defined]
    found.nvmlDeviceGetMigDeviceHandleByIndex = lambda gpu, place: answer(place if place < gpu["mig"] else NVMLError(6))  # type: ignore[attr-defined]
    return found


AA, BB = Gpu(name="A100", capability=Version("8.0"), uuid="GPU-aa"), Gpu(name="V100", capability=Version("7.0"), uuid="GPU-bb")
WHOLE = Machine(driver=Version("535.104.05"), cuda=Version("12.2"), gpus=(AA, BB))
OLD = "this pynvml is too old (install nvidia-ml-py, remove pynvml)"
NO_LIBCUDA = "libcuda not found, so no CUDA program can start; the CUDA version is what the driver supports"
CASES: Mapping[str, tuple[ModuleType, Machine]] = {
    "all is well": (driver(A100, V100), WHOLE),
    "no driver": (driver(nvmlInit=NVMLError(12)), Machine(note="no NVIDIA driver (libnvidia-ml not found)")),
    "another error at the start": (driver(nvmlInit=NVMLError(99)), Machine(note="NVML error 99 (code 99)")),
    "not loaded": (driver(nvmlInit=NVMLError(9)), Machine(note="NVIDIA driver not loaded")),
    "no GPU": (driver(), replace(WHOLE, gpus=(), note="the NVIDIA driver lists no GPU")),
    "no number of GPUs": (
        driver(A100, nvmlDeviceGetCount=NVMLError(4)),
        replace(WHOLE, gpus=(), note="number of GPUs: no permission to use the NVIDIA driver"),
    ),
    "no version": (driver(A100, V100, nvmlSystemGetDriverVersion="x y"), replace(WHOLE, driver=None, note="driver version: Invalid version: 'x y'")),
    "no libcuda": (driver(A100, V100, nvmlSystemGetCudaDriverVersion_v2=LibraryNotFound()), replace(WHOLE, cuda=Version("12.1"), note=NO_LIBCUDA)),
    "an old NVML": (driver(A100, V100, nvmlSystemGetCudaDriverVersion_v2=FunctionNotFound()), replace(WHOLE, cuda=Version("12.1"))),
    "no CUDA": (driver(A100, V100, nvmlSystemGetCudaDriverVersion_v2=NVMLError(18)), replace(WHOLE, cuda=None, note="CUDA version: driver/library version mismatch (the loaded NVIDIA driver is not the installed one; reboot)")),
    "a CUDA that is none": (driver(A100, V100, nvmlSystemGetCudaDriverVersion_v2=0), replace(WHOLE, cuda=None, note="CUDA version: NVML answers 0")),
    "an old module": (driver(A100, V100, nvmlSystemGetCudaDriverVersion_v2="missing"), replace(WHOLE, cuda=None, note=f"CUDA version: {OLD}")),
    "a lost GPU": (driver({**A100, "name": NVMLError(15)}, V100), replace(WHOLE, gpus=(BB,), note="GPU 0: a GPU is lost (it fell off the bus; reset it or reboot)")),
    "a name that nobody can read": (driver(A100, {**V100, "name": b"\xff"}), replace(WHOLE, gpus=(AA,), note="GPU 1: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte")),
    "no UUID": (driver({**A100, "uuid": NVMLError(3)}, V100), replace(WHOLE, gpus=(replace(AA, uuid=""), BB))),
    "instances": (driver({**A100, "mig": 2}, V100), replace(WHOLE, gpus=(replace(AA, mig=2), BB))),
    "no instance": (driver({**A100, "mig": 0}, V100), replace(WHOLE, gpus=(replace(AA, mig=0), BB))),
    "a shutdown that fails": (driver(A100, V100, nvmlShutdown=NVMLError(999)), WHOLE),
}  # fmt: skip


@pytest.mark.parametrize("title", CASES)
def test_what_nvml_cannot_tell_is_missing_and_a_note_says_why(title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, found = CASES[title]
    monkeypatch.setitem(sys.modules, "pynvml", module)
    assert nvml.inspect() == found


def test_without_its_module_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", ModuleType("pynvml"))
    assert nvml.inspect() == Machine(note="cannot use NVML: module pynvml is not NVIDIA's (install nvidia-ml-py)")


def test_its_own_warning_is_not_shown_and_any_other_is(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        """Gives the module, and warns before."""

        def find_spec(self, name: str, *_: object) -> None:
            if name == "pynvml":
                warnings.warn("The pynvml package is deprecated. Please install nvidia-ml-py instead.", FutureWarning, stacklevel=2)
                warnings.warn("another", FutureWarning, stacklevel=2)
                sys.modules["pynvml"] = driver(A100, V100)

    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        nvml.inspect()
    assert [str(row.message) for row in told if row.category is FutureWarning] == ["another"]


TWO = replace(WHOLE, gpus=(replace(AA, mig=2), BB))


@pytest.mark.parametrize(
    ("visible", "shown", "hidden"),
    [
        (None, "AB", ""),
        ("", "", "AB"),
        ("0", "A", "B"),
        ("1, 0", "BA", ""),
        ("1,7,0", "B", "A"),
        ("GPU-b", "B", "A"),
        ("GPU-c,0", "", "AB"),
        ("b", "", "AB"),
        ("MIG-1", "A", "B"),
        ("1,1", "", "AB"),
        ("0,GPU-a", "", "AB"),
        ("1,7,1", "B", "A"),
        ("MIG-1,MIG-2", "A", "B"),
        ("-1", "", "AB"),
    ],
)
def test_a_variable_hides_what_it_does_not_select(
    visible: str | None, shown: str, hidden: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", driver({**A100, "mig": 2}, V100))
    kinds = {"A": TWO.gpus[0], "B": TWO.gpus[1]}
    found = nvml.inspect(visible)
    assert (found.gpus, found.hidden) == (tuple(kinds[one] for one in shown), tuple(kinds[one] for one in hidden))


# --- what is made of it ---------------------------------------------------------------------------------------------------

PROJECT = 'python: ">=3.9"\nframeworks: {alpha: ">=2"}\ntargets: [cpu, cu126]\nplatforms: [linux-64]\nchannels: [conda-forge]\n'


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path)
    path = found.target("demo", "cpu") / "conda-lock.yml"
    path.parent.mkdir(parents=True)
    path.write_text(lock_of("zlib 1.3 0"), encoding="utf-8")
    return found


def test_the_target_of_this_machine(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that hides all GPUs counts where a machine is inspected."""
    monkeypatch.setitem(sys.modules, "pynvml", driver(A100))
    asked: list[str | None] = []
    inspect = nvml.inspect
    monkeypatch.setattr(nvml, "inspect", lambda visible: asked.append(visible) or inspect(visible))
    here = System(platform="linux-64", glibc=Version("2.36"), archspec="x86_64_v3", variables={"CUDA_VISIBLE_DEVICES": "0"})
    monkeypatch.setattr(of_locks, "inspect_system", lambda _: here)
    matrix = small_matrix()
    project = project_of(PROJECT, matrix)
    newest = "newest CUDA target that driver 535.104.05 can run"
    assert best_here(MachineWord.AUTO, matrix, project) == ("cu126", newest)
    assert best_locked(MachineWord.AUTO, layout, matrix, project) == ("cpu", "no CUDA target to choose")
    assert asked == ["0", "0"]


def test_a_diagnosis_is_of_this_machine(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", driver(A100))
    matrix = small_matrix()
    project = project_of(PROJECT, matrix)
    found = diagnose(layout, matrix, [project], requested=True, environ={"CUDA_VISIBLE_DEVICES": "-1"})
    assert (found.machine.gpus, [gpu.name for gpu in found.machine.hidden]) == ((), ["A100"])
    assert [(row.project, row.requested) for row in found.checkups] == [("demo", True)]
    assert any(row.id == "hidden-gpus" for row in found.symptoms)
    (alone,) = diagnose(layout, matrix, [], environ={}).checkups
    assert (alone.project, alone.requested, alone.why) == ("", False, "")
