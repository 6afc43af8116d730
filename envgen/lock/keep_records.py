"""Keeping the recorded index in step with the committed locks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from envgen.channels.recorded import Records, key_of, line_of, read_recorded, recorded_files, recorded_names
from envgen.files import remove_files, write_files
from envgen.formats import conda_lock
from envgen.model.errors import CheckFailed, addressed
from envgen.model.layout import LOCK, Layout
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


def compared(layout: Layout, projects: Iterable[str] | None = None) -> RecordDrift:
    """The locks under this root, or those of some projects, beside the recorded index. Reads each lock once."""
    locks = layout.locks() if projects is None else (path for name in projects for path in locks_of(layout, name))
    named: set[str] = set()
    for path in locks:
        named |= _named(layout, path)
    return RecordDrift(frozenset(named), frozenset(recorded_names(layout.index)))


def locks_of(layout: Layout, project: str) -> list[Path]:
    """The locks of one project."""
    return [layout.target(project, target) / LOCK for target in layout.locked_targets(project)]


def named_by(layout: Layout, project: str) -> set[str]:
    """The packages that the locks of one project name."""
    return {key for path in locks_of(layout, project) for key in _named(layout, path)}


def named_by_none(layout: Layout, keys: Collection[str]) -> set[str]:
    """Those of some packages that no lock names. Reads locks until each is found, and all where one is in none."""
    left = set(keys)
    for path in layout.locks() if left else ():
        left -= _named(layout, path)
        if not left:
            break
    return left


def _named(layout: Layout, path: Path) -> set[str]:
    with addressed(layout.shown(path)):
        return set(map(key_of, set(conda_lock.urls(layout.read(path)))))


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
        other = next(((before, now) for before, now in hashes if before and now and before != now), None)
        if other:
            what = f"{key} has another hash than the one that is locked\n  locked  {other[0]}\n  channel {other[1]}"
            hint = f"nothing was written. A mirror may have changed the file; if its channel did, remove its line from {shown}"
            raise CheckFailed(what, hint=f"{hint}, and lock every project that has it with --update")
    changed = {key.rpartition("/")[0] for key, record in fresh.items() if not _same(old.get(key), record)}
    coming = {key: record for key, record in {**old, **fresh}.items() if key.rpartition("/")[0] in changed}
    _write(layout, recorded_files(coming))


def _same(old: Mapping[str, object] | None, new: Mapping[str, object]) -> bool:
    """Whether the index has a record already, as it would be written."""
    return old is new or (old is not None and line_of(old) == line_of(new))


def tidy_records(layout: Layout, gone: Collection[str]) -> None:
    """Remove these records."""
    subdirs = {key.rpartition("/")[0] for key in gone}
    old = read_recorded(layout.index, layout.shown(layout.index), subdirs)
    files = recorded_files({key: record for key, record in old.items() if key not in gone})
    _write(layout, files)
    there = {
        path.relative_to(layout.index).as_posix(): path for subdir in subdirs for path in (layout.index / subdir).glob("*.json")
    }
    remove_files(path for name, path in there.items() if name not in files)


def _write(layout: Layout, files: Mapping[str, str]) -> None:
    """Write the files of the index that change."""
    for name, text in files.items():
        path = layout.index / name
        if not path.is_file() or layout.read(path) != text:
            write_files(path.parent, (RenderedFile(path.name, text),), layout)
