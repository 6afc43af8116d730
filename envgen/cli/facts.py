"""The commands `facts status` and `facts update`."""

from __future__ import annotations

from pathlib import Path

import click

from envgen.cli.console import echo, tell
from envgen.cli.options import json_option, layout_of, root_option


@click.group(short_help="Compare the facts with those of this envgen, and take the newer ones.")
def facts() -> None:
    """Compare the facts of this repository with those that come with envgen, and take the newer ones."""


@facts.command(short_help="Say how old the facts are, what is newer, and which rows were edited here.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 where this envgen brings newer facts.")
@json_option
@root_option
@click.pass_context
def status(context: click.Context, exit_code: bool, as_json: bool, root: Path | None) -> None:
    """Say from which envgen matrices/ was copied, which rows are newer in this one, and which were edited here.

    matrices/origin.json, which `envgen init` and `envgen facts update` write, has a digest of each row that was copied.
    """
    layout = layout_of(context, root)
    from envgen.curate.update.report import facts_json, facts_text
    from envgen.curate.update.update import facts_update

    found = facts_update(layout)
    echo((facts_json if as_json else facts_text)(found, written=False), people=not as_json)
    if found.is_newer:
        tell("next: envgen facts update --dry-run")
    if exit_code and found.is_newer:
        context.exit(1)


@facts.command(short_help="Take the newer facts of this envgen; rows that were edited here stay.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@click.option("--theirs", is_flag=True, help="Where both sides changed a row, or nobody knows who did, take the newer one.")
@json_option
@root_option
@click.pass_context
def update(context: click.Context, dry_run: bool, theirs: bool, as_json: bool, root: Path | None) -> None:
    """Take the facts that come with this envgen into matrices/, row by row: a row that was edited here stays, and is named.

    A row that was edited here and is different in the newer facts, too, is a conflict: it stays, and the exit code is 1. Comments
    and the order of the rows stay. Nothing is written unless the merged facts can be read.
    """
    layout = layout_of(context, root)
    from envgen.curate.update.report import facts_json, facts_text
    from envgen.curate.update.update import facts_update, write_update

    found = facts_update(layout, take_newer=theirs)
    written = not (dry_run or found.own)
    changed = write_update(layout, found) if written else ()
    echo((facts_json if as_json else facts_text)(found, written=written), people=not as_json)
    if changed:
        tell("next: envgen matrix schemas, envgen impact, envgen check")
    if not theirs and any(row.state in ("conflict", "unknown") for _, row in found.rows):
        context.exit(1)
