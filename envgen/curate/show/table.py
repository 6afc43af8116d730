"""The grid as tables that fit a terminal, and as JSON. Strings only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from textwrap import wrap
from typing import Any

from envgen.curate.show.grid import GridCell, Told, gpu_text, newest_first
from envgen.curate.show.query import Query
from envgen.model.facts import Variant, driver_text, minors_text, variant_text

_REASONS = 6  # of those against; more are in --json and with --all
_GAP = 2
_LEGEND = (
    ("3.10-3.13", "there is a build, for these Pythons"),
    ("3.10-3.13!", "the same, with a warning that stands below"),
    ("x driver", "there is a build, and this speaks against it"),
)


def page(cells: Sequence[GridCell], question: Query, width: int, *, everything: bool) -> str:
    """A table for each framework and provider, what the marks mean, and why the rest is out; no line is wider than `width`.

    Rows and columns in which nothing is left are not shown without `everything`.
    """
    blocks = [_asked(question)]
    for (framework, provider, platform), group in groupby(sorted(cells, key=_table_of), key=_table_of):
        blocks.append(
            "\n".join(
                _table(f"{framework} from {provider} on {platform}: release by CUDA", list(group), width, everything=everything)
            )
        )
    absent = [name for name in question.frameworks if name not in {cell.site.release.framework for cell in cells}]
    blocks += [f"no build of {name} was made for {question.platform or 'any platform'}" for name in absent]
    blocks.append("\n".join(f"  {mark:<11} {meaning}" for mark, meaning in _LEGEND))
    for status, title in (("warn", "warnings"), ("out", "why the rest is out")):
        lines = list(_reasons(cells, status, width, everything=everything))
        blocks += ["\n".join([title, *lines])] if lines else []
    return "\n\n".join(blocks)


def _asked(question: Query) -> str:
    said = [f"driver {driver_text(question.driver)}" if question.driver else "any driver"]
    said.append(" and ".join(map(gpu_text, question.gpus)) or "any GPU")
    said.append(f"python {question.python}" if question.python else "any python")
    return ", ".join(said)


def _table_of(cell: GridCell) -> tuple[str, str, str]:
    return cell.site.release.framework, cell.site.provider, cell.site.platform


def _table(title: str, cells: list[GridCell], width: int, *, everything: bool) -> Iterator[str]:
    kept = [cell for cell in cells if everything or cell.pythons]
    releases = list(dict.fromkeys(cell.site.release.version for cell in kept))
    columns = newest_first({cell.site.variant for cell in kept})
    marks = {(cell.site.release.version, cell.site.variant): _mark(cell) for cell in cells}
    rows = [(str(release), tuple(marks.get((release, column), "") for column in columns)) for release in releases]
    yield title
    if not rows:
        yield "  nothing is left"
        return
    yield from _blocks([(_between(labels), texts) for texts, labels in _alike(rows)], columns, width)
    hidden = [variant_text(variant) for variant in newest_first({cell.site.variant for cell in cells} - set(columns))]
    fewer = len({cell.site.release.version for cell in cells}) - len(releases)
    gone = [*hidden, *([f"{fewer} release{'s' if fewer > 1 else ''}"] if fewer else [])]
    if gone:
        yield from wrap(
            f"nothing is left of {', '.join(gone)} (--all shows them)", width, initial_indent="  ", subsequent_indent="    "
        )


def _mark(cell: GridCell) -> str:
    if cell.verdict == "out":
        return f"x {next(row.demand.axis for row in cell.told if row.status == 'out')}"
    return minors_text(cell.pythons).replace(" ", "") + ("!" if cell.verdict == "warn" else "")


def _alike(rows: list[tuple[str, tuple[str, ...]]]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Neighbouring releases of which the same is to be said share a row."""
    for texts, group in groupby(rows, key=lambda row: row[1]):
        yield texts, [label for label, _ in group]


def _between(labels: list[str]) -> str:
    return labels[0] if len(labels) == 1 else f"{labels[0]}, {labels[1]}" if len(labels) == 2 else f"{labels[0]} ... {labels[-1]}"


