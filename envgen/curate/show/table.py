"""The grid as tables that fit a terminal, and as JSON. Strings only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from textwrap import fill, wrap
from typing import Any

from packaging.version import Version

from envgen.curate.show.grid import ConstraintResult, GridCell, Status, gpu_text
from envgen.curate.show.groups import cpu_then_newest
from envgen.curate.show.query import Query
from envgen.model.facts import Variant, driver_text, variant_text
from envgen.model.text import minors_text
from envgen.table import lines, table

_REASONS = 6  # how many of each kind are shown without --all
_RELEASE, _GAP = "release", 3  # the first column of a table, and the space between its columns
_LEGEND = (
    ("3.10-3.13", "a build that fits, with these Pythons"),
    ("3.10-3.13!", "a build that fits, with a warning: see below"),
    ("x driver", "a build that does not fit, because of this"),
)
_TITLES: tuple[tuple[Status, str], ...] = (("warn", "warnings"), ("out", "why the rest does not fit"))


def grid_text(cells: Sequence[GridCell], query: Query, width: int, *, everything: bool) -> str:
    """A table for each framework and provider, the legend, and the reasons. No line is wider than `width`.

    Rows and columns in which nothing is left are shown only with `everything`.
    """
    blocks = [_query_text(query)]
    for (framework, provider, platform), group in groupby(sorted(cells, key=_table_of), key=_table_of):
        rows = list(group)
        text = f"{framework} from {provider} on {platform}{_built_against(rows)}: release by CUDA"
        title = fill(text, width, subsequent_indent="  ")
        blocks.append("\n".join((title, *_table(rows, width, everything=everything))))
    absent = [name for name in query.frameworks if name not in {cell.group.release.framework for cell in cells}]
    blocks += [f"{name} has no builds for {query.platform or 'any platform'}" for name in absent]
    blocks.append("\n".join(f"  {mark:<11} {meaning}" for mark, meaning in _LEGEND))
    for status, title in _TITLES:
        reasons = list(_reasons(cells, status, width, everything=everything))
        blocks += ["\n".join((title, *reasons))] if reasons else []
    return "\n\n".join(blocks)


def _query_text(query: Query) -> str:
    driver = f"driver {driver_text(query.driver)}" if query.driver else "any driver"
    gpus = " and ".join(map(gpu_text, query.gpus)) or "any GPU"
    return f"{driver}, {gpus}, {f'python {query.python}' if query.python else 'any python'}"


# --- tables ---------------------------------------------------------------------------------------------------------------


def _table_of(cell: GridCell) -> tuple[str, str, str]:
    return cell.group.release.framework, cell.group.provider, cell.group.platform


def _built_against(cells: Sequence[GridCell]) -> str:
    """`, built against pytorch from conda-forge`, of a companion whose rows say it."""
    found = dict.fromkeys((cell.group.host, name) for cell in cells for name in cell.group.built_against)
    providers = " or ".join(name for _, name in found)
    return f", built against {next(iter(found))[0]} from {providers}" if found else ""


def _table(cells: Sequence[GridCell], width: int, *, everything: bool) -> Iterator[str]:
    shown = [cell for cell in cells if everything or cell.pythons]
    if not shown:
        yield "  nothing is left"
        return
    columns = cpu_then_newest({cell.group.variant for cell in shown})
    rows = {cell.group.release.version for cell in shown}
    yield from _drawn(_rows([cell for cell in cells if cell.group.release.version in rows], columns), columns, width)
    releases = {cell.group.release.version for cell in cells} - rows
    hidden = [variant_text(variant) for variant in cpu_then_newest({cell.group.variant for cell in cells} - set(columns))]
    hidden += [f"{len(releases)} release{'s' if len(releases) > 1 else ''}"] if releases else []
    if hidden:
        text = f"nothing is left of {', '.join(hidden)} (--all shows them)"
        yield from wrap(text, width, initial_indent="  ", subsequent_indent="    ")


def _rows(cells: Sequence[GridCell], columns: Sequence[Variant]) -> list[tuple[str, ...]]:
    """A row for each release, or for neighbouring releases with the same marks: the releases, then a mark for each column."""
    marks: dict[Version, dict[Variant, str]] = {}
    for cell in cells:
        marks.setdefault(cell.group.release.version, {})[cell.group.variant] = _mark(cell)
    rows = ((str(release), tuple(row.get(column, "") for column in columns)) for release, row in marks.items())
    return [(_span([release for release, _ in group]), *texts) for texts, group in groupby(rows, key=lambda row: row[1])]


def _mark(cell: GridCell) -> str:
    if cell.verdict == "out":
        return f"x {next(result.constraint.axis for result in cell.results if result.status == 'out')}"
    return minors_text(cell.pythons).replace(" ", "") + ("!" if cell.verdict == "warn" else "")


def _span(releases: Sequence[str]) -> str:
    return ", ".join(releases) if len(releases) < 3 else f"{releases[0]} ... {releases[-1]}"


def _drawn(rows: Sequence[tuple[str, ...]], columns: Sequence[Variant], width: int) -> Iterator[str]:
    """As many columns side by side as fit; the others below, in tables with the rows that have a mark there."""
    headings = [str(column or "cpu") for column in columns]
    widths = [max(map(len, texts)) + _GAP for texts in zip(headings, *(row[1:] for row in rows), strict=True)]
    first, room = 0, width - max(len(name) for name in (_RELEASE, *(row[0] for row in rows))) - _GAP
    while first < len(headings):
        last = first + 1
        while last < len(headings) and sum(widths[first : last + 1]) <= room:
            last += 1
        part = [(row[0], *row[first + 1 : last + 1]) for row in rows if any(row[first + 1 : last + 1])]
        yield from lines(table((_RELEASE, *headings[first:last]), part), width)
        first = last


# --- reasons --------------------------------------------------------------------------------------------------------------


def _reasons(cells: Iterable[GridCell], status: Status, width: int, *, everything: bool) -> Iterator[str]:
    """Each reason once, those of the newest releases first: what it is, its source, and what would make the build fit."""
    groups: dict[tuple[str, str, str], list[tuple[GridCell, ConstraintResult]]] = {}
    for cell in cells:
        for result in cell.results:
            if result.status == status:
                groups.setdefault((result.constraint.axis, result.constraint.fix, result.given), []).append((cell, result))
    found = list(groups.values())
    for group in found if everything else found[:_REASONS]:
        yield from _reason(group, width)
    if len(found) > _REASONS and not everything:
        yield f"  and {len(found) - _REASONS} more: --all or --json"


def _reason(group: Sequence[tuple[GridCell, ConstraintResult]], width: int) -> Iterator[str]:
    (cell, result), more = group[0], f" and {len(group) - 1} more" if len(group) > 1 else ""
    constraint, release = result.constraint, cell.group.release
    yield from _wrapped(f"{'x' if result.status == 'out' else '!'} {constraint.axis}", constraint.text, width)
    yield from _wrapped("", f"for {release.framework} {release.version} {variant_text(cell.group.variant)}{more}", width)
    yield from _wrapped("", f"given: {result.given}" if result.given else "", width)
    yield from _wrapped("", f"source: {_source(result)}", width)
    yield from _wrapped("", f"-> {constraint.fix}" if constraint.fix else "", width)


def _source(result: ConstraintResult) -> str:
    rule = result.constraint.rule
    return f"{rule.because} ({rule.at})" if rule.because else str(rule.at)


def _wrapped(label: str, text: str, width: int) -> list[str]:
    column = 13
    first, rest = f"  {label:<{column - 2}}", " " * column
    return wrap(text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False)


# --- JSON -----------------------------------------------------------------------------------------------------------------


def grid_json(cells: Iterable[GridCell], query: Query) -> str:
    """The query and every cell with its reasons. Versions are strings; what is not known is null."""
    return json.dumps({"question": _query(query), "cells": [_cell(cell) for cell in cells]}, indent=2)


def _query(query: Query) -> Mapping[str, Any]:
    return {
        "frameworks": list(query.frameworks),
        "driver": _driver(query.driver),
        "gpus": [{"name": gpu.name, "capability": str(gpu.capability)} for gpu in query.gpus],
        "python": str(query.python) if query.python else None,
        "platform": query.platform,
    }


def _driver(version: Version | None) -> str | None:
    return driver_text(version) if version else None


def _cell(cell: GridCell) -> Mapping[str, Any]:
    group = cell.group
    return {
        "framework": group.release.framework,
        "release": str(group.release.version),
        "provider": group.provider,
        "cuda": str(group.variant) if group.variant else None,
        "platform": group.platform,
        "target": group.target.name if group.target else None,
        "verdict": cell.verdict,
        "pythons": [str(python) for python in cell.pythons],
        "built_for": [str(python) for python in group.pythons],
        "driver": {
            "least": _driver(group.floor),
            "came_with": _driver(group.native),
            "compiling": _driver(group.compiling),
        },
        "capabilities": [str(end) for end in group.toolkit.capabilities] if group.toolkit else None,
        "cudnn": sorted({build.cudnn for build in group.builds if build.cudnn}),
        "serves": list(group.serves),
        "channels": list(group.spelling.channels) if group.spelling else [],
        "built_against": list(group.built_against),
        "note": group.release.note or None,
        "reasons": [_result(result) for result in cell.results],
    }


def _result(result: ConstraintResult) -> Mapping[str, Any]:
    constraint, rule = result.constraint, result.constraint.rule
    return {
        "status": result.status,
        "axis": constraint.axis,
        "text": constraint.text,
        "given": result.given or None,
        "because": rule.because or None,
        "at": str(rule.at),
        "unlock": constraint.fix or None,
    }
