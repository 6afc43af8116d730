"""TOML that another tool wrote, or a stranger: its data, and the lines of its tables."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from envgen.model.address import Address
from envgen.model.endless import no_endless_number
from envgen.model.errors import BadInput

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_TOKEN = re.compile(
    r'''"""(?:[^"\\]|\\.|"{1,2}(?!"))*"""|"(?:[^"\\\n]|\\.)*"|'{3}.*?'{3}|'[^'\n]*'|#[^\n]*|[\[\]{},\n]''', re.DOTALL
)  # what may hold a bracket or a line end, and those themselves
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$| \(at end of document\)$")


def parsed_toml(text: str, shown: str, hint: str) -> dict[str, Any]:
    """What a text of TOML holds. Raises BadInput with the line, also for one that is nested without end or has endless numbers."""
    no_endless_number(text, shown)
    try:
        return _loaded(text)
    except RecursionError:
        raise BadInput("not TOML that can be read: nested too deeply", where=Address(shown, 1, 1), hint=hint) from None
    except ValueError as error:  # tomllib's own error is one
        found = _PLACE.search(str(error))
        line, column = (int(found[1]), int(found[2])) if found and found[1] else (text.count("\n") + 1 if found else 1, 1)
        what = f"not TOML: {_PLACE.sub('', str(error))}"
        raise BadInput(what, where=Address(shown, line, column), hint=hint) from None


def _loaded(text: str) -> dict[str, Any]:
    """What a text holds; also one of TOML 1.1, which the standard library reads from Python 3.15 on."""
    try:
        return tomllib.loads(text)
    except ValueError:
        return tomllib.loads(with_tables_in_one_line(text))


def with_tables_in_one_line(text: str) -> str:
    """A text without what only TOML 1.1 allows in inline tables: line ends, comments, a last comma. It keeps its count of lines."""
    parts: list[str] = []
    opened: list[str] = []
    at = depth = removed = 0
    for found in _TOKEN.finditer(text):
        parts.append(text[at : found.start()])
        at, part = found.end(), found[0]
        if opened[-1:] == ["{"] and part[0] in "\n#":
            removed += part[0] == "\n"
            part = " "
        elif part[0] in "{[":
            opened.append(part)
            depth += part[0] == "{"
        elif part[0] in "}]" and opened:
            depth -= opened.pop() == "{"
            if part[0] == "}":
                _drop_last_comma(parts)
            if depth == 0:
                part, removed = part + "\n" * removed, 0
        parts.append(part)
    return "".join((*parts, text[at:]))


def _drop_last_comma(parts: list[str]) -> None:
    """Take away a comma that only blanks follow."""
    place = next((n for n in range(len(parts) - 1, -1, -1) if parts[n].strip()), None)
    if place is not None and parts[place] == ",":
        parts[place] = ""


def table_lines(text: str, name: str) -> list[int]:
    """The line of each table of an array: of every `[[name]]`, in their order."""
    return [number for number, line in enumerate(text.split("\n"), 1) if line.startswith(f"[[{name}]]")]


class Table:
    """A table of a lock, and where it is written. Raises BadInput where a value is missing or of another kind."""

    def __init__(self, data: Any, at: Address, hint: str) -> None:
        if not isinstance(data, Mapping):
            raise BadInput(f"expected a table, not {_kind(data)}", where=at, hint=hint)
        self.data = data
        self.at = at
        self.hint = hint

    def text(self, key: str) -> str:
        """The text of a key; "" without it."""
        value = self.data.get(key, "")
        if not isinstance(value, str):
            raise BadInput(f"expected `{key}` to be a text, not {_kind(value)}", where=self.at, hint=self.hint)
        return value

    def table(self, key: str) -> Table:
        """The table of a key; an empty one without it."""
        return Table(self.data.get(key, {}), self.at, self.hint)

    def tables(self, key: str) -> list[Table]:
        """The tables in the list of a key."""
        return [Table(each, self.at, self.hint) for each in self.items(key)]

    def texts(self, key: str) -> list[str]:
        """The texts in the list of a key."""
        found = self.items(key)
        if not all(isinstance(each, str) for each in found):
            raise BadInput(f"expected `{key}` to be a list of texts", where=self.at, hint=self.hint)
        return [str(each) for each in found]

    def items(self, key: str) -> Sequence[Any]:
        """The list of a key, whatever is in it; an empty one without it."""
        value = self.data.get(key, [])
        if not isinstance(value, list):
            raise BadInput(f"expected `{key}` to be a list, not {_kind(value)}", where=self.at, hint=self.hint)
        return value


def _kind(value: Any) -> str:
    kinds = {dict: "a table", list: "a list", str: "a text", bool: "a truth value", int: "a number", float: "a number"}
    return kinds.get(type(value), "a date")
