"""A Difference for people and for programs: a page of at most 80 columns, and JSON. Pure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from envgen.diff.cell import ENVIRONMENT
from envgen.diff.model import CellPlace, CellSummary, ChangeKind, Difference, LockChange
from envgen.diff.places import cell_text, cells_text, lock_text
from envgen.model.layout import lock_name

Item = TypeVar("Item")
WIDTH = 80
_SCREEN = 20  # lines
_MOST = 30  # upgrades that the page shows one by one; --all shows the rest

# The parts of a report, in their order: the heading and the kinds of change below it.
SECTIONS: tuple[tuple[str, tuple[ChangeKind, ...]], ...] = (
    ("CPU or CUDA", ("flip",)),
    ("CUDA, driver, cuDNN", ("cuda", "driver", "cudnn")),
    ("Another source, or the same version with another content", ("hash", "source")),
    ("Python", ("python",)),
    ("Frameworks", ("framework",)),
    ("Now apart between CPU and CUDA", ("apart",)),
    ("Downgrades", ("downgrade",)),
    ("Removed", ("removed",)),
    ("Added", ("added",)),
    ("Upgrades", ("upgrade",)),
)


def diff_text(found: Difference, *, everything: bool = False) -> str:
    """All that changes, what matters first. Of many upgrades the first are shown, unless `everything` is."""
    blocks = [[headline(found)], *_first_screen(found), *_unread(found), *_cells(found)]
    blocks += [*_sections(found, SECTIONS[2:], everything=everything), *_folded(found, everything=everything), *_downloads(found)]
    return "\n".join(line for block in blocks for line in block)


def headline(found: Difference) -> str:
    """What is compared, and how much of it changes."""
    red = len({change.name for change in found.of("hash")})
    flagged = f"; RED FLAG: {_count(red, 'package')} with another content at the same version" if red else ""
    return f"{found.base} -> {found.head}: {amount(found)}{flagged}"


def amount(found: Difference) -> str:
    """How many of the locks and cells change."""
    locks = {place.lock for place in found.changed} | {one.place.lock for one in (*found.came, *found.went)}
    if not found:
        return f"nothing changes in {_count(found.compared, 'lock')}"
    return f"{len(locks)} of {_count(found.compared, 'lock')} change, {_count(len(found.changed), 'cell')} in them"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _first_screen(found: Difference) -> list[list[str]]:
    """Each flip and each move of CUDA; in fewer words where there are more than fit a screen."""
    fine = list(_sections(found, SECTIONS[:2], everything=True))
    return fine if sum(map(len, fine)) < _SCREEN else list(_sections(found, SECTIONS[:2], everything=True, coarse=True))


def _unread(found: Difference) -> Iterator[list[str]]:
    if found.unread:
        yield ["", "Cannot be read", *(line for side, _, why in found.unread for line in wrapped(f"in {side}: {why}"))]


def _sections(
    found: Difference, sections: Iterable[tuple[str, tuple[ChangeKind, ...]]], *, everything: bool, coarse: bool = False
) -> Iterator[list[str]]:
    for heading, kinds in sections:
        lines = list(change_lines(found, kinds, coarse=coarse))
        if lines:
            shown = lines if everything or len(lines) <= _MOST else lines[:_MOST]
            more = [f"  and {len(lines) - len(shown)} more: --all shows them"] if len(shown) < len(lines) else []
            rows = (part for line in shown for part in wrapped(line))
            yield ["", _heading(heading, counted(found, kinds, len(lines))), *rows, *more]


def counted(found: Difference, kinds: tuple[ChangeKind, ...], lines: int) -> int:
    """How much a part of a report has: the packages that come or go, of which a line has many; else its lines."""
    return len({change.name for change in found.of(*kinds)}) if set(kinds) <= {"added", "removed"} else lines


def _heading(text: str, count: int) -> str:
    return f"{text} ({count})"


def wrapped(text: str) -> list[str]:
    """A line of at most 80 columns, and those that continue it."""
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False)


# --- changes in words -------------------------------------------------------------------------------------------------------


Mark = Callable[[str], str]
"""How a name or a version from a lock is written: plain, or so that nothing in it is read as markup."""


def plain(text: str) -> str:
    """A name or a version as it is."""
    return text


def change_lines(
    found: Difference, kinds: tuple[ChangeKind, ...], mark: Mark = plain, arrow: str = "->", *, coarse: bool = False
) -> Iterator[str]:
    """A line for each change of some kinds. Packages that change in the same way in the same cells share one.

    With `coarse` they share it wherever they are, and the line has all the cells.
    """
    groups: dict[tuple[object, ...], list[LockChange]] = {}
    for change in found.of(*kinds):
        groups.setdefault((change.kind, change.old, change.new) if coarse else _key(change), []).append(change)
    for group in groups.values():
        cells = {cell for change in group for cell in change.cells}
        where = cells_text(cells, found.changed, found.known)
        place = where if where.startswith("in all ") or not where else f"in {mark(where.removeprefix('in '))}"
        for changes in chunks(group):
            yield f"{_text(changes, mark, arrow)} {place}".rstrip()


def chunks(items: Sequence[Item], size: int = 25) -> Iterator[Sequence[Item]]:
    """A long list in parts, for lines that are not endless."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _key(change: LockChange) -> tuple[object, ...]:
    """What several changes must share to be told in one line."""
    same = (change.kind, change.cells)
    if change.kind in ("flip", "cuda"):
        return (*same, change.old, change.new, change.name == ENVIRONMENT)
    if change.kind == "source":
        return (*same, change.old, change.new)
    if change.kind in ("added", "removed"):
        return same
    return (*same, change.name, change.old, change.new, change.detail)


