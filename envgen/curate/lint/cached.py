"""What `matrix lint` finds, from the cache unless the files or the day have changed. Imports the rules only then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date
from itertools import chain

from envgen.cache import key_of, recalled, remember
from envgen.curate.lint.finding import LintFinding
from envgen.matrix.files import DEFAULTS, default_text, matrix_texts
from envgen.model.errors import BadInput
from envgen.model.layout import Layout

_FIELDS = tuple(field.name for field in fields(LintFinding))


@dataclass(frozen=True, slots=True)
class Linted:
    """What the rules find, the errors that keep the matrices from being read, and how many rules there are."""

    findings: tuple[LintFinding, ...]
    errors: tuple[BadInput, ...]
    rules: int


def linted(layout: Layout, today: date) -> Linted:
    """What is wrong with the matrices on a day. Files that cannot be read are not remembered."""
    try:
        key = key_of("lint", *_inputs(layout, today))
    except BadInput:  # which is told with the errors of all other files
        return _linted(layout, today)
    known = recalled(tuple, key)
    if known is not None:
        return Linted(tuple(LintFinding(**dict(zip(_FIELDS, row, strict=True))) for row in known[1:]), (), known[0])
    found = _linted(layout, today)
    if not found.errors:
        remember((found.rules, *(tuple(getattr(row, name) for name in _FIELDS) for row in found.findings)), key)
    return found


def _linted(layout: Layout, today: date) -> Linted:
    from envgen.curate.lint.lint import RULES, lint_matrices

    return Linted(*lint_matrices(layout, today), len(RULES))


def _inputs(layout: Layout, today: date) -> Iterator[str]:
    """Everything that decides what is found. Raises BadInput for a file that cannot be read."""
    shown = layout.shown(layout.matrices)
    texts = matrix_texts(layout.matrices, shown)
    yield from (shown, str(today), *chain.from_iterable(texts.items()))
    yield from (default_text(name) for name in DEFAULTS if name not in texts)
    schemas = sorted(path for path in layout.schemas.glob("*.json") if path.is_file())
    yield from (path.read_text(encoding="utf-8", errors="replace") for path in schemas)
