"""What one set of facts makes of what projects ask of them; each distinct ask is searched once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from envgen.lock.ask import ask_of, packages_of_facts
from envgen.lock.hold import Hold, held_choices
from envgen.model.facts import Matrix
from envgen.model.project import Project
from envgen.model.resolution import Resolution
from envgen.model.run import Stamp
from envgen.resolver.dependencies import dependencies_of, left_out_of
from envgen.resolver.resolve import Problem, Unsatisfiable, answer
from envgen.review.seen import Seen, seen


@dataclass(frozen=True, slots=True)
class Choices:
    """What `lock` chooses for each target of a project, as far as the facts decide, and what `update` would."""

    least: tuple[Resolution, ...]
    newest: tuple[Resolution, ...]


class Asks:
    """The answers of some facts."""

    def __init__(self, matrix: Matrix) -> None:
        self.matrix = matrix
        self._choices: dict[str, Choices | None] = {}
        self._seen: dict[str, Seen | None] = {}
        self._same: dict[str, bool] = {}
        self._told: dict[str, tuple[str, str]] = {}

    def choices(self, project: Project, stamps: Mapping[str, Stamp]) -> Choices | None:
        """What the facts make of a project with locks; None where there is no choice."""
        ask = self.ask(project)
        key = repr((ask, *((name, row.chosen, row.dropped, row.moved) for name, row in stamps.items())))
        if key not in self._choices:
            self._choices[key] = self._found(ask, stamps)
        found = self._choices[key]
        return found and Choices(least=self._of(project, found.least), newest=found.newest)

    def sees_as(self, other: Asks, project: Project) -> bool:
        """Whether a project sees the same of these facts as of others, so that both make the same of it."""
        key = repr(self.ask(project))
        if key not in self._same:
            mine = self._sees(key, project)
            self._same[key] = mine is not None and mine == other._sees(key, project)
        return self._same[key]

    def told_once(self, error: Unsatisfiable, why: Callable[[Unsatisfiable], str]) -> str:
        """Why a project has no choice: once for all that differ in their names and files alone, each with its own file."""
        project = error.problem.project
        file = project.addresses[""].file
        key = repr(replace(project, name="")).replace(repr(file), "")
        if key not in self._told:
            self._told[key] = file, why(error)
        other, text = self._told[key]
        return text.replace(other, file)

    def _sees(self, key: str, project: Project) -> Seen | None:
        if key not in self._seen:
            self._seen[key] = seen(self.matrix, project)
        return self._seen[key]

    def ask(self, project: Project) -> Project:
        """A project as far as a search reads it."""
        return ask_of(project, self._about)

    @cached_property
    def _about(self) -> frozenset[str]:
        return packages_of_facts(self.matrix)

    def _found(self, ask: Project, stamps: Mapping[str, Stamp]) -> Choices | None:
        newest = answer(Problem(self.matrix, ask))
        return Choices(least=least(self.matrix, ask, stamps, newest), newest=newest) if newest else None

    def _of(self, project: Project, found: Sequence[Resolution]) -> tuple[Resolution, ...]:
        """The answer to an ask as that to a project which asks it."""
        matrix = Problem(self.matrix, project).matrix
        return tuple(
            replace(
                row,
                project=project.for_target(row.target.name),
                dependencies=dependencies_of(matrix, project, row.target),
                left_out=left_out_of(matrix, project, row.target),
            )
            for row in found
        )


def least(matrix: Matrix, project: Project, stamps: Mapping[str, Stamp], newest: tuple[Resolution, ...]) -> tuple[Resolution, ...]:
    """What `lock` chooses, as far as the facts decide: no choice of the locks moves that could stay.

    The records may refuse what the facts allow; then `lock` goes on to the next choice.
    """
    held = held_choices(matrix, project, stamps)
    if len(held) == len(project.targets):
        return tuple(held[row.name] for row in project.targets)
    whole = Hold(stamps=stamps, python=True, whole=frozenset(stamps))
    best = answer(whole.problem(matrix, project)) if stamps else None
    return best or _one_by_one(matrix, project, stamps, frozenset(held), newest)


def _one_by_one(
    matrix: Matrix, project: Project, stamps: Mapping[str, Stamp], held: frozenset[str], newest: tuple[Resolution, ...]
) -> tuple[Resolution, ...]:
    """Hold one choice after the other, as long as there is an answer, in the order of `lock`."""
    best, hold = newest, Hold(stamps=stamps)
    alone = [Hold(stamps={}, frameworks=frozenset({row.framework})) for row in project.frameworks]
    for add in (Hold(stamps={}, python=True), *([Hold(stamps={}, whole=held)] if held else []), *alone) if stamps else ():
        trial = hold.with_more(add)
        if (found := answer(trial.problem(matrix, project))) and (not add.whole or hold.python):
            hold, best = trial, found
    return best
