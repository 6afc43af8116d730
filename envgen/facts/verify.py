"""The story of `envgen matrix verify`: every cell of the matrix held against package records, and every record against the matrix."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.version import Version

from envgen.errors import BadInput, closest
from envgen.facts import claims
from envgen.facts.evidence import Evidence, carrier
from envgen.facts.nouns import REFUTED, UNTOLD, Fact, Judged, Published, Shelf, Source, Unclaimed
from envgen.facts.solving import solved
from envgen.facts.verdicts import NO_SPELLING, Judge
from envgen.index import Index, Wanted, open_index
from envgen.layout import Layout
from envgen.matrix import load_matrix
from envgen.model import Matrix, Platform, Variant
from envgen.run import Talk
from envgen.shapes import PLATFORMS


@dataclass(frozen=True, slots=True)
class Asked:
    """What one run is asked: against which index, of which frameworks and platforms (none: all), with solves or without.

    `complete` says that a folder holds every published build; live channels do by themselves.
    """

    wanted: Wanted
    frameworks: tuple[str, ...] = ()
    platforms: tuple[Platform, ...] = ()
    complete: bool = False
    solve: bool = True
    jobs: int = 1


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What came of it. `solves` is how many solves were run; `homeless` are CUDA versions of builds that no target is for."""

    index: str
    complete: bool
    asked: Asked
    sources: tuple[Source, ...]
    judged: tuple[Judged, ...]
    unclaimed: tuple[Unclaimed, ...]
    homeless: tuple[Variant, ...]
    solves: int

    @property
    def failed(self) -> bool:
        """Whether anything is refuted, or published and unknown."""
        return any(item.verdict == REFUTED for item in self.judged) or any(item.why is None for item in self.unclaimed)


def verified(layout: Layout, asked: Asked, talk: Talk) -> Verdicts:
    """Hold the matrix against the records. Raises BadInput, and NoSolution where live channels cannot be reached."""
    matrix, index = opened(layout, asked)
    frameworks, platforms = asked.frameworks or tuple(matrix.frameworks), asked.platforms or PLATFORMS
    return compared(matrix, index, asked, claims.facts(matrix, frameworks, platforms), claims.sources(matrix, frameworks), talk)


def opened(layout: Layout, asked: Asked) -> tuple[Matrix, Index]:
    """The matrix and the index of a run, frameworks checked."""
    matrix = load_matrix(layout.matrices, layout.shown(layout.matrices))
    for name in asked.frameworks:
        if name not in matrix.frameworks:
            raise BadInput(f"the matrix has no framework `{name}`", hint=closest(name, matrix.frameworks))
    platform = next(iter(asked.platforms or PLATFORMS))
    index, _ = open_index(asked.wanted, layout, claims.channels_of(matrix), platform)
    return matrix, index


def compared(matrix: Matrix, index: Index, asked: Asked, facts: Sequence[Fact], sources: Sequence[Source], talk: Talk) -> Verdicts:
    """Facts and records, both ways."""
    evidence = Evidence(index, sorted(matrix.pythons))
    judge = Judge(asked.complete or index.gateway is not None)
    recorded = _by_records(judge, evidence, facts)
    judged, solves = solved(matrix, judge, evidence, recorded, asked.jobs, talk) if asked.solve else (recorded, 0)
    variants = {(item.fact.variant, item.fact.platform) for item in judged}
    homeless = {variant for variant, platform in variants if not claims.target_of(matrix, variant, platform)}
    return Verdicts(
        index=index.name,
        complete=judge.complete,
        asked=asked,
        sources=tuple(sources),
        judged=tuple(judged),
        unclaimed=unclaimed(matrix, evidence, sources, asked.platforms or PLATFORMS),
        homeless=tuple(sorted(homeless, key=lambda found: found or Version("0"))),
        solves=solves,
    )


# --- what records say -----------------------------------------------------------------------------------------------------


def _by_records(judge: Judge, evidence: Evidence, facts: Sequence[Fact]) -> list[Judged]:
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
        known = {fact.build for fact in claims.facts(matrix, [framework.name], PLATFORMS) if fact.provider == source.provider}
        for build in _published(matrix, evidence, source, platforms):
            if not any((build.version, build.platform, build.variant, python) not in known for python in build.pythons):
                continue
            why = "older" if build.version < source.since else claims.left_out(framework, source.provider, build)
            found[source, why].append(build)
    return tuple(Unclaimed(source, tuple(builds), why) for (source, why), builds in found.items())  # type: ignore[arg-type]


def _published(matrix: Matrix, evidence: Evidence, source: Source, platforms: Iterable[Platform]) -> list[Published]:
    """Every build of a provider: of the packages that its spellings name, in their channels, CPU or CUDA."""
    spellings = matrix.frameworks[source.framework].providers[source.provider]
    carriers = dict.fromkeys(carrier(source.framework, row, v) for row in spellings for v in (None, UNTOLD))
    return [build for platform in platforms for carried in carriers for _, build in evidence.published(carried, platform)]
