"""Facts through the solver: each build that exists, alone, with what its target promises. Equal requests are solved once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from envgen.channels.index import Index
from envgen.channels.solve import Unsolvable, attempts
from envgen.channels.versions import admits
from envgen.curate import facts
from envgen.curate.model import Aspect, CheckedFact, Fact, PublishedBuild, Selection
from envgen.curate.published import BuildIndex, other_pin
from envgen.curate.records.checks import ALONE, FactChecker
from envgen.model.catalogue import parsed
from envgen.model.errors import EnvgenError
from envgen.model.facts import Matrix, Platform
from envgen.model.findings import Claim, Finding
from envgen.model.packages import Lock, LockedPackage, Record, Solution, SolveRequest
from envgen.model.run import Reporter
from envgen.verify.check import check, names_cuda


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSolve:
    """A fact that can be solved: the builds of its package, what the solver is asked, and the specs that no record matches."""

    fact: Fact
    selection: Selection
    request: SolveRequest
    missing: tuple[str, ...]

    @property
    def key(self) -> Hashable:
        """Equal for requests to which the solver gives the same answer."""
        request = self.request
        return request.platform, request.specs, request.channels, tuple(sorted(request.virtual.items())), request.constraints


def with_solves(
    matrix: Matrix, checker: FactChecker, builds: BuildIndex, checked: Sequence[CheckedFact], jobs: int, reporter: Reporter
) -> tuple[tuple[CheckedFact, ...], int]:
    """The facts with what the solver says of them, and the number of solves. A fact whose build does not exist stays as it is."""
    solves = [_solve_of(matrix, builds, item.fact) if _exists(item) else None for item in checked]
    unique = {solve.key: solve.request for solve in solves if solve and not solve.missing}
    outcomes = dict(zip(unique, _outcomes(list(unique.values()), builds.index, jobs, reporter), strict=True))
    aspects = (
        _aspects(matrix, checker, solve, outcomes) if solve else (ALONE,) if _exists(item) else ()
        for item, solve in zip(checked, solves, strict=True)
    )
    return tuple(CheckedFact(item.fact, (*item.aspects, *more)) for item, more in zip(checked, aspects, strict=True)), len(unique)


def _exists(item: CheckedFact) -> bool:
    return any(aspect.name == "exists" and aspect.verdict == "confirmed" for aspect in item.aspects)


def _solve_of(matrix: Matrix, builds: BuildIndex, fact: Fact) -> FactSolve | None:
    """The solve of a fact, beside what it goes with; None where the matrix has nothing that does."""
    assert fact.spelling is not None  # noqa: S101 - without one there is no `exists` aspect
    hosts = facts.hosts(matrix, fact)
    if hosts is None:
        return None
    channels = builds.channels(fact.spelling, matrix.channels, fact.platform)
    channels = tuple(dict.fromkeys((*channels, *(channel for host in hosts for channel in host.spelling.channels))))
    beside = (spec for host in hosts for spec in facts.spelled_for(host, fact.variant))
    request = facts.solve_request(matrix, fact, channels, tuple(dict.fromkeys((*beside, *facts.specs(fact, fact.spelling)))), hosts)
    return FactSolve(
        fact=fact,
        selection=builds.select(fact, fact.spelling),
        request=request,
        missing=builds.missing(request.specs, channels, fact.platform),
    )


def _outcomes(requests: Sequence[SolveRequest], index: Index, jobs: int, reporter: Reporter) -> list[Solution | Unsolvable]:
    """A solution, or why there is none, for each request. Raises any other error."""
    reporter.begin("solving", len(requests))
    found = attempts(requests, index, jobs, lambda request: reporter.step(f"{request.environment} {request.platform}"))
    reporter.end()
    for item in found:
        if isinstance(item, EnvgenError) and not isinstance(item, Unsolvable):
            raise item
    return [item for item in found if isinstance(item, Solution | Unsolvable)]


def _aspects(
    matrix: Matrix, checker: FactChecker, solve: FactSolve, outcomes: Mapping[Hashable, Solution | Unsolvable]
) -> tuple[Aspect, ...]:
    if solve.missing:
        return (checker.without_solve(solve.missing),)
    fact, selection, request, outcome = solve.fact, solve.selection, solve.request, outcomes[solve.key]
    if isinstance(outcome, Unsolvable):
        builds = [build for build in selection.selected if fact.python in build.pythons]
        own = facts.specs(fact, fact.spelling) if fact.spelling else ()
        return (checker.unsolvable(outcome.explanation, [unmet_need(build, own, request.virtual) for build in builds]),)
    taken = {(record.name, parsed(record.version), record.build) for record in outcome.records}  # 26.02.01 is 26.2.1
    build = next((build for build in selection.builds if (build.package, build.version, build.build) in taken), None)
    return checker.solved(fact, selection.package.name, build, _findings(matrix, solve, outcome))


def _findings(matrix: Matrix, solve: FactSolve, solution: Solution) -> Iterable[Finding]:
    """The errors that `envgen verify` would find in a lock with these packages, for the variant of the fact."""
    fact, platform = solve.fact, solution.platform
    lock = Lock(
        shown="",
        format="solution",
        environment=solve.request.environment,
        packages=tuple(_package(record, platform) for record in solution.records),
        channels=solve.request.channels,
    )
    claim = Claim(
        kind="cuda" if fact.variant else "cpu",
        cuda=fact.variant,
        source="the matrix",
        virtual=solve.request.virtual,
        builds={solve.selection.package.name: (fact.variant, any(map(names_cuda, fact.spelling.cuda)))}
        if fact.variant and fact.spelling and len(solve.selection.spec.split()) == 3
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


# --- what a target cannot give --------------------------------------------------------------------------------------------


def unmet_need(build: PublishedBuild, specs: Iterable[str], virtual: Mapping[str, str]) -> str:
    """What a build needs that its own target cannot give, whatever else is published; "" if nothing.

    That is a virtual package that the target does not promise, or another version of a package that the spelling pins.
    """
    for need in build.needs:
        name, _, wanted = need.partition(" ")
        if name.startswith("__") and not _promised(name, wanted, virtual):
            return f"needs `{need}`, and the target promises {f'{name} {virtual[name]}' if name in virtual else f'no {name}'}"
    return other_pin(build, specs)


def _promised(name: str, wanted: str, virtual: Mapping[str, str]) -> bool:
    if name not in virtual:
        return False
    version, _, build = virtual[name].partition(" ")
    words = wanted.split()
    fits = not words or bool(admits(words[0], version))
    return fits and (len(words) < 2 or words[1] in ("*", build or "0"))
