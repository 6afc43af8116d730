"""The commands about the facts: `matrix show`, `lint`, `schemas`, `verify`, `refresh`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from envgen.cli.console import echo, tell
from envgen.cli.options import chosen_folder, facts_of, index_options, json_option, layout_of, layout_or_none, root_of, root_option

if TYPE_CHECKING:
    from envgen.curate.request import CurateRequest

_FRAMEWORK = click.option(
    "--framework", "frameworks", multiple=True, metavar="NAME", help="Only this framework of the matrices. May be repeated."
)
_COMPLETE = click.option("--complete", is_flag=True, help="The index has every published build: what it lacks does not exist.")


@click.group(short_help="Keep the facts true: show, lint, verify, refresh.")
def matrix() -> None:
    """Work with matrices/: show what it says, check that it is well written and true, propose what is new."""


@matrix.command(short_help="Show which builds exist, and which of them a machine can use.")
@_FRAMEWORK
@click.option("--driver", metavar="VERSION", help="The NVIDIA driver: 535, or 535.104.05 as nvidia-smi prints it.")
@click.option(
    "--gpu", "gpus", multiple=True, metavar="NAME", help='A GPU ("RTX 4090") or a compute capability ("8.9"). May be repeated.'
)
@click.option("--python", metavar="MINOR", help="The Python minor: 3.12.")
@click.option("--platform", metavar="PLATFORM", help="The platform (default: linux-64; with --json every platform).")
@click.option("--all", "everything", is_flag=True, help="Also show rows and columns in which no build is left.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write an interactive page instead.")
@click.option("--url", default="", metavar="URL", help="With --html: where the page will be published, for links to it.")
@click.option("--picture", default="", metavar="URL", help="With --html: the address of a picture of it, for previews of links.")
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
    url: str,
    picture: str,
    as_json: bool,
    root: Path | None,
) -> None:
    """Show which builds exist for which CUDA, and which of them a driver, GPUs, a Python and a platform allow.

    A build is allowed exactly when `envgen resolve` takes it for a project with the same requirements.
    """
    if html and (as_json or everything):
        raise click.UsageError("--html excludes --json and --all")
    for name, address in (("--url", url), ("--picture", picture)):
        if address and not html:
            raise click.UsageError(f"{name} goes with --html")
        if address and not address.startswith(("https://", "http://")):
            raise click.UsageError(f"{name}: programs that show links need the whole address: https://example.org/...")
    from dataclasses import replace

    from envgen.cli.console import page_width
    from envgen.curate.show import table
    from envgen.curate.show.grid import grid
    from envgen.curate.show.query import branch_note, parse_query

    layout = layout_of(context, root) if root_of(context, root) else layout_or_none(context, root)
    if layout is None:
        tell("note: the facts that came with envgen; `envgen init` copies them into a repository")
    _, facts = facts_of(layout)
    query = parse_query(facts, frameworks, driver, gpus, python, platform)
    note = branch_note(query)
    if note:
        tell(f"note: {note}")
    if html:
        from envgen.curate.show.page import Published, write_grid_page

        tell(write_grid_page(html, facts, query, Published(url, picture)))
    elif as_json:
        echo(table.grid_json(grid(facts, query), query))
    else:
        query = replace(query, platform=platform or "linux-64")
        echo(table.grid_text(grid(facts, query), query, page_width(), everything=everything), people=True)


@matrix.command(short_help="Check that the facts are well written and consistent.")
@click.option("--strict", is_flag=True, help="Fail on warnings, too.")
@json_option
@root_option
@click.pass_context
def lint(context: click.Context, strict: bool, as_json: bool, root: Path | None) -> None:
    """Check the files in matrices/ against the rules of `envgen help matrices`, without network. Writes nothing."""
    from datetime import datetime, timezone

    from envgen.curate.lint import report
    from envgen.curate.lint.cached import linted

    found = linted(layout_of(context, root), datetime.now(timezone.utc).date())
    findings, errors = found.findings, found.errors
    for error in errors[:-1]:
        echo(f"error: {error}\n", people=True, err=True)
    if errors:
        raise errors[-1]
    text = report.lint_json(findings) if as_json else report.lint_text(findings)
    echo(text, people=not as_json, nl=bool(text))
    tell(report.lint_summary(findings, found.rules))
    if any(strict or found.severity == "error" for found in findings):
        context.exit(1)


@matrix.command(short_help="Write schemas/, with which editors check what you write.")
@json_option
@root_option
@click.pass_context
def schemas(context: click.Context, as_json: bool, root: Path | None) -> None:
    """Write the JSON Schemas of project.yaml and of every matrix file into schemas/."""
    from envgen.curate.lint.json_schema import write_schemas

    written = write_schemas(layout_of(context, root))
    if as_json:
        echo(json.dumps({"written": list(written)}, indent=2))
        return
    for name in written:
        echo(f"wrote {name}", people=True)
    if not written:
        tell("every schema is up to date")


@matrix.command(short_help="Check every fact against package records, and every record against the facts.")
@index_options
@_FRAMEWORK
@click.option("--platform", "platforms", multiple=True, metavar="PLATFORM", help="Only this platform. May be repeated.")
@_COMPLETE
@click.option("--no-solve", is_flag=True, help="Check against records alone.")
@click.option("--jobs", type=click.IntRange(1, 256), default=None, help="Solves at a time (default: one for each processor).")
@click.option("--all", "everything", is_flag=True, help="Also list what cannot be decided.")
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
    everything: bool,
    as_json: bool,
    root: Path | None,
) -> None:
    """Check every cell of the matrix against package records, and every record against the matrix.

    Is there such a build? Does its spelling select it alone? Does it solve with its target's virtual packages, to the right CUDA?
    Is there a build that the matrix lacks?

    A folder is a part of the channels, so what it lacks cannot be decided. Live channels, and a folder with --complete, refute what
    they lack. The exit code is 1 if a fact is refuted, or a build is unknown.
    """
    layout = layout_of(context, root)
    from envgen.cli.console import Terminal, page_width
    from envgen.curate.records.compare import compare
    from envgen.curate.records.report import comparison_json, comparison_text

    folder = chosen_folder(context, index_folder, offline=offline)
    request = _request(folder, frameworks, platforms, offline=offline, complete=complete)
    with Terminal() as reporter:
        found = compare(layout, request, reporter, solve=not no_solve, jobs=jobs or os.cpu_count() or 1)
    echo(comparison_json(found) if as_json else comparison_text(found, page_width(), everything=everything), people=not as_json)
    if found.failed:
        context.exit(1)


@matrix.command(short_help="Propose facts from package records that the matrices do not have.")
@index_options
@_FRAMEWORK
@_COMPLETE
@click.option("--pypi", is_flag=True, help="Read an index of wheels, not package records.")
@click.option("--index-url", envvar=["UV_DEFAULT_INDEX", "PIP_INDEX_URL"], metavar="URL", help="The index that --pypi reads.")
@click.option("--write", is_flag=True, help="Write the change. Without it, print the diff and write nothing.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if there is a change.")
@json_option
@root_option
@click.pass_context
def refresh(
    context: click.Context,
    index_folder: Path | None,
    offline: bool,
    frameworks: tuple[str, ...],
    complete: bool,
    pypi: bool,
    index_url: str | None,
    write: bool,
    exit_code: bool,
    as_json: bool,
    root: Path | None,
) -> None:
    """Read package records and propose changes to matrices/*.yaml: releases, variants, platforms and Pythons, new or gone.

    A fact is only removed when the index is complete: live channels, or --complete. All other lines stay byte for byte.
    """
    layout = layout_of(context, root)
    from envgen.cli.console import Terminal
    from envgen.curate.refresh.refresh import refresh_matrices
    from envgen.curate.refresh.report import diff_text, refresh_json, summary
    from envgen.curate.refresh.wheels import refresh_wheels

    with Terminal() as reporter:
        if pypi:
            found = refresh_wheels(layout, _index_of_wheels(index_url), frameworks, reporter, write=write)
        else:
            folder = chosen_folder(context, index_folder, offline=offline)
            request = _request(folder, frameworks, (), offline=offline, complete=complete)
            found = refresh_matrices(layout, request, reporter, write=write)
    if as_json:
        echo(refresh_json(found))
    else:
        echo(diff_text(found), nl=False)
        tell("\n".join(summary(found)))
    if exit_code and found.changed:
        context.exit(1)


def _index_of_wheels(url: str | None) -> str:
    """The index to read. Raises BadInput where none is given."""
    from envgen.model.errors import BadInput

    if not url:
        hint = "give the simple index that pip asks as --index-url, or set UV_DEFAULT_INDEX or PIP_INDEX_URL"
        raise BadInput("--pypi needs the URL of an index", hint=hint)
    return url


def _request(
    folder: Path | None, frameworks: Sequence[str], platforms: Sequence[str], *, offline: bool, complete: bool
) -> CurateRequest:
    """Which records to read. If live channels cannot be reached, the recorded ones do not replace them: they are too few."""
    from envgen.channels.index import IndexOptions
    from envgen.curate.request import CurateRequest

    index = IndexOptions(folder, offline, fallback=False)
    return CurateRequest(index=index, frameworks=tuple(frameworks), platforms=tuple(platforms), complete=complete)
