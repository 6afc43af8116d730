"""The command line: parse options, call one pipeline function, print one report, map errors to exit codes.

Data goes to stdout, talk to stderr. Heavy modules are imported by the command that needs them: `envgen --help` loads click
and nothing else.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import click

from envgen import __version__
from envgen.errors import BadInput, Clash, EnvgenError

if TYPE_CHECKING:
    from envgen.layout import Layout
    from envgen.model import Conflict

Command = TypeVar("Command", bound=Callable[..., Any])
INTERRUPTED = 130


def _root_option(command: Command) -> Command:
    help_text = "Folder that holds matrices/ and environments/ (default: the nearest one from here upwards)."
    return click.option("--root", type=click.Path(path_type=Path, file_okay=False, exists=True), help=help_text)(command)


def _layout(context: click.Context, root: Path | None) -> Layout:
    from envgen.layout import Layout, find_root

    chosen = root or context.find_root().params.get("root")
    return Layout(chosen.resolve() if chosen else find_root(Path.cwd()))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="envgen")
@_root_option
def main(root: Path | None) -> None:
    """CPU and GPU conda environments, side by side: one project file in, a pinned conda-lock.yml for every target out."""


@main.command(short_help="Lock projects: one conda-lock.yml for each target.")
@click.argument("projects", nargs=-1)
@click.option(
    "--target",
    "targets",
    multiple=True,
    help="Only this target (cpu, cu126, ...); `auto`: the newest CUDA target that this machine can run.",
)
@click.option(
    "--index",
    "index_folder",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="ENVGEN_INDEX",
    help="Folder <channel>/<subdir>/repodata.json[.zst] to solve from, instead of live channels.",
)
@click.option("--offline", is_flag=True, help="Solve from the recorded index, environments/index/.")
@click.option("--update", is_flag=True, help="Solve again although nothing changed here, to take what is new in the channels.")
@click.option("--jobs", type=click.IntRange(1, 256), default=None, help="Solves at once (default: one for each processor).")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@_root_option
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
    if offline and index_folder and context.get_parameter_source("index_folder") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--offline and --index exclude each other")
    layout = _layout(context, root)
    from envgen import pipeline, report
    from envgen.run import Ask
    from envgen.talk import Terminal, print_table

    ask = Ask(projects, targets, None if offline else index_folder, offline, jobs or os.cpu_count() or 1, update)
    with Terminal() as talk:
        outcomes = pipeline.lock(layout, ask, talk)
    if as_json:
        click.echo(report.lock_json(outcomes))
        return
    if not outcomes:
        return
    print_table(report.lock_table(outcomes))
    for line in report.lock_notes(outcomes):
        click.echo(line, err=True)
    if all(outcome.state == "unchanged" for outcome in outcomes):
        click.echo("Nothing to do: every lock says what is wanted.", err=True)


@main.command(short_help="Show the choice and its reasons, without solving.")
@click.argument("project")
@click.option("--target", "targets", multiple=True, help="Show only this target.")
@click.option("--explain", is_flag=True, help="Show every reason of each pin.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@_root_option
@click.pass_context
def resolve(
    context: click.Context, project: str, targets: tuple[str, ...], explain: bool, as_json: bool, root: Path | None
) -> None:
    """Show the choice and the reason of each pin, without solving: the matrices alone decide."""
    from envgen import pipeline, report

    found = pipeline.resolve_project(_layout(context, root), project)
    unknown = [name for name in targets if name not in {resolution.target.name for resolution in found}]
    if unknown:
        from envgen.errors import closest

        raise BadInput(f"{project} has no target `{unknown[0]}`", hint=closest(unknown[0], (r.target.name for r in found)))
    shown = [resolution for resolution in found if not targets or resolution.target.name in targets]
    click.echo(report.resolutions_json(shown) if as_json else report.resolutions_text(shown, explain))


@main.command(short_help="Start in a repository of your own.")
@click.option("--project", required=True, help="Name of the first project.")
@click.option(
    "--framework",
    "frameworks",
    multiple=True,
    help="A framework of the matrices: pytorch, tensorflow, jax; several may share the environment.",
)
@click.option("--target", "targets", multiple=True, default=("cpu",), show_default=True, help="A target of matrices/targets.yaml.")
@click.option("--platform", "platforms", multiple=True, default=("linux-64",), show_default=True, help="A platform to lock for.")
@_root_option
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
    from envgen import starting
    from envgen.layout import Layout

    chosen = root or context.find_root().params.get("root") or Path.cwd()
    for line in starting.start(Layout(chosen.resolve()), project, frameworks, targets, platforms):
        click.echo(line)


def _say_error(error: EnvgenError) -> None:
    if isinstance(error, Clash):
        from envgen.report import conflict_text

        error.what = f"{error.what}\n{conflict_text(cast('Conflict', error.conflict))}"
    click.echo(f"error: {error}", err=True)


def run() -> NoReturn:
    """The entry point. Ends in `os._exit`: py-rattler 0.28 can abort the interpreter's own shutdown when the machine is busy."""
    gc.disable()  # a run is short and its garbage little; collecting it costs a tenth of the time
    _leave(_status())


def _status() -> int:
    try:
        return int(main.main(standalone_mode=False) or 0)
    except EnvgenError as error:
        _say_error(error)
        return error.exit_code
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: files that were not yet replaced are as they were", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    except OSError as error:
        _say_error(
            BadInput(f"the system refused: {error}", hint="look at free space, permissions and limits; nothing is half written")
        )
        return BadInput.exit_code


def _leave(status: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            status = status or 1
    os._exit(status)
