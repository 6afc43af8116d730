"""The command `diff`."""

from __future__ import annotations

from pathlib import Path

import click

from envgen.cli.console import echo, tell
from envgen.cli.options import facts_of, json_option, layout_or_none, length_option, root_of, root_option
from envgen.model.regular import real

_PAGE = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Show what changes in locks between two revisions, folders or files.")
@click.argument("base", required=False)
@click.argument("head", required=False)
@click.option("--all", "everything", is_flag=True, help="Show every change, not only the first of many.")
@click.option("--markdown", is_flag=True, help="Print Markdown for a pull request, at most 65,000 characters.")
@length_option
@click.option("--html", type=_PAGE, metavar="FILE", help="Write a page with every change instead.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 where something changes.")
@click.option("--textconv", is_flag=True, help="Print the lock BASE as a sorted list, for git's own diff (see `envgen help diff`).")
@json_option
@root_option
@click.pass_context
def diff(
    context: click.Context,
    base: str | None,
    head: str | None,
    everything: bool,
    markdown: bool,
    max_length: int,
    html: Path | None,
    exit_code: bool,
    textconv: bool,
    as_json: bool,
    root: Path | None,
) -> None:
    """Show what changes in the locks from BASE to HEAD, first what matters: CPU and CUDA, drivers, red flags.

    BASE and HEAD are git revisions, folders or locks (conda-lock.yml, pixi.lock, explicit lists) of any tool. Without HEAD, BASE is
    compared with the work tree; without BASE, git's HEAD is. `A...B` compares B with what it was branched off from A.
    """
    if as_json + markdown + bool(html) + textconv > 1:
        raise click.UsageError("--json, --markdown, --html and --textconv exclude each other")
    from envgen.diff import markdown as md
    from envgen.diff import page, report
    from envgen.diff.compare import compare
    from envgen.diff.sources import repository_of, snapshots, sources, textconv_of

    if textconv:
        if not base or head:
            raise click.UsageError("--textconv takes one file")
        echo(textconv_of(Path(base), facts_of(None)[1].catalogue.wheels.extras), nl=False)
        return
    chosen = root_of(context, root)
    sides = sources(real(chosen) if chosen else repository_of(Path.cwd()), base, head)
    layout = layout_or_none(context, root)
    _, matrix = facts_of(layout if layout and layout.matrices.is_dir() else None)
    found = compare(*snapshots(*sides, matrix.catalogue.wheels.extras), matrix)
    if html:
        tell(page.write_diff_page(html, found))
    else:
        echo(
            report.diff_json(found)
            if as_json
            else md.diff_markdown(found, max_length)
            if markdown
            else report.diff_text(found, everything=everything),
            people=not (as_json or markdown),
        )
    if found.unread_in_head:
        context.exit(2)
    if exit_code and found:
        context.exit(1)
