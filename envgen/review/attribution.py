"""Which row of the facts changes which targets: each change is made alone in the old facts, and the targets are asked again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.impact import RowChange
from envgen.model.layout import Layout
from envgen.review.other_facts import Facts
from envgen.review.rows import RowEdit, at_file, row_edits, whole_file

MOST = 24
"""So many rows are told apart at most. Each costs up to 0.1 seconds for the facts, and 5 ms for each project that may see it."""

Changed = Callable[[Layout, Matrix], tuple[str, ...]]
"""The environments that some facts change, beside the old ones."""


def row_changes(
    edits: Sequence[tuple[str, RowEdit]], old: Facts, everything: tuple[str, ...], changed: Changed
) -> tuple[RowChange, ...]:
    """The rows that change targets, each with the environments that it changes alone; () where there are too many rows.

    `edits` are the rows that differ, each with its file, and `everything` what they change together. A change that no reader takes
    alone, such as half of a renaming, changes nothing alone.
    """
    if len(edits) == 1:
        ((file, edit),) = edits
        return (replace(at_file(edit.change, file), environments=everything),) if everything else ()
    if len(edits) > MOST or not everything:
        return ()
    with tempfile.TemporaryDirectory(prefix="envgen-") as place:
        found = (_alone(old, Path(place, str(number)), file, edit, changed) for number, (file, edit) in enumerate(edits))
        return tuple(row for row in found if row.environments)


def edits_between(old: Layout, new: Layout, files: Sequence[str]) -> tuple[tuple[str, RowEdit], ...]:
    """The rows of some files that differ, each with its file."""
    return tuple((file, edit) for file in files for edit in _edits(old, new, file))


def _edits(old: Layout, new: Layout, file: str) -> Iterator[RowEdit]:
    before, after = (_text(layout, file) for layout in (old, new))
    if before is None or after is None or not file.startswith(f"{new.matrices.name}/"):
        yield whole_file(before, after)
    else:
        yield from row_edits(before, after)


def _text(layout: Layout, file: str) -> str | None:
    path = _place(layout, file)
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None


def _place(layout: Layout, file: str) -> Path:
    top, _, name = file.partition("/")
    return (layout.matrices if top == layout.matrices.name else layout.templates) / name


def _alone(facts: Facts, folder: Path, file: str, edit: RowEdit, changed: Changed) -> RowChange:
    """A change with the environments that it changes in the old facts."""
    text = None if edit.change.kind == "removed" and not edit.text else edit.text
    try:
        return replace(at_file(edit.change, file), environments=changed(*facts.with_file(file, text, folder)))
    except BadInput:
        return at_file(edit.change, file)
