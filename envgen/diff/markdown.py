"""A Difference as Markdown: a comment of a pull request, in which nothing from a lock is read as markup. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from envgen.diff.model import Difference
from envgen.diff.report import FOLDED, SECTIONS, amount, change_lines, chunks, counted, download_lines, summary_text
from envgen.model.layout import lock_name
from envgen.model.text import one_line

MARK = "<!-- envgen diff -->"
"""The first line of a comment, by which a workflow finds the comment that it wrote before."""

LONGEST = 65_000  # characters; GitHub takes 65,536
_NOTE = 2_000  # what is kept free for the note about what was cut
_OPEN = 6  # sections that are not collapsed, the first ones


class CommentSection(NamedTuple):
    """A heading, the lines below it, and whether it is collapsed at first."""

    heading: str
    lines: tuple[str, ...]
    collapsed: bool


def diff_markdown(found: Difference, longest: int = LONGEST) -> str:
    """All that changes, what matters first, in at most `longest` characters; says what was cut."""
    head = [MARK, f"### Locks: {amount(found)}", "", f"{code(found.base)} → {code(found.head)}", *_flag(found)]
    blocks, left, cut = ["\n".join(head)], longest - _NOTE - len("\n".join(head)), []
    for section in _sections(found):
        block, missing = _fitting(section, left)
        left -= len(block) + 2
        blocks += [block] if block else []
        cut += [f"{missing:,} of {len(section.lines):,} lines of “{section.heading}”"] if missing else []
    if cut:
        blocks.append(f"**Cut to fit a comment**: {', '.join(cut)}. `envgen diff --all` and `--html` show everything.")
    return "\n\n".join(blocks)


def code(text: str) -> str:
    """A text as a code span: one line, in which nothing is markup, a mention or an order."""
    text = one_line(text)
    fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text else ""


def _flag(found: Difference) -> Iterator[str]:
    red = sorted({change.name for change in found.of("hash")})
    if red:
        more = f" and {len(red) - 10} more" if len(red) > 10 else ""
        yield ""
        yield "> [!CAUTION]"
        yield f"> Another content, or no hash any more, at the same version: {', '.join(map(code, red[:10]))}{more}"


def _sections(found: Difference) -> Iterator[CommentSection]:
    yield from _of("Cannot be read", (f"in {code(side)}: {code(why)}" for side, _, why in found.unread))
    for place, (heading, kinds) in enumerate(SECTIONS):
        if place == 2:
            yield from _of("Cells that come or go", _cells(found))
        lines = tuple(change_lines(found, kinds, code, "→"))
        yield from _of(heading, lines, collapsed=place >= _OPEN, count=counted(found, kinds, len(lines)))
    for heading, kind in FOLDED:
        names = sorted({change.name for change in found.of(kind)})
        yield from _of(heading, (", ".join(map(code, part)) for part in chunks(names)), collapsed=True, count=len(names))
    yield from _of("Download", download_lines(found, code, "→"), count=0)


def _of(heading: str, lines: Iterable[str], *, collapsed: bool = False, count: int | None = None) -> Iterator[CommentSection]:
    """A section, with how much it has: `count`, else its lines; 0 is not said."""
    rows = tuple(lines)
    number = len(rows) if count is None else count
    if rows:
        yield CommentSection(f"{heading} ({number})" if number else heading, rows, collapsed)


def _cells(found: Difference) -> Iterator[str]:
    yield from (f"{code(lock_name(old))} → {code(lock_name(new))}: renamed" for old, new in found.renamed)
    yield from (f"new: {code(summary_text(one))}" for one in found.came)
    yield from (f"gone: {code(summary_text(one))}" for one in found.went)


def _fitting(section: CommentSection, left: int) -> tuple[str, int]:
    """As much of a section as fits, and how many of its lines do not."""
    opening, closing = f"**{section.heading}**\n\n", ""
    if section.collapsed:
        opening, closing = f"<details><summary>{section.heading}</summary>\n\n", "\n\n</details>"
    left -= len(opening) + len(closing)
    lines: list[str] = []
    for line in section.lines:
        left -= len(line) + 3
        if left < 0:
            break
        lines.append(f"- {line}")
    body = "\n".join(lines)
    return f"{opening}{body}{closing}" if lines else "", len(section.lines) - len(lines)
