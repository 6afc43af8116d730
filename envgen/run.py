"""The nouns of one run: what it is asked, what it says while it goes on, what is on its way, and how each target came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from packaging.version import Version

from envgen.model import Claim, Finding, Fit, Lock, Machine, Platform, RenderedFile, Resolution, Solution, Symptom, System


@dataclass(frozen=True, slots=True)
class Download:
    """What one platform of a target takes: packages, and bytes, which are a lower bound where not every record has a size."""

    packages: int
    size: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Solved:
    """A target on its way: solved, then with its files; `seconds` is what it took so far."""

    resolution: Resolution
    solutions: tuple[Solution, ...]
    files: tuple[RenderedFile, ...]
    seconds: float

    @property
    def downloads(self) -> Mapping[Platform, Download]:
        """What each platform takes."""
        return {solution.platform: _download(solution) for solution in self.solutions}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What envgen wrote into a lock's metadata, to know later whether there is anything to do.

    `wanted` is the digest of everything that was asked for, `chosen` the versions that were taken, `packages` the digest of
    the package list as it was written, `downloads` what each platform takes.
    """

    wanted: str
    chosen: Mapping[str, str]
    packages: str
    downloads: Mapping[Platform, Download]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of the final table; `seconds` is how long the target took, 0 when there was nothing to do."""

    resolution: Resolution
    state: str  # locked, relocked or unchanged
    downloads: Mapping[Platform, Download]
    seconds: float
    path: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """What one `envgen lock` is asked. No projects: all; no targets: all of each project."""

    projects: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    index_folder: Path | None = None
    offline: bool = False
    jobs: int = 1
    update: bool = False  # solve again although nothing changed


@dataclass(frozen=True, slots=True)
class Verified:
    """One platform of a lock, held against what it is meant to be. The drivers are the oldest that run it, and on which what is
    compiled at run time works; None: not known, or not needed.
    """

    lock: Lock
    platform: Platform
    claim: Claim
    packages: int
    driver: Version | None
    compiling: Version | None
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """How many findings make the check fail."""
        return sum(found.severity == "error" for found in self.findings)


@dataclass(frozen=True, slots=True)
class Checkup:
    """The targets of one project on a machine. `chosen` is the locked target that fits, "" where none does; `why` says why.

    `asked` is a project that was named. Without a project (`project` is "") the targets are those that the matrices describe.
    """

    project: str
    verdicts: tuple[Fit, ...]
    chosen: str
    why: str
    asked: bool


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that `envgen doctor` has to tell."""

    machine: Machine
    here: System
    symptoms: tuple[Symptom, ...]
    checkups: tuple[Checkup, ...]

    @property
    def ill(self) -> bool:
        """An error was found, or a project that was named has no locked target that runs here."""
        no_target = any(checkup.asked and not checkup.chosen for checkup in self.checkups)
        return no_target or any(symptom.severity == "error" for symptom in self.symptoms)


class Talk(Protocol):
    """What the story says while it goes on; the command line decides what that looks like."""

    def say(self, text: str) -> None:
        """One thing worth knowing."""

    def begin(self, what: str, steps: int) -> None:
        """Long work starts."""

    def step(self, what: str) -> None:
        """One step of it is done."""

    def end(self) -> None:
        """It is done."""


def _download(solution: Solution) -> Download:
    sizes = [record.size for record in solution.records]
    return Download(len(sizes), sum(size or 0 for size in sizes), exact=None not in sizes)
