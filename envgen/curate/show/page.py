"""The HTML page: every cell of the grid with what it needs, in one file that needs no other.

Its script only compares versions and looks places up (`axes`). What a constraint means is decided here, by the resolver's code.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from envgen.curate.show.axes import Spans, cuts, spans
from envgen.curate.show.groups import BuildConstraint, BuildGroup, build_groups
from envgen.curate.show.install import code_specs, companion_specs, companions_of, cudnn_specs, pip_command, requesting, specs_of
from envgen.curate.show.packed import packed
from envgen.curate.show.query import Query, platforms_of
from envgen.export.pixi_files import dependency_line, platform_entry
from envgen.files import write_page
from envgen.formats.selectors import scalar
from envgen.matrix.constraints import fulfilled
from envgen.matrix.gpu_names import gpu_named
from envgen.matrix.hardware import branches, driver_os
from envgen.model.constraint import Condition
from envgen.model.facts import Matrix, Reason, driver_text
from envgen.resolver.specs import python_spec

_DATE = re.compile(r"\b20[0-9]{2}-[01][0-9]-[0-3][0-9]\b")
_DESCRIPTION = "Every conda build of {}, by release and CUDA: what fits a driver and a GPU, why, and how to install it."
_PICTURE = "A driver and a GPU that are picked, the newest build that fits them, and what to write for it"
_DECIDES = ("warn", "never", "when", "need")  # what of a constraint decides whether it is met
_HOLE = re.compile(r"\{\{ ([a-z. -]+) \}\}")


@dataclass(frozen=True, slots=True)
class Published:
    """Where the page is published, and the address of a picture of it, for previews of links; "" for nowhere."""

    address: str = ""
    picture: str = ""


def write_grid_page(path: Path, matrix: Matrix, query: Query, published: Published) -> str:
    """Write the page that opens with a query; returns what was done. Raises BadInput if another file is there already."""
    return write_page(path, lambda: html(matrix, query, published))


def html(matrix: Matrix, query: Query, published: Published = Published()) -> str:
    """The whole page; the same bytes for the same facts, query and addresses."""
    data = page_data(matrix)
    digest = sha256(_json(data).encode()).hexdigest()[:12]
    style, script = _resource("page.css"), "".join(map(_resource, ("names.js", "texts.js", "page.js")))
    parts = {
        "policy": f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'",
        "description": escape(_DESCRIPTION.format(", ".join(data["frameworks"]))),
        "preview": "".join(f'<meta {kind}="{name}" content="{escape(text)}">\n' for kind, name, text in _preview(published)),
        "style": style,
        "script": script,
        "facts": _json({"facts": packed(data), "digest": digest, "start": _start(matrix, query), "address": published.address}),
    }
    return _HOLE.sub(lambda hole: parts[hole[1]], _resource("page.html"))


def _preview(published: Published) -> Iterator[tuple[str, str, str]]:
    """What programs that show links read, beside the title: attribute, name and text of each meta element."""
    if published.address:
        yield "property", "og:url", published.address
    if published.picture:
        yield "property", "og:image", published.picture
        yield "property", "og:image:alt", _PICTURE
    yield "name", "twitter:card", "summary_large_image" if published.picture else "summary"


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
    every, matrix = matrix, matrix.of_packages
    frameworks = shown_frameworks(matrix)
    wheels = {
        _key(group): group
        for group in build_groups(every, frameworks)
        if every.frameworks[group.release.framework].is_of_wheels(group.provider)
    }
    groups = list(build_groups(matrix, frameworks))
    axes = cuts(
        c for group in (*groups, *wheels.values()) for item in group.constraints for c in (*item.rule.when, *item.rule.need)
    )
    shared, places = _Shared(), cache(partial(spans, axes=axes))  # most cells have the same conditions
    install = _Install(every, matrix, frameworks, shared)
    cells = []
    for group in groups:
        wheel = wheels.get(_key(group))
        with_wheel = {"wheel": {**_judged(wheel, shared, places), **install.pip(group, wheel)}} if wheel else {}
        cells.append({**_cell(group, shared, places), **install.conda(group), **with_wheel})
    return {
        "frameworks": list(frameworks),
        "platforms": {platform: driver_os(platform) for platform in platforms_of(matrix)},
        "pythons": [str(python) for python in sorted(matrix.pythons)],
        "companions": install.companions,
        "capabilities": [str(capability) for capability in install.capabilities],
        "python": install.pythons,
        "pixi": list(install.lines.items()),
        "quoted": [(spec, text) for spec in install.lines if (text := scalar(spec)) != spec],
        "targets": _targets(matrix),
        "without": {
            platform: {name: _reason(reason) for (other, name), reason in matrix.without_cuda.items() if other == platform}
            for platform in dict.fromkeys(platform for platform, _ in matrix.without_cuda)
        },
        "also": {platform: [other, _reason(reason)] for platform, (other, reason) in matrix.also_runs.items()},
        "date": facts_date(every),
        "words": sorted(matrix.gpu_names.beside),
        "brands": sorted(matrix.gpu_names.brands),
        "gpus": [[gpu.name, str(gpu.capability), sorted(gpu.platforms)] for gpu in matrix.gpus.values()],
        "branches": branches(matrix),
        "drivers": {system: _drivers(matrix, system) for system in ("linux", "windows")},
        "cuts": {axis: [str(version) for version in versions] for axis, versions in axes.items()},
        "cells": cells,
        "shared": shared.values,
    }


def facts_date(matrix: Matrix) -> str:
    """The newest date that a source of the facts names, `2026-08-13`; "" where none names one."""
    sources = [
        *(text for row in matrix.frameworks.values() for text in (row.because, *(one.because for one in row.left_out))),
        *(build.because for row in matrix.frameworks.values() for release in row.releases for build in release.builds),
        *(rule.because for rule in matrix.constraints),
        *(toolkit.because for toolkit in matrix.toolkits.values()),
    ]
    return max((date for text in sources for date in _DATE.findall(text)), default="")


def _reason(reason: Reason) -> str:
    return f"{reason.text} ({reason.because})" if reason.because else reason.text


def _key(group: BuildGroup) -> tuple[Any, ...]:
    return group.release.framework, group.release.version, group.variant, group.platform


def _targets(matrix: Matrix) -> Mapping[str, Mapping[str, list[str]]]:
    """Of each target and platform the entry in pixi's `platforms`, and the same with a hole for the oldest GPU of a machine."""
    return {
        row.name: {
            name: [platform_entry(row.name, name, virtual), platform_entry(row.name, name, {**virtual, "__cuda_arch": "{arch}"})]
            for name, virtual in row.virtual.items()
        }
        for row in matrix.targets.values()
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


class _Install:
    """How cells are installed, with what cells share."""

    def __init__(self, every: Matrix, matrix: Matrix, frameworks: tuple[str, ...], shared: _Shared) -> None:
        self.every, self.matrix, self.shared = every, requesting(matrix), shared
        self.companions = {name: found for name in frameworks if (found := companions_of(matrix, name))}
        self.capabilities = sorted({gpu.capability for gpu in matrix.gpus.values()})
        self.gpus = [gpu for one in self.capabilities if (gpu := gpu_named(matrix, str(one)))]
        self.lines: dict[str, str] = {}  # each spec as an entry of a pixi.toml
        self.pythons = {str(python): python_spec(python) for python in matrix.pythons}  # which every cell has first
        for spec in self.pythons.values():
            self._known(spec)

    def conda(self, group: BuildGroup) -> Mapping[str, Any]:
        """By Python the specs of a cell and of its companions; and what some GPUs need beside."""
        framework = self.matrix.frameworks[group.release.framework]
        code = code_specs(framework, group, self.gpus)
        cudnn = cudnn_specs(self.matrix, group.target, self.gpus)
        for spec in (*(spec for specs, _ in code for spec in specs), *filter(None, cudnn)):
            self._known(spec)
        names = self.companions.get(framework.name, ())
        found = {name: companion_specs(self.matrix, group, name) for name in names}
        row = {
            "specs": {str(python): self._number(specs_of(self.matrix, group, python)[1:]) for python in group.pythons},
            "with": {str(p): {name: self._number(specs.get(p, ())) for name, specs in found.items()} for p in group.pythons},
            **({"code": code} if code else {}),
            **({"cudnn": cudnn} if any(cudnn) else {}),
        }
        return {name: self.shared.number(value) for name, value in row.items()}

    def pip(self, group: BuildGroup, wheels: BuildGroup) -> Mapping[str, Any]:
        """What pip is asked for the same release and CUDA."""
        found = pip_command(self.every, group, wheels, self.companions.get(group.release.framework, ()))
        return {"pip": self.shared.number(found)} if found else {}

    def _number(self, specs: tuple[str, ...]) -> int:
        for spec in specs:
            self._known(spec)
        return self.shared.number(specs)

    def _known(self, spec: str) -> None:
        if spec not in self.lines:
            self.lines[spec] = dependency_line(spec)


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


def _judged(group: BuildGroup, shared: _Shared, places: Callable[[Condition], Spans]) -> Mapping[str, Any]:
    """The part of a cell that decides whether it fits, without the words."""
    rows = (_constraint(item, group, shared, places) for item in group.constraints)
    return {
        "cuda": str(group.variant) if group.variant else "",
        "platform": group.platform,
        "pythons": shared.number([str(python) for python in group.pythons]),
        "constraints": [shared.number({name: row[name] for name in _DECIDES if name in row}) for row in rows],
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
