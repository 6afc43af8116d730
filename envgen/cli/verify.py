"""The command that proves a lock: verify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envgen.cli.options import json_option, layout_of, root_option
from envgen.model.errors import BadInput

if TYPE_CHECKING:
    from envgen.model.layout import Layout


@click.command(short_help="Is this lock, list or environment what it is meant to be?")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--target", help="What the paths are meant to be: cpu, cu126, ...")
@click.option("--project", help="The project that they belong to: its driver, GPUs, channels and frameworks count, too.")
@click.option(
    "--virtual-packages", "virtual", type=click.Path(path_type=Path), help="A file of promises to hold the paths against."
)
@click.option("--strict", is_flag=True, help="Warnings make it fail, too.")
@json_option
@click.option("--sarif", is_flag=True, help="Print SARIF 2.1.0, which code hosts show on pull requests.")
@click.option("--github", is_flag=True, help="Print annotations for a GitHub workflow.")
@root_option
@click.pass_context
def verify(
    context: click.Context,
    paths: tuple[Path, ...],
    target: str | None,
    project: str | None,
    virtual: Path | None,
    strict: bool,
    as_json: bool,
    sarif: bool,
    github: bool,
    root: Path | None,
) -> None:
    """Hold PATHS against the rules of docs/verify.md: no network, no solve.

    A path is a conda-lock.yml, an @EXPLICIT file, a pixi.lock, the output of `conda list --json` or `--export`, or the folder of
    an installed environment. Without PATHS every lock of the repository.
    """
    if as_json + sarif + github > 1:
        raise click.UsageError("--json, --sarif and --github exclude each other")
    from envgen.verify import report
    from envgen.verify.verify import VerifyRequest, verified

    items = verified(_layout(context, root), VerifyRequest(paths, target, project, virtual))
    if as_json or sarif or github:
        printed = report.verify_json if as_json else report.verify_sarif if sarif else report.verify_github
        text = printed(items)
        click.echo(text, nl=bool(text))
    else:
        click.echo(report.verify_text(items))
        text = report.findings_text(items)
        click.echo(f"\n{text}" if text else "", nl=bool(text))
    if any(item.errors or (strict and item.findings) for item in items):
        context.exit(1)


def _layout(context: click.Context, root: Path | None) -> Layout | None:
    """The repository, or None outside one, where the facts that came with envgen serve."""
    try:
        return layout_of(context, root)
    except BadInput:
        if root or context.find_root().params.get("root"):
            raise
        return None
