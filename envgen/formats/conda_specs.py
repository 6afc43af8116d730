"""Conda specs as conda-lock reads them, for the usual spellings. Pure.

conda-lock reads with conda's MatchSpec, which keeps the text of a range and changes little of it: `=1.2` becomes `1.2.*`, `==1.2`
becomes `1.2`, `1.2*` becomes `1.2.*`, and spaces go. A contract test compares both over real and generated specs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, reduce

_CHANNEL = r"(?!(?:defaults|local|conda-bld|noarch)::|(?:emscripten|freebsd|linux|osx|wasi|win|zos)-)[A-Za-z][A-Za-z0-9_-]*"
_PARTS = r"[0-9A-Za-z]+(?:[._][0-9A-Za-z]+)*"
_VERSION = rf"(?:(?:[0-9]+!)?{_PARTS}(?:\+{_PARTS})?|[0-9A-Za-z]+(?:[.-][0-9A-Za-z]+)*)"
_TERM = rf"(?:\*|{_VERSION}(?:\.?\*)?|(?:==|!=|<=|>=|<|>|=) *{_VERSION}(?:\.?\*)?|~= *{_VERSION})"
_RANGE = rf"{_TERM}(?: *[,|](?! +=[^=]) *{_TERM})*"  # MatchSpec takes what follows ` =` for a build
_SPEC = re.compile(rf"(?:({_CHANNEL})::)?([a-z0-9_][a-z0-9_.-]*)(?:(?: +|(?=[=!<>~]))({_RANGE})(?:[ =]([A-Za-z0-9_.*+]+))?)?")
_OPEN = re.compile(r"(?<![^,|])([0-9A-Za-z][^,|*]*)(?<!\.)\*")  # `1.2*` without an operator
_FILES = (".conda", ".tar.bz2")  # conda takes such a spec for the name of a file


class NotCovered(Exception):
    """Only conda-lock itself can say what it writes for this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSpec:
    """What conda-lock keeps of a spec; `version` is "" without a range."""

    name: str
    version: str
    build: str | None
    channel: str | None


@cache
def read_spec(text: str) -> ReadSpec:
    """A spec of a project or a dependency of a record, such as `numpy >=2,<3` or `conda-forge::zlib 1.3.* *_0`.

    Raises NotCovered for an unusual spelling.
    """
    found = _SPEC.fullmatch(text)
    if found is None or text.endswith(_FILES) or " if " in text:  # MatchSpec drops a condition
        raise NotCovered(text)
    channel, name, version, build = found.groups()
    return ReadSpec(name=name, version=_range((version or "").replace(" ", ""), build), build=build, channel=channel)


def _range(text: str, build: str | None) -> str:
    """A range as MatchSpec keeps it; an operator is rewritten only at the beginning."""
    if text.startswith("==") and build is None:
        text = text[2:]
    elif text.startswith("=") and not any(mark in text[1:] for mark in "=,|"):
        text = text[1:] if build is not None or text.endswith("*") else f"{text[1:]}*"
    return _OPEN.sub(r"\1.*", text)


def ranges(depends: Iterable[str]) -> dict[str, str]:
    """Package -> range for the dependencies of a record, sorted by package. Raises NotCovered."""
    found: dict[str, list[ReadSpec]] = {}
    for text in depends:
        spec = read_spec(text)
        found.setdefault(spec.name, []).append(spec)
    return {name: _merged(found[name]) if len(found[name]) > 1 else found[name][0].version for name in sorted(found)}


def _merged(specs: Sequence[ReadSpec]) -> str:
    """The ranges of one package as MatchSpec.merge joins them, two at a time, in the order of the specs' canonical texts."""
    if len({spec.build for spec in specs} - {None}) > 1 or any(spec.channel for spec in specs):
        raise NotCovered(f"{len(specs)} specs of {specs[0].name}")
    versions = [spec.version for spec in sorted(specs, key=_canonical) if spec.version]
    return reduce(lambda one, other: ",".join(sorted((one, other))), versions) if versions else ""


def _canonical(spec: ReadSpec) -> str:
    """What `str(MatchSpec)` has after the name."""
    version, build = spec.version, spec.build
    inside = any(mark in version for mark in "<>|,") or (build and version.startswith(("!=", "~=")))
    if inside or not version:
        parts = [f"version='{version}'"] * bool(version) + [f"build={build}"] * bool(build)
        return f"[{','.join(parts)}]" if parts else ""
    if version.startswith(("!=", "~=")):
        return version
    if version.endswith("*"):
        return f"={version.removesuffix('*').removesuffix('.')}" + (f"[build={build}]" if build else "")
    exact = version if version.startswith("==") else f"=={version}"
    return exact + (f"[build={build}]" if build and "*" in build else f"={build}" if build else "")
