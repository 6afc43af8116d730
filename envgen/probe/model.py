"""The nouns of a probe: what a framework answered, what the environment is meant to be, and what follows from both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from envgen.model.facts import Matrix
from envgen.model.machine import Machine

FRAMEWORKS = ("pytorch", "tensorflow", "jax", "cupy")
MODULES = {"pytorch": "torch"}  # framework -> what Python imports, where that is another name


# --- what a framework answered --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended. `status` is its exit status, -N for signal N, None where it was stopped at the time limit.

    `said` is the end of what it wrote on stderr; `seconds` is how long it took.
    """

    status: int | None
    said: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Library:
    """A CUDA library that a framework loaded. `origin` is "environment", "driver" or "foreign"."""

    path: str
    origin: str

    @property
    def name(self) -> str:
        """The name of its file."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def folder(self) -> str:
        """The folder that holds it."""
        return self.path.rsplit("/", 1)[0]


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU that a framework sees; not every framework tells its compute capability."""

    name: str
    capability: Version | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one framework said in a process of its own; what it did not come to say is None or empty.

    `built` is whether it is a CUDA build, `cuda` for which (major.minor, or a major alone), `cudnn` the version it names.
    `code` is the GPU code in it (sm_90, compute_90), `problems` are (step, message), `doing` is the last step that began.
    """

    framework: str
    ended: Ended
    done: bool = False
    doing: str = ""
    version: str = ""
    beside: str = ""  # another version that belongs to it: "jax 0.7.2" for jaxlib's
    origin: str = ""  # the file that was imported
    outside: bool = False  # whether that file is not of the environment
    built: bool | None = None
    cuda: Version | None = None
    cudnn: Version | None = None
    available: bool | None = None
    devices: tuple[Device, ...] = ()
    code: tuple[str, ...] = ()
    ran_on: str = ""
    agrees: bool | None = None
    problems: tuple[tuple[str, str], ...] = ()
    libraries: tuple[Library, ...] = ()

    @property
    def sees_gpu(self) -> bool:
        """Whether it can use a GPU, by its own word."""
        return bool(self.available)

    def problem(self, step: str) -> str:
        """What went wrong in a step, "" where nothing did."""
        return next((text for name, text in self.problems if name == step), "")


# --- what the environment is meant to be ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Meant:
    """What something is meant for: `gpu` is None where nothing says, `cuda` None where no version is named."""

    gpu: bool | None
    cuda: Version | None = None
    because: str = ""


@dataclass(frozen=True, slots=True)
class InstalledFramework:
    """A framework in an environment, as its package names it; `cuda` and `gpu` as in Meant."""

    framework: str
    package: str  # "pytorch 2.7.1 cuda126_generic_py312_h_200", "torch 2.7.1+cu126 (pip)"
    version: str
    meant: Meant


@dataclass(frozen=True, slots=True)
class ProbedEnvironment:
    """What an environment says of itself: its target ("" where nothing names one), from where, and its frameworks."""

    prefix: Path
    target: str
    meant: Meant | None  # by the target; None without one
    frameworks: Mapping[str, InstalledFramework]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process inherits that decides which GPUs and libraries it finds. `visible` is CUDA_VISIBLE_DEVICES, None when unset.

    `library_path` holds the entries of LD_LIBRARY_PATH, each as it is written and by its real path: /usr/local/cuda is a link.

    `system` is "linux" or "windows", as cuda.yaml names drivers.
    """

    visible: str | None = None
    library_path: tuple[tuple[str, str], ...] = ()
    system: str = "linux"


@dataclass(frozen=True, slots=True)
class ProbeCase:
    """One framework's answer, and everything that it is held against; of the facts, those about CUDA and cuDNN."""

    answer: Answer
    installed: InstalledFramework | None
    meant: Meant
    machine: Machine
    around: Surroundings
    facts: Matrix

    @property
    def graver(self) -> str:
        """How bad a missing GPU is: an error where one is meant, a warning where nothing says what is meant."""
        return "error" if self.meant.gpu else "warning"

    @property
    def package(self) -> str:
        """The framework's package, or its version where no package is known."""
        return self.installed.package if self.installed else self.answer.version


# --- what follows ---------------------------------------------------------------------------------------------------------

STATES = ("ok", "note", "warning", "error")


@dataclass(frozen=True, slots=True)
class Issue:
    """Something worth knowing: which rule, how bad (note, warning, error), what is so, and what to do."""

    rule: str
    severity: str
    text: str
    hint: str = ""


ProbeRule = Callable[[ProbeCase], Iterator[Issue]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One framework judged. `reason` is one line: why it is right, or the worst of the issues."""

    answer: Answer
    meant: Meant
    issues: tuple[Issue, ...]
    reason: str

    @property
    def state(self) -> str:
        """ok, note, warning or error: the worst of its issues."""
        return worst(issue.severity for issue in self.issues)


@dataclass(frozen=True, slots=True)
class Probed:
    """An environment judged."""

    environment: ProbedEnvironment
    machine: Machine
    verdicts: tuple[Verdict, ...]

    @property
    def state(self) -> str:
        """The worst of its frameworks."""
        return worst(verdict.state for verdict in self.verdicts)


def worst(states: Iterable[str]) -> str:
    """The worst of some states, "ok" for none."""
    return max(states, key=STATES.index, default="ok")
