"""What `lock` and `resolve` print: text for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from envgen.cli.change_report import changes_data
from envgen.model.resolution import AppliedBound, Resolution
from envgen.model.run import Failure, LockRun, Outcome
from envgen.table import UNBOUNDED, grouped, table

if TYPE_CHECKING:
    from envgen.model.findings import Finding


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
    pin = next((pin for pin in resolution.pins if pin.name.partition(" ")[0] == "driver"), None)
    return pin.version.split(" (")[0] if pin else "-"


_HEADINGS = ("target", "platform", "packages", "download", "driver")


def lock_text(outcomes: Sequence[Outcome], width: int = UNBOUNDED) -> str:
    """What `envgen lock` prints: each project with its versions, and below it a row for each platform of its targets.

    Where `width` columns are too few, the time gives way, then the download. `driver` is the oldest that runs the target; `time` is
    what locking it took, and `versions` says whether the packages that it shares with other targets and platforms have the same
    versions.
    """
    titles = _titles(outcomes)
    asked = any(outcome.differing is not None for outcome in outcomes)
    rows = [(titles[outcome.resolution.project.name], cells) for outcome in outcomes for cells in _rows(outcome, asked=asked)]
    last = ("versions", "time") if asked else ("time",)
    found = table(
        (*_HEADINGS, *last), [cells for _, cells in rows], right=("packages", "download"), spare=(last[-1], "download", *last[:-1])
    )
    return grouped(found, [title for title, _ in rows], width)


def _titles(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Project -> `environments/vision: python 3.12, pytorch 2.12.1 (cpu), 2.7.1 (cu126)`."""
    by_project: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_project.setdefault(outcome.resolution.project.name, []).append(outcome)
    return {
        name: f"{found[0].path.rpartition('/')[0]}: {', '.join(_versions([item.resolution for item in found]))}"
        for name, found in by_project.items()
    }


def _versions(resolutions: Sequence[Resolution]) -> Iterator[str]:
    """Python and each framework, with the version once where all targets share it."""
    yield f"python {resolutions[0].python}"
    found: dict[str, dict[str, list[str]]] = {}
    for resolution in resolutions:
        for choice in resolution.choices:
            versions = found.setdefault(choice.release.framework, {})
            versions.setdefault(str(choice.release.version), []).append(resolution.target.name)
    for framework, versions in found.items():
        each = [f"{version} ({', '.join(targets)})" for version, targets in versions.items()]
        yield f"{framework} {next(iter(versions)) if len(versions) == 1 else ', '.join(each)}"


def _rows(outcome: Outcome, *, asked: bool) -> Iterator[tuple[str, ...]]:
    """One row for each platform; what concerns the whole target is only in the first."""
    unchanged, took = outcome.state == "unchanged", f"{outcome.seconds:.1f} s"
    last = (_versions_text(outcome), "-" if unchanged else took) if asked else ("unchanged" if unchanged else took,)
    whole = (outcome.resolution.target.name, driver_floor(outcome.resolution), *last)
    for platform, download in outcome.downloads.items():
        least = "" if download.exact else ">="
        yield whole[0], platform, str(download.packages), f"{least}{size(download.size)}", *whole[1:]
        whole = ("",) * len(whole)


def _versions_text(outcome: Outcome) -> str:
    """`aligned`, or how many packages have another version elsewhere in the project; `unchanged` where nothing was locked."""
    found = outcome.differing
    if outcome.state == "unchanged":
        return "unchanged"
    return "" if found is None else f"{len(found)} differ" if len(found) > 1 else "1 differs" if found else "aligned"


def lock_notes(outcomes: Sequence[Outcome]) -> list[str]:
    """What a person should know beside the table: dropped platforms, changed choices, warnings; each once."""
    lines: dict[str, None] = {}
    for outcome in outcomes:
        name = f"{outcome.resolution.project.name}-{outcome.resolution.target.name}"
        for dropped in outcome.resolution.dropped:
            lines.setdefault(f"{name}: {dropped.platform} dropped: {dropped.because}")
        for reason in outcome.resolution.left_out:
            lines.setdefault(f"{name}: {reason}")
        for note in outcome.notes:
            lines.setdefault(f"{name}: {note}")
        for warning in outcome.resolution.warnings:
            lines.setdefault(f"{name}: warning: {warning}")
    return list(lines)


_NAMED = 8  # projects that one line names


