"""Whether conditions can hold: is there a target, platform, machine and choice of releases that meets them? Pure.

What a project or a machine decides (driver, glibc, processor level) may be anything. The rest is what the matrices have.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from operator import and_

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.curate.lint.registry import LintContext, Offered, TargetCell
from envgen.matrix.constraints import Value, driver_version
from envgen.model.constraint import Condition
from envgen.model.facts import Matrix, Platform
from envgen.model.toolkit import Toolkit

_NOTHING = Offered({}, frozenset())


@cache
def final(versions: SpecifierSet) -> SpecifierSet:
    """The range without pre-releases, so that `12.6`, which includes 12.6.dev0, is a subset of `>=12.6`."""
    return SpecifierSet(str(versions), prereleases=False)


def subset(one: Condition, other: Condition) -> bool:
    """Whether every value that meets `one` meets `other`; both are about the same axis."""
    if one.versions is None or other.versions is None:
        return (one.versions is None) == (other.versions is None) and one.names <= other.names
    return final(one.versions).is_subset(final(other.versions))


def disjoint(one: Condition, other: Condition) -> bool:
    """Whether no value meets both conditions; both are about the same axis."""
    if one.versions is None or other.versions is None:
        return (one.versions is None) == (other.versions is None) and not one.names & other.names
    return final(one.versions).is_disjoint(final(other.versions))


def satisfiable(context: LintContext, conditions: Sequence[Condition], *, violated: Condition | None = None) -> bool:
    """Whether all conditions can hold somewhere while `violated` does not; several rules ask it of the same row."""
    key = (tuple(map(id, conditions)), id(violated))  # of conditions that the facts hold, and so are there until the end
    if key not in context.satisfied:
        context.satisfied[key] = next(_where(context, conditions, violated), None) is not None
    return context.satisfied[key]


def floors(context: LintContext, conditions: Sequence[Condition]) -> list[Version]:
    """The driver floors of all toolkits with which the conditions can hold."""
    return [cell.floor for cell in _where(context, conditions, None) if cell.floor]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is wanted of the value of one axis: it meets all conditions and does not meet `violated`."""

    conditions: tuple[Condition, ...]
    violated: Condition | None

    def admits(self, value: Value) -> bool:
        return all(_meets(c, value) for c in self.conditions) and not (self.violated and _meets(self.violated, value))

    def of_driver(self, toolkit: Toolkit, platform: Platform) -> _Wanted:
        """With a toolkit, the names of a driver are versions."""
        violated = driver_version(self.violated, toolkit, platform) if self.violated else None
        return _Wanted(tuple(driver_version(condition, toolkit, platform) for condition in self.conditions), violated)

    def admits_some_name(self) -> bool:
        """Of the names that the conditions list."""
        if not self.conditions:
            return True
        names = reduce(and_, (condition.names for condition in self.conditions))
        return bool(names - self.violated.names if self.violated else names)

    def admits_some_version(self, floor: Version | None) -> bool:
        """Of all versions from the floor on."""
        start = SpecifierSet(f">={floor}" if floor else "", prereleases=False)
        versions = reduce(and_, (final(c.versions) for c in self.conditions if c.versions is not None), start)
        excluded = self.violated.versions if self.violated else None
        return not versions.is_unsatisfiable() and (excluded is None or not versions.is_subset(final(excluded)))


def _meets(condition: Condition, value: Value) -> bool:
    if condition.versions is None:
        return value in condition.names
    return isinstance(value, Version) and value in condition.versions


def _where(context: LintContext, conditions: Sequence[Condition], violated: Condition | None) -> Iterator[TargetCell]:
    """The cells in which all conditions can hold while `violated` does not."""
    matrix, about = context.matrix, (*conditions, *((violated,) if violated else ()))
    wanted = {
        axis: _Wanted(tuple(c for c in conditions if c.axis == axis), violated if violated and violated.axis == axis else None)
        for axis in sorted({condition.axis for condition in about})
    }
    chosen = {
        axis: _choice(matrix, axis, found) for axis, found in wanted.items() if axis in (*matrix.frameworks, "provider", "python")
    }
    given = {axis: found for axis, found in wanted.items() if axis not in chosen}
    for cell in context.cells:
        if all(_given(cell, axis, found) for axis, found in given.items()) and _choosable(cell, matrix.pythons, chosen.values()):
            yield cell


# --- axes that the cell or the machine decides ----------------------------------------------------------------------------


def _given(cell: TargetCell, axis: str, wanted: _Wanted) -> bool:
    """Whether an axis can have a wanted value in a cell, whatever is chosen."""
    virtual = cell.target.virtual[cell.platform]
    if axis == "driver":
        return cell.toolkit is not None and wanted.of_driver(cell.toolkit, cell.platform).admits_some_version(cell.floor)
    if axis == "glibc":
        return "__glibc" in virtual and wanted.admits_some_version(None)
    if axis == "archspec":
        return "__archspec" in virtual and wanted.admits_some_name()
    return any(map(wanted.admits, _values(cell, axis)))


def _values(cell: TargetCell, axis: str) -> Iterator[Value]:
    if axis == "target":
        yield cell.target.name
    elif axis == "platform":
        yield cell.platform
    elif axis == "cuda" and cell.target.cuda:
        yield cell.target.cuda
    elif axis == "gpu":
        yield from cell.capabilities


# --- axes that a choice decides -------------------------------------------------------------------------------------------


_Choice = Callable[[Version, Offered], bool]  # whether a Python, and what is offered with it, give an axis a wanted value


def _choosable(cell: TargetCell, pythons: Iterable[Version], choices: Collection[_Choice]) -> bool:
    """Whether with one Python a choice of releases gives every axis a wanted value."""
    return not choices or any(all(choice(python, cell.offered.get(python, _NOTHING)) for choice in choices) for python in pythons)


def _choice(matrix: Matrix, axis: str, wanted: _Wanted) -> _Choice:
    if axis == "python":
        return lambda python, _: wanted.admits(python)
    if axis == "provider":  # of any framework: another one may meet each condition
        excluded = wanted.violated.names if wanted.violated else frozenset()
        return lambda _, offered: (
            all(condition.names & offered.providers for condition in wanted.conditions)
            and (not wanted.violated or bool(offered.providers - excluded))
        )
    admitted = frozenset(release.version for release in matrix.frameworks[axis].releases if wanted.admits(release.version))
    return lambda _, offered: not admitted.isdisjoint(offered.versions.get(axis, ()))
