"""Tables for reports: one style everywhere; where they are too wide, columns give way and no word is broken.

rich draws what wraps or is not ASCII. Importing it takes longer than most commands do, and most tables have neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from envgen.model.safe_text import safe

Align = Literal["left", "right"]
UNBOUNDED = 10_000
"""Columns: wider than any row."""
_BETWEEN, _EDGES = 3, 2  # columns between two cells, and at both ends of a row together


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """Headings and rows of plain text. Columns in `right` are flush right.

    Where a table is too wide, the columns in `spare` are left out, the first one first; those in `fold` wrap between words.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[str] = frozenset()
    fold: frozenset[str] = frozenset()
    spare: tuple[str, ...] = ()

    def without(self, heading: str) -> TextTable:
        """The table without a column."""
        place = self.headings.index(heading)
        headings, *rows = (tuple(row[:place] + row[place + 1 :]) for row in (self.headings, *self.rows))
        spare = tuple(name for name in self.spare if name != heading)
        return TextTable(headings=headings, rows=tuple(rows), right=self.right, fold=self.fold, spare=spare)


def table(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Sequence[str] = (),
    fold: Sequence[str] = (),
    spare: Sequence[str] = (),
) -> TextTable:
    """A table of these cells, in which nothing steers a terminal."""
    cells = tuple(tuple(map(safe, row)) for row in rows)
    return TextTable(headings=tuple(headings), rows=cells, right=frozenset(right), fold=frozenset(fold), spare=tuple(spare))


def lines(found: TextTable, width: int) -> tuple[str, ...]:
    """The lines of a table, no wider than `width` columns if its words allow it, then what was left out."""
    fitting = fitted(found, width)
    return (*_drawn(fitting, width), *_gone(found, fitting))


def grouped(found: TextTable, titles: Sequence[str], width: int = UNBOUNDED) -> str:
    """A table as text, with a title above each run of rows that share it; a row has one line."""
    fitting = fitted(found, width - 1)
    heading, underline, *body = (f" {line}" for line in _drawn(fitting, UNBOUNDED))
    page, last = [heading, underline], ""
    for title, line in zip(titles, body, strict=True):
        page += [line] if title == last else [title, line]
        last = title
    return "\n".join((*page, *_gone(found, fitting)))


def _gone(found: TextTable, fitting: TextTable) -> tuple[str, ...]:
    """A line that names the columns that were left out."""
    gone = [name for name in found.spare if name not in fitting.headings]
    return (f"(no room for {', '.join(gone)}: a wider terminal or --json shows more)",) if gone else ()


def grid(rows: Iterable[tuple[str, str]], width: int, *, label_width: int = 0) -> tuple[str, ...]:
    """Lines of labels and texts in two columns; texts wrap, labels do not. `label_width` is the least for the labels."""
    from rich.table import Table as Drawn
    from rich.text import Text

    drawn = Drawn.grid(padding=(0, 2), pad_edge=False)
    drawn.add_column(no_wrap=True, min_width=label_width)
    drawn.add_column(overflow="fold")
    for label, text in rows:
        drawn.add_row(Text(safe(label)), Text(safe(text)))
    return _printed(drawn, width)


def fitted(found: TextTable, width: int) -> TextTable:
    """The table without the spare columns for which `width` has no room, even where the others wrap."""
    while found.spare and _total(_least(found)) > width:
        found = found.without(found.spare[0])
    return found


def _drawn(found: TextTable, width: int) -> tuple[str, ...]:
    widths = _widths(found, width)
    cells = [pair for row in (found.headings, *found.rows) for pair in zip(row, widths, strict=True)]
    is_plain = all(cell.isascii() and cell.isprintable() and cell == cell.strip() and len(cell) <= most for cell, most in cells)
    return _drawn_plainly(found, widths) if is_plain else _drawn_by_rich(found, widths)


def _drawn_plainly(found: TextTable, widths: Sequence[int]) -> tuple[str, ...]:
    """Each row in one line, as rich draws it."""
    between = " " * _BETWEEN

    def line(row: Sequence[str]) -> str:
        cells = zip(found.headings, row, widths, strict=True)
        return (
            f" {between.join(text.rjust(most) if name in found.right else text.ljust(most) for name, text, most in cells)}".rstrip()
        )

    rule = "─" * (_total(widths) - _EDGES)
    return tuple(filter(None, (line(found.headings), f" {rule}", *map(line, found.rows))))


def _drawn_by_rich(found: TextTable, widths: Sequence[int]) -> tuple[str, ...]:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table as Drawn
    from rich.text import Text

    drawn = Drawn(box=SIMPLE_HEAD, pad_edge=False)
    for heading, columns in zip(found.headings, widths, strict=True):
        justify: Align = "right" if heading in found.right else "left"
        drawn.add_column(heading, justify=justify, no_wrap=heading not in found.fold, overflow="fold", width=columns)
    for row in found.rows:
        drawn.add_row(*map(Text, row))
    return _printed(drawn, UNBOUNDED)


def _widths(found: TextTable, width: int) -> list[int]:
    """The columns of each cell: what its words need, and of the room that is left as much as its lines need, from the left on."""
    least, whole = _least(found), _columns(found, whole=True)
    room = max(0, width - _total(least))
    for place, (few, many) in enumerate(zip(least, whole, strict=True)):
        least[place] = few + min(room, many - few)
        room -= least[place] - few
    return least


def _least(found: TextTable) -> list[int]:
    return _columns(found, whole=False)


def _columns(found: TextTable, *, whole: bool) -> list[int]:
    """The widest line of each column; of those that fold, unless they are `whole`, the widest word."""
    columns = []
    for heading, *cells in zip(found.headings, *found.rows, strict=True):
        words = heading in found.fold and not whole
        parts = (part for cell in (heading, *cells) for part in (cell.split() if words else cell.splitlines()))
        columns.append(max(map(_length, parts), default=0))
    return columns


def _length(text: str) -> int:
    """How many columns a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _total(columns: Sequence[int]) -> int:
    return sum(columns) + _BETWEEN * (len(columns) - 1) + _EDGES


def _printed(drawn: object, width: int) -> tuple[str, ...]:
    """The lines of something of rich's, without colour; trailing blanks are cut."""
    from io import StringIO

    from rich.console import Console

    out = StringIO()
    Console(file=out, width=width, color_system=None, force_terminal=False).print(drawn)
    return tuple(line.rstrip() for line in out.getvalue().splitlines() if line.strip())
