"""What `envgen doctor` says of made-up machines, whole: each symptom, how the targets fit, the page and the JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from packaging.version import Version
from unit import told
from unit.lock_texts import lock_of
from unit.small import project_of, real_matrix, small_matrix
from unit.test_told import A100, B200, FIT, LINUX, MAC, MUSL, OLD, V3, V100, WINDOWS, WSL, machine

from envgen.formats import conda_lock
from envgen.machine import fit
from envgen.machine.doctor import _choice, _known, _matrix_checkup, checkup, with_stale
from envgen.machine.locked import locked
from envgen.machine.report import as_json, page
from envgen.machine.symptoms import find_symptoms
from envgen.model.errors import BadInput
from envgen.model.gpu import Gpu
from envgen.model.layout import Layout
from envgen.model.machine import Diagnosis, LockedTarget, Machine, System, SystemCuda

LIB, PATH, DISK = "LD_LIBRARY_PATH", "PATH", "disk"
SERVER, NONE = machine("535.104.05", "12.2", A100), machine(note="no NVIDIA driver (libnvidia-ml not found)")
FOLDER = ("/usr/lib/x86_64-linux-gnu",)


def system(base: System = LINUX, *outside: tuple[str, str, str, str], **more: Any) -> System:
    rows = tuple(SystemCuda(kind=kind, version=version, folder=folder, via=via) for kind, version, folder, via in outside)  # type: ignore[arg-type]
    return replace(base, outside=rows, **more)


def mig(*instances: int | None) -> Machine:
    return machine("535.104.05", "12.2", *(replace(A100, mig=count, uuid=f"GPU-{n}") for n, count in enumerate(instances)))


def variables(**values: str) -> System:
    return system(variables=values)


CUDA_118, CUDA_122 = ("CUDA", "11.8", "/usr/local/cuda-11.8/lib64", LIB), ("CUDA", "12.2", "/usr/local/cuda-12.2/lib64", LIB)
HOST: Mapping[str, tuple[Machine, System]] = {
    "nothing": (machine(), LINUX),
    "a server": (SERVER, LINUX),
    "a container without anything": (NONE, system(container="docker")),
    "a container without the driver's libraries": (NONE, system(container="podman", devices=("/dev/nvidia0",), kernel_module="535.1")),
    "a pod": (NONE, system(container="kubernetes", devices=("/dev/nvidia0",))),
    "another container": (NONE, system(container="apptainer")),
    "WSL with a device": (NONE, system(WSL, devices=("/dev/dxg",))),
    "WSL with libraries": (NONE, system(WSL, devices=("/dev/dxg",), driver_folders=("/usr/lib/wsl/lib",))),
    "WSL with a driver of Linux": (SERVER, system(WSL, driver_folders=("/usr/lib/wsl/lib", *FOLDER))),
    "a device without an answer": (NONE, system(devices=("/dev/nvidia0",), kernel_module="535.1")),
    "a kernel module alone": (machine(), system(kernel_module="535.1")),
    "libraries alone": (NONE, system(driver_folders=FOLDER)),
    "a driver that cannot say all": (replace(SERVER, note="NVML error 999"), LINUX),
    "a driver without libcuda": (replace(SERVER, note="libcuda not found"), LINUX),
    "a driver behind a stub": (replace(SERVER, note="NVML error 3"), system(LINUX, ("driver stub", "", "/opt/stubs", LIB))),
    "a stub without a driver": (NONE, system(LINUX, ("driver stub", "", "/opt/stubs", LIB))),
    "every GPU is hidden": (machine("535.104.05", "12.2", hidden=(A100, V100, A100)), variables(CUDA_VISIBLE_DEVICES="")),
    "some GPUs are hidden": (machine("535.104.05", "12.2", A100, hidden=(V100,)), variables(CUDA_VISIBLE_DEVICES="1")),
    "numbers in the order of the bus": (machine("535.104.05", "12.2", A100, hidden=(V100,)), variables(CUDA_VISIBLE_DEVICES="1", CUDA_DEVICE_ORDER="PCI_BUS_ID")),
    "GPUs by their UUID": (machine("535.104.05", "12.2", A100, V100), variables(CUDA_VISIBLE_DEVICES="GPU-1,MIG-2")),
    "one instance": (mig(1), LINUX),
    "two instances, and none": (mig(2, 0, None), LINUX),
    "no instance": (mig(0, 0), LINUX),
    "musl": (SERVER, MUSL),
    "two toolkits": (SERVER, system(LINUX, CUDA_118, CUDA_122)),
    "two toolkits without a driver": (NONE, system(LINUX, CUDA_118, CUDA_122)),
    "a toolkit and cuDNN": (SERVER, system(LINUX, CUDA_118, ("cuDNN", "8.9", "/opt/cudnn", LIB), driver_folders=("/opt/driver",), variables={LIB: "/opt/driver:/opt/cudnn"})),
    "a toolkit of unknown version": (SERVER, system(LINUX, ("CUDA", "", "/opt/cuda", LIB))),
    "an older libcuda": (SERVER, system(LINUX, ("libcuda", "530.1", "/opt/compat", LIB))),
    "a newer libcuda": (SERVER, system(LINUX, ("libcuda", "560.1", "/opt/compat", LIB))),
    "a libcuda of unknown version, for another GPU": (machine("535.104.05", "12.2", replace(B200, data_centre=False)), system(LINUX, ("libcuda", "", "/opt/compat", LIB))),
    "relative entries": (SERVER, system(relative_entries=("", "lib", "lib"))),
    "a preloaded library": (SERVER, system(LINUX, ("CUDA", "12", "/opt/libcudart.so", "LD_PRELOAD"))),
    "a preloaded library without a driver": (NONE, system(LINUX, ("CUDA", "12", "/opt/libcudart.so", "LD_PRELOAD"))),
    "a home that is none": (SERVER, variables(CUDA_HOME="/nowhere", CUDA_PATH="/env/x", CONDA_PREFIX="/env")),
    "a home": (SERVER, system(LINUX, ("CUDA", "12.2", "/opt/cuda", "CUDA_HOME"), variables={"CUDA_HOME": "/opt/cuda"})),
    "a home and another toolkit on the path": (SERVER, system(LINUX, ("CUDA", "12.2", "/opt/cuda", "CUDA_HOME"), ("CUDA", "11.8", "/opt/old", PATH))),
    "a toolkit on the path": (SERVER, system(LINUX, ("CUDA", "12.2", "/opt/cuda", PATH))),
    "what is on the disk": (SERVER, system(LINUX, ("CUDA", "12.2", "/opt/cuda", DISK), ("cuDNN", "9.1", "/usr/lib", DISK))),
    "mamba without a driver": (NONE, system(mamba_cuda="12.6.77")),
    "mamba below the driver": (SERVER, system(mamba_cuda="11.8.0")),
    "mamba above the driver": (SERVER, system(mamba_cuda="12.6.0")),
    "mamba as the driver": (SERVER, system(mamba_cuda="12.2.1")),
    "mamba cannot read": (SERVER, system(mamba_cuda="?")),
    "mamba and a variable": (SERVER, system(mamba_cuda="11.8", variables={"CONDA_OVERRIDE_CUDA": "12.2"})),
    "a variable that is empty": (SERVER, variables(CONDA_OVERRIDE_CUDA=" ")),
    "a variable that is empty, without a driver": (NONE, variables(CONDA_OVERRIDE_CUDA="")),
    "a variable that is no version": (SERVER, variables(CONDA_OVERRIDE_CUDA="12.x")),
    "a variable of another version": (SERVER, variables(CONDA_OVERRIDE_CUDA="11.8.1")),
    "a variable without a driver": (NONE, variables(CONDA_OVERRIDE_CUDA="11.8")),
    "frameworks outside": (SERVER, system(shadowing=("torch in /a (PYTHONPATH)", "jax in /b", "torch in /b"))),
    "several at once": (SERVER, system(OLD, CUDA_118, CUDA_122, ("cuDNN", "9.1", "/usr/lib", DISK), mamba_cuda="?", container="docker", relative_entries=("",))),
    "macOS": (machine(), MAC),
    "Windows": (machine("580.65.06", "13.0", A100, A100, V100), WINDOWS),
}  # fmt: skip
PAGES = (
    "a server",
    "nothing",
    "no instance",
    "two instances, and none",
    "every GPU is hidden",
    "several at once",
    "macOS",
    "Windows",
)


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A repository with locks of another tool for two of the targets."""
    found = Layout(tmp_path_factory.mktemp("doctor"))
    for target, packages in (("cpu", ("zlib 1.3 0",)), ("cu126", ("zlib 1.3 0", "cudnn 9.12.0.1 0"))):
        path = found.target("demo", target) / "conda-lock.yml"
        path.parent.mkdir(parents=True)
        path.write_text(lock_of(*packages, platforms="linux-64, win-64"), encoding="utf-8")
    return found


