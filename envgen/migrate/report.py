"""What became of the lines of the files, as text. Pure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence

from envgen.migrate.draft import ProjectDraft
from envgen.migrate.model import NotCarried, ReadAs
from envgen.model.facts import variant_text
from envgen.model.resolution import Resolution
from envgen.targets import NEWEST

_NARROWEST = 40


def report_text(draft: ProjectDraft, width: int) -> str:
    """How words were read, then what was not carried over, each with its file and line."""
    lines = [*_section("read as", [_row(one, _meaning(one)) for one in draft.notes], width)]
    lines += _section("not carried over", [_row(one, f"`{one.text}`: {one.why}") for one in draft.left], width)
    return "\n".join(lines)


def report_json(draft: ProjectDraft, shown: str, resolutions: Sequence[Resolution]) -> str:
    """The same, and what each target would hold, for programs."""
    data = {
        "project": draft.name,
        "file": shown,
        "read_as": [{"text": one.text, "at": str(one.at), "meaning": one.meaning, "target": one.target} for one in draft.notes],
        "not_carried_over": [{"text": one.text, "at": str(one.at), "why": one.why} for one in draft.left],
        "targets": [
            {
                "target": one.target.name,
                "platforms": one.platforms,
                "python": str(one.python),
                "frameworks": {choice.release.framework: str(choice.release.version) for choice in one.choices},
            }
            for one in resolutions
        ],
    }
    return json.dumps(data, indent=2)


def _meaning(one: ReadAs) -> str:
    of = "" if one.word in NEWEST else f" of CUDA {one.word}"
    newest = f" (the newest{of} that the rest allows)" if one.word else ""
    words = filter(None, (one.meaning, f"target {one.target}{newest}" if one.target else ""))
    return f"`{one.text}` -> {', '.join(words)}"


def _row(one: NotCarried | ReadAs, text: str) -> tuple[str, str]:
    return one.at.place, text


def _section(title: str, rows: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    if rows:
        yield f"{title}:"
        for place, text in rows:
            yield f"  {place}"
            yield from textwrap.wrap(
                text, max(_NARROWEST, width), initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
            )


def held_text(resolutions: Sequence[Resolution], width: int) -> str:
    """What a lock of each target would hold: its platforms, Python and frameworks."""
    lines = []
    for one in resolutions:
        parts = [f"python {one.python}"]
        parts += [f"{choice.release.framework} {choice.release.version} ({variant_text(choice.variant)})" for choice in one.choices]
        text = f"{one.target.name}: {', '.join(parts)}; {', '.join(one.platforms)}"
        lines += textwrap.wrap(
            text, max(_NARROWEST, width), initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False
        )
    return "\n".join(lines)
