"""The page: every cell of the grid with what it asks for, in one file that needs nothing else.

Its script compares versions and looks places up (`axes`); what a demand means was decided here, by the code that resolves.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from packaging.version import Version

from envgen.curate.show.axes import cuts, spans
from envgen.curate.show.grid import Demand, Site, sites
from envgen.curate.show.query import Query, platforms_of
from envgen.files import write_files
from envgen.matrix.constraints import fulfilled
from envgen.matrix.hardware import driver_os
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, driver_text
from envgen.model.layout import Layout
from envgen.model.resolution import RenderedFile

_GENERATOR = '<meta name="generator" content="envgen">'
_PLACE = re.compile(r"\{\{ ([a-z. -]+) \}\}")


def write_page(path: Path, matrix: Matrix, question: Query) -> str:
    """Write the page that opens with a question; returns what was done, in words. Raises BadInput where it cannot be written."""
    if path.exists() and _GENERATOR not in path.read_text(encoding="utf-8", errors="replace"):
        raise BadInput("is there, and is no page of envgen", where=path, hint="choose another name, or remove it")
    text = html(matrix, question)
    write_files(path.absolute().parent, [RenderedFile(path.name, text)], Layout(Path.cwd()))
    return f"wrote {path} ({len(text.encode()) // 1000} kB): open it in a browser, or send it"


def html(matrix: Matrix, question: Query) -> str:
    """The whole page; the same bytes for the same facts and question."""
    known = facts(matrix)
    digest = sha256(_json(known).encode()).hexdigest()[:12]
    style, script = _own("page.css"), _own("page.js")
    parts = {
        "policy": f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'",
        "style": style,
        "script": script,
        "facts": _json({"facts": known, "digest": digest, "start": _start(matrix, question)}),
    }
    return _PLACE.sub(lambda place: parts[place[1]], _own("page.html"))


def _own(name: str) -> str:
    return (files("envgen.curate.show") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """What a content security policy calls an inline part by."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _json(data: Any) -> str:
    """JSON that cannot leave its script element, whatever a matrix says."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _start(matrix: Matrix, question: Query) -> dict[str, Any]:
    """What is picked when the page opens; of several frameworks the one with the most to look at."""
    return {
        "framework": max(question.frameworks, key=lambda name: sum(len(row.builds) for row in matrix.frameworks[name].releases)),
        "platform": question.platform or "linux-64",
        "driver": driver_text(question.driver) if question.driver else "",
        "gpus": [gpu.written for gpu in question.gpus],
        "python": str(question.python or ""),
    }


# --- facts ----------------------------------------------------------------------------------------------------------------


def facts(matrix: Matrix) -> dict[str, Any]:
    """All that the script knows: plain data, every demand and every list of versions once."""
    found = list(sites(matrix, matrix.frameworks))
    conditions = (c for site in found for demand in site.demands for c in (*demand.constraint.when, *demand.constraint.need))
    axes = cuts(conditions)
    table = _Table()
    cells = [_cell(site, table, axes) for site in found]
    return {
        "frameworks": list(matrix.frameworks),
        "platforms": {platform: driver_os(platform) for platform in platforms_of(matrix)},
        "pythons": [str(python) for python in sorted(matrix.pythons)],
        "gpus": [[gpu.name, str(gpu.capability)] for gpu in matrix.gpus.values()],
        "drivers": {system: _drivers(matrix, system) for system in ("linux", "windows")},
        "cuts": {axis: [str(version) for version in versions] for axis, versions in axes.items()},
        "cells": cells,
        "table": table.rows,
    }


def _drivers(matrix: Matrix, system: str) -> list[list[str]]:
    """Drivers that toolkits came with, newest first, and those toolkits: what a person may pick from."""
    came = [(kit.driver[system], kit.version) for kit in matrix.toolkits.values() if system in kit.driver]
    return [[driver_text(driver), str(cuda)] for driver, cuda in sorted(came, reverse=True)]


class _Table:
    """Values that many cells share, by number."""

    def __init__(self) -> None:
        self.rows: list[Any] = []
        self._places: dict[str, int] = {}

    def place(self, value: Any) -> int:
        """The number of a value."""
        key = json.dumps(value)
        if key not in self._places:
            self._places[key] = len(self.rows)
            self.rows.append(value)
        return self._places[key]


def _cell(site: Site, table: _Table, axes: dict[str, tuple[Version, ...]]) -> dict[str, Any]:
    figures = {
        "driver": [driver_text(version) if version else None for version in (site.floor, site.native, site.compiling)],
        "capabilities": [str(end) for end in site.toolkit.capabilities] if site.toolkit else None,
        "cudnn": sorted({build.cudnn for build in site.builds if build.cudnn}),
        "channels": list(site.spelling.channels) if site.spelling else [],
        "serves": list(site.serves),
        "note": site.release.note,
        "target": site.target.name if site.target else None,
    }
    return {
        "framework": site.release.framework,
        "release": str(site.release.version),
        "provider": site.provider,
        "cuda": str(site.variant) if site.variant else "",
        "platform": site.platform,
        "pythons": table.place([str(python) for python in site.pythons]),
        "figures": table.place(figures),
        "demands": [table.place(_demand(demand, site, table, axes)) for demand in site.demands],
    }


def _demand(demand: Demand, site: Site, table: _Table, axes: dict[str, tuple[Version, ...]]) -> dict[str, Any]:
    """A demand with what is known of its site worked in: only driver, GPU, Python and other frameworks are left to be asked.

    What is empty or false is left out.
    """
    rule = demand.constraint
    missing = [c for c in rule.need if not (c.axis in site.known and fulfilled(c, site.known))]
    row = {
        "axis": demand.axis,
        "text": demand.text,
        "because": table.place(rule.because),
        "at": str(rule.at),
        "unlock": demand.unlock,
        "warn": rule.warn,
        "never": any(c.axis in site.known for c in missing),
        "when": [[c.axis, spans(c, axes)] for c in rule.when if c.axis not in site.known],
        "need": [[c.axis, spans(c, axes)] for c in missing if c.axis not in site.known],
    }
    return {name: value for name, value in row.items() if value not in ("", False, []) or name == "because"}
