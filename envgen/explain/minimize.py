"""The smallest part of a list that still has a property, none of whose items could be spared. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def unsparable(items: Sequence[Item], still: Callable[[Sequence[Item]], bool]) -> tuple[Item, ...]:
    """What is left of `items` when everything is dropped without which `still` holds; it must hold for all of them.

    Many at a time first, then one by one until a round drops nothing: so it is right for what is not monotone, too.
    """
    kept, size = list(items), max(1, len(items) // 2)
    while size:
        place, shrunk = 0, False
        while place < len(kept):
            fewer = kept[:place] + kept[place + size :]
            if still(fewer):
                kept, shrunk = fewer, True
            else:
                place += size
        size = size // 2 if size > 1 else int(shrunk)
    return tuple(kept)
