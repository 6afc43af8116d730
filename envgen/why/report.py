"""Explanations to text and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from envgen.decisions import Resolution
from envgen.model import Reason
from envgen.why.nouns import Conflict, WayOut


def conflict_text(conflict: Conflict) -> str:
    """What clashes, where each of it is written, and the nearest ways out with what they give."""
    lines = ["these cannot all hold; without any one of them the rest could:"]
    lines.extend(f"  {line}" for part in (*conflict.demands, *conflict.facts) for line in part_lines(part))
    if conflict.ways:
        lines.extend(("", "nearest ways out, each resolved again:"))
        lines.extend(line for number, way in enumerate(conflict.ways, 1) for line in _way(number, way))
    return "\n".join(lines)


def part_lines(part: Reason) -> Iterator[str]:
    """A demand or a fact with its address; its source in a line of its own."""
    yield f"{part.at}: {part.text}" if part.at else part.text
    if part.because:
        yield f"    because: {part.because}"


def _way(number: int, way: WayOut) -> Iterator[str]:
    yield f"  {number}. {'; '.join(change.text for change in way.changes)}"
    told: dict[str, list[str]] = {}
    for resolution in way.gives:
        told.setdefault(_given(resolution), []).append(resolution.target.name)
    yield from (f"       {', '.join(names)}: {given}" for given, names in told.items())


def _given(resolution: Resolution) -> str:
    chosen = [f"{choice.release.framework} {choice.release.version}" for choice in resolution.choices]
    return ", ".join((*chosen, f"python {resolution.python}"))


def conflict_json(conflict: Conflict) -> str:
    """The same for a machine."""
    return json.dumps(_conflict(conflict), indent=2)


def _conflict(conflict: Conflict) -> dict[str, Any]:
    return {
        "project": conflict.project,
        "demands": [reason_data(reason) for reason in conflict.demands],
        "facts": [reason_data(reason) for reason in conflict.facts],
        "ways_out": [
            {
                "changes": [change.text for change in way.changes],
                "cost": way.cost,
                "gives": {
                    r.target.name: {"python": str(r.python), **{c.release.framework: str(c.release.version) for c in r.choices}}
                    for r in way.gives
                },
            }
            for way in conflict.ways
        ],
    }


def reason_data(reason: Reason) -> dict[str, str | None]:
    """A reason with its address and its source."""
    return {"text": reason.text, "at": str(reason.at) if reason.at else None, "because": reason.because or None}
