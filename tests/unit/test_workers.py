"""How the work of a check is shared out; what the processes do is in tests/system/test_workers.py."""

from __future__ import annotations

import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.small import examples

from envgen.review import workers
from envgen.review.workers import shared_out, shares, worth

SIZES = st.dictionaries(st.text(max_size=3), st.integers(1, 90), min_size=1, max_size=40)


@examples(200)
@given(SIZES, st.integers(1, 9))
def test_the_shares_are_all_names_but_the_first_in_their_order_and_about_the_same_work(sizes: dict[str, int], count: int) -> None:
    found = shares(sizes, count)
    first, *others = sizes
    assert [name for names in found for name in names] == others
    assert len(found) <= count and all(found)
    even = (sum(sizes.values()) - sizes[first]) / count
    assert all(sum(sizes[name] for name in names) < even + max(sizes.values()) for names in found) or not others


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only on Linux are there several processes")
@pytest.mark.parametrize(
    ("processors", "steps", "count"), [(1, 900, 0), (2, 59, 0), (2, 60, 2), (2, 900, 2), (6, 95, 3), (64, 900, 8)]
)
def test_so_many_processes_are_worth_it(processors: int, steps: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.os, "sched_getaffinity", lambda _: range(processors))
    monkeypatch.setattr(workers.threading, "active_count", lambda: 1)
    assert worth(steps, 30) == count
    monkeypatch.setattr(workers.threading, "active_count", lambda: 2)
    assert worth(steps, 30) == 0
    monkeypatch.setattr(workers.sys, "platform", "darwin")
    monkeypatch.setattr(workers.threading, "active_count", lambda: 1)
    assert worth(steps, 30) == 0


def test_without_processes_the_work_is_done_here_in_order_also_beside_threads() -> None:
    found: list[tuple[str, int]] = []

    def done() -> None:
        with shared_out(len, {"one": 5, "three": 1, "": 2}, 0) as rows:
            found.extend(rows)

    thread = threading.Thread(target=done)
    thread.start()
    thread.join()
    assert found == [("one", 3), ("three", 5), ("", 0)]
