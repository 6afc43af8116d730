"""Output for people and programs: progress and messages on stderr, results on stdout. All that envgen prints passes here."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import nullcontext, suppress
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

import click

from envgen.cli import style
from envgen.model.safe_text import safe

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from envgen.table import TextTable

QUIET = "envgen.quiet"
"""The key in a context's `meta` that says that messages are not printed."""
_FILE, _NARROWEST = 120, 60  # columns of a page that goes to a file or a pipe, and the fewest on a terminal


def echo(text: str, *, people: bool = False, err: bool = False, nl: bool = True, orders: bool = False) -> None:
    """Print a text without secrets; nothing in it steers a terminal or, unless it consists of `orders`, a workflow.

    One that is for `people` has lines that fit the terminal, and colours. A message that stderr does not take (a full disk, a
    reader that went away) is lost; what is being done is not.
    """
    stream, text = sys.stderr if err else sys.stdout, safe(text, orders=orders)
    columns = _columns(stream) if people else 0
    text = style.wrapped(text, columns) if columns else text
    colour = people and style.coloured(os.environ, terminal=stream.isatty())
    with suppress(OSError) if err else nullcontext():
        click.echo(style.styled(text) if colour else text, err=err, nl=nl, color=colour)


def tell(text: str) -> None:
    """Print a message on stderr, unless the command has --quiet. Errors are not messages."""
    if not is_quiet():
        echo(text, people=True, err=True)


def is_quiet() -> bool:
    """Whether the command that runs has --quiet."""
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get(QUIET))


class Terminal:
    """A Reporter on stderr: a progress bar on a terminal, else only messages. Imports rich when there is something to draw."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._quiet = is_quiet()

    def __enter__(self) -> Terminal:  # noqa: PYI034 - typing.Self came with Python 3.11
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    def say(self, text: str) -> None:
        """Print a message."""
        if not self._quiet:
            echo(text, people=True, err=True)

    def begin(self, what: str, steps: int) -> None:
        """Start a progress bar of so many steps, in the place of one that an error left."""
        self.end()
        if self._quiet or not sys.stderr.isatty():
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
    """The columns of a page on stdout: those of the terminal, or of COLUMNS if that is exported."""
    columns = _columns(sys.stdout)
    return max(_NARROWEST, columns) if columns else _FILE


def table_width() -> int:
    """The columns of a table on stdout: those of a page on a terminal; elsewhere a table has all that it needs."""
    from envgen.table import UNBOUNDED

    return page_width() if _columns(sys.stdout) else UNBOUNDED


def print_table(found: TextTable) -> None:
    """Print a table on stdout."""
    from envgen.table import lines

    echo("\n".join(lines(found, table_width())), people=True)


def _columns(stream: TextIO) -> int:
    """The columns of a terminal; 0 where lines may have any length."""
    told = os.environ.get("COLUMNS", "").isdecimal()
    return shutil.get_terminal_size().columns if told or stream.isatty() else 0
