"""The smallest conflict: demands and facts that clash, none of which could be spared. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from envgen.resolve import Question, possible
from envgen.why.demands import demands
from envgen.why.limits import limits
from envgen.why.nouns import Part


def smallest(question: Question) -> tuple[tuple[Part, ...], Question]:
    """The parts of one minimal conflict, and the question in which nothing else is left. `question` must have no answer.

    Parts are dropped while there is still no answer, many at a time first, then one by one until a round drops nothing: what is
    left has no answer, and has one without any one of its parts. (With one demand less a platform can come back, and with it
    what it asks for: so one round is not enough.)
    """
    kept = [*limits(question), *demands(question)]
    every, size = tuple(kept), max(1, len(kept) // 2)
    while size:
        place, shrunk = 0, False
        while place < len(kept):
            fewer = kept[:place] + kept[place + size :]
            if possible(_only(question, every, fewer)):
                place += size
            else:
                kept, shrunk = fewer, True
        size = size // 2 if size > 1 else int(shrunk)
    return tuple(kept), _only(question, every, kept)


def _only(question: Question, every: Sequence[Part], kept: Sequence[Part]) -> Question:
    for part in every:
        if part not in kept:
            question = part.without(question)
    return question
