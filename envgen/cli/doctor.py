"""The command `doctor`."""

from __future__ import annotations

from pathlib import Path

import click

from envgen.cli.console import echo
from envgen.cli.options import facts_of, json_option, layout_of, layout_or_none, root_option


@click.command(short_help="Show what this machine has, and which locked target fits it.")
@click.argument("projects", nargs=-1)
@json_option
@root_option
@click.pass_context
def doctor(context: click.Context, projects: tuple[str, ...], as_json: bool, root: Path | None) -> None:
    """Show what this machine has, what is wrong with it, and which locked target of each project it can run.

    Without PROJECTS, show every project of the repository; outside a repository, the targets that this machine could run. The exit
    code is 1 if an error was found, or if a named project has no locked target that runs here. A project that cannot be read, or
    that has no choice, is an error after the others are shown, or at once where it is named.
    """
    from envgen.cli.console import page_width
    from envgen.cli.failures import exit_with
    from envgen.cli.refuse_stale import stale_locks
    from envgen.machine import report
    from envgen.machine.doctor import diagnose, with_stale
    from envgen.project.cached import cached_project, projects_and_errors

    layout = layout_of(context, root) if projects else layout_or_none(context, root)
    facts, matrix = facts_of(layout)
    shown, errors = projects_and_errors(facts, matrix, layout.projects() if layout and not projects else ())
    shown |= {name: cached_project(facts, matrix, name) for name in projects}
    found = diagnose(facts, matrix, [*shown.values()], requested=bool(projects))
    stale, _ = stale_locks(facts, shown)
    found = with_stale(found, stale)
    echo(report.as_json(found) if as_json else report.page(found, page_width()), people=not as_json)
    exit_with(context, errors)
    if found.failed:
        context.exit(1)
