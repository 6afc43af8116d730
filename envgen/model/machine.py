"""The nouns of a machine: what it is, what is wrong with it, which targets it can run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from packaging.version import Version

from envgen.model.facts import Gpu, Platform, Variant

Manner = Literal["cpu", "native", "minor"]  # how a machine runs a target; minor: by minor-version compatibility
SymptomSeverity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What NVML says this machine has; empty where there is no driver. `cuda` is what the driver can run.

    `gpus` are those that a CUDA program started here would see, `hidden` those that CUDA_VISIBLE_DEVICES keeps from it.
    """

    driver: Version | None = None
    cuda: Version | None = None
    gpus: tuple[Gpu, ...] = ()
    note: str = ""
    hidden: tuple[Gpu, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outsider:
    """CUDA or cuDNN that lies outside of every environment. `version` is as exact as its files tell, "" where they do not.

    `via` is what leads there: LD_LIBRARY_PATH, LD_PRELOAD, PATH, CUDA_HOME (a variable); "disk" where only the place does.
    """

    kind: Literal["CUDA", "cuDNN", "driver stub"]  # the last: a libcuda that is only there to link against
    version: str
    folder: str
    via: str


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The system beside what NVML says: what packages may expect of it, and what may get in their way.

    `devices` are NVIDIA's device files, `libraries` the folders with the driver's libraries (libcuda, libnvidia-ml), `module`
    the loaded kernel module's driver version, `mamba` what /usr/local/cuda/version.json names ("?" where it cannot be read).
    """

    platform: Platform
    glibc: Version | None = None
    musl: bool = False
    archspec: str = ""  # x86_64_v3, aarch64; "" where it is not known
    wsl: bool = False
    container: str = ""  # docker, podman, kubernetes, apptainer
    devices: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    module: str = ""
    outside: tuple[Outsider, ...] = ()
    mamba: str = ""
    leaks: tuple[str, ...] = ()  # frameworks that every Python here finds: "torch in ~/.local/lib/python3.12/site-packages"
    stray: tuple[str, ...] = ()  # entries of LD_LIBRARY_PATH that mean another place in every folder: "", "lib"
    variables: Mapping[str, str] = field(default_factory=dict)  # of the environment, those that CUDA programs and solvers read


@dataclass(frozen=True, slots=True)
class Symptom:
    """Something about a machine that a person should know: which rule says so, how bad it is, what it is and what to do."""

    rule: str
    severity: SymptomSeverity
    text: str
    fix: str


@dataclass(frozen=True, slots=True)
class LockedTarget:
    """What the lock of one target tells a machine: its platforms, the versions chosen, and the cuDNN that it holds on each."""

    platforms: tuple[Platform, ...]
    chosen: Mapping[str, str] = field(default_factory=dict)  # framework -> version; empty for a lock of another tool
    cudnn: Mapping[Platform, Version] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Whether a machine can run a target: `how` is "cpu", "native" or "minor" where it can, "" where it cannot.

    `why` says it in words, one reason each; `cautions` what may fail although it runs; `fixes` what it would take.
    """

    target: str
    cuda: Variant
    how: Manner | Literal[""]
    why: tuple[str, ...]
    cautions: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()
    locked: bool = True  # whether its lock is there, where that was asked

    @property
    def fits(self) -> bool:
        """Whether the machine can run it."""
        return self.how != ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """The targets of one project on a machine. `chosen` is the locked target that fits, "" where none does; `why` says why.

    `requested` is a project that was named. Without a project (`project` is "") the targets are those that the matrices describe.
    """

    project: str
    fits: tuple[Fit, ...]
    chosen: str
    why: str
    requested: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All that `envgen doctor` has to tell."""

    machine: Machine
    system: System
    symptoms: tuple[Symptom, ...]
    checkups: tuple[Checkup, ...]

    @property
    def failed(self) -> bool:
        """An error was found, or a project that was named has no locked target that runs here."""
        no_target = any(checkup.requested and not checkup.chosen for checkup in self.checkups)
        return no_target or any(symptom.severity == "error" for symptom in self.symptoms)
