"""The projects of a repository, from the cache unless their file or the facts have changed. Imports pydantic only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envgen.cache import key_of, remembered
from envgen.model.facts import Matrix, Project
from envgen.model.layout import Layout
from envgen.yamlfile.text import source

if TYPE_CHECKING:
    from envgen.model.run import Reporter


def cached_project(layout: Layout, matrix: Matrix, name: str, reporter: Reporter | None = None) -> Project:
    """The project of that name; the reporter is told how its aliases were read.

    Raises BadInput, also for a name that no project has, and Unsatisfiable, as `project.load` does.
    """
    path = layout.known_project(name)
    shown = layout.shown(path)
    text = source(path, shown)

    def made() -> Project:
        from envgen.project.load import project_of
        from envgen.yamlfile.document import parse

        return project_of(parse(text, shown), name, matrix)

    project = remembered(Project, key_of(matrix.digest, name, shown, text), made) if matrix.digest else made()
    if reporter:
        for note in project.notes:
            reporter.say(f"{note.at}: {note.text}")
    return project
