"""The command `check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envgen.cli.console import echo, tell
from envgen.cli.options import findings_options, layout_of, one_format, root_option

if TYPE_CHECKING:
    from envgen.cli.console import Terminal
    from envgen.model.layout import Layout
    from envgen.review.check import Checked


@click.command(short_help="Check that projects, facts, templates, locks and the recorded index agree.")
@click.argument("projects", nargs=-1)
@click.option("--fix", is_flag=True, help="Make again what needs no solve, remove what is left over; then check again.")
@findings_options
@root_option
@click.pass_context
def check(
    context: click.Context,
    projects: tuple[str, ...],
    fix: bool,
    strict: bool,
    as_json: bool,
    sarif: bool,
    github: bool,
    root: Path | None,
) -> None:
    """Check that everything agrees, against the rules of `envgen help review`: without network, without a solve, without a GPU.

    Without PROJECTS, check every project, the matrices and the recorded index. Each finding comes with the file, the line, and the
    command that ends it. The exit code is 1 if there is an error.
    """
    one_format(as_json, sarif, github)
    layout = layout_of(context, root)
    from envgen.cli.console import Terminal
    from envgen.review import check_report as report

    with Terminal() as reporter:
        found = _checked(layout, projects, reporter, fix=fix)
    if as_json or sarif or github:
        text = (report.check_json if as_json else report.check_sarif if sarif else report.check_github)(found)
    else:
        text = report.check_text(found.findings)
    echo(text, people=not (as_json or sarif or github), nl=bool(text), orders=github)
    tell(report.summary(found))
    if found.errors or (strict and found.findings):
        context.exit(1)


def _checked(layout: Layout, projects: tuple[str, ...], reporter: Terminal, *, fix: bool) -> Checked:
    """What is found; with `fix` what is still found after it."""
    from datetime import datetime, timezone

    from envgen.cli.options import best_here
    from envgen.review.check import check as checked

    for name in projects:
        layout.known_project(name)
    today = datetime.now(timezone.utc).date()
    found = checked(layout, projects, today, reporter, best_here)
    if not fix:
        return found
    from envgen.review.fix import fix as fixed

    done = fixed(layout, found.findings, reporter, best_here)
    for line in done:
        reporter.say(line)
    return checked(layout, projects, today, reporter, best_here) if done else found
