"""Every lock of the corpus gets its verdict, no more and no less."""

from __future__ import annotations

import pytest
from unit.small import real_matrix

from envgen.model.facts import Matrix
from envgen.verify.registry import REGISTRY
from verify.corpus import HERE, Entry, entries, false_alarms, findings, fired, misses, told

WRONG = [pytest.param(entry, id=entry.name) for entry in entries() if entry.wrong]


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return real_matrix()


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.name) for entry in entries()])
def test_a_lock_gets_its_verdict(entry: Entry, matrix: Matrix) -> None:
    found = fired(entry, matrix)
    assert (misses(entry, found), false_alarms(entry, found)) == (set(), set()), entry.because


@pytest.mark.parametrize("entry", WRONG)
def test_each_finding_names_its_package_and_says_what_is_wrong(entry: Entry, matrix: Matrix, update_golden: bool) -> None:
    """`pytest tests/verify --update-golden` writes them; read the diff, it is what a user reads."""
    path = HERE / "findings" / f"{entry.name}.txt"
    said = "".join(f"{told(finding)}\n" for finding in findings(entry, matrix))
    if update_golden:
        path.write_text(said, encoding="utf-8")
    assert path.exists(), f"no {path.name}: run `pytest tests/verify --update-golden`, and read what it wrote"
    assert said == path.read_text(encoding="utf-8")


def test_every_wrong_file_has_its_findings() -> None:
    assert {path.stem for path in (HERE / "findings").iterdir()} == {entry.name for entry in entries() if entry.wrong}


def test_every_file_has_a_verdict_and_every_verdict_a_file() -> None:
    paths = {HERE / "locks" / entry.path.relative_to(HERE / "locks").parts[0] for entry in entries()}
    assert paths == set((HERE / "locks").iterdir())


def test_the_corpus_is_worth_its_name() -> None:
    """Right and wrong ones in number; every rule about builds and promises fires somewhere."""
    right = [entry for entry in entries() if not entry.wrong]
    assert (len(right), len(entries()) - len(right)) >= (20, 40)
    assert {rule for entry in entries() for rules in entry.wrong.values() for rule in rules} == set(REGISTRY)
    assert all(entry.because for entry in entries())
