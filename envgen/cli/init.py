"""The command `init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envgen.cli.console import echo
from envgen.cli.options import ANY_TARGET, chosen_folder, index_options, root_of, root_option

if TYPE_CHECKING:
    from envgen.cli.team import CodeHost


@click.command(short_help="Start a repository of your own.")
@click.option("--project", metavar="NAME", help="The name of the first project.")
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
@click.option(
    "--from",
    "first",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE...",
    help="Bring in files of other tools: environment.yml, requirements.txt, pixi.toml, dependencies.yaml, a lock, a list.",
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False, exists=True), metavar="")
@click.option("--overwrite", is_flag=True, help="With --from: replace the project, if it exists.")
@index_options
@click.option("--git", is_flag=True, help="Have git show locks as lists and merge them by locking again, in this clone.")
@click.option(
    "--ci",
    is_flag=False,
    flag_value="github",
    type=click.Choice(["github", "gitlab"]),
    help="Write workflows: check and comment on pull requests, lock what is new each week. Default: github.",
)
@click.option("--hooks", is_flag=True, help="Write .pre-commit-config.yaml with the hooks of envgen.")
@root_option
@click.pass_context
def init(
    context: click.Context,
    project: str | None,
    frameworks: tuple[str, ...],
    targets: tuple[str, ...],
    platforms: tuple[str, ...],
    first: tuple[Path, ...],
    files: tuple[Path, ...],
    overwrite: bool,
    index_folder: Path | None,
    offline: bool,
    git: bool,
    ci: CodeHost | None,
    hooks: bool,
    root: Path | None,
) -> None:
    """Write matrices/, templates/, schemas/, envgen.mk and a first project into this folder. Nothing is overwritten.

    --git, --ci and --hooks may be alone in a repository that exists. With --git, also .gitattributes and the configuration of this
    clone (docs/diff.md); with --ci and --hooks, what a team needs (docs/team.md).

    With --from, the project is what the files of other tools ask for: what they share, and a target for each CUDA version.
    """
    if first:
        _bring(context, (*first, *files), project or "", overwrite=overwrite, index=(index_folder, offline), root=root)
        return
    if files or overwrite:
        raise click.UsageError("files are brought in with --from FILE...")
    if not (project or git or ci or hooks):
        raise click.UsageError("give --project NAME for a first project, --from FILE, or --git, --ci or --hooks")
    from envgen.cli.scaffold import for_git, scaffold
    from envgen.cli.team import for_ci, for_hooks
    from envgen.model.layout import Layout

    layout = Layout((root_of(context, root) or Path.cwd()).resolve())
    lines = [*scaffold(layout, project, frameworks, targets, platforms)] if project else []
    lines += [*(for_git(layout) if git else ()), *(for_ci(layout, ci) if ci else ()), *(for_hooks(layout) if hooks else ())]
    for line in lines:
        echo(line)


def _bring(
    context: click.Context,
    files: tuple[Path, ...],
    project: str,
    *,
    overwrite: bool,
    index: tuple[Path | None, bool],
    root: Path | None,
) -> None:
    """Bring in files; `--platform` counts where it is given and no file says for which platforms it is."""
    from envgen.channels.index import IndexOptions
    from envgen.cli.bring import BringRequest, bring
    from envgen.model.layout import Layout

    source = context.get_parameter_source("platforms")
    platforms = context.params["platforms"] if source is click.core.ParameterSource.COMMANDLINE else ()
    folder, offline = index
    options = IndexOptions(folder=chosen_folder(context, folder, offline=offline), offline=offline)
    layout = Layout((root_of(context, root) or Path.cwd()).resolve())
    bring(layout, BringRequest(files=files, project=project, platforms=platforms, index=options, overwrite=overwrite))
