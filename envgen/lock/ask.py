"""What a project asks of the facts: all of it that a search reads. Projects that ask the same have the same answer. Pure.

An ask is a project without what no search reads: its name, where things are written, and the dependencies that no fact is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain

from envgen.model.address import Address
from envgen.model.dates import ExcludeNewer
from envgen.model.facts import Matrix
from envgen.model.project import Dependency, Project
from envgen.model.run import Stamp
from envgen.resolver.resolve import Searched

_NOWHERE, _ANY_DATE = Address("", 1, 1), ExcludeNewer()


def packages_of_facts(matrix: Matrix) -> frozenset[str]:
    """The packages that facts are about."""
    axes = (condition.axis for row in matrix.bounds for condition in (*row.when, *row.need))
    return frozenset((*axes, *(name for row in matrix.bounds for name in row.comes_with)))


def ask_of(project: Project, about: frozenset[str]) -> Project:
    """A project as far as a search reads it; `about` are the packages that facts are about."""

    def told(rows: Sequence[Dependency]) -> tuple[Dependency, ...]:
        return tuple(replace(row, at=_NOWHERE) for row in rows if row.name in about)

    targets = (replace(row, at=_NOWHERE, dependencies=told(row.dependencies), pip=()) for row in project.targets)
    return Project(
        name="",
        python=project.python,
        python_text=project.python_text,
        frameworks=tuple(replace(row, at=_NOWHERE) for row in project.frameworks),
        targets=tuple(targets),
        platforms=project.platforms,
        channels=project.channels,
        dependencies=told(project.dependencies),
        pip=(),
        driver=project.driver,
        gpus=project.gpus,
        align=project.align,
        exclude_newer=_ANY_DATE,
        template="",
        addresses={"": _NOWHERE},
    )


class Replays:
    """The searches of one run among what is locked, by some facts."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self._known: dict[str, Searched | None] = {}

    def of(self, project: Project, stamps: Mapping[str, Stamp], search: Callable[[Project], Searched]) -> Searched:
        """What a search finds for a project with locks; it is asked once for all projects that ask the same.

        What speaks of the project itself, by the place where something is written, is found for each.
        """
        ask = ask_of(project, self._about)
        key = repr((ask, *((name, row.chosen, row.dropped) for name, row in stamps.items())))
        if key not in self._known:
            found = search(ask)
            self._known[key] = None if _NOWHERE in _places(found) else found
        return self._known[key] or search(project)

    @cached_property
    def _about(self) -> frozenset[str]:
        return packages_of_facts(self._matrix)


def _places(found: Searched) -> Iterator[Address | None]:
    """The places that a search speaks of."""
    rows = (side for row in found.served.values() for side in (row, row.exact) if side)
    yield from (dropped.because.at for row in rows for dropped in row.dropped)
    obstacles = chain(found.obstacles, *(row.obstacles for row in found.served.values()))
    yield from (obstacle.reason.at for obstacle in obstacles)
