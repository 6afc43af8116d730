"""What a new solution changes in what is locked for a cell, and what forced it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from envgen.channels.kept import because, first_now, kept_records
from envgen.channels.package_url import split_url
from envgen.lock.locked_cells import LockedCell
from envgen.model.changes import CellChanges, MovedPackage, Placed
from envgen.model.dates import NO_LIMIT
from envgen.model.facts import Platform
from envgen.model.packages import LockedPackage, Record, Solution, SolveRequest

if TYPE_CHECKING:
    from envgen.channels.index import Index


def changes_of(
    request: SolveRequest,
    locked: LockedCell,
    found: Solution,
    index: Index | None,
    freed: Collection[str] = (),
    chosen: Collection[str] = (),
) -> CellChanges:
    """The packages that are not as they were. What is freed, or was not to be kept, is not forced by anything.

    `chosen` are the specs of what was chosen. Without an index nothing was solved, and nothing moved.
    """
    new = {record.name: record for record in found.records}
    moved = [record for name, record in new.items() if locked.urls.get(name, record.url) != record.url]
    names = [record.name for record in moved if record.name not in freed] if request.kept else []
    forced = _forced(request, locked, found, index, names, chosen) if names and index else {}
    return CellChanges(
        added=tuple(Placed(name, record.version) for name, record in new.items() if name not in locked.urls),
        removed=tuple(Placed(name, split_url(url)[1]) for name, url in sorted(locked.urls.items()) if name not in new),
        moved=tuple(_moved(locked.urls[record.name], record, forced.get(record.name, "")) for record in moved),
    )


def with_wheels(
    conda: Mapping[Platform, CellChanges],
    old: Mapping[Platform, Iterable[LockedPackage]],
    new: Mapping[Platform, Iterable[LockedPackage]],
) -> dict[Platform, CellChanges]:
    """The changes of each platform that was locked before, those of its pip packages with them."""
    return {platform: _joined(found, _of_wheels(old.get(platform, ()), new.get(platform, ()))) for platform, found in conda.items()}


def _joined(one: CellChanges, other: CellChanges) -> CellChanges:
    return CellChanges(one.added + other.added, one.removed + other.removed, one.moved + other.moved)


def _of_wheels(old: Iterable[LockedPackage], new: Iterable[LockedPackage]) -> CellChanges:
    """The pip packages that are not as they were."""
    before, after = ({package.name: package for package in rows} for rows in (old, new))
    both = [(before[name], package) for name, package in after.items() if name in before]
    return CellChanges(
        added=tuple(Placed(name, package.version, "pip") for name, package in after.items() if name not in before),
        removed=tuple(Placed(name, package.version, "pip") for name, package in before.items() if name not in after),
        moved=tuple(_moved_wheel(was, now) for was, now in both if (was.url, was.sha256) != (now.url, now.sha256)),
    )


def _moved_wheel(was: LockedPackage, now: LockedPackage) -> MovedPackage:
    """A pip package that moved, with the first that differs: its version, its file, the index that has the file, or its hash."""
    rows = ((one.version, _file(one), one.url, f"sha256:{one.sha256}") for one in (was, now))
    old, new = next(pair for pair in zip(*rows, strict=True) if pair[0] != pair[1])
    shown = (old, new) if was.version != now.version else (f"{was.version} {old}", f"{now.version} {new}")
    return MovedPackage(name=now.name, old=shown[0], new=shown[1], manager="pip")


def _file(package: LockedPackage) -> str:
    return unquote(package.url.partition("#")[0].rpartition("/")[2])


def _moved(url: str, record: Record, why: str) -> MovedPackage:
    name, version, build = split_url(url)
    if version != record.version:
        return MovedPackage(name=name, old=version, new=record.version, because=why)
    return MovedPackage(name=name, old=f"{version} {build}", new=f"{record.version} {record.build}", because=why)


def _forced(
    request: SolveRequest, locked: LockedCell, found: Solution, index: Index, names: Collection[str], chosen: Collection[str]
) -> dict[str, str]:
    """What forced some packages to move."""
    offered, old = kept_records(index, request), kept_records(index, replace(request, exclude_newer=NO_LIMIT))
    there = kept_records(index, replace(request, exclude_newer=NO_LIMIT, wrong=frozenset()))
    told = {}
    for name in names:
        if first := first_now(index, request, locked.urls[name]):
            told[name] = f"{first} has it, and comes first in channels: now"
        elif name in offered:
            told[name] = because(locked.urls[name], offered[name].depends, request, found.records, chosen)
        elif name in old:
            told[name] = "it is newer than exclude-newer"
        else:
            told[name] = (
                "`envgen verify` refuses this build in the target" if name in there else "the index does not have it any more"
            )
    return told
