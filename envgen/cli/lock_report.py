"""Nouns to text and JSON. The only room with words for people about results; colour is the terminal's business."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from envgen.model.facts import Reason
from envgen.model.resolution import Resolution
from envgen.model.run import Outcome

if TYPE_CHECKING:
    from rich.table import Table


def size(count: int) -> str:
    """Bytes as people read them: 1.9 GB, 340 MB."""
    for unit, factor in (("B", 1), ("kB", 10**3), ("MB", 10**6)):
        text = _rounded(count / factor, whole=factor == 1)
        if float(text) < 1000:
            return f"{text} {unit}"
    return f"{_rounded(count / 10**9, whole=False)} GB"


def _rounded(number: float, *, whole: bool) -> str:
    return f"{number:.0f}" if whole or round(number, 1) >= 10 else f"{number:.1f}"


def driver_floor(resolution: Resolution) -> str:
    """The oldest driver that runs the target, "-" for CPU."""
    pin = next((pin for pin in resolution.pins if pin.name == "driver"), None)
    return pin.version.split(" (")[0] if pin else "-"


def lock_table(outcomes: Sequence[Outcome]) -> Table:
    """The last thing `envgen lock` prints: one row for each target."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in (
        "target",
        "platforms",
        "python",
        "frameworks",
        "CUDA",
        "driver floor",
        "packages",
        "download",
        "seconds",
        "path",
    ):
        table.add_column(heading, justify="right" if heading in ("packages", "download", "seconds") else "left", overflow="fold")
    for outcome in outcomes:
        resolution = outcome.resolution
        table.add_row(
            resolution.target.name,
            "\n".join(resolution.platforms),
            str(resolution.python),
            "\n".join(f"{choice.release.framework} {choice.release.version}" for choice in resolution.choices) or "-",
            str(resolution.target.cuda or "-"),
            driver_floor(resolution),
            "\n".join(str(download.packages) for download in outcome.downloads.values()),
            "\n".join(f"{'' if download.exact else '>='}{size(download.size)}" for download in outcome.downloads.values()),
            f"{outcome.seconds:.1f}" if outcome.state != "unchanged" else "unchanged",
            outcome.path,
        )
    return table


def lock_notes(outcomes: Sequence[Outcome]) -> list[str]:
    """What a person should know beside the table: dropped platforms, changed choices, warnings; each once."""
    lines: dict[str, None] = {}
    for outcome in outcomes:
        name = f"{outcome.resolution.project.name}-{outcome.resolution.target.name}"
        for dropped in outcome.resolution.dropped:
            lines.setdefault(f"{name}: {dropped.platform} dropped: {reason(dropped.because)}")
        for note in outcome.notes:
            lines.setdefault(f"{name}: {note}")
        for warning in outcome.resolution.warnings:
            lines.setdefault(f"{name}: warning: {reason(warning)}")
    return list(lines)


def lock_json(outcomes: Sequence[Outcome]) -> str:
    """The table and the notes for a machine."""
    rows = [
        {
            **_resolution(outcome.resolution),
            "state": outcome.state,
            "packages": {platform: download.packages for platform, download in outcome.downloads.items()},
            "download_bytes": {platform: download.size for platform, download in outcome.downloads.items()},
            "path": outcome.path,
            "notes": [*map(reason, outcome.resolution.project.notes), *outcome.notes],
        }
        for outcome in outcomes
    ]
    return json.dumps(rows, indent=2)


def reason(found: Reason) -> str:
    """A reason with its address."""
    return f"{found.text} ({found.at})" if found.at else found.text


def resolutions_text(resolutions: Sequence[Resolution]) -> str:
    """What `envgen resolve` prints: per target the pins, each with its first reason."""
    lines: list[str] = []
    for resolution in resolutions:
        lines.append(f"{resolution.project.name}-{resolution.target.name}: {', '.join(resolution.platforms)}")
        for pin in resolution.pins:
            lines.append(f"  {pin.name} {pin.version}")
            lines.append(f"      {reason(pin.because[0])}")
        lines.extend(f"  dropped {dropped.platform}: {reason(dropped.because)}" for dropped in resolution.dropped)
        lines.extend(f"  warning: {reason(item)}" for item in resolution.warnings)
    return "\n".join(lines)


def resolutions_json(resolutions: Sequence[Resolution], more: Sequence[Mapping[str, Any]] = ()) -> str:
    """The same for a machine; `more` is what else is to be said of each."""
    rows = [_resolution(resolution) for resolution in resolutions]
    return json.dumps([{**row, **said} for row, said in zip(rows, more or [{}] * len(rows), strict=True)], indent=2)


def _resolution(resolution: Resolution) -> dict[str, Any]:
    return {
        "project": resolution.project.name,
        "target": resolution.target.name,
        "cuda": str(resolution.target.cuda) if resolution.target.cuda else None,
        "platforms": list(resolution.platforms),
        "dropped": {dropped.platform: reason(dropped.because) for dropped in resolution.dropped},
        "python": str(resolution.python),
        "frameworks": {choice.release.framework: str(choice.release.version) for choice in resolution.choices},
        "pins": [
            {"name": pin.name, "version": pin.version, "because": [reason(item) for item in pin.because]} for pin in resolution.pins
        ],
        "warnings": [reason(item) for item in resolution.warnings],
        "notes": [reason(item) for item in resolution.project.notes],
    }