def _text(changes: Sequence[LockChange], mark: Mark, arrow: str) -> str:
    one = changes[0]
    if one.kind in ("added", "removed"):
        return ", ".join(_package(change, mark) for change in changes)
    moved = f"{mark(one.old or 'none')} {arrow} {mark(one.new or 'none')}"
    if one.kind in ("flip", "cuda", "source"):
        return f"{moved}: {', '.join(dict.fromkeys(_named(change, mark, arrow) for change in changes))}"
    if one.kind == "apart":
        return f"{mark(one.name)} {mark(one.old)} on CPU, {mark(one.new)} with CUDA"
    if one.kind == "framework" and not (one.old and one.new):
        return f"{mark(one.name)} {mark(one.old or one.new)} {'removed' if one.old else 'added'}"
    detail = f" ({mark(one.detail)})" if one.detail else ""
    return f"{mark(one.name)} {moved}{detail}"


def _package(change: LockChange, mark: Mark) -> str:
    version = change.old or change.new
    detail = f" ({mark(change.detail)})" if change.detail.startswith("CUDA") else ""
    return f"{mark(change.name)} {mark(version)}".rstrip() + detail


def _named(change: LockChange, mark: Mark, arrow: str) -> str:
    if change.name == ENVIRONMENT:
        return "the environment"
    return f"{mark(change.name)} {mark(change.detail.replace('->', arrow))}".rstrip()


# --- cells, rebuilds, downloads -----------------------------------------------------------------------------------------------


def _cells(found: Difference) -> Iterator[list[str]]:
    lines = [f"{lock_name(old)} -> {lock_name(new)}: renamed" for old, new in found.renamed]
    lines += [f"+ {summary_text(one)}" for one in found.came] + [f"- {summary_text(one)}" for one in found.went]
    if lines:
        yield ["", _heading("Cells that come or go", len(lines)), *(part for line in lines for part in wrapped(line))]


def summary_text(one: CellSummary) -> str:
    """A cell in one line: what its packages make of it, the driver that it needs, how many packages it has."""
    driver = f", driver >={one.driver}" if one.driver else ""
    return f"{cell_text(one.place)}: {one.claim}{driver}, {_count(one.packages, 'package')}"


def _folded(found: Difference, *, everything: bool) -> Iterator[list[str]]:
    """What is rebuilt, and what comes from another address with the same content: names alone."""
    for heading, kind in FOLDED:
        names = sorted({change.name for change in found.of(kind)})
        if names:
            shown = names if everything else names[:_MOST]
            more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
            yield ["", _heading(heading, len(names)), *wrapped(f"{', '.join(shown)}{more}")]


FOLDED: tuple[tuple[str, ChangeKind], ...] = (
    ("Rebuilt at the same version", "rebuild"),
    ("Same content from another address", "address"),
)
_SHOWN_SIZES = 5


def _downloads(found: Difference) -> Iterator[list[str]]:
    lines = list(download_lines(found))
    if lines:
        yield ["", "Download", *(part for line in lines for part in wrapped(line))]


def download_lines(found: Difference, mark: Mark = plain, arrow: str = "->") -> Iterator[str]:
    """What cells download before and after, those that change most first; of many the first."""
    rows = [(abs(one.new - one.old), one) for one in found.resized if one.old is not None and one.new is not None]
    rows = [row for row in sorted(rows, key=lambda row: (-row[0], row[1].place)) if row[0] >= 50_000]
    for _, one in rows[:_SHOWN_SIZES]:
        yield f"{mark(cell_text(one.place))}: {_megabytes(one.old)} {arrow} {_megabytes(one.new)} ({_delta(one.old, one.new)})"
    if len(rows) > _SHOWN_SIZES:
        yield f"and {_count(len(rows) - _SHOWN_SIZES, 'cell')} more that change by less"


def _megabytes(size: int | None) -> str:
    return f"{(size or 0) / 1e6:,.1f} MB"


def _delta(old: int | None, new: int | None) -> str:
    return f"{((new or 0) - (old or 0)) / 1e6:+,.1f} MB"


# --- JSON ---------------------------------------------------------------------------------------------------------------------


def diff_json(found: Difference) -> str:
    """All of it for a program."""
    return json.dumps(diff_data(found), indent=2)


def diff_data(found: Difference) -> dict[str, Any]:
    """A Difference as plain values."""
    return {
        "base": found.base,
        "head": found.head,
        "locks": found.compared,
        "cells_changed": [_place(place) for place in found.changed],
        "changes": [_change(change) for change in found.changes],
        "cells_added": [_summary(one) for one in found.came],
        "cells_removed": [_summary(one) for one in found.went],
        "renamed": [{"from": old, "to": new} for old, new in found.renamed],
        "downloads": [{**_place(one.place), "from": one.old, "to": one.new} for one in found.resized],
        "unread": [{"side": side, "lock": lock, "error": why} for side, lock, why in found.unread],
    }


def _place(place: CellPlace) -> dict[str, str]:
    return {"lock": place.lock, "environment": place.environment, "platform": place.platform, "name": lock_text(place)}


def _change(change: LockChange) -> dict[str, Any]:
    values = {"kind": change.kind, "name": change.name, "from": change.old or None, "to": change.new or None}
    return {**values, "detail": change.detail or None, "cells": [_place(place) for place in change.cells]}


def _summary(one: CellSummary) -> dict[str, Any]:
    return {**_place(one.place), "claim": one.claim, "packages": one.packages, "driver": one.driver or None}
