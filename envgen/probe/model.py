"""What a framework answered, what its environment is meant for, and the verdict on both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from packaging.version import Version

from envgen.model.facts import Matrix
from envgen.model.machine import Machine

BuildKind = Literal["cpu", "cuda", "unknown"]
Origin = Literal["environment", "driver", "foreign"]
IssueSeverity = Literal["note", "warning", "error"]
State = Literal["ok", "note", "warning", "error"]
STATES: tuple[State, ...] = get_args(State)  # the worst last


# --- what a framework answered --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """How a process ended: its exit status, -N for signal N, None if it was stopped at the time limit.

    `stderr` is the end of what it wrote there; `seconds` is how long it ran.
    """

    status: int | None
    stderr: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Library:
    """A library of CUDA or of the driver that a framework loaded, and whether it is the environment's, the driver's or neither's.

    `cuda_name` is what the matrices call a library of CUDA: `cublasLt` for `libcublasLt.so.12`; "" for one of the driver's.
    """

    path: str
    origin: Origin
    cuda_name: str = ""

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
    """A GPU that a framework sees; not every framework reports its compute capability."""

    name: str
    capability: Version | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one framework reported from a process of its own. What it did not report is None, "" or empty."""

    framework: str
    process: ProcessResult
    done: bool = False  # whether it ran to the end
    step: str = ""  # the last step that began
    version: str = ""
    companion: str = ""  # a second package that belongs to it, with its version: "jax 0.7.2" beside jaxlib's
    file: str = ""  # the file that was imported
    outside: bool = False  # whether that file lies outside the environment
    build: BuildKind = "unknown"
    cuda: Version | None = None  # of the build: major.minor, or a major alone
    compiler: Version | None = None  # the CUDA of the compiler that it loads at run time, if it says so
    cudnn: Version | None = None
    available: bool | None = None  # whether it can use a GPU; None if it was not asked, or could not answer
    devices: tuple[Device, ...] = ()
    code: tuple[str, ...] = ()  # the GPU code in the build: sm_90, compute_90
    settings: tuple[str, ...] = ()  # what selects its device, as set: "NAME=value"
    ran_on: str = ""  # where a small matmul ran: "gpu", "cpu", or the framework's own word
    agrees: bool | None = None  # whether its result is exact
    problems: tuple[tuple[str, str], ...] = ()  # (step, message)
    libraries: tuple[Library, ...] = ()

    @property
    def sees_gpu(self) -> bool:
        """Whether it reported a GPU that it can use."""
        return bool(self.available)

    @property
    def asked_for_gpu(self) -> bool:
        """Whether its probe script looked for GPUs, with or without success; there need not be a script."""
        return self.available is not None or bool(self.problem("devices"))

    def problem(self, step: str) -> str:
        """The error of a step, "" if there was none."""
        return next((text for name, text in self.problems if name == step), "")


# --- what an environment is meant for -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Expectation:
    """The build that should be there, and who says so; `cuda` is None if no version is named."""

    build: BuildKind
    cuda: Version | None = None
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledFramework:
    """A framework in an environment: its name and that of its module, its package, and what the package says of the build."""

    framework: str
    module: str
    package: str  # "pytorch 2.7.1 cuda126_generic_py312_h_200", "torch 2.7.1+cu126 (pip)"
    version: str
    expected: Expectation


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python, the folders that hold what belongs to it, and the folders that come first on PATH where it runs."""

    python: Path
    homes: tuple[Path, ...]
    programs: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledEnvironment:
    """An environment as its files describe it: the target it was made for ("" if nothing names one), and its frameworks by name.

    `interpreter` is the Python that was named, if not the folder was. With `cuda_required`, every framework must compute on a GPU,
    whatever its package is meant for.
    """

    prefix: Path
    target: str
    expected: Expectation | None  # by the target; None without one
    frameworks: Mapping[str, InstalledFramework]
    interpreter: Path | None = None
    cuda_required: bool = False

    @property
    def where(self) -> Path:
        """What was named."""
        return self.interpreter or self.prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchEnvironment:
    """What a framework's process inherits that decides which GPUs and libraries it finds.

    `visible_devices` is CUDA_VISIBLE_DEVICES, None if unset. `library_path` holds the entries of LD_LIBRARY_PATH, each as written
    and as its real path: /usr/local/cuda is a link. `shadowing` are those entries that hold libraries of CUDA or a stub of the
    driver, which the loader may take instead of others, with the names of these files. `system` is the key of a driver in
    cuda.yaml.
    """

    visible_devices: str | None = None
    library_path: tuple[tuple[str, str], ...] = ()
    system: Literal["linux", "windows"] = "linux"
    shadowing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One framework's answer, and everything that it is compared with."""

    answer: Answer
    installed: InstalledFramework | None
    expected: Expectation
    machine: Machine
    launch: LaunchEnvironment
    matrix: Matrix
    cuda_required: bool = False

    @property
    def build(self) -> BuildKind:
        """What the framework is built for by its own account, else by its package."""
        if self.answer.build != "unknown" or self.installed is None:
            return self.answer.build
        return self.installed.expected.build

    @property
    def cuda(self) -> Version | None:
        """The CUDA version it is built for by its own account, else by its package."""
        if self.answer.cuda or self.answer.build == "cpu" or self.installed is None:
            return self.answer.cuda
        return self.installed.expected.cuda

    @property
    def package(self) -> str:
        """The framework's package, or its version if no package is known."""
        return self.installed.package if self.installed else self.answer.version

    @property
    def missing_gpu(self) -> IssueSeverity:
        """How bad a missing GPU is: an error if one is expected, a warning if nothing says what is expected."""
        return "error" if self.expected.build == "cuda" else "warning"


# --- what follows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Something worth knowing: the rule that found it, how bad it is, what it is, and what to do.

    `folder` is the one that it is about, if it is about one.
    """

    rule: str
    severity: IssueSeverity
    text: str
    hint: str = ""
    folder: str = ""


ProbeRule = Callable[[Comparison], Iterator[Issue]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One framework judged. `reason` is one line: why it is right, or the worst of its issues."""

    answer: Answer
    expected: Expectation
    issues: tuple[Issue, ...]
    reason: str

    @property
    def state(self) -> State:
        """The worst of its issues, "ok" without any."""
        return worst(issue.severity for issue in self.issues)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """An environment judged, on one machine."""

    environment: InstalledEnvironment
    machine: Machine
    verdicts: tuple[Verdict, ...]

    @property
    def state(self) -> State:
        """The worst of its frameworks."""
        return worst(verdict.state for verdict in self.verdicts)


def worst(states: Iterable[State]) -> State:
    """The worst of some states, "ok" for none."""
    return max(states, key=STATES.index, default="ok")
