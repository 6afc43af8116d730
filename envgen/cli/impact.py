"""The command `impact`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from envgen.cli.console import echo
from envgen.cli.options import best_here, chosen_folder, index_options, json_option, layout_of, length_option, root_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envgen.model.impact import Impact
    from envgen.model.layout import Layout
    from envgen.model.run import LockRequest, Outcome


@click.command(short_help="Show what a change of the matrices or templates does to every target.")
@click.argument("base", default="HEAD")
@click.option("--project", "projects", multiple=True, metavar="NAME", help="Only this project. May be repeated.")
@click.option("--merge-base", is_flag=True, help="Compare with the commit that BASE and HEAD both come from.")
@click.option("--solve", is_flag=True, help="Also solve the targets that change, and show their packages. Writes nothing.")
@click.option("--markdown", is_flag=True, help="Print a comment for a pull request.")
@length_option
@click.option("--exit-code", is_flag=True, help="Exit with 1 if a target changes.")
@index_options
@json_option
@root_option
@click.pass_context
def impact(
    context: click.Context,
    base: str,
    projects: tuple[str, ...],
    merge_base: bool,
    solve: bool,
    markdown: bool,
    max_length: int,
    exit_code: bool,
    index_folder: Path | None,
    offline: bool,
    as_json: bool,
    root: Path | None,
) -> None:
    """Show what matrices/ and templates/ do to the targets of the work tree that those of BASE did not.

    BASE is a git revision (default: HEAD) or a folder. Nothing is solved: the records may still refuse what the facts allow, which
    --solve shows.
    """
    if markdown and as_json:
        raise click.UsageError("--markdown and --json exclude each other")
    folder = chosen_folder(context, index_folder, offline=offline)
    layout = layout_of(context, root)
    from envgen.model.run import LockRequest
    from envgen.review import impact_report as report

    found = _found(layout, base, projects, merge_base=merge_base)
    outcomes = _solved(layout, found, LockRequest(index_folder=folder, offline=offline, dry_run=True)) if solve else ()
    if as_json:
        echo(report.impact_json(found, _packages(outcomes) if solve else None))
    else:
        text = report.impact_markdown(found, max_length) if markdown else report.impact_text(found)
        echo(text, people=not markdown)
        for line in _changes(outcomes):
            echo(line, people=not markdown)
    if exit_code and found.changed:
        context.exit(1)


def _found(layout: Layout, base: str, projects: tuple[str, ...], *, merge_base: bool) -> Impact:
    from envgen.review.impact import impact as impact_of
    from envgen.revisions import as_folder
    from envgen.revisions import merge_base as base_of

    for name in projects:
        layout.known_project(name)
    name = base_of(layout.root, base).commit if merge_base else base
    with as_folder(layout.root, name, (layout.matrices.name, layout.templates.name)) as folder:
        return impact_of(layout, base, folder, projects)


def _solved(layout: Layout, found: Impact, request: LockRequest) -> Sequence[Outcome]:
    """The targets that change, solved; those without a choice are left out."""
    from dataclasses import replace

    from envgen.cli.console import Terminal
    from envgen.lock.pipeline import lock

    lost = {row.project for row in found.targets if row.kind == "lost"}
    names = dict.fromkeys(row.project for row in found.changed if row.kind in ("moves", "solved-again", "gained"))
    wanted = tuple(name for name in names if name not in lost)
    with Terminal() as reporter:
        for name in lost:
            reporter.say(f"{name}: not solved, it has no choice")
        return lock(layout, replace(request, projects=wanted), reporter, best_here).whole() if wanted else ()


def _packages(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    from envgen.cli.change_report import changes_data

    return {f"{row.resolution.project.name}-{row.resolution.target.name}": changes_data(row.changes) for row in outcomes}


def _changes(outcomes: Sequence[Outcome]) -> Sequence[str]:
    from envgen.cli.change_report import changes_text

    return tuple(changes_text(outcomes)) if outcomes else ()
