"""What is wrong with a machine, or may get in the way of every environment on it. Pure, a registry of small rules.

An error makes CUDA environments fail or run on the CPU; a warning may do so, or misleads a solver; a note is worth knowing.
What would break CUDA environments is only a warning where there is no driver: nothing of CUDA runs there anyway.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from packaging.version import Version

from envgen.machine.cuda_paths import HOMES
from envgen.model.machine import Machine, Outsider, Symptom, SymptomSeverity, System


@dataclass(frozen=True, slots=True)
class Seen:
    """A machine as a rule sees it: what NVML says, and everything else."""

    machine: Machine
    here: System


Rule = Callable[[Seen], Iterator[Symptom]]

_CLEAN = "unset LD_LIBRARY_PATH; an environment finds its own libraries"


def judge(machine: Machine, here: System) -> tuple[Symptom, ...]:
    """Everything that the rules find, the worst first."""
    order = ("error", "warning", "note")
    found = (symptom for rule in RULES for symptom in rule(Seen(machine, here)))
    return tuple(sorted(found, key=lambda symptom: order.index(symptom.severity)))


# --- driver and GPUs ------------------------------------------------------------------------------------------------------


def no_driver(seen: Seen) -> Iterator[Symptom]:
    """NVIDIA devices without a driver that answers; a container into which none was brought."""
    if seen.machine.driver is not None:
        return
    note = seen.machine.note or "no NVIDIA driver"
    loaded = f", the kernel has driver {seen.here.module}" if seen.here.module else ""
    if seen.here.devices and seen.here.container and not seen.here.libraries:
        text = f"{seen.here.container} container with {seen.here.devices[0]} but without the driver's libraries{loaded}"
        yield Symptom("container-driver", "error", text, _start_container(seen.here.container))
    elif seen.here.devices and seen.here.wsl:
        cure = "install or update the NVIDIA driver on Windows, never one inside WSL; then `wsl --shutdown`"
        severity: SymptomSeverity = "error" if seen.here.libraries else "note"  # every WSL has the device, with a GPU of any maker
        yield Symptom("wsl-driver", severity, f"WSL with {seen.here.devices[0]}, but: {note}", cure)
    elif seen.here.devices or seen.here.module:
        text = f"{seen.here.devices[0] if seen.here.devices else 'the kernel module'} is here, but: {note}{loaded}"
        yield Symptom("driver", "error", text, "install the driver's libraries of just that version, or reboot after an update")
    elif seen.here.libraries:
        text = f"the driver's libraries are in {seen.here.libraries[0]}, but: {note}"
        yield Symptom("driver", "warning", text, "look whether a GPU is here at all (lspci), and load the driver (modprobe nvidia)")
    elif seen.here.container:
        text = f"{seen.here.container} container without a GPU: no NVIDIA device and no driver in it"
        yield Symptom("container-gpu", "note", text, f"if the host has one: {_start_container(seen.here.container)}")


def _start_container(container: str) -> str:
    return {
        "podman": "start it with `--device nvidia.com/gpu=all` (NVIDIA Container Toolkit)",
        "kubernetes": "ask for nvidia.com/gpu in the pod's resources: limits:",
        "apptainer": "start it with `--nv`",
    }.get(container, "start it with `--gpus all` (NVIDIA Container Toolkit)")


def half_a_driver(seen: Seen) -> Iterator[Symptom]:
    """A driver that answers, but not to everything."""
    if seen.machine.driver is not None and seen.machine.note:
        cure = "look at `nvidia-smi` and the kernel's log (dmesg)"
        if "libcuda" in seen.machine.note:
            cure = "install libcuda of the same version; a container gets it with NVIDIA_DRIVER_CAPABILITIES=compute,utility"
        yield Symptom("driver-answers", "warning", seen.machine.note, cure)


def linux_driver_in_wsl(seen: Seen) -> Iterator[Symptom]:
    """WSL's libcuda comes from Windows; one of a Linux driver shadows it."""
    outside = [folder for folder in seen.here.libraries if seen.here.wsl and "/wsl/" not in folder]
    if outside:
        text = f"{outside[0]} has libraries of a Linux driver, WSL's own are in /usr/lib/wsl/lib"
        yield Symptom("wsl-driver", "warning", text, "remove the Linux driver; in WSL the driver is the one of Windows")


