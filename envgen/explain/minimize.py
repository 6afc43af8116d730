"""The smallest part of a list that still has a property: without any one of its items it would not. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeVar

Item = TypeVar("Item")


def minimal(items: Sequence[Item], still: Callable[[Sequence[Item]], bool]) -> tuple[Item, ...]:
    """What is left of `items` when everything is dropped without which `still` is true; it must be true of all of them.

    Many items at a time first, then one by one until a round drops nothing, so that the answer is right even where `still` is true
    of some items and false of more of them. Nothing is asked twice.
    """

    @cache
    def true_of(places: tuple[int, ...]) -> bool:
        return still([items[place] for place in places])

    kept, size = tuple(range(len(items))), max(1, len(items) // 2)
    while size:
        place, shrunk = 0, False
        while place < len(kept):
            fewer = kept[:place] + kept[place + size :]
            if true_of(fewer):
                kept, shrunk = fewer, True
            else:
                place += size
        size = size // 2 if size > 1 else int(shrunk)
    return tuple(items[place] for place in kept)
