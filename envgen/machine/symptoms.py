"""What is wrong with a machine, or may interfere with every environment on it. Pure: a list of small checks.

An error makes CUDA environments fail or run on the CPU; a warning may do so, or misleads a solver; a note is worth knowing. What
breaks CUDA environments is only a warning on a machine without a driver, where they cannot run anyway.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from packaging.version import Version

from envgen.machine import cuda_paths
from envgen.machine.cuda_paths import HOMES
from envgen.machine.toolkits import distinct, listed
from envgen.model.facts import driver_text
from envgen.model.machine import Machine, Symptom, SymptomSeverity, System, SystemCuda


@dataclass(frozen=True, slots=True)
class Host:
    """What a check looks at: what NVML reports, and the rest of the system."""

    machine: Machine
    system: System


SymptomRule = Callable[[Host], Iterator[Symptom]]

_SEVERITIES: tuple[SymptomSeverity, ...] = ("error", "warning", "note")


def find_symptoms(machine: Machine, system: System) -> tuple[Symptom, ...]:
    """The symptoms that the checks find, the most severe first."""
    found = (symptom for check in CHECKS for symptom in check(Host(machine, system)))
    return tuple(sorted(found, key=lambda symptom: _SEVERITIES.index(symptom.severity)))


# --- driver and GPUs ------------------------------------------------------------------------------------------------------


def missing_driver(host: Host) -> Iterator[Symptom]:
    """NVIDIA devices or libraries without a driver that answers; a container without a GPU."""
    system, note = host.system, host.machine.note or "no NVIDIA driver"
    if host.machine.driver is not None:
        return
    loaded = f"; the kernel module is version {system.kernel_module}" if system.kernel_module else ""
    if system.devices and system.container and not system.driver_folders:
        text = f"this {system.container} container has {system.devices[0]}, but not the driver's libraries{loaded}"
        yield Symptom(id="container-driver", severity="error", text=text, fix=_start_container(system.container))
    elif system.devices and system.wsl:
        fix = "install or update the NVIDIA driver on Windows, never inside WSL; then run `wsl --shutdown`"
        severity: SymptomSeverity = "error" if system.driver_folders else "note"  # WSL has the device with a GPU of any vendor
        yield Symptom(id="wsl-driver", severity=severity, text=f"WSL has {system.devices[0]}, but {note}", fix=fix)
    elif system.devices or system.kernel_module:
        text = f"this machine has {system.devices[0] if system.devices else 'the kernel module'}, but {note}{loaded}"
        fix = "install the driver's libraries in the version of the kernel module, or reboot after an update"
        yield Symptom(id="driver", severity="error", text=text, fix=fix)
    elif system.driver_folders:
        text = f"the driver's libraries are in {system.driver_folders[0]}, but {note}"
        fix = "check that the machine has a GPU (`lspci`), then load the driver (`modprobe nvidia`)"
        yield Symptom(id="driver", severity="warning", text=text, fix=fix)
    elif system.container:
        text = f"this {system.container} container has no NVIDIA device and no driver"
        fix = f"if the host has a GPU: {_start_container(system.container)}"
        yield Symptom(id="container-gpu", severity="note", text=text, fix=fix)


def _start_container(container: str) -> str:
    return {
        "podman": "start the container with `--device nvidia.com/gpu=all` (NVIDIA Container Toolkit)",
        "kubernetes": "request nvidia.com/gpu in the pod's `resources: limits:`",
        "apptainer": "start the container with `--nv`",
    }.get(container, "start the container with `--gpus all` (NVIDIA Container Toolkit)")


def incomplete_driver(host: Host) -> Iterator[Symptom]:
    """A driver that answers, but not to every question."""
    if host.machine.driver is not None and host.machine.note:
        fix = "check `nvidia-smi` and the kernel log (`dmesg`)"
        if "libcuda" in host.machine.note:
            fix = "install libcuda of the same version; in a container set NVIDIA_DRIVER_CAPABILITIES=compute,utility"
        elif any(item.kind == "driver stub" for item in host.system.outside):
            fix = "remove the stub of libcuda from LD_LIBRARY_PATH: it was asked instead of the driver's"
        yield Symptom(id="driver-answers", severity="warning", text=host.machine.note, fix=fix)


def linux_driver_in_wsl(host: Host) -> Iterator[Symptom]:
    """WSL's libcuda comes from Windows; that of a Linux driver would be loaded instead."""
    folders = [folder for folder in host.system.driver_folders if host.system.wsl and "/wsl/" not in folder]
    if folders:
        text = f"{folders[0]} has libraries of a Linux driver; those of WSL are in /usr/lib/wsl/lib"
        fix = "remove the Linux driver; WSL uses the driver of Windows"
        yield Symptom(id="wsl-driver", severity="warning", text=text, fix=fix)


