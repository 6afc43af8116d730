"""Writing what was solved, project by project, and keeping the recorded index in step with the locks.

One run at a time does this in a repository. It holds the repository's lock file while it writes one project, not while it solves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from envgen.cache import recalled, remember
from envgen.files import write_files
from envgen.formats import conda_lock
from envgen.lock.keep_records import (
    add_records,
    compared,
    locks_of,
    named_by,
    named_by_none,
    tidy_records,
)
from envgen.lock.one_writer import one_writer, sweep, was_killed
from envgen.lock.removed_targets import remove_their_files, removed_targets
from envgen.lock.unchanged import RawInputs
from envgen.model.errors import BadInput
from envgen.model.layout import Layout
from envgen.model.project import Project
from envgen.model.resolution import RenderedFile
from envgen.model.run import InStep, LockedProject, LockRequest, Reporter

if TYPE_CHECKING:
    from envgen.channels.index import Index
    from envgen.channels.recorded import Records


class Writer:
    """Writes the projects of one run, each when it is whole. A dry run writes nothing."""

    def __init__(self, layout: Layout, request: LockRequest, reporter: Reporter) -> None:
        self._layout, self._request, self._reporter = layout, request, reporter
        self._given_up: set[str] = set()  # packages that a lock named before this run and does not name any more
        self._killed = self._swept = False
        self.wrote = False

    def write(self, project: Project, locked: LockedProject) -> None:
        """Record and write what was locked for a project, and remove its stale targets."""
        layout, request, name = self._layout, self._request, project.name
        stale = not request.targets and bool(removed_targets(layout, project))
        if request.dry_run or not (locked.files or stale or name in request.edited):
            return
        with self._writing():
            before = self._named_before(name)
            add_records(layout, locked.records)
            _write_project(layout, name, request.edited)
            for target, files in locked.files.items():
                write_files(layout.target(name, target), files, layout)
            if stale:
                self._remove_stale(project)
            self._given_up |= before - named_by(layout, name) if before else before

    def _named_before(self, project: str) -> set[str]:
        """What the locks of a project name; where one is damaged, nothing, and the recorded index is compared with all locks."""
        layout = self._layout
        try:
            for path in locks_of(layout, project):
                conda_lock.read_stamp(layout.read(path), layout.shown(path))  # of half a lock, the URLs say nothing
            return named_by(layout, project)
        except BadInput:
            self._killed = True
            return set()

    def finish(self, projects: Collection[str], raw: RawInputs | None) -> None:
        """Bring the recorded index in step with all locks; in a run over some projects, with theirs.

        Locks are not read where raw inputs are known to be in step with it.
        """
        if self._request.dry_run:
            return
        whole = raw.whole() if raw and not (self.wrote or self._request.projects) else ""
        if whole and recalled(InStep, whole) is not None:
            sweep(self._layout)
            return
        if self._is_in_step(projects) and raw and whole and not self.wrote and raw.again().whole() == whole:
            remember(InStep(), whole)

    def _is_in_step(self, projects: Collection[str]) -> bool:
        """Bring it in step; whether nothing had to be done and nothing is missing."""
        if self._request.projects and not (self._killed or (not self.wrote and was_killed(self._layout))):
            missing = self._finish_some(projects)
        else:
            missing = self._finish_all()
        if missing and (again := self._found_again(missing)):
            with self._writing():
                add_records(self._layout, again)
        return not missing

    def _finish_some(self, projects: Collection[str]) -> Collection[str]:
        """Remove what the locks of these projects gave up. Returns the packages of these that have no record.

        Other locks are read only where something was given up, until all of it is found in them.
        """
        if self._given_up:
            with self._writing():
                tidy_records(self._layout, named_by_none(self._layout, self._given_up))
        return compared(self._layout, projects).missing

    def _finish_all(self) -> Collection[str]:
        """Remove every record that no lock names. Returns the packages that have no record."""
        found = None if self.wrote else compared(self._layout)
        if found is None or found.surplus:  # or another run is writing: then there is no surplus once this one may write
            with self._writing():
                found = compared(self._layout)
                tidy_records(self._layout, found.surplus)
        else:
            sweep(self._layout)
        return found.missing

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with one_writer(self._layout, self._reporter, swept=self._swept) as killed:
            self._swept, self.wrote, self._killed = True, True, self._killed or killed
            yield

    def _found_again(self, missing: Collection[str]) -> Records:
        """The records that the recorded index lacks, from the index of this run."""
        from envgen.channels.index import IndexOptions, open_index
        from envgen.lock.find_records import found_again

        options = IndexOptions(self._request.index_folder, fallback=False)

        def index_of(channels: Sequence[str]) -> Index:
            return open_index(options, self._layout, channels, "linux-64", {}, self._reporter.say)[0]

        return found_again(self._layout, missing, None if self._request.offline else index_of, self._reporter)

    def _remove_stale(self, project: Project) -> None:
        for target in remove_their_files(self._layout, project):
            shown = self._layout.shown(self._layout.target(project.name, target))
            self._reporter.say(f"{shown} removed: {project.name} has no target {target}")


def _write_project(layout: Layout, name: str, edited: Mapping[str, str]) -> None:
    """Write the project file, if this run edits it. Called before the locks are written: a lock is never ahead of its project."""
    if name in edited:
        path = layout.project(name)
        write_files(path.parent, (RenderedFile(path.name, edited[name]),), layout)
