"""Completing the recorded index: the records of locked packages that it lacks, from the channels that the locks name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from envgen.channels.channel import locate
from envgen.channels.index import Index
from envgen.channels.recorded import Records, key_of
from envgen.channels.solve import source_of
from envgen.formats import conda_lock
from envgen.model.errors import BadInput, NoSolution
from envgen.model.layout import Layout
from envgen.model.packages import LockedPackage
from envgen.model.run import Reporter

IndexFor = Callable[[Sequence[str]], Index]
"""Opens an index with these channels."""


def found_again(layout: Layout, missing: Collection[str], index_for: IndexFor | None, reporter: Reporter) -> Records:
    """The records of locked packages with these keys, where an index, if there is one, has them with the hashes of the locks.

    Says how many were found and how many are still missing.
    """
    shown, found = layout.shown(layout.index), dict[str, Mapping[str, object]]()
    try:
        if index_for:
            packages = _packages(layout, missing)
            index = index_for(sorted({_channel(package) for package in packages.values()}))
            found = {key: source for key, package in packages.items() if (source := _source(package, index)) is not None}
            if found:
                reporter.say(f"{shown} had no record of {_count(found)}: taken from {index.shown}")
    except (BadInput, NoSolution) as error:
        reporter.say(f"warning: {error.what.splitlines()[0]}")
    if lost := set(missing) - found.keys():
        what = f"{shown} has no record of {_count(lost)}"
        reporter.say(f"{what}, so `--offline` cannot solve with them: lock their projects with --update")
    return found


def _count(packages: Collection[str]) -> str:
    return f"{len(packages)} locked package{'' if len(packages) == 1 else 's'}"


def _packages(layout: Layout, keys: Collection[str]) -> dict[str, LockedPackage]:
    """The locked packages with these keys. Parses only the locks that have one."""
    found: dict[str, LockedPackage] = {}
    for path in layout.locks():
        text = layout.read(path)
        if not found.keys() >= {key for key in map(key_of, conda_lock.urls(text)) if key in keys}:
            packages = conda_lock.read_lock(text, layout.shown(path)).packages
            found |= {key: row for row in packages if row.manager == "conda" and (key := key_of(row.url)) in keys}
    return found


def _channel(package: LockedPackage) -> str:
    return package.url.rsplit("/", 2)[0]


def _source(package: LockedPackage, index: Index) -> Mapping[str, object] | None:
    """The record of a package as the index holds it; None where the index does not have it, or with another hash."""
    for record in index.records(package.name, locate(_channel(package)), package.platform):
        same = package.url.endswith(f"/{record.subdir}/{record.file_name}")
        hashes = ((record.sha256, package.sha256), (record.md5, package.md5))
        if same and next((one.hex() == other for one, other in hashes if one and other), False):
            return source_of(record)
    return None
