"""What a new solution changes in what is locked for a cell, and what forced it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from envgen.channels.kept import because, kept_records
from envgen.channels.package_url import split_url
from envgen.lock.locked_cells import LockedCell
from envgen.model.changes import CellChanges, MovedPackage, Placed
from envgen.model.dates import NO_LIMIT
from envgen.model.packages import Record, Solution, SolveRequest

if TYPE_CHECKING:
    from envgen.channels.index import Index


def changes_of(
    request: SolveRequest, locked: LockedCell, found: Solution, index: Index | None, freed: Collection[str] = ()
) -> CellChanges:
    """The packages that are not as they were. What is freed, or was not to be kept, is not forced by anything.

    Without an index nothing was solved, and nothing moved.
    """
    new = {record.name: record for record in found.records}
    moved = [record for name, record in new.items() if locked.urls.get(name, record.url) != record.url]
    names = [record.name for record in moved if record.name not in freed] if request.kept else []
    forced = _forced(request, locked, found, index, names) if names and index else {}
    return CellChanges(
        added=tuple(Placed(name, record.version) for name, record in new.items() if name not in locked.urls),
        removed=tuple(Placed(name, split_url(url)[1]) for name, url in sorted(locked.urls.items()) if name not in new),
        moved=tuple(_moved(locked.urls[record.name], record, forced.get(record.name, "")) for record in moved),
    )


def _moved(url: str, record: Record, why: str) -> MovedPackage:
    name, version, build = split_url(url)
    if version != record.version:
        return MovedPackage(name=name, old=version, new=record.version, because=why)
    return MovedPackage(name=name, old=f"{version} {build}", new=f"{record.version} {record.build}", because=why)


def _forced(request: SolveRequest, locked: LockedCell, found: Solution, index: Index, names: Collection[str]) -> dict[str, str]:
    """What forced some packages to move."""
    offered, old = kept_records(index, request), kept_records(index, replace(request, exclude_newer=NO_LIMIT))
    there = kept_records(index, replace(request, exclude_newer=NO_LIMIT, wrong=frozenset()))
    told = {}
    for name in names:
        if name in offered:
            told[name] = because(locked.urls[name], offered[name].depends, request, found.records)
        elif name in old:
            told[name] = "it is newer than exclude-newer"
        else:
            told[name] = (
                "`envgen verify` refuses this build in the target" if name in there else "the index does not have it any more"
            )
    return told
