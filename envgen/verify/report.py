"""What `envgen verify` found: a page for people, JSON, SARIF for a code host's pull requests, annotations for its logs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from packaging.version import Version

from envgen.model.facts import driver_text
from envgen.model.findings import Finding, Verified
from envgen.outputs import FindingAt, github, sarif
from envgen.table import UNBOUNDED, grouped, table
from envgen.verify.check import RULES


def verdict(item: Verified) -> str:
    """ok, or how much was found."""
    warnings = len(item.findings) - item.errors
    told = [f"{count} {word}{'s' if count > 1 else ''}" for count, word in ((item.errors, "error"), (warnings, "warning")) if count]
    return ", ".join(told) or "ok"


_HEADINGS = ("platform", "holds", "as", "packages", "driver", "compiling", "verdict")


def verify_text(items: Sequence[Verified], width: int = UNBOUNDED) -> str:
    """Every lock, and below it a row for each of its platforms; `compiling`, then `packages` give way.

    `driver` is the oldest that runs it, `compiling` the oldest on which code compiled at run time works, where that is newer.
    """
    found = table(_HEADINGS, map(_cells, items), right=("packages",), spare=("compiling", "packages", "as"))
    return grouped(found, [_title(item) for item in items], width)


def _title(item: Verified) -> str:
    several = item.lock.environment and item.lock.format.startswith(("pixi", "uv"))
    return item.lock.shown + (f" [{item.lock.environment}]" if several else "")


def _cells(item: Verified) -> tuple[str, ...]:
    newer = item.driver and item.compiling and item.compiling > item.driver
    compiling = _least(item.compiling) if newer else "-"
    return (
        item.machine,
        str(item.claim),
        item.claim.source,
        str(item.packages),
        _least(item.driver),
        compiling,
        verdict(item),
    )


def _least(driver: Version | None) -> str:
    return f">={driver_text(driver)}" if driver else "-"


def findings_text(items: Iterable[Verified]) -> str:
    """Every finding: what, where, what brought it, why it matters."""
    because = {rule.name: rule.because for rule in RULES}
    blocks = []
    for item in items:
        for found in item.findings:
            lines = [f"{found.severity}: {found.rule} ({item.machine}): {': '.join(filter(None, (found.package, found.text)))}"]
            lines.append(f"    at {found.at or item.lock.shown}")
            lines += [f"    brought by {' > '.join(found.chain)}"] if found.chain else []
            lines.append(f"    {because[found.rule]}")
            blocks.append("\n".join(lines))
    return "\n".join(blocks)


def verify_json(items: Iterable[Verified]) -> str:
    """All of it for a machine."""
    return json.dumps([_row(item) for item in items], indent=2)


def _row(item: Verified) -> dict[str, Any]:
    named = {"subdir": item.platform} if item.lock.machine else {}
    return {
        **named,
        "lock": item.lock.shown,
        "format": item.lock.format,
        "environment": item.lock.environment,
        "platform": item.machine,
        "kind": item.claim.kind,
        "cuda": str(item.claim.cuda) if item.claim.cuda else None,
        "source": item.claim.source,
        "packages": item.packages,
        "driver": _driver(item.driver),
        "driver_for_compilation": _driver(item.compiling),
        "verdict": "failed" if item.errors else "passed",
        "findings": [_finding(found) for found in item.findings],
    }


def _driver(version: Version | None) -> str | None:
    return driver_text(version) if version else None


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "rule": found.rule,
        "severity": found.severity,
        "package": found.package,
        "text": found.text,
        "chain": list(found.chain),
        "line": found.at.line if found.at else None,
    }


def verify_sarif(items: Iterable[Verified]) -> str:
    """SARIF 2.1.0, as code hosts read it for pull requests."""
    return sarif(_placed(items), RULES, {rule.name: f"docs/verify.md, section {rule.name}" for rule in RULES})


def verify_github(items: Iterable[Verified]) -> str:
    """Workflow commands: one annotation for each finding, at its line."""
    return github(_placed(items))


def _placed(items: Iterable[Verified]) -> list[FindingAt]:
    """Every finding, with the platform as the lock names it, and the file that it is about."""
    return [
        (replace(found, platform=item.machine), found.at.file if found.at else item.lock.shown)
        for item in items
        for found in item.findings
    ]
