"""Explanations to text and JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from envgen.explain.advice import AppliedAdvice
from envgen.explain.model import Alternative, Conflict, Explained, Repair
from envgen.explain.unsolvable import SolverConflict
from envgen.model.facts import Reason
from envgen.model.resolution import Resolution

_NEAREST = "repairs, nearest first, each resolved again:"
_TRIED = "repairs, nearest first, each tried with the solver:"
_TOGETHER = f"no single change meets all that is requested; {_NEAREST}"


def conflict_text(conflict: Conflict) -> str:
    """What conflicts, where each of it is written, and the nearest repairs with what they resolve to."""
    lines = ["these cannot all hold; without any one of them, the others can:"]
    lines.extend(f"  {line}" for part in (*conflict.requirements, *conflict.facts) for line in part_lines(part))
    if conflict.repairs:
        lines.extend(("", _NEAREST if len(conflict.repairs[0].changes) == 1 else _TOGETHER))
        lines.extend(line for number, repair in enumerate(conflict.repairs, 1) for line in _repair_lines(number, repair))
    lines.extend(f"  note: {note.text}" for note in conflict.notes)
    return "\n".join(lines)


def unsolvable_text(found: SolverConflict, index: str) -> str:
    """What has no solution together, where each of it is written, and the nearest repairs with what they are locked to."""
    where = f"{found.cell[0]} on {found.cell[1]}" if found.cell else ", ".join(row.name for row in found.narrowed.targets)
    lines = [f"for {where} these have no solution together in {index}; without any one of them there is one:"]
    if not found.requirements:
        lines = [f"for {where} there is no solution in {index}, whatever is dropped"]
    lines.extend(f"  {line}" for part in (*found.requirements, *found.bounds, *found.lacking) for line in part_lines(part))
    lines.extend(("", _TRIED) if found.repairs else ())
    lines.extend(line for number, repair in enumerate(found.repairs, 1) for line in _repair_lines(number, repair))
    lines.extend(f"  note: {note.text}" for note in found.notes)
    return "\n".join(lines)


def part_lines(part: Reason) -> Iterator[str]:
    """A requirement or a fact with its address; its source in a line of its own."""
    yield f"{part.at}: {part.text}" if part.at else part.text
    if part.because:
        yield f"    because: {part.because}"


def _repair_lines(number: int, repair: Repair) -> Iterator[str]:
    """The changes, and what they resolve to: the targets with the same versions together."""
    yield f"  {number}. {'; '.join(change.text for change in repair.changes)}"
    targets: dict[str, list[str]] = {}
    for resolution in repair.resolutions:
        targets.setdefault(_versions_text(resolution), []).append(resolution.target.name)
    yield from (f"       {', '.join(names)}: {versions}" for versions, names in targets.items())


def _versions_text(resolution: Resolution) -> str:
    chosen = [f"{choice.release.framework} {choice.release.version}" for choice in resolution.choices]
    return ", ".join((*chosen, f"python {resolution.python}"))


def conflict_json(conflict: Conflict) -> str:
    """The same for a machine."""
    return json.dumps(_conflict_data(conflict), indent=2)


def _conflict_data(conflict: Conflict) -> dict[str, Any]:
    return {
        "project": conflict.project,
        "demands": [reason_data(reason) for reason in conflict.requirements],
        "facts": [reason_data(reason) for reason in conflict.facts],
        "besides": [reason_data(reason) for reason in conflict.notes],
        "ways_out": [
            {
                "changes": [change.text for change in repair.changes],
                "cost": repair.cost,
                "gives": {row.target.name: _versions_data(row) for row in repair.resolutions},
            }
            for repair in conflict.repairs
        ],
    }


def _versions_data(resolution: Resolution) -> dict[str, str]:
    frameworks = {choice.release.framework: str(choice.release.version) for choice in resolution.choices}
    return {"python": str(resolution.python), **frameworks}


def reason_data(reason: Reason) -> dict[str, str | None]:
    """A reason with its address and its source."""
    return {"text": reason.text, "at": str(reason.at) if reason.at else None, "because": reason.because or None}


# --- a choice -------------------------------------------------------------------------------------------------------------


def explained_text(found: Sequence[Explained], width: int) -> str:
    """What `envgen resolve --explain` prints, in lines of at most `width` columns, addresses and urls aside."""
    lines = [line for one in found for line in (*_target_lines(one, width), "")]
    pieces = _once_each(found)
    if pieces:
        lines.append("common advice that goes wrong here")
        lines.extend(line for piece, names in pieces for line in _advice_lines(piece, names, width))
        lines.append("")
        specs = {one.resolution.target.name: ", ".join(dict.fromkeys(one.specs)) for one in found if one.specs}
        lines.extend(["what envgen requests instead"] if specs else [])
        lines.extend(line for name, text in specs.items() for line in _wrapped(f"{name}: {text}", width, "  "))
    return "\n".join(lines).rstrip()


def _target_lines(one: Explained, width: int) -> Iterator[str]:
    resolution = one.resolution
    yield f"{resolution.project.name}-{resolution.target.name}: {', '.join(resolution.platforms)}"
    for pin in resolution.pins:
        yield f"  {pin.name} {pin.version}"
        for reason in one.drivers if pin.name == "driver" else pin.because:
            yield from _wrapped(str(reason), width, "      ")
        if pin.name in one.alternatives:
            yield from _alternative_lines(one.alternatives[pin.name], width)
    for bound in resolution.bounds:
        yield f"  {bound.text(resolution.platforms)}"
        yield from _wrapped(f"{bound.because}; see {bound.because.because}", width, "      ")
    for dropped in resolution.dropped:
        yield from _wrapped(f"dropped {dropped.platform}: {dropped.because}", width, "  ")
    for reason in resolution.left_out:
        yield from _wrapped(str(reason), width, "  ")
    for reason in resolution.warnings:
        yield from _wrapped(f"warning: {reason}", width, "  ")


def _alternative_lines(alternative: Alternative, width: int) -> Iterator[str]:
    """What would be better, and a line for each thing that prevented it."""
    first, *rest = alternative.prevented_by
    if not rest:
        yield from _wrapped(f"not {alternative.choice}: {first}", width, "      ")
        return
    yield f"      not {alternative.choice}:"
    for reason in alternative.prevented_by:
        yield from _wrapped(f"- {reason}", width, "        ", "          ")


def _once_each(found: Sequence[Explained]) -> list[tuple[AppliedAdvice, list[str]]]:
    """Each piece of advice once, in the words of the first target that it is about, with all such targets."""
    pieces: dict[tuple[str, str], tuple[AppliedAdvice, list[str]]] = {}
    for one in found:
        for piece in one.advice:
            _, names = pieces.setdefault((piece.id, str(piece.at)), (piece, []))
            names.extend({one.resolution.target.name} - set(names))
    return sorted(pieces.values(), key=lambda row: row[0].id)


def _advice_lines(piece: AppliedAdvice, names: Sequence[str], width: int) -> Iterator[str]:
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


def explained_data(one: Explained) -> dict[str, Any]:
    """What explains one target, for a machine: it goes beside what `resolve --json` says of it."""
    return {
        "next_better": {
            name: {"choice": row.choice, "stopped_by": [reason_data(reason) for reason in row.prevented_by]}
            for name, row in one.alternatives.items()
        },
        "driver_notes": [reason_data(reason) for reason in one.drivers],
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
