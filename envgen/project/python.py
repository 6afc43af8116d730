"""The Pythons that a project asks for, as minors: a lock takes the newest patch release of a minor. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet

from envgen.model.facts import Reason

_PATCH = re.compile(r"(?P<sign>[=<>!~]*) *(?P<minor>[0-9]+\.[0-9]+)\.[0-9].*")
WHY = "envgen chooses a minor, and a lock takes its newest patch release"


@dataclass(frozen=True, slots=True)
class PythonRange:
    """A range of minors, its text, and a note for each way in which it was written otherwise."""

    versions: SpecifierSet
    text: str
    notes: tuple[Reason, ...] = ()


def by_minor(text: str) -> str:
    """A version range as one of minors: those whose patch releases, from some on, are all in it; `3.9.16` and `==3.9.16` are 3.9.

    So `>=3.9.2` is `>=3.9`, `<3.11.4` is `<3.11`, and `!=3.9.7` excludes no minor.
    """
    parts = [_by_minor(part.strip()) for part in text.split(",")]
    return ",".join(filter(None, dict.fromkeys(parts))) or "*"


def _by_minor(part: str) -> str:
    match = _PATCH.fullmatch(part)
    if match is None:
        return part
    sign = {">": ">=", ">=": ">=", "<": "<", "<=": "<"}.get(match["sign"], "")
    return "" if match["sign"] == "!=" else f"{sign}{match['minor']}"
