"""The rows of a file of facts: what is below a key of the file, each with its own text. Pure.

A row is an item of a list or a key of a mapping below a key of the file; what is beside a key is a row as well, and so is a key
that has rows below it. The comments directly above a row belong to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from envgen.yamlfile.nodes import KeyPath, Span, entry_spans

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_LONGEST = 80  # letters of a name


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A row: the key of the file that it is below, by what it is found again, and its lines, with the comments above it."""

    key: str
    name: str
    text: str
    comments: int  # lines of `text` before the row itself

    @property
    def heads(self) -> bool:
        """Whether it is a key of the file: with what stands beside it, or with the rows below it."""
        return self.name == f"{self.key}:"


def file_rows(text: str) -> tuple[FileRow, ...]:
    """The rows of a text that `parse` accepts, which together are the text."""
    found = entry_spans(text)
    starts = _starts(found)
    lines = _LINE.findall(text)  # not splitlines: a quoted value may hold other separators of lines
    if not starts:
        return (FileRow(key="", name="", text=text, comments=0),) if text else ()
    numbers = [text.count("\n", 0, found[path].start) for path in starts]
    begins = [0, *(_lead(lines, one, two) for one, two in pairwise(numbers)), len(lines)]
    return tuple(
        FileRow(key=str(path[0]), name=_name(text, found, path), text="".join(lines[begin:end]), comments=number - begin)
        for path, number, begin, end in zip(starts, numbers, begins, begins[1:], strict=False)
    )


def _starts(found: dict[KeyPath, Span]) -> list[KeyPath]:
    """The paths of the rows in the order of the text; none where the file is written as one `{...}`."""
    if not found or found[()].flow:
        return []
    paths = [path for path in found if len(path) == 1 or (len(path) == 2 and not found[path[:1]].flow)]
    return sorted(paths, key=lambda path: (found[path].start, len(path)))


def _lead(lines: list[str], before: int, row: int) -> int:
    """The number of the first line of a row: of the comments and empty lines above it that are indented no deeper."""
    deep = len(lines[row]) - len(lines[row].lstrip(" "))
    while row - 1 > before and _belongs(lines[row - 1], deep):
        row -= 1
    return row


def _belongs(line: str, deep: int) -> bool:
    plain = line.strip()
    return not plain or (plain.startswith("#") and len(line) - len(line.lstrip(" ")) <= deep)


def _name(text: str, found: dict[KeyPath, Span], path: KeyPath) -> str:
    """The key of the file, and of a row below it its own key, its first key with the value, or its text."""
    if len(path) == 1:
        return f"{path[0]}:"
    if isinstance(path[1], str):
        return f"{path[0]}: {path[1]}"
    inside = [name for name in found if len(name) == 3 and name[:2] == path and isinstance(name[2], str)]
    first = found[min(inside, key=lambda name: found[name].start)] if inside else found[path]
    return " ".join(f"{path[0]}: {text[first.start : first.end]}".split())[:_LONGEST]
