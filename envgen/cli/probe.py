"""The command `probe`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from envgen.cli.console import echo
from envgen.cli.options import HERE, facts_of, json_option, layout_of, layout_or_none, root_option
from envgen.model.errors import BadInput

if TYPE_CHECKING:
    from envgen.model.facts import Matrix, Target
    from envgen.model.layout import Layout


@click.command(short_help="Ask the frameworks of an environment what they see, and judge it.")
@click.argument("project", required=False)
@click.option(
    "--prefix",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The folder of the environment (default: the active environment, CONDA_PREFIX).",
)
@click.option(
    "--python",
    "interpreter",
    metavar="FILE",
    help="Any Python instead of an environment: of a virtual environment, the system's, or a command on PATH.",
)
@click.option(
    "--target",
    default="",
    metavar="TARGET",
    help=f"What it is meant for: {HERE} (default: auto with PROJECT, else what the environment says of itself).",
)
@click.option(
    "--framework",
    "frameworks",
    multiple=True,
    metavar="NAME",
    help="Probe only this framework, or this module (default: every framework of the matrices that is installed).",
)
@click.option("--timeout", type=click.IntRange(1, 86_400), default=120, show_default=True, help="Seconds for each framework.")
@click.option("--require-cuda", is_flag=True, help="An error unless every probed framework computes on a GPU.")
@json_option
@root_option
@click.pass_context
def probe(
    context: click.Context,
    project: str | None,
    prefix: Path | None,
    interpreter: str | None,
    target: str,
    frameworks: tuple[str, ...],
    timeout: int,
    require_cuda: bool,
    as_json: bool,
    root: Path | None,
) -> None:
    """Ask the frameworks in an environment which GPUs they see and where they compute, and judge their answers.

    The environment is the one of PROJECT and --target, the one at --prefix, what --python imports, or the active one. The exit
    code is 1 if something is wrong: a GPU that is expected and not seen, a CUDA build in a CPU environment, a crash.
    """
    from envgen.cli.console import Terminal, print_table
    from envgen.probe import report
    from envgen.probe.probe import probe as run_probe

    if interpreter is not None and (project or prefix):
        raise click.UsageError("--python names the environment already: leave out PROJECT and --prefix")
    layout = layout_of(context, root) if project else layout_or_none(context, root)
    with Terminal() as reporter:
        if project and layout:
            from envgen.install.select import installed_environment

            found_there = installed_environment(layout, project, target or "auto", prefix, reporter)
            prefix, target = found_there.prefix, found_there.target
        place = interpreter if interpreter is not None else prefix or _active()
        _, matrix = facts_of(layout)
        own = _own_target(layout, matrix, project, target) if project and layout and target else None
        name = own or (_target_name(target, matrix) if target else "")
        found = run_probe(place, matrix, reporter, target=name, frameworks=frameworks, timeout=timeout, cuda_required=require_cuda)
    if as_json:
        echo(report.probe_json(found))
    else:
        print_table(report.probe_table(found))
        for line in report.probe_lines(found):
            echo(line, people=True)
    context.exit(1 if found.state == "error" else 0)


def _active() -> Path:
    """The active environment."""
    active = os.environ.get("CONDA_PREFIX")
    if not active:
        raise BadInput("no environment is active (CONDA_PREFIX)", hint="activate one, or give --prefix DIR or --python FILE")
    return Path(active)


def _own_target(layout: Layout, matrix: Matrix, project: str, name: str) -> Target | None:
    """The target of a project's own with that name, as this machine's platform sees it."""
    from envgen.machine.system import current_platform
    from envgen.project.cached import cached_project

    row = next((row for row in cached_project(layout, matrix, project).targets if row.name == name), None)
    return row.own.on(current_platform()) if row and row.own else None


def _target_name(word: str, matrix: Matrix) -> str:
    """The name of the target that a word means. Raises BadInput where it means none, or one that depends on the machine."""
    from envgen import targets

    found = targets.described(targets.on_any_machine(word, matrix, "an environment was made for one target"), matrix)
    if found is None:
        raise BadInput(f"no target `{word}`", hint=targets.nearest(word, matrix))
    return found.name
