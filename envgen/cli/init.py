"""The command `init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envgen.cli.console import echo
from envgen.cli.options import ANY_TARGET, chosen_folder, index_options, json_option, root_of, root_option
from envgen.model.regular import real

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
    metavar="TARGET",
    help=f"A target: {ANY_TARGET}. May be repeated (default of a new project: cpu).",
)
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    metavar="PLATFORM",
    help="A platform to lock for. May be repeated (default of a new project: linux-64).",
)
@click.option("--python", metavar="RANGE", help='The Python of a new project: "3.12", ">=3.10,<3.13" (default: ">=3.10").')
@click.option("--driver", metavar="VERSION", help="The oldest NVIDIA driver of the machines, as nvidia-smi prints it: 535.104.05.")
@click.option(
    "--gpu", "gpus", multiple=True, metavar="NAME", help='A GPU ("RTX 4090") or compute capability ("8.9"). May be repeated.'
)
@click.option(
    "--from",
    "first",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE...",
    help="Bring in files of other tools: environment.yml, requirements.txt, pixi.toml, dependencies.yaml, a lock, a list.",
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False), metavar="")
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
@json_option
@root_option
@click.pass_context
def init(
    context: click.Context,
    project: str | None,
    frameworks: tuple[str, ...],
    targets: tuple[str, ...],
    platforms: tuple[str, ...],
    python: str | None,
    driver: str | None,
    gpus: tuple[str, ...],
    first: tuple[Path, ...],
    files: tuple[Path, ...],
    overwrite: bool,
    index_folder: Path | None,
    offline: bool,
    git: bool,
    ci: CodeHost | None,
    hooks: bool,
    as_json: bool,
    root: Path | None,
) -> None:
    """Write matrices/, templates/, schemas/, envgen.mk and a first project into this folder. Nothing is overwritten.

    .gitignore and .gitattributes get the lines that they lack, and a project that exists the frameworks, targets, platforms and
    GPUs that it lacks. --git, --ci and --hooks may be alone in a repository that exists: with --git, git is configured in this
    clone (`envgen help diff`); --ci and --hooks write what a team needs (`envgen help team`).

    With --from, the project is what the files of other tools ask for: what they share, and a target for each CUDA version.
    """
    if first:
        names = ("frameworks", "targets", "python", "driver", "gpus", "git", "ci", "hooks")
        if any(context.params[name] for name in names):
            raise click.UsageError("with --from the files say what is requested: --project, --platform and --overwrite go with it")
        index = (index_folder, offline)
        _bring(context, (*first, *files), project or "", overwrite=overwrite, as_json=as_json, index=index, root=root)
        return
    if files or overwrite:
        called = f"; a project is named with --project: envgen init --project {files[0]}" if files and not files[0].exists() else ""
        raise click.UsageError(f"files are brought in with --from FILE...{called}")
    if not (project or git or ci or hooks):
        raise click.UsageError("give --project NAME for a first project, --from FILE, or --git, --ci or --hooks")
    from envgen.cli.scaffold import NewProject, for_git, init_json, scaffold
    from envgen.cli.team import for_ci, for_hooks
    from envgen.model.layout import Layout

    layout = Layout(real(root_of(context, root) or Path.cwd()))
    wanted = NewProject(
        frameworks=frameworks, targets=targets, platforms=platforms, python=python or "", driver=driver or "", gpus=gpus
    )
    lines = [*scaffold(layout, project, wanted)] if project else []
    lines += [*(for_git(layout) if git else ()), *(for_ci(layout, ci) if ci else ()), *(for_hooks(layout) if hooks else ())]
    echo(init_json(lines) if as_json else "\n".join(lines), people=not as_json)


def _bring(
    context: click.Context,
    files: tuple[Path, ...],
    project: str,
    *,
    overwrite: bool,
    as_json: bool,
    index: tuple[Path | None, bool],
    root: Path | None,
) -> None:
    """Bring in files; `--platform` counts where no file says for which platforms it is."""
    from envgen.channels.index import IndexOptions
    from envgen.cli.bring import BringRequest, bring
    from envgen.model.layout import Layout

    folder, offline = index
    options = IndexOptions(folder=chosen_folder(context, folder, offline=offline), offline=offline)
    layout = Layout(real(root_of(context, root) or Path.cwd()))
    platforms = tuple(context.params["platforms"])
    request = BringRequest(files=files, project=project, platforms=platforms, index=options, overwrite=overwrite)
    context.exit(bring(layout, request, as_json=as_json))
