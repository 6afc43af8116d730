"""Version ranges as numbers, for a reader that can compare versions and nothing else. Pure.

The versions that the ranges of an axis name cut it into places: below the first cut, at it, between it and the next, and so on.
A range is the same anywhere within a place, so it is a list of places, found by asking the range itself about one version in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from packaging.version import Version

from envgen.matrix.constraints import fulfilled
from envgen.model.facts import Condition

Spans = list[tuple[int, int]]  # first and last place of each run

AXES = ("driver", "gpu", "python")  # what a question can be about


def cuts(conditions: Iterable[Condition]) -> dict[str, tuple[Version, ...]]:
    """For each axis the versions at which some range may begin or end, oldest first."""
    found: dict[str, set[Version]] = {axis: set() for axis in AXES}
    for condition in conditions:
        for part in condition.versions or () if condition.axis in found else ():
            named = Version(part.version.removesuffix(".*"))
            prefix = part.version.endswith(".*") or part.operator == "~="
            found[condition.axis] |= {named, *(_ends(named) if prefix else ())}
    return {axis: tuple(sorted(versions)) for axis, versions in found.items()}


def _ends(version: Version) -> Iterable[Version]:
    """Where `==2.7.*` or `~=2.7.1` may end: each of the leading numbers, one higher."""
    for place, part in enumerate(version.release):
        yield Version(".".join(map(str, (*version.release[:place], part + 1))))


def spans(condition: Condition, axes: Mapping[str, Sequence[Version]]) -> Spans:
    """The places of its axis at which a condition is fulfilled."""
    found: Spans = []
    for place, version in enumerate(_samples(axes.get(condition.axis, ()))):
        if fulfilled(condition, {condition.axis: (version,)}):
            first = found.pop()[0] if found and found[-1][1] == place - 1 else place
            found.append((first, place))
    return found


def _samples(versions: Sequence[Version]) -> Iterable[Version]:
    """One version of each place: even places lie between cuts, odd ones are cuts."""
    yield Version("0")
    for version in versions:
        yield version
        yield Version(f"{version}.0.0.0.1")
