"""Nothing to do, known before anything is parsed: a digest of the raw inputs of a project that had nothing to do before.

The key is a digest of all that decides: this program, the facts, the templates, the date that is asked for, the project file, and
the files of its targets, each as they are on the disk. What is remembered was found by planning with exactly these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from envgen.cache import key_of, recalled, remember
from envgen.lock.plan import Plan
from envgen.matrix.cached import facts_key
from envgen.model.dates import dates_text
from envgen.model.errors import BadInput
from envgen.model.layout import Layout
from envgen.model.run import LockRequest, Outcome, Reporter, UnchangedProject


class RawInputs:
    """Digests of the files of a repository as they are. Each file is read once."""

    def __init__(self, layout: Layout, request: LockRequest) -> None:
        self._layout, self._request = layout, request
        self._digests: dict[str, str] = {}

    @cached_property
    def shared(self) -> str:
        """The digest of what all projects depend on; "" where there is no shortcut."""
        templates = sorted(path for path in self._layout.templates.rglob("*") if path.is_symlink() or not path.is_dir())
        found = digest_of(templates, self._layout.root)
        try:
            return key_of(facts_key(self._layout), found, dates_text(self._request.exclude_newer)) if found else ""
        except BadInput:
            return ""

    def of(self, project: str) -> str:
        """The digest of one project and of what it depends on; "" where there is no shortcut."""
        if project not in self._digests:
            self._digests[project] = self._read(project)
        return self._digests[project]

    def is_still(self, project: str) -> bool:
        """Whether the files of a project are what they were."""
        return self._layout.reads_once or self._read(project) == self.of(project)

    def _read(self, project: str) -> str:
        files = self._layout.raw_files(project) if self.shared else None
        found = digest_of(files, self._layout.root, self._layout.data) if files is not None else ""
        return key_of(self.shared, found) if found else ""

    def again(self) -> RawInputs:
        """The same, to be read again."""
        return RawInputs(self._layout, self._request)

    def whole(self) -> str:
        """The digest of all projects and of the recorded index; "" where there is no shortcut."""
        layout = self._layout
        found = [self.of(name) for name in layout.project_folders()]
        index = digest_of(sorted(path for path in layout.index.rglob("*") if not path.is_dir()), layout.root)
        return key_of(index, *found) if index and all(found) else ""


def digest_of(files: Iterable[Path], root: Path, read: Callable[[Path], bytes] = Path.read_bytes) -> str:
    """The sha256 of files, their names and how long they are; "" where one cannot be read or is not a plain file."""
    found = hashlib.sha256()
    try:
        for path in files:
            if path.is_symlink() or not path.is_file():
                return ""
            data = read(path)
            found.update(f"{path.relative_to(root).as_posix()} {len(data)} ".encode(errors="surrogateescape"))
            found.update(data)
    except OSError:
        return ""
    return found.hexdigest()


def has_shortcut(request: LockRequest) -> bool:
    """Whether a request only asks for what the files say."""
    return not (request.targets or request.update or request.packages or request.edited)


def unchanged(raw: RawInputs, project: str, reporter: Reporter) -> tuple[Outcome, ...] | None:
    """The outcomes of a project that has nothing to do; None where that is not known. The reporter is told as a plan tells it."""
    found = recalled(UnchangedProject, raw.of(project))
    if found is None:
        return None
    for note in found.outcomes[0].resolution.project.notes:
        reporter.say(f"{note.at}: {note.text}")
    return found.outcomes


def remember_unchanged(layout: Layout, raw: RawInputs, found: Plan) -> None:
    """Remember that a project has nothing to do, with what its report needs."""
    name = found.project.name
    key = raw.of(name)
    if key and raw.is_still(name):  # and was when it was planned
        remember(UnchangedProject(tuple(unchanged_outcome(layout, found, target) for target in found.requested)), key)


def unchanged_outcome(layout: Layout, found: Plan, target: str) -> Outcome:
    """The outcome of a target whose files are what its inputs say."""
    return Outcome(
        resolution=replace(found.held[target], obstacles=()),
        state="unchanged",
        downloads=found.stamps[target].downloads,
        seconds=0.0,
        path=layout.shown(layout.target(found.project.name, target)),
    )
