"""What was chosen for each target, why, and the files it is rendered to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.model.address import Address
from envgen.model.facts import Platform, Reason, Release, Spelling, Target, Variant
from envgen.model.project import Dependency, Project

Built = tuple[Variant, tuple[tuple[Platform, Variant], ...]]  # the CUDA of a choice's builds, and that on other platforms


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why the search did not take a release for a target; `release` is where it is written, None for all of a target.

    `platform` is the one that it is about; None where the reason holds on every platform.
    """

    reason: Reason
    target: str
    platform: Platform | None
    release: Address | None
    index: bool = False  # it is the index that lacks the release; the matrix has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A framework release chosen for a target."""

    release: Release
    provider: str
    spelling: Spelling
    variant: Variant  # the CUDA of its build: the target's, or an older minor of the same major
    elsewhere: tuple[tuple[Platform, Variant], ...] = ()  # the platforms whose build is for another CUDA, and which

    def on(self, platform: Platform) -> Variant:
        """The CUDA of its build on one platform."""
        return next((variant for other, variant in self.elsewhere if other == platform), self.variant)

    @property
    def built(self) -> Built:
        """The CUDA of its builds on every platform."""
        return self.variant, self.elsewhere

    @property
    def build(self) -> tuple[Version, Built]:
        """What tells the choices of one framework apart in a target: the release, and the CUDA of its builds."""
        return self.release.version, self.built


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One decided thing and every reason it is not something newer: (`python`, `3.12`), (`pytorch`, `2.7.1`)."""

    name: str
    version: str
    because: tuple[Reason, ...]
    wheels: tuple[str, ...] = ()  # the packages of pip that have to be in that range, too, if anything brings them


def on_platform(what: str, platform: Platform) -> str:
    """The name of a pin that is for one platform, `cuda (win-64)`, or ("") for all."""
    return f"{what} ({platform})" if platform else what


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedBound:
    """The versions that a package must have on some platforms of a target, and why.

    With `always` the package is there in any case, and the target requests it; otherwise they count where something brings it.
    """

    package: str
    versions: SpecifierSet
    platforms: tuple[Platform, ...]
    always: bool
    because: Reason

    def text(self, platforms: tuple[Platform, ...]) -> str:
        """`numpy <2, if anything brings it`, and where that holds if it is not on all platforms of its target."""
        where = "" if self.platforms == platforms else f" on {', '.join(self.platforms)}"
        return f"{f'{self.package} {self.versions}'.rstrip()}{where}{'' if self.always else ', if anything brings it'}"


@dataclass(frozen=True, slots=True)
class DroppedPlatform:
    """A platform that a target cannot serve, and why."""

    platform: Platform
    because: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What one target of a project will hold."""

    project: Project
    target: Target  # after the project's overrides
    platforms: tuple[Platform, ...]
    dropped: tuple[DroppedPlatform, ...]
    python: Version
    choices: tuple[Choice, ...]
    pins: tuple[Pin, ...]
    dependencies: tuple[Dependency, ...]
    excluded: Mapping[Platform, tuple[str, ...]]  # packages of another CUDA
    left_out: tuple[Reason, ...] = ()  # dependencies of the project that the target does not get
    bounds: tuple[AppliedBound, ...] = ()
    cuda_specs: Mapping[Platform, tuple[str, ...]] = field(default_factory=dict)  # what pins the CUDA where no framework does
    code_specs: tuple[str, ...] = ()  # what selects the builds with code for the project's GPUs
    warnings: tuple[Reason, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()  # what refused other choices on the way, for this target first
    moved: Mapping[str, str] = field(default_factory=dict)  # the names of pins that a better choice has no solution for, and why

    @property
    def environment(self) -> str:
        """What a user activates: `vision-cu126`."""
        return f"{self.project.name}-{self.target.name}"

    def with_moved(self, moved: Mapping[str, str]) -> Resolution:
        """The resolution with reasons why some pins are not something better, before their other reasons."""
        pins = (replace(pin, because=(*_reasons(moved, pin.name), *pin.because)) for pin in self.pins)
        return replace(self, pins=tuple(pins), moved=moved)


def _reasons(moved: Mapping[str, str], name: str) -> tuple[Reason, ...]:
    return (Reason(moved[name]),) if name in moved else ()


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """The name of a file below its target's folder, and its text."""

    name: str
    text: str
