"""Cells with the versions of other cells: as many as the solver can prove possible, in few solves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.made_up import MadeUpIndex, Row, write_channel
from unit.small import examples

from envgen.channels.certain import Refusals
from envgen.channels.solve import attempts
from envgen.lock import choose
from envgen.lock.align import Aligner
from envgen.lock.align_cell import CellAligner, OpenCell, most
from envgen.lock.choose import Solver
from envgen.model.packages import Solution, SolveRequest

NAMES = "abcdef"
VERSIONS = ("1.0", "2.0", "3.0")
BOUNDS = ("", " <3", " >=2", " <2", " 2.*")
Allowed = Mapping[str, frozenset[str]]


def asked(*specs: str, name: str = "p-cpu", constraints: Sequence[str] = ()) -> SolveRequest:
    return SolveRequest(
        environment=name, platform="linux-64", specs=specs, channels=("conda-forge",), virtual={}, constraints=tuple(constraints)
    )


def cell(request: SolveRequest) -> OpenCell:
    return OpenCell(name=(request.environment, request.platform), request=request, locked=None, freed=frozenset())


def limited(request: SolveRequest, allowed: Allowed) -> SolveRequest:
    """A request in which some packages have only these versions, if they are there."""
    limits = (f"{name} {'|'.join(f'=={version}' for version in sorted(versions))}" for name, versions in allowed.items())
    return replace(request, constraints=(*request.constraints, *limits))


@st.composite
def channels(draw: st.DrawFn) -> list[Row]:
    """Six packages in three versions that need some of those after them, in some versions."""
    rows = []
    for place, name in enumerate(NAMES):
        after = [f"{other}{bound}" for other in NAMES[place + 1 :] for bound in BOUNDS]
        for version in VERSIONS:
            needs = draw(st.lists(st.sampled_from(after), max_size=3, unique_by=lambda spec: spec[0])) if after else []
            rows.append(Row(name, version, depends=tuple(needs)))
    return rows


requests = st.lists(st.sampled_from([f"{name}{bound}" for name in NAMES for bound in BOUNDS]), min_size=1, max_size=3)
versions = st.frozensets(st.sampled_from(VERSIONS), min_size=1, max_size=2)


def test_a_cell_lets_go_of_a_package_only_where_there_is_no_solution_with_it() -> None:
    seen = {"aligned": 0, "let go": 0, "refused": 0}

    @settings(examples(60), deadline=None, suppress_health_check=list(HealthCheck))
    @given(channels(), requests, st.dictionaries(st.sampled_from(NAMES), versions, max_size=6))
    def look(rows: list[Row], specs: list[str], allowed: Allowed) -> None:
        with TemporaryDirectory() as folder:
            solver = Solver(write_channel(Path(folder), rows), 2)
            first = solver.answer(asked(*specs))
            if not isinstance(first, Solution):
                return
            found = CellAligner(solver).aligned(cell(asked(*specs)), first, allowed)
            assert CellAligner(solver).aligned(cell(asked(*specs)), first, allowed, set(allowed)) == found
            rest = {name: some for name, some in allowed.items() if name not in found.reasons}
            assert all(row.version in rest.get(row.name, {row.version}) for row in found.solution.records)
            fewer = [limited(asked(*specs), {**rest, name: allowed[name]}) for name in found.reasons]
            assert not [one for one in attempts(fewer, solver.index, 2) if isinstance(one, Solution)]
            seen["let go" if found.reasons else "aligned"] += 1
            seen["refused"] += len(assert_refusals_are_right(solver.index, asked(*specs), first, allowed))

    look()
    assert all(seen.values()), seen


def assert_refusals_are_right(index: object, request: SolveRequest, first: Solution, allowed: Allowed) -> frozenset[str]:
    """What is refused from the records has no solution, beside what the first solution has as it is allowed."""
    assert isinstance(index, MadeUpIndex)
    off = {row.name: allowed[row.name] for row in first.records if row.version not in allowed.get(row.name, {row.version})}
    had = {name: some for name, some in allowed.items() if name not in off}
    refused = Refusals(index).refused(request, [row.name for row in first.records], had, off)
    without = [limited(request, {**had, name: off[name]}) for name in refused]
    assert not [one for one in attempts(without, index, 2) if isinstance(one, Solution)]
    return refused


@pytest.fixture
def solved(monkeypatch: pytest.MonkeyPatch) -> list[SolveRequest]:
    """What rattler was asked."""
    found: list[SolveRequest] = []

    def recorded(requests: Sequence[SolveRequest], *rest: object) -> object:
        found.extend(requests)
        return attempts(requests, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(choose, "attempts", recorded)
    return found


def test_what_another_release_forces_is_known_without_a_solve(tmp_path: Path, solved: list[SolveRequest]) -> None:
    """A framework forces a chain of four packages: one solve for each cell, one more for the second.

    Nothing is asked of the first cell, for which the records refuse what the second has instead.
    """
    chain = [("framework", "library"), ("library", "math"), ("math", "threads"), ("threads", "base")]
    rows = [Row(name, version, depends=(f"{needed} {version}.*",)) for name, needed in chain for version in ("1.0", "2.0")]
    rows += [Row(name, version) for name in ("base", "other", "another") for version in ("1.0", "2.0")]
    rows += [Row("limits", "1.0", depends=("other <2",))]
    solver = Solver(write_channel(tmp_path, rows), 1)
    cells = [cell(asked("framework 1.*", "other", "limits", "another")), cell(asked("framework 2.*", "other", name="p-cu126"))]
    found = Aligner(solver, {}, lambda _: False).aligned(cells)
    assert set(found.reasons["p-cu126", "linux-64"]) == {"framework", "library", "math", "threads", "base"}
    got = {name: {row.name: row.version for row in one.records} for name, one in found.solutions.items()}
    assert got["p-cpu", "linux-64"]["other"] == got["p-cu126", "linux-64"]["other"] == "1.0"
    assert len(solved) == 3


def test_a_round_ends_where_as_many_packages_differ_as_before(tmp_path: Path) -> None:
    """What the second target has instead is no better in the second round: the third is not asked again."""
    rows = [Row("a", version, depends=(f"b {version}", f"c {version}")) for version in ("1.0", "2.0")]
    rows += [Row(name, version) for name in "bcd" for version in ("1.0", "2.0")]
    solver = Solver(write_channel(tmp_path, rows), 1)
    cells = [cell(asked("a 2.*", "d")), cell(asked("a 1.*", name="p-cu126")), cell(asked("d", name="p-cu129"))]
    with patch.object(CellAligner, "aligned", autospec=True, side_effect=CellAligner.aligned) as looked:
        found = Aligner(solver, {}, lambda _: False).aligned(cells)
    assert found.names == {"a", "b", "c"}
    assert [call.args[1].name[0] for call in looked.call_args_list] == ["p-cpu", "p-cu126", "p-cu129", "p-cpu", "p-cu126"]


def test_a_package_that_a_build_may_do_without_is_not_refused(tmp_path: Path) -> None:
    """One of two builds needs it; a need that holds on a condition is none."""
    rows = [
        Row("a", "1.0", "with", ("c >=2",)),
        Row("a", "1.0", "without"),
        Row("c", "1.0"),
        Row("c", "2.0"),
        Row("d", "1.0", depends=('c[version=">=2", when="__win"]',)),
    ]
    index = write_channel(tmp_path, rows)
    wanted = {"c": frozenset({"1.0"})}
    assert Refusals(index).refused(asked("a"), ("a", "c"), {}, wanted) == set()
    assert Refusals(index).refused(asked("d", "c"), ("d", "c"), {}, wanted) == set()
    assert Refusals(index).refused(asked("a 1.0 with"), ("a", "c"), {}, wanted) == {"c"}


@given(st.lists(st.integers(0, 9), unique=True), st.lists(st.frozensets(st.integers(0, 9), min_size=1, max_size=3), max_size=4))
def test_most_is_what_trying_one_after_the_other_gives(names: list[int], conflicts: list[frozenset[int]]) -> None:
    texts = [str(name) for name in names]
    questions = []

    def possible(some: Sequence[str]) -> bool:
        questions.append(some)
        return not any(conflict <= set(map(int, some)) for conflict in conflicts)

    expected: list[str] = []
    for name in texts:
        expected += [name] if possible([*expected, name]) else []
    questions.clear()
    assert list(most(texts, possible)) == expected
    assert len(questions) <= 1 or len(expected) < len(texts)
