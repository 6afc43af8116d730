"""The commands that bring locks to life: install, run, list."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click

from envgen.cli.options import json_option, layout_of, root_option
from envgen.model.errors import BadInput

_PREFIX = click.Path(path_type=Path)


@click.command(short_help="Create or update environments from their locks.")
@click.argument("projects", nargs=-1)
@click.option("--target", default="auto", show_default=True, help="A locked target, `auto` (what fits this machine) or `gpu`.")
@click.option("--prefix", type=_PREFIX, help="Where the environment goes (default: conda's folder of environments, else .envs/).")
@click.option("--force", is_flag=True, help="Take over an environment that envgen did not make for this target.")
@click.option("--dry-run", is_flag=True, help="Say what would change; change nothing.")
@click.option(
    "--print-commands", is_flag=True, help="Print what other tools are told to make the same environment; change nothing."
)
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
    print_commands: bool,
    as_json: bool,
    root: Path | None,
) -> None:
    """Create <project>-<target> from the committed lock, or change what differs; nothing to do when it is what the lock says.

    Needs no conda. Without PROJECTS every project that has the target. An environment is whole or not there.
    """
    layout = layout_of(context, root)
    from envgen.cli.console import Terminal
    from envgen.install import install as story
    from envgen.install import messages
    from envgen.install.select import requested

    if prefix and len(projects) != 1:
        raise click.UsageError("--prefix is the place of one project: name it")
    with Terminal() as talk:
        environments = requested(layout, projects, target, prefix, talk)
        if print_commands:
            click.echo("\n".join(line for one in environments for line in messages.commands(layout, one)))
            return
        done = []
        for one in environments:
            done.append(story.install(layout, one, talk, force=force, dry_run=dry_run))
            if not as_json:
                click.echo(messages.result_text(done[-1]))
            if done[-1].state == "installed":
                click.echo(messages.usage_text(layout, one), err=True)
    if as_json:
        click.echo(messages.results_json(layout, done))


@click.command(short_help="Run a command in an installed environment.")
@click.argument("project")
@click.option("--target", default="auto", show_default=True, help="An installed target, `auto` (what fits this machine) or `gpu`.")
@click.option("--prefix", type=_PREFIX, help="Where the environment is, if not where `envgen install` puts it by itself.")
@click.option("--quiet", is_flag=True, help="Do not say which variables were left out.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@root_option
@click.pass_context
def run(
    context: click.Context,
    project: str,
    target: str,
    prefix: Path | None,
    quiet: bool,
    command: tuple[str, ...],
    root: Path | None,
) -> int:
    """Run COMMAND in <project>-<target>, activated, without CUDA paths of the system.

    Entries of LD_LIBRARY_PATH, PATH and the like that lead to another CUDA toolkit or cuDNN are left out, and so are CUDA_HOME,
    PYTHONPATH and their kin. The exit status is that of COMMAND.
    """
    layout = layout_of(context, root)
    from envgen.cli.console import Terminal
    from envgen.install import run as running
    from envgen.install.select import cuda_libraries, installed_prefix

    with Terminal() as talk:
        place = installed_prefix(layout, project, target, prefix, talk)
    environ, dropped = running.activated(place, os.environ, partial(cuda_libraries, layout))
    if dropped and not quiet:
        click.echo(running.dropped_text(dropped), err=True)
    return running.run(place, command, environ)


@click.command("list", short_help="Show projects, targets, and what is installed where.")
@click.argument("projects", nargs=-1)
@json_option
@root_option
@click.pass_context
def list_(context: click.Context, projects: tuple[str, ...], as_json: bool, root: Path | None) -> None:
    """Show every target of the projects: locked or not, installed where, stale or changed by hand."""
    layout = layout_of(context, root)
    from envgen.cli.console import print_table
    from envgen.install import inventory

    found = inventory.rows(layout, projects)
    if as_json:
        click.echo(inventory.as_json(found))
    elif found:
        print_table(inventory.as_table(found))
    else:
        raise BadInput("there is no project", where=layout.shown(layout.environments), hint="run `envgen init --project NAME`")
