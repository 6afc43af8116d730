"""The result of `envgen matrix verify` as text for a terminal, and as JSON."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import fill, indent
from typing import Any

from envgen.curate.model import (
    UNKNOWN_CUDA,
    CheckedFact,
    Fact,
    FrameworkProvider,
    MatrixComparison,
    PublishedBuild,
    UnclaimedBuilds,
    and_more,
    variant_label,
    variant_name,
)
from envgen.model.facts import LeftOut
from envgen.model.text import minors_text
from envgen.table import lines, table

_COUNTS = ("claimed", "confirmed", "refuted", "undecidable", "unknown", "withdrawn")
_PARTIAL = (
    "They are only a part of the channels, so what is absent is undecidable. Use --complete if they hold every published build."
)


def comparison_text(found: MatrixComparison, width: int, *, everything: bool) -> str:
    """A table of counts, every refuted fact, every unknown build, and the undecidable facts by reason: all of them if `everything`.

    Notes are wrapped to `width` columns.
    """
    blocks = [
        "\n".join(_table(found, width)),
        "\n".join(_refuted(found.facts)),
        "\n".join(_unknown(found.unclaimed)),
        "\n".join(_undecidable(found.facts, everything=everything)),
        "\n".join(fill(note, width, subsequent_indent="  ", break_on_hyphens=False) for note in _notes(found)),
    ]
    return "\n\n".join(block for block in blocks if block)


def _table(found: MatrixComparison, width: int) -> tuple[str, ...]:
    rows = [(item.framework, item.name, *map(str, _counts(found, [item]).values())) for item in found.providers]
    if len(rows) > 1:
        rows.append(("all", "", *map(str, _counts(found, found.providers).values())))
    return lines(table(("framework", "provider", *_COUNTS), rows, right=_COUNTS, spare=("withdrawn", "claimed")), width)


def _counts(found: MatrixComparison, providers: Sequence[FrameworkProvider]) -> Mapping[str, int]:
    """The numbers of one row of the table, by heading."""
    names = {(item.framework, item.name) for item in providers}
    verdicts = Counter(item.verdict for item in found.facts if (item.fact.framework, item.fact.provider) in names)
    unknown = sum(len(item.builds) for item in found.unclaimed if item.reason == "unknown" and item.provider in providers)
    withdrawn = sum(len(item.builds) for item in found.withdrawn if item.provider in providers)
    counts = (verdicts.total(), verdicts["confirmed"], verdicts["refuted"], verdicts["undecidable"], unknown, withdrawn)
    return dict(zip(_COUNTS, counts, strict=True))


# --- what lies behind the counts ------------------------------------------------------------------------------------------


def _refuted(checked: Iterable[CheckedFact]) -> Iterator[str]:
    for head, texts in _grouped(item for item in checked if item.verdict == "refuted"):
        yield f"refuted: {head}"
        yield from (f"    {text}" for text in texts)


def _grouped(checked: Iterable[CheckedFact]) -> list[tuple[str, tuple[str, ...]]]:
    """Facts that differ only in their Python as one: where the row is, what it claims, and what speaks against it."""
    groups: dict[Any, list[Fact]] = defaultdict(list)
    for item in checked:
        fact = item.fact
        texts = tuple(f"{aspect.name}: {aspect.text}" for aspect in item.aspects if aspect.verdict == item.verdict)
        groups[fact.at, fact.framework, fact.version, fact.variant, fact.platform, texts].append(fact)
    return [(_head(group), key[-1]) for key, group in groups.items()]


def _head(group: Sequence[Fact]) -> str:
    fact, pythons = group[0], minors_text(fact.python for fact in group)
    return f"{fact.at}: {fact.framework} {fact.version}, {variant_label(fact.variant)}, {fact.platform}, Python {pythons}"


def _unknown(unclaimed: Iterable[UnclaimedBuilds]) -> Iterator[str]:
    unknown = [item for item in unclaimed if item.reason == "unknown"]
    for item in unknown:
        yield from (f"unknown: {item.provider.framework}, {item.provider.name}: {text}" for text in _builds(item.builds))
    if unknown:
        yield "    `envgen matrix refresh` proposes the missing rows"


def _builds(builds: Iterable[PublishedBuild]) -> Iterator[str]:
    """Builds by release, variant and platform, oldest first, each with an example."""
    groups: dict[Any, list[PublishedBuild]] = defaultdict(list)
    for build in builds:
        variant = (build.variant is not None, build.variant or UNKNOWN_CUDA)
        groups[build.package, build.version, variant, build.platform].append(build)
    for _, group in sorted(groups.items()):
        first, pythons = group[0], minors_text(python for build in group for python in build.pythons)
        for_python = f"Python {pythons}" if pythons else "for no Python that the matrix knows"
        what = f"{first.package} {first.version}, {variant_label(first.variant)}, {first.platform}"
        yield f"{what}, {for_python} ({first.build}{and_more(group)})"


def _undecidable(checked: Iterable[CheckedFact], *, everything: bool) -> Iterator[str]:
    by_reason: dict[str, list[CheckedFact]] = defaultdict(list)
    for item in checked:
        if item.decisive and item.verdict == "undecidable":
            by_reason[f"{item.decisive.name}: {item.decisive.reason}"].append(item)
    if not by_reason:
        return
    yield "undecidable, by reason:"
    width = len(str(max(map(len, by_reason.values()))))
    for reason, group in sorted(by_reason.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        yield f"  {len(group):>{width}}  {reason}"
        for head, texts in _grouped(group) if everything else ():
            yield f"{' ' * (width + 6)}{head}"
            yield from (indent(text, " " * (width + 8)) for text in texts)


def _notes(found: MatrixComparison) -> Iterator[str]:
    """What the counts leave out, and what they rest on."""
    how = "without a solve" if found.solves is None else f"with {found.solves} solves"
    yield f"Compared with the records of {found.index}, {how}."
    if not found.complete:
        yield _PARTIAL
    floors = ", ".join(f"{item.framework} {item.oldest} ({item.name})" for item in found.providers)
    older = sum(len(item.builds) for item in found.unclaimed if item.reason == "older")
    yield f"The matrix claims nothing before {floors}" + (f"; {older} older builds were skipped." if older else ".")
    for item in found.unclaimed:
        if isinstance(item.reason, LeftOut):
            builds = f"{len(item.builds)} builds of {item.provider.framework} ({item.provider.name})"
            yield f"Left out on purpose: {builds}: {item.reason.because} ({item.reason.at})"
    for gone in found.withdrawn:
        count = f"{len(gone.builds)} build{'s' if len(gone.builds) > 1 else ''}"
        what = f"{count} of {gone.provider.framework} ({gone.provider.name})"
        yield f"Withdrawn by the channel, and ignored here: {what}, such as {gone.builds[-1]}."
    if found.without_target and found.solves is not None:
        variants = ", ".join(map(variant_label, found.without_target))
        yield f"No target is for {variants}, but there are builds: solved with what such a target would promise."


# --- JSON -----------------------------------------------------------------------------------------------------------------


def comparison_json(found: MatrixComparison) -> str:
    """Everything: the counts, every fact with its aspects, every build that the matrix does not claim."""
    data = {
        "index": found.index,
        "complete": found.complete,
        "solves": found.solves,
        "summary": [_summary(found, provider) for provider in found.providers],
        "facts": [_fact(item) for item in found.facts],
        "unclaimed": [_unclaimed(item, build) for item in found.unclaimed for build in item.builds],
        "withdrawn": [_published(item.provider, build) for item in found.withdrawn for build in item.builds],
    }
    return json.dumps(data, indent=2)


def _summary(found: MatrixComparison, provider: FrameworkProvider) -> dict[str, Any]:
    counts = _counts(found, [provider])
    return {"framework": provider.framework, "provider": provider.name, "since": str(provider.oldest), **counts}


def _fact(item: CheckedFact) -> dict[str, Any]:
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
        "aspects": [{"name": a.name, "verdict": a.verdict, "kind": a.reason, "text": a.text} for a in item.aspects],
    }


def _unclaimed(item: UnclaimedBuilds, build: PublishedBuild) -> dict[str, Any]:
    return {"why": "left out" if isinstance(item.reason, LeftOut) else item.reason, **_published(item.provider, build)}


def _published(provider: FrameworkProvider, build: PublishedBuild) -> dict[str, Any]:
    return {
        "framework": provider.framework,
        "provider": provider.name,
        "package": build.package,
        "version": str(build.version),
        "build": build.build,
        "variant": variant_name(build.variant),
        "platform": build.platform,
        "pythons": [str(python) for python in sorted(build.pythons)],
    }
