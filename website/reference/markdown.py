"""Pieces of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"(`+[^`]+`+)")
_SPECIAL = re.compile(r"([<>*_\[\]\\])")


def prose(text: str) -> str:
    """A plain text as Markdown that shows it: what Markdown would read as markup is escaped, code in backticks stays."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(part if number % 2 else _escaped(part) for number, part in enumerate(parts))


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda found: found[1] if _inside_a_word(text, found.start()) else f"\\{found[1]}", text)


def _inside_a_word(text: str, place: int) -> bool:
    """Whether a character is an underscore between letters, which is no markup."""
    around = text[max(place - 1, 0) : place + 2]
    return text[place] == "_" and len(around) == 3 and around[0].isalnum() and around[2].isalnum()


def code(text: str) -> str:
    """A text as code."""
    return f"`{text}`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a pipe in a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def page(*parts: str) -> str:
    """Parts of a page with an empty line between them; empty parts are left out."""
    return "\n\n".join(part for part in parts if part) + "\n"
