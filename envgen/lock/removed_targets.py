"""Locks of targets that their project does not have any more."""

from __future__ import annotations

from envgen.files import remove_files
from envgen.formats import conda_lock
from envgen.model.errors import BadInput
from envgen.model.layout import LOCK, SPEC, VIRTUAL, Layout
from envgen.model.project import Project


def removed_targets(layout: Layout, project: Project) -> tuple[str, ...]:
    """The targets that envgen locked and the project does not have; none where the project leaves a target open.

    An open target may be another one tomorrow, in a folder of its own.
    """
    names = {row.name for row in project.targets}
    if any(row.others or row.instead_of for row in project.targets):
        return ()
    return tuple(name for name in layout.locked_targets(project.name) if name not in names and _is_ours(layout, project, name))


def remove_their_files(layout: Layout, project: Project) -> tuple[str, ...]:
    """Remove the files of removed targets, and nothing else in their folders. Returns the targets."""
    removed = removed_targets(layout, project)
    for name in removed:
        folder = layout.target(project.name, name)
        remove_files(path for file in (LOCK, SPEC, VIRTUAL) if (path := folder / file).is_file())
    return removed


def _is_ours(layout: Layout, project: Project, target: str) -> bool:
    path = layout.target(project.name, target) / LOCK
    try:
        return conda_lock.read_stamp(layout.read(path), layout.shown(path)) is not None
    except BadInput:
        return False
