"""Facts, frozen. Other modules take one of these values and return the next.

A *target* is what an environment is made for (`cpu`, `cu126`); a *cell* is one target on one platform; a *variant* is how
a framework was built (for CPU, or for one CUDA version).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.model.address import Address
from envgen.model.advice import Advice
from envgen.model.alias import Alias
from envgen.model.catalogue import Catalogue
from envgen.model.constraint import Bound, Constraint
from envgen.model.gpu import Compiled, Gpu, GpuNames
from envgen.model.toolkit import Cudnn, Toolkit
from envgen.model.withdrawn import Withdrawals

Platform = str  # a conda subdir: linux-64, linux-aarch64, osx-64, osx-arm64, win-64
Variant = Version | None  # the CUDA version a build was made for; None is a CPU build
PUBLIC_INDEX = "public"  # in place of the URL of an index: the one that pip and uv ask where nothing else is configured
Need = tuple[str, SpecifierSet]  # another framework, and the range of its versions that a build goes with


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is so, where that is written, and the source that is named there."""

    text: str
    at: Address | None = None
    because: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.at})" if self.at else self.text


def driver_text(version: Version) -> str:
    """A driver version as NVIDIA writes it: 450.80.02 and 576.02, where PEP 440 would say 450.80.2 and 576.2."""
    return ".".join(f"{part:02d}" if place else str(part) for place, part in enumerate(version.release))


def variant_text(variant: Variant) -> str:
    """`CUDA 12.6`, or `CPU`."""
    return f"CUDA {variant}" if variant else "CPU"


def by_cuda(variants: Iterable[Variant]) -> list[Variant]:
    """CPU first, then by CUDA."""
    return sorted(variants, key=lambda variant: variant or Version("0"))


