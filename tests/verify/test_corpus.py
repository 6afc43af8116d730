"""Every lock of the corpus gets its verdict, no more and no less."""

from __future__ import annotations

import pytest
from conftest import REPO

from envgen.matrix.load import load_matrix
from envgen.model.facts import Matrix
from envgen.verify.registry import REGISTRY
from verify.corpus import HERE, Entry, entries, false_alarms, fired, misses


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return load_matrix(REPO / "matrices")


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.name) for entry in entries()])
def test_a_lock_gets_its_verdict(entry: Entry, matrix: Matrix) -> None:
    found = fired(entry, matrix)
    assert (misses(entry, found), false_alarms(entry, found)) == (set(), set()), entry.because


def test_every_file_has_a_verdict_and_every_verdict_a_file() -> None:
    paths = {HERE / "locks" / entry.path.relative_to(HERE / "locks").parts[0] for entry in entries()}
    assert paths == set((HERE / "locks").iterdir())


def test_the_corpus_is_worth_its_name() -> None:
    """Right and wrong ones in number; every rule about builds and promises fires somewhere."""
    right = [entry for entry in entries() if not entry.wrong]
    assert (len(right), len(entries()) - len(right)) >= (20, 40)
    assert {rule for entry in entries() for rules in entry.wrong.values() for rule in rules} == set(REGISTRY)
    assert all(entry.because for entry in entries())
