"""The commands about the facts: matrix lint, verify, refresh, show."""

from __future__ import annotations

from pathlib import Path

import click

from envgen.options import json_option, layout_of, root_option


@click.group(short_help="Keep the facts true: lint, verify, refresh, show.")
def matrix() -> None:
    """Look at matrices/: is it well written, do the channels confirm it, what is new there, what does it say."""


@matrix.command(short_help="Are the facts well written, and do they go together?")
@click.option("--strict", is_flag=True, help="Warnings make it fail, too.")
@json_option
@root_option
@click.pass_context
def lint(context: click.Context, strict: bool, as_json: bool, root: Path | None) -> None:
    """Hold the files in matrices/ against the rules of docs/matrices.md: no network, and nothing is written."""
    from datetime import datetime, timezone

    from envgen.facts import report
    from envgen.facts.lint import linted

    findings, refused = linted(layout_of(context, root), datetime.now(timezone.utc).date())
    for error in refused[:-1]:
        click.echo(f"error: {error}\n", err=True)
    if refused:
        raise refused[-1]
    text = report.lint_json(findings) if as_json else report.lint_text(findings)
    click.echo(text, nl=bool(text))
    click.echo(report.lint_summary(findings), err=True)
    if any(strict or found.severity == "error" for found in findings):
        context.exit(1)


@matrix.command(short_help="Write schemas/, by which editors check what you write.")
@root_option
@click.pass_context
def schemas(context: click.Context, root: Path | None) -> None:
    """Write the JSON Schemas of project.yaml and of every matrix file into schemas/, as this envgen reads them."""
    from envgen.facts.schemas import write_schemas

    written = write_schemas(layout_of(context, root))
    for name in written:
        click.echo(f"wrote {name}")
    if not written:
        click.echo("every schema is as it should be", err=True)
