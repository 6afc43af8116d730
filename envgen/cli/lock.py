"""The command `lock`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from envgen.cli.console import echo
from envgen.cli.options import HERE, chosen_folder, index_options, json_option, layout_of, root_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envgen.model.facts import Matrix
    from envgen.model.project import Project
    from envgen.model.run import Outcome, PinWith
    from envgen.targets import MachineWord


@click.command(short_help="Lock projects: one conda-lock.yml for each target.")
@click.argument("projects", nargs=-1)
@click.option("--target", "targets", multiple=True, metavar="TARGET", help=f"Lock only this target: {HERE}. May be repeated.")
@index_options
@click.option("--update", is_flag=True, help="Solve again, to take new packages in the channels, even if nothing else changed.")
@click.option("--jobs", type=click.IntRange(1, 256), default=None, help="Solves at a time (default: one for each processor).")
@click.option(
    "--pin-with",
    type=click.Choice(["envgen", "conda-lock"]),
    default="envgen",
    show_default=True,
    help="What writes the lock; both write the same bytes. envgen uses conda-lock where there is a pip section.",
)
@json_option
@root_option
@click.pass_context
def lock(
    context: click.Context,
    projects: tuple[str, ...],
    targets: tuple[str, ...],
    index_folder: Path | None,
    offline: bool,
    update: bool,
    jobs: int | None,
    pin_with: PinWith,
    as_json: bool,
    root: Path | None,
) -> None:
    """Resolve, solve and verify every target of PROJECTS, and write its environment.yml and conda-lock.yml.

    Without PROJECTS, lock every project of the repository. Targets whose inputs are unchanged are not solved again.
    """
    folder = chosen_folder(context, index_folder, offline=offline)
    layout = layout_of(context, root)
    from envgen.cli.console import Terminal
    from envgen.lock import pipeline
    from envgen.model.run import LockRequest

    request = LockRequest(
        projects=projects,
        targets=targets,
        index_folder=folder,
        offline=offline,
        jobs=jobs or os.cpu_count() or 1,
        update=update,
        pin_with=pin_with,
    )
    with Terminal() as reporter:
        outcomes = pipeline.lock(layout, request, reporter, _best_here)
    _print(outcomes, as_json=as_json)


def _best_here(word: MachineWord, matrix: Matrix, project: Project) -> tuple[str, str]:
    """The target that a word means on this machine, and why. Looks at the machine only where a word depends on it."""
    from envgen.machine.locked import best_here

    return best_here(word, matrix, project)


def _print(outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    from envgen.cli import lock_report

    if as_json:
        echo(lock_report.lock_json(outcomes))
    elif outcomes:
        echo(lock_report.lock_text(outcomes))
        for line in lock_report.lock_notes(outcomes):
            echo(line, err=True)
        if all(outcome.state == "unchanged" for outcome in outcomes):
            echo("Nothing to do: every lock is up to date.", err=True)
