"""The commands about index folders: `index export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from envgen.cli.console import echo
from envgen.cli.options import ANY_TARGET, json_option, layout_of, network_options, root_option
from envgen.model.platforms import PLATFORMS

if TYPE_CHECKING:
    from envgen.model.facts import Platform


@click.group(short_help="Carry packages to a site without network.")
def index() -> None:
    """Work with index folders: package records, and perhaps the packages, below <channel>/<subdir>/."""


@index.command(short_help="Bring the packages of committed locks into a folder.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.argument("projects", nargs=-1)
@click.option("--target", "targets", multiple=True, metavar="TARGET", help=f"Only this target: {ANY_TARGET}. May be repeated.")
@click.option("--platform", "platforms", multiple=True, type=click.Choice(PLATFORMS), help="Only this platform. May be repeated.")
@click.option("--stale", is_flag=True, help="Export also locks that are not what their inputs make now.")
@network_options
@json_option
@root_option
@click.pass_context
def export(
    context: click.Context,
    folder: Path,
    projects: tuple[str, ...],
    targets: tuple[str, ...],
    platforms: tuple[Platform, ...],
    stale: bool,
    as_json: bool,
    root: Path | None,
) -> None:
    """Bring the packages of the committed locks, and an index of them, into DIR, for a site without network.

    Without PROJECTS, of every project. There `envgen lock --index DIR` and `envgen install --index DIR` read it, and a web server
    makes a mirror of it. A run that was interrupted continues where it ended; each file is checked against the hash in its lock. A
    lock that is stale, which means not what its project and the matrices make now, is refused without --stale.
    """
    layout = layout_of(context, root)
    from envgen.cli.console import Terminal
    from envgen.cli.refuse_stale import refuse_stale
    from envgen.install import messages
    from envgen.install.export import ExportRequest, exported_locks
    from envgen.install.export import export as export_to

    request = ExportRequest(projects=projects, targets=targets, platforms=platforms)
    with Terminal() as reporter:
        for note in () if stale else refuse_stale(layout, exported_locks(layout, request), "export it as it is"):
            reporter.say(note)
        done = export_to(layout, folder, request, reporter)
    echo(messages.exported_json(done) if as_json else messages.exported_text(done), people=not as_json)
