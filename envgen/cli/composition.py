"""The commands `why`, `tree`, `size` and `licenses`: what the locks of a project are made of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from envgen.cli.console import echo
from envgen.cli.options import facts_of, json_option, layout_of, root_option
from envgen.model.errors import BadInput, closest

Command = TypeVar("Command", bound=Callable[..., Any])


def cell_options(command: Command) -> Command:
    """`--target` and `--platform`: some cells of the project alone."""
    target = click.option("--target", "targets", multiple=True, metavar="TARGET", help="Only this locked target. May be repeated.")
    platform = click.option(
        "--platform", "platforms", multiple=True, metavar="PLATFORM", help="Only this platform. May be repeated."
    )
    return target(platform(json_option(root_option(command))))


@click.command(short_help="Show who brought a package, in each target.")
@click.argument("project")
@click.argument("package")
@cell_options
@click.pass_context
def why(
    context: click.Context,
    project: str,
    package: str,
    targets: tuple[str, ...],
    platforms: tuple[str, ...],
    as_json: bool,
    root: Path | None,
) -> None:
    """Show in which targets of PROJECT a PACKAGE is locked, and the shortest way to it from each requested package that needs it.

    `envgen resolve --explain` says why a framework has the version that it has.
    """
    from envgen.composition.cells import locked_cells
    from envgen.composition.report import why_data, why_text

    cells, name = locked_cells(layout_of(context, root), project, targets, platforms), package.lower()
    known = {each for cell in cells for each in cell.by_name}
    if name not in known:
        raise BadInput(f"no lock of {project} has a package `{package}`", hint=closest(name, known))
    echo(json.dumps(why_data(name, cells), indent=2) if as_json else why_text(project, name, cells), people=not as_json)


@click.command(short_help="Show what needs what in a project's locks.")
@click.argument("project")
@click.option("--depth", type=click.IntRange(min=0), metavar="N", help="Show only so many levels below what is requested.")
@cell_options
@click.pass_context
def tree(
    context: click.Context,
    project: str,
    depth: int | None,
    targets: tuple[str, ...],
    platforms: tuple[str, ...],
    as_json: bool,
    root: Path | None,
) -> None:
    """Show the locked packages of PROJECT below each requested one; `(*)` marks what is shown above with all that it needs."""
    from envgen.composition.cells import locked_cells
    from envgen.composition.report import tree_data, tree_text

    cells = locked_cells(layout_of(context, root), project, targets, platforms)
    echo(json.dumps(tree_data(cells), indent=2) if as_json else tree_text(cells, depth), people=not as_json)


@click.command(short_help="Show what each target downloads, and its biggest packages.")
@click.argument("project")
@click.option("--most", type=click.IntRange(min=0), default=10, show_default=True, metavar="N", help="Show so many of the biggest.")
@cell_options
@click.pass_context
def size(
    context: click.Context,
    project: str,
    most: int,
    targets: tuple[str, ...],
    platforms: tuple[str, ...],
    as_json: bool,
    root: Path | None,
) -> None:
    """Show what each target of PROJECT downloads, by the recorded index, and its biggest packages.

    The exit code is 1 where a target exceeds the `budget:` of project.yaml.
    """
    from envgen.composition.cells import locked_cells, records_of_cells, sizes_of
    from envgen.composition.report import size_data, size_page
    from envgen.composition.sizes import over_budget
    from envgen.project.cached import cached_project

    layout, matrix = facts_of(layout_of(context, root))
    cells, budget = locked_cells(layout, project, targets, platforms), cached_project(layout, matrix, project).budget
    sizes = sizes_of(cells, records_of_cells(layout, cells))
    echo(json.dumps(size_data(sizes, budget), indent=2) if as_json else size_page(sizes, budget, most), people=not as_json)
    if over_budget(sizes, budget):
        context.exit(1)


@click.command(short_help="Show the licences of a project's packages.")
@click.argument("project")
@click.option("--allow", multiple=True, metavar="GLOB", help="Allow only this licence, instead of the project's. May be repeated.")
@click.option("--deny", multiple=True, metavar="GLOB", help="Deny this licence, instead of the project's. May be repeated.")
@cell_options
@click.pass_context
def licenses(
    context: click.Context,
    project: str,
    allow: tuple[str, ...],
    deny: tuple[str, ...],
    targets: tuple[str, ...],
    platforms: tuple[str, ...],
    as_json: bool,
    root: Path | None,
) -> None:
    """Show the licences in each target of PROJECT, as the recorded index states them.

    The exit code is 1 where a package has none that the `licenses:` of project.yaml allows.
    """
    from envgen.composition.cells import licensed, locked_cells, records_of_cells
    from envgen.composition.licenses import refused
    from envgen.composition.report import licenses_data, licenses_text
    from envgen.model.limits import LicenseLimits
    from envgen.project.cached import cached_project

    layout, matrix = facts_of(layout_of(context, root))
    cells, own = locked_cells(layout, project, targets, platforms), cached_project(layout, matrix, project).licenses
    limits = LicenseLimits(allow, deny) if allow or deny else own
    records, found = records_of_cells(layout, cells), {}
    for target in dict.fromkeys(cell.target for cell in cells):
        packages = dict.fromkeys(one for cell in cells if cell.target == target for one in licensed(cell.packages, records))
        found[target] = tuple(sorted(packages, key=lambda one: (one.name, one.version)))
    wrong = {target: rows for target, packages in found.items() if (rows := tuple(refused(packages, limits)))}
    echo(json.dumps(licenses_data(found, wrong), indent=2) if as_json else licenses_text(found, wrong), people=not as_json)
    if wrong:
        context.exit(1)
