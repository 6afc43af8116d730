"""The commands that make environments from locks, and use them: `install`, `run`, `list`."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from envgen.cli.console import echo, tell
from envgen.cli.options import HERE, json_option, layout_of, network_options, root_option
from envgen.model.errors import BadInput, EnvgenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envgen.cli.console import Terminal
    from envgen.install.install import InstallOptions, InstallResult
    from envgen.install.select import EnvironmentRef
    from envgen.model.layout import Layout

_PREFIX = click.Path(path_type=Path)


@click.command(short_help="Create or update environments from their locks.")
@click.argument("projects", nargs=-1)
@click.option("--target", default="auto", show_default=True, metavar="TARGET", help=f"A locked target: {HERE}.")
@click.option(
    "--prefix",
    type=_PREFIX,
    metavar="DIR",
    help="The environment's folder (default: below conda's, else in .envs/).",
)
@click.option("--force", is_flag=True, help="Take over an environment that envgen did not make, or made for another target.")
@click.option("--dry-run", is_flag=True, help="Show what would change; change nothing.")
@click.option("--checksums", is_flag=True, help="Compare the content of every installed file, not only its size.")
@click.option(
    "--allow-build",
    "builds",
    multiple=True,
    metavar="NAME",
    help="Build this pip package from source if it is not a wheel, which runs code from it. May be repeated.",
)
@click.option(
    "--index",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Take every package from this folder, which `envgen index export` made, and none from a server.",
)
@click.option("--stale", is_flag=True, help="Install locks that are not what their project and the matrices make now.")
@click.option("--probe", is_flag=True, help="Then ask the frameworks inside what they see, as `envgen probe` does.")
@click.option("--print-commands", is_flag=True, help="Print the commands with which other tools make the same environment.")
@network_options
@json_option
@root_option
@click.pass_context
def install(
    context: click.Context,
    projects: tuple[str, ...],
    target: str,
    prefix: Path | None,
    force: bool,
    dry_run: bool,
    checksums: bool,
    builds: tuple[str, ...],
    folder: Path | None,
    stale: bool,
    probe: bool,
    print_commands: bool,
    as_json: bool,
    root: Path | None,
) -> None:
    """Make <project>-<target> what its committed lock says. Needs neither conda nor mamba.

    Without PROJECTS, install every project that has the target locked. An environment is changed completely or not at all. A lock
    that is stale, which means not what its project and the matrices make now, is refused without --stale.
    """
    if prefix and len(projects) != 1:
        raise click.UsageError("--prefix needs exactly one project")
    layout = layout_of(context, root)
    from envgen.cli.console import Terminal
    from envgen.cli.refuse_stale import refuse_stale
    from envgen.install import messages
    from envgen.install.install import InstallOptions
    from envgen.install.select import requested

    with Terminal() as reporter:
        environments = requested(layout, projects, target, prefix, reporter)
        if print_commands:
            echo("\n".join(line for one in environments for line in messages.commands(layout, one)))
        else:
            for note in (
                () if stale else refuse_stale(layout, [(one.project, one.target) for one in environments], "install it as it is")
            ):
                reporter.say(note)
            options = InstallOptions(force=force, dry_run=dry_run, hashes=checksums, builds=frozenset(builds), folder=folder)
            done = _install(layout, environments, reporter, options, as_json)
            if probe and not dry_run and not as_json:
                _probe(layout, [result.environment for result in done], reporter)
            elif not as_json and any(result.state == "installed" for result in done):
                tell(f"next: envgen probe {done[0].environment.project} --target {done[0].environment.target}")


def _install(
    layout: Layout, environments: Sequence[EnvironmentRef], reporter: Terminal, options: InstallOptions, as_json: bool
) -> Sequence[InstallResult]:
    """Install some environments, and print each as soon as it is done."""
    from envgen.install import messages
    from envgen.install.install import install as install_one

    done = []
    for one in environments:
        done.append(install_one(layout, one, reporter, options))
        if not as_json:
            echo(messages.result_text(done[-1]), people=True)
        if done[-1].state == "installed":
            tell(messages.usage_text(layout, one))
    if as_json:
        echo(messages.results_json(layout, done))
    return done


def _probe(layout: Layout, environments: Sequence[EnvironmentRef], reporter: Terminal) -> None:
    """Print the machine and a line for each framework; the exit code is 1 where one is wrong on a machine that has a driver."""
    from envgen.cli.options import facts_of
    from envgen.probe.probe import probe
    from envgen.probe.report import machine_text, verdict_text

    _, matrix = facts_of(layout)
    status = 0
    for one in environments:
        found = probe(one.prefix, matrix, reporter, target=one.target)
        echo(f"{one.name}: {machine_text(found.machine)}", people=True)
        for verdict in found.verdicts:
            echo(f"  {verdict_text(verdict)}", people=True)
        status = max(status, int(found.state == "error" and found.machine.driver is not None))
    click.get_current_context().exit(status)


@click.command(short_help="Run a command in an installed environment.")
@click.argument("project")
@click.option("--target", default="auto", show_default=True, metavar="TARGET", help=f"An installed target: {HERE}.")
@click.option("--prefix", type=_PREFIX, metavar="DIR", help="The folder of the environment, if it is not where envgen puts it.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@root_option
@click.pass_context
def run(
    context: click.Context,
    project: str,
    target: str,
    prefix: Path | None,
    command: tuple[str, ...],
    root: Path | None,
) -> int:
    """Run COMMAND in <project>-<target>, activated, without the system's CUDA.

    Entries of PATH, LD_LIBRARY_PATH and similar variables that lead to another CUDA toolkit or cuDNN are left out, and so are
    CUDA_HOME, PYTHONPATH and similar variables. The exit code is that of COMMAND.
    """
    layout = layout_of(context, root)
    from envgen.cli.console import Terminal
    from envgen.install import run as runner
    from envgen.install.select import cuda_libraries, installed_environment

    with Terminal() as reporter:
        environment = installed_environment(layout, project, target, prefix, reporter).prefix
    variables, dropped = runner.activated(environment, os.environ, partial(cuda_libraries, layout))
    if dropped:
        tell(runner.dropped_text(dropped))
    return runner.run(environment, command, variables)


@click.command("list", short_help="Show projects, targets, and what is installed where.")
@click.argument("projects", nargs=-1)
@json_option
@root_option
@click.pass_context
def list_(context: click.Context, projects: tuple[str, ...], as_json: bool, root: Path | None) -> None:
    """Show every target of PROJECTS (default: all): whether it is locked, where it is installed, whether that is up to date.

    A lock is stale where it is not what its project and the matrices make now; `envgen check` says why. Without PROJECTS, those
    that cannot be read, or that have no choice, are errors at the end.
    """
    layout = layout_of(context, root)
    from envgen.cli.console import print_table
    from envgen.cli.failures import exit_with
    from envgen.cli.refuse_stale import stale_locks
    from envgen.install import inventory
    from envgen.matrix.cached import cached_matrix
    from envgen.project.cached import projects_and_errors

    errors: list[EnvgenError] = []
    try:
        found = inventory.rows(layout, projects)
    except EnvgenError:
        if projects:
            raise
        others, errors = projects_and_errors(layout, cached_matrix(layout), layout.projects())
        found = inventory.rows(layout, [*others]) if others else ()
    stale, _ = stale_locks(layout, (row.project for row in found))
    found = tuple(replace(row, stale=stale.get((row.project, row.target), "")) for row in found)
    if as_json:
        echo(inventory.as_json(found))
    elif found:
        print_table(inventory.as_table(found))
    elif not errors:
        raise BadInput("there is no project", where=layout.shown(layout.environments), hint="run `envgen init --project NAME`")
    exit_with(context, errors)