def hidden_gpus(seen: Seen) -> Iterator[Symptom]:
    """CUDA_VISIBLE_DEVICES that hides all GPUs, or some."""
    if seen.machine.hidden:
        value = seen.here.variables.get("CUDA_VISIBLE_DEVICES", "")
        every = not seen.machine.gpus
        names = ", ".join(dict.fromkeys(gpu.name for gpu in seen.machine.hidden))
        yield Symptom(
            "hidden-gpus",
            "error" if every else "note",
            f"CUDA_VISIBLE_DEVICES={value!r} hides {'every GPU' if every else 'a part of the GPUs'} ({names})",
            "unset CUDA_VISIBLE_DEVICES, or programs run on the CPU" if every else "unset it to use all",
        )


def device_order(seen: Seen) -> Iterator[Symptom]:
    """CUDA counts the fastest GPU first, NVML and `nvidia-smi` by their place on the bus."""
    numbers = re.search(r"\d", re.sub(r"(GPU|MIG)-[^,]*", "", seen.here.variables.get("CUDA_VISIBLE_DEVICES", "")))
    kinds = {gpu.name for gpu in (*seen.machine.gpus, *seen.machine.hidden)}
    if numbers and len(kinds) > 1 and seen.here.variables.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
        text = "the numbers in CUDA_VISIBLE_DEVICES may mean other GPUs than these: CUDA counts the fastest first"
        yield Symptom(
            "device-order", "warning", text, "export CUDA_DEVICE_ORDER=PCI_BUS_ID, or name GPUs by UUID (`nvidia-smi -L`)"
        )


def mig(seen: Seen) -> Iterator[Symptom]:
    """A GPU in MIG mode runs programs in its instances only, and a program in one of them."""
    for gpu in (gpu for gpu in seen.machine.gpus if gpu.mig is not None):
        if gpu.mig:
            text = f"{gpu.name} is cut into {gpu.mig} MIG instance{'s' if gpu.mig > 1 else ''}: a program sees one of them"
            yield Symptom("mig", "note", text, "choose one: CUDA_VISIBLE_DEVICES=MIG-... (`nvidia-smi -L` lists them)")
        else:
            bare = all(other.mig == 0 for other in seen.machine.gpus)
            text = f"{gpu.name} is in MIG mode and has no instance: nothing runs on it"
            cure = "make one (`nvidia-smi mig -cgi ... -C`), or turn the mode off (`nvidia-smi -mig 0`)"
            yield Symptom("mig", "error" if bare else "warning", text, cure)


def musl(seen: Seen) -> Iterator[Symptom]:
    """Conda's packages for Linux are made for glibc."""
    if seen.here.musl and seen.here.glibc is None:
        text = "this system has musl in place of glibc: no conda package for Linux runs on it"
        yield Symptom("musl", "error", text, "use a system or a container image with glibc (debian, ubuntu, rocky)")


# --- CUDA from outside ----------------------------------------------------------------------------------------------------


def two_toolkits(seen: Seen) -> Iterator[Symptom]:
    """LD_LIBRARY_PATH with two CUDA toolkits: which one a program gets depends on what it asks for first."""
    toolkits = _by_version([thing for thing in seen.here.outside if thing.kind == "CUDA" and thing.via == "LD_LIBRARY_PATH"])
    if len(toolkits) > 1:
        yield Symptom("two-toolkits", _grave(seen), f"LD_LIBRARY_PATH leads to {_listed(toolkits)}", _CLEAN)


def library_path(seen: Seen) -> Iterator[Symptom]:
    """CUDA or cuDNN on LD_LIBRARY_PATH: pip wheels, and what a program loads while it runs, take it before their own."""
    loaded = [thing for thing in seen.here.outside if thing.via == "LD_LIBRARY_PATH"]
    for kind in ("CUDA", "cuDNN"):
        things = _by_version([thing for thing in loaded if thing.kind == kind])
        if things and not (kind == "CUDA" and len(things) > 1):  # two_toolkits has said it
            text = f"LD_LIBRARY_PATH leads to {_listed(things)}: it may be loaded in place of the environment's own"
            yield Symptom("library-path", "warning", text, _CLEAN)


