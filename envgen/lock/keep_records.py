"""Keeping the recorded index in step with the committed locks."""

from __future__ import annotations

from collections.abc import Sequence

from envgen.channels.recorded import names_of, read_recorded, recorded_files, recorded_names
from envgen.files import remove_files, write_files
from envgen.formats import conda_lock
from envgen.model.layout import Layout
from envgen.model.resolution import RenderedFile
from envgen.model.run import Reporter, Solved


def keep_records(layout: Layout, coming: Sequence[Solved], reporter: Reporter) -> None:
    """Record the packages of all locks under this root, and of the locks that `coming` will write.

    Called before and after locks are written: a run that is killed in between loses no record, and the next run cleans up.
    """
    urls = [url for path in layout.locks() for url in conda_lock.urls(layout.read(path))]
    fresh = [record for item in coming for solution in item.solutions for record in solution.records]
    if not coming and recorded_names(layout.index) == names_of(urls):
        return
    old = read_recorded(layout.index, layout.shown(layout.index))
    files, unknown = recorded_files([*urls, *(record.url for record in fresh)], fresh, old)
    for name, text in files.items():
        path = layout.index / name
        if not path.is_file() or layout.read(path) != text:
            write_files(path.parent, (RenderedFile(path.name, text),), layout)
    remove_files([path for path in layout.index.glob("**/repodata.json") if path.relative_to(layout.index).as_posix() not in files])
    if unknown and not coming:
        what = f"{len(unknown)} locked packages have no record in {layout.shown(layout.index)}"
        reporter.say(f"{what}, so `--offline` cannot solve with them: lock their projects with --update")
