"""The story of `envgen matrix verify`: each cell of the matrix against package records, and each record against the matrix."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from packaging.version import Version

from envgen.curate import claims
from envgen.curate.model import Fact, Judged, Published, Shelf, Source, Unclaimed, Verdicts
from envgen.curate.published import Evidence
from envgen.curate.records.solve import solved
from envgen.curate.records.verdicts import NO_SPELLING, FactJudge
from envgen.curate.request import CurateRequest, opened
from envgen.model.facts import PLATFORMS, Matrix, Platform
from envgen.model.layout import Layout
from envgen.model.run import Reporter


def verified(layout: Layout, asked: CurateRequest, talk: Reporter, *, solve: bool, jobs: int) -> Verdicts:
    """Hold the matrix against the records, `jobs` solves at once. Raises BadInput, and NoSolution without a live channel."""
    matrix, index = opened(layout, asked)
    platforms = asked.platforms or PLATFORMS
    sources = claims.sources(matrix, asked.frameworks or tuple(matrix.frameworks))
    evidence = Evidence(index, matrix.catalogue, sorted(matrix.pythons))
    judge = FactJudge(asked.complete or index.gateway is not None, matrix.catalogue.namers)
    judged, solves = (
        _by_records(judge, evidence, claims.facts(matrix, asked.frameworks or tuple(matrix.frameworks), platforms)),
        None,
    )
    if solve:
        judged, solves = solved(matrix, judge, evidence, judged, jobs, talk)
    variants = {(item.fact.variant, item.fact.platform) for item in judged}
    homeless = {variant for variant, platform in variants if not claims.target_of(matrix, variant, platform)}
    return Verdicts(
        index=index.name,
        complete=judge.complete,
        sources=sources,
        judged=tuple(judged),
        unclaimed=unclaimed(matrix, evidence, sources, platforms),
        homeless=tuple(sorted(homeless, key=lambda found: found or Version("0"))),
        solves=solves,
    )


# --- what records say -----------------------------------------------------------------------------------------------------


def _by_records(judge: FactJudge, evidence: Evidence, facts: Sequence[Fact]) -> list[Judged]:
    majors: dict[object, set[int]] = defaultdict(set)
    for fact in facts:
        majors[fact.framework, fact.provider, fact.build].update([fact.cudnn] if fact.cudnn is not None else [])
    shelves: dict[object, Shelf] = {}
    found = []
    for fact in facts:
        if fact.spelling is None:
            found.append(Judged(fact, (NO_SPELLING,)))
            continue
        key = (fact.framework, fact.provider, fact.version, fact.platform, fact.variant)
        shelf = shelves[key] if key in shelves else shelves.setdefault(key, evidence.shelf(fact, fact.spelling))
        found.append(Judged(fact, judge.records(fact, shelf, majors[fact.framework, fact.provider, fact.build])))
    return found


def unclaimed(
    matrix: Matrix, evidence: Evidence, sources: Sequence[Source], platforms: Iterable[Platform]
) -> tuple[Unclaimed, ...]:
    """Every published build that the matrix does not claim, by provider and by why."""
    found: dict[tuple[Source, object], list[Published]] = defaultdict(list)
    for source in sources:
        framework = matrix.frameworks[source.framework]
        known = claims.builds(framework, source.provider)
        for build in evidence.builds_of(framework, source.provider, platforms):
            if build.pythons and all((build.version, build.platform, build.variant, python) in known for python in build.pythons):
                continue
            why = "older" if build.version < source.since else claims.left_out(framework, source.provider, build)
            found[source, why].append(build)
    return tuple(Unclaimed(source, tuple(builds), why) for (source, why), builds in found.items())  # type: ignore[arg-type]