def driver_stub(seen: Seen) -> Iterator[Symptom]:
    """A toolkit's stub of libcuda is there to link against; a program that loads it sees no GPU."""
    for thing in seen.here.outside:
        if thing.kind == "driver stub":
            text = f"LD_LIBRARY_PATH leads to {thing.folder}: a libcuda without a driver behind it"
            yield Symptom("driver-stub", _grave(seen), text, "take the folder off LD_LIBRARY_PATH")


def stray_entries(seen: Seen) -> Iterator[Symptom]:
    """An entry that is empty or relative loads libraries from whatever folder a program is started in."""
    if seen.here.stray:
        shown = ", ".join(repr(entry) for entry in dict.fromkeys(seen.here.stray))
        text = f"LD_LIBRARY_PATH has entries that mean the current folder: {shown}"
        yield Symptom("library-path-entry", "note", text, "write whole paths, and no colon at an end or twice")


def preloaded(seen: Seen) -> Iterator[Symptom]:
    """LD_PRELOAD puts a library into every program, whatever its environment holds."""
    for thing in seen.here.outside:
        if thing.via == "LD_PRELOAD":
            yield Symptom("preload", _grave(seen), f"LD_PRELOAD loads {thing.folder} into every program", "unset LD_PRELOAD")


def cuda_home(seen: Seen) -> Iterator[Symptom]:
    """Extensions that are compiled on the machine take the toolkit of CUDA_HOME, or else nvcc's on PATH."""
    for variable in HOMES:
        found = next((thing for thing in seen.here.outside if thing.via == variable), None)
        if seen.here.variables.get(variable) and not found and not _in_prefix(seen.here, variable):
            text = f"{variable}={seen.here.variables[variable]} holds nothing that can be read"
            yield Symptom("cuda-home", "warning", text, f"unset {variable}")
    ways = [thing for thing in seen.here.outside if thing.kind == "CUDA" and thing.via in (*HOMES, "PATH")]
    kinds = _by_version(ways)
    if kinds:
        via = tuple(dict.fromkeys(thing.via for thing in ways))
        text = f"{_joined(via)} to {_listed(kinds)}: extensions that you compile take it"
        set_here = [variable for variable in HOMES if variable in via]
        cure = f"unset {' '.join(set_here)}" if set_here else "where you compile, put the environment's own cuda-nvcc first on PATH"
        yield Symptom("toolkit", "warning" if len(kinds) > 1 else "note", text, cure)


def system_cudnn(seen: Seen) -> Iterator[Symptom]:
    """A cuDNN in the system's folders is loaded by programs that do not find their own."""
    for thing in seen.here.outside:
        if thing.kind == "cuDNN" and thing.via == "disk":
            text = f"cuDNN {thing.version} in {thing.folder}: a program that finds none of its own loads it"
            yield Symptom("system-cudnn", "note", text, "nothing, as long as an environment holds its own cuDNN")


# --- what misleads a solver -----------------------------------------------------------------------------------------------


def mamba_toolkit(seen: Seen) -> Iterator[Symptom]:
    """What mamba takes for the driver's CUDA: it reads /usr/local/cuda/version.json before it asks the driver."""
    if not seen.here.mamba or "CONDA_OVERRIDE_CUDA" in seen.here.variables:
        return
    if seen.here.mamba == "?":
        text = "/usr/local/cuda/version.json cannot be understood: mamba reads it before it asks the driver"
        yield Symptom("mamba-toolkit", "note", text, "repair or remove it")
        return
    believed, real = _minor(seen.here.mamba), seen.machine.cuda
    if seen.machine.driver is None:
        text = f"mamba believes that a driver for CUDA {believed} is here: it reads /usr/local/cuda/version.json"
        yield Symptom("mamba-toolkit", "warning", text, 'export CONDA_OVERRIDE_CUDA="" when you solve with mamba')
    elif real and Version(believed) != real:
        builds = "older or CPU builds" if Version(believed) < real else "builds that the driver cannot run"
        text = f"mamba takes CUDA {believed} of /usr/local/cuda for the driver's, which is {real}, and chooses {builds}"
        yield Symptom("mamba-toolkit", "warning", text, f"export CONDA_OVERRIDE_CUDA={real} when you solve with mamba")


