"""What a person sees while work goes on: a progress line on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from rich.table import Table


class Terminal:
    """The pipeline's Talk on a terminal; rich is imported when there is something to draw."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Terminal:  # noqa: PYI034 - typing.Self came with Python 3.11
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end()

    def say(self, text: str) -> None:
        """One thing worth knowing."""
        sys.stderr.write(f"{text}\n")

    def begin(self, what: str, steps: int) -> None:
        """Long work starts: a bar where there is a terminal."""
        if not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import Progress

        self._progress = Progress(console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(what, total=steps)
        self._progress.start()

    def step(self, what: str) -> None:
        """One step is done."""
        if self._progress and self._task is not None:
            self._progress.update(self._task, advance=1, description=what)

    def end(self) -> None:
        """The bar goes away."""
        if self._progress:
            self._progress.stop()
        self._progress = self._task = None


def print_table(table: Table) -> None:
    """A table on stdout: as wide as the terminal, or as it needs when the output goes elsewhere."""
    from rich.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=200, color_system=None, force_terminal=False)
    console.print(table)
