"""Rows with `when` and `need`, read into Constraint and Bound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from envgen.matrix.fields import ADVISED, DRIVERS, NAMED
from envgen.matrix.schema import BoundRow, ConstraintRow
from envgen.model.address import Address
from envgen.model.constraint import Bound, Condition, Constraint
from envgen.model.errors import BadInput
from envgen.model.ranges import version_range
from envgen.yamlfile.document import Document


def constraints(document: Document, rows: Iterable[ConstraintRow]) -> tuple[Constraint, ...]:
    """The constraints of a file."""
    return tuple(constraint(document, ("constraints", index), row) for index, row in enumerate(rows))


def constraint(document: Document, path: tuple[str | int, ...], row: ConstraintRow) -> Constraint:
    """One constraint, by the path of its row in the file."""
    when, need = conditions(document, (*path, "when"), row.when), conditions(document, (*path, "need"), row.need)
    return Constraint(when=when, need=need, because=row.because, at=document.at(*path), until=row.until, warn=row.warn)


def bounds(document: Document, rows: Iterable[BoundRow]) -> tuple[Bound, ...]:
    """The bounds of a framework's file."""
    return tuple(_bound(document, ("bounds", index), row) for index, row in enumerate(rows))


def _bound(document: Document, path: tuple[str | int, ...], row: BoundRow) -> Bound:
    return Bound(
        when=conditions(document, (*path, "when"), row.when),
        need=tuple(Condition(package, versions) for package, versions in row.need.items()),
        because=row.because,
        at=document.at(*path),
        until=row.until,
        breaks=row.breaks,
        partly=row.partly,
        comes_with=tuple(row.comes_with),
    )


def conditions(document: Document, path: tuple[str | int, ...], found: Mapping[str, Any]) -> tuple[Condition, ...]:
    """The conditions of `when` or `need`, one for each axis."""
    return tuple(condition(axis, value, document.at(*path, axis)) for axis, value in found.items())


def condition(axis: str, value: str | list[str], at: Address) -> Condition:
    """Names for some axes, a range for the others. Raises BadInput."""
    if axis in (*NAMED, *ADVISED) or (axis == "driver" and value in DRIVERS):
        return Condition(axis, names=frozenset([value] if isinstance(value, str) else value))
    if not isinstance(value, str):
        raise BadInput(f"{axis}: expected a version range", where=at, hint='write for instance ">=12.8"')
    try:
        return Condition(axis, version_range(value))
    except ValueError as error:
        raise BadInput(f"{axis}: {error}", where=at, hint='write for instance ">=12.8"') from None


def no_repeats(found: Iterable[tuple[Any, Address]], what: str) -> None:
    """Refuse a value that is written twice. Raises BadInput that names both places."""
    first: dict[Any, Address] = {}
    for value, at in found:
        if value in first:
            raise BadInput(f"{what} {value} is written twice", where=at, hint=f"it is also at {first[value]}; keep one")
        first[value] = at