def diagnosis(title: str, layout: Layout) -> Diagnosis:
    """What is found on a machine, with two projects of which none of the second is locked, and the targets of the matrices."""
    here, host = HOST[title]
    matrix = small_matrix()
    here = _known(here, matrix)
    first = project_of(FIT, matrix)
    projects = ((first, True), (replace(first, name="other"), False))
    checkups = [checkup(layout, matrix, project, here, host, requested=requested) for project, requested in projects]
    checkups.append(_matrix_checkup(matrix, here, host))
    found = Diagnosis(machine=here, system=host, symptoms=find_symptoms(here, host), checkups=tuple(checkups))
    return with_stale(found, {("demo", "cu126"): "its inputs changed", ("nobody", "cpu"): "?"})


def lines_of(title: str, layout: Layout) -> Iterator[str]:
    for symptom in find_symptoms(*HOST[title]):
        yield f"{symptom.severity} {symptom.id}: {symptom.text}"
        yield f"fix: {symptom.fix}"
    if title in PAGES:
        found = diagnosis(title, layout)
        yield f"failed: {found.failed}"
        yield from page(found, 100).splitlines()
        yield "-- narrow"
        yield from page(found, 60).splitlines()
    if title in ("a server", "musl", "a pod"):
        for matrix in (small_matrix(), real_matrix()):
            found = _matrix_checkup(matrix, *HOST[title])
            yield f"the newest that runs: {found.chosen!r}; of {', '.join(row.target for row in found.fits)}"
        yield from (f"{choice}" for choice in choices(*HOST[title]))
    if title in ("a server", "several at once"):
        yield from as_json(diagnosis(title, layout)).splitlines()


