"""What is judged of a machine: each rule where it speaks and where it is silent, on machines made in a temporary folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from inspect import isfunction
from pathlib import Path

import pytest
from packaging.version import Version
from unit.machines import build, inspect, toolkit

from envgen.machine import symptoms
from envgen.machine.symptoms import CHECKS, find_symptoms
from envgen.model.gpu import Gpu
from envgen.model.machine import Machine, Symptom

V100, A100, H100 = (
    Gpu(name="Tesla V100-SXM2-16GB", capability=Version("7.0")),
    Gpu(name="NVIDIA A100-SXM4-40GB", capability=Version("8.0")),
    Gpu(name="NVIDIA H100 80GB HBM3", capability=Version("9.0")),
)
NOTHING = Machine(note="no NVIDIA driver (libnvidia-ml not found)")
OLD = Machine(driver=Version("470.57.02"), cuda=Version("11.4"), gpus=(V100,))
SERVER = Machine(driver=Version("535.104.05"), cuda=Version("12.2"), gpus=(A100,))
NEW = Machine(driver=Version("580.65.06"), cuda=Version("13.0"), gpus=(H100,))
DRIVER = {"dev/nvidia0": "", "usr/lib/x86_64-linux-gnu/libcuda.so.1": "", "usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1": ""}


def found(root: Path, machine: Machine, files: Mapping[str, str] | None = None, **environ: str) -> dict[str, Symptom]:
    """What is judged, by rule."""
    return {symptom.id: symptom for symptom in find_symptoms(machine, inspect(build(root, files or {}), environ))}


def local_cuda(version: str) -> dict[str, str]:
    return {"usr/local/cuda/version.json": json.dumps({"cuda": {"version": version}})}


# --- silent -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", [OLD, SERVER, NEW, Machine(driver=SERVER.driver, cuda=SERVER.cuda, gpus=(A100, V100))])
def test_a_machine_as_it_should_be_has_no_symptom(tmp_path: Path, machine: Machine) -> None:
    ways = {"PATH": "/usr/bin:/bin", "HOME": "/root", "LD_LIBRARY_PATH": "/opt/mpi/lib"}
    assert found(tmp_path, machine, {**DRIVER, "opt/mpi/lib/libmpi.so.40": ""}, **ways) == {}


def test_a_machine_without_gpu_has_no_symptom(tmp_path: Path) -> None:
    assert found(tmp_path, NOTHING, PATH="/usr/bin", CUDA_VISIBLE_DEVICES="") == {}


def test_a_toolkit_on_the_disk_alone_is_no_symptom(tmp_path: Path) -> None:
    assert found(tmp_path, SERVER, {**DRIVER, **toolkit("11.8"), **toolkit("12.2")}) == {}


# --- driver and GPUs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "rule", "severity", "words"),
    [
        ({".dockerenv": ""}, "container-gpu", "note", "--gpus all"),
        ({".dockerenv": "", "dev/nvidia0": ""}, "container-driver", "error", "--gpus all"),
        ({"run/.containerenv": "", "dev/nvidia0": ""}, "container-driver", "error", "nvidia.com/gpu=all"),
        ({"dev/nvidia0": ""}, "driver", "error", "reboot"),
        (DRIVER, "driver", "error", "reboot"),
        ({"usr/lib64/libcuda.so.1": ""}, "driver", "warning", "modprobe"),
        ({"proc/version": "5.15 microsoft-WSL2", "dev/dxg": ""}, "wsl-driver", "note", "on Windows"),
        (
            {"proc/version": "5.15 microsoft-WSL2", "dev/dxg": "", "usr/lib/wsl/lib/libcuda.so.1": ""},
            "wsl-driver",
            "error",
            "on Windows",
        ),
    ],
)
def test_a_driver_that_does_not_answer(tmp_path: Path, files: dict[str, str], rule: str, severity: str, words: str) -> None:
    (symptom,) = found(tmp_path, NOTHING, files).values()
    assert (symptom.id, symptom.severity) == (rule, severity)
    assert words in symptom.fix


def test_the_driver_of_the_kernel_is_told_in_a_container(tmp_path: Path) -> None:
    module = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19\n"
    files = {".dockerenv": "", "dev/nvidia0": "", "proc/driver/nvidia/version": module}
    text = found(tmp_path, NOTHING, files)["container-driver"].text
    assert text == (
        "this docker container has /dev/nvidia0, but not the driver's libraries; the kernel module is version 535.104.05"
    )


def test_a_kernel_module_of_another_version_is_an_error(tmp_path: Path) -> None:
    broken = Machine(note="driver/library version mismatch (the loaded NVIDIA driver is not the installed one; reboot)")
    assert "mismatch" in found(tmp_path, broken, DRIVER)["driver"].text


def test_wsl_as_it_should_be_and_with_a_linux_driver(tmp_path: Path) -> None:
    wsl = {"proc/version": "Linux 5.15-microsoft-standard-WSL2", "dev/dxg": "", "usr/lib/wsl/lib/libcuda.so.1": ""}
    assert found(tmp_path, SERVER, wsl) == {}
    assert found(tmp_path, SERVER, {"usr/lib/x86_64-linux-gnu/libcuda.so.1": ""})["wsl-driver"].severity == "warning"


def test_what_nvml_could_not_tell_is_a_warning(tmp_path: Path) -> None:
    lost = replace(SERVER, note="GPU 1: a GPU is lost (it fell off the bus; reset it or reboot)")
    assert found(tmp_path, lost, DRIVER)["driver-answers"].text == lost.note


@pytest.mark.parametrize(
    ("value", "gpus", "hidden", "severity"),
    [("", (), (A100,), "error"), ("-1", (), (A100, H100), "error"), ("0", (A100,), (H100,), "note"), ("0", (A100,), (), None)],
)
def test_hidden_gpus(tmp_path: Path, value: str, gpus: tuple[Gpu, ...], hidden: tuple[Gpu, ...], severity: str | None) -> None:
    machine = replace(SERVER, gpus=gpus, hidden=hidden)
    symptom = found(tmp_path, machine, DRIVER, CUDA_VISIBLE_DEVICES=value).get("hidden-gpus")
    assert (symptom.severity if symptom else None) == severity
    assert not symptom or all(gpu.name in symptom.text for gpu in hidden)


@pytest.mark.parametrize(
    ("instances", "severity", "words"),
    [
        ((2,), "note", "2 MIG instances"),
        ((1,), "note", "1 MIG instance;"),
        ((0,), "error", "has no instance"),
        ((0, None), "warning", "has no instance"),
    ],
)
def test_mig(tmp_path: Path, instances: tuple[int | None, ...], severity: str, words: str) -> None:
    machine = replace(NEW, gpus=tuple(replace(H100, mig=number) for number in instances))
    symptom = found(tmp_path, machine, DRIVER)["mig"]
    assert (symptom.severity, words in symptom.text) == (severity, True)


@pytest.mark.parametrize(
    ("gpus", "ways", "told"),
    [
        ((V100, A100), {"CUDA_VISIBLE_DEVICES": "0"}, True),
        ((V100, A100), {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, False),
        ((V100, A100), {"CUDA_VISIBLE_DEVICES": "GPU-00000001"}, False),
        ((V100, A100), {}, False),
        ((A100, A100), {"CUDA_VISIBLE_DEVICES": "0"}, False),
    ],
)
def test_numbers_of_gpus_of_several_kinds_are_a_warning(
    tmp_path: Path, gpus: tuple[Gpu, ...], ways: dict[str, str], told: bool
) -> None:
    machine = replace(SERVER, gpus=gpus[:1], hidden=gpus[1:])
    assert ("device-order" in found(tmp_path, machine, DRIVER, **ways)) == told


def test_musl_is_an_error(tmp_path: Path) -> None:
    assert found(tmp_path, NOTHING, {"lib/ld-musl-x86_64.so.1": ""})["musl"].severity == "error"


# --- CUDA from outside --------------------------------------------------------------------------------------------------------

TWO = {"LD_LIBRARY_PATH": "/usr/local/cuda-11.8/lib64:/usr/local/cuda-12.2/lib64"}


def test_two_toolkits_on_the_library_path_are_an_error_where_there_is_a_driver(tmp_path: Path) -> None:
    symptom = found(tmp_path, SERVER, {**DRIVER, **toolkit("11.8"), **toolkit("12.2")}, **TWO)["two-toolkits"]
    assert (symptom.severity, symptom.text) == (
        "error",
        "LD_LIBRARY_PATH leads to CUDA 11.8.1 (/usr/local/cuda-11.8) and CUDA 12.2.1 (/usr/local/cuda-12.2)",
    )
    assert found(tmp_path, NOTHING, **TWO)["two-toolkits"].severity == "warning"


def test_one_toolkit_on_the_library_path_is_a_warning_however_often(tmp_path: Path) -> None:
    same = "/usr/local/cuda-12.2/lib64:/usr/local/cuda/lib64:/opt/lib"
    files = {**toolkit("12.2"), "usr/local/cuda": "->cuda-12.2", "opt/lib/libcudart.so.12": ""}
    judged = found(tmp_path, SERVER, {**DRIVER, **files}, LD_LIBRARY_PATH=same)
    assert {name: symptom.severity for name, symptom in judged.items() if name != "mamba-toolkit"} == {"library-path": "warning"}
    assert judged["library-path"].text.startswith("LD_LIBRARY_PATH leads to CUDA 12.2.1 (/usr/local/cuda-12.2), ")


@pytest.mark.parametrize(
    ("path", "fix"),
    [
        (
            "/usr/local/cuda-12.2/lib64:/usr/local/nvidia/lib64",
            "remove the folders of CUDA from LD_LIBRARY_PATH, but keep /usr/local/nvidia/lib64, which has the driver's libraries",
        ),
        ("/usr/local/cuda-12.2/lib64:/usr/lib64", "unset LD_LIBRARY_PATH; an environment finds its own libraries without it"),
        ("/usr/local/cuda-12.2/lib64:/opt/lib", "unset LD_LIBRARY_PATH; an environment finds its own libraries without it"),
    ],
)
def test_a_folder_of_the_driver_stays_on_the_library_path(tmp_path: Path, path: str, fix: str) -> None:
    """In some containers the loader finds the driver through this variable alone; what the system searches needs none."""
    files = {**toolkit("12.2"), "usr/local/nvidia/lib64/libcuda.so.1": "", "usr/lib64/libcuda.so.1": ""}
    assert found(tmp_path, SERVER, files, LD_LIBRARY_PATH=path)["library-path"].fix == fix


@pytest.mark.parametrize(
    ("version", "data_centre", "severity", "said"),
    [
        ("580.65.06", True, "note", "leads to libcuda 580.65.06 (/usr/local/cuda-13.0/compat), which replaces the driver's"),
        ("580.65.06", None, "note", "which replaces the driver's"),
        ("580.65.06", False, "warning", "that is for data-centre GPUs and some RTX cards, and may fail on NVIDIA A100-SXM4-40GB"),
        ("525.60.13", True, "warning", "although it is not newer than the driver, 535.104.05"),
        ("1", True, "note", "leads to libcuda of unknown version"),
    ],
)
def test_a_libcuda_of_cuda_compat(tmp_path: Path, version: str, data_centre: bool | None, severity: str, said: str) -> None:
    """A toolkit brings it in a folder of its own, which some images put on LD_LIBRARY_PATH whatever the driver is."""
    has = replace(SERVER, gpus=(replace(A100, data_centre=data_centre),))
    build(tmp_path, {"usr/local/cuda-13.0/compat/libcuda.so.1": "", f"usr/local/cuda-13.0/compat/libcuda.so.{version}": ""})
    system = inspect(tmp_path, {"LD_LIBRARY_PATH": "/usr/local/cuda-13.0/compat"})
    (symptom,) = find_symptoms(has, system)
    assert (symptom.id, symptom.severity, system.driver_folders) == ("forward-compatibility", severity, ())
    assert said in symptom.text


def test_nvml_that_asked_a_stub_is_told_so(tmp_path: Path) -> None:
    """NVML asks libcuda for the CUDA version, and finds the stub as any program does; it is no folder of the driver."""
    asked = replace(SERVER, cuda=None, note="CUDA version: NVML error 999 (Unknown Error)")
    build(tmp_path, {"opt/stubs/libcuda.so.1": ""})
    system = inspect(tmp_path, {"LD_LIBRARY_PATH": "/opt/stubs"})
    judged = {symptom.id: symptom for symptom in find_symptoms(asked, system)}
    assert (set(judged), system.driver_folders) == ({"driver-stub", "driver-answers"}, ())
    assert judged["driver-answers"].fix == "remove the stub of libcuda from LD_LIBRARY_PATH: it was asked instead of the driver's"


def test_a_system_cudnn_is_a_warning_on_the_library_path_and_a_note_on_the_disk(tmp_path: Path) -> None:
    files = {"usr/lib/x86_64-linux-gnu/libcudnn.so.8": ""}
    assert found(tmp_path, SERVER, {**DRIVER, **files})["system-cudnn"].severity == "note"
    symptom = found(tmp_path, SERVER, LD_LIBRARY_PATH="/usr/lib/x86_64-linux-gnu")["library-path"]
    assert (symptom.severity, "cuDNN 8" in symptom.text) == ("warning", True)


def test_a_stub_and_a_preloaded_library_are_errors_where_there_is_a_driver(tmp_path: Path) -> None:
    ways = {"LD_LIBRARY_PATH": "/opt/stubs", "LD_PRELOAD": "/usr/lib/libcudnn.so.8"}
    for machine, severity in ((SERVER, "error"), (NOTHING, "warning")):
        files = {} if (tmp_path / "opt").exists() else {"opt/stubs/libcuda.so": ""}
        judged = found(tmp_path, machine, files, **ways)
        assert {judged["driver-stub"].severity, judged["preload"].severity} == {severity}


@pytest.mark.parametrize(
    ("ways", "severity", "cure"),
    [
        ({"CUDA_HOME": "/usr/local/cuda-12.2"}, "note", "unset CUDA_HOME"),
        ({"CUDA_HOME": "/usr/local/cuda-12.2", "PATH": "/usr/local/cuda-11.8/bin"}, "warning", "unset CUDA_HOME"),
        ({"CUDA_HOME": "/usr/local/cuda-12.2", "CUDA_PATH": "/usr/local/cuda-12.2"}, "note", "unset CUDA_HOME CUDA_PATH"),
        ({"PATH": "/usr/bin:/usr/local/cuda-11.8/bin"}, "note", "own nvcc first"),
        (  # as NVIDIA's images set both: without the variable, nvcc on PATH still leads there
            {"CUDA_HOME": "/usr/local/cuda-12.2", "PATH": "/usr/local/cuda-12.2/bin"},
            "note",
            "unset CUDA_HOME; to compile, put the environment's own nvcc first on PATH",
        ),
    ],
)
def test_a_toolkit_that_extensions_are_compiled_with(tmp_path: Path, ways: dict[str, str], severity: str, cure: str) -> None:
    symptom = found(tmp_path, SERVER, {**toolkit("11.8"), **toolkit("12.2")}, **ways)["toolkit"]
    assert (symptom.severity, cure in symptom.fix) == (severity, True)


def test_a_cuda_home_that_leads_nowhere_is_a_warning(tmp_path: Path) -> None:
    assert found(tmp_path, SERVER, CUDA_HOME="/opt/gone")["cuda-home"].text == "CUDA_HOME=/opt/gone is not a folder, or is empty"


def test_entries_without_a_place_are_a_note(tmp_path: Path) -> None:
    symptom = found(tmp_path, SERVER, LD_LIBRARY_PATH="/opt/mpi/lib:")["library-path-entry"]
    assert (symptom.severity, symptom.text.endswith("the current folder: ''")) == ("note", True)


# --- what misleads a solver ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "machine", "words"),
    [
        ("11.8.0", SERVER, "older builds or CPU builds"),
        ("12.4.1", SERVER, "builds that the driver cannot run"),
        ("12.2.140", SERVER, None),
        ("12.2.140", NOTHING, "mamba assumes a driver for CUDA 12.2"),
        ("what?", SERVER, "is not readable"),
    ],
)
def test_what_mamba_takes_for_the_driver(tmp_path: Path, version: str, machine: Machine, words: str | None) -> None:
    symptom = found(tmp_path, machine, local_cuda(version)).get("mamba-toolkit")
    assert (symptom is None) == (words is None)
    assert not (symptom and words) or words in symptom.text
    assert "mamba-toolkit" not in found(tmp_path, machine, CONDA_OVERRIDE_CUDA="12.2")  # which mamba reads before


@pytest.mark.parametrize(
    ("value", "machine", "severity", "words"),
    [
        ("", SERVER, "warning", "select CPU builds"),
        ("", NOTHING, "note", "select CPU builds"),
        ("12.6", SERVER, "warning", "assume CUDA 12.6, but the driver runs 12.2"),
        ("12.2", SERVER, "note", "which is that of the driver"),
        ("12.6", NOTHING, "warning", "but no driver says so"),
        ("twelve", SERVER, "warning", "is not a version"),
    ],
)
def test_override_of_cuda(tmp_path: Path, value: str, machine: Machine, severity: str, words: str) -> None:
    symptom = found(tmp_path, machine, CONDA_OVERRIDE_CUDA=value)["override-cuda"]
    assert (symptom.severity, words in symptom.text) == (severity, True)


# --- Python -------------------------------------------------------------------------------------------------------------------


def test_frameworks_outside_of_environments_are_warnings(tmp_path: Path) -> None:
    files = {"root/.local/lib/python3.12/site-packages/torch/__init__.py": "", "opt/lib/tensorflow/__init__.py": ""}
    judged = found(tmp_path, SERVER, files, HOME="/root", PYTHONPATH="/opt/lib")
    assert {judged["user-site"].severity, judged["python-path"].severity} == {"warning"}
    assert judged["user-site"].text.startswith("torch in /root/.local/lib/python3.12/site-packages: ")


# --- all rules ------------------------------------------------------------------------------------------------------------------


def test_the_worst_comes_first(tmp_path: Path) -> None:
    files = {**DRIVER, **toolkit("11.8"), **toolkit("12.2"), **local_cuda("11.8.0"), "usr/lib64/libcudnn.so.8": ""}
    severities = [symptom.severity for symptom in find_symptoms(SERVER, inspect(build(tmp_path, files), TWO))]
    assert severities == sorted(severities, key=("error", "warning", "note").index)
    assert set(severities) == {"error", "warning", "note"}


def test_every_check_is_in_the_list_once() -> None:
    own = {name for name, thing in vars(symptoms).items() if isfunction(thing) and thing.__module__ == symptoms.__name__}
    assert sorted(check.__name__ for check in CHECKS) == sorted(
        name for name in own - {"find_symptoms"} if not name.startswith("_")
    )


def test_every_symptom_is_in_the_documentation(repo: Path) -> None:
    source = (repo / "envgen" / "machine" / "symptoms.py").read_text(encoding="utf-8")
    page = (repo / "docs" / "doctor.md").read_text(encoding="utf-8")
    names = set(re.findall(r'Symptom\(\s*id="([a-z-]+)"', source))
    assert len(names) > 15
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []
