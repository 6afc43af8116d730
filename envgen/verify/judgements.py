"""The judgement on each platform of the locks of one run: platforms that hold the same are judged once.

A rule looks at a case alone: the same packages, in locks of one kind that are meant to be the same, break the same rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from packaging.version import Version

from envgen.model.facts import Platform
from envgen.model.findings import Claim, Finding
from envgen.verify.check import found_in
from envgen.verify.registry import Case
from envgen.verify.traits import Traits


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is wrong with one platform, the oldest driver that runs it, and the oldest on which its run-time compilation works."""

    findings: tuple[Finding, ...]
    driver: Version | None
    compiling: Version | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A judgement, with what it follows from beside the packages, and the place in their list of the package of each finding."""

    claim: Claim
    facts: tuple[object, ...]
    judgement: Judgement
    places: tuple[int | None, ...]


class Judgements:
    """The judgements of one run, by one set of facts."""

    def __init__(self) -> None:
        self._known: dict[tuple[Traits, ...], list[_Known]] = {}

    def of(self, case: Case) -> Judgement:
        """The judgement on a case."""
        asked: list[Platform] = []  # about other platforms of the lock: then a judgement does not follow from the case alone
        case = _watched(case, asked)
        facts, rows = _facts(case), self._known.setdefault(case.traits, [])
        known = next((row for row in rows if row.facts == facts and row.claim == case.claim), None)
        if known:
            return _placed(known, case)
        driver, compiling = case.driver_floors
        judgement = Judgement(findings=found_in(case), driver=driver, compiling=compiling)
        places = _places(case, judgement)
        if not asked and places is not None:
            rows.append(_Known(claim=case.claim, facts=facts, judgement=judgement, places=places))
        return judgement


def _facts(case: Case) -> tuple[object, ...]:
    """What rules ask of a lock beside its packages."""
    lock = case.lock
    kind = (lock.format, lock.linked, lock.hashed, lock.complete, lock.intact)
    damaged = any(package.damaged or package.index or package.asked for package in case.packages)
    return (*kind, lock.channels, lock.declared, lock.of_other_run, lock.platforms, case.platform, lock.shown if damaged else "")


def _watched(case: Case, asked: list[Platform]) -> Case:
    """A case that notes when a rule asks about other platforms of its lock."""

    def elsewhere() -> Mapping[str, Platform]:
        asked.append(case.platform)
        return case.elsewhere()

    return replace(case, elsewhere=elsewhere)


def _places(case: Case, judgement: Judgement) -> tuple[int | None, ...] | None:
    """The place of the package of each finding, None for one about none; None where packages do not tell their lines."""
    if not judgement.findings:
        return ()
    lines = {package.at: place for place, package in enumerate(case.packages)}
    if None in lines or len(lines) < len(case.packages):
        return None
    return tuple(lines[finding.at] if finding.at else None for finding in judgement.findings)


def _placed(known: _Known, case: Case) -> Judgement:
    """A judgement with the lines of another lock."""
    rows = zip(known.judgement.findings, known.places, strict=True)
    found = tuple(row if place is None else replace(row, at=case.packages[place].at) for row, place in rows)
    return replace(known.judgement, findings=found)
