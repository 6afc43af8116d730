"""What `matrix verify` and `matrix refresh` compare: facts of the matrix and builds that package records show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from packaging.version import Version

from envgen.model.address import Address
from envgen.model.facts import LeftOut, Need, Platform, Release, Spelling, Variant, variant_text

FactVerdict = Literal["confirmed", "refuted", "undecidable"]
AspectName = Literal["exists", "spelling", "cudnn", "solves", "cuda"]
BuildKey = tuple[Version, Platform, Variant, Version]  # release, platform, variant, Python

UNKNOWN_CUDA = Version("0")  # the variant of a CUDA build that names no CUDA version


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One build that the matrix claims: a release by a provider, for one variant, one platform and one Python.

    `stands_for` are the variants of a row that states several in one, such as every CUDA 12; `variant` is the newest of them.
    `needs` are the releases of another framework that it goes with. `cudnn` is the major version that the row names, or None.
    `spelling` is None where no row of `providers` requests such a build.
    `at` is the row of `builds`.
    """

    release: Release
    provider: str
    platform: Platform
    python: Version
    variant: Variant
    stands_for: frozenset[Variant]
    cudnn: int | None
    needs: tuple[Need, ...]
    spelling: Spelling | None
    at: Address

    @property
    def framework(self) -> str:
        """The name of the framework."""
        return self.release.framework

    @property
    def version(self) -> Version:
        """The version of the release."""
        return self.release.version

    @property
    def build(self) -> BuildKey:
        """The build without its cuDNN. Several rows may claim one build, each with another cuDNN."""
        return self.version, self.platform, self.variant, self.python


@dataclass(frozen=True, slots=True)
class VariantPackage:
    """The package whose builds differ between CPU and CUDA (`jaxlib` for `jax`), and the channel that publishes it."""

    name: str
    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedBuild:
    """One build in the package records.

    `pythons` are the Pythons that it runs on, of those that the matrix knows; `one_python` says that it was built for a single one.
    `needs` are its dependencies, with those of packages that it pins to one build; `cudnn` is the major version among them.
    """

    package: str
    version: Version
    build: str
    variant: Variant
    platform: Platform
    pythons: frozenset[Version]
    one_python: bool
    says_python: bool = True  # whether its record names some Pythons; that of a library names none
    cudnn: int | None
    needs: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.package} {self.version} {self.build}"

    @property
    def keys(self) -> frozenset[BuildKey]:
        """The build for each of its Pythons, as facts name builds."""
        return frozenset((self.version, self.platform, self.variant, python) for python in self.pythons)

    def is_among(self, claimed: frozenset[BuildKey]) -> bool:
        """Whether facts claim it for all of its Pythons; for some of them, where its record names none."""
        return self.keys <= claimed if self.says_python else bool(self.keys & claimed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """All builds of a package on one platform, and those that a spec selects. `has_channel`: the index has the channel at all.

    `withdrawn` are builds that the index holds and the channel does not offer any more; they are in none of the other lists.
    """

    package: VariantPackage
    spec: str
    has_channel: bool
    builds: tuple[PublishedBuild, ...]
    selected: tuple[PublishedBuild, ...]
    withdrawn: tuple[PublishedBuild, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Aspect:
    """The result of one check of a fact. `reason` is the same for all facts with this problem, `text` has the details."""

    name: AspectName
    verdict: FactVerdict
    reason: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class CheckedFact:
    """A fact with the results of its checks."""

    fact: Fact
    aspects: tuple[Aspect, ...]

    @property
    def decisive(self) -> Aspect | None:
        """The first aspect that is refuted, else the first that is undecidable; None for a confirmed fact."""
        by_verdict = {aspect.verdict: aspect for aspect in reversed(self.aspects)}
        return by_verdict.get("refuted") or by_verdict.get("undecidable")

    @property
    def verdict(self) -> FactVerdict:
        """Refuted if any aspect is refuted, else undecidable if any is undecidable, else confirmed."""
        return self.decisive.verdict if self.decisive else "confirmed"


@dataclass(frozen=True, slots=True)
class FrameworkProvider:
    """A provider of a framework, and the oldest release that the matrix claims of it."""

    framework: str
    name: str
    oldest: Version


@dataclass(frozen=True, slots=True)
class UnclaimedBuilds:
    """Published builds of a provider that the matrix does not claim, and why: too old, left out on purpose, or unknown to it."""

    provider: FrameworkProvider
    builds: tuple[PublishedBuild, ...]
    reason: LeftOut | Literal["older", "unknown"]


@dataclass(frozen=True, slots=True)
class WithdrawnBuilds:
    """Builds of a provider that the records still hold and the channel withdrew. The matrix is compared without them."""

    provider: FrameworkProvider
    builds: tuple[PublishedBuild, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixComparison:
    """The matrix compared with the package records of an index.

    `complete` says whether the index holds every published build. `without_target` are the variants of facts that no target is for.
    `solves` is how many environments were solved, None where that was not requested.
    """

    index: str
    complete: bool
    providers: tuple[FrameworkProvider, ...]
    facts: tuple[CheckedFact, ...]
    unclaimed: tuple[UnclaimedBuilds, ...]
    withdrawn: tuple[WithdrawnBuilds, ...]
    without_target: tuple[Variant, ...]
    solves: int | None

    @property
    def failed(self) -> bool:
        """Whether a fact is refuted or a build is unknown."""
        return any(item.verdict == "refuted" for item in self.facts) or any(item.reason == "unknown" for item in self.unclaimed)


def variant_label(variant: Variant) -> str:
    """`CPU`, `CUDA 12.6`, or `an unknown CUDA version`."""
    return "an unknown CUDA version" if variant == UNKNOWN_CUDA else variant_text(variant)


def variant_name(variant: Variant) -> str:
    """A variant as the matrices write it: `cpu`, or `12.6`."""
    return str(variant) if variant else "cpu"


def and_more(builds: Sequence[PublishedBuild]) -> str:
    """` and 2 more` for three builds of which one is named; empty for one."""
    return f" and {len(builds) - 1} more" if len(builds) > 1 else ""