def next_step(outcomes: Sequence[Outcome]) -> str:
    """What to do with new locks: the command that installs them."""
    projects = list(dict.fromkeys(outcome.resolution.project.name for outcome in outcomes))
    targets = list(dict.fromkeys(outcome.resolution.target.name for outcome in outcomes))
    if len(projects) > 1:
        others = f" and {len(projects) - _NAMED} more" if len(projects) > _NAMED else ""
        return f"next: envgen install PROJECT, of {', '.join(projects[:_NAMED])}{others}"
    return f"next: envgen install {projects[0]}" + (f" --target {targets[0]}" if len(targets) == 1 else "")


def lock_json(done: LockRun) -> str:
    """The table and the notes for a machine, then a row for each project that failed."""
    rows: list[dict[str, Any]] = [
        {
            **_resolution(outcome.resolution),
            "state": outcome.state,
            "packages": {platform: download.packages for platform, download in outcome.downloads.items()},
            "download_bytes": {platform: download.size for platform, download in outcome.downloads.items()},
            "path": outcome.path,
            "changes": changes_data(outcome.changes),
            "differing": None if outcome.differing is None else [asdict(row) for row in outcome.differing],
            "notes": [*map(str, outcome.resolution.project.notes), *outcome.notes],
        }
        for outcome in done.outcomes
    ]
    return json.dumps([*rows, *map(_failed, done.failures)], indent=2)


def _failed(failure: Failure) -> dict[str, Any]:
    error = failure.error
    where = str(error.where) if error.where else None
    told = {"error": error.what, "where": where, "hint": error.hint, "exit_code": error.exit_code}
    return {"project": failure.project, "state": "failed", **told}


def stale_text(found: Sequence[Finding]) -> str:
    """What `envgen lock --check` prints: a line for each reason."""
    return "\n".join(f"{row.environment}: {row.text}" for row in found)


def stale_json(found: Sequence[Finding]) -> str:
    """The same for a machine: each target with its reasons."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in found:
        reasons.setdefault((row.project, row.target), []).append(row.text)
    rows = [{"project": project, "target": target, "reasons": texts} for (project, target), texts in reasons.items()]
    return json.dumps(rows, indent=2)


def resolutions_text(resolutions: Sequence[Resolution]) -> str:
    """What `envgen resolve` prints: per target the pins, each with its first reason."""
    lines: list[str] = []
    for resolution in resolutions:
        lines.append(f"{resolution.project.name}-{resolution.target.name}: {', '.join(resolution.platforms)}")
        for pin in resolution.pins:
            lines.append(f"  {pin.name} {pin.version}")
            lines.append(f"      {pin.because[0]}")
        for bound in resolution.bounds:
            lines.extend((f"  {bound.text(resolution.platforms)}", f"      {bound.because}"))
        lines.extend(f"  dropped {dropped.platform}: {dropped.because}" for dropped in resolution.dropped)
        lines.extend(f"  {reason}" for reason in resolution.left_out)
        lines.extend(f"  warning: {item}" for item in resolution.warnings)
    return "\n".join(lines)


def resolutions_json(resolutions: Sequence[Resolution], more: Sequence[Mapping[str, Any]] = ()) -> str:
    """The same for a machine; `more` has further keys for each."""
    rows = [_resolution(resolution) for resolution in resolutions]
    return json.dumps([{**row, **extra} for row, extra in zip(rows, more or [{}] * len(rows), strict=True)], indent=2)


def _resolution(resolution: Resolution) -> dict[str, Any]:
    here = resolution.platforms
    return {
        "project": resolution.project.name,
        "target": resolution.target.name,
        "cuda": str(resolution.target.cuda) if resolution.target.cuda else None,
        **({"cuda_by_platform": {p: str(resolution.target.on(p).cuda) for p in here}} if resolution.target.by_platform else {}),
        "platforms": list(resolution.platforms),
        "dropped": {dropped.platform: str(dropped.because) for dropped in resolution.dropped},
        "left_out": [str(reason) for reason in resolution.left_out],
        "python": str(resolution.python),
        "frameworks": {choice.release.framework: str(choice.release.version) for choice in resolution.choices},
        "pins": [
            {"name": pin.name, "version": pin.version, "because": [str(item) for item in pin.because]} for pin in resolution.pins
        ],
        "bounds": [_bound(bound) for bound in resolution.bounds],
        "moved": dict(resolution.moved),
        "warnings": [str(item) for item in resolution.warnings],
        "notes": [str(item) for item in resolution.project.notes],
    }


def _bound(bound: AppliedBound) -> dict[str, Any]:
    return {
        "package": bound.package,
        "versions": str(bound.versions),
        "platforms": list(bound.platforms),
        "always": bound.always,
        "because": str(bound.because),
        "source": bound.because.because,
    }
