"""The findings of `envgen matrix lint`: two lines each, or JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from envgen.curate.lint.finding import LintFinding


def lint_text(findings: Iterable[LintFinding]) -> str:
    """For each finding a line with its place, rule and problem, and a line with what to do."""
    return "\n".join(f"{found.at}: {_name(found)}: {found.text}\n    {found.hint}" for found in findings)


def _name(found: LintFinding) -> str:
    return found.rule if found.severity == "error" else f"{found.rule} ({found.severity})"


def lint_summary(findings: Sequence[LintFinding], rules: int) -> str:
    """The number of findings and of the rules that looked for them, in one line."""
    counts = Counter(found.severity for found in findings)
    found = [f"{counts[kind]} {kind}{'s' if counts[kind] > 1 else ''}" for kind in ("error", "warning") if counts[kind]]
    return f"{' and '.join(found) or 'nothing found'}; {rules} rules, see `envgen help matrices`"


def lint_json(findings: Iterable[LintFinding]) -> str:
    """The findings as JSON."""
    rows = [
        {
            "rule": found.rule,
            "severity": found.severity,
            "file": found.at.file,
            "line": found.at.line,
            "column": found.at.column,
            "text": found.text,
            "hint": found.hint,
        }
        for found in findings
    ]
    return json.dumps(rows, indent=2)
