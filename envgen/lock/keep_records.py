"""Keeping the recorded index in step with the committed locks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from envgen.channels.recorded import key_of, names_of, read_recorded, recorded_files, recorded_names
from envgen.files import remove_files, write_files
from envgen.formats import conda_lock
from envgen.model.layout import Layout
from envgen.model.resolution import RenderedFile
from envgen.model.run import Reporter, Solved


def add_records(layout: Layout, coming: Iterable[Solved]) -> None:
    """Record the packages of locks that will be written. Reads and writes only the files of the index that they belong to.

    Called before the locks are written: a run that is killed in between loses no record, and the next run removes what it left.
    """
    fresh = {key_of(record.url): record.source for item in coming for solution in item.solutions for record in solution.records}
    subdirs = {key.rpartition("/")[0] for key in fresh}
    _write(layout, recorded_files({**read_recorded(layout.index, layout.shown(layout.index), subdirs), **fresh}))


def tidy_records(layout: Layout, reporter: Reporter) -> None:
    """Remove the records that no lock under this root names; say how many are missing. Reads every lock once."""
    named = names_of({url for path in layout.locks() for url in conda_lock.urls(layout.read(path))})
    recorded = recorded_names(layout.index)
    if recorded - named:
        old = read_recorded(layout.index, layout.shown(layout.index))
        files = recorded_files({key: record for key, record in old.items() if key in named})
        _write(layout, files)
        there = layout.index.glob("**/repodata.json")
        remove_files([path for path in there if path.relative_to(layout.index).as_posix() not in files])
    if named - recorded:
        what = f"{len(named - recorded)} locked packages have no record in {layout.shown(layout.index)}"
        reporter.say(f"{what}, so `--offline` cannot solve with them: lock their projects with --update")


def _write(layout: Layout, files: Mapping[str, str]) -> None:
    """Write the files of the index that change."""
    for name, text in files.items():
        path = layout.index / name
        if not path.is_file() or layout.read(path) != text:
            write_files(path.parent, (RenderedFile(path.name, text),), layout)
