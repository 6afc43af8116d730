"""The commands about the facts: matrix lint, verify, refresh, show."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from envgen.cli.options import chosen_folder, index_options, json_option, layout_of, root_option

if TYPE_CHECKING:
    from envgen.curate.request import CurateRequest

WIDTH, NARROWEST = 120, 60  # columns of a page that goes to a file or a pipe, and of one on a small terminal


@click.group(short_help="Keep the facts true: lint, verify, refresh, show.")
def matrix() -> None:
    """Look at matrices/: is it well written, do the channels confirm it, what is new there, what does it say."""


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

    from envgen.curate.show import table
    from envgen.curate.show.grid import grid
    from envgen.curate.show.page import write_page
    from envgen.curate.show.query import branch_note, parse_query
    from envgen.matrix.load import load_matrix

    facts = load_matrix(layout_of(context, root).matrices)
    query = parse_query(facts, frameworks, driver, gpus, python, platform)
    note = branch_note(facts, query)
    if note:
        click.echo(f"note: {note}", err=True)
    if html:
        click.echo(write_page(html, facts, query), err=True)
    elif as_json:
        click.echo(table.grid_json(grid(facts, query), query))
    else:
        query = replace(query, platform=platform or "linux-64")
        width = max(NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH
        click.echo(table.grid_text(grid(facts, query), query, width, everything=everything))


@matrix.command(short_help="Are the facts well written, and do they go together?")
@click.option("--strict", is_flag=True, help="Warnings make it fail, too.")
@json_option
@root_option
@click.pass_context
def lint(context: click.Context, strict: bool, as_json: bool, root: Path | None) -> None:
    """Hold the files in matrices/ against the rules of docs/matrices.md: no network, and nothing is written."""
    from datetime import datetime, timezone

    from envgen.curate.lint import report
    from envgen.curate.lint.lint import lint_matrices

    findings, errors = lint_matrices(layout_of(context, root), datetime.now(timezone.utc).date())
    for error in errors[:-1]:
        click.echo(f"error: {error}\n", err=True)
    if errors:
        raise errors[-1]
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
    from envgen.curate.lint.json_schema import write_schemas

    written = write_schemas(layout_of(context, root))
    for name in written:
        click.echo(f"wrote {name}")
    if not written:
        click.echo("every schema is as it should be", err=True)


_FRAMEWORK = click.option("--framework", "frameworks", multiple=True, help="Only this framework: pytorch, tensorflow, ...")
_COMPLETE = click.option("--complete", is_flag=True, help="The index holds every published build: what is absent is not there.")


@matrix.command(short_help="Hold every fact against package records, and every record against the facts.")
@index_options
@_FRAMEWORK
@click.option("--platform", "platforms", multiple=True, help="Only this platform: linux-64, win-64, ...")
@_COMPLETE
@click.option("--no-solve", is_flag=True, help="Judge by records alone.")
@click.option("--jobs", type=click.IntRange(1, 256), default=None, help="Solves at once (default: one for each processor).")
@click.option("--verbose", "-v", is_flag=True, help="List what is undecidable, too.")
@json_option
@root_option
@click.pass_context
def verify(
    context: click.Context,
    index_folder: Path | None,
    offline: bool,
    frameworks: tuple[str, ...],
    platforms: tuple[str, ...],
    complete: bool,
    no_solve: bool,
    jobs: int | None,
    verbose: bool,
    as_json: bool,
    root: Path | None,
) -> None:
    """Hold every cell of the matrix against package records, and every record against the matrix.

    Is there such a build, does its spelling select it alone, does it solve with what its target promises, is what comes out of the
    right CUDA? And is there any build that the matrix does not know?

    A folder is a part of the channels: what it lacks is undecidable. Live channels, and a folder with --complete, refute what they
    lack. Ends in 1 when a fact is refuted or a build is unknown.
    """
    layout = layout_of(context, root)
    from envgen.cli.console import Terminal
    from envgen.curate.records.compare import compare
    from envgen.curate.records.report import comparison_json, comparison_text

    folder = chosen_folder(context, index_folder, offline=offline)
    request = _request(folder, frameworks, platforms, offline=offline, complete=complete)
    with Terminal() as talk:
        found = compare(layout, request, talk, solve=not no_solve, jobs=jobs or os.cpu_count() or 1)
    width = max(NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH
    click.echo(comparison_json(found) if as_json else comparison_text(found, width, verbose=verbose))
    if found.failed:
        context.exit(1)


@matrix.command(short_help="Propose what package records say and the matrices do not.")
@index_options
@_FRAMEWORK
@_COMPLETE
@click.option("--write", is_flag=True, help="Write the change; without it the diff is printed, and nothing else happens.")
@click.option("--exit-code", is_flag=True, help="End in 1 when there is a change.")
@json_option
@root_option
@click.pass_context
def refresh(
    context: click.Context,
    index_folder: Path | None,
    offline: bool,
    frameworks: tuple[str, ...],
    complete: bool,
    write: bool,
    exit_code: bool,
    as_json: bool,
    root: Path | None,
) -> None:
    """Read package records and propose the change to matrices/*.yaml: releases, variants, platforms and Pythons, new or gone.

    What is gone is only proposed from live channels, or with --complete. Everything that does not change stays byte for byte.
    """
    layout = layout_of(context, root)
    from envgen.cli.console import Terminal
    from envgen.curate.refresh.refresh import refresh_matrices
    from envgen.curate.refresh.report import diff_text, refresh_json, summary

    folder = chosen_folder(context, index_folder, offline=offline)
    request = _request(folder, frameworks, (), offline=offline, complete=complete)
    with Terminal() as talk:
        found = refresh_matrices(layout, request, talk, write=write)
    if as_json:
        click.echo(refresh_json(found))
    else:
        click.echo(diff_text(found), nl=False)
        click.echo("\n".join(summary(found)), err=True)
    if exit_code and found.changed:
        context.exit(1)


def _request(
    folder: Path | None, frameworks: tuple[str, ...], platforms: tuple[str, ...], *, offline: bool, complete: bool
) -> CurateRequest:
    """Which records, and what of them; where live channels cannot be reached, the few recorded ones are no answer."""
    from envgen.channels.index import IndexOptions
    from envgen.curate.request import CurateRequest

    index = IndexOptions(folder, offline, fallback=False)
    return CurateRequest(index=index, frameworks=frameworks, platforms=platforms, complete=complete)
