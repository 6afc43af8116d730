"""Version ranges as numbers, for the page's script, which can compare versions and nothing else. Pure.

The versions that the ranges of an axis name are its cuts. They divide the axis into places: before the first cut, at it, between it
and the next one, and so on. A range includes either all versions of a place or none, so a range is a list of places.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from packaging.version import Version

from envgen.matrix.constraints import fulfilled
from envgen.model.constraint import Condition

Spans = list[tuple[int, int]]  # first and last place of each run

AXES = ("driver", "gpu", "python")  # what a query can be about


def cuts(conditions: Iterable[Condition]) -> dict[str, tuple[Version, ...]]:
    """For each axis the versions at which a range may begin or end, oldest first."""
    found: dict[str, set[Version]] = {axis: set() for axis in AXES}
    for condition in conditions:
        for part in condition.versions or () if condition.axis in found else ():
            named = Version(part.version.removesuffix(".*"))
            prefix = part.version.endswith(".*") or part.operator == "~="
            found[condition.axis] |= {named, *(_ends(named) if prefix else ())}
    return {axis: tuple(sorted(versions)) for axis, versions in found.items()}


def _ends(version: Version) -> Iterator[Version]:
    """Where `==2.7.*` or `~=2.7.1` may end: each leading part of the version, one higher."""
    for place, part in enumerate(version.release):
        yield Version(".".join(map(str, (*version.release[:place], part + 1))))


def spans(condition: Condition, axes: Mapping[str, Sequence[Version]]) -> Spans:
    """The places of its axis at which a condition is met."""
    found: Spans = []
    for place, version in enumerate(_samples(axes.get(condition.axis, ()))):
        if fulfilled(condition, {condition.axis: (version,)}):
            first = found.pop()[0] if found and found[-1][1] == place - 1 else place
            found.append((first, place))
    return found


def _samples(cuts: Sequence[Version]) -> Iterator[Version]:
    """One version of each place: even places are between cuts, odd ones are cuts."""
    yield Version("0")
    for version in cuts:
        yield version
        yield Version(f"{version}.0.0.0.1")
