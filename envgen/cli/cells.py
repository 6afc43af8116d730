"""A part of a plan on this machine (`envgen lock --cells`), and joining what several machines made (`envgen lock --merge`)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envgen.model.layout import Layout
    from envgen.model.run import LockRequest, LockRun
    from envgen.shards.work_plan import WorkPlan


def cells_options(
    projects: Sequence[str], targets: Sequence[str], results: str, *, update: bool, merge: bool, options: Mapping[str, Any]
) -> None:
    """Refuse options that do not go with --cells or --merge."""
    if projects or targets or update or options["exclude_newer"]:
        raise click.UsageError("a plan says what is locked: leave out PROJECTS, --target, --update and --exclude-newer")
    if options["dry_run"] and not merge:
        raise click.UsageError("--cells writes nothing into the repository: leave out --dry-run")
    if not (results or merge):
        raise click.UsageError("--cells needs --results PLACE")


def cells_request(request: LockRequest, file: Path) -> LockRequest | None:
    """The request to make the results of a plan's cells; None where it has none."""
    found = _plan_in(file)
    return found.request(request) if found.cells else None


def merged(layout: Layout, request: LockRequest, folders: Sequence[str], file: Path | None) -> LockRun:
    """Write the results in some folders; with a plan, those of all its cells."""
    if not folders:
        raise click.UsageError("--merge needs the folders with results")
    from envgen.cli.console import Terminal
    from envgen.shards.join import join

    expected = tuple(_plan_in(file).cells) if file else ()
    with Terminal() as reporter:
        return join(layout, [Path(folder) for folder in folders], expected, request, reporter)


def _plan_in(file: Path) -> WorkPlan:
    from envgen.shards.work_plan import read_plan
    from envgen.yamlfile.text import text_of

    if str(file) == "-":
        return read_plan(None, sys.stdin.read())
    return read_plan(file, text_of(file, str(file), absent="`envgen plan --json` writes it"))
