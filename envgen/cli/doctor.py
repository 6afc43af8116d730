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
    that has no choice, is an error at the end, unless it is named.
    """
    from envgen.cli.console import page_width
    from envgen.cli.failures import exit_with
    from envgen.cli.refuse_stale import stale_locks
    from envgen.machine import report
    from envgen.machine.doctor import diagnose, with_stale
    from envgen.project.cached import cached_project, wrong_projects

    layout = layout_of(context, root) if projects else layout_or_none(context, root)
    facts, matrix = facts_of(layout)
    every = layout.projects() if layout and not projects else ()
    wrong = wrong_projects(facts, matrix, every)
    names = dict.fromkeys(projects or (name for name in every if name not in wrong))
    found = diagnose(facts, matrix, [cached_project(facts, matrix, name) for name in names], requested=bool(projects))
    stale, _ = stale_locks(facts, names)
    found = with_stale(found, stale)
    echo(report.as_json(found) if as_json else report.page(found, page_width()), people=not as_json)
    exit_with(context, wrong.values())
    if found.failed:
        context.exit(1)
