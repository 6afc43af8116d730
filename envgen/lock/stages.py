"""The ways to choose for a plan, from the one that holds all choices of the locks to the one that holds nothing.

The first is taken where it has an answer. Otherwise choices are held one by one, as long as there is an answer: the Python, the
targets that are unchanged, then each framework. So no choice moves that could stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from packaging.version import Version

from envgen.lock.choose import Solver, cells_of, choose
from envgen.lock.hold import PYTHON, Hold, framework_of, of_one_python, stamped, versions
from envgen.lock.kept import Kept, kept_of
from envgen.lock.plan import Plan
from envgen.model.facts import Matrix
from envgen.model.packages import SolveRequest
from envgen.model.resolution import Resolution
from envgen.model.run import Stamp
from envgen.resolver.availability import Availability
from envgen.resolver.resolve import Problem, answer

_NOTHING = Hold(stamps={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One way to choose for a plan: some choices of the locks are held, and `todo` get new locks.

    `problem` is what is left to choose with the index, `facts` the same without it.
    """

    plan: Plan
    hold: Hold
    problem: Problem
    facts: Problem
    kept: Kept
    todo: Sequence[str]

    @property
    def requests(self) -> tuple[SolveRequest, ...]:
        """What the solver is asked about the best choice of the facts; nothing where there is none."""
        found = answer(self.problem) or ()
        return tuple(request for row, request in cells_of(found, self.kept) if not self.kept.settles(row, request))

    def not_kept(self, found: Resolution) -> dict[str, str]:
        """The Python and the releases that the lock of a target had and that are others now, but for what was to be the newest."""
        plan, name = self.plan, found.target.name
        if name not in self.todo or name not in plan.counting:
            return {}
        was = plan.stamps[name].chosen
        return {key: was[key] for key, now in versions(found).items() if key not in plan.freed and was.get(key, now) != now}


Taken = tuple[Stage, tuple[Resolution, ...]]
"""A stage, and the best choice with which every cell of it solves."""


class Stages:
    """The ways to choose for one plan. `free` holds nothing of the locks; `first` is the one to try first."""

    def __init__(self, matrix: Matrix, plan: Plan, available: Availability) -> None:
        self.plan = plan
        self._matrix = matrix
        self._available = available
        self._kept = kept_of(plan)
        self._stamps = of_one_python(plan.project, {name: plan.stamps[name] for name in plan.counting})
        self.free = self._stage(_NOTHING)
        self.first = self._stage(_all_held(self._stamps)) if self._stamps else self.free

    def _stage(self, hold: Hold) -> Stage:
        """Targets that are unchanged need no new lock only where all that was chosen for them is held.

        A problem is searched once: without anything held, that of the facts is the plan's.
        """
        plan = self.plan
        return Stage(
            plan=plan,
            hold=hold,
            problem=hold.problem(self._matrix, plan.project, self._available),
            facts=hold.problem(self._matrix, plan.project) if hold.stamps else plan.problem,
            kept=self._kept,
            todo=plan.todo if hold.whole >= plan.unchanged else plan.requested,
        )

    def taken(self, solver: Solver) -> Taken | None:
        """The choice that moves least, or None where there is none at all."""
        stamps = self._stamps
        if self._named:
            newest = self._answered(_NOTHING, solver)
            if newest is None:
                return None
            stamps = self._with_newest(newest[1])
        return (self._answered(_all_held(stamps), solver) if stamps else None) or self._one_by_one(stamps, solver)

    @cached_property
    def _named(self) -> frozenset[str]:
        """The choices of the locks that are to be the newest: the Python, or frameworks."""
        return self.plan.freed & {PYTHON, *(row.framework for row in self.plan.project.frameworks)}

    def _answered(self, hold: Hold, solver: Solver) -> Taken | None:
        """The best choice with this held, or None where nothing solves."""
        stage = next((known for known in (self.free, self.first) if known.hold == hold), None) or self._stage(hold)
        found = choose(stage.problem, solver, stage.kept)
        return (stage, found) if found else None

    def _one_by_one(self, stamps: Mapping[str, Stamp], solver: Solver) -> Taken | None:
        """Hold one choice after the other; one with which nothing solves is let go."""
        best = self._answered(_NOTHING, solver)
        if best is None or not stamps:
            return best
        hold = Hold(stamps=stamps)
        for more in self._additions():
            if more.whole and not hold.python:
                continue  # no target stays whole with another Python
            found = self._answered(hold.with_more(more), solver)
            hold, best = (hold.with_more(more), found) if found else (hold, best)
        return best

    def _additions(self) -> Iterator[Hold]:
        """What may be held, the most important first: what is to be the newest, the Python, unchanged targets, each framework."""
        names = [row.framework for row in self.plan.project.frameworks]
        alone = {name: replace(_NOTHING, frameworks=frozenset({name})) for name in names}
        yield from (alone[name] for name in names if name in self._named)
        yield replace(_NOTHING, python=True)
        if self.plan.unchanged:
            yield replace(_NOTHING, whole=self.plan.unchanged)
        yield from (alone[name] for name in names if name not in self._named)

    def _with_newest(self, found: Sequence[Resolution]) -> dict[str, Stamp]:
        """The stamps with the newest of what is named, where that is not older than what is locked."""
        newest = {row.target.name: stamped(row) for row in found}
        return {
            name: replace(stamp, chosen=_newer(stamp.chosen, newest[name], self._named)) for name, stamp in self._stamps.items()
        }


def _newer(chosen: Mapping[str, str], newest: Mapping[str, str], named: frozenset[str]) -> dict[str, str]:
    """What was chosen, with what is newest of what is named; not what is older there."""
    moving = {name for name in named & newest.keys() & chosen.keys() if Version(newest[name]) >= Version(chosen[name])}
    kept = {key: value for key, value in chosen.items() if framework_of(key) not in moving}
    return {**kept, **{key: value for key, value in newest.items() if framework_of(key) in moving}}


def _all_held(stamps: Mapping[str, Stamp]) -> Hold:
    """All choices of the locks held."""
    return Hold(stamps=stamps, python=True, whole=frozenset(stamps))