# --- facts: what `matrices/` holds ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One row of a release: on these platforms, for these variants and Python minors, a package was published."""

    provider: str
    variants: frozenset[Variant]
    platforms: frozenset[Platform]
    pythons: frozenset[Version]
    at: Address
    cudnn: int | None = None  # cuDNN major that the CUDA builds link
    glibc: Version | None = None  # the oldest glibc that wheels run with, by their tags
    because: str = ""  # "": the source of the file
    needs: tuple[Need, ...] = ()  # what it was compiled against: the framework that it is a companion of
    spans: tuple[frozenset[Variant], ...] = ()  # what each variant of the row stands for, where one stands for several

    @property
    def stated(self) -> tuple[frozenset[Variant], ...]:
        """For each variant that the row states those that it stands for: every 12.x for builds that run with any."""
        return self.spans or tuple(frozenset({variant}) for variant in by_cuda(self.variants))


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One published version of a framework, and its builds."""

    framework: str
    version: Version
    builds: tuple[Build, ...]
    at: Address
    note: str = ""  # what a person should know of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """How one provider names the CPU and the CUDA build of a range of releases.

    `cpu` and `cuda` are conda specs, or with an `index` requirements of pip, with the holes {version}, {cuda} (the target's, 12.6),
    {major} (its major, 12) and {cu} (the build's, 126). The index may hold {variant}: cpu, or cu126.
    """

    releases: SpecifierSet
    cpu: tuple[str, ...]
    cuda: tuple[str, ...]
    channels: tuple[str, ...]  # must all be in the project, because builds depend on them
    cpu_channels: tuple[str, ...] = ()  # the same for a project without CUDA, where its builds depend on fewer
    newer_minor: bool  # whether a build for CUDA X.Y is asked for beside a newer minor of X (the cuda-version dialect)
    same_cuda: bool = False  # whether a companion's CUDA builds go with builds of its framework for the same CUDA alone
    built_against: tuple[str, ...] = ()  # the providers whose builds of its framework a companion goes with; () where not said
    index: str = ""  # of wheels: the URL of the index that has them, or PUBLIC_INDEX
    if_installed: tuple[str, ...] = ()  # of wheels: requirements that hold where something brings the package
    because: str
    at: Address

    @property
    def manager(self) -> Literal["conda", "pip"]:
        """What installs the builds."""
        return "pip" if self.index else "conda"

    def channels_of(self, variants: Iterable[Variant]) -> tuple[str, ...]:
        """The channels that a project needs for builds of these variants."""
        return self.channels if any(variants) else self.cpu_channels or self.channels


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Builds of a provider that are deliberately not among the facts; without platforms, variants, or releases, those of all.

    `builds` is a glob that their build strings fit, "" for any.
    """

    provider: str
    platforms: frozenset[Platform]
    variants: frozenset[Variant]
    releases: SpecifierSet | None
    because: str
    at: Address
    builds: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What the CUDA builds of a range of releases have code for; without `platforms`, those for all.

    `compiled` has several rows where there are several builds of each release, the one that a solver prefers first.
    """

    provider: str
    releases: SpecifierSet
    cuda: SpecifierSet
    platforms: frozenset[Platform]
    compiled: tuple[Compiled, ...]
    because: str
    at: Address

    def covers(self, release: Version, provider: str, cuda: Version, platform: Platform) -> bool:
        """Whether a build is one of these."""
        here = not self.platforms or platform in self.platforms
        return here and provider == self.provider and release in self.releases and cuda in self.cuda


@dataclass(frozen=True, kw_only=True)
class Framework:
    """A matrix file: releases, newest first, the spelling of each provider, and what of theirs is left out."""

    name: str
    providers: Mapping[str, tuple[Spelling, ...]]
    releases: tuple[Release, ...]
    because: str
    left_out: tuple[LeftOut, ...] = ()
    code: tuple[Code, ...] = ()
    import_name: str = ""  # what Python imports for it; every loaded framework has one
    companion_of: str = ""  # the framework that its builds were compiled against; "" for none

    @cached_property
    def places(self) -> Mapping[Version, int]:
        """The place of each release from the newest."""
        return {release.version: place for place, release in enumerate(self.releases)}

    @cached_property
    def stated(self) -> frozenset[frozenset[Variant]]:
        """Everything that a row of its builds states as a variant."""
        return self.stated_without(())

    def stated_without(self, providers: Collection[str]) -> frozenset[frozenset[Variant]]:
        """The same without the builds of some providers."""
        rows = (build for release in self.releases for build in release.builds if build.provider not in providers)
        return frozenset(span for build in rows for span in build.stated)

    @cached_property
    def pythons(self) -> frozenset[Version]:
        """Every Python minor that one of its builds was made for."""
        return frozenset[Version]().union(*(build.pythons for release in self.releases for build in release.builds))

    @cached_property
    def needs(self) -> tuple[Need, ...]:
        """Everything that its builds were compiled against, each once."""
        return tuple(dict.fromkeys(need for release in self.releases for build in release.builds for need in build.needs))

    @cached_property
    def spellings(self) -> Mapping[tuple[str, Version], Spelling]:
        """How each of its releases is requested, by provider and version; no entry where no row of the provider covers it."""
        rows = ((provider, release.version) for provider in self.providers for release in self.releases)
        return {row: spelling for row in rows if (spelling := self.spelling(*row))}

    @property
    def built(self) -> frozenset[Variant]:
        """Every variant that a build was made for, or runs with."""
        return frozenset[Variant]().union(*self.stated)

    @cached_property
    def of_packages(self) -> Framework:
        """The framework without its wheels; as it is where it has nothing else."""
        others = {name: rows for name, rows in self.providers.items() if not self.is_of_wheels(name)}
        if not others or len(others) == len(self.providers):
            return self
        kept = (replace(row, builds=tuple(build for build in row.builds if build.provider in others)) for row in self.releases)
        return replace(self, providers=others, releases=tuple(release for release in kept if release.builds))

    def is_of_wheels(self, provider: str) -> bool:
        """Whether pip installs what a provider publishes, so that no package record tells of it."""
        rows = self.providers.get(provider, ())
        return bool(rows) and all(row.manager == "pip" for row in rows)

    def serving(self, companion: Spelling) -> tuple[str, ...]:
        """The providers whose builds a companion goes with: those that its row says, else all with the same manager."""
        wheels = companion.manager == "pip"
        return companion.built_against or tuple(name for name in self.providers if self.is_of_wheels(name) == wheels)

    @property
    def of_wheels(self) -> str:
        """The provider of its wheels; "" for none."""
        return next((name for name in self.providers if self.is_of_wheels(name)), "")

    def spelling(self, provider: str, version: Version) -> Spelling | None:
        """How a release, in the matrix or not, is requested from a provider: the first row that covers it; None if none does."""
        return next((row for row in self.providers[provider] if version in row.releases), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an environment is made for, and what each of its platforms promises to the solver.

    Where its platforms have different CUDA versions, `by_platform` has that of each, and `cuda` is the newest.
    """

    name: str
    cuda: Variant
    platforms: tuple[Platform, ...]
    virtual: Mapping[Platform, Mapping[str, str]]  # platform -> virtual package -> "version" or "version build"
    at: Address
    by_platform: Mapping[Platform, Version] = field(default_factory=dict)
    own: bool = False  # one of a project's own, not of matrices/targets.yaml

    def on(self, platform: Platform) -> Target:
        """The target as one platform sees it, with the CUDA of that platform."""
        return replace(self, cuda=self.by_platform.get(platform, self.cuda), by_platform={}) if self.by_platform else self

    @property
    def variants(self) -> frozenset[Variant]:
        """The CUDA versions of its platforms; None for CPU."""
        return frozenset(self.by_platform.values()) or frozenset({self.cuda})

    @property
    def cuda_text(self) -> str:
        """`CUDA 12.9`, `CPU`, or `CUDA 12.9 on linux-64, 12.8 on win-64`."""
        each = ", ".join(f"{cuda} on {platform}" for platform, cuda in self.by_platform.items())
        return f"CUDA {each}" if each else variant_text(self.cuda)


@dataclass(frozen=True, kw_only=True)  # without slots: a cached property needs a place
class Matrix:
    """All facts."""

    frameworks: Mapping[str, Framework]
    targets: Mapping[str, Target]
    toolkits: Mapping[Version, Toolkit]
    cudnn: tuple[Cudnn, ...]  # newest first
    gpus: Mapping[str, Gpu]  # by name, in lower case
    constraints: tuple[Constraint, ...]
    bounds: tuple[Bound, ...] = ()
    advice: tuple[tuple[Constraint, Advice], ...] = ()  # where advice goes wrong (a constraint that needs nothing), and what
    aliases: Mapping[tuple[str, str], Alias] = field(default_factory=dict)  # (name, extra), as PEP 503 spells them
    catalogue: Catalogue = field(default_factory=Catalogue)
    without_cuda: Mapping[tuple[Platform, str], Reason] = field(default_factory=dict)  # with "", and what a framework does instead
    also_runs: Mapping[Platform, tuple[Platform, Reason]] = field(default_factory=dict)  # whose environments a machine runs, too
    digest: str = field(default="", init=False, compare=False)  # of all files it was read from; "" for one that was changed since
    gpu_names: GpuNames = field(default_factory=GpuNames)
    withdrawn: Withdrawals = field(default_factory=dict)
    with_wheels: Matrix | None = field(default=None, compare=False, repr=False)  # where its wheels were left out: all facts

    @cached_property
    def channels(self) -> tuple[str, ...]:
        """Every channel that a spelling names, in the order of the files."""
        rows = [row for framework in self.frameworks.values() for spellings in framework.providers.values() for row in spellings]
        return tuple(dict.fromkeys(channel for row in rows for channel in row.channels))

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """Every framework that is not a companion of another."""
        return tuple(name for name, framework in self.frameworks.items() if not framework.companion_of)

    @cached_property
    def built(self) -> frozenset[Variant]:
        """Every variant that a conda package was made for, none for several (every CUDA 12); for wheels `built_with`."""
        return self.built_with(())

    def built_with(self, wheels: Collection[str]) -> frozenset[Variant]:
        """The same, and every variant that the wheels of some frameworks were made for."""
        found: set[frozenset[Variant]] = set()
        for name, framework in self.frameworks.items():
            others = [row for row in framework.providers if name not in wheels and framework.is_of_wheels(row)]
            found |= framework.stated_without(others)
        return frozenset(variant for span in found if len(span) == 1 for variant in span)

    @cached_property
    def of_packages(self) -> Matrix:
        """The facts without the wheels of frameworks that have conda packages, too."""
        frameworks = {name: framework.of_packages for name, framework in self.frameworks.items()}
        wheels = {name for row in self.frameworks.values() for name in row.providers}
        wheels -= {name for row in frameworks.values() for name in row.providers}
        constraints = tuple(row for row in self.constraints if not row.is_about(wheels))
        return replace(self, frameworks=frameworks, constraints=constraints, with_wheels=self)

    @cached_property
    def pythons(self) -> frozenset[Version]:
        """Every Python minor that some build was made for."""
        return frozenset[Version]().union(*(framework.pythons for framework in self.frameworks.values()))

    def constraints_with(self, frameworks: Iterable[str]) -> tuple[Constraint, ...]:
        """The constraints, then the bounds, that can apply where there are no other frameworks than these."""
        there = self.frameworks.keys() & frameworks
        key = frozenset(there)
        if key not in self._constraints_with:
            absent = self.frameworks.keys() - there
            rows = (*self.constraints, *self.bounds)
            self._constraints_with[key] = tuple(row for row in rows if absent.isdisjoint(one.axis for one in row.when))
        return self._constraints_with[key]

    @cached_property
    def _constraints_with(self) -> dict[frozenset[str], tuple[Constraint, ...]]:
        """What `constraints_with` was asked before."""
        return {}
