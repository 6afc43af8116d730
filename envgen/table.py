"""Tables for reports: drawn by rich, one style everywhere; as text where a report has lines around the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from envgen.model.safe_text import safe

if TYPE_CHECKING:
    from rich.table import Table

Align = Literal["left", "right"]
_UNBROKEN = 1_000  # columns: wider than any row


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[str] = (), fold: Sequence[str] = ()) -> Table:
    """A table with one line below the headings. Columns named in `right` are flush right; those in `fold` wrap, others do not.

    Cells are plain text: square brackets in them are not markup.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        justify: Align = "right" if heading in right else "left"
        drawn.add_column(heading, justify=justify, no_wrap=heading not in fold, overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(safe(cell)) for cell in row))
    return drawn


def grid(rows: Iterable[tuple[str, str]], *, label_width: int = 0) -> Table:
    """Labels and texts in two columns without headings; texts wrap, labels do not. `label_width` is the least for the labels."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table.grid(padding=(0, 2), pad_edge=False)
    drawn.add_column(no_wrap=True, min_width=label_width)
    drawn.add_column(overflow="fold")
    for label, text in rows:
        drawn.add_row(Text(safe(label)), Text(safe(text)))
    return drawn


def lines(drawn: Table, width: int) -> tuple[str, ...]:
    """The lines of a table, without colour, no wider than `width` columns; trailing blanks are cut."""
    from io import StringIO

    from rich.console import Console

    out = StringIO()
    Console(file=out, width=width, color_system=None, force_terminal=False).print(drawn)
    return tuple(line.rstrip() for line in out.getvalue().splitlines() if line.strip())


def grouped(headings: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], *, right: Sequence[str] = ()) -> str:
    """A table as text, with a title above each run of rows that share it. No line is broken."""
    drawn = table(headings, (cells for _, cells in rows), right=right)
    heading, underline, *body = (f" {line}" for line in lines(drawn, _UNBROKEN))
    page, last = [heading, underline], ""
    for (title, _), line in zip(rows, body, strict=True):
        page += [line] if title == last else [title, line]
        last = title
    return "\n".join(page)
