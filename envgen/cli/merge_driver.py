"""The command `merge-driver`, which git calls."""

from __future__ import annotations

from pathlib import Path

import click

from envgen.cli.console import echo

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command("merge-driver", short_help="Merge a lock by locking the merged inputs; git calls it.")
@click.argument("base", type=_FILE)
@click.argument("ours", type=_FILE)
@click.argument("theirs", type=_FILE)
@click.argument("path")
@click.pass_context
def merge_driver(context: click.Context, base: Path, ours: Path, theirs: Path, path: str) -> None:
    """Merge the three versions of PATH, as git's merge drivers do (%O %A %B %P); the result replaces OURS.

    A lock, and what is made with it, is locked from the merged project files, matrices and templates; where these conflict, git's
    markers stay (exit code 1). `envgen init --git` sets it up: see `envgen help diff`.
    """
    from envgen.cli.console import Terminal
    from envgen.diff.sources import repository_of
    from envgen.merge.driver import MergedFile, merged

    file = MergedFile(path=path, ours=ours.read_bytes(), base=base.read_bytes(), theirs=theirs.read_bytes())
    with Terminal() as reporter:
        text, why = merged(repository_of(Path.cwd()), file, reporter)
    ours.write_bytes(text)
    if why:
        echo(f"envgen: {path} has a conflict: {why}", err=True)
        context.exit(1)
