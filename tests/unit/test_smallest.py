"""What moves of a locked cell, on a channel of a few packages: with a solver that keeps, and with one that always takes the newest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from unit.made_up import MadeUpIndex, Row, write_channel

from envgen.channels.solve import Unsolvable
from envgen.lock.choose import Solver
from envgen.lock.locked_cells import LockedCell
from envgen.lock.smallest import _only_needed, smallest
from envgen.model.packages import Record, Solution, SolveRequest

CHANNEL = "https://conda.anaconda.org/conda-forge"


class Forgetful(Solver):
    """A solver that prefers the newest of everything, whatever it is to keep."""

    def answer(self, request: SolveRequest) -> Solution | Unsolvable:
        return super().answer(replace(request, kept=()))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> MadeUpIndex:
    rows = [Row(name, version) for name in ("a", "b", "d") for version in ("1.0", "2.0")]
    rows += [Row("c", "1.0"), Row("c", "2.0", depends=("d >=2",)), Row("wants", "1.0", depends=("c >=2",))]
    rows += [Row("gale", "1.0", depends=("hale >=2",)), Row("gale", "2.0"), Row("hale", "1.0"), Row("hale", "2.0")]
    rows += [Row("pair", "1.0", depends=("a <2",)), Row("pair", "2.0", depends=("a >=2",))]
    return write_channel(tmp_path_factory.mktemp("channel"), rows)


def locked(text: str) -> LockedCell | None:
    """`a 1, b 1` as a locked cell; None for ""."""
    rows = [row.split() for row in text.split(", ")] if text else []
    return (
        LockedCell(urls={name: f"{CHANNEL}/noarch/{name}-{version}.0-0.conda" for name, version in rows}, records={})
        if rows
        else None
    )


def asked(text: str) -> SolveRequest:
    specs = tuple(text.split(", "))
    return SolveRequest(environment="p-cpu", platform="linux-64", specs=specs, channels=("conda-forge",), virtual={})


@pytest.mark.parametrize("kind", [Solver, Forgetful])
@pytest.mark.parametrize(
    ("specs", "before", "freed", "after"),
    [
        ("a, b", "", "", "a 2, b 2"),
        ("a, b", "a 1, b 1", "", "a 1, b 1"),
        ("a, b", "a 1, b 1", "a", "a 2, b 1"),
        ("a, b", "a 1", "b", "a 1, b 2"),
        ("a, b", "a 1, b 1", "z", "a 1, b 1"),
        ("a <2, b", "a 1, b 1", "a", "a 1, b 1"),
        ("a, b <2", "a 2, b 2", "", "a 2, b 1"),
        ("a, b", "a 3, b 1", "a", "a 2, b 1"),
        ("a, c", "a 1, c 1", "", "a 1, c 1"),
        ("a, b, c, wants", "a 1, b 1, c 1, d 1", "", "a 1, b 1, c 2, d 2, wants 1"),
        ("pair, b", "pair 1, a 1, b 1", "", "a 1, b 1, pair 1"),
        ("pair >=2, b", "pair 1, a 1, b 1", "", "a 2, b 1, pair 2"),
        ("pair, b", "pair 1, a 1, b 1", "pair", "a 2, b 1, pair 2"),
        ("a", "a 1, b 1", "", "a 1"),
    ],
)
def test_only_what_must_or_may_moves(
    kind: type[Solver], specs: str, before: str, freed: str, after: str, index: MadeUpIndex
) -> None:
    found = smallest(asked(specs), locked(before), frozenset(freed.split()), kind(index, 1))
    assert ", ".join(f"{row.name} {row.version[0]}" for row in sorted(found.records, key=lambda row: row.name)) == after


def test_what_the_channel_says_today_of_a_locked_package_counts(index: MadeUpIndex) -> None:
    """Both are locked at 1.0, and today gale 1.0 needs another one: the first of them that can stay does."""
    found = smallest(asked("gale, hale"), locked("gale 1, hale 1"), frozenset(), Forgetful(index, 1))
    assert {row.name: row.version for row in found.records} == {"gale": "1.0", "hale": "2.0"}


def test_a_request_without_solution_says_why(index: MadeUpIndex) -> None:
    with pytest.raises(Unsolvable, match="a >=3"):
        smallest(asked("a >=3"), locked("a 1"), frozenset(), Solver(index, 1))


def records(text: str) -> Iterator[Record]:
    """`a: b >=2; c` is a record a that depends on `b >=2` and on c."""
    for row in text.split(", "):
        name, _, needs = row.partition(":")
        depends = tuple(need.strip() for need in needs.split(";") if need.strip())
        yield Record(
            name=name, version="1", build="0", channel=CHANNEL, subdir="noarch", file="", url="", md5=None, sha256=None, size=None,
            depends=depends, source={},
        )  # fmt: skip


@pytest.mark.parametrize(
    ("specs", "there", "kept"),
    [
        ("a", "a: b >=2; c, b, c, d", "abc"),
        ("a", "a: b[version='>=2']; c<2, b: a, c: d~=1;e!=1, d, e, f", "abcde"),
        ("a >=1, d", "a: __glibc; z, d, e", "ad"),
        ("a[extras=[x]]", "a, b", "ab"),
        ("a", "a: b[extras=[x]], b, c", "abc"),
        ("extra", "extra, b", "extra"),
    ],
)
def test_what_nothing_needs_any_more_is_left_out(specs: str, there: str, kept: str) -> None:
    found = _only_needed(asked(specs), Solution("linux-64", tuple(records(there))))
    assert "".join(row.name for row in found.records) == kept
