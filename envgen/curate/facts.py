"""The facts of a matrix one by one, and what the solver is asked to check one. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.curate.model import BuildKey, Fact, FrameworkProvider, PublishedBuild
from envgen.matrix.constraints import Value, holds, known_of_target
from envgen.matrix.hardware import runs_with
from envgen.model.constraint import Condition
from envgen.model.facts import (
    Build,
    Framework,
    LeftOut,
    Matrix,
    Platform,
    Release,
    Spelling,
    Target,
    Variant,
    by_cuda,
)
from envgen.model.packages import SolveRequest
from envgen.model.resolution import Choice
from envgen.resolver.cells import applied_bounds
from envgen.resolver.specs import constraint_specs
from envgen.resolver.spelling import spelled


def facts(matrix: Matrix, frameworks: Collection[str], platforms: Collection[Platform]) -> tuple[Fact, ...]:
    """Every fact about these frameworks on these platforms, in the order of the files."""
    everywhere = (fact for name in frameworks for fact in _facts_of(matrix, matrix.frameworks[name]))
    return tuple(fact for fact in everywhere if fact.platform in platforms)


def _facts_of(matrix: Matrix, framework: Framework) -> Iterator[Fact]:
    for release in framework.releases:
        for build in release.builds:
            for stated in build.stated if not framework.is_of_wheels(build.provider) else ():
                for platform in sorted(build.platforms):
                    variant = _newest(matrix, build, stated, platform)
                    spelling = spelling_for(framework, build.provider, release.version, variant)
                    for python in sorted(build.pythons):
                        yield Fact(
                            release=release,
                            provider=build.provider,
                            platform=platform,
                            python=python,
                            variant=variant,
                            stands_for=stated,
                            cudnn=build.cudnn,
                            needs=build.needs,
                            spelling=spelling,
                            at=build.at,
                        )


def _newest(matrix: Matrix, build: Build, stated: Collection[Variant], platform: Platform) -> Variant:
    """The newest of the variants that a row states in one; if there are any, of those that a target is for.

    Of a companion's, if there are any, of those that its framework was built for.
    """
    usable = [variant for variant in stated if target_for(matrix, variant, platform)] or stated
    return by_cuda([variant for variant in usable if _has_hosts(matrix, build, variant, platform)] or usable)[-1]


def _has_hosts(matrix: Matrix, build: Build, variant: Variant, platform: Platform) -> bool:
    """Whether all that a build goes with has a build for a variant, by the same provider."""
    return all(
        any(
            row.provider == build.provider and platform in row.platforms and variant in row.variants
            for release in matrix.frameworks[name].releases
            if release.version in versions
            for row in release.builds
        )
        for name, versions in build.needs
    )


def claimed_builds(framework: Framework, provider: str) -> frozenset[BuildKey]:
    """Every build that the matrix claims of a provider, whatever its cuDNN."""
    return frozenset(
        (release.version, platform, variant, python)
        for release in framework.releases
        for build in release.builds
        if build.provider == provider
        for variant in build.variants
        for platform in build.platforms
        for python in build.pythons
    )


def spelling_for(framework: Framework, provider: str, version: Version, variant: Variant) -> Spelling | None:
    """The row of `providers` that requests a variant of a release; None if none covers the release, or it has no specs for it."""
    row = framework.spelling(provider, version)
    return row if row and (row.cuda if variant else row.cpu) else None


def providers(matrix: Matrix, frameworks: Collection[str]) -> tuple[FrameworkProvider, ...]:
    """Every provider of conda packages of these frameworks of which the matrix claims a build, in the order of the files."""
    pairs = ((matrix.frameworks[name], provider) for name in frameworks for provider in matrix.frameworks[name].providers)
    of_conda = ((framework, provider) for framework, provider in pairs if not framework.is_of_wheels(provider))
    claimed = ((framework, provider, _releases_of(framework, provider)) for framework, provider in of_conda)
    return tuple(
        FrameworkProvider(framework.name, provider, min(releases)) for framework, provider, releases in claimed if releases
    )


def _releases_of(framework: Framework, provider: str) -> list[Version]:
    """The releases of which a provider has a build."""
    return [release.version for release in framework.releases if any(build.provider == provider for build in release.builds)]


def left_out(framework: Framework, provider: str, build: PublishedBuild) -> LeftOut | None:
    """The row of `left-out` that a build falls under."""
    for row in framework.left_out:
        applies = row.provider == provider and (not row.platforms or build.platform in row.platforms)
        applies = applies and (not row.variants or build.variant in row.variants)
        applies = applies and fnmatchcase(build.build, row.builds or "*")
        if applies and (row.releases is None or build.version in row.releases):
            return row
    return None


# --- what the solver is asked --------------------------------------------------------------------------------------------


def specs(fact: Fact, spelling: Spelling) -> tuple[str, ...]:
    """The specs that `envgen lock` would write for a fact, in a target for exactly its CUDA, without those of its framework."""
    return _specs(fact.release, fact.provider, spelling, fact.variant)


def hosts(matrix: Matrix, fact: Fact) -> tuple[Choice, ...] | None:
    """The newest releases that a build of a companion goes with, for the same platform and Python; None where the matrix has none.

    Empty for a build that needs none.
    """
    found = [_host(matrix, fact, *need) for need in fact.needs]
    return tuple(choice for choice in found if choice) if all(found) else None


def _host(matrix: Matrix, fact: Fact, name: str, versions: SpecifierSet) -> Choice | None:
    """The newest release that is in a range, in its build for the CUDA of a fact, or for the newest older minor."""
    built_against = fact.spelling.built_against if fact.spelling else ()
    for release in (row for row in matrix.frameworks[name].releases if row.version in versions):
        for provider in built_against or (fact.provider,):
            if found := _host_from(matrix, fact, release, provider):
                return found
    return None


def _host_from(matrix: Matrix, fact: Fact, release: Release, provider: str) -> Choice | None:
    same = fact.spelling is not None and fact.spelling.same_cuda
    spelling = matrix.frameworks[release.framework].spellings.get((provider, release.version))
    rows = [row for row in release.builds if row.provider == provider and fact.platform in row.platforms]
    built = {variant for row in rows if fact.python in row.pythons for variant in row.variants}
    older = spelling is not None and spelling.newer_minor and not same
    fitting = [variant for variant in built if variant == fact.variant or (older and _runs_with(variant, fact.variant))]
    if spelling and fitting:
        return Choice(release=release, provider=provider, spelling=spelling, variant=by_cuda(fitting)[-1])
    return None


def _runs_with(variant: Variant, cuda: Variant) -> bool:
    return variant is not None and cuda is not None and runs_with(variant, cuda)


def specs_for(framework: Framework, provider: str, spelling: Spelling, build: PublishedBuild) -> tuple[str, ...]:
    """The same for a published build, whether or not the matrix claims it."""
    release = Release(framework=framework.name, version=build.version, builds=(), at=spelling.at)
    return _specs(release, provider, spelling, build.variant)


def _specs(release: Release, provider: str, spelling: Spelling, variant: Variant) -> tuple[str, ...]:
    return spelled_for(Choice(release=release, provider=provider, spelling=spelling, variant=variant), variant)


def spelled_for(choice: Choice, cuda: Variant) -> tuple[str, ...]:
    """The specs of a choice in a target for a CUDA, or in a CPU target."""
    return spelled(choice, Target(name="", cuda=cuda, platforms=(), virtual={}, at=choice.release.at))


def target_for(matrix: Matrix, variant: Variant, platform: Platform) -> Target | None:
    """The target for a variant on a platform."""
    return next((target for target in matrix.targets.values() if target.cuda == variant and platform in target.platforms), None)


def solve_request(
    matrix: Matrix, fact: Fact, channels: Sequence[str], asked: Sequence[str], beside: Iterable[Choice] = ()
) -> SolveRequest:
    """What the solver is asked to get the build of a fact: its specs, its Python, and what bounds other packages.

    `beside` is what a companion's build is solved with; its bounds count, too.
    """
    virtual = virtual_packages(matrix, fact)
    known = {**_known(fact, virtual), **{choice.release.framework: (choice.release.version,) for choice in beside}}
    excluded = matrix.toolkits[fact.variant].excludes if fact.variant and fact.variant in matrix.toolkits else ()
    return SolveRequest(
        environment=f"{fact.framework} {fact.version}",
        platform=fact.platform,
        specs=(f"python {fact.python}.*", *asked),
        channels=tuple(channels),
        virtual=virtual,
        constraints=constraint_specs(applied_bounds(matrix, {fact.platform: known}), excluded),
    )


def virtual_packages(matrix: Matrix, fact: Fact) -> dict[str, str]:
    """The virtual packages to solve a fact with: those of its target, with the glibc and processor level that constraints need.

    Where no target is for its CUDA, those that such a target would have: the ones of the platform, and `__cuda`.
    """
    same_platform = (target for target in matrix.targets.values() if fact.platform in target.platforms)
    target = target_for(matrix, fact.variant, fact.platform) or next(same_platform, None)
    base = {name: text for name, text in (target.virtual[fact.platform] if target else {}).items() if name != "__cuda"}
    virtual = {**base, "__cuda": str(fact.variant)} if fact.variant else base
    for constraint in matrix.constraints:
        if not constraint.warn and holds(constraint, _known(fact, virtual)) is False:
            virtual = {**virtual, **_raised(constraint.need, virtual)}
    return virtual


def _known(fact: Fact, virtual: Mapping[str, str]) -> dict[str, tuple[Value, ...]]:
    """What a constraint can be judged by for a fact alone: not its GPUs, its driver or other frameworks."""
    target = Target(name="", cuda=fact.variant, platforms=(fact.platform,), virtual={fact.platform: virtual}, at=fact.at)
    known = {axis: values for axis, values in known_of_target(target, fact.platform).items() if axis != "target"}
    return {**known, "provider": (fact.provider,), "python": (fact.python,), fact.framework: (fact.version,)}


def _raised(need: Sequence[Condition], virtual: Mapping[str, str]) -> dict[str, str]:
    """The virtual packages that a constraint needs in another version than they have."""
    raised = {}
    for condition in need:
        if condition.axis == "archspec" and virtual.get("__archspec", "").rpartition(" ")[2] not in condition.names:
            raised["__archspec"] = f"1 {min(condition.names)}"
        elif condition.axis == "glibc" and "__glibc" in virtual:
            raised["__glibc"] = _lowest(condition, virtual["__glibc"])
    return raised


def _lowest(need: Condition, current: str) -> str:
    """The current version if the range admits it, else the lowest version that the range names and admits."""
    versions = need.versions or SpecifierSet()
    named = sorted(Version(spec.version.removesuffix(".*")) for spec in versions)
    candidates = (Version(current.split(" ", maxsplit=1)[0]), *named)
    return next((str(version) for version in candidates if version in versions), current)
