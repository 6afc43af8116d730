"""Keeping the recorded index in step with the committed locks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from envgen.channels.recorded import Records, key_of, read_recorded, recorded_files, recorded_names
from envgen.files import remove_files, write_files
from envgen.formats import conda_lock
from envgen.model.errors import CheckFailed, addressed
from envgen.model.layout import Layout
from envgen.model.resolution import RenderedFile
from envgen.model.run import Solved


@dataclass(frozen=True, slots=True)
class RecordDrift:
    """The packages that the locks name and those that the recorded index has, by their keys in the index."""

    named: frozenset[str]
    recorded: frozenset[str]

    @property
    def surplus(self) -> frozenset[str]:
        """Records that no lock names."""
        return self.recorded - self.named

    @property
    def missing(self) -> frozenset[str]:
        """Locked packages without a record."""
        return self.named - self.recorded


def compared(layout: Layout) -> RecordDrift:
    """The locks under this root beside the recorded index. Reads every lock once."""
    named: set[str] = set()
    for path in layout.locks():
        with addressed(layout.shown(path)):
            named.update(map(key_of, set(conda_lock.urls(layout.read(path)))))
    return RecordDrift(frozenset(named), frozenset(recorded_names(layout.index)))


def records_of(coming: Iterable[Solved]) -> Records:
    """The records of targets that are solved, by their keys in the index."""
    return {key_of(record.url): record.source for item in coming for solution in item.solutions for record in solution.records}


def add_records(layout: Layout, fresh: Records) -> None:
    """Record the packages of locks that will be written. Reads and writes only the files of the index that they belong to.

    Called before the locks are written: a run that is killed in between loses no record, and the next run removes what it left.
    Raises CheckFailed where a locked file has another hash now: a file with another content has another name.
    """
    shown, subdirs = layout.shown(layout.index), {key.rpartition("/")[0] for key in fresh}
    old = read_recorded(layout.index, shown, subdirs)
    for key in sorted(old.keys() & fresh.keys()):
        hashes = [(old[key].get(kind), fresh[key].get(kind)) for kind in ("sha256", "md5")]
        changed = next(((before, now) for before, now in hashes if before and now and before != now), None)
        if changed:
            what = f"{key} has another hash than the one that is locked\n  locked  {changed[0]}\n  channel {changed[1]}"
            hint = f"nothing was written. A mirror may have changed the file; if its channel did, remove its line from {shown}"
            raise CheckFailed(what, hint=f"{hint}, and lock every project that has it with --update")
    _write(layout, recorded_files({**old, **fresh}))


def tidy_records(layout: Layout, found: RecordDrift) -> None:
    """Remove the records that no lock under this root names."""
    if found.surplus:
        old = read_recorded(layout.index, layout.shown(layout.index))
        files = recorded_files({key: record for key, record in old.items() if key in found.named})
        _write(layout, files)
        there = layout.index.glob("**/repodata.json")
        remove_files([path for path in there if path.relative_to(layout.index).as_posix() not in files])


def _write(layout: Layout, files: Mapping[str, str]) -> None:
    """Write the files of the index that change."""
    for name, text in files.items():
        path = layout.index / name
        if not path.is_file() or layout.read(path) != text:
            write_files(path.parent, (RenderedFile(path.name, text),), layout)
