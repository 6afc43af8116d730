"""The HTML page: every cell of the grid with what it needs, in one file that needs no other.

Its script only compares versions and looks places up (`axes`). What a constraint means is decided here, by the resolver's code.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from envgen.curate.show.axes import Spans, cuts, spans
from envgen.curate.show.groups import BuildConstraint, BuildGroup, build_groups
from envgen.curate.show.query import Query, platforms_of
from envgen.files import write_page
from envgen.matrix.constraints import fulfilled
from envgen.matrix.hardware import branches, driver_os
from envgen.model.condition import Condition
from envgen.model.facts import Matrix, driver_text

_HOLE = re.compile(r"\{\{ ([a-z. -]+) \}\}")


def write_grid_page(path: Path, matrix: Matrix, query: Query) -> str:
    """Write the page that opens with a query; returns what was done. Raises BadInput if another file is there already."""
    return write_page(path, html(matrix, query))


def html(matrix: Matrix, query: Query) -> str:
    """The whole page; the same bytes for the same facts and query."""
    data = page_data(matrix)
    digest = sha256(_json(data).encode()).hexdigest()[:12]
    style, script = _resource("page.css"), _resource("page.js")
    parts = {
        "policy": f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'",
        "style": style,
        "script": script,
        "facts": _json({"facts": data, "digest": digest, "start": _start(matrix, query)}),
    }
    return _HOLE.sub(lambda hole: parts[hole[1]], _resource("page.html"))


def _resource(name: str) -> str:
    return (files("envgen.curate.show") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The source expression by which a content security policy allows an inline script or style."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _json(data: Any) -> str:
    """JSON that cannot end its script element, whatever the matrix says."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _start(matrix: Matrix, query: Query) -> Mapping[str, Any]:
    """What is picked when the page opens; of several frameworks, the one with the most builds, of a companion its framework."""
    names = [matrix.frameworks[name].companion_of or name for name in query.frameworks]
    shown = shown_frameworks(matrix)
    names = [name for name in names if name in shown] or list(shown)
    return {
        "framework": max(names, key=lambda name: sum(len(row.builds) for row in matrix.frameworks[name].releases)),
        "platform": query.platform or "linux-64",
        "driver": driver_text(query.driver) if query.driver else "",
        "gpus": [gpu.written for gpu in query.gpus],
        "python": str(query.python or ""),
    }


# --- what the script knows ------------------------------------------------------------------------------------------------


def shown_frameworks(matrix: Matrix) -> tuple[str, ...]:
    """The frameworks that the page shows.

    Not companions: whether one of their builds fits depends on what is chosen of their framework. Not those whose builds run with
    any minor of a CUDA: every column would say the same.
    """

    def by_minor(name: str) -> bool:
        return not any(build.spans for release in packages.frameworks[name].releases for build in release.builds)

    packages = matrix.of_packages  # the page is about conda packages
    return tuple(name for name in matrix.hosts if by_minor(name))


def page_data(matrix: Matrix) -> Mapping[str, Any]:
    """Everything that the script knows, as plain data. Values that cells share are in `shared`, and cells hold their numbers."""
    matrix = matrix.of_packages
    frameworks = shown_frameworks(matrix)
    groups = list(build_groups(matrix, frameworks))
    axes = cuts(c for group in groups for item in group.constraints for c in (*item.rule.when, *item.rule.need))
    shared, places = _Shared(), cache(partial(spans, axes=axes))  # most cells have the same conditions
    cells = [_cell(group, shared, places) for group in groups]
    return {
        "frameworks": list(frameworks),
        "platforms": {platform: driver_os(platform) for platform in platforms_of(matrix)},
        "pythons": [str(python) for python in sorted(matrix.pythons)],
        "gpus": [[gpu.name, str(gpu.capability), sorted(gpu.platforms)] for gpu in matrix.gpus.values()],
        "branches": branches(matrix),
        "drivers": {system: _drivers(matrix, system) for system in ("linux", "windows")},
        "cuts": {axis: [str(version) for version in versions] for axis, versions in axes.items()},
        "cells": cells,
        "shared": shared.values,
    }


def _drivers(matrix: Matrix, system: str) -> list[list[str]]:
    """Drivers to pick from: those that toolkits came with, newest first, each with its toolkit."""
    came_with = [(toolkit.driver[system], toolkit.version) for toolkit in matrix.toolkits.values() if system in toolkit.driver]
    return [[driver_text(driver), str(cuda)] for driver, cuda in sorted(came_with, reverse=True)]


class _Shared:
    """Values that many cells share, each once, and their numbers."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: Any) -> int:
        """The number of a value; a new one for a new value."""
        number = self._numbers.setdefault(json.dumps(value), len(self.values))
        self.values += [value] if number == len(self.values) else []
        return number


def _cell(group: BuildGroup, shared: _Shared, places: Callable[[Condition], Spans]) -> Mapping[str, Any]:
    figures = {
        "driver": [driver_text(version) if version else None for version in (group.floor, group.native, group.compiling)],
        "capabilities": [str(end) for end in group.toolkit.capabilities] if group.toolkit else None,
        "cudnn": sorted({build.cudnn for build in group.builds if build.cudnn}),
        "channels": list(group.spelling.channels) if group.spelling else [],
        "serves": list(group.serves),
        "note": group.release.note,
        "target": group.target.name if group.target else None,
    }
    return {
        "framework": group.release.framework,
        "release": str(group.release.version),
        "provider": group.provider,
        "cuda": str(group.variant) if group.variant else "",
        "platform": group.platform,
        "pythons": shared.number([str(python) for python in group.pythons]),
        "figures": shared.number(figures),
        "constraints": [shared.number(_constraint(item, group, shared, places)) for item in group.constraints],
    }


def _constraint(
    item: BuildConstraint, group: BuildGroup, shared: _Shared, places: Callable[[Condition], Spans]
) -> Mapping[str, Any]:
    """A constraint, judged but for driver, GPU, Python and other frameworks. Empty values are left out."""
    rule, known = item.rule, group.known
    unmet = [c for c in rule.need if not (c.axis in known and fulfilled(c, known))]
    row = {
        "axis": item.axis,
        "text": item.text,
        "because": shared.number(rule.because),
        "at": str(rule.at),
        "fix": item.fix,
        "warn": rule.warn,
        "never": any(c.axis in known for c in unmet),
        "when": [[c.axis, places(c)] for c in rule.when if c.axis not in known],
        "need": [[c.axis, places(c)] for c in unmet if c.axis not in known],
    }
    return {name: value for name, value in row.items() if value not in ("", False, []) or name == "because"}
