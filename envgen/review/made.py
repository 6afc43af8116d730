"""Findings from what rules yield. Pure."""

from __future__ import annotations

from typing import Any

from envgen.model.address import Address
from envgen.model.errors import EnvgenError
from envgen.model.findings import Finding
from envgen.model.rules import Rule
from envgen.review import rules_reading  # noqa: F401 - it fills the registry
from envgen.review.registry import READING, FileKind, ReadError


def of_error(kind: FileKind, error: EnvgenError, file: str, project: str = "", target: str = "") -> Finding:
    """The finding about a file that cannot be read."""
    rule = next(rule for rule in READING.values() if rule.judge(ReadError(kind, error)))
    at = error.where if isinstance(error.where, Address) else Address(str(error.where or file), 1, 1)
    return made(rule, at, error.what.splitlines()[0], project, target)


def made(rule: Rule[Any], at: Address, text: str, project: str = "", target: str = "") -> Finding:
    """A finding of a rule, with the command that ends it."""
    words = {"project": project, "target": target, "file": at.file, "folder": at.file.rsplit("/", 2)[0]}
    return Finding(
        rule=rule.name,
        severity=rule.severity,
        platform="",
        package="",
        text=text,
        at=at,
        project=project,
        target=target,
        fix=rule.fix.format(**words),
    )
