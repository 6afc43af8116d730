"""Plain data with each text and each set of keys once, for the page, which holds thousands of them; `names.js` undoes it. Pure.

A text is its number, a number n is -1 - n, and a mapping is a list that begins with the number of its keys as a text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

Keys = tuple[str, ...]


def packed(data: Any) -> list[Any]:
    """The texts, the most frequent first; the sets of keys; the data with numbers in their places."""
    count, keys = Counter(_texts(data)), {row: place for place, row in enumerate(dict.fromkeys(_keys(data)))}
    texts = {text: place for place, (text, _) in enumerate(sorted(count.items(), key=lambda row: (-row[1], row[0])))}
    return [list(texts), list(keys), _numbered(data, texts, keys)]


def _numbered(data: Any, texts: Mapping[str, int], keys: Mapping[Keys, int]) -> Any:
    if isinstance(data, str):
        return texts[data]
    if data is None or isinstance(data, bool):
        return data
    if isinstance(data, int):
        return -1 - data
    if isinstance(data, Mapping):
        return [str(keys[tuple(data)]), *(_numbered(value, texts, keys) for value in data.values())]
    return [_numbered(value, texts, keys) for value in data]


def _parts(data: Any) -> Iterator[Any]:
    """The data and everything in it."""
    yield data
    if isinstance(data, Mapping):
        data = data.values()
    elif not isinstance(data, (list, tuple)):
        return
    for value in data:
        yield from _parts(value)


def _texts(data: Any) -> Iterator[str]:
    return (part for part in _parts(data) if isinstance(part, str))


def _keys(data: Any) -> Iterator[Keys]:
    return (tuple(part) for part in _parts(data) if isinstance(part, Mapping))