def _blocks(rows: list[tuple[str, tuple[str, ...]]], columns: Sequence[Variant], width: int) -> Iterator[str]:
    """As many columns side by side as fit; the others below, with the rows that have something there."""
    heads = [str(column or "cpu") for column in columns]
    label = max(len(row[0]) for row in rows) + 2
    widths = [max(len(head), *(len(row[1][place]) for row in rows)) + _GAP for place, head in enumerate(heads)]
    first = 0
    while first < len(heads):
        last = first + 1
        while last < len(heads) and label + sum(widths[first : last + 1]) <= width:
            last += 1
        yield _line("", label, heads[first:last], widths[first:last])
        for name, texts in rows:
            if any(texts[first:last]):
                yield _line(name, label, texts[first:last], widths[first:last])
        first = last


def _line(name: str, label: int, texts: Sequence[str], widths: Sequence[int]) -> str:
    return f"  {name:<{label}}{''.join(f'{text:<{size}}' for text, size in zip(texts, widths, strict=True))}".rstrip()


# --- reasons --------------------------------------------------------------------------------------------------------------


def _reasons(cells: Iterable[GridCell], status: str, width: int, *, everything: bool) -> Iterator[str]:
    """Each reason once, those of the newest releases first: what it is, where it is written, what would unlock it."""
    found: dict[tuple[str, str, str], list[tuple[GridCell, Told]]] = {}
    for cell in cells:
        for row in cell.told:
            if row.status == status:
                found.setdefault((row.demand.axis, row.demand.unlock, row.given), []).append((cell, row))
    told = list(found.values())
    for group in told if everything else told[:_REASONS]:
        yield from _reason(group, width)
    if len(told) > _REASONS and not everything:
        yield f"  and {len(told) - _REASONS} more: --all or --json"


def _reason(group: list[tuple[GridCell, Told]], width: int) -> Iterator[str]:
    told, site = group[0][1], group[0][0].site
    demand, many = told.demand, f" and {len(group) - 1} more" if len(group) > 1 else ""
    yield from _wrapped(f"x {demand.axis}" if told.status == "out" else f"! {demand.axis}", demand.text, width)
    yield from _wrapped("", f"for {site.release.framework} {site.release.version} {variant_text(site.variant)}{many}", width)
    yield from _wrapped("", f"given: {told.given}" if told.given else "", width)
    yield from _wrapped("", f"source: {_source(told)}", width)
    yield from _wrapped("", f"-> {demand.unlock}" if demand.unlock else "", width)


def _source(told: Told) -> str:
    rule = told.demand.constraint
    return f"{rule.because} ({rule.at})" if rule.because else str(rule.at)


def _wrapped(label: str, text: str, width: int) -> list[str]:
    column = 13
    first, rest = f"  {label:<{column - 2}}", " " * column
    return wrap(text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False)


# --- for a machine --------------------------------------------------------------------------------------------------------


def as_json(cells: Iterable[GridCell], question: Query) -> str:
    """The question and every cell with its reasons; versions are strings, what is not known is null."""
    return json.dumps({"question": _question(question), "cells": [_cell(cell) for cell in cells]}, indent=2)


def _question(question: Query) -> dict[str, Any]:
    return {
        "frameworks": list(question.frameworks),
        "driver": driver_text(question.driver) if question.driver else None,
        "gpus": [{"name": gpu.name, "capability": str(gpu.capability)} for gpu in question.gpus],
        "python": str(question.python) if question.python else None,
        "platform": question.platform,
    }


def _cell(cell: GridCell) -> dict[str, Any]:
    site = cell.site
    return {
        "framework": site.release.framework,
        "release": str(site.release.version),
        "provider": site.provider,
        "cuda": str(site.variant) if site.variant else None,
        "platform": site.platform,
        "target": site.target.name if site.target else None,
        "verdict": cell.verdict,
        "pythons": [str(python) for python in cell.pythons],
        "built_for": [str(python) for python in site.pythons],
        "driver": {
            "least": driver_text(site.floor) if site.floor else None,
            "came_with": driver_text(site.native) if site.native else None,
            "compiling": driver_text(site.compiling) if site.compiling else None,
        },
        "capabilities": [str(end) for end in site.toolkit.capabilities] if site.toolkit else None,
        "cudnn": sorted({build.cudnn for build in site.builds if build.cudnn}),
        "serves": list(site.serves),
        "channels": list(site.spelling.channels) if site.spelling else [],
        "note": site.release.note or None,
        "reasons": [_told(row) for row in cell.told],
    }


def _told(row: Told) -> dict[str, Any]:
    rule = row.demand.constraint
    return {
        "status": row.status,
        "axis": row.demand.axis,
        "text": row.demand.text,
        "given": row.given or None,
        "because": rule.because or None,
        "at": str(rule.at),
        "unlock": row.demand.unlock or None,
    }
