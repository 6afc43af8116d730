"""A page of Markdown as it is read on a terminal: paragraphs in its width, and a table that does not fit row by row. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

_FENCE = "```"
_ITEM = re.compile(r" *(?:[-*]|[0-9]+\.) ")
_OWN_LINE = re.compile(r"#|\||>|<!--|!\[| {4}|$")  # what is not a part of a paragraph
_CELL = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"\|[-|: ]+\|?")


def flowed(page: str, width: int) -> str:
    """The page with each paragraph and each item of a list filled to the width. Examples stay as they are."""
    return "\n".join(line for block in _blocks(page.splitlines()) for line in _shown(block, width))


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Examples, tables, paragraphs with their items, and other lines one by one."""
    block: list[str] = []
    for line in lines:
        if block and not _goes_on(block, line):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _goes_on(block: Sequence[str], line: str) -> bool:
    first = block[0]
    if first.startswith(_FENCE):
        return len(block) == 1 or not block[-1].startswith(_FENCE)
    if first.startswith("|"):
        return line.startswith("|")
    return not (_OWN_LINE.match(first) or _OWN_LINE.match(line) or _ITEM.match(line) or line.startswith(_FENCE))


def _shown(block: Sequence[str], width: int) -> Iterator[str]:
    first = block[0]
    if first.startswith("|"):
        yield from block if max(map(len, block)) <= width else _rows(block, width)
    elif first.startswith(_FENCE) or _OWN_LINE.match(first):
        yield from block
    else:
        item = _ITEM.match(first)
        yield from _filled(" ".join(line.strip() for line in block), width, " " * len(item[0]) if item else "", first)


def _filled(text: str, width: int, rest: str, first: str = "") -> list[str]:
    """Lines of a text; the first begins as far to the right as another text does."""
    indent = first[: len(first) - len(first.lstrip())]
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False)


def _rows(block: Sequence[str], width: int) -> Iterator[str]:
    """Each row of a table: its first cell, and below it the others."""
    for line in block:
        if not _RULE.fullmatch(line):
            first, *others = [cell.strip().replace("\\|", "|") for cell in _CELL.split(line.strip("|"))]
            yield from _filled(first, width, "  ")
            yield from (part for cell in others if cell for part in _filled(cell, width, "    ", "    "))
