"""The matrices have an answer and the channels do not: which fact they contradict, or what has no solution together. Pure.

The solver is a function here, `Solvable`: whether a request has a solution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from envgen.explain.explain import conflict
from envgen.explain.minimize import minimal
from envgen.explain.report import conflict_text, part_lines
from envgen.model.facts import Build, Platform, Reason, variant_text
from envgen.model.packages import SolveRequest
from envgen.model.resolution import AppliedBound, Choice, Resolution
from envgen.resolver import specs
from envgen.resolver.candidates import named
from envgen.resolver.resolve import Problem

Solvable = Callable[[SolveRequest], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecSource:
    """Specs and constraints of a request that were decided together, and where: in a fact, or in a line of the project."""

    reason: Reason
    specs: tuple[str, ...]
    is_fact: bool = False
    constraints: tuple[str, ...] = ()


def spec_sources(resolution: Resolution, platform: Platform) -> tuple[SpecSource, ...]:
    """What the request for one platform consists of."""
    project, target = resolution.project, resolution.target
    minor = Reason(f"python {resolution.python}", project.at("python"))
    python = SpecSource(reason=minor, specs=(f"python {resolution.python}.*",))
    chosen = [_of_choice(choice, resolution, platform) for choice in resolution.choices]
    own = [SpecSource(reason=Reason(row.spec, row.at), specs=(row.spec,)) for row in resolution.dependencies]
    bounds = [_of_bound(bound, resolution) for bound in resolution.bounds if platform in bound.platforms]
    known = {spec for source in (python, *chosen, *own) for spec in source.specs}
    bounded = {spec for bound in resolution.bounds for spec in specs.written_for(resolution, bound.package)}
    rest = tuple(spec for group in specs.groups(resolution) for spec in group.specs if spec not in known | bounded)
    others = [SpecSource(reason=Reason(spec, target.at), specs=(spec,)) for spec in rest]
    return (*own, *others, python, *chosen, *bounds)


def _of_bound(bound: AppliedBound, resolution: Resolution) -> SpecSource:
    """A constraint; the spec of a package that the project requests itself is a source of its own."""
    own = any(row.name == bound.package for row in resolution.dependencies)
    requested = (bound.package,) if bound.always and not own else ()
    return SpecSource(
        reason=bound.because, specs=requested, is_fact=True, constraints=specs.constraint_specs((bound,), excluded=())
    )


def _of_choice(choice: Choice, resolution: Resolution, platform: Platform) -> SpecSource:
    own = specs.spelled(choice, resolution.target)
    row = _row(choice, resolution, platform)
    what = f"{named(choice)} for {variant_text(choice.variant)} on {platform} with python {resolution.python}: {', '.join(own)}"
    reason = Reason(what, row.at if row else choice.release.at, choice.spelling.because)
    return SpecSource(reason=reason, specs=own, is_fact=True)


def _row(choice: Choice, resolution: Resolution, platform: Platform) -> Build | None:
    """The row of the matrix that says that such a build was published."""
    rows = (row for row in choice.release.builds if row.provider == choice.provider and choice.variant in row.variants)
    return next((row for row in rows if platform in row.platforms and resolution.python in row.pythons), None)


def unsolvable_sources(resolution: Resolution, request: SolveRequest, solvable: Solvable) -> tuple[SpecSource, ...]:
    """The smallest set of sources that has no solution: without any one of them there is one."""
    every = spec_sources(resolution, request.platform)
    bounded = {constraint for source in every for constraint in source.constraints}
    always = tuple(constraint for constraint in request.constraints if constraint not in bounded)

    def unsolvable(some: Sequence[SpecSource]) -> bool:
        kept = tuple(constraint for source in some for constraint in source.constraints)
        return bool(some) and not solvable(replace(request, specs=_specs(some), constraints=(*always, *kept)))

    return minimal(every, unsolvable)


def _specs(sources: Iterable[SpecSource]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(spec for source in sources for spec in source.specs))


def by_solver(failed: Sequence[tuple[Resolution, SolveRequest]], solvable: Solvable) -> str:
    """What a person should know, beside the solver's own words, about requests without a solution."""
    return "\n\n".join(_text(request, unsolvable_sources(resolution, request, solvable)) for resolution, request in failed)


def _text(request: SolveRequest, sources: Sequence[SpecSource]) -> str:
    facts = [source for source in sources if source.is_fact]
    others = [source for source in sources if not source.is_fact and not source.specs[0].startswith("python ")]
    head = f"{request.environment} on {request.platform}"
    if facts and not others:
        head = f"{head}: the channel contradicts the matrices:"
    else:
        head = f"{head}: these have no solution together; without any one of them there is one:"
    return "\n".join((head, *(f"  {line}" for source in sources for line in part_lines(source.reason))))


def by_index(problem: Problem, wanted: Iterable[Resolution]) -> str:
    """Which facts the records contradict, where the matrices alone have an answer and the index leaves none."""
    facts = [line for reason in dict.fromkeys(_lacking(problem, wanted)) for line in part_lines(reason)]
    head = "the matrices have an answer, but the channel contradicts what it rests on:"
    return "\n".join((head, *(f"  {line}" for line in facts), "", conflict_text(conflict(problem))))


def _lacking(problem: Problem, wanted: Iterable[Resolution]) -> Iterator[Reason]:
    for resolution in wanted:
        for choice in resolution.choices:
            for platform in resolution.platforms:
                pythons = problem.availability(choice, resolution.target, platform)
                if pythons is not None and resolution.python not in pythons:
                    yield _of_choice(choice, resolution, platform).reason
