"""What `envgen check` found: text for people, JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from envgen.cache import key_of, remembered
from envgen.model.findings import Finding
from envgen.outputs import github, sarif
from envgen.review.check import Checked
from envgen.review.registry import is_fixable


def check_text(findings: Sequence[Finding]) -> str:
    """Every finding: what, where, what brought it, why it matters, and the command that ends it."""
    because, blocks = _because(findings), []
    for found in findings:
        about = ", ".join(filter(None, (found.environment, found.platform)))
        lines = [f"{found.severity}: {found.rule}{f' ({about})' if about else ''}: {_what(found)}"]
        lines += [f"    at {found.at}"] if found.at else []
        lines += [f"    brought by {' > '.join(found.chain)}"] if found.chain else []
        lines += [f"    {because[found.rule]}", f"    fix: {found.fix}"]
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def _because(findings: Sequence[Finding]) -> Mapping[str, str]:
    """Why each rule matters; from the cache, because importing all rules takes as long as looking at 300 locks."""

    def made() -> dict[str, str]:
        from envgen.review.rules import RULES

        return {rule.name: rule.because for rule in RULES}

    return remembered(dict, key_of("because"), made) if findings else {}


def _what(found: Finding) -> str:
    return ": ".join(filter(None, (found.package, found.text)))


def summary(checked: Checked) -> str:
    """How much was found, and how much of it `--fix` ends."""
    counts = Counter(found.severity for found in checked.findings)
    told = [f"{counts[kind]} {kind}{'s' * (counts[kind] > 1)}" for kind in ("error", "warning") if counts[kind]]
    locks = f"{checked.locks} lock{'s' * (checked.locks != 1)}"
    fixable = sum(map(is_fixable, checked.findings))
    more = f"; `envgen check --fix` ends {fixable} of them without a solve" if fixable else ""
    return f"{' and '.join(told)} in {locks}{more}" if told else f"Everything agrees: {locks}."


def check_json(checked: Checked) -> str:
    """The findings as JSON."""
    because = _because(checked.findings)
    rows = [_row(found, because[found.rule]) for found in checked.findings]
    return json.dumps({"ok": not checked.errors, "locks": checked.locks, "findings": rows}, indent=2)


def _row(found: Finding, because: str) -> dict[str, Any]:
    return {
        "rule": found.rule,
        "severity": found.severity,
        "project": found.project or None,
        "target": found.target or None,
        "platform": found.platform or None,
        "package": found.package or None,
        "text": found.text,
        "chain": list(found.chain),
        "file": found.at.file if found.at else None,
        "line": found.at.line if found.at else None,
        "column": found.at.column if found.at else None,
        "because": because,
        "fix": found.fix,
        "fixable": is_fixable(found),
    }


def check_sarif(checked: Checked) -> str:
    """SARIF 2.1.0, as code hosts read it for pull requests."""
    from envgen.review.rules import PAGES, RULES

    return sarif([(found, found.at.file) for found in checked.findings if found.at], RULES, PAGES)


def check_github(checked: Checked) -> str:
    """Workflow commands: one annotation for each finding, at its line."""
    return github([(found, found.at.file) for found in checked.findings if found.at])
