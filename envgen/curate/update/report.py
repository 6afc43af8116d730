"""What `envgen facts` prints. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from envgen import __version__
from envgen.curate.update.merge import RowDifference, RowState
from envgen.curate.update.update import FactsUpdate, FileUpdate

_GROUPS: dict[RowState, str] = {
    "conflict": "changed both here and in the newer facts; this repository's is kept",
    "unknown": "not the same here and in the newer facts; this repository's is kept",
    "edited": "edited here; kept",
    "own": "added here; kept",
    "removed": "removed here; left out",
}
_TAKEN: dict[RowState, str] = {"new": "new", "changed": "changed", "gone": "gone"}


def facts_text(found: FactsUpdate, *, written: bool) -> str:
    """Where the facts are from, what a newer envgen brings, and every row that was edited here, with its line."""
    if found.own:
        return f"these are the facts that envgen {__version__} itself comes with"
    return "\n".join((*_head(found, written=written), *_rows(found, written=written)))


def facts_json(found: FactsUpdate, *, written: bool) -> str:
    """The same for a program; lines are those of the files here, after an update those of the merged ones."""
    rows = [
        {"file": file.shown, "line": _line(row, written=written), "row": row.name, "state": row.state, "newer": row.newer}
        for file, row in found.rows
    ]
    origin = found.origin.version if found.origin else None
    facts = {"origin": origin, "envgen": __version__, "date": found.date, "newer-date": found.newer_date, "written": written}
    return json.dumps({**facts, "newer": found.is_newer, "rows": rows}, indent=2, ensure_ascii=False)


def _head(found: FactsUpdate, *, written: bool) -> Iterator[str]:
    if found.origin:
        yield f"facts of envgen {found.origin.version}, newest source {found.date or 'without a date'}"
    else:
        yield f"facts of an unknown version, newest source {found.date or 'without a date'}"
        yield "nothing says what they were copied from: a row that differs may have been edited here, or be older"
    if not found.is_newer:
        yield f"nothing newer in envgen {__version__}"
        return
    count = Counter(row.state for _, row in found.rows)
    parts = ", ".join(f"{count[state]} {word}" for state, word in _TAKEN.items())
    verb = "took" if written else "brings"
    yield f"{verb} rows from envgen {__version__}, newest source {found.newer_date or 'without a date'}: {parts}"
    for file in found.files:
        if (counted := Counter(row.state for row in file.rows if row.state in _TAKEN)) and (file.whole or file.text != file.old):
            yield f"  {file.shown}: {_told(file, counted)}"


def _told(file: FileUpdate, counted: Counter[RowState]) -> str:
    if file.whole:
        return "a new file" if counted["new"] else "gone"
    return ", ".join(f"{counted[state]} {word}" for state, word in _TAKEN.items() if counted[state])


def _rows(found: FactsUpdate, *, written: bool) -> Iterator[str]:
    for state, title in _GROUPS.items():
        rows = [(file, row) for file, row in found.rows if row.state == state]
        if rows:
            yield f"{title}:"
        for file, row in rows:
            line = _line(row, written=written)
            yield f"  {file.shown}{f':{line}' if line else ''}: {row.name}"
            if state == "conflict":
                yield from (f"    newer: {text.strip()}" for text in row.newer.splitlines() if not text.strip().startswith("#"))


def _line(row: RowDifference, *, written: bool) -> int:
    return row.merged_line if written else row.line
