"""Where the values of a TOML file are written: tomllib does not say. Pure."""

from __future__ import annotations

import re

from envgen.model.address import Address

_TABLE = re.compile(r"\s*\[\[?\s*(?P<name>[^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*(?P<key>\"[^\"]+\"|'[^']+'|[A-Za-z0-9_.-]+)\s*=")
_PART = re.compile(r"\"([^\"]+)\"|'([^']+)'|([^.\s]+)")


class TomlLines:
    """The lines of the tables and keys of a text."""

    def __init__(self, text: str, shown: str) -> None:
        self._shown = shown
        self._lines = text.splitlines()
        self._found: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        for number, line in enumerate(self._lines, 1):
            if head := _TABLE.match(line):
                table = _parts(head["name"])
                for length in range(len(table), 0, -1):
                    self._found.setdefault(table[:length], number)
            elif key := _KEY.match(line):
                self._found.setdefault((*table, *_parts(key["key"])), number)

    def at(self, *path: str) -> Address:
        """Where a key is written; where it is in an inline table, the line of the nearest key around it."""
        while path and path not in self._found:
            path = path[:-1]
        return Address(self._shown, self._found.get(path, 1), 1)

    def item(self, text: str, *path: str) -> Address:
        """Where an item of a list is written: the first line with its text from that of the key on."""
        first = self.at(*path).line
        number = next((n for n, line in enumerate(self._lines[first - 1 :], first) if text in line), first)
        return Address(self._shown, number, 1)


def _parts(name: str) -> tuple[str, ...]:
    return tuple(next(filter(None, found)) for found in _PART.findall(name))
