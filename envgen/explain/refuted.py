"""The matrix says yes and the channels say no: which fact is refuted, or what does not go together. Pure.

The solver is a function here, `Solvable`: whether each of some requests has a solution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from envgen.explain.explain import conflict
from envgen.explain.minimize import unsparable
from envgen.explain.report import conflict_text, part_lines
from envgen.model.facts import Build, Platform, Reason, variant_text
from envgen.model.packages import SolveRequest
from envgen.model.resolution import Choice, Resolution
from envgen.resolver import specs
from envgen.resolver.candidates import named
from envgen.resolver.resolve import Problem

Solvable = Callable[[SolveRequest], bool]


@dataclass(frozen=True, slots=True)
class SpecSource:
    """Specs of a request that were decided together, and where: a fact of the matrix, or a line of the project."""

    reason: Reason
    specs: tuple[str, ...]
    fact: bool


def pieces(resolution: Resolution, platform: Platform) -> tuple[SpecSource, ...]:
    """What the request for one platform consists of."""
    project, target = resolution.project, resolution.target
    python = SpecSource(Reason(f"python {resolution.python}", project.at("python")), (f"python {resolution.python}.*",), fact=False)
    chosen = [_chosen(choice, resolution, platform) for choice in resolution.choices]
    own = [SpecSource(Reason(row.spec, row.at), (row.spec,), fact=False) for row in resolution.dependencies]
    known = {spec for piece in (python, *chosen, *own) for spec in piece.specs}
    rest = tuple(spec for group in specs.groups(resolution) for spec in group.specs if spec not in known)
    others = [SpecSource(Reason(spec, target.at), (spec,), fact=False) for spec in rest]
    return (*own, *others, python, *chosen)


def _chosen(choice: Choice, resolution: Resolution, platform: Platform) -> SpecSource:
    own = specs.spelled(choice, resolution.target)
    row = _row(choice, resolution, platform)
    what = f"{named(choice)} for {variant_text(choice.variant)} on {platform} with python {resolution.python}: {', '.join(own)}"
    return SpecSource(Reason(what, row.at if row else choice.release.at, choice.spelling.because), own, fact=True)


def _row(choice: Choice, resolution: Resolution, platform: Platform) -> Build | None:
    """The row of the matrix that says that such a build was published."""
    rows = (row for row in choice.release.builds if row.provider == choice.provider and choice.variant in row.variants)
    return next((row for row in rows if platform in row.platforms and resolution.python in row.pythons), None)


def culprits(resolution: Resolution, request: SolveRequest, solvable: Solvable) -> tuple[SpecSource, ...]:
    """The smallest set of pieces that has no solution: without any one of them there is one."""

    def unsolvable(some: Sequence[SpecSource]) -> bool:
        return bool(some) and not solvable(replace(request, specs=_specs(some)))

    return unsparable(pieces(resolution, request.platform), unsolvable)


def _specs(found: Iterable[SpecSource]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(spec for piece in found for spec in piece.specs))


def by_solver(asked: Sequence[tuple[Resolution, SolveRequest]], solvable: Solvable) -> str:
    """What a person should know beside the solver's own words about requests without a solution."""
    return "\n\n".join(_told(request, culprits(resolution, request, solvable)) for resolution, request in asked)


def _told(request: SolveRequest, found: Sequence[SpecSource]) -> str:
    facts = [piece for piece in found if piece.fact]
    named_too = [piece for piece in found if not piece.fact and not piece.specs[0].startswith("python ")]
    if facts and not named_too:
        head = f"{request.environment} on {request.platform}: the channel refutes what the matrix says"
    else:
        head = f"{request.environment} on {request.platform}: these have no solution together; without any one of them there is one"
    return "\n".join((f"{head}:", *(f"  {line}" for piece in found for line in part_lines(piece.reason))))


def by_index(question: Problem, wanted: Iterable[Resolution]) -> str:
    """Which facts the records refute, where the matrices alone have an answer and the index leaves none."""
    facts = [line for reason in dict.fromkeys(_lacking(question, wanted)) for line in part_lines(reason)]
    head = "the matrices have an answer; the channel refutes what it rests on:"
    return "\n".join((head, *(f"  {line}" for line in facts), "", conflict_text(conflict(question))))


def _lacking(question: Problem, wanted: Iterable[Resolution]) -> Iterator[Reason]:
    for resolution in wanted:
        for choice in resolution.choices:
            for platform in resolution.platforms:
                held = question.held(choice, resolution.target, platform)
                if held is not None and resolution.python not in held:
                    yield _chosen(choice, resolution, platform).reason
