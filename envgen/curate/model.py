"""The nouns of the facts: what the matrix claims, what package records say, and how the one stands to the other."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.version import Version

from envgen.model.facts import Address, LeftOut, Platform, Release, Spelling, Variant, variant_text

CONFIRMED, REFUTED, UNDECIDABLE = "confirmed", "refuted", "undecidable"
UNTOLD = Version("0")  # the CUDA of a CUDA build that says nowhere which one it is for


@dataclass(frozen=True, slots=True)
class Fact:
    """One cell of the matrix, the smallest thing that it claims: this build was published. `at` is the row that says so.

    `cudnn` is the major that the row names, None where it names none; `spelling` is None where no row of `providers` asks
    for such a build.
    """

    release: Release
    provider: str
    platform: Platform
    python: Version
    variant: Variant
    cudnn: int | None
    spelling: Spelling | None
    at: Address

    @property
    def framework(self) -> str:
        """The framework that the build is of."""
        return self.release.framework

    @property
    def version(self) -> Version:
        """Its release."""
        return self.release.version

    @property
    def build(self) -> tuple[Version, Platform, Variant, Version]:
        """The build that is claimed: several rows may claim one, with another cuDNN each."""
        return self.version, self.platform, self.variant, self.python


@dataclass(frozen=True, slots=True)
class Carrier:
    """The package whose build says CPU or CUDA, and the channel that it is published in."""

    package: str
    channel: str


@dataclass(frozen=True, slots=True)
class Published:
    """One build that the records hold. `pythons` are the known minors that it runs on; `tied`: it was made for one of them.

    `needs` are its dependencies, and those of the packages that it pins to one build; `cudnn` is the major among them, or None.
    """

    package: str
    version: Version
    build: str
    variant: Variant
    platform: Platform
    pythons: frozenset[Version]
    tied: bool
    cudnn: int | None
    needs: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.package} {self.version} {self.build}"


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the records hold of the package of some facts, on their platform, and what the spec selects that asks for them.

    `here` is False where the records do not have the channel at all.
    """

    carrier: Carrier
    spec: str
    here: bool
    builds: tuple[Published, ...]
    selected: tuple[Published, ...]


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing that was asked of a fact: `exists`, `spelling`, `cudnn`, `solves` or `cuda`; `kind` says why, `text` all."""

    name: str
    verdict: str
    kind: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A fact and all that was asked of it."""

    fact: Fact
    aspects: tuple[Aspect, ...]

    @property
    def first(self) -> Aspect | None:
        """The aspect that decides: the first that is refuted, else the first that is undecidable; None for a confirmed fact."""
        worst = (next((a for a in self.aspects if a.verdict == verdict), None) for verdict in (REFUTED, UNDECIDABLE))
        return next((aspect for aspect in worst if aspect), None)

    @property
    def verdict(self) -> str:
        """Refuted, where any aspect is; else undecidable, where any is; else confirmed."""
        return self.first.verdict if self.first else CONFIRMED


@dataclass(frozen=True, slots=True)
class Source:
    """One provider of one framework, and the oldest release that the matrix has of it: nothing is claimed before."""

    framework: str
    provider: str
    since: Version


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """Builds that are published and that the matrix does not claim: of a release before its first one, left out, or unknown.

    `why` is "older", a LeftOut, or None: nothing in the matrix knows of them.
    """

    source: Source
    builds: tuple[Published, ...]
    why: LeftOut | str | None = None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What came of it. `solves` is how many were run, None where none was asked for; `homeless` are CUDA versions of builds that
    no target is for.
    """

    index: str
    complete: bool
    sources: tuple[Source, ...]
    judged: tuple[Judged, ...]
    unclaimed: tuple[Unclaimed, ...]
    homeless: tuple[Variant, ...]
    solves: int | None

    @property
    def failed(self) -> bool:
        """Whether anything is refuted, or published and unknown."""
        return any(item.verdict == REFUTED for item in self.judged) or any(item.why is None for item in self.unclaimed)


def told_variant(variant: Variant) -> str:
    """CPU, CUDA 12.6, or CUDA of no told version."""
    return "CUDA of no told version" if variant == UNTOLD else variant_text(variant)
