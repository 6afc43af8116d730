"""The smallest conflict: demands and facts that clash, none of which could be spared. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from envgen.explain.demands import demands
from envgen.explain.facts import limits
from envgen.explain.minimize import unsparable
from envgen.explain.model import Part
from envgen.resolver.resolve import Problem, possible


def smallest(question: Problem) -> tuple[tuple[Part, ...], Problem]:
    """The parts of one minimal conflict, and the question in which nothing else is left. `question` must have no answer.

    What is left has no answer, and has one without any one of its parts. With one demand less a platform can come back, and with
    it what it asks for: a question is not monotone.
    """
    every = (*limits(question), *demands(question))
    kept = unsparable(every, lambda parts: not possible(_only(question, every, parts)))
    return kept, _only(question, every, kept)


def _only(question: Problem, every: Sequence[Part], kept: Sequence[Part]) -> Problem:
    for part in every:
        if part not in kept:
            question = part.without(question)
    return question
