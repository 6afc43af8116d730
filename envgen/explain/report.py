"""Explanations to text and JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from envgen.explain.advice import AppliedAdvice
from envgen.explain.model import Alternative, Conflict, Explained, Repair
from envgen.model.facts import Reason
from envgen.model.resolution import Resolution

_BEHIND = " (no single change is enough: there is another conflict behind this one)"


def conflict_text(conflict: Conflict) -> str:
    """What clashes, where each of it is written, and the nearest ways out with what they give."""
    lines = ["these cannot all hold; without any one of them the rest could:"]
    lines.extend(f"  {line}" for part in (*conflict.demands, *conflict.facts) for line in part_lines(part))
    if conflict.ways:
        one = len(conflict.ways[0].changes) == 1
        lines.extend(("", f"nearest ways out{_BEHIND if not one else ''}, each resolved again:"))
        lines.extend(line for number, way in enumerate(conflict.ways, 1) for line in _way(number, way))
    lines.extend(f"  besides: {item.text}" for item in conflict.beside)
    return "\n".join(lines)


def part_lines(part: Reason) -> Iterator[str]:
    """A demand or a fact with its address; its source in a line of its own."""
    yield f"{part.at}: {part.text}" if part.at else part.text
    if part.because:
        yield f"    because: {part.because}"


def _way(number: int, way: Repair) -> Iterator[str]:
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
        "besides": [reason_data(reason) for reason in conflict.beside],
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


# --- a choice -------------------------------------------------------------------------------------------------------------


def explained_text(found: Sequence[Explained], width: int) -> str:
    """What `envgen resolve --explain` prints, in lines of at most `width` columns, addresses and urls aside."""
    lines = [line for one in found for line in (*_target(one, width), "")]
    advised = _advised(found)
    if advised:
        lines.append("advice commonly found that goes wrong here")
        lines.extend(line for piece, names in advised for line in _piece(piece, names, width))
        lines.append("")
        lines.append("what envgen asks for")
        asked = {one.resolution.target.name: ", ".join(one.specs) for one in found if one.specs}
        lines.extend(line for name, specs in asked.items() for line in _wrapped(f"{name}: {specs}", width, "  "))
    return "\n".join(lines).rstrip()


def _target(one: Explained, width: int) -> Iterator[str]:
    resolution = one.resolution
    yield f"{resolution.project.name}-{resolution.target.name}: {', '.join(resolution.platforms)}"
    for pin in resolution.pins:
        yield f"  {pin.name} {pin.version}"
        for item in (*(pin.because if pin.name != "driver" else ()), *(one.drivers if pin.name == "driver" else ())):
            yield from _wrapped(reason_text(item), width, "      ")
        if pin.name in one.better:
            yield from _next(one.better[pin.name], width)
    for dropped in resolution.dropped:
        yield from _wrapped(f"dropped {dropped.platform}: {reason_text(dropped.because)}", width, "  ")
    for item in resolution.warnings:
        yield from _wrapped(f"warning: {reason_text(item)}", width, "  ")


def _next(better: Alternative, width: int) -> Iterator[str]:
    """What would be better, and a line for each thing that stopped it."""
    first, *rest = better.stopped
    if not rest:
        yield from _wrapped(f"not {better.better}: {reason_text(first)}", width, "      ")
        return
    yield f"      not {better.better}:"
    for item in better.stopped:
        yield from _wrapped(f"- {reason_text(item)}", width, "        ", "          ")


def _advised(found: Sequence[Explained]) -> list[tuple[AppliedAdvice, list[str]]]:
    """Each piece of advice once, in the words of the first target that it is about, with all such targets."""
    told: dict[tuple[str, str], tuple[AppliedAdvice, list[str]]] = {}
    for one in found:
        for piece in one.advice:
            _, names = told.setdefault((piece.id, str(piece.at)), (piece, []))
            names.extend({one.resolution.target.name} - set(names))
    return sorted(told.values(), key=lambda row: row[0].id)


def _piece(piece: AppliedAdvice, names: Sequence[str], width: int) -> Iterator[str]:
    yield from _wrapped(f"{piece.id}  {piece.heard}  [{', '.join(names)}]", width, "  ", "       ")
    yield from _wrapped(f"-> {piece.but}", width, "       ", "          ")
    yield from _wrapped(piece.because, width, "          ")


def _wrapped(text: str, width: int, indent: str, further: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=further or f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def reason_text(found: Reason) -> str:
    """A reason with its address, where its source stands."""
    return f"{found.text} ({found.at})" if found.at else found.text


def explained_data(one: Explained) -> dict[str, Any]:
    """What explains one target, for a machine: it goes beside what `resolve --json` says of it."""
    return {
        "next_better": {
            name: {"choice": better.better, "stopped_by": [reason_data(item) for item in better.stopped]}
            for name, better in one.better.items()
        },
        "driver_notes": [reason_data(item) for item in one.drivers],
        "advice": [
            {
                "id": piece.id,
                "heard": piece.heard,
                "but": piece.but,
                "because": piece.because,
                "at": str(piece.at),
                "platforms": list(piece.platforms),
            }
            for piece in one.advice
        ],
        "specs": list(one.specs),
    }
