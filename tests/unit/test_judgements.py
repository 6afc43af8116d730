"""Platforms that hold the same are judged once, and what is wrong is said at the lines of each lock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import pytest
from conftest import REPO
from unit.small import real_matrix
from verify.corpus import claims, entries

from envgen.formats.reading import read_any
from envgen.model.address import Address
from envgen.model.findings import Finding
from envgen.model.layout import Layout
from envgen.model.packages import Lock
from envgen.verify import judgements
from envgen.verify.check import cases, found_in
from envgen.verify.judgements import Judgements
from envgen.verify.registry import Case


def every_case() -> Iterator[tuple[str, Lock, Case]]:
    """Every platform of every lock of the corpus."""
    matrix = real_matrix()
    for entry in entries():
        for lock in read_any(entry.path, entry.path.name):
            for case in cases(lock, claims(entry, lock, matrix) if entry.target else {}, matrix):
                yield entry.name, lock, case


def lower(lock: Lock) -> Lock:
    """The same lock with every line a thousand lines further down, in another file."""
    rows = (replace(row, at=Address("other.yml", row.at.line + 1000, 3)) if row.at else row for row in lock.packages)
    return replace(lock, shown="other.yml", packages=tuple(rows))


def told(found: tuple[Finding, ...]) -> list[Finding]:
    """Findings without their addresses."""
    return [replace(finding, at=None) for finding in found]


def test_no_rule_has_anything_to_say_of_a_package_that_tells_nothing() -> None:
    """Most rules look at the packages that tell something alone: with all others they find the same."""
    silent, locks = 0, (lock for path in Layout(REPO).locks() for lock in read_any(path, path.name))
    real = ((case.lock.shown, case) for lock in locks for case in cases(lock, {}, real_matrix()))
    for name, case in chain(((name, case) for name, _, case in every_case()), real):
        every = replace(case)
        every.__dict__["telling"] = tuple(zip(case.packages, case.traits, strict=True))
        assert found_in(every) == found_in(case), name
        silent += len(case.packages) - len(case.telling)
    assert silent > 1000


def test_what_was_judged_once_is_what_the_rules_say_of_every_lock() -> None:
    """One memory for the whole corpus, each lock twice: locks that differ in a hash, a claim or a channel must not be taken for one."""
    memory, count = Judgements(), 0
    for name, lock, case in every_case():
        expected, floors = found_in(case), case.driver_floors
        for _ in range(2):
            judged = memory.of(case)
            assert (judged.findings, (judged.driver, judged.compiling)) == (expected, floors), name
        other = lower(lock)
        moved = next(row for row in cases(other, {case.platform: case.claim}, case.matrix) if row.platform == case.platform)
        again = memory.of(replace(moved, elsewhere=case.elsewhere))
        assert told(again.findings) == told(expected), name
        files = {row.at.file for row in again.findings if row.at}
        assert files <= {"other.yml"} or not lock.packages[0].at, name
        count += 1
    assert count > 200


def test_equal_platforms_are_judged_by_the_rules_once(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[Case] = []
    monkeypatch.setattr(judgements, "found_in", lambda case: judged.append(case) or found_in(case))
    memory = Judgements()
    _, lock, case = next(row for row in every_case() if row[2].packages[0].at)
    for one in (lock, lower(lock), lock):
        memory.of(next(row for row in cases(one, {case.platform: case.claim}, case.matrix) if row.platform == case.platform))
    assert len(judged) == 1
