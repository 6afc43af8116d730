"""The rows of `envgen list`: the projects and their targets, whether they are locked, and where they are installed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from envgen.install import prefixes
from envgen.install.condition import inspect
from envgen.install.prefixes import PrefixState
from envgen.model.facts import Matrix
from envgen.model.layout import LOCK, Layout
from envgen.table import TextTable, table

_STATES: dict[PrefixState, str] = {
    "absent": "-",
    "foreign": "not by envgen",
    "equivalent": "installed by another tool",
    "changed": "changed by hand",
    "damaged": "damaged",
    "stale": "stale: the lock has changed",
    "installed": "installed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryRow:
    """One target of a project; `prefix` is "" if it is not installed. `damaged` are the files that are missing or changed.

    `stale` is why its lock is not what its inputs make now, "" if it is that, or nobody asked.
    """

    project: str
    target: str
    locked: bool
    state: PrefixState
    prefix: str = ""
    damaged: tuple[str, ...] = ()
    stale: str = ""


def rows(layout: Layout, projects: Sequence[str] = ()) -> tuple[InventoryRow, ...]:
    """Every target of these projects, or of all projects; a target that is installed twice has two rows."""
    for name in projects:
        layout.known_project(name)
    names = projects or layout.projects()
    if not names:
        return ()
    from envgen.matrix.cached import cached_matrix

    matrix = cached_matrix(layout)
    return tuple(row for name in names for target in _targets(layout, matrix, name) for row in _rows(layout, name, target))


def _targets(layout: Layout, matrix: Matrix, project: str) -> tuple[str, ...]:
    """The targets in the project file, then those that only have a lock."""
    from envgen.project.cached import cached_project

    named = (target.name for target in cached_project(layout, matrix, project).targets)
    return tuple(dict.fromkeys((*named, *layout.locked_targets(project))))


def _rows(layout: Layout, project: str, target: str) -> Iterator[InventoryRow]:
    lock = layout.target(project, target) / LOCK
    locked = lock.is_file()
    text = prefixes.lock_text(layout, project, target) if locked else None
    folders, home = prefixes.environment_folders(layout, os.environ, Path.home()), Path.home()
    found = prefixes.find(f"{project}-{target}", folders, home)
    for prefix in found:
        seen = inspect(prefix, text, layout.shown(lock))
        files = tuple(sorted(file for paths in seen.damaged.values() for file in paths))
        yield InventoryRow(project=project, target=target, locked=locked, state=seen.state, prefix=str(prefix), damaged=files)
    if not found:
        yield InventoryRow(project=project, target=target, locked=locked, state="absent")


def as_table(found: Sequence[InventoryRow]) -> TextTable:
    """The rows as a table; `~` is the home folder."""
    cells = ((row.project, row.target, _locked(row), _said(row), _short(row.prefix) or "-") for row in found)
    return table(("project", "target", "locked", "installed", "where"), cells, fold=("installed",), spare=("where",))


def _short(prefix: str) -> str:
    home = f"{Path.home()}{os.sep}"
    return f"~{os.sep}{prefix[len(home) :]}" if prefix.startswith(home) and len(home) > 2 else prefix


def _locked(row: InventoryRow) -> str:
    return "stale" if row.stale else "yes" if row.locked else "no"


def _said(row: InventoryRow) -> str:
    count = len(row.damaged)
    return _STATES[row.state] + (f": {count} {'file is' if count == 1 else 'files are'} missing or changed" if count else "")


def as_json(found: Sequence[InventoryRow]) -> str:
    """The rows as JSON."""
    return json.dumps([asdict(row) for row in found], indent=2)
