"""The smallest conflict: requirements and facts that cannot hold together. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

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
    every, without = (*facts(problem), *requirements(problem)), _Without(problem)
    kept = minimal(every, lambda parts: not any(map(possible, _reduced(without, every, parts))))
    return kept, _reduced(without, every, kept)


class _Without:
    """A problem without some parts, which are dropped one by one: a search drops the same first parts again and again."""

    def __init__(self, problem: Problem) -> None:
        self._dropped: list[Part] = []
        self._left = [problem]  # without the first parts, without the first two

    def __call__(self, parts: Sequence[Part]) -> Problem:
        same = sum(1 for _ in takewhile(lambda pair: pair[0] is pair[1], zip(self._dropped, parts, strict=False)))
        del self._left[same + 1 :]
        for part in parts[same:]:
            self._left.append(part.without(self._left[-1]))
        self._dropped = list(parts)
        return self._left[-1]


def _reduced(without: _Without, every: Sequence[Part], kept: Sequence[Part]) -> tuple[Problem, ...]:
    left = set(map(id, kept))
    dropped = [part for part in every if id(part) not in left]
    defaults = [part for part in dropped if part.has_default]
    others = without([part for part in dropped if not (part.has_default or part.row)])
    requested = without_rows(others, [part.row for part in dropped if part.row])
    return (requested, _Without(requested)(defaults)) if defaults else (requested,)
