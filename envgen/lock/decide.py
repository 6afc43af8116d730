"""The index has the last word: what a plan's targets become once it is known what the index has, and what of it solves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from packaging.version import Version

from envgen.lock.choose import Solver, cells_of, choose
from envgen.lock.plan import Plan, locked_only, versions
from envgen.model.errors import NoSolution
from envgen.model.facts import Matrix, Platform, Target
from envgen.model.packages import SolveRequest
from envgen.model.resolution import Choice, Resolution
from envgen.resolver import specs
from envgen.resolver.candidates import Availability, no_index
from envgen.resolver.resolve import Problem, answer

if TYPE_CHECKING:
    from envgen.channels.index import Index
    from envgen.lock.moved import Moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One way to choose for a plan: some targets keep the versions of their locks; `todo` get new locks."""

    plan: Plan
    problem: Problem
    kept: Collection[str]
    todo: Sequence[str]

    @property
    def requests(self) -> tuple[SolveRequest, ...]:
        """What the solver is asked about the best choice of the facts; nothing where there is none."""
        found = answer(self.problem) or ()
        return tuple(request for _, request in cells_of(row for row in found if row.target.name not in self.kept))


@dataclass(frozen=True, slots=True)
class Decision:
    """A plan, what will be locked (one resolution for each target that gets a new lock), and what the index changed in each."""

    plan: Plan
    resolutions: tuple[Resolution, ...]
    changed: Mapping[str, tuple[str, ...]]


def stages(matrix: Matrix, plan: Plan, index: Index) -> tuple[Stage, ...]:
    """Targets that need no new lock keep their versions if that is possible; otherwise all requested targets are locked again."""
    available = _availability(matrix, plan, index)
    kept = {name: plan.stamps[name] for name in plan.unchanged}
    whole = Stage(plan=plan, problem=Problem(matrix, plan.project, available), kept=(), todo=plan.requested)
    if not kept:
        return (whole,)
    problem = Problem(matrix, plan.project, locked_only(kept, available))
    return Stage(plan=plan, problem=problem, kept=tuple(kept), todo=plan.todo), whole


def decide(found: Sequence[Stage], solver: Solver) -> Decision:
    """The best choice of the first stage that has one. Raises NoSolution where none has."""
    for stage in found:
        resolutions = choose(stage.problem, solver, stage.kept)
        if resolutions:
            return _decision(stage, resolutions, solver)
    raise NoSolution("TODO")


def _decision(stage: Stage, resolutions: Sequence[Resolution], solver: Solver) -> Decision:
    """The targets that get a new lock, with what is not as the facts alone would have it, and why."""
    plan, problem = stage.plan, stage.problem
    todo = {row.target.name: row for row in resolutions if row.target.name in stage.todo}
    changes: dict[str, Moved] = {}
    if any(versions(row) != versions(plan.resolutions[name]) for name, row in todo.items()):
        from envgen.lock.moved import moved

        changes = moved(replace(problem, availability=no_index), problem, resolutions, solver)
    chosen = tuple(row.with_moved(changes[name].by_solver) if name in changes else row for name, row in todo.items())
    lost = {name: _lost(plan.resolutions[name], row) for name, row in todo.items()}
    return Decision(plan, chosen, {name: (*(changes[name].by_index.values() if changes else ()), *lost[name]) for name in todo})


def _lost(expected: Resolution, found: Resolution) -> tuple[str, ...]:
    """The platforms of a target that the index cannot serve."""
    lost = (dropped for dropped in found.dropped if dropped.platform in expected.platforms)
    return tuple(f"{dropped.platform} dropped by the index: {dropped.because.text}" for dropped in lost)


def _availability(matrix: Matrix, plan: Plan, index: Index) -> Availability:
    """For which Pythons the index has all packages of a choice. Each spec is looked up once for each platform."""
    from envgen.channels.query import available_pythons

    project = plan.project

    @cache
    def pythons(spec: str, platform: Platform) -> frozenset[Version]:
        return available_pythons(index, spec, project.channels, platform, matrix.pythons, project.exclude_newer)

    def availability(choice: Choice, target: Target, platform: Platform) -> frozenset[Version]:
        return frozenset.intersection(*(pythons(spec, platform) for spec in ("python", *specs.spelled(choice, target))))

    return availability
