"""The index has the last word: what a plan's targets become once it is known which builds the index has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from packaging.version import Version

from envgen.lock.plan import Plan, locked_only, versions
from envgen.model.errors import NoSolution
from envgen.model.facts import Matrix, Platform, Target
from envgen.model.resolution import Choice, Obstacle, Resolution
from envgen.resolver import specs
from envgen.resolver.candidates import Availability
from envgen.resolver.resolve import Unsatisfiable, resolve

if TYPE_CHECKING:
    from envgen.channels.index import Index

REFUTED = "`envgen matrix verify` checks every fact against the channels"


@dataclass(frozen=True, slots=True)
class Decision:
    """A plan and what will be locked: one resolution for each target that needs a new lock."""

    plan: Plan
    resolutions: tuple[Resolution, ...]


def decide(matrix: Matrix, plan: Plan, index: Index) -> Decision:
    """Choose what the index has. Targets that need no new lock keep their versions if a common Python allows it.

    Otherwise all requested targets are locked again. Raises NoSolution if the index has nothing that the matrices allow.
    """
    available = _availability(matrix, plan, index)
    kept = {name: plan.stamps[name] for name in plan.unchanged}
    try:
        return _decision(plan, resolve(matrix, plan.project, locked_only(kept, available)), plan.todo)
    except Unsatisfiable:
        pass
    try:
        return _decision(plan, resolve(matrix, plan.project, available), plan.requested)
    except Unsatisfiable as error:
        raise _refuted(plan, error, index) from None


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


def _decision(plan: Plan, resolutions: Sequence[Resolution], todo: Sequence[str]) -> Decision:
    return Decision(plan, tuple(found for found in resolutions if found.target.name in todo))


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


def _refuted(plan: Plan, error: Unsatisfiable, index: Index) -> NoSolution:
    """The matrices have an answer and the index rules it out: which facts it refutes, and what the solver says to that answer."""
    from envgen.channels.solve import Unsolvable, solve
    from envgen.explain.refuted import by_index

    what = f"{plan.project.name}: {by_index(error.problem, plan.resolutions.values())}"
    try:
        solve([request for resolution in plan.resolutions.values() for request in specs.requests(resolution)], index, 1)
    except Unsolvable as unsolvable:
        what = f"{what}\n\nthe solver says about the choice of the matrices:\n{unsolvable.what}"
    return NoSolution(what, where=plan.project.at("frameworks"), hint=REFUTED)


def _because(obstacles: Sequence[Obstacle], target: str) -> str:
    """The most telling obstacle: what the index lacks comes first, then what concerns this target."""
    if not obstacles:
        return "so that all targets agree"
    first = min(obstacles, key=lambda obstacle: (not obstacle.index, obstacle.target != target))
    return first.reason.text if first.target == target else f"{first.target} cannot have it: {first.reason.text}"
