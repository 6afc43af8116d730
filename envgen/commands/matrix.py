"""The commands about the facts: matrix lint, verify, refresh, show."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from envgen.options import json_option, layout_of, root_option


@click.group(short_help="Keep the facts true: lint, verify, refresh, show.")
def matrix() -> None:
    """Look at matrices/: is it well written, do the channels confirm it, what is new there, what does it say."""


WIDTH, NARROWEST = 120, 60  # columns of a table that goes to a file or a pipe, and of one on a small terminal


@matrix.command(short_help="The grid: framework release by CUDA, and what of it a machine leaves.")
@click.option("--framework", "frameworks", multiple=True, help="A framework of the matrices (default: all).")
@click.option("--driver", help="The NVIDIA driver: 535, or 535.104.05 as nvidia-smi prints it.")
@click.option("--gpu", "gpus", multiple=True, help='A GPU model ("RTX 4090") or a compute capability ("8.9"); may be repeated.')
@click.option("--python", help="A Python minor: 3.12.")
@click.option("--platform", help="A platform (default: linux-64 for tables and the page, all of them for --json).")
@click.option("--all", "everything", is_flag=True, help="Tables with the rows and columns in which nothing is left, too.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write one page to look at and to send on.")
@json_option
@root_option
@click.pass_context
def show(
    context: click.Context,
    frameworks: tuple[str, ...],
    driver: str | None,
    gpus: tuple[str, ...],
    python: str | None,
    platform: str | None,
    everything: bool,
    html: Path | None,
    as_json: bool,
    root: Path | None,
) -> None:
    """Show which builds there are, and which of them a driver, GPUs, a Python and a platform leave.

    A cell is in exactly when `envgen resolve` takes it for a project that says the same.
    """
    if html and (as_json or everything):
        raise click.UsageError("--html writes the whole page; --json and --all are about what is printed")
    from dataclasses import replace

    from envgen.facts import show as show_facts
    from envgen.facts.grid import grid
    from envgen.facts.page import write_page
    from envgen.facts.question import asked, bare_branch
    from envgen.matrix import load_matrix

    facts = load_matrix(layout_of(context, root).matrices)
    question = asked(facts, frameworks, driver, gpus, python, platform)
    note = bare_branch(facts, question)
    if note:
        click.echo(f"note: {note}", err=True)
    if html:
        click.echo(write_page(html, facts, question), err=True)
    elif as_json:
        click.echo(show_facts.as_json(grid(facts, question), question))
    else:
        question = replace(question, platform=platform or "linux-64")
        width = max(NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH
        click.echo(show_facts.page(grid(facts, question), question, width, everything=everything))


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