def hidden_gpus(host: Host) -> Iterator[Symptom]:
    """CUDA_VISIBLE_DEVICES that hides GPUs."""
    if not host.machine.hidden:
        return
    every = not host.machine.gpus
    fix = "unset CUDA_VISIBLE_DEVICES" + ("; until then programs run on the CPU" if every else " to use all GPUs")
    value = host.system.variables.get("CUDA_VISIBLE_DEVICES", "")
    names = ", ".join(dict.fromkeys(gpu.name for gpu in host.machine.hidden))
    yield Symptom(
        id="hidden-gpus",
        severity="error" if every else "note",
        text=f"CUDA_VISIBLE_DEVICES={value!r} hides {'every GPU' if every else 'some GPUs'} ({names})",
        fix=fix,
    )


def device_order(host: Host) -> Iterator[Symptom]:
    """CUDA numbers the fastest GPU first; NVML and `nvidia-smi` number GPUs by their position on the bus."""
    variables = host.system.variables
    numbers = re.search(r"[0-9]", re.sub(r"(GPU|MIG)-[^,]*", "", variables.get("CUDA_VISIBLE_DEVICES", "")))
    models = {gpu.name for gpu in (*host.machine.gpus, *host.machine.hidden)}
    if numbers and len(models) > 1 and variables.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
        text = "the numbers in CUDA_VISIBLE_DEVICES may select other GPUs than shown here: CUDA numbers the fastest GPU first"
        fix = "export CUDA_DEVICE_ORDER=PCI_BUS_ID, or select GPUs by UUID (`nvidia-smi -L`)"
        yield Symptom(id="device-order", severity="warning", text=text, fix=fix)


def mig(host: Host) -> Iterator[Symptom]:
    """A GPU in MIG mode runs programs in its instances only, each program in one of them."""
    for gpu in (gpu for gpu in host.machine.gpus if gpu.mig is not None):
        if gpu.mig:
            text = f"{gpu.name} is partitioned into {gpu.mig} MIG instance{'s' if gpu.mig > 1 else ''}; a program sees one of them"
            fix = "select one with CUDA_VISIBLE_DEVICES=MIG-... (`nvidia-smi -L` lists them)"
            yield Symptom(id="mig", severity="note", text=text, fix=fix)
        else:
            none_left = all(other.mig == 0 for other in host.machine.gpus)
            text = f"{gpu.name} is in MIG mode but has no instance, so nothing can run on it"
            fix = "create an instance (`nvidia-smi mig -cgi ... -C`), or turn MIG off (`nvidia-smi -mig 0`)"
            yield Symptom(id="mig", severity="error" if none_left else "warning", text=text, fix=fix)


def musl(host: Host) -> Iterator[Symptom]:
    """Packages of conda for Linux need glibc."""
    if host.system.musl and host.system.glibc is None:
        text = "this system uses musl instead of glibc; conda packages for Linux do not run on it"
        fix = "use a system or container image with glibc (debian, ubuntu, rocky)"
        yield Symptom(id="musl", severity="error", text=text, fix=fix)


# --- CUDA outside of environments -----------------------------------------------------------------------------------------


def two_toolkits(host: Host) -> Iterator[Symptom]:
    """LD_LIBRARY_PATH with two CUDA versions: a program may load libraries of both."""
    toolkits = distinct([item for item in host.system.outside if item.kind == "CUDA" and item.via == "LD_LIBRARY_PATH"])
    if len(toolkits) > 1:
        text = f"LD_LIBRARY_PATH leads to {listed(toolkits)}"
        yield Symptom(id="two-toolkits", severity=_error(host), text=text, fix=_clear_library_path(host, toolkits))


def library_path(host: Host) -> Iterator[Symptom]:
    """CUDA or cuDNN on LD_LIBRARY_PATH takes precedence over pip wheels and over what programs load at run time."""
    loaded = [item for item in host.system.outside if item.via == "LD_LIBRARY_PATH"]
    for kind in ("CUDA", "cuDNN"):
        found = distinct([item for item in loaded if item.kind == kind])
        if found and not (kind == "CUDA" and len(found) > 1):  # reported by two_toolkits
            text = f"LD_LIBRARY_PATH leads to {listed(found)}, which may be loaded instead of the environment's own"
            yield Symptom(id="library-path", severity="warning", text=text, fix=_clear_library_path(host, found))


