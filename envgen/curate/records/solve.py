"""Facts through the solver: each cell that there is a build of, with what its target promises, alone; equal questions once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from envgen.channels.index import Index
from envgen.channels.solve import Unsolvable, attempts
from envgen.curate import claims
from envgen.curate.model import CONFIRMED, Aspect, Judged, Shelf
from envgen.curate.published import Evidence, refuses
from envgen.curate.records.verdicts import FactJudge
from envgen.model.errors import EnvgenError
from envgen.model.facts import Matrix, Platform
from envgen.model.findings import Claim, Finding
from envgen.model.packages import Lock, LockedPackage, Record, Solution, SolveRequest
from envgen.model.run import Reporter
from envgen.verify.check import check, names_cuda


@dataclass(frozen=True, slots=True)
class SolveCheck:
    """A fact that can be solved for: what there is of its package, and what the solver is asked."""

    item: Judged
    shelf: Shelf
    request: SolveRequest

    @property
    def key(self) -> Hashable:
        """What tells two questions apart that the solver is asked."""
        asked = self.request
        return asked.platform, asked.specs, asked.channels, tuple(sorted(asked.virtual.items())), asked.excluded


def solved(
    matrix: Matrix, judge: FactJudge, evidence: Evidence, recorded: Sequence[Judged], jobs: int, talk: Reporter
) -> tuple[list[Judged], int]:
    """The facts with what the solver makes of them, and how many solves that took. What has no build is not solved for."""
    answers: dict[int, tuple[Aspect, ...]] = {}
    questions: dict[int, SolveCheck] = {}
    for number, item in enumerate(recorded):
        if not any(aspect.name == "exists" and aspect.verdict == CONFIRMED for aspect in item.aspects):
            continue
        question = _question(matrix, evidence, item)
        missing = evidence.missing(question.request.specs, question.request.channels, item.fact.platform)
        if missing:
            answers[number] = (judge.unasked(missing),)
        else:
            questions[number] = question
    unique = {question.key: question.request for question in questions.values()}
    outcomes = dict(zip(unique, _attempted(list(unique.values()), evidence.index, jobs, talk), strict=True))
    for number, question in questions.items():
        answers[number] = _answer(matrix, judge, question, outcomes[question.key])
    return [Judged(item.fact, (*item.aspects, *answers.get(n, ()))) for n, item in enumerate(recorded)], len(unique)


def _question(matrix: Matrix, evidence: Evidence, item: Judged) -> SolveCheck:
    fact, spelling = item.fact, item.fact.spelling
    assert spelling is not None  # noqa: S101 - without one there is no `exists` aspect
    channels = evidence.channels(spelling, claims.channels_of(matrix), fact.platform)
    return SolveCheck(item, evidence.shelf(fact, spelling), claims.request(matrix, fact, channels, claims.specs(fact, spelling)))


def _attempted(requests: Sequence[SolveRequest], index: Index, jobs: int, talk: Reporter) -> list[Solution | Unsolvable]:
    """A solution or the solver's reason for each request; any other error ends the run."""
    talk.begin("solving", len(requests))
    found = attempts(requests, index, jobs, lambda request: talk.step(f"{request.environment} {request.platform}"))
    talk.end()
    for item in found:
        if isinstance(item, EnvgenError) and not isinstance(item, Unsolvable):
            raise item
    return [item for item in found if isinstance(item, Solution | Unsolvable)]


def _answer(matrix: Matrix, judge: FactJudge, question: SolveCheck, outcome: Solution | Unsolvable) -> tuple[Aspect, ...]:
    fact, shelf, request = question.item.fact, question.shelf, question.request
    if isinstance(outcome, Unsolvable):
        builds = [build for build in shelf.selected if fact.python in build.pythons]
        return (judge.unsolved(outcome.explanation, [refuses(build, request.specs, request.virtual) for build in builds]),)
    named = next((record for record in outcome.records if record.name == shelf.carrier.package), None)
    build = next(
        (build for build in shelf.builds if named and build.build == named.build and str(build.version) == named.version), None
    )
    return judge.solved(fact, shelf.carrier.package, build, _findings(matrix, question, outcome))


def _findings(matrix: Matrix, question: SolveCheck, solution: Solution) -> Iterable[Finding]:
    """What the rules of `envgen verify` hold against a solution, were it a lock for this variant."""
    fact, platform = question.item.fact, solution.platform
    packages = tuple(_package(record, platform) for record in solution.records)
    lock = Lock(
        shown="", format="solution", environment=question.request.environment, packages=packages, channels=question.request.channels
    )
    claim = Claim(
        kind="cuda" if fact.variant else "cpu",
        cuda=fact.variant,
        source="the matrix",
        virtual=question.request.virtual,
        builds={question.shelf.carrier.package: (fact.variant, any(map(names_cuda, fact.spelling.cuda)))}
        if fact.variant and fact.spelling
        else {},
    )
    return (found for found in check(lock, {platform: claim}, matrix) if found.severity == "error")


def _package(record: Record, platform: Platform) -> LockedPackage:
    return LockedPackage(
        name=record.name,
        version=record.version,
        build=record.build,
        manager="conda",
        platform=platform,
        url=record.url,
        md5=record.md5,
        sha256=record.sha256,
        depends=record.depends,
    )
