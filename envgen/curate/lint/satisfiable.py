"""Where conditions can hold: is there a target, a platform, a machine and a choice of releases that meets them? Pure.

What a project or a machine decides (driver, glibc, processor level) may be anything; the rest is what the matrices know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, reduce
from operator import and_

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.curate.lint.registry import Facts, Location, Reach
from envgen.matrix.constraints import driver_version
from envgen.matrix.hardware import has_code
from envgen.model.facts import Condition, Matrix

Value = Version | str


@cache
def final(versions: SpecifierSet) -> SpecifierSet:
    """The range without pre-releases, so that `12.6` (12.6.dev0, too) lies within `>=12.6`."""
    return SpecifierSet(str(versions), prereleases=False)


def within(one: Condition, other: Condition) -> bool:
    """Whether whatever meets `one` meets `other`, which is about the same axis."""
    if one.versions is None or other.versions is None:
        return (one.versions is None) == (other.versions is None) and one.names <= other.names
    return final(one.versions).is_subset(final(other.versions))


def apart(one: Condition, other: Condition) -> bool:
    """Whether nothing meets both of two conditions about the same axis."""
    if one.versions is None or other.versions is None:
        return (one.versions is None) == (other.versions is None) and not one.names & other.names
    return final(one.versions).is_disjoint(final(other.versions))


def meets(condition: Condition, value: Value) -> bool:
    """Whether one value meets a condition."""
    if condition.versions is None:
        return value in condition.names
    return isinstance(value, Version) and value in condition.versions


def possible(facts: Facts, conditions: Sequence[Condition], broken: Condition | None = None) -> bool:
    """Whether all conditions can hold somewhere, and `broken` fail there at the same time."""
    return any(_possible(facts.matrix, spot, conditions, broken) for spot in facts.spots)


def floors(facts: Facts, conditions: Sequence[Condition]) -> list[Version]:
    """The driver floors of all toolkits where the conditions can hold."""
    return [spot.floor for spot in facts.spots if spot.floor and _possible(facts.matrix, spot, conditions, None)]


def _possible(matrix: Matrix, spot: Location, conditions: Sequence[Condition], broken: Condition | None) -> bool:
    if spot.toolkit:  # a driver's names are versions there
        conditions = [driver_version(condition, spot.toolkit, spot.platform) for condition in conditions]
        broken = driver_version(broken, spot.toolkit, spot.platform) if broken else None
    asked = {condition.axis for condition in (*conditions, *((broken,) if broken else ()))}
    chosen = asked & {*matrix.frameworks, "provider", "python"}
    told = asked - chosen
    return all(_told(matrix, spot, axis, *_about(axis, conditions, broken)) for axis in sorted(told)) and (
        not chosen or any(_chosen(spot, python, sorted(chosen), conditions, broken) for python in matrix.pythons)
    )


def _about(axis: str, conditions: Iterable[Condition], broken: Condition | None) -> tuple[tuple[Condition, ...], Condition | None]:
    """The conditions about one axis, and the one that must fail if it is about it."""
    return tuple(c for c in conditions if c.axis == axis), broken if broken and broken.axis == axis else None


def _told(matrix: Matrix, spot: Location, axis: str, conditions: tuple[Condition, ...], broken: Condition | None) -> bool:
    """Whether an axis that no choice decides has a value that will do."""
    if axis in ("driver", "glibc"):
        return _free_range(spot, axis, conditions, broken)
    if axis == "archspec":
        return "__archspec" in spot.target.virtual[spot.platform] and _free_names(conditions, broken)
    return any(_fits(value, conditions, broken) for value in _values(matrix, spot, axis))


def _values(matrix: Matrix, spot: Location, axis: str) -> Iterator[Value]:
    if axis == "target":
        yield spot.target.name
    elif axis == "platform":
        yield spot.platform
    elif axis == "cuda" and spot.target.cuda:
        yield spot.target.cuda
    elif axis == "gpu" and spot.toolkit:
        yield from {gpu.capability for gpu in matrix.gpus.values() if has_code(spot.toolkit, gpu)}


def _fits(value: Value, conditions: Iterable[Condition], broken: Condition | None) -> bool:
    return all(meets(condition, value) for condition in conditions) and not (broken and meets(broken, value))


def _free_range(spot: Location, axis: str, conditions: Iterable[Condition], broken: Condition | None) -> bool:
    """A driver from the toolkit's floor on, or any glibc on Linux."""
    if (axis == "driver" and not spot.toolkit) or (axis == "glibc" and "__glibc" not in spot.target.virtual[spot.platform]):
        return False
    floor = SpecifierSet(f">={spot.floor}" if axis == "driver" and spot.floor else "", prereleases=False)
    left = reduce(and_, (final(c.versions) for c in conditions if c.versions is not None), floor)
    return not left.is_unsatisfiable() and not (broken and broken.versions is not None and left.is_subset(final(broken.versions)))


def _free_names(conditions: Sequence[Condition], broken: Condition | None) -> bool:
    if not conditions:
        return True
    left = reduce(and_, (condition.names for condition in conditions))
    return bool(left - broken.names if broken else left)


def _chosen(
    spot: Location, python: Version, axes: Iterable[str], conditions: Sequence[Condition], broken: Condition | None
) -> bool:
    """Whether with this Python some choice of releases will do."""
    rows = [row for row in spot.rows if python in row.build.pythons]
    return all(_axis_of_choice(axis, rows, python, *_about(axis, conditions, broken)) for axis in axes)


def _axis_of_choice(
    axis: str, rows: Iterable[Reach], python: Version, conditions: tuple[Condition, ...], broken: Condition | None
) -> bool:
    if axis == "python":
        return _fits(python, conditions, broken)
    if axis == "provider":  # of any of the frameworks: each condition may be met by another one
        known = {row.build.provider for row in rows}
        return all(condition.names & known for condition in conditions) and not (broken and not known - broken.names)
    return any(_fits(row.release.version, conditions, broken) for row in rows if row.release.framework == axis)
