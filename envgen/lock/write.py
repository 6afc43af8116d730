"""Writing what was solved, and keeping the recorded index in step with the locks. One run at a time does this in a repository."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from envgen.files import write_files
from envgen.lock.keep_records import RecordDrift, add_records, compared, records_of, tidy_records
from envgen.lock.one_writer import one_writer, sweep
from envgen.lock.plan import Plan
from envgen.lock.stale import remove_stale, stale_targets
from envgen.model.layout import LOCK, Layout
from envgen.model.resolution import RenderedFile, Resolution
from envgen.model.run import LockRequest, Outcome, Reporter, Solved

if TYPE_CHECKING:
    from envgen.channels.index import Index
    from envgen.channels.recorded import Records


def written(
    layout: Layout, plans: Sequence[Plan], solved: Sequence[Solved], request: LockRequest, reporter: Reporter
) -> Mapping[tuple[str, str], Outcome]:
    """Record and write what was solved, and bring the recorded index in step with all locks; outcomes by project and target.

    A dry run writes nothing.
    """
    if request.dry_run:
        return {key(item.resolution): _outcome(layout, item, dry_run=True) for item in solved}
    locked: Mapping[tuple[str, str], Outcome] = {}
    stale = [found for found in plans if not request.targets and stale_targets(layout, found.project)]
    found = None if solved or stale or request.edited else compared(layout)
    if found is None or found.surplus:  # or another run is writing: then there is no surplus once this one may write
        with one_writer(layout, reporter):
            add_records(layout, records_of(solved))
            _write_projects(layout, request.edited)
            locked = {key(item.resolution): _outcome(layout, item, dry_run=False) for item in solved}
            _remove_stale(layout, stale, reporter)
            found = compared(layout)
            tidy_records(layout, found)
    else:
        sweep(layout)
    if found.missing and (again := _found_again(layout, found, request, reporter)):
        with one_writer(layout, reporter):
            add_records(layout, again)
    return locked


def _found_again(layout: Layout, found: RecordDrift, request: LockRequest, reporter: Reporter) -> Records:
    """The records that the recorded index lacks, from the index of this run."""
    from envgen.channels.index import IndexOptions, open_index
    from envgen.lock.find_records import found_again

    options = IndexOptions(request.index_folder, fallback=False)

    def index_of(channels: Sequence[str]) -> Index:
        return open_index(options, layout, channels, "linux-64", {}, reporter.say)[0]

    return found_again(layout, found.missing, None if request.offline else index_of, reporter)


def key(resolution: Resolution) -> tuple[str, str]:
    """A target as outcomes are found: its project and its name."""
    return resolution.project.name, resolution.target.name


def _remove_stale(layout: Layout, plans: Iterable[Plan], reporter: Reporter) -> None:
    for found in plans:
        for target in remove_stale(layout, found.project):
            shown = layout.shown(layout.target(found.project.name, target))
            reporter.say(f"{shown} removed: {found.project.name} has no target {target}")


def _write_projects(layout: Layout, edited: Mapping[str, str]) -> None:
    """Write the project files that this run edits. Called before the locks are written: a lock is never ahead of its project."""
    for name, text in edited.items():
        path = layout.project(name)
        write_files(path.parent, (RenderedFile(path.name, text),), layout)


def _outcome(layout: Layout, item: Solved, *, dry_run: bool) -> Outcome:
    """What became of a target whose files are written, if this is not a dry run."""
    folder = layout.target(*key(item.resolution))
    replaced = (folder / LOCK).is_file()
    if not dry_run:
        write_files(folder, item.files, layout)
    return Outcome(
        resolution=item.resolution,
        state="relocked" if replaced else "locked",
        downloads=item.downloads,
        seconds=item.seconds,
        path=layout.shown(folder),
        notes=item.notes,
        changes=item.changes,
        differing=item.differing if item.resolution.project.align else None,
    )
