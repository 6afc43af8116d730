"""What a new lock changes, for people: each change once, with the cells that it is in; and for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from envgen.model.changes import CellChanges, MovedPackage, Placed
from envgen.model.run import Outcome

_MOST = 15  # changes of a project that are shown one by one
_WIDTH = 80
Line = tuple[str, str]  # a change in words, and what forced it, "" where nothing did


def changes_text(outcomes: Sequence[Outcome]) -> list[str]:
    """For each project that was locked before: how much changed, then each change with what forced it; forced ones first.

    Of many changes the first are shown; `--json` has all.
    """
    by_project: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.changes:
            by_project.setdefault(outcome.resolution.project.name, []).append(outcome)
    return [line for name, found in by_project.items() for line in _of_project(name, found)]


def _of_project(name: str, outcomes: Sequence[Outcome]) -> Iterator[str]:
    cells = {f"{item.resolution.target.name}/{platform}": found for item in outcomes for platform, found in item.changes.items()}
    places: dict[Line, list[str]] = {}
    for cell, found in cells.items():
        for line in _lines(found):
            places.setdefault(line, []).append(cell)
    if not places:
        return
    moved, added, removed = (sum(map(len, rows)) for rows in zip(*map(_rows, cells.values()), strict=True))
    yield f"{name}: {moved} moved, {added} added, {removed} removed in {len(cells)} {'cell' if len(cells) == 1 else 'cells'}"
    ordered = sorted(places, key=lambda line: not line[1])
    for line in ordered[:_MOST]:
        yield from _shown(line, places[line], len(cells))
    if len(ordered) > _MOST:
        yield f"  and {len(ordered) - _MOST} more changes: --json has all"


def _rows(found: CellChanges) -> tuple[Sequence[object], Sequence[object], Sequence[object]]:
    return found.moved, found.added, found.removed


def _lines(found: CellChanges) -> Iterator[Line]:
    yield from ((f"{_named(row)} {row.old} -> {row.new}", row.because) for row in found.moved)
    yield from ((f"+ {_named(row)} {row.version}", "") for row in found.added)
    yield from ((f"- {_named(row)} {row.version}", "") for row in found.removed)


def _named(row: Placed | MovedPackage) -> str:
    """A package as the project could name it: `pip einops` for one of the pip section."""
    return row.name if row.manager == "conda" else f"pip {row.name}"


def _shown(line: Line, cells: Sequence[str], all_cells: int) -> Iterator[str]:
    """A change, where it is if it is not everywhere, and its reason, in lines of at most 80 columns."""
    where = "" if len(cells) == all_cells else f" ({', '.join(cells)})"
    because = f": {line[1]}" if line[1] else ""
    text = f"{line[0]}{where}{because}"
    yield from textwrap.wrap(
        text, _WIDTH, initial_indent="  ", subsequent_indent="      ", break_long_words=False, break_on_hyphens=False
    )


def changes_data(changes: Mapping[str, CellChanges]) -> dict[str, Any]:
    """The changes of one target, by platform."""
    return {
        platform: {
            "added": [_placed(row) for row in found.added],
            "removed": [_placed(row) for row in found.removed],
            "moved": [
                {"name": row.name, "manager": row.manager, "from": row.old, "to": row.new, "because": row.because or None}
                for row in found.moved
            ],
        }
        for platform, found in changes.items()
    }


def _placed(row: Placed) -> dict[str, str]:
    return {"name": row.name, "manager": row.manager, "version": row.version}
