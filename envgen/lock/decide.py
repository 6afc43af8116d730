"""The index has the last word: what a plan's targets become once it is known what the index has, and what of it solves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

from packaging.version import Version

from envgen.channels.solve import Unsolvable
from envgen.lock.choose import Solver, cells_of, choose
from envgen.lock.plan import Plan, locked_only, stamped, versions
from envgen.model.errors import NoSolution
from envgen.model.facts import Matrix, Platform, Target
from envgen.model.packages import SolveRequest
from envgen.model.project import Project
from envgen.model.resolution import Choice, Resolution
from envgen.model.run import TARGET
from envgen.resolver import specs
from envgen.resolver.candidates import Availability, no_index
from envgen.resolver.resolve import Problem, answer

if TYPE_CHECKING:
    from envgen.channels.index import Index
    from envgen.explain.unsolvable import SolverAnswers
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


def stages(matrix: Matrix, plan: Plan, holdings: Holdings) -> tuple[Stage, ...]:
    """Targets that need no new lock keep their versions if that is possible; otherwise all requested targets are locked again."""
    available = holdings.of(plan.project)
    kept = {name: plan.stamps[name] for name in plan.unchanged}
    whole = Stage(plan=plan, problem=Problem(matrix, plan.project, available), kept=(), todo=plan.requested)
    if not kept:
        return (whole,)
    problem = Problem(matrix, plan.project, locked_only(kept, available))
    return Stage(plan=plan, problem=problem, kept=tuple(kept), todo=plan.todo), whole


def decide(own: Sequence[Stage], others: Iterable[Sequence[Stage]], solver: Solver, holdings: Holdings) -> Decision:
    """The best choice for a plan; where it has none, that of the first of the `others`, which have an older target.

    Each is the stages of a plan. Raises NoSolution where none has any.
    """
    found = _decided(own, solver)
    if found:
        return found
    for other in others:
        found = _decided(other, solver)
        if found:
            return _with_why(found, _in_the_way(own[-1], solver, holdings))
    raise _no_solution(own[-1], solver, holdings)


def _decided(found: Sequence[Stage], solver: Solver) -> Decision | None:
    """The best choice of the first stage that has one."""
    for stage in found:
        resolutions = choose(stage.problem, solver, stage.kept)
        if resolutions:
            return _decision(stage, resolutions, solver)
    return None


def _with_why(found: Decision, why: str) -> Decision:
    """The decision with the reason for a target that is not the newest that the facts allow."""
    asked = {row.name: row for row in found.plan.project.targets}

    def told(row: Resolution) -> Resolution:
        requested = asked[row.target.name]
        return row.with_moved({TARGET: f"{requested.instead_text}: {why}", **row.moved}) if requested.instead_of else row

    return replace(found, resolutions=tuple(map(told, found.resolutions)))


def _in_the_way(stage: Stage, solver: Solver, holdings: Holdings) -> str:
    """What has no solution together in the newest target that the facts allow."""
    from envgen.explain.unsolvable import unsolvable

    found = unsolvable(stage.problem, _solved(solver, holdings), repaired=False)
    if found.lacking:
        return found.lacking[0].text
    texts = [f"{reason.text} ({reason.at.place})" if reason.at else reason.text for reason in found.requirements]
    return f"there is no solution with {', '.join(texts)}" if texts else "it has no solution"


def _decision(stage: Stage, resolutions: Sequence[Resolution], solver: Solver) -> Decision:
    """The targets that get a new lock, with what is not as the facts alone would have it, and why."""
    plan, problem = stage.plan, stage.problem
    todo = {row.target.name: row for row in resolutions if row.target.name in stage.todo}
    changes: dict[str, Moved] = {}
    if any(versions(row) != versions(plan.resolutions[name]) for name, row in todo.items()):
        from envgen.lock.moved import moved

        changes = moved(replace(problem, availability=no_index), problem, resolutions, solver)
    chosen = tuple(row.with_moved({**_before(plan, row, solver.index), **_by_solver(changes, name)}) for name, row in todo.items())
    lost = {name: _lost(plan.resolutions[name], row) for name, row in todo.items()}
    return Decision(plan, chosen, {name: (*(changes[name].by_index.values() if changes else ()), *lost[name]) for name in todo})


def _by_solver(changes: Mapping[str, Moved], target: str) -> Mapping[str, str]:
    return changes[target].by_solver if target in changes else {}


def _before(plan: Plan, found: Resolution, index: Index) -> Mapping[str, str]:
    """What the lock of the same choice says of its reasons, where the records that show them are not in the index."""
    stamp = plan.stamps.get(found.target.name)
    if stamp and index.recorded and stamp.chosen == stamped(found):
        return stamp.moved
    instead = any(row.name == found.target.name and row.instead_of for row in plan.project.targets)
    return {TARGET: stamp.moved[TARGET]} if stamp and instead and TARGET in stamp.moved else {}


def _lost(expected: Resolution, found: Resolution) -> tuple[str, ...]:
    """The platforms of a target that the index cannot serve."""
    lost = (dropped for dropped in found.dropped if dropped.platform in expected.platforms)
    return tuple(f"{dropped.platform} dropped by the index: {dropped.because.text}" for dropped in lost)


class Holdings:
    """For which Pythons an index has all packages of a choice. Each spec is looked up once for each platform."""

    def __init__(self, matrix: Matrix, index: Index) -> None:
        self._matrix = matrix
        self._index = index
        self._pythons = cache(self._of)

    def of(self, project: Project) -> Availability:
        """What the channels of a project hold."""

        def availability(choice: Choice, target: Target, platform: Platform) -> frozenset[Version]:
            wanted = ("python", *specs.spelled(choice, target, platform))
            return frozenset.intersection(*(self._pythons(s, project.channels, platform, project.exclude_newer) for s in wanted))

        return availability

    def _of(self, spec: str, channels: tuple[str, ...], platform: Platform, exclude_newer: datetime | None) -> frozenset[Version]:
        from envgen.channels.query import available_pythons

        return available_pythons(self._index, spec, channels, platform, self._matrix.pythons, exclude_newer)


def _no_solution(stage: Stage, solver: Solver, holdings: Holdings) -> NoSolution:
    """Why nothing that the facts allow can be locked, what would end that, and the solver's own words."""
    from envgen.explain.report import unsolvable_text
    from envgen.explain.unsolvable import unsolvable

    problem, index = stage.problem, solver.index

    found = unsolvable(problem, _solved(solver, holdings))
    what = f"{problem.project.name}: {unsolvable_text(found, index.shown)}"
    words = _words(replace(problem, project=found.narrowed), solver)
    where = found.requirements[0].at if found.requirements else problem.project.at("")
    return NoSolution(f"{what}\n\n{words}" if words else what, where=where, hint=_hint(index, refuted=bool(found.lacking)))


def _solved(solver: Solver, holdings: Holdings) -> SolverAnswers:
    """What a problem is locked to with the index."""

    def solved(other: Problem) -> tuple[Resolution, ...] | None:
        return choose(replace(other, availability=holdings.of(other.project)), solver)

    return solved


def _words(problem: Problem, solver: Solver) -> str:
    """What the solver says of the first cell that has no solution, with the best choice of the index, else of the facts."""
    found = answer(problem) or answer(replace(problem, availability=no_index)) or ()
    for _, request in cells_of(found):
        said = solver.answer(request)
        if isinstance(said, Unsolvable):
            return f"the solver says of the best choice:\n{said.what}"
    return ""


def _hint(index: Index, *, refuted: bool) -> str:
    if index.recorded:
        return f"{index.shown} has only the packages of the committed locks: lock from live channels, or give --index DIR"
    partial = "" if index.gateway else f", or try another index: {index.name} may not hold every published package"
    check = "; `envgen matrix verify` checks every fact against the channels" if refuted else ""
    return f"change one of these{partial}{check}"
