"""The commands that make: lock, resolve, init."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from envgen.cli.options import chosen_folder, index_options, json_option, layout_of, root_option
from envgen.model.errors import BadInput, closest

if TYPE_CHECKING:
    from envgen.model.resolution import Resolution
    from envgen.resolver.resolve import Problem, Unsatisfiable


@click.command(short_help="Lock projects: one conda-lock.yml for each target.")
@click.argument("projects", nargs=-1)
@click.option(
    "--target",
    "targets",
    multiple=True,
    help="Only this target (cpu, cu126, ...); `gpu`: the newest CUDA target that this machine can run; `auto`: that, or else cpu.",
)
@index_options
@click.option("--update", is_flag=True, help="Solve again although nothing changed here, to take what is new in the channels.")
@click.option("--jobs", type=click.IntRange(1, 256), default=None, help="Solves at once (default: one for each processor).")
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
    as_json: bool,
    root: Path | None,
) -> None:
    """Resolve, render, solve, pin, verify and write; nothing to do when inputs are unchanged.

    Without PROJECTS all projects, without --target all targets of each.
    """
    folder = chosen_folder(context, index_folder, offline=offline)
    layout = layout_of(context, root)
    from envgen.cli import lock_report
    from envgen.cli.console import Terminal, print_table
    from envgen.lock import pipeline
    from envgen.machine.locked import best_here
    from envgen.model.run import LockRequest

    ask = LockRequest(
        projects=projects, targets=targets, index_folder=folder, offline=offline, jobs=jobs or os.cpu_count() or 1, update=update
    )
    with Terminal() as talk:
        outcomes = pipeline.lock(layout, ask, talk, best_here)
    if as_json:
        click.echo(lock_report.lock_json(outcomes))
        return
    if not outcomes:
        return
    print_table(lock_report.lock_table(outcomes))
    for line in lock_report.lock_notes(outcomes):
        click.echo(line, err=True)
    if all(outcome.state == "unchanged" for outcome in outcomes):
        click.echo("Nothing to do: every lock says what is wanted.", err=True)


@click.command(short_help="Show the choice and its reasons, without solving.")
@click.argument("project")
@click.option("--target", "targets", multiple=True, help="Show only this target.")
@click.option("--explain", is_flag=True, help="Say why, and what stopped what would be better.")
@json_option
@root_option
@click.pass_context
def resolve(
    context: click.Context, project: str, targets: tuple[str, ...], explain: bool, as_json: bool, root: Path | None
) -> None:
    """Show the choice and the reason of each pin, without solving: the matrices alone decide.

    With --explain also the next better choice of each pin and what stopped it, by which rule drivers run it, and which advice
    that is commonly found would have gone wrong. Where nothing fits: the smallest conflict, and the nearest ways out (exit 3).
    """
    from envgen.cli import lock_report
    from envgen.cli.console import Terminal
    from envgen.explain.alternatives import explained
    from envgen.explain.report import explained_data, explained_text
    from envgen.lock import pipeline
    from envgen.resolver.resolve import Unsatisfiable

    try:
        with Terminal() as talk:
            question, found = pipeline.resolve_project(layout_of(context, root), project, talk)
    except Unsatisfiable as clash:
        if not as_json:
            raise
        click.echo(_conflict_json(clash))
        context.exit(clash.exit_code)
    shown = _requested(question, targets, found) if targets else found
    if not explain:
        click.echo(lock_report.resolutions_json(shown) if as_json else lock_report.resolutions_text(shown))
        return
    why = [one for one in explained(question, found) if one.resolution in shown]
    width = max(60, shutil.get_terminal_size().columns) if sys.stdout.isatty() else 120
    click.echo(lock_report.resolutions_json(shown, [explained_data(one) for one in why]) if as_json else explained_text(why, width))


def _requested(question: Problem, words: tuple[str, ...], found: tuple[Resolution, ...]) -> list[Resolution]:
    """The resolutions of the targets that some words mean. Raises BadInput for a word that means none of them."""
    from envgen import targets

    names, chosen = [resolution.target.name for resolution in found], set()
    for word in words:
        wanted = targets.on_any_machine(word, question.matrix, "`envgen resolve` gives the same answer on every machine")
        name = targets.newest_of(wanted, names)
        if name is None:
            raise BadInput(f"{question.project.name} has no target `{word}`", hint=closest(word.lower(), names))
        chosen.add(name)
    return [resolution for resolution in found if resolution.target.name in chosen]


def _conflict_json(clash: Unsatisfiable) -> str:
    from envgen.explain.explain import conflict
    from envgen.explain.report import conflict_json

    return conflict_json(conflict(clash.problem))


@click.command(short_help="Start in a repository of your own.")
@click.option("--project", required=True, help="Name of the first project.")
@click.option(
    "--framework",
    "frameworks",
    multiple=True,
    help="A framework of the matrices: pytorch, tensorflow, jax; several may share the environment.",
)
@click.option("--target", "targets", multiple=True, default=("cpu",), show_default=True, help="A target of matrices/targets.yaml.")
@click.option("--platform", "platforms", multiple=True, default=("linux-64",), show_default=True, help="A platform to lock for.")
@root_option
@click.pass_context
def init(
    context: click.Context,
    project: str,
    frameworks: tuple[str, ...],
    targets: tuple[str, ...],
    platforms: tuple[str, ...],
    root: Path | None,
) -> None:
    """Start in a repository of yours: write matrices/, templates/, envgen.mk and a first project. Nothing is overwritten."""
    from envgen.cli import init as starting
    from envgen.model.layout import Layout

    chosen = root or context.find_root().params.get("root") or Path.cwd()
    for line in starting.start(Layout(chosen.resolve()), project, frameworks, targets, platforms):
        click.echo(line)