def override(seen: Seen) -> Iterator[Symptom]:
    """CONDA_OVERRIDE_CUDA stands in for the driver in conda, mamba and pixi; envgen and installing from a lock do not read it."""
    value = seen.here.variables.get("CONDA_OVERRIDE_CUDA")
    if value is None:
        return
    believed = f"CONDA_OVERRIDE_CUDA={value!r}: conda, mamba and pixi believe"
    if not value.strip():
        severity: SymptomSeverity = "warning" if seen.machine.driver else "note"
        yield Symptom("override-cuda", severity, f"{believed} that there is no driver, and choose CPU builds", "unset it")
    elif not re.fullmatch(r"\d+(\.\d+)*", value.strip()):
        yield Symptom("override-cuda", "warning", f"CONDA_OVERRIDE_CUDA={value!r} is no version", "unset it, or write 12.6")
    elif seen.machine.cuda is None or Version(_minor(value)) != seen.machine.cuda:
        real = f"the driver runs {seen.machine.cuda}" if seen.machine.cuda else "there is no driver that says so"
        yield Symptom("override-cuda", "warning", f"{believed} in CUDA {value.strip()}; {real}", "unset it once you have solved")
    else:
        yield Symptom("override-cuda", "note", f"{believed} in CUDA {value.strip()}, as the driver says", "nothing")


# --- Python ---------------------------------------------------------------------------------------------------------------


def leaks(seen: Seen) -> Iterator[Symptom]:
    """Frameworks in the user's site-packages or on PYTHONPATH are imported in place of an environment's own."""
    for path in (True, False):
        found = [leak for leak in seen.here.leaks if leak.endswith("(PYTHONPATH)") == path]
        if found:
            text = f"{'; '.join(found)}: imported in place of an environment's own"
            cure = "unset PYTHONPATH" if path else "export PYTHONNOUSERSITE=1, or `pip uninstall` them outside of environments"
            yield Symptom("python-path" if path else "user-site", "warning", text, cure)


RULES: tuple[Rule, ...] = (
    no_driver,
    half_a_driver,
    linux_driver_in_wsl,
    hidden_gpus,
    device_order,
    mig,
    musl,
    two_toolkits,
    library_path,
    driver_stub,
    preloaded,
    cuda_home,
    mamba_toolkit,
    override,
    leaks,
    stray_entries,
    system_cudnn,
)


def _grave(seen: Seen) -> SymptomSeverity:
    return "error" if seen.machine.driver else "warning"


def _minor(version: str) -> str:
    return ".".join(version.strip().split(".")[:2])


def _in_prefix(here: System, variable: str) -> bool:
    """Whether a variable leads into the active environment, which is not outside."""
    prefix = here.variables.get("CONDA_PREFIX", "")
    return bool(prefix) and here.variables[variable].startswith(prefix)


def _by_version(things: list[Outsider]) -> list[Outsider]:
    """One of each version, the most exact: 12, 12.4 and 12.4.127 may be the same, and so may what tells no version."""
    kept: list[Outsider] = []
    for thing in sorted(things, key=lambda thing: thing.version.count("."), reverse=True):
        version = [part for part in thing.version.split(".")[:2] if part]
        if not any(other.version.split(".")[: len(version)] == version for other in kept):
            kept.append(thing)
    return sorted(kept, key=things.index)


def _joined(names: tuple[str, ...]) -> str:
    return f"{' and '.join(names)} lead{'s' if len(names) == 1 else ''}"


def _listed(things: list[Outsider]) -> str:
    return " and ".join(f"{thing.kind} {thing.version or 'of unknown version'} ({thing.folder})" for thing in things)
