"""Which rows of a fact file differ between two of its texts, and the text with one of these changes alone. Pure.

A row is what stands two spaces deep below a key of a file, with all that is deeper: an item of a list, or a key of a mapping. What
stands beside a key of the file is a row as well. Comments do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import zip_longest

from envgen.model.impact import RowChange, RowKind

_KEY, _ROW, _SILENT = re.compile(r"([A-Za-z][\w-]*):"), re.compile(r"(?:  )?[^\s#]"), re.compile(r"\s*(?:#.*)?")
_LONGEST = 60  # letters of a row that are shown


@dataclass(frozen=True, slots=True)
class _Row:
    """The lines of a row, the key that it is below, and the number of its first line."""

    key: str
    lines: tuple[str, ...]
    line: int

    @property
    def said(self) -> tuple[str, ...]:
        """Its lines without comments."""
        return tuple(line.rstrip() for line in self.lines if not _SILENT.fullmatch(line.rstrip()))

    @property
    def name(self) -> tuple[str, str]:
        """By what it is found again: its key and its first line."""
        return self.key, next(iter(self.said), "")

    @property
    def text(self) -> str:
        """How it is shown."""
        first = re.sub(r"\s+#.*", "", self.name[1].strip().removeprefix("- "))
        short = first if len(first) <= _LONGEST else f"{first[: _LONGEST - 1]}…"
        return short if first.startswith(f"{self.key}:") or not self.key else f"{self.key}: {short}"


@dataclass(frozen=True, slots=True)
class RowEdit:
    """A change of one row, and the text of the file with this change alone."""

    change: RowChange
    text: str


def row_edits(old: str, new: str) -> tuple[RowEdit, ...]:
    """The rows that differ from one text of a file to another, in the order of the file."""
    before, after = tuple(_rows(old)), tuple(_rows(new))
    pairs = SequenceMatcher(None, [row.name for row in before], [row.name for row in after], autojunk=False)
    found = (edit for code in pairs.get_opcodes() for edit in _edits(before, after, *code))
    return tuple(found)


def _rows(text: str) -> Iterator[_Row]:
    key, lines, start = "", list[str](), 1
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if _ROW.match(line):
            if lines:
                yield _Row(key, tuple(lines), start)
            lines, start = [], number
            key = match[1] if (match := _KEY.match(line)) else key
        lines.append(line)
    if lines:
        yield _Row(key, tuple(lines), start)


def _edits(before: Sequence[_Row], after: Sequence[_Row], kind: str, i: int, j: int, m: int, n: int) -> Iterator[RowEdit]:
    """The changes of some rows that were found to be the same, or to have taken the place of others."""
    if kind == "equal" or j - i == n - m:
        for place, (one, two) in enumerate(zip(before[i:j], after[m:n], strict=True), i):
            if one.said != two.said:
                yield _edit(
                    before, place, place + 1, two, RowChange(kind="changed", line=_first_difference(one, two), text=two.text)
                )
        return
    for place, one in enumerate(before[i:j], i):
        yield _edit(before, place, place + 1, None, RowChange(kind="removed", line=one.line, text=one.text))
    for two in after[m:n]:
        yield _edit(before, j, j, two, RowChange(kind="added", line=two.line, text=two.text))


def _edit(before: Sequence[_Row], start: int, end: int, row: _Row | None, change: RowChange) -> RowEdit:
    kept = [line for one in (*before[:start], *([row] if row else []), *before[end:]) for line in one.lines]
    return RowEdit(change, "".join(kept))


def _first_difference(one: _Row, two: _Row) -> int:
    """The number of the first line of the second row that the first does not have in its place."""
    places = (place for place, (a, b) in enumerate(zip_longest(one.lines, two.lines)) if a != b)
    return two.line + min(next(places), len(two.lines) - 1)


def whole_file(old: str | None, new: str | None) -> RowEdit:
    """The change of a file that is taken as a whole: one that is new or gone, or has no rows."""
    kind: RowKind = "added" if old is None else "removed" if new is None else "changed"
    return RowEdit(RowChange(kind=kind, line=1, text=""), new or "")


def at_file(change: RowChange, file: str) -> RowChange:
    """The change, in a file."""
    return replace(change, file=file)
