"""Every rule whose findings `check` reports: its own, those of `verify`, and those of `matrix lint`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from envgen.curate.lint.lint import RULES as LINT_RULES
from envgen.model.rules import Rule
from envgen.review import rules_content, rules_limits, rules_repository, stale  # noqa: F401 - they fill the registries
from envgen.review.registry import CONTENT, LIMITS, READING, REPOSITORY, STALE
from envgen.verify.check import RULES as VERIFY_RULES

OWN_RULES: tuple[Rule[Any], ...] = (
    *READING.values(),
    *STALE.values(),
    *CONTENT.values(),
    *LIMITS.values(),
    *REPOSITORY.values(),
)
_LINT: tuple[Rule[Any], ...] = tuple(replace(rule, name=f"lint-{rule.name}") for rule in LINT_RULES)
RULES: tuple[Rule[Any], ...] = (*OWN_RULES, *VERIFY_RULES, *_LINT)
PAGES: Mapping[str, str] = {
    rule.name: f"{page}, {rule.name.removeprefix('lint-')}"
    for page, rules in (("docs/review.md", OWN_RULES), ("docs/verify.md", VERIFY_RULES), ("docs/matrices.md", _LINT))
    for rule in rules
}
"""Where each rule is explained."""
