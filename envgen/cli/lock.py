"""The commands `lock` and `update`, and the options that all commands have that lock."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from envgen.cli.console import echo, tell
from envgen.cli.options import (
    HERE,
    Command,
    best_here,
    chosen_folder,
    exclude_newer_option,
    index_options,
    json_option,
    layout_of,
    root_option,
)

if TYPE_CHECKING:
    from datetime import datetime

    from envgen.model.layout import Layout
    from envgen.model.run import LockRequest, LockRun, PinWith


def lock_options(command: Command) -> Command:
    """Where records come from, how much runs at once, what writes the lock, and what is printed."""
    options = (
        index_options,
        click.option(
            "--jobs", type=click.IntRange(1, 256), default=None, help="Solves at a time (default: one for each processor)."
        ),
        click.option(
            "--pin-with",
            type=click.Choice(["envgen", "conda-lock"]),
            default="envgen",
            show_default=True,
            help="What writes the lock; both write the same bytes. envgen uses conda-lock where a spec has an unusual spelling.",
        ),
        exclude_newer_option,
        click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing."),
        json_option,
        root_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


target_option = click.option(
    "--target", "targets", multiple=True, metavar="TARGET", help=f"Only this target: {HERE}. May be repeated."
)


@click.command(short_help="Lock projects: one conda-lock.yml for each target.")
@click.argument("projects", nargs=-1)
@target_option
@click.option("--update", is_flag=True, help="Lock as if there were no lock: the newest of everything.")
@click.option(
    "--check", "--locked", is_flag=True, help="Only say whether the locks are what their inputs say (exit 1 if not), and why not."
)
@click.option(
    "--cells", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE", help="Make the results of a plan's cells."
)
@click.option("--merge", is_flag=True, help="Write the results in the folders PROJECTS; with --cells, of all of its cells.")
@click.option(
    "--results",
    default="",
    metavar="PLACE",
    envvar="ENVGEN_RESULTS",
    help="A folder, or a URL for GET and PUT: take results of the same inputs from there, and keep new ones.",
)
@click.option("--executor", metavar="dask=ADDRESS", help="Solve on the workers of this dask scheduler.")
@lock_options
@click.pass_context
def lock(
    context: click.Context,
    /,
    projects: tuple[str, ...],
    targets: tuple[str, ...],
    update: bool,
    check: bool,
    cells: Path | None,
    merge: bool,
    results: str,
    executor: str | None,
    **options: Any,
) -> None:
    """Resolve, solve and verify every target of PROJECTS, and write its environment.yml and conda-lock.yml.

    Without PROJECTS, lock every project of the repository. What is locked stays as it is, as far as it still meets the
    requirements; targets whose inputs are unchanged are not solved again. `envgen update` takes newer packages.
    """
    if check and (update or options["dry_run"] or cells or merge):
        raise click.UsageError("--check writes nothing and solves nothing: leave out --update, --dry-run, --cells and --merge")
    as_json = options["as_json"]
    if executor and (check or cells or merge or targets):
        raise click.UsageError("--executor locks whole projects: leave out --check, --cells, --merge and --target")
    if cells or merge:
        from envgen.cli.cells import cells_options

        cells_options(projects if not merge else (), targets, results, update=update, merge=merge, options=options)
        layout, request = requested(context, (), (), **options)
        _cells(layout, replace(request, results=results), cells, projects, merge=merge, as_json=as_json)
        return
    if targets and results:
        _without_results(context)
        results = ""
    layout, request = requested(context, projects, targets, **options)
    if check:
        _check(context, layout, request, as_json=as_json)
    else:
        request = replace(request, update=update, results=results)
        run(layout, request, as_json=as_json, executor=executor)


def _without_results(context: click.Context) -> None:
    """Results are of whole projects: with --target, refuse the option, and leave the variable unused."""
    if context.get_parameter_source("results") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--results are of whole projects: leave out --target")
    tell("ENVGEN_RESULTS is not used: results are of whole projects, and --target locks a part of one")


def _cells(
    layout: Layout, request: LockRequest, cells: Path | None, folders: tuple[str, ...], *, merge: bool, as_json: bool
) -> None:
    """Make the results of a plan's cells, without a change in the repository; or write the results in some folders."""
    from envgen.channels.channel import redacted
    from envgen.cli.cells import cells_request, merged

    if merge:
        print_run(merged(layout, replace(request, results=""), folders, cells), as_json=as_json, dry_run=request.dry_run)
        return
    asked = cells_request(request, cells) if cells else None
    if asked is None:
        tell("Nothing to do: the plan has no cells.")
        return
    run(layout, asked, as_json=as_json)
    tell(f"The results of {len(asked.projects)} projects are in {redacted(request.results)}.")


