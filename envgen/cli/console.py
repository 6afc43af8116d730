"""Output for people and programs: progress and messages on stderr, results on stdout. All that envgen prints passes here."""

from __future__ import annotations

import shutil
import sys
from contextlib import nullcontext, suppress
from types import TracebackType
from typing import TYPE_CHECKING

import click

from envgen.model.safe_text import safe

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from rich.table import Table

_FILE, _NARROWEST = 120, 60  # columns of a page that goes to a file or a pipe, and the fewest on a terminal


def echo(text: str, *, err: bool = False, nl: bool = True, orders: bool = False) -> None:
    """Print a text without secrets; nothing in it steers a terminal or, unless it consists of `orders`, a workflow.

    A message that stderr does not take (a full disk, a reader that went away) is lost; what is being done is not.
    """
    with suppress(OSError) if err else nullcontext():
        click.echo(safe(text, orders=orders), err=err, nl=nl)


class Terminal:
    """A Reporter on stderr: a progress bar on a terminal, else only messages. Imports rich when there is something to draw."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Terminal:  # noqa: PYI034 - typing.Self came with Python 3.11
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    def say(self, text: str) -> None:
        """Print a message."""
        echo(text, err=True)

    def begin(self, what: str, steps: int) -> None:
        """Start a progress bar of so many steps."""
        if not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import Progress

        self._progress = Progress(console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(_plain(what), total=steps)
        self._progress.start()

    def step(self, what: str) -> None:
        """Advance the progress bar by one step."""
        if self._progress and self._task is not None:
            self._progress.update(self._task, advance=1, description=_plain(what))

    def end(self) -> None:
        """Remove the progress bar."""
        if self._progress:
            self._progress.stop()
        self._progress = self._task = None


def _plain(text: str) -> str:
    """A text beside a progress bar: one line, with square brackets as they are."""
    from rich.markup import escape

    return escape(safe(text).replace("\n", " "))


def page_width() -> int:
    """The columns of a page on stdout."""
    return max(_NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else _FILE


def print_table(table: Table) -> None:
    """Print a table on stdout: as wide as the terminal, or as it needs when the output goes elsewhere."""
    from rich.console import Console

    if sys.stdout.isatty():
        Console().print(table)  # its cells are safe already
        return
    console = Console(width=200, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(table)
    echo(captured.get(), nl=False)
