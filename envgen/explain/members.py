"""Problems with an open target: one problem for each target that it may be, and the answer to any of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from envgen.explain import edits
from envgen.model.open_target import OpenTarget, names_of
from envgen.model.resolution import Resolution
from envgen.resolver import resolve
from envgen.resolver.resolve import Problem


def members(problem: Problem) -> Iterator[Problem]:
    """The problem with each target that an open target may be; the problem itself where no target is open."""
    rows = problem.project.targets
    place = next((place for place, row in enumerate(rows) if isinstance(row, OpenTarget)), None)
    if place is None:
        yield problem
        return
    for name in names_of(rows[place]):
        targets = (*rows[:place], edits.named_target(rows[place], name), *rows[place + 1 :])
        yield from members(replace(problem, project=replace(problem.project, targets=targets)))


def possible(problem: Problem) -> bool:
    """Whether there is any choice, for any of the targets that an open target may be."""
    return any(map(resolve.possible, members(problem)))


def answer(problem: Problem) -> tuple[Resolution, ...] | None:
    """The best choice for every target, with the first target of an open one that has an answer; None where none has."""
    return next(filter(None, map(resolve.answer, members(problem))), None)
