"""What `envgen matrix lint` found: a line for each finding and what to do below it, or JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from envgen.curate.lint.lint import RULES
from envgen.curate.lint.registry import LintFinding


def lint_text(findings: Iterable[LintFinding]) -> str:
    """Two lines for each finding: where, which rule and what; then what to do."""
    return "\n".join(f"{found.at}: {_name(found)}: {found.text}\n    {found.hint}" for found in findings)


def _name(found: LintFinding) -> str:
    return found.rule if found.severity == "error" else f"{found.rule} ({found.severity})"


def lint_summary(findings: Sequence[LintFinding]) -> str:
    """How much was found, in one line."""
    count = Counter(found.severity for found in findings)
    told = [f"{count[kind]} {kind}{'s' if count[kind] > 1 else ''}" for kind in ("error", "warning") if count[kind]]
    return f"{' and '.join(told) or 'nothing found'}; {len(RULES)} rules, see docs/matrices.md"


def lint_json(findings: Iterable[LintFinding]) -> str:
    """All of it for a machine."""
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
