"""The smallest conflict: requirements and facts that cannot hold together. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from envgen.explain.facts import facts, without_rows
from envgen.explain.members import possible
from envgen.explain.minimize import minimal
from envgen.explain.model import Part
from envgen.explain.requirements import requirements
from envgen.resolver.resolve import Problem


def smallest(problem: Problem) -> tuple[tuple[Part, ...], tuple[Problem, ...]]:
    """The parts of one minimal conflict, and the problems in which nothing else is left; `problem` must have no answer.

    None of those problems has an answer; without any one of the parts, one of them has. In the first, whatever has a default
    (platforms, providers) is as the project requests it: so the conflict is one of this project. In the last, what does not matter
    has its default: so the words need not mention it.

    Dropping a requirement can bring a platform back that could not be served, and with it what that needs: so it is not enough to
    drop each part once.
    """
    every = (*facts(problem), *requirements(problem))
    kept = minimal(every, lambda parts: not any(map(possible, _reduced(problem, every, parts))))
    return kept, _reduced(problem, every, kept)


def _reduced(problem: Problem, every: Sequence[Part], kept: Sequence[Part]) -> tuple[Problem, ...]:
    left = set(map(id, kept))
    dropped = [part for part in every if id(part) not in left]
    defaults = [part for part in dropped if part.has_default]
    requested = _without(problem, [part for part in dropped if not part.has_default])
    return (requested, _without(requested, defaults)) if defaults else (requested,)


def _without(problem: Problem, parts: Sequence[Part]) -> Problem:
    for part in parts:
        problem = problem if part.row else part.without(problem)
    return without_rows(problem, (part.row for part in parts if part.row))
