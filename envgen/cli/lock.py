"""The commands `lock` and `update`, and the options that all commands have that lock."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from envgen.cli.console import echo
from envgen.cli.options import HERE, Command, best_here, chosen_folder, index_options, json_option, layout_of, root_option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from envgen.model.layout import Layout
    from envgen.model.run import LockRequest, Outcome, PinWith


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
            help="What writes the lock; both write the same bytes. envgen uses conda-lock where there is a pip section.",
        ),
        click.option(
            "--exclude-newer",
            metavar="DATE",
            multiple=True,
            help="Use the channels as they were on this date: 2026-06-01. For a package, numpy=2026-07-01; for a channel, "
            "'conda-forge::*=none'. May be repeated. Each comes before what exclude-newer: in project.yaml says of the same.",
        ),
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
@lock_options
@click.pass_context
def lock(
    context: click.Context, /, projects: tuple[str, ...], targets: tuple[str, ...], update: bool, check: bool, **options: Any
) -> None:
    """Resolve, solve and verify every target of PROJECTS, and write its environment.yml and conda-lock.yml.

    Without PROJECTS, lock every project of the repository. What is locked stays as it is, as far as it still meets the
    requirements; targets whose inputs are unchanged are not solved again. `envgen update` takes newer packages.
    """
    if check and (update or options["dry_run"]):
        raise click.UsageError("--check writes nothing and solves nothing: leave out --update and --dry-run")
    layout, request = requested(context, projects, targets, **options)
    if check:
        _check(context, layout, request, as_json=options["as_json"])
    else:
        run(layout, replace(request, update=update), as_json=options["as_json"])


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


def run(layout: Layout, request: LockRequest, *, as_json: bool) -> None:
    """Lock, and print what became of each target."""
    from envgen.cli.console import Terminal
    from envgen.lock import pipeline

    with Terminal() as reporter:
        outcomes = pipeline.lock(layout, request, reporter, best_here)
    _print(outcomes, as_json=as_json, dry_run=request.dry_run)


def _check(context: click.Context, layout: Layout, request: LockRequest, *, as_json: bool) -> None:
    from envgen.cli import lock_report
    from envgen.cli.console import Terminal
    from envgen.review.stale import stale

    with Terminal() as reporter:
        found = stale(layout, request, reporter, best_here)
    text = lock_report.stale_json(found) if as_json else lock_report.stale_text(found)
    if text:
        echo(text)
    echo("Lock again with `envgen lock`." if found else "Every lock is what its inputs say.", err=True)
    context.exit(1 if found else 0)


def _print(outcomes: Sequence[Outcome], *, as_json: bool, dry_run: bool) -> None:
    from envgen.cli import change_report, lock_report

    if as_json:
        echo(lock_report.lock_json(outcomes))
    elif outcomes:
        echo(lock_report.lock_text(outcomes))
        for line in change_report.changes_text(outcomes):
            echo(line)
        for line in lock_report.lock_notes(outcomes):
            echo(line, err=True)
        if all(outcome.state == "unchanged" for outcome in outcomes):
            echo("Nothing to do: every lock is up to date.", err=True)
        elif dry_run:
            echo("Nothing was written.", err=True)
