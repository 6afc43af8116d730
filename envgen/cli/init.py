"""The command `init`."""

from __future__ import annotations

from pathlib import Path

import click

from envgen.cli.console import echo
from envgen.cli.options import ANY_TARGET, root_of, root_option


@click.command(short_help="Start a repository of your own.")
@click.option("--project", required=True, metavar="NAME", help="The name of the first project.")
@click.option(
    "--framework",
    "frameworks",
    multiple=True,
    metavar="FRAMEWORK",
    help="A framework of the matrices, or an alias. May be repeated: the frameworks share one environment.",
)
@click.option(
    "--target",
    "targets",
    multiple=True,
    default=("cpu",),
    show_default=True,
    metavar="TARGET",
    help=f"A target: {ANY_TARGET}. May be repeated.",
)
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    default=("linux-64",),
    show_default=True,
    metavar="PLATFORM",
    help="A platform to lock for. May be repeated.",
)
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
    """Write matrices/, templates/, schemas/, envgen.mk and a first project into this folder. Nothing is overwritten."""
    from envgen.cli.scaffold import scaffold
    from envgen.model.layout import Layout

    chosen = root_of(context, root) or Path.cwd()
    for line in scaffold(Layout(chosen.resolve()), project, frameworks, targets, platforms):
        echo(line)
