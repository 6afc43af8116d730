"""The index has the last word: what a plan's targets become once it is known what the index has, and what of it solves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from packaging.version import Version

from envgen.lock.choose import Solver, cells_of, choose
from envgen.lock.plan import Plan, locked_only, versions
from envgen.model.errors import NoSolution
from envgen.model.facts import Matrix, Platform, Target
from envgen.model.packages import SolveRequest
from envgen.model.resolution import Choice, Obstacle, Resolution
from envgen.resolver import specs
from envgen.resolver.candidates import Availability
from envgen.resolver.resolve import Problem, answer

if TYPE_CHECKING:
    from envgen.channels.index import Index


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
    """A plan and what will be locked: one resolution for each target that gets a new lock."""

    plan: Plan
    resolutions: tuple[Resolution, ...]


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
            return Decision(stage.plan, tuple(row for row in resolutions if row.target.name in stage.todo))
    raise NoSolution("TODO")


def changed_by_index(plan: Plan, resolution: Resolution) -> tuple[str, ...]:
    """Where the index changed the choice that the matrices alone would make, and why; one line for each change."""
    expected = plan.resolutions[resolution.target.name]
    before, after = versions(expected), versions(resolution)
    releases = {choice.release.framework: choice.release.at for choice in expected.choices}
    notes = []
    for name in (name for name in after if after[name] != before[name]):
        obstacles = [obstacle for obstacle in resolution.obstacles if obstacle.release == releases.get(name)]
        notes.append(f"{name} {after[name]}, not {before[name]}: {_because(obstacles, resolution.target.name)}")
    lost = [dropped for dropped in resolution.dropped if dropped.platform in expected.platforms]
    return (*notes, *(f"{dropped.platform} dropped by the index: {dropped.because.text}" for dropped in lost))


def _because(obstacles: Sequence[Obstacle], target: str) -> str:
    """The most telling obstacle: what the index lacks comes first, then what concerns this target."""
    if not obstacles:
        return "so that all targets agree"
    first = min(obstacles, key=lambda obstacle: (not obstacle.index, obstacle.target != target))
    return first.reason.text if first.target == target else f"{first.target} cannot have it: {first.reason.text}"


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
