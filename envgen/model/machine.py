"""The types of `machine/`: what a machine has, what is wrong with it, and which targets it can run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from packaging.version import Version

from envgen.model.facts import Platform, Variant
from envgen.model.gpu import Gpu

RunMode = Literal["cpu", "native", "minor"]  # how a machine runs a target; minor: by minor-version compatibility
SymptomSeverity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What NVML reports; empty without a driver. `cuda` is the newest CUDA that the driver runs natively.

    `gpus` are the GPUs that a CUDA program started here would see, `hidden` those that CUDA_VISIBLE_DEVICES hides. `note` says why
    something is missing.
    """

    driver: Version | None = None
    cuda: Version | None = None
    gpus: tuple[Gpu, ...] = ()
    note: str = ""
    hidden: tuple[Gpu, ...] = ()

    @property
    def served(self) -> tuple[Gpu, ...]:
        """The GPUs that a target is for: those that a program sees, or where all are hidden, those that are there."""
        return self.gpus or self.hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemCuda:
    """CUDA or cuDNN outside of environments. `version` is as precise as the files allow, "" if they do not tell.

    `via` is what leads there: the name of a variable (LD_LIBRARY_PATH, LD_PRELOAD, PATH, CUDA_HOME), or "disk" if nothing does.
    """

    kind: Literal["CUDA", "cuDNN", "driver stub", "libcuda"]  # a stub to link against; a newer libcuda
    version: str
    folder: str
    via: str


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The system apart from NVML: what packages require of it, and what may interfere with environments."""

    platform: Platform
    glibc: Version | None = None
    musl: bool = False
    archspec: str = ""  # x86_64_v3, aarch64; "" if unknown
    wsl: bool = False
    container: str = ""  # docker, podman, kubernetes, apptainer
    devices: tuple[str, ...] = ()  # NVIDIA's device files
    driver_folders: tuple[str, ...] = ()  # folders with the driver's libraries: libcuda, libnvidia-ml
    kernel_module: str = ""  # the version of the loaded driver module
    outside: tuple[SystemCuda, ...] = ()
    mamba_cuda: str = ""  # the version in /usr/local/cuda/version.json, which mamba reads; "?" if it is not readable
    shadowing: tuple[str, ...] = ()  # imported before an environment's own: "MODULE in FOLDER"
    relative_entries: tuple[str, ...] = ()  # of LD_LIBRARY_PATH: relative to the current folder, or empty, which means that folder
    variables: Mapping[str, str] = field(default_factory=dict)  # those that CUDA programs, Python and solvers read


@dataclass(frozen=True, slots=True, kw_only=True)
class Symptom:
    """Something about a machine that its user should know: its identifier in docs/doctor.md, what it is, and how to fix it."""

    id: str
    severity: SymptomSeverity
    text: str
    fix: str


@dataclass(frozen=True, slots=True)
class LockedTarget:
    """What matters of a target's lock for a machine: its platforms, the chosen versions, and its cuDNN on each platform."""

    platforms: tuple[Platform, ...]
    chosen: Mapping[str, str] = field(default_factory=dict)  # framework -> version; empty for a lock of another tool
    cudnn: Mapping[Platform, Version] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Whether and how a machine can run a target; `mode` is None if it cannot.

    `why` are the reasons, `cautions` what may fail although the target runs, `fixes` what would make it run.
    """

    target: str
    cuda: Variant
    mode: RunMode | None
    why: tuple[str, ...]
    cautions: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()
    locked: bool = True  # False if its lock was looked for and not found
    driver_suffices: bool = True  # whether the driver is new enough, although the target may not run for another reason

    @property
    def runs(self) -> bool:
        """Whether the machine can run it."""
        return self.mode is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """How the targets of a project fit a machine. `chosen` is the locked target to use, "" if none runs; `why` is the reason.

    `requested` is whether the project was named on the command line. If `project` is "", the targets are those of the matrices.
    """

    project: str
    fits: tuple[Fit, ...]
    chosen: str
    why: str
    requested: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What `envgen doctor` reports."""

    machine: Machine
    system: System
    symptoms: tuple[Symptom, ...]
    checkups: tuple[Checkup, ...]

    @property
    def failed(self) -> bool:
        """Whether there is an error, or a requested project has no locked target that runs here."""
        no_target = any(checkup.requested and not checkup.chosen for checkup in self.checkups)
        return no_target or any(symptom.severity == "error" for symptom in self.symptoms)