@click.command(short_help="Take newer packages: all, or some.")
@click.argument("projects", nargs=-1)
@target_option
@click.option("--package", "packages", multiple=True, metavar="NAME", help="Only this package or framework. May be repeated.")
@lock_options
@click.pass_context
def update(
    context: click.Context, /, projects: tuple[str, ...], targets: tuple[str, ...], packages: tuple[str, ...], **options: Any
) -> None:
    """Lock PROJECTS with the newest packages that meet the requirements.

    With --package, only these packages become the newest; of the others only those move that have to.
    """
    layout, request = requested(context, projects, targets, **options)
    run(layout, replace(request, update=True, packages=tuple(dict.fromkeys(packages))), as_json=options["as_json"])


def requested(
    context: click.Context,
    projects: tuple[str, ...],
    targets: tuple[str, ...],
    *,
    index_folder: Path | None,
    offline: bool,
    jobs: int | None,
    pin_with: PinWith,
    exclude_newer: tuple[str, ...],
    dry_run: bool,
    as_json: bool,  # noqa: ARG001 - of the options, but not of the request
    root: Path | None,
) -> tuple[Layout, LockRequest]:
    """The repository, and what the options ask for."""
    folder = chosen_folder(context, index_folder, offline=offline)
    layout = layout_of(context, root)
    from envgen.model.run import LockRequest

    return layout, LockRequest(
        projects=projects,
        targets=targets,
        index_folder=folder,
        offline=offline,
        jobs=jobs or os.cpu_count() or 1,
        pin_with=pin_with,
        dry_run=dry_run,
        exclude_newer=dict(map(_date, exclude_newer)),
    )


def _date(text: str) -> tuple[str, datetime | None]:
    """A date or a time as `exclude-newer:` has it, UTC where it names no zone; and what it is for."""
    from envgen.model.dates import dated

    found = dated(text)
    if found is None:
        raise click.UsageError(f"--exclude-newer: not a date: {text}; for example 2026-06-01, numpy=2026-07-01 or numpy=none")
    return found


def run(layout: Layout, request: LockRequest, *, as_json: bool, executor: str | None = None) -> None:
    """Lock, here or by an executor, and print what became of each target. The exit code is that of the projects that failed."""
    from envgen.cli.console import Terminal
    from envgen.lock import pipeline

    with Terminal() as reporter:
        if executor:
            from envgen.shards.remote import lock_remotely

            done = lock_remotely(layout, request, executor, reporter, best_here)
        elif request.results:
            from envgen.shards.shared_results import lock_shared

            done = lock_shared(layout, request, reporter, best_here)
        else:
            done = pipeline.lock(layout, request, reporter, best_here)
    print_run(done, as_json=as_json, dry_run=request.dry_run)


def print_run(done: LockRun, *, as_json: bool, dry_run: bool) -> None:
    """Print what became of each target, then the failures, and end with their exit code."""
    projects = {outcome.resolution.project.name for outcome in done.outcomes}
    if not projects and len(done.failures) == 1:
        done.whole()
    _print(done, as_json=as_json, dry_run=dry_run)
    if done.failures:
        from envgen.cli.failures import failures_status, failures_text

        echo(failures_text(done.failures, len(projects) + len(done.failures)), people=True, err=True)
        click.get_current_context().exit(failures_status(done.failures))


def _check(context: click.Context, layout: Layout, request: LockRequest, *, as_json: bool) -> None:
    from envgen.cli import lock_report
    from envgen.cli.console import Terminal
    from envgen.cli.failures import exit_with
    from envgen.lock.pipeline import project_names
    from envgen.review.stale import stale

    with Terminal() as reporter:
        found, errors = stale(layout, request, reporter, best_here)
    if len(errors) < len(project_names(layout, request)):  # else it can be told of none
        text = lock_report.stale_json(found) if as_json else lock_report.stale_text(found)
        if text:
            echo(text, people=not as_json)
        others = f"Every {'other ' if errors else ''}lock is what its inputs say."
        tell("Lock again with `envgen lock`." if found else others)
    exit_with(context, errors)
    context.exit(1 if found else 0)


def _print(done: LockRun, *, as_json: bool, dry_run: bool) -> None:
    from envgen.cli import change_report, lock_report
    from envgen.cli.console import table_width

    outcomes = done.outcomes
    if as_json:
        echo(lock_report.lock_json(done))
    elif outcomes:
        echo(lock_report.lock_text(outcomes, table_width()), people=True)
        for line in change_report.changes_text(outcomes):
            echo(line, people=True)
        for line in lock_report.lock_notes(outcomes):
            tell(line)
        if all(outcome.state == "unchanged" for outcome in outcomes):
            tell("Every other lock is up to date." if done.failures else "Nothing to do: every lock is up to date.")
        elif dry_run:
            tell("Nothing was written.")
        if not (dry_run or done.failures):
            tell(lock_report.next_step(outcomes))
