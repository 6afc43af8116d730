"""From two Snapshots to a Difference: which locks belong together, what changes in their cells, where the same changes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from envgen.diff.apart import newly_apart
from envgen.diff.cell import CellChange, rows_of
from envgen.diff.cells import CellReader, ComparedCell
from envgen.diff.model import KINDS, CellPlace, CellSummary, Difference, LockChange, Resized, Snapshot
from envgen.model.facts import Matrix, driver_text
from envgen.model.packages import Lock, LockedPackage

_RENAMED = 0.5  # the share of packages that a lock and its renamed one have in common, at least


def compare(base: Snapshot, head: Snapshot, matrix: Matrix) -> Difference:
    """What changes from one side to the other. Reads nothing: the sides are read already."""
    renamed = _renamed(base, head)
    names = dict(renamed)
    reader = CellReader(matrix)
    old, new = reader.cells(base, names), reader.cells(head, {})
    both = sorted(place for place in old.keys() & new.keys() if old[place] is not new[place])
    found = {place: list(rows_of(old[place], new[place])) for place in both}
    changed = [place for place in both if found[place]]
    unread = sorted((side.name, path, why) for side in (base, head) for path, why in side.unread.items())
    broken = {names.get(path, path) for _, path, _ in unread}
    return Difference(
        base=base.name,
        head=head.name,
        compared=len({names.get(name, name) for name in base.names} | head.names),
        changed=tuple(changed),
        known=tuple(sorted(old.keys() | new.keys())),
        changes=_grouped(found, newly_apart(old, new)),
        came=tuple(_summary(place, new[place]) for place in sorted(new.keys() - old.keys()) if place.lock not in broken),
        went=tuple(_summary(place, old[place]) for place in sorted(old.keys() - new.keys()) if place.lock not in broken),
        renamed=renamed,
        resized=tuple(_resized(changed, base, head, names)),
        unread=tuple(unread),
    )


# --- renamed locks --------------------------------------------------------------------------------------------------------


def _renamed(base: Snapshot, head: Snapshot) -> tuple[tuple[str, str], ...]:
    """The old and the new name of each lock that went and came again elsewhere with most of its packages."""
    gone = {name: _files(base.locks[name]) for name in sorted(base.locks.keys() - head.names)}
    came = {name: _files(head.locks[name]) for name in sorted(head.locks.keys() - base.names)}
    pairs = sorted(((-_shared(one, two), old, new) for old, one in gone.items() for new, two in came.items()))
    found: dict[str, str] = {}
    for shared, old, new in pairs:
        if -shared >= _RENAMED and old not in found and new not in found.values():
            found[old] = new
    return tuple(sorted(found.items()))


def _files(locks: Iterable[Lock]) -> frozenset[tuple[str, str, str]]:
    return frozenset((_identity(package)) for lock in locks for package in lock.packages)


def _identity(package: LockedPackage) -> tuple[str, str, str]:
    return package.name, package.url or f"{package.version} {package.build}", package.platform


def _shared(one: frozenset[tuple[str, str, str]], two: frozenset[tuple[str, str, str]]) -> float:
    return len(one & two) / max(len(one), len(two), 1)


# --- the same change in several cells -------------------------------------------------------------------------------------


def _grouped(found: Mapping[CellPlace, Iterable[CellChange]], apart: Iterable[LockChange]) -> tuple[LockChange, ...]:
    """Each change once, with its cells; the most important kind first, then what is in the most cells."""
    cells: dict[CellChange, list[CellPlace]] = {}
    for place, rows in found.items():
        for row in rows:
            cells.setdefault(row, []).append(place)
    changes = [
        LockChange(kind=row.kind, name=row.name, old=row.old, new=row.new, detail=row.detail, cells=tuple(places))
        for row, places in cells.items()
    ]
    return tuple(sorted((*changes, *apart), key=_order))


def _order(change: LockChange) -> tuple[int, int, str, str, str]:
    return KINDS.index(change.kind), -len(change.cells), change.name, change.old, change.new


def _summary(place: CellPlace, cell: ComparedCell) -> CellSummary:
    floor, _ = cell.case.driver_floors
    driver = driver_text(floor) if floor else ""
    return CellSummary(place=place, claim=str(cell.case.claim), packages=len(cell.packages), driver=driver)


def _resized(changed: Iterable[CellPlace], base: Snapshot, head: Snapshot, names: Mapping[str, str]) -> Iterator[Resized]:
    old_names = {new: old for old, new in names.items()}
    for place in changed:
        sizes = (base.downloads.get(old_names.get(place.lock, place.lock), {}), head.downloads.get(place.lock, {}))
        old, new = (found[place.platform].size if place.platform in found else None for found in sizes)
        yield Resized(place=place, old=old, new=new)
