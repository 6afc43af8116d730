"""What `envgen matrix verify` found: a table that fits a terminal and what lies behind its numbers; JSON."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import Any

from packaging.version import Version

from envgen.curate.model import (
    CONFIRMED,
    REFUTED,
    UNDECIDABLE,
    Judged,
    Published,
    Source,
    Unclaimed,
    Verdicts,
    told_variant,
)
from envgen.matrix.rows import variant_name
from envgen.model.facts import LeftOut, minors_text

_HEADINGS = ("framework", "provider", "claimed", "confirmed", "refuted", "undecidable", "unknown")
_PARTIAL = "They are a part of the channels, so what is absent is undecidable, not refuted; --complete says that they are all."


def verdicts_text(found: Verdicts, width: int, *, verbose: bool) -> str:
    """The table; then every refuted fact, every unknown build, and the undecidable by reason: all of them, if `verbose`.

    `width` is how many columns its notes may take.
    """
    blocks = [
        _table(found),
        _refuted(found.judged),
        _unknown(found.unclaimed),
        _undecidable(found, verbose=verbose),
        "\n".join(fill(note, width, subsequent_indent="  ", break_on_hyphens=False) for note in _notes(found)),
    ]
    return "\n\n".join(block for block in blocks if block)


def _table(found: Verdicts) -> str:
    rows = [_HEADINGS, *((source.framework, source.provider, *map(str, _numbers(found, [source]))) for source in found.sources)]
    if len(found.sources) > 1:
        rows.append(("all", "", *map(str, _numbers(found, found.sources))))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    return "\n".join(_line(row, widths) for row in rows)


def _numbers(found: Verdicts, sources: Sequence[Source]) -> tuple[int, ...]:
    """Claimed, confirmed, refuted, undecidable, unknown."""
    named = {(source.framework, source.provider) for source in sources}
    counted = Counter(item.verdict for item in found.judged if (item.fact.framework, item.fact.provider) in named)
    unknown = sum(len(item.builds) for item in found.unclaimed if item.why is None and item.source in sources)
    return counted.total(), *(counted[verdict] for verdict in (CONFIRMED, REFUTED, UNDECIDABLE)), unknown


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        cell.ljust(width) if column < 2 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


# --- what lies behind the numbers -----------------------------------------------------------------------------------------


def _refuted(judged: Iterable[Judged]) -> str:
    lines = []
    for head, texts in _grouped(item for item in judged if item.verdict == REFUTED):
        lines += [f"refuted: {head}", *(f"    {text}" for text in texts)]
    return "\n".join(lines)


def _grouped(judged: Iterable[Judged]) -> list[tuple[str, list[str]]]:
    """Facts that differ in their Python alone are one: where they are written, what they claim, what stands against it."""
    groups: dict[Any, list[Judged]] = defaultdict(list)
    for item in judged:
        fact, first = item.fact, item.first
        texts = tuple(f"{aspect.name}: {aspect.text}" for aspect in item.aspects if first and aspect.verdict == first.verdict)
        groups[fact.at, fact.framework, fact.version, fact.variant, fact.platform, texts].append(item)
    found = []
    for (at, framework, version, variant, platform, texts), items in groups.items():
        pythons = minors_text(item.fact.python for item in items)
        found.append((f"{at}: {framework} {version}, {told_variant(variant)}, {platform}, Python {pythons}", list(texts)))
    return found


def _unknown(unclaimed: Iterable[Unclaimed]) -> str:
    lines = []
    for item in unclaimed:
        lines += [f"unknown: {item.source.framework}, {item.source.provider}: {text}" for text in _builds(item) if item.why is None]
    return "\n".join([*lines, "    `envgen matrix refresh` proposes the rows that are missing"] if lines else [])


def _builds(item: Unclaimed) -> list[str]:
    """Builds by release, platform and variant."""
    groups: dict[Any, list[Published]] = defaultdict(list)
    for build in item.builds:
        groups[build.package, build.version, build.variant or Version("0"), build.platform, build.variant].append(build)
    told = []
    for (package, version, _, platform, variant), builds in sorted(groups.items(), key=lambda group: group[0][:4]):
        pythons = minors_text(python for build in builds for python in build.pythons) or "of no known minor"
        example = builds[0].build + (f" and {len(builds) - 1} more" if len(builds) > 1 else "")
        told.append(f"{package} {version}, {told_variant(variant)}, {platform}, Python {pythons} ({example})")
    return told


def _undecidable(found: Verdicts, *, verbose: bool) -> str:
    doubtful = [item for item in found.judged if item.verdict == UNDECIDABLE]
    if not doubtful:
        return ""
    kinds = Counter(_kind(item) for item in doubtful)
    width = len(str(max(kinds.values())))
    lines = ["undecidable, by reason:"]
    for kind, count in sorted(kinds.items(), key=lambda pair: (-pair[1], pair[0])):
        lines.append(f"  {count:>{width}}  {kind}")
        if verbose:
            for head, texts in _grouped(item for item in doubtful if _kind(item) == kind):
                lines += [f"  {'':>{width}}    {head}", *(_indented(text, width + 8) for text in texts)]
    return "\n".join(lines)


def _kind(item: Judged) -> str:
    return f"{item.first.name}: {item.first.kind}" if item.first else ""


def _indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())


def _notes(found: Verdicts) -> list[str]:
    """What the numbers do not count, and on what they rest."""
    older = sum(len(item.builds) for item in found.unclaimed if item.why == "older")
    floors = ", ".join(f"{source.framework} {source.since} ({source.provider})" for source in found.sources)
    how = "without a solve" if found.solves is None else f"with {found.solves} solves"
    lines = [f"Held against the records of {found.index}, {how}."]
    lines += [] if found.complete else [_PARTIAL]
    lines += [f"Nothing is claimed before {floors}" + (f": {older} older builds were passed over." if older else ".")]
    for item in found.unclaimed:
        if isinstance(item.why, LeftOut):
            text = f"Left out on purpose: {len(item.builds)} builds of {item.source.framework} ({item.source.provider})"
            lines.append(f"{text}: {item.why.because} ({item.why.at})")
    if found.homeless and found.solves is not None:
        told = ", ".join(str(variant) for variant in found.homeless)
        lines.append(f"No target is for CUDA {told} where there are builds for it: solved with what such a target would promise.")
    return lines


# --- for a machine --------------------------------------------------------------------------------------------------------


def verdicts_json(found: Verdicts) -> str:
    """All of it: the sums, every fact with its aspects, every build that is not claimed."""
    data = {
        "index": found.index,
        "complete": found.complete,
        "solves": found.solves,
        "summary": [_summary(found, source) for source in found.sources],
        "facts": [_fact(item) for item in found.judged],
        "unclaimed": [_unclaimed(item, build) for item in found.unclaimed for build in item.builds],
    }
    return json.dumps(data, indent=2)


def _summary(found: Verdicts, source: Source) -> dict[str, Any]:
    numbers = dict(zip(_HEADINGS[2:], _numbers(found, [source]), strict=True))
    return {"framework": source.framework, "provider": source.provider, "since": str(source.since), **numbers}


def _fact(item: Judged) -> dict[str, Any]:
    fact = item.fact
    return {
        "framework": fact.framework,
        "provider": fact.provider,
        "version": str(fact.version),
        "variant": variant_name(fact.variant),
        "platform": fact.platform,
        "python": str(fact.python),
        "cudnn": fact.cudnn,
        "at": str(fact.at),
        "verdict": item.verdict,
        "aspects": [{"name": a.name, "verdict": a.verdict, "kind": a.kind, "text": a.text} for a in item.aspects],
    }


def _unclaimed(item: Unclaimed, build: Published) -> dict[str, Any]:
    why = "unknown" if item.why is None else "left out" if isinstance(item.why, LeftOut) else item.why
    return {
        "framework": item.source.framework,
        "provider": item.source.provider,
        "why": why,
        "package": build.package,
        "version": str(build.version),
        "build": build.build,
        "variant": variant_name(build.variant),
        "platform": build.platform,
        "pythons": [str(python) for python in sorted(build.pythons)],
    }
