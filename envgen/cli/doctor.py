"""The command `doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envgen.cli.options import json_option, layout_of, root_option
from envgen.model.errors import BadInput

if TYPE_CHECKING:
    from envgen.model.layout import Layout


@click.command(short_help="Show what this machine has, and which locked target fits it.")
@click.argument("projects", nargs=-1)
@json_option
@root_option
@click.pass_context
def doctor(context: click.Context, projects: tuple[str, ...], as_json: bool, root: Path | None) -> None:
    """Show what this machine has, what is wrong with it, and which locked target of each project it can run.

    Without PROJECTS, show every project of the repository; outside a repository, the targets that this machine could run. The exit
    code is 1 if an error was found, or if a named project has no locked target that runs here.
    """
    from envgen.cli.console import page_width
    from envgen.machine import report
    from envgen.machine.doctor import diagnose

    found = diagnose(_layout(context, root, projects), projects)
    click.echo(report.as_json(found) if as_json else report.page(found, page_width()))
    if found.failed:
        context.exit(1)


def _layout(context: click.Context, root: Path | None, projects: tuple[str, ...]) -> Layout | None:
    """The repository; None outside one, if no project is named."""
    try:
        return layout_of(context, root)
    except BadInput:
        if projects:
            raise
        return None
