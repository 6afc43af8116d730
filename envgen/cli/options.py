"""Options that several commands have, and the repository that a command is about."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from envgen.model.errors import BadInput
from envgen.model.regular import real

if TYPE_CHECKING:
    from envgen.model.facts import Matrix
    from envgen.model.layout import Layout
    from envgen.model.project import Project
    from envgen.targets import MachineWord

Command = TypeVar("Command", bound=Callable[..., Any])
ANY_TARGET = "cpu, cu126, a CUDA version (12.6, 12) or newest"
HERE = f"{ANY_TARGET}; or, for this machine, gpu or auto"


def root_option(command: Command) -> Command:
    """`--root DIR`, accepted before the command and after it."""
    help_text = "The folder with matrices/ and environments/ (default: the nearest one, from here upwards)."
    return click.option("--root", type=click.Path(path_type=Path, file_okay=False, exists=True), help=help_text)(command)


def json_option(command: Command) -> Command:
    """`--json`, for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(command)


def length_option(command: Command) -> Command:
    """`--max-length`, of what `--markdown` prints."""
    text = "Print at most so many characters of Markdown, and say what was cut. GitHub takes 65,536."
    limit = click.IntRange(min=4_000)
    return click.option("--max-length", type=limit, default=65_000, show_default=True, metavar="N", help=text)(command)


def index_options(command: Command) -> Command:
    """`--index DIR` and `--offline`: package records from elsewhere than the live channels."""
    folder = click.option(
        "--index",
        "index_folder",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="ENVGEN_INDEX",
        help="Read <channel>/<subdir>/repodata.json[.zst] in this folder instead of live channels.",
    )
    offline = click.option("--offline", is_flag=True, help="Read the recorded index, environments/index/.")
    return folder(offline(network_options(command)))


def network_options(command: Command) -> Command:
    """`--timeout` and `--max-size`: what the variables say, for this run and the programs that it starts."""
    silence = "Give up on a server that sends nothing, or less than 1 kB a second, for so long (default: 30)."
    size = "Refuse an index that is larger than this when it is unpacked (default: 2000)."
    limited = _limit("--max-size", "ENVGEN_MAX_SIZE", "MB", size)(command)
    return _limit("--timeout", "ENVGEN_TIMEOUT", "SECONDS", silence)(limited)


def _limit(name: str, variable: str, unit: str, text: str) -> Callable[[Command], Command]:
    return click.option(
        name,
        type=click.FloatRange(min=0, min_open=True),
        envvar=variable,
        metavar=unit,
        expose_value=False,
        callback=_to_variable,
        help=text,
    )


def _to_variable(_: click.Context, option: click.Parameter, value: float | None) -> None:
    """Set the option's variable, from which `channels.limits` reads it."""
    if value is not None and isinstance(option.envvar, str):
        os.environ[option.envvar] = repr(value)


def chosen_folder(context: click.Context, index_folder: Path | None, *, offline: bool) -> Path | None:
    """The folder that `--index` or its variable names; None with `--offline`, which overrides the variable.

    Raises BadInput where it does not exist.
    """
    explicit = context.get_parameter_source("index_folder") is click.core.ParameterSource.COMMANDLINE
    if offline and index_folder and explicit:
        raise click.UsageError("--offline and --index exclude each other")
    if index_folder and not offline and not index_folder.is_dir():
        where = f"--index {index_folder}" if explicit else f"ENVGEN_INDEX={index_folder}"
        raise BadInput("there is no such folder", where=where, hint="it must hold <channel>/<subdir>/repodata.json or .json.zst")
    return None if offline else index_folder


def root_of(context: click.Context, root: Path | None) -> Path | None:
    """What `--root` names, after the command or before it; None without the option."""
    return root or context.find_root().params.get("root")


def layout_of(context: click.Context, root: Path | None) -> Layout:
    """The repository that `--root` names, or the nearest one from here upwards. Raises BadInput when there is none."""
    from envgen.model.layout import Layout, find_root

    chosen = root_of(context, root)
    return Layout(real(chosen) if chosen else find_root(Path.cwd()))


def layout_or_none(context: click.Context, root: Path | None) -> Layout | None:
    """The same, or None outside a repository."""
    try:
        return layout_of(context, root)
    except BadInput:
        return None


def facts_of(layout: Layout | None) -> tuple[Layout, Matrix]:
    """The repository and its facts; outside one, the folder that came with envgen. Raises BadInput."""
    from envgen.matrix.cached import cached_matrix
    from envgen.model.layout import Layout, starter

    found = layout or Layout(starter())
    return found, cached_matrix(found)


def best_here(word: MachineWord, matrix: Matrix, project: Project) -> tuple[str, str]:
    """The target that a word means on this machine, and why. Looks at the machine only where a word depends on it."""
    from envgen.machine.locked import best_here as best

    return best(word, matrix, project)


exclude_newer_option = click.option(
    "--exclude-newer",
    metavar="DATE",
    multiple=True,
    help="Use the channels as they were on this date: 2026-06-01. For a package, numpy=2026-07-01; for a channel, "
    "'conda-forge::*=none'. May be repeated. Each comes before what exclude-newer: in project.yaml says of the same.",
)


def findings_options(command: Command) -> Command:
    """How findings are printed, and whether warnings fail."""
    decorators = (
        click.option("--strict", is_flag=True, help="Fail on warnings, too."),
        json_option,
        click.option("--sarif", is_flag=True, help="Print SARIF 2.1.0, which code hosts show on pull requests."),
        click.option("--github", is_flag=True, help="Print annotations for a GitHub workflow."),
    )
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def one_format(*flags: bool) -> None:
    """Refuse more than one of --json, --sarif and --github."""
    if sum(flags) > 1:
        raise click.UsageError("--json, --sarif and --github exclude each other")
