"""Cells that share versions: which they take, what stays apart, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from unittest.mock import patch

import pytest
from unit.made_up import CHANNEL, MadeUpIndex, Row, write_channel

from envgen.lock.align import Aligner, differing, packages_of, versions_of
from envgen.lock.align_cell import LOCKED, CellAligner, OpenCell
from envgen.lock.choose import Solver
from envgen.lock.locked_cells import LockedCell
from envgen.model.alignment import Differing
from envgen.model.catalogue import Numeric
from envgen.model.facts import Platform
from envgen.model.packages import Solution, SolveRequest

ROWS = [
    *(Row("shared", version) for version in ("1.0", "2.0", "3.0")),
    Row("brings", "1.0", depends=("shared",)),
    Row("for-cuda", "1.0", depends=("shared <3",)),
    Row("for-cpu", "1.0", depends=("shared >=3",)),
    *(Row(name, "1.0") for name in ("x", "y")),
    *(Row("own", version, subdir=subdir) for version, subdir in (("1.0", "linux-64"), ("2.0", "win-64"))),
    *(Row("blas", "1.0", f"h_{kind}") for kind in ("mkl", "openblas")),
    *(Row(f"on-{kind}", "1.0", depends=(f"blas * *{kind}",)) for kind in ("mkl", "openblas")),
    Row("may", "2.0", depends=("blas * *mkl",)),
    Row("may", "1.0"),
]
BLAS = Numeric("blas", ("libblas", "blas"), by_build=True)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> MadeUpIndex:
    return write_channel(tmp_path_factory.mktemp("align"), ROWS)


def cell(
    target: str, *specs: str, locked: Mapping[str, str] | None = None, freed: Iterable[str] = (), platform: Platform = "linux-64"
) -> OpenCell:
    """A cell that asks for packages; `locked` are versions of noarch packages in its lock."""
    request = SolveRequest(environment=f"p-{target}", platform=platform, specs=specs, channels=(CHANNEL,), virtual={}, kept=())
    base = f"https://conda.anaconda.org/{CHANNEL}/noarch"
    urls = {name: f"{base}/{name}-{build.replace(' ', '-')}.conda" for name, build in (locked or {}).items()}
    return OpenCell(
        name=(target, platform), request=request, locked=LockedCell(urls=urls, records={}) if urls else None, freed=frozenset(freed)
    )


def aligned(
    index: MadeUpIndex, *cells: OpenCell, fixed: Mapping[Any, Any] | None = None, own: Iterable[str] = (), name: str = "shared"
) -> Any:
    """The version or the build of one package in each cell, and the reasons of each."""
    found = Aligner(Solver(index, 1), fixed or {}, lambda row: row in own, (BLAS,)).aligned(cells)
    packages = {target: packages_of(row).get(name, ("", "")) for (target, _), row in found.solutions.items()}
    values = {target: build if name == "blas" else version for target, (version, build) in packages.items()}
    reasons = {target: dict(rows) for (target, _), rows in found.reasons.items() if rows}
    assert found.instead == {
        row: versions_of(packages_of(found.solutions[key]))[row] for key, rows in found.reasons.items() for row in rows
    }
    return values, reasons


CUDA = cell("cu126", "brings", "for-cuda")
NEEDS_3 = "for-cpu 1.0 needs shared >=3"
NEEDS_2 = "for-cuda 1.0 needs shared <3"


@pytest.mark.parametrize(
    ("cells", "more", "expected"),
    [
        ([cell("cpu", "brings"), CUDA], {}, ({"cpu": "2.0", "cu126": "2.0"}, {})),
        # the larger cell comes first, with the newest; it takes what the other can have
        ([cell("cpu", "brings", "x", "y"), CUDA], {}, ({"cpu": "2.0", "cu126": "2.0"}, {})),
        ([cell("cpu", "brings", "for-cpu", "x"), CUDA], {}, ({"cpu": "3.0", "cu126": "2.0"}, {"cu126": {"shared": NEEDS_2}})),
        ([cell("cpu", "brings", "for-cpu"), cell("cu126", "for-cuda", "brings", "x")], {}, ({"cpu": "3.0", "cu126": "2.0"}, {"cpu": {"shared": NEEDS_3}})),
        ([cell("cpu", "brings"), CUDA], {"own": ["shared"]}, ({"cpu": "3.0", "cu126": "2.0"}, {})),
        ([cell("cpu", "shared", "x"), cell("cu126", "shared 2.*")], {"own": ["shared"]}, ({"cpu": "3.0", "cu126": "2.0"}, {})),
        # what is locked stays, and says so, unless it is freed
        ([cell("cpu", "brings", locked={"shared": "3.0 0"}), CUDA], {}, ({"cpu": "3.0", "cu126": "2.0"}, {"cpu": {"shared": LOCKED}})),
        ([cell("cpu", "brings", locked={"shared": "3.0 0"}, freed=["shared"]), CUDA], {}, ({"cpu": "2.0", "cu126": "2.0"}, {})),
        # cells that do not change
        ([cell("cpu", "brings")], {"fixed": {("cu118", "linux-64"): {"shared": ("2.0", "0"), "gone": ("1.0", "0")}}}, ({"cpu": "2.0"}, {})),
        ([cell("cpu", "brings")], {"fixed": {("cu118", "linux-64"): {"shared": ("9.0", "0")}}}, ({"cpu": "3.0"}, {"cpu": {"shared": "no shared 9.0 for linux-64"}})),
        ([cell("cpu", "for-cpu")], {"fixed": {("cu118", "linux-64"): {"shared": ("2.0", "0")}}}, ({"cpu": "3.0"}, {"cpu": {"shared": NEEDS_3}})),
        # of two that differ themselves the first, and nothing of what only they have
        (
            [cell("cpu", "brings")],
            {"fixed": {("cu118", "linux-64"): {"shared": ("1.0", "0"), "gone": ("1.0", "0")}, ("cu126", "linux-64"): {"shared": ("2.0", "0"), "gone": ("2.0", "0")}}},
            ({"cpu": "1.0"}, {}),
        ),
        # platforms that have no version together, and requests that refuse what others have
        (
            [cell("cpu", "own"), cell("win", "own", "x", platform="win-64")],
            {"name": "own"},
            ({"cpu": "1.0", "win": "2.0"}, {"cpu": {"own": "no own 2.0 for linux-64"}}),
        ),
        ([cell("cpu", "shared"), cell("cu126", "shared 2.*", "x")], {}, ({"cpu": "2.0", "cu126": "2.0"}, {})),
        ([cell("cpu", "for-cpu", "x"), cell("cu126", "shared 2.*")], {}, ({"cpu": "3.0", "cu126": "2.0"}, {"cpu": {"shared": NEEDS_3}, "cu126": {"shared": "`shared 2.*` is requested"}})),
    ],
)  # fmt: skip
def test_cells_take_a_version_that_all_can_have(cells: list[OpenCell], more: Any, expected: Any, index: MadeUpIndex) -> None:
    assert aligned(index, *cells, **more) == expected


MKL, OPENBLAS = "h_mkl", "h_openblas"


@pytest.mark.parametrize(
    ("cells", "fixed", "expected"),
    [
        ([cell("a", "on-mkl", "x"), cell("b", "blas")], {}, {"a": MKL, "b": MKL}),
        ([cell("a", "on-openblas", "x"), cell("b", "blas")], {}, {"a": OPENBLAS, "b": OPENBLAS}),
        ([cell("a", "on-mkl", "x"), cell("b", "on-openblas")], {}, {"a": MKL, "b": OPENBLAS}),
        ([cell("a", "blas")], {("f", "linux-64"): {"blas": ("1.0", MKL)}}, {"a": MKL}),
        ([cell("a", "blas")], {("f", "linux-64"): {"libblas": ("1.0", f"1_{OPENBLAS}")}}, {"a": OPENBLAS}),
        ([cell("a", "x")], {("f", "linux-64"): {"blas": ("1.0", MKL)}}, {"a": ""}),
        # a cell that has none says nothing, and what is locked stays
        ([cell("a", "x", "y", "brings"), cell("b", "on-mkl", "x"), cell("c", "blas")], {}, {"a": "", "b": MKL, "c": MKL}),
        ([cell("a", "on-openblas", "x"), cell("b", "blas", locked={"blas": "1.0 h_mkl"})], {}, {"a": OPENBLAS, "b": MKL}),
        ([cell("a", "on-mkl", "x"), cell("b", "blas", locked={"blas": "1.0 h_openblas"})], {}, {"a": MKL, "b": OPENBLAS}),
        # one without is no answer
        ([cell("a", "on-openblas", "x"), cell("b", "may")], {}, {"a": OPENBLAS, "b": MKL}),
    ],
)
def test_cells_of_a_platform_share_an_implementation_where_they_can(
    cells: list[OpenCell], fixed: Any, expected: Any, index: MadeUpIndex
) -> None:
    assert aligned(index, *cells, fixed=fixed, name="blas") == (expected, {})


def test_cells_of_another_platform_have_an_implementation_of_their_own(index: MadeUpIndex) -> None:
    (free,) = aligned(index, cell("a", "blas"), name="blas")[0].values()
    other = "on-mkl" if free == OPENBLAS else "on-openblas"
    found, _ = aligned(index, cell("a", other, "x", platform="win-64"), cell("b", "blas"), name="blas")
    assert found["a"] != found["b"] == free


def test_packages_that_differ_are_told_by_name_with_each_cell_and_the_reason() -> None:
    cells: Any = {
        ("cpu", "linux-64"): {"b": "1", "a": "1", "own": "1", "same": "1"},
        ("cpu", "win-64"): {"b": "2", "own": "2", "same": "1"},
        ("cu126", "linux-64"): {"a": "2", "only": "1"},
    }
    assert differing(cells, lambda name: name == "own", {"a": "why"}) == (
        Differing("a", {"cpu/linux-64": "1", "cu126/linux-64": "2"}, "why"),
        Differing("b", {"cpu/linux-64": "1", "cpu/win-64": "2"}, LOCKED),
    )


def test_a_cell_that_agrees_already_is_not_solved_again(index: MadeUpIndex) -> None:
    solver = Solver(index, 1)
    with patch.object(CellAligner, "offered", return_value=frozenset()) as offered:
        Aligner(solver, {}, lambda _: False, (BLAS,)).aligned(
            [cell("a", "x", "y"), cell("b", "on-mkl"), cell("c", "blas * *mkl", "x")]
        )
    assert (len(solver._found), offered.call_count) == (3, 0)


@pytest.mark.parametrize(
    ("locked", "version", "reason"),
    [({}, "9.0", "no shared 9.0 for linux-64"), ({"shared": "3.0 0"}, "2.0", LOCKED), ({"shared": "3.0 0"}, "9.0", LOCKED)],
)
def test_what_a_cell_cannot_have_is_not_asked(locked: Mapping[str, str], version: str, reason: str, index: MadeUpIndex) -> None:
    solver, asked = Solver(index, 1), cell("cpu", "brings", locked=locked)
    first = solver.answer(asked.request)
    assert isinstance(first, Solution)
    found = CellAligner(solver).aligned(asked, first, {"shared": frozenset({version}), "brings": frozenset({"1.0"})})
    assert (found.solution, dict(found.reasons), len(solver._found)) == (first, {"shared": reason}, 1)
