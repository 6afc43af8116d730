"""The command `plan`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from envgen.cli.console import echo
from envgen.cli.options import exclude_newer_option, index_options, json_option, root_option

if TYPE_CHECKING:
    from envgen.shards.work_plan import WorkPlan


@click.command(short_help="List what has to be locked, for many machines.")
@click.argument("projects", nargs=-1)
@click.option("--changed", "base", metavar="BASE", help="Only what has something to do, or changed since this commit.")
@click.option("--shard", metavar="I/N", help="Only every N-th project with something to do, from the I-th on.")
@click.option("--update", is_flag=True, help="Plan as if there were no lock: the newest of everything.")
@exclude_newer_option
@index_options
@json_option
@root_option
@click.pass_context
def plan(
    context: click.Context,
    /,
    projects: tuple[str, ...],
    base: str | None,
    shard: str | None,
    update: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """List the projects and their cells, with a key that is a digest of all inputs of a project.

    With --json, the list is what `envgen lock --cells` takes. `envgen help scale` shows how to lock it on many machines.
    """
    place = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", shard) if shard else None
    if shard and (place is None or int(place[1]) > int(place[2])):
        raise click.UsageError("--shard is two numbers such as 3/8: the third of eight parts")
    from envgen.cli.console import Terminal
    from envgen.cli.lock import requested
    from envgen.cli.options import best_here
    from envgen.shards import work_plan

    defaults: dict[str, Any] = {"jobs": None, "pin_with": "envgen", "dry_run": True, "as_json": as_json}
    layout, request = requested(context, projects, (), **options, **defaults)
    with Terminal() as reporter:
        found = work_plan.work_plan(layout, replace(request, update=update), base, reporter, best_here)
    found = work_plan.shard(found, int(place[1]), int(place[2])) if place else found
    echo(work_plan.plan_json(found) if as_json else _text(found), people=not as_json)
    if found.failures:
        from envgen.cli.failures import failures_status, failures_text

        echo(failures_text(found.failures, len(found.units) + len(found.failures)), people=True, err=True)
        context.exit(failures_status(found.failures))


def _text(found: WorkPlan) -> str:
    """A line for each project: its key, its state, its cells."""
    rows = (f"{unit.key[:12]}  {unit.state:6}  {unit.project}  {' '.join(unit.cells)}".rstrip() for unit in found.units)
    count = sum(unit.state == "open" for unit in found.units)
    return "\n".join((*rows, f"{count} of {len(found.units)} projects have something to do"))