def driver_stub(host: Host) -> Iterator[Symptom]:
    """A toolkit's stub of libcuda, which is only for linking; a program that loads it sees no GPU."""
    for item in host.system.outside:
        if item.kind == "driver stub":
            text = f"LD_LIBRARY_PATH leads to {item.folder}, which has a stub of libcuda: programs that load it see no GPU"
            yield Symptom(id="driver-stub", severity=_error(host), text=text, fix="remove this folder from LD_LIBRARY_PATH")


def compatibility(host: Host) -> Iterator[Symptom]:
    """A newer libcuda in place of the driver's: https://docs.nvidia.com/deploy/cuda-compatibility/forward-compatibility.html."""
    driver, others = host.machine.driver, [gpu.name for gpu in host.machine.gpus if gpu.data_centre is False]
    for item in (item for item in host.system.outside if item.kind == "libcuda" and driver):
        text = (
            f"LD_LIBRARY_PATH leads to libcuda {item.version or 'of unknown version'} ({item.folder}), which replaces the driver's"
        )
        fix = "remove this folder from LD_LIBRARY_PATH"
        severity: SymptomSeverity = "warning"
        if others:
            text += f"; that is for data-centre GPUs and some RTX cards, and may fail on {others[0]}"
        elif item.version and driver and Version(item.version) <= driver:
            text += f", although it is not newer than the driver, {driver_text(driver)}"
        else:
            fix, severity = "nothing to do if the driver is older than the environment's CUDA requires", "note"
        yield Symptom(id="forward-compatibility", severity=severity, text=text, fix=fix)


def relative_entries(host: Host) -> Iterator[Symptom]:
    """An empty or relative entry makes programs load libraries from the current folder."""
    if host.system.relative_entries:
        shown = ", ".join(repr(entry) for entry in dict.fromkeys(host.system.relative_entries))
        text = f"LD_LIBRARY_PATH has entries relative to the current folder: {shown}"
        fix = "use absolute paths, without a colon at either end or two in a row"
        yield Symptom(id="library-path-entry", severity="note", text=text, fix=fix)


def preloaded(host: Host) -> Iterator[Symptom]:
    """LD_PRELOAD loads a library into every program, whatever its environment contains."""
    for item in host.system.outside:
        if item.via == "LD_PRELOAD":
            text = f"LD_PRELOAD loads {item.folder} into every program"
            yield Symptom(id="preload", severity=_error(host), text=text, fix="unset LD_PRELOAD")


def cuda_home(host: Host) -> Iterator[Symptom]:
    """Extensions that are compiled on the machine use the toolkit at CUDA_HOME, or else the nvcc on PATH."""
    system = host.system
    for variable in HOMES:
        found = any(item.via == variable for item in system.outside)
        if system.variables.get(variable) and not found and not _in_active_environment(system, variable):
            text = f"{variable}={system.variables[variable]} is not a folder, or is empty"
            yield Symptom(id="cuda-home", severity="warning", text=text, fix=f"unset {variable}")
    toolkits = [item for item in system.outside if item.kind == "CUDA" and item.via in (*HOMES, "PATH")]
    versions = distinct(toolkits)
    if versions:
        via = tuple(dict.fromkeys(item.via for item in toolkits))
        text = f"{_lead(via)} to {listed(versions)}, which extensions that you compile will use"
        homes = [variable for variable in HOMES if variable in via]
        first = "to compile, put the environment's own nvcc first on PATH"
        fix = "; ".join(filter(None, (f"unset {' '.join(homes)}" if homes else "", first if "PATH" in via else "")))
        yield Symptom(id="toolkit", severity="warning" if len(versions) > 1 else "note", text=text, fix=fix)


def system_cudnn(host: Host) -> Iterator[Symptom]:
    """A cuDNN in a folder of the system, which programs load if they do not find their own."""
    for item in host.system.outside:
        if item.kind == "cuDNN" and item.via == "disk":
            text = f"cuDNN {item.version} is in {item.folder}; programs that do not find their own load it"
            fix = "nothing to do for environments that contain cuDNN"
            yield Symptom(id="system-cudnn", severity="note", text=text, fix=fix)


# --- what misleads a solver -----------------------------------------------------------------------------------------------


