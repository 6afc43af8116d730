"""The commands `add` and `remove`: a project file is edited in place, and locked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from envgen.cli.lock import lock_options, requested, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from envgen.project.edit import ProjectText

target_option = click.option("--target", metavar="TARGET", help="For this target alone, as the project file names it.")


@click.command(short_help="Add requirements to a project, and lock it.")
@click.argument("project")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...")
@target_option
@lock_options
@click.pass_context
def add(context: click.Context, /, project: str, specs: tuple[str, ...], target: str | None, **options: Any) -> None:
    """Add conda specs to the project.yaml of PROJECT, and lock it. A spec of the same package is replaced.

    Frameworks and their companions go below `frameworks:`. Nothing is written where there is no solution.
    """

    def edited(text: ProjectText) -> ProjectText:
        for spec in specs:
            text = text.with_spec(spec, target)
        return text

    _edit(context, project, edited, options)


@click.command(short_help="Remove requirements from a project, and lock it.")
@click.argument("project")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@target_option
@lock_options
@click.pass_context
def remove(context: click.Context, /, project: str, names: tuple[str, ...], target: str | None, **options: Any) -> None:
    """Remove packages, frameworks or companions from the project.yaml of PROJECT, and lock it."""

    def edited(text: ProjectText) -> ProjectText:
        for name in names:
            text = text.without_package(name, target)
        return text

    _edit(context, project, edited, options)


def _edit(context: click.Context, project: str, edited: Callable[[ProjectText], ProjectText], options: dict[str, Any]) -> None:
    layout, request = requested(context, (project,), (), **options)
    from envgen.matrix.cached import cached_matrix
    from envgen.project.edit import ProjectText
    from envgen.yamlfile.text import text_of

    path = layout.known_project(project)
    text, shown = text_of(path, layout.shown(path), absent="`envgen init` writes one", exact=True), layout.shown(path)
    new = edited(ProjectText(text, shown, cached_matrix(layout)))
    run(layout, replace(request, edited={project: new.text}), as_json=options["as_json"])
