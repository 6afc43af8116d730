"""The nouns of one run: what it is asked, what it says while it goes on, what is on its way, and how each target came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from envgen.model.facts import Platform
from envgen.model.packages import Solution
from envgen.model.resolution import RenderedFile, Resolution


@dataclass(frozen=True, slots=True)
class Download:
    """What one platform of a target takes: packages, and bytes, which are a lower bound where not every record has a size."""

    packages: int
    size: int
    exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A target on its way: solved, then with its files; `seconds` is what it took so far."""

    resolution: Resolution
    solutions: tuple[Solution, ...]
    files: tuple[RenderedFile, ...]
    seconds: float
    notes: tuple[str, ...] = ()  # what `verify` warns of

    @property
    def downloads(self) -> Mapping[Platform, Download]:
        """What each platform takes."""
        return {solution.platform: _download(solution) for solution in self.solutions}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What envgen wrote into a lock's metadata, to know later whether there is anything to do.

    `wanted` is the digest of everything that was asked for, `chosen` the versions that were taken, `packages` the digest of
    the package list as it was written, `downloads` what each platform takes.
    """

    wanted: str
    chosen: Mapping[str, str]
    packages: str
    downloads: Mapping[Platform, Download]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One row of the final table; `seconds` is how long the target took, 0 when there was nothing to do."""

    resolution: Resolution
    state: Literal["locked", "relocked", "unchanged"]
    downloads: Mapping[Platform, Download]
    seconds: float
    path: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRequest:
    """What one `envgen lock` is asked. No projects: all; no targets: all of each project."""

    projects: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    index_folder: Path | None = None
    offline: bool = False
    jobs: int = 1
    update: bool = False  # solve again although nothing changed


class Reporter(Protocol):
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
