"""Which projects and targets there are, which are locked, and which are installed where: the rows of `envgen list`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envgen.install import prefixes
from envgen.model.facts import Matrix
from envgen.model.layout import LOCK, Layout

if TYPE_CHECKING:
    from rich.table import Table

_WORDS = {"absent": "-", "changed": "changed by hand", "stale": "stale: the lock changed since", "installed": "installed"}


@dataclass(frozen=True, slots=True)
class InventoryRow:
    """One target of a project. `state` is that of `prefixes.state`; `prefix` "" where it is not installed."""

    project: str
    target: str
    locked: bool
    state: str
    prefix: str = ""


def rows(layout: Layout, projects: Sequence[str] = ()) -> tuple[InventoryRow, ...]:
    """Every target of the projects, of all without one; a target that is installed in two places has two rows."""
    for name in projects:
        layout.known_project(name)
    names = projects or layout.projects()
    if not names:
        return ()
    from envgen.matrix.load import load_matrix

    matrix = load_matrix(layout.matrices, layout.shown(layout.matrices))
    return tuple(row for name in names for target in _targets(layout, matrix, name) for row in _rows(layout, name, target))


def _targets(layout: Layout, matrix: Matrix, project: str) -> tuple[str, ...]:
    """The targets of the project, then those that only have a lock."""
    from envgen.project.load import load

    named = (target.name for target in load(layout, matrix, project).targets)
    locked = (lock.parent.name for lock in layout.locks() if lock.parent.parent.name == project)
    return tuple(dict.fromkeys((*named, *locked)))


def _rows(layout: Layout, project: str, target: str) -> Iterator[InventoryRow]:
    locked = (layout.target(project, target) / LOCK).is_file()
    lock = prefixes.digest(prefixes.lock_text(layout, project, target)) if locked else None
    where, home = prefixes.places(layout, os.environ, Path.home()), Path.home()
    found = prefixes.find(f"{project}-{target}", where, home)
    yield from (InventoryRow(project, target, locked, prefixes.state(prefix, lock), str(prefix)) for prefix in found)
    if not found:
        yield InventoryRow(project, target, locked, "absent")


def table(found: Sequence[InventoryRow]) -> Table:
    """The rows for people."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("project", "target", "locked", "installed", "where"):
        shown.add_column(heading, overflow="fold")
    for row in found:
        shown.add_row(row.project, row.target, "yes" if row.locked else "no", _WORDS[row.state], row.prefix or "-")
    return shown


def as_json(found: Sequence[InventoryRow]) -> str:
    """The rows for machines."""
    return json.dumps([asdict(row) for row in found], indent=2)
