"""What `envgen impact` prints: text for people, Markdown for a pull request, JSON for programs. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from envgen.model.impact import Impact, ImpactKind, Move, RowChange, TargetImpact

_SHOWN = 6  # environments that are named in one line of text
_LONGEST = 65_000  # characters of a comment that code hosts accept
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~&@-])")

SameChange = tuple[str, tuple[str, ...]]
"""What happens to some environments, in words, and the environments."""


def impact_text(found: Impact) -> str:
    """What changed, how many targets that changes, and each thing that happens with the targets to which it happens."""
    rows = (f"  by {_row_text(row, found)}: {_named(row.environments)}" for row in found.rows)
    return "\n".join((_headline(found), *(f"  {text}: {_named(names)}" for text, names in groups(found)), *rows))


def _row_text(row: RowChange, found: Impact) -> str:
    """`matrices/pytorch.yaml:212, removed: releases: version: "2.7.1"`, and how many targets it changes."""
    told = f"{row.file}:{row.line}" if row.kind != "removed" else f"{row.file}:{row.line} of {found.base}"
    return f"{told}, {row.kind}{f': {row.text}' if row.text else ''} ({len(row.environments)} of {found.count})"


def _headline(found: Impact) -> str:
    if not found.files:
        return f"no fact and no template differs from {found.base}"
    files = ", ".join(found.files[:_SHOWN]) + (f" and {len(found.files) - _SHOWN} more" if len(found.files) > _SHOWN else "")
    return f"{files}: {len(found.changed) or 'none'} of {found.count} targets change{'s' * (len(found.changed) == 1)}"


def _named(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def groups(found: Impact) -> list[SameChange]:
    """The same change of several targets once, the gravest first."""
    told: dict[tuple[int, str, str], dict[str, None]] = {}
    for row in found.targets:
        for key in _keys(row):
            told.setdefault(key, {}).setdefault(row.environment)
    return [(_phrase(text, len(names), why), tuple(names)) for (_, text, why), names in sorted(told.items(), key=lambda x: x[0][0])]


_ORDER: tuple[ImpactKind, ...] = ("lost", "moves", "solved-again", "rendered-again", "driver", "gained", "update")
_WORDS: dict[ImpactKind, str] = {
    "lost": "{has} no choice any more",
    "moves": "{is} locked with another choice",
    "solved-again": "keep{s} the choice and {is} solved again",
    "rendered-again": "{is} rendered again, without a solve",
    "driver": "{has} another driver floor",
    "gained": "{has} a choice now",
    "update": "would move with `envgen update`",
}


def _keys(row: TargetImpact) -> Iterator[tuple[int, str, str]]:
    """What happens to a target: its order, its words with holes, and the reason."""
    place = _ORDER.index(row.kind)
    if row.kind in ("lost", "gained"):
        yield place, _WORDS[row.kind], row.why if row.kind == "lost" else ""
    own = [move for move in row.moves if move.what != "driver floor"]
    if row.kind == "rendered-again" or (row.kind in ("solved-again", "update") and not own):
        yield place, _WORDS[row.kind], ""
    for move in own:
        before = {"update": "with `envgen update` would ", "solved-again": "keep{s} the choice, solved again: "}.get(row.kind, "")
        yield place, f"{before}{_moved(move, would=row.kind == 'update')}", move.why
    for move in row.moves:
        if move not in own:
            yield _ORDER.index("driver"), f"driver floor {move.old or 'none'} -> {move.new or 'none'}", ""


def _moved(move: Move, *, would: bool) -> str:
    """`moves from python 3.10 to 3.11`, with holes for the number; braces of the texts are doubled."""
    s = "" if would else "{s}"
    what, old, new = (text.replace("{", "{{").replace("}", "}}") for text in (move.what, move.old, move.new))
    if what == "asked":
        return f"ask{s} for `{new}`" if new else f"no longer ask{s} for `{old}`"
    if old and new:
        return f"move{s} from {what} {old} to {new}"
    return f"get{s} {what} {new}" if new else f"lose{s} {what} {old}"


def _phrase(text: str, count: int, why: str) -> str:
    """The words for a number of targets, with the reason."""
    words = {"s": "s", "has": "has", "is": "is"} if count == 1 else {"s": "", "has": "have", "is": "are"}
    told = text if text.startswith("driver floor") else f"{count} {text.format(**words)}"
    return f"{told} ({why})" if why else told


# --- Markdown and JSON ----------------------------------------------------------------------------------------------------


def impact_markdown(found: Impact, longest: int = _LONGEST) -> str:
    """A comment for a pull request: every change with its targets, folded; cut where a code host would refuse it."""
    lines = [f"**envgen impact** against `{_plain(found.base)}`: {_escaped(_headline(found))}", ""]
    for text, names in groups(found):
        lines.append(f"<details><summary>{_escaped(text)}</summary>\n\n{', '.join(map(_escaped, names))}\n\n</details>")
    for row in found.rows:
        summary = _escaped(f"by {_row_text(row, found)}")
        lines.append(f"<details><summary>{summary}</summary>\n\n{', '.join(map(_escaped, row.environments))}\n\n</details>")
    return _cut(lines, longest)


def _cut(lines: Iterable[str], longest: int) -> str:
    """The lines that fit into a comment, and a note of how many do not."""
    kept, size, rows = [], 0, list(lines)
    for place, line in enumerate(rows):
        size += len(line) + 1
        if size > longest - 200:
            kept.append(f"\n{len(rows) - place} more changes do not fit here: `envgen impact` shows all.")
            break
        kept.append(line)
    return "\n".join(kept)


def _escaped(text: str) -> str:
    """Text that Markdown and HTML show as it is, on one line, and that mentions nobody."""
    plain = " ".join(text.split())
    return _MARKUP.sub(lambda found: f"&#{ord(found[1])};", plain)


def _plain(text: str) -> str:
    return text.replace("`", "'").replace("\n", " ")


def impact_json(found: Impact, packages: dict[str, Any] | None = None) -> str:
    """All of it for a program; `packages` has what a solve changes in each environment, where one was asked for."""
    rows = [_row(row, packages) for row in found.targets]
    return json.dumps(
        {
            "base": found.base,
            "files": list(found.files),
            "count": found.count,
            "changed": len(found.changed),
            "rows": [asdict(row) for row in found.rows],
            "targets": rows,
        },
        indent=2,
    )


def _row(row: TargetImpact, packages: dict[str, Any] | None) -> dict[str, Any]:
    more = {} if packages is None else {"packages": packages.get(row.environment, {})}
    return {
        "project": row.project,
        "target": row.target,
        "at": str(row.at),
        "kind": row.kind,
        "moves": [asdict(move) for move in row.moves],
        "why": row.why,
        **more,
    }
