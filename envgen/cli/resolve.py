"""The command `resolve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from envgen.cli.console import echo
from envgen.cli.options import ANY_TARGET, facts_of, json_option, layout_of, root_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envgen.model.resolution import Resolution
    from envgen.resolver.resolve import Problem, Unsatisfiable


@click.command(short_help="Show the choice and its reasons, without solving.")
@click.argument("project")
@click.option("--target", "targets", multiple=True, metavar="TARGET", help=f"Show only this target: {ANY_TARGET}. May be repeated.")
@click.option("--explain", is_flag=True, help="Also say why nothing better was chosen.")
@json_option
@root_option
@click.pass_context
def resolve(
    context: click.Context, project: str, targets: tuple[str, ...], explain: bool, as_json: bool, root: Path | None
) -> None:
    """Show what the matrices choose for PROJECT and the reason of each pin, without an index and without solving.

    --explain adds the next better choice of each pin and what prevented it, how drivers run the target, and common advice that
    would have failed. If the project is unsatisfiable, show the conflict and the nearest repairs (exit code 3).
    """
    from envgen.cli.console import Terminal
    from envgen.project.cached import cached_project
    from envgen.resolver.resolve import Problem, Unsatisfiable
    from envgen.resolver.resolve import resolve as choices

    layout, matrix = facts_of(layout_of(context, root))
    try:
        problem = Problem(matrix, cached_project(layout, matrix, project, Terminal()))
        found = choices(matrix, problem.project)
    except Unsatisfiable as error:
        if not as_json:
            raise
        echo(_conflict_json(error))
        context.exit(error.exit_code)
    shown = _requested(problem, targets, found) if targets else found
    echo(
        _explained(problem, found, shown, as_json=as_json) if explain else _plain(problem, shown, as_json=as_json),
        people=not as_json,
    )


def _requested(problem: Problem, words: Sequence[str], found: Sequence[Resolution]) -> list[Resolution]:
    """The resolutions of the targets that some words mean. Raises BadInput for a word that means none of them."""
    from envgen import targets

    names, chosen = [resolution.target.name for resolution in found], set()
    for word in words:
        name = targets.named(word, names, problem.matrix, "`envgen resolve` gives the same answer on every machine")
        if name is None:
            raise targets.lacking(problem.project.name, word, names, problem.matrix)
        chosen.add(name)
    return [resolution for resolution in found if resolution.target.name in chosen]


def _plain(problem: Problem, shown: Sequence[Resolution], *, as_json: bool) -> str:
    from envgen.cli import lock_report

    return lock_report.resolutions_json(shown, _variants(problem, shown)) if as_json else lock_report.resolutions_text(shown)


def _variants(problem: Problem, shown: Sequence[Resolution]) -> list[dict[str, Any]]:
    """The properties of variant wheels that each target stands for."""
    from envgen.resolver.variant_properties import variant_properties

    return [{"variant_properties": variant_properties(row, problem.matrix.catalogue.wheels)} for row in shown]


def _explained(problem: Problem, found: Sequence[Resolution], shown: Sequence[Resolution], *, as_json: bool) -> str:
    from envgen.cli import lock_report
    from envgen.cli.console import page_width
    from envgen.explain.alternatives import explained
    from envgen.explain.report import explained_data, explained_text

    why = [one for one in explained(problem, tuple(found)) if one.resolution in shown]
    if as_json:
        more = zip(_variants(problem, shown), map(explained_data, why), strict=True)
        return lock_report.resolutions_json(shown, [{**variants, **data} for variants, data in more])
    return explained_text(why, page_width())


def _conflict_json(error: Unsatisfiable) -> str:
    from envgen.explain.explain import conflict
    from envgen.explain.report import conflict_json

    return conflict_json(conflict(error.problem))
