"""The command that looks at this machine: doctor."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from envgen.cli.options import json_option, layout_of, root_option
from envgen.model.errors import BadInput

if TYPE_CHECKING:
    from envgen.model.layout import Layout

WIDTH, NARROWEST = 120, 60  # columns of a page that goes to a file or a pipe, and of one on a small terminal


@click.command(short_help="What this machine has, and which locked target fits it.")
@click.argument("projects", nargs=-1)
@json_option
@root_option
@click.pass_context
def doctor(context: click.Context, projects: tuple[str, ...], as_json: bool, root: Path | None) -> None:
    """Show what this machine has, what is wrong with it, and which locked target of each project it can run.

    Without PROJECTS all projects of the repository; outside of a repository the machine, and the targets that it could run.
    Ends in 1 when an error was found, or when a named project has no locked target that runs here.
    """
    from envgen.machine import report
    from envgen.machine.doctor import diagnose

    found = diagnose(_layout(context, root, projects), projects)
    width = max(NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH
    click.echo(report.as_json(found) if as_json else report.page(found, width))
    if found.failed:
        context.exit(1)


def _layout(context: click.Context, root: Path | None, projects: tuple[str, ...]) -> Layout | None:
    """The repository; None where there is none and none is needed."""
    try:
        return layout_of(context, root)
    except BadInput:
        if projects:
            raise
        return None
