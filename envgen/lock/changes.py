"""What a new solution changes in what is locked for a cell, and what forced it."""

from __future__ import annotations

from collections.abc import Collection

from envgen.channels.kept import because, split_url
from envgen.lock.locked import LockedCell
from envgen.model.changes import CellChanges, MovedPackage, Placed
from envgen.model.packages import Record, Solution, SolveRequest


def changes_of(request: SolveRequest, locked: LockedCell, found: Solution, freed: Collection[str] = ()) -> CellChanges:
    """The packages that are not as they were. What is freed, or was not to be kept, is not forced by anything."""
    new = {record.name: record for record in found.records}
    moved = [record for name, record in new.items() if locked.urls.get(name, record.url) != record.url]
    forced = {} if not request.kept else {r.name: _why(request, locked, found, r.name) for r in moved if r.name not in freed}
    return CellChanges(
        added=tuple(Placed(name, record.version) for name, record in new.items() if name not in locked.urls),
        removed=tuple(Placed(name, split_url(url)[1]) for name, url in sorted(locked.urls.items()) if name not in new),
        moved=tuple(_moved(locked.urls[record.name], record, forced.get(record.name, "")) for record in moved),
    )


def _moved(url: str, record: Record, why: str) -> MovedPackage:
    name, version, build = split_url(url)
    old, new = (
        (version, record.version) if version != record.version else (f"{version} {build}", f"{record.version} {record.build}")
    )
    return MovedPackage(name=name, old=old, new=new, because=why)


def _why(request: SolveRequest, locked: LockedCell, found: Solution, name: str) -> str:
    record = locked.records.get(name)
    return because(locked.urls[name], record.depends if record else (), request, found.records)
