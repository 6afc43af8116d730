"""Something that a rule of `matrix lint` found."""

from __future__ import annotations

from dataclasses import dataclass

from envgen.model.address import Address
from envgen.model.rules import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class LintFinding:
    """Where a rule found something, what, and what to do."""

    rule: str
    severity: Severity
    at: Address
    text: str
    hint: str
