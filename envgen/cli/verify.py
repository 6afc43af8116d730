"""The command `verify`."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import click

from envgen.cli.console import echo, table_width
from envgen.cli.options import ANY_TARGET, facts_of, findings_options, layout_or_none, one_format, root_option

_FILE = click.Path(path_type=Path)


@click.command(short_help="Check whether a lock, a list or an environment is what it is meant to be.")
@click.argument("paths", nargs=-1, type=_FILE)
@click.option("--target", metavar="TARGET", help=f"What PATHS are meant for: {ANY_TARGET}.")
@click.option("--project", metavar="NAME", help="Their project: also check its driver, GPUs, channels and frameworks.")
@click.option("--virtual-packages", "virtual", type=_FILE, metavar="FILE", help="Check against the virtual packages in this file.")
@click.option("--checksums", is_flag=True, help="Compare the content of every file of an environment, not only its size.")
@findings_options
@root_option
@click.pass_context
def verify(
    context: click.Context,
    paths: tuple[Path, ...],
    target: str | None,
    project: str | None,
    virtual: Path | None,
    checksums: bool,
    strict: bool,
    as_json: bool,
    sarif: bool,
    github: bool,
    root: Path | None,
) -> None:
    """Check PATHS against the rules of `envgen help verify`, without network and without solving.

    A path is a conda-lock.yml, an @EXPLICIT file, a pixi.lock, uv.lock, pylock.toml, requirements.txt or environment.yml, the
    output of `conda list --json` or `--export`, or the folder of an installed environment. Without PATHS, check every lock of the
    repository.
    """
    one_format(as_json, sarif, github)
    from envgen.cli.failures import exit_with
    from envgen.project.cached import cached_project
    from envgen.verify import report
    from envgen.verify.verify import VerifyRequest, verified

    layout = layout_or_none(context, root)
    facts, matrix = facts_of(layout)
    asked = VerifyRequest(paths=paths, target=target, project=project, virtual=virtual, hashes=checksums)
    items, errors = verified(layout, matrix, cache(partial(cached_project, facts, matrix)), asked)
    if errors and not items:
        exit_with(context, errors)
    if as_json or sarif or github:
        text = (report.verify_json if as_json else report.verify_sarif if sarif else report.verify_github)(items)
        echo(text, nl=bool(text), orders=github)
    else:
        echo(report.verify_text(items, table_width()), people=True)
        text = report.findings_text(items)
        echo(f"\n{text}" if text else "", people=True, nl=bool(text))
    exit_with(context, errors)
    if any(item.errors or (strict and item.findings) for item in items):
        context.exit(1)
