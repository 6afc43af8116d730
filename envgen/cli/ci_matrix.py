"""The command `ci-matrix`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envgen.cli.console import echo, tell
from envgen.cli.options import json_option, layout_of, root_option

if TYPE_CHECKING:
    from envgen.model.layout import Layout


@click.command("ci-matrix", short_help="List the locked cells as the matrix of a CI workflow.")
@click.argument("projects", nargs=-1)
@click.option("--changed", "base", metavar="BASE", help="Only cells whose packages are not those of this commit.")
@click.option(
    "--runner",
    "runners",
    multiple=True,
    metavar="WHAT=LABEL",
    help="The runner of a platform (linux-64=LABEL), of CUDA targets (gpu=LABEL), or both (linux-64/gpu=LABEL). May be repeated.",
)
@json_option
@root_option
@click.pass_context
def ci_matrix(
    context: click.Context, projects: tuple[str, ...], base: str | None, runners: tuple[str, ...], as_json: bool, root: Path | None
) -> None:
    """List the locked cells of every project, or of PROJECTS: project, target, platform, runner, and whether it is for CUDA.

    With --json, print the value of strategy.matrix of a GitHub workflow, on one line (see `envgen help team`). Nothing is solved.
    """
    layout = layout_of(context, root)
    from envgen.review import ci_matrix as ci

    for name in projects:
        layout.known_project(name)
    changed = _changed(layout, base) if base else None
    jobs = ci.ci_jobs(layout, projects or layout.projects(), ci.runners_of(runners), changed)
    if len(jobs) > ci.MOST:
        tell(f"note: {len(jobs)} jobs, and GitHub makes {ci.MOST} of one matrix: name PROJECTS, or give --changed")
    if as_json:
        echo(ci.ci_json(jobs))
        return
    for job in jobs:
        echo(f"{job.project} {job.target} {job.platform} {job.runner}{' gpu' if job.gpu else ''}", people=True)


def _changed(layout: Layout, base: str) -> frozenset[tuple[str, str, str]]:
    """The cells, (project, target, platform), with other packages than in a revision; those that are new among them."""
    from envgen.diff.compare import compare
    from envgen.diff.sources import snapshots, sources
    from envgen.matrix.cached import cached_matrix

    matrix = cached_matrix(layout)
    found = compare(*snapshots(*sources(layout.root, base, None), matrix.catalogue.wheels.extras), matrix)
    cells = (*found.changed, *(one.place for one in found.came))
    places = ((layout.lock_place(layout.root / cell.lock), cell.platform) for cell in cells)
    return frozenset((*place, platform) for place, platform in places if place)
