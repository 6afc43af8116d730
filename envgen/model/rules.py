"""A registry of rules: small functions that check one thing, each with a name, a severity and one line that says why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Severity = Literal["error", "warning"]  # an error makes the check fail, a warning is worth a look
Check = TypeVar("Check")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[Check]):
    """A registered rule; `because` is the one line that says what it is for, `fix` what ends what it finds."""

    name: str
    severity: Severity
    because: str
    judge: Check
    fix: str = ""


class Registry(dict[str, Rule[Check]]):
    """Rules by name, in the order in which they were written."""

    def rule(self, name: str, because: str, *, severity: Severity = "error", fix: str = "") -> Callable[[Check], Check]:
        """Register a rule under its id."""

        def registered(judge: Check) -> Check:
            self[name] = Rule(name=name, severity=severity, because=because, judge=judge, fix=fix)
            return judge

        return registered
