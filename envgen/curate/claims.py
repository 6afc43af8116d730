"""What the matrix claims: every cell of it as a Fact, what is asked for to get it, and what its machine promises. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.curate.model import Fact, Published, Source
from envgen.matrix.constraints import Value, holds
from envgen.model.facts import Condition, Framework, LeftOut, Matrix, Platform, Release, Spelling, Target, Variant
from envgen.model.packages import SolveRequest
from envgen.model.resolution import Choice
from envgen.resolver.specs import spelled


def facts(matrix: Matrix, frameworks: Collection[str], platforms: Collection[Platform]) -> tuple[Fact, ...]:
    """Every cell of these frameworks for these platforms, in the order of the files."""
    return tuple(
        fact
        for name in frameworks
        for fact in _facts_of(matrix.frameworks[name])
        if fact.platform in platforms
    )  # fmt: skip


def _facts_of(framework: Framework) -> Iterator[Fact]:
    for release in framework.releases:
        for build in release.builds:
            for variant in sorted(build.variants, key=lambda found: found or Version("0")):
                spelling = asking(framework, build.provider, release.version, variant)
                for platform in sorted(build.platforms):
                    for python in sorted(build.pythons):
                        yield Fact(release, build.provider, platform, python, variant, build.cudnn, spelling, build.at)


def builds(framework: Framework, provider: str) -> frozenset[tuple[Version, Platform, Variant, Version]]:
    """Every build that is claimed of a provider, whatever its cuDNN: release, platform, variant, Python."""
    return frozenset(fact.build for fact in _facts_of(framework) if fact.provider == provider)


def spelling_of(framework: Framework, provider: str, version: Version) -> Spelling | None:
    """The row of a provider that covers a release."""
    return next((row for row in framework.providers[provider] if version in row.releases), None)


def asking(framework: Framework, provider: str, version: Version, variant: Variant) -> Spelling | None:
    """The same, where it has specs for such a variant."""
    row = spelling_of(framework, provider, version)
    return row if row and (row.cuda if variant else row.cpu) else None


def sources(matrix: Matrix, frameworks: Collection[str]) -> tuple[Source, ...]:
    """Every provider of these frameworks that some build is claimed of, in the order of the files."""
    found = []
    for framework in (matrix.frameworks[name] for name in frameworks):
        for provider in framework.providers:
            claimed = [release.version for release in framework.releases if any(b.provider == provider for b in release.builds)]
            found += [Source(framework.name, provider, min(claimed))] if claimed else []
    return tuple(found)


def left_out(framework: Framework, provider: str, build: Published) -> LeftOut | None:
    """The row that says that a build is left out on purpose."""
    for row in framework.left_out:
        applies = row.provider == provider and (not row.platforms or build.platform in row.platforms)
        if applies and (row.releases is None or build.version in row.releases):
            return row
    return None


def channels_of(matrix: Matrix) -> tuple[str, ...]:
    """Every channel that a spelling names, in the order of the files."""
    rows = [row for framework in matrix.frameworks.values() for spellings in framework.providers.values() for row in spellings]
    return tuple(dict.fromkeys(channel for row in rows for channel in row.channels))


# --- what is asked for ----------------------------------------------------------------------------------------------------


def specs(fact: Fact, spelling: Spelling) -> tuple[str, ...]:
    """The specs that `render` would write for a fact, in a target for just its CUDA, without companions."""
    choice = Choice(release=fact.release, provider=fact.provider, spelling=spelling, variant=fact.variant, companions=())
    return spelled(choice, Target(name="", cuda=fact.variant, platforms=(fact.platform,), virtual={}, at=fact.at))


def specs_for(framework: Framework, provider: str, spelling: Spelling, build: Published) -> tuple[str, ...]:
    """The same for a build that the matrix need not have."""
    release = Release(framework=framework.name, version=build.version, companions={}, builds=(), at=spelling.at)
    choice = Choice(release=release, provider=provider, spelling=spelling, variant=build.variant, companions=())
    return spelled(choice, Target(name="", cuda=build.variant, platforms=(build.platform,), virtual={}, at=spelling.at))


def target_of(matrix: Matrix, variant: Variant, platform: Platform) -> Target | None:
    """The target of targets.yaml for a variant on a platform."""
    return next((target for target in matrix.targets.values() if target.cuda == variant and platform in target.platforms), None)


def promise(matrix: Matrix, fact: Fact) -> dict[str, str]:
    """What the machine of a fact promises the solver: that of its target, raised to what the matrix's own constraints need.

    Where no target is for its CUDA, it is what such a target would promise: the platform's own packages, and `__cuda`.
    """
    target = target_of(matrix, fact.variant, fact.platform)
    any_target = next((t for t in matrix.targets.values() if fact.platform in t.platforms), None)
    virtual = dict((target or any_target).virtual[fact.platform]) if target or any_target else {}  # type: ignore[union-attr]
    if fact.variant is None:
        virtual.pop("__cuda", None)
    else:
        virtual["__cuda"] = str(fact.variant)
    return _raised(matrix, fact, virtual)


def _raised(matrix: Matrix, fact: Fact, virtual: dict[str, str]) -> dict[str, str]:
    """The promise with the glibc and the processor level that the constraints on this fact need."""
    for constraint in matrix.constraints:
        if constraint.warn or holds(constraint, _known(fact, virtual)) is not False:
            continue
        for need in constraint.need:
            if need.axis == "archspec" and virtual.get("__archspec", "").rpartition(" ")[2] not in need.names:
                virtual["__archspec"] = f"1 {min(need.names)}"
            elif need.axis == "glibc" and "__glibc" in virtual:
                virtual["__glibc"] = _least(need, virtual["__glibc"])
    return virtual


def _known(fact: Fact, virtual: Mapping[str, str]) -> dict[str, tuple[Value, ...]]:
    """What constraints may ask about a fact by itself; its hardware and other frameworks are not known."""
    known: dict[str, tuple[Value, ...]] = {
        "platform": (fact.platform,),
        "provider": (fact.provider,),
        "python": (fact.python,),
        fact.framework: (fact.version,),
    }
    if fact.variant:
        known["cuda"] = (fact.variant,)
    if "__glibc" in virtual:
        known["glibc"] = (Version(virtual["__glibc"].split(" ")[0]),)
    if "__archspec" in virtual:
        known["archspec"] = (virtual["__archspec"].split(" ")[-1],)
    return known


def _least(need: Condition, promised: str) -> str:
    """The promised version, or the lowest one named in the range that is in it."""
    wanted = need.versions or SpecifierSet()
    named = sorted(Version(spec.version.removesuffix(".*")) for spec in wanted)
    return next((str(version) for version in (Version(promised.split(" ", maxsplit=1)[0]), *named) if version in wanted), promised)


def request(matrix: Matrix, fact: Fact, channels: Sequence[str], asked: Sequence[str]) -> SolveRequest:
    """What the solver is asked, to get a fact's build and nothing else that is not needed."""
    return SolveRequest(
        environment=f"{fact.framework} {fact.version}",
        platform=fact.platform,
        specs=(f"python {fact.python}.*", *asked),
        channels=tuple(channels),
        virtual=promise(matrix, fact),
        excluded=matrix.toolkits[fact.variant].excludes if fact.variant and fact.variant in matrix.toolkits else (),
    )
