"""Repairs of any number of changes: which requirements must change together, then how little each of them. Pure.

What could be changed is an axis: a release, Python, a target. With all axes free there is an answer, or no change helps. Then axes
are fixed again while there is still an answer, the dearest first: what is left must change together. With one of those fixed for
good, another such set is found. In each the nearest changes are taken, one axis after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from packaging.specifiers import SpecifierSet

from envgen.explain import edits
from envgen.explain.changes import CPU_INSTEAD, changes
from envgen.explain.facts import facts
from envgen.explain.members import answer, possible
from envgen.explain.minimize import minimal
from envgen.explain.model import Change, Repair
from envgen.explain.requirements import requirements
from envgen.model.project import Project
from envgen.resolver.resolve import Problem

_SETS = 3  # sets of axes that are looked for
_SEARCHES = 300  # searches for them that were not made before: one takes one to twenty milliseconds
_ONE_WAY = ("driver", "virtual package", "gpu", "framework")  # to go further along these is never worse
_ORDER = ("target", CPU_INSTEAD, "provider", "virtual package", "driver", "version", "python")  # in which axes are narrowed


@dataclass(frozen=True, slots=True)
class _Axis:
    """The changes of one path, nearest first."""

    changes: tuple[Change, ...]

    @property
    def path(self) -> tuple[str, ...]:
        return self.changes[0].path

    @property
    def price(self) -> tuple[bool, float]:
        return self.changes[0].gives_up, self.changes[0].cost

    @property
    def turn(self) -> int:
        """When it is narrowed."""
        return _ORDER.index(self.path[0]) if self.path[0] in _ORDER else -1

    def free(self, project: Project) -> Iterator[Project]:
        """The project as it is, and with each of the changes: where one of them allows what all others allow, that alone."""
        kind = self.path[0]
        if kind == "version":
            yield edits.with_any_release(project, self.path[1])
        elif kind == "python":
            yield edits.edited(project, python=SpecifierSet(), python_text="any python")
        elif kind in _ONE_WAY:
            yield self.changes[-1].apply(project)
        else:
            yield project
            yield from (change.apply(project) for change in self.changes)


class _Spent(Exception):
    """There were as many searches as may be."""


def combined(problem: Problem) -> list[Repair]:
    """Repairs of as few changes as possible, each proven by resolving again, as far as a bounded number of searches finds them.

    Those that give one thing up are looked for only where none keeps all, and those that give up more only where there is no other.
    """
    search, axes, found = _Combinations(problem), _axes(problem), list[Repair]()
    keeping = [axis for axis in axes if not axis.price[0]]
    dropped = [axis for axis in reversed(axes) if axis.price[0]]
    stages: tuple[list[list[_Axis]], ...] = ([[]], [[axis] for axis in dropped], [dropped])
    for stage in stages:
        search.left = _SEARCHES
        with suppress(_Spent):
            for more in stage if not found else ():
                found.extend(_found(problem, search, sorted((*keeping, *more), key=lambda axis: axis.price, reverse=True)))
    return found


def _axes(problem: Problem) -> list[_Axis]:
    """Everything that could be changed, the dearest first."""
    paths: dict[tuple[str, ...], dict[str, Change]] = {}
    for part in (*requirements(problem), *facts(problem)):
        for change in changes(problem, part):
            paths.setdefault(change.path, {}).setdefault(change.text, change)
    axes = (_Axis(tuple(sorted(found.values(), key=lambda change: change.cost))) for found in paths.values())
    return sorted(axes, key=lambda axis: axis.price, reverse=True)


def _found(problem: Problem, search: _Combinations, axes: Sequence[_Axis]) -> Iterator[Repair]:
    """The repairs that change some of these axes, each once."""
    done: set[tuple[str, ...]] = set()
    for kept in search.sets(axes):
        chosen = search.narrowed(kept)
        texts = tuple(change.text for change in chosen)
        resolutions = answer(replace(problem, project=_changed(problem.project, chosen))) if texts not in done else None
        if resolutions:
            done.add(texts)
            yield Repair(chosen, resolutions)


def _changed(project: Project, changes: Iterable[Change]) -> Project:
    """The project with all of the changes."""
    for change in changes:
        project = change.apply(project)
    return project


class _Combinations:
    """Asks whether a project has an answer with some axes free; what was asked once is known."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.project = edits.edited(problem.project, align=False)  # aligned or not, there is an answer or none
        self.known: dict[object, bool] = {}
        self.left = 0

    def sets(self, every: Sequence[_Axis]) -> Iterator[tuple[_Axis, ...]]:
        """Smallest sets of axes that must change together, of some axes, the dearest first."""
        queue, asked = [frozenset[tuple[str, ...]]()], set[frozenset[tuple[str, ...]]]()
        found: set[tuple[_Axis, ...]] = set()
        while queue and len(found) < _SETS:
            fixed = queue.pop(0)
            axes = [axis for axis in every if axis.path not in fixed]
            if fixed in asked or not self._feasible(self.project, axes):
                continue
            asked.add(fixed)
            kept = minimal(axes, lambda some: self._feasible(self.project, some))
            if kept not in found:
                found.add(kept)
                yield kept
            queue.extend(fixed | {axis.path} for axis in kept)

    def narrowed(self, axes: Sequence[_Axis]) -> tuple[Change, ...]:
        """The nearest change of each axis with which the others can still be changed so that there is an answer."""
        project, chosen, rest = self.project, list[Change](), sorted(axes, key=lambda axis: axis.turn)
        while rest:
            axis = rest.pop(0)
            nearest = next((c for c in axis.changes if self._feasible(c.apply(project), rest)), None)
            if nearest:
                chosen.append(nearest)
                project = nearest.apply(project)
        return self._needed(chosen)

    def _needed(self, chosen: Sequence[Change]) -> tuple[Change, ...]:
        """The changes that cannot be spared, the dearest tried first: one may bring a platform back, which another is for."""
        for change in sorted(chosen, key=lambda one: one.cost, reverse=True):
            others = [one for one in chosen if one is not change]
            chosen = others if possible(replace(self.problem, project=_changed(self.project, others))) else chosen
        return tuple(chosen)

    def _feasible(self, project: Project, axes: Sequence[_Axis]) -> bool:
        return any(map(self._possible, self._freed(project, axes)))

    def _freed(self, project: Project, axes: Sequence[_Axis]) -> Iterator[Project]:
        """Every project with some axes free; of targets only those that are possible alone."""
        if not axes:
            yield project
            return
        *others, axis = sorted(axes, key=lambda axis: axis.path[0] == "target")
        for freed in self._freed(project, others):
            for changed in axis.free(freed):
                if axis.path[0] != "target" or self._possible_alone(changed, axis.path[1]):
                    yield changed

    def _possible_alone(self, project: Project, name: str) -> bool:
        """Whether a target of the project, by the name that it has there now, is possible without the others."""
        place = next((place for place, row in enumerate(self.project.targets) if row.name == name), None)
        rows = project.targets
        return place is None or len(rows) != len(self.project.targets) or self._possible(replace(project, targets=(rows[place],)))

    def _possible(self, project: Project) -> bool:
        names = [row.name for row in project.targets]
        if not names or len(set(names)) < len(names):
            return False
        key = _key(project)
        if key not in self.known:
            if not self.left:
                raise _Spent
            self.left -= 1
            self.known[key] = possible(replace(self.problem, project=project))
        return self.known[key]


def _key(project: Project) -> object:
    """What changes make of a project: those with the same key have the same answer."""
    rows = ((row.name, row.platforms, row.dependencies, tuple(sorted(row.virtual.items()))) for row in project.targets)
    hardware = (project.platforms, project.driver, project.gpus)
    return tuple(rows), project.frameworks, project.python, project.channels, project.dependencies, hardware