def mamba_toolkit(host: Host) -> Iterator[Symptom]:
    """The version in /usr/local/cuda/version.json, which mamba takes for that of the driver."""
    told, real = host.system.mamba_cuda, host.machine.cuda
    if not told or "CONDA_OVERRIDE_CUDA" in host.system.variables:
        return
    if told == "?":
        text = "/usr/local/cuda/version.json is not readable; mamba reads it before it asks the driver"
        yield Symptom(id="mamba-toolkit", severity="note", text=text, fix="repair or remove the file")
        return
    assumed = _minor(told)
    if host.machine.driver is None:
        text = f"mamba assumes a driver for CUDA {assumed}, because of /usr/local/cuda/version.json"
        fix = 'export CONDA_OVERRIDE_CUDA="" when you solve with mamba'
        yield Symptom(id="mamba-toolkit", severity="warning", text=text, fix=fix)
    elif real and Version(assumed) != real:
        builds = "older builds or CPU builds" if Version(assumed) < real else "builds that the driver cannot run"
        text = f"mamba takes CUDA {assumed} of /usr/local/cuda for that of the driver, {real}, and selects {builds}"
        fix = f"export CONDA_OVERRIDE_CUDA={real} when you solve with mamba"
        yield Symptom(id="mamba-toolkit", severity="warning", text=text, fix=fix)


def override(host: Host) -> Iterator[Symptom]:
    """CONDA_OVERRIDE_CUDA replaces the driver's CUDA in conda, mamba and pixi; envgen does not read it."""
    value = host.system.variables.get("CONDA_OVERRIDE_CUDA")
    if value is None:
        return
    real, version = host.machine.cuda, value.strip()
    assume = f"because of CONDA_OVERRIDE_CUDA={value!r}, conda, mamba and pixi assume"
    severity: SymptomSeverity = "warning"
    if not version:
        severity = "warning" if host.machine.driver else "note"
        text, fix = f"{assume} that there is no driver, and select CPU builds", "unset CONDA_OVERRIDE_CUDA"
    elif not re.fullmatch(r"[0-9]+(\.[0-9]+)*", version):
        text, fix = f"CONDA_OVERRIDE_CUDA={value!r} is not a version", "unset it, or set it to a version such as 12.6"
    elif real is None or Version(_minor(version)) != real:
        runs = f"but the driver runs {real}" if real else "but no driver says so"
        text, fix = f"{assume} CUDA {version}, {runs}", "unset it after you have solved"
    else:
        severity, text, fix = "note", f"{assume} CUDA {version}, which is that of the driver", "nothing to do"
    yield Symptom(id="override-cuda", severity=severity, text=text, fix=fix)


# --- Python ---------------------------------------------------------------------------------------------------------------


def shadowing(host: Host) -> Iterator[Symptom]:
    """Frameworks in the user's site-packages or on PYTHONPATH are imported instead of those of an environment."""
    on_path = [item for item in host.system.shadowing if item.endswith("(PYTHONPATH)")]
    in_home = [item for item in host.system.shadowing if item not in on_path]
    if on_path:
        yield Symptom(id="python-path", severity="warning", text=_shadows(on_path), fix="unset PYTHONPATH")
    if in_home:
        fix = "export PYTHONNOUSERSITE=1, or `pip uninstall` them outside of environments"
        yield Symptom(id="user-site", severity="warning", text=_shadows(in_home), fix=fix)


def _shadows(found: Sequence[str]) -> str:
    return f"{'; '.join(found)}: imported instead of those of an environment"


CHECKS: tuple[SymptomRule, ...] = (
    missing_driver,
    incomplete_driver,
    linux_driver_in_wsl,
    hidden_gpus,
    device_order,
    mig,
    musl,
    two_toolkits,
    library_path,
    driver_stub,
    compatibility,
    preloaded,
    cuda_home,
    mamba_toolkit,
    override,
    shadowing,
    relative_entries,
    system_cudnn,
)


def _error(host: Host) -> SymptomSeverity:
    """The severity of what breaks CUDA environments."""
    return "error" if host.machine.driver else "warning"


def _clear_library_path(host: Host, found: Sequence[SystemCuda]) -> str:
    """How to take CUDA off LD_LIBRARY_PATH: as a whole, unless the driver's libraries may be found through it alone."""
    entries = cuda_paths.entries(host.system.variables.get("LD_LIBRARY_PATH", ""))
    own = [entry for entry in entries if entry in host.system.driver_folders and not cuda_paths.is_searched(entry)]
    kept = [entry for entry in own if entry not in {item.folder for item in found}]
    if not kept:
        return "unset LD_LIBRARY_PATH; an environment finds its own libraries without it"
    return f"remove the folders of CUDA from LD_LIBRARY_PATH, but keep {kept[0]}, which has the driver's libraries"


def _minor(version: str) -> str:
    return ".".join(version.strip().split(".")[:2])


def _in_active_environment(system: System, variable: str) -> bool:
    prefix = system.variables.get("CONDA_PREFIX", "")
    return bool(prefix) and system.variables[variable].startswith(prefix)


def _lead(names: Sequence[str]) -> str:
    return f"{' and '.join(names)} lead{'s' if len(names) == 1 else ''}"
