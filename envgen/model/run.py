"""One run of `lock`: what is requested, progress, targets on their way, and the outcome for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from envgen.model.alignment import Differing
from envgen.model.changes import CellChanges
from envgen.model.errors import EnvgenError
from envgen.model.facts import Platform
from envgen.model.packages import LockedPackage, Solution
from envgen.model.resolution import RenderedFile, Resolution

PinWith = Literal["envgen", "conda-lock"]
"""Who writes a lock: envgen where it covers the target, or always conda-lock."""


TARGET = "target"
"""The key in `moved` of the reason for a target that is not the newest that the facts allow."""


@dataclass(frozen=True, slots=True)
class Download:
    """What one platform of a target downloads: packages and bytes. The bytes are a lower bound unless `exact`."""

    packages: int
    size: int
    exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A target that is solved, later with its files. `seconds` is the time spent so far."""

    resolution: Resolution
    solutions: tuple[Solution, ...]
    files: tuple[RenderedFile, ...]
    seconds: float
    notes: tuple[str, ...] = ()  # what the index changed, and warnings of `verify`
    changes: Mapping[Platform, CellChanges] = field(default_factory=dict)  # empty for a first lock
    dropped: tuple[Platform, ...] = ()  # the platforms that the index could not serve
    differing: tuple[Differing, ...] = ()  # the packages that have another version in another cell of the project
    wheels: Mapping[Platform, tuple[LockedPackage, ...]] = field(default_factory=dict)  # nothing without a pip section

    @property
    def downloads(self) -> Mapping[Platform, Download]:
        """What each platform downloads."""
        return {solution.platform: _download(solution) for solution in self.solutions}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What envgen writes into a lock's metadata, to know later whether anything changed.

    `wanted` is the digest of the rendered files and their template, `cells` the digest of what each platform's solve was asked,
    `chosen` the chosen versions, `packages` the digest of the package list, `downloads` what each platform downloads, `moved` the
    reasons for versions that have a better one without a solution, `dropped` the platforms that the index could not serve, and
    `exclude_newer` the dates up to which packages counted, "" for no limit, and `pip` the digest of what the pip packages of each
    platform were solved for. A lock of an older envgen has no `cells`.
    """

    wanted: str
    cells: Mapping[Platform, str]
    chosen: Mapping[str, str]
    packages: str
    downloads: Mapping[Platform, Download]
    moved: Mapping[str, str] = field(default_factory=dict)
    dropped: tuple[Platform, ...] = ()
    exclude_newer: str = ""
    pip: Mapping[Platform, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one target. `seconds` is the time it took, 0 if it was unchanged."""

    resolution: Resolution
    state: Literal["locked", "relocked", "unchanged"]
    downloads: Mapping[Platform, Download]
    seconds: float
    path: str
    notes: tuple[str, ...] = ()
    changes: Mapping[Platform, CellChanges] = field(default_factory=dict)
    differing: tuple[Differing, ...] | None = None  # the packages that differ between cells; None where nobody asked


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedProject:
    """All that is written for one project: the files of each target that gets new ones, and the records of their packages."""

    project: str
    files: Mapping[str, tuple[RenderedFile, ...]]
    records: Mapping[str, Mapping[str, Any]]
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """A project that was not locked, and why."""

    project: str
    error: EnvgenError


@dataclass(frozen=True, slots=True)
class LockRun:
    """What became of the targets of a run, and the projects that failed; both in the order of the projects."""

    outcomes: tuple[Outcome, ...]
    failures: tuple[Failure, ...] = ()

    def whole(self) -> tuple[Outcome, ...]:
        """The outcomes. Raises the error of the first project that failed."""
        if self.failures:
            raise self.failures[0].error
        return self.outcomes


@dataclass(frozen=True, slots=True)
class UnchangedProject:
    """The outcomes of a project with nothing to do."""

    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True, slots=True)
class InStep:
    """The recorded index has every package that the locks name, and no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRequest:
    """What `envgen lock` is asked to do. No projects means all; no targets means all of each project.

    With `update` the locks that are there do not count; with `packages` as well, only what they say of these packages.
    """

    projects: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    index_folder: Path | None = None
    offline: bool = False
    jobs: int = 1
    update: bool = False
    packages: tuple[str, ...] = ()
    dry_run: bool = False  # write nothing
    exclude_newer: Mapping[str, datetime | None] = field(default_factory=dict)  # by key of ExcludeNewer, before the projects' own
    results: str = ""  # where results of projects are kept, on this machine or on a server
    moment: str = ""  # when the live channels of a plan were as they are taken to be
    cells: Mapping[str, str] | None = None  # only make results: project -> its key in a plan
    edited: Mapping[str, str] = field(default_factory=dict)  # project -> the text of its file, which is written with the locks
    pin_with: PinWith = "envgen"


class Reporter(Protocol):
    """Receives progress and notes; the command line decides how to show them."""

    def say(self, text: str) -> None:
        """Show one note."""

    def begin(self, what: str, steps: int) -> None:
        """Start a long task of `steps` steps."""

    def step(self, what: str) -> None:
        """Complete one step."""

    def end(self) -> None:
        """End the task."""


def _download(solution: Solution) -> Download:
    sizes = [record.size for record in solution.records]
    return Download(len(sizes), sum(size or 0 for size in sizes), exact=None not in sizes)