def choices(here: Machine, host: System) -> Iterator[tuple[str, str]]:
    """The choice for projects of which no target, or not each, runs here."""
    matrix = small_matrix()
    for text in (FIT.replace("[cpu, cu118, cu126]", "[cu126]"), V3):
        project = project_of(text, matrix)
        locks = {row.name: LockedTarget(("linux-64",)) for row in project.targets}
        yield _choice(project, fit.project_fits(here, matrix, project, host, locks), here)


def test_the_file_has_all_machines(layout: Layout, update_golden: bool) -> None:
    if update_golden:
        told.write("doctor.txt", {title: list(lines_of(title, layout)) for title in HOST})
    assert list(told.written("doctor.txt")) == list(HOST)


@pytest.mark.parametrize("title", HOST)
def test_everything_is_said_as_it_was_written_down(title: str, layout: Layout) -> None:
    assert list(lines_of(title, layout)) == told.written("doctor.txt")[title]


def test_what_a_lock_requires_of_a_machine(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = small_matrix()
    project = project_of(FIT, matrix)
    assert locked(layout, matrix, project) == {
        "cpu": LockedTarget(("linux-64", "win-64")),
        "cu126": LockedTarget(("linux-64", "win-64"), {}, {"linux-64": Version("9.12.0.1"), "win-64": Version("9.12.0.1")}),
    }
    assert locked(layout, matrix, replace(project, name="other")) == {}
    monkeypatch.setattr(conda_lock, "read_stamp", lambda *_: SimpleNamespace(chosen={"alpha": "2.1"}))
    assert locked(layout, matrix, project)["cpu"].chosen == {"alpha": "2.1"}


def test_a_lock_that_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    path = layout.target("demo", "cpu") / "conda-lock.yml"
    path.parent.mkdir(parents=True)
    path.write_text("x", encoding="utf-8")
    with pytest.raises(BadInput) as error:
        locked(layout, small_matrix(), project_of(FIT, small_matrix()))
    assert (error.value.what, str(error.value.where)) == ("this lock is truncated", "environments/demo/cpu/conda-lock.yml:1:1")


def test_what_the_matrices_know_of_a_gpu_is_added() -> None:
    gpus = (A100, Gpu(name="nobody's", capability=Version("1.0")))
    found = _known(machine("535.104.05", "12.2", *gpus, hidden=gpus), small_matrix())
    assert [[gpu.data_centre for gpu in rows] for rows in (found.gpus, found.hidden)] == [[False, None]] * 2
