"""Writing what was solved: records, project files that were edited, locks; and what goes with targets that are no more."""

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

Outcomes = Mapping[tuple[str, str], Outcome]
"""What became of each target that was solved, by project and target."""


def written(layout: Layout, plans: Sequence[Plan], solved: Sequence[Solved], request: LockRequest, reporter: Reporter) -> Outcomes:
    """Write what was solved, and bring the recorded index in step with all locks. A dry run writes nothing."""
    if request.dry_run:
        return {_key(item.resolution): _outcome(layout, item) for item in solved}
    stale = [] if request.targets else [found for found in plans if stale_targets(layout, found.project)]
    locked: Outcomes = {}
    found = None if solved or stale or request.edited else compared(layout)
    if found is None or found.surplus:  # or another run is writing: then there is no surplus once this one may write
        with one_writer(layout, reporter):
            locked = _write(layout, solved, request.edited)
            _remove_stale(layout, stale, reporter)
            found = compared(layout)
            tidy_records(layout, found)
    else:
        sweep(layout)
    if found.missing and (again := _found_again(layout, found, request, reporter)):
        with one_writer(layout, reporter):
            add_records(layout, again)
    return locked


def _write(layout: Layout, solved: Sequence[Solved], edited: Mapping[str, str]) -> Outcomes:
    """Write records first, then project files, then locks: a lock is never ahead of what it was made of."""
    add_records(layout, records_of(solved))
    for name, text in edited.items():
        path = layout.project(name)
        write_files(path.parent, (RenderedFile(path.name, text),), layout)
    outcomes = {}
    for item in solved:
        outcomes[_key(item.resolution)] = _outcome(layout, item)
        write_files(layout.target(*_key(item.resolution)), item.files, layout)
    return outcomes


def _remove_stale(layout: Layout, plans: Iterable[Plan], reporter: Reporter) -> None:
    for found in plans:
        for target in remove_stale(layout, found.project):
            shown = layout.shown(layout.target(found.project.name, target))
            reporter.say(f"{shown} removed: {found.project.name} has no target {target}")


def _found_again(layout: Layout, found: RecordDrift, request: LockRequest, reporter: Reporter) -> Records:
    """The records that the recorded index lacks, from the index of this run."""
    from envgen.channels.index import IndexOptions, open_index
    from envgen.lock.find_records import found_again

    options = IndexOptions(request.index_folder, fallback=False)

    def index_of(channels: Sequence[str]) -> Index:
        return open_index(options, layout, channels, "linux-64", {}, reporter.say)[0]

    return found_again(layout, found.missing, None if request.offline else index_of, reporter)


def _key(resolution: Resolution) -> tuple[str, str]:
    return resolution.project.name, resolution.target.name


def _outcome(layout: Layout, item: Solved) -> Outcome:
    """What becomes of a target, before its files are written."""
    folder = layout.target(*_key(item.resolution))
    return Outcome(
        resolution=item.resolution,
        state="relocked" if (folder / LOCK).is_file() else "locked",
        downloads=item.downloads,
        seconds=item.seconds,
        path=layout.shown(folder),
        notes=item.notes,
        changes=item.changes,
        differing=item.differing if item.resolution.project.align else None,
    )
