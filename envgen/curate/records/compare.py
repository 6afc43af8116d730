"""`envgen matrix verify`: compares every fact with package records, and every published build with the facts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from envgen.channels.versions import admits
from envgen.curate import facts
from envgen.curate.model import (
    CheckedFact,
    Fact,
    FrameworkProvider,
    MatrixComparison,
    PublishedBuild,
    Selection,
    UnclaimedBuilds,
    WithdrawnBuilds,
)
from envgen.curate.published import BuildIndex
from envgen.curate.records.checks import NO_SPELLING, FactChecker
from envgen.curate.records.solve import with_solves
from envgen.curate.request import CurateRequest, open_inputs
from envgen.model.facts import Framework, LeftOut, Matrix, Platform, Variant, by_cuda
from envgen.model.layout import Layout
from envgen.model.run import Reporter


def compare(layout: Layout, request: CurateRequest, reporter: Reporter, *, solve: bool, jobs: int) -> MatrixComparison:
    """Compare the matrix with package records, running `jobs` solves at once.

    Raises BadInput, and NoSolution where a live channel cannot be reached.
    """
    inputs = open_inputs(layout, request)
    matrix = inputs.matrix
    checker = FactChecker(inputs.complete, matrix.catalogue.namers)
    providers = facts.providers(matrix, inputs.frameworks)
    checked = by_records(matrix, checker, inputs.builds, facts.facts(matrix, inputs.frameworks, inputs.platforms))
    solves = None
    if solve:
        checked, solves = with_solves(matrix, checker, inputs.builds, checked, jobs, reporter)
    return MatrixComparison(
        index=inputs.index.name,
        complete=inputs.complete,
        providers=providers,
        facts=checked,
        unclaimed=unclaimed(matrix, inputs.builds, providers, inputs.platforms),
        withdrawn=withdrawn(matrix, inputs.builds, providers, inputs.platforms),
        without_target=without_target(matrix, checked),
        solves=solves,
    )


def by_records(matrix: Matrix, checker: FactChecker, builds: BuildIndex, claimed: Sequence[Fact]) -> tuple[CheckedFact, ...]:
    """The facts with what records alone say of them."""
    majors: dict[object, set[int]] = defaultdict(set)
    for fact in claimed:
        majors[_build_of(fact)] |= {fact.cudnn} if fact.cudnn is not None else set()
    selections = _selections(matrix, builds, claimed)
    return tuple(
        CheckedFact(fact, checker.by_records(fact, selections[_package_of(fact)], majors[_build_of(fact)]))
        if fact.spelling
        else CheckedFact(fact, (NO_SPELLING,))
        for fact in claimed
    )


def _build_of(fact: Fact) -> object:
    return fact.framework, fact.provider, fact.build


def _package_of(fact: Fact) -> object:
    """What facts have in common that are about the same builds, whatever their Python."""
    return fact.framework, fact.provider, fact.version, fact.platform, fact.variant


def _selections(matrix: Matrix, builds: BuildIndex, claimed: Iterable[Fact]) -> Mapping[object, Selection]:
    """What each spelling selects, and all builds of its release but those that a row of `left-out` names by their build strings."""
    spelled = {_package_of(fact): (fact, fact.spelling) for fact in claimed if fact.spelling}
    found = {}
    for key, (fact, spelling) in spelled.items():
        selection, framework = builds.select(fact, spelling), matrix.frameworks[fact.framework]
        of_release = (build for build in selection.builds if build.version == fact.version)
        rows = ((build, facts.left_out(framework, fact.provider, build)) for build in of_release)
        found[key] = replace(selection, builds=tuple(build for build, row in rows if not (row and row.builds)))
    return found


def without_target(matrix: Matrix, checked: Iterable[CheckedFact]) -> tuple[Variant, ...]:
    """The variants of facts that no target is for, oldest CUDA first."""
    found = {(item.fact.variant, item.fact.platform) for item in checked}
    return tuple(by_cuda({variant for variant, platform in found if not facts.target_for(matrix, variant, platform)}))


def withdrawn(
    matrix: Matrix, builds: BuildIndex, providers: Iterable[FrameworkProvider], platforms: Sequence[Platform]
) -> tuple[WithdrawnBuilds, ...]:
    """The builds of each provider that the index holds and the channel withdrew; no entry for a provider without any."""
    pairs = ((row, builds.withdrawn_of(matrix.frameworks[row.framework], row.name, platforms)) for row in providers)
    return tuple(WithdrawnBuilds(row, found) for row, found in pairs if found)


# --- published builds that the matrix does not claim ----------------------------------------------------------------------


def unclaimed(
    matrix: Matrix, builds: BuildIndex, providers: Iterable[FrameworkProvider], platforms: Sequence[Platform]
) -> tuple[UnclaimedBuilds, ...]:
    """Every published build that the matrix does not claim, by provider and reason."""
    return tuple(
        UnclaimedBuilds(provider, tuple(group), reason)
        for provider in providers
        for reason, group in _by_reason(matrix, builds, provider, platforms).items()
    )


def _by_reason(
    matrix: Matrix, builds: BuildIndex, provider: FrameworkProvider, platforms: Sequence[Platform]
) -> Mapping[LeftOut | Literal["older", "unknown"], list[PublishedBuild]]:
    framework = matrix.frameworks[provider.framework]
    groups: dict[LeftOut | Literal["older", "unknown"], list[PublishedBuild]] = defaultdict(list)
    for build in _unclaimed_builds(matrix, framework, builds, provider, platforms):
        row = facts.left_out(framework, provider.name, build)
        groups["older" if build.version < provider.oldest else row or "unknown"].append(build)
    return groups


def _unclaimed_builds(
    matrix: Matrix, framework: Framework, builds: BuildIndex, provider: FrameworkProvider, platforms: Sequence[Platform]
) -> Iterator[PublishedBuild]:
    claimed = facts.claimed_builds(framework, provider.name)
    for build in builds.builds_of(framework, provider.name, platforms):
        if not build.keys or not build.is_among(claimed) or not _needs_claimed(matrix, framework, provider.name, build):
            yield build


def _needs_claimed(matrix: Matrix, framework: Framework, provider: str, build: PublishedBuild) -> bool:
    """Whether a row claims that a build of a companion goes with a release that its record admits."""
    host = framework.companion_of
    wanted = [words[1] for need in build.needs if (words := need.split())[0] == host and len(words) > 1 and words[1] != "*"]
    if not wanted:
        return True
    releases = (row for release in framework.releases if release.version == build.version for row in release.builds)
    rows = (
        row for row in releases if row.provider == provider and build.platform in row.platforms and build.variant in row.variants
    )
    ranges = [versions for row in rows for name, versions in row.needs if name == host]
    known = (release.version for release in matrix.frameworks[host].releases)
    return any(all(admits(text, str(version)) for text in wanted) for version in known if any(version in found for found in ranges))
