"""The projects of a repository, from the cache unless their file or the facts have changed. Imports pydantic only then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from envgen.cache import key_of, remembered
from envgen.model.errors import EnvgenError
from envgen.model.facts import Matrix
from envgen.model.layout import LOCK, Layout
from envgen.model.project import Project, RequestedTarget
from envgen.model.run import TARGET
from envgen.yamlfile.text import source_in

if TYPE_CHECKING:
    from envgen.model.run import Reporter


def cached_project(
    layout: Layout,
    matrix: Matrix,
    name: str,
    reporter: Reporter | None = None,
    *,
    afresh: bool = False,
    edited: str | None = None,
) -> Project:
    """The project of that name; the reporter is told how its aliases were read.

    A target that its file leaves open is the one that is locked instead of the newest, if the records had no solution for that;
    with `afresh` it is the newest. `edited` is read in the place of the text of its file.

    Raises BadInput, also for a name that no project has, and Unsatisfiable, as `project.load` does.
    """
    path = layout.known_project(name)
    shown = layout.shown(path)
    text = source_in(layout, path, shown) if edited is None else edited

    def made() -> Project:
        from envgen.project.load import project_of
        from envgen.yamlfile.document import parsed

        return project_of(parsed(text, shown), name, matrix)

    project = remembered(Project, key_of(matrix.digest, name, shown, text), made) if matrix.digest else made()
    if reporter:
        for note in project.notes:
            reporter.say(f"{note.at}: {note.text}")
    return project if afresh else replace(project, targets=tuple(_as_locked(layout, name, row) for row in project.targets))


def projects_and_errors(layout: Layout, matrix: Matrix, names: Iterable[str]) -> tuple[dict[str, Project], list[EnvgenError]]:
    """These projects by name, without those that cannot be read or have no choice, and the errors of those."""
    found: dict[str, Project] = {}
    errors: list[EnvgenError] = []
    for name in names:
        try:
            found[name] = cached_project(layout, matrix, name)
        except EnvgenError as error:
            errors.append(error)
    return found, errors


def is_own_target(layout: Layout, matrix: Matrix, word: str) -> bool:
    """Whether a word is the name of a target that some project of the repository, which can be read, has of its own."""
    projects, _ = projects_and_errors(layout, matrix, layout.projects())
    return any(row.own and row.name == word for project in projects.values() for row in project.targets)


def _as_locked(layout: Layout, project: str, row: RequestedTarget) -> RequestedTarget:
    """A target that the project leaves open as the other that was locked in its place, if one was."""
    if (layout.target(project, row.name) / LOCK).is_file():
        return row
    return next((other for other in map(row.as_other, row.others) if _is_locked_as(layout, project, other)), row)


def _is_locked_as(layout: Layout, project: str, row: RequestedTarget) -> bool:
    """Whether the lock of a target says that it is there in the place of a newer one."""
    from envgen.formats import conda_lock

    path = layout.target(project, row.name) / LOCK
    stamp = conda_lock.read_stamp(layout.read(path), layout.shown(path)) if path.is_file() else None
    return stamp is not None and stamp.moved.get(TARGET, "").startswith(f"{row.instead_text}:")
