"""Who brought a package, the tree, sizes and budgets, licences and what is allowed: on small made-up cells."""

from __future__ import annotations

import pytest
from unit.small import project_of, refused

from envgen.composition.graph import CellGraph, tree_of
from envgen.composition.licenses import Licensed, alternatives, is_allowed
from envgen.composition.licenses import refused as refused_licenses
from envgen.composition.report import size_page, tree_text, why_text
from envgen.composition.sizes import cell_size, over_budget, size_text
from envgen.model.limits import BudgetLimits, LicenseLimits
from envgen.model.packages import LockedPackage

PROJECT = """\
python: ">=3.11,<3.13"
targets: [cpu]
platforms: [linux-64]
channels: [conda-forge]
"""


def package(name: str, *depends: str, manager: str = "conda", version: str = "1.0") -> LockedPackage:
    """A package of a lock, with the specs that it needs."""
    return LockedPackage(
        name=name, version=version, build="0", manager=manager, platform="linux-64", url=f"u/{name}", depends=depends
    )  # type: ignore[arg-type]


def cell(*packages: LockedPackage, requested: tuple[str, ...] = (), target: str = "cpu") -> CellGraph:
    """One cell with these packages."""
    return CellGraph(target=target, platform="linux-64", packages=packages, requested=requested)


PANDAS = (
    package("pandas", "numpy >=1.23,<3", "python-dateutil >=2.8", "__glibc >=2.17"),
    package("numpy", "libblas >=3.9"),
    package("scipy", "numpy <3", "libblas >=3.9"),
    package("libblas"),
    package("python-dateutil", "six"),
    package("six"),
)
REQUESTED = ("pandas >=2", "conda-forge::scipy")


def test_why_shows_the_shortest_way_from_each_requested_package() -> None:
    text = why_text("app", "libblas", [cell(*PANDAS, requested=REQUESTED)])
    assert text.splitlines() == [
        "libblas in app",
        "cpu (linux-64):",
        "  1.0",
        "    scipy (requested: conda-forge::scipy) > libblas >=3.9",
        "    pandas (requested: pandas >=2) > numpy >=1.23,<3 > libblas >=3.9",
    ]


def test_why_puts_cells_with_the_same_answer_together() -> None:
    one, other = (cell(*PANDAS, requested=REQUESTED, target=target) for target in ("cpu", "cu126"))
    text = why_text("app", "six", [one, other, cell(package("numpy"), requested=("numpy",), target="cu129")])
    assert "cpu (linux-64), cu126 (linux-64):\n  1.0\n    pandas" in text
    assert "cu129 (linux-64):\n  not locked" in text


def test_why_of_a_package_that_nothing_needs() -> None:
    assert "    six (nothing needs it)" in why_text("app", "six", [cell(package("six"))])


def test_a_circle_of_dependencies_ends() -> None:
    found = cell(package("a", "b"), package("b", "a"), requested=("a",))
    assert [branch.package.name for branch in tree_of(found)] == ["a", "b", "a"]
    assert "a (requested: a) > b" in why_text("app", "b", [found])


def test_what_a_wheel_needs_is_found_by_its_normalised_name() -> None:
    wheels = (
        package("torch-geometric", 'Jinja_2>=3; sys_platform == "linux"', 'pywin32; sys_platform == "win32"', manager="pip"),
        package("jinja-2"),
    )
    found = cell(*wheels, package("pywin32"), requested=())
    assert found.needs(wheels[0]) == ("jinja-2",)


def test_a_tree_shows_what_a_package_needs_once() -> None:
    text = tree_text([cell(*PANDAS, requested=REQUESTED)], None)
    assert text.splitlines() == [
        "cpu (linux-64)",
        "  pandas 1.0",
        "    numpy 1.0",
        "      libblas 1.0",
        "    python-dateutil 1.0",
        "      six 1.0",
        "  scipy 1.0",
        "    libblas 1.0",
        "    numpy 1.0 (*)",
    ]
    assert tree_text([cell(*PANDAS, requested=REQUESTED)], 0).splitlines() == ["cpu (linux-64)", "  pandas 1.0", "  scipy 1.0"]


# --- sizes ------------------------------------------------------------------------------------------------------------------


def test_the_biggest_packages_come_first_and_what_is_unknown_counts() -> None:
    found = cell_size("cpu", "linux-64", PANDAS, {"u/numpy": 7_000_000, "u/pandas": 14_500_000, "u/six": 100_000})
    assert (found.total, found.unknown) == (21_600_000, 3)
    page = size_page([found], BudgetLimits(), 2)
    assert ">=21.6 MB" in page
    assert page.splitlines()[-2:] == ["  pandas 1.0   14.5 MB", "  numpy 1.0     7.0 MB"]


@pytest.mark.parametrize(
    ("budget", "over"),
    [
        (BudgetLimits(), False),
        (BudgetLimits(21_600_000), False),
        (BudgetLimits(21_599_999), True),
        (BudgetLimits(10, (("cpu", 10**9),)), False),
        (BudgetLimits(10**9, (("cpu", 10),)), True),
        (BudgetLimits(None, (("cu126", 10),)), False),
    ],
)
def test_a_budget_is_the_target_s_own_or_that_of_all(budget: BudgetLimits, over: bool) -> None:
    found = cell_size("cpu", "linux-64", PANDAS, {"u/numpy": 21_600_000})
    assert bool(over_budget([found], budget)) is over


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0.0 kB"), (999, "1.0 kB"), (12_345_678, "12.3 MB"), (584_000_000, "584 MB"), (4_276_000_000, "4.3 GB")]
)
def test_sizes_in_powers_of_ten(size: int, text: str) -> None:
    assert size_text(size) == text


# --- licences ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", [{"MIT"}]),
        ("MIT OR Apache-2.0 AND BSD-3-Clause", [{"MIT"}, {"Apache-2.0", "BSD-3-Clause"}]),
        ("(MIT OR Apache-2.0) AND ISC", [{"MIT", "ISC"}, {"Apache-2.0", "ISC"}]),
        ("LGPL-2.1-only or MPL-1.1", [{"LGPL-2.1-only"}, {"MPL-1.1"}]),
        ("GPL-3.0-only WITH GCC-exception-3.1", [{"GPL-3.0-only WITH GCC-exception-3.1"}]),
        ("BSD 3-Clause", [{"BSD 3-Clause"}]),
        ("(MIT", [{"(MIT"}]),
        ("MIT OR", [{"MIT OR"}]),
        ("", [{""}]),
        ("(" * 40, [{"(" * 40}]),
        (" AND ".join(["(A OR B)"] * 30), [{" AND ".join(["(A OR B)"] * 30)}]),
    ],
)
def test_the_ways_to_meet_an_expression(expression: str, expected: list[set[str]]) -> None:
    assert [set(way) for way in alternatives(expression)] == expected


@pytest.mark.parametrize(
    ("expression", "allow", "deny", "expected"),
    [
        ("MIT", (), (), True),
        ("mit", ("MIT",), (), True),
        ("GPL-3.0-only", (), ("GPL-*",), False),
        ("GPL-2.0-only OR FTL", (), ("GPL-*",), True),
        ("GPL-2.0-only AND FTL", (), ("GPL-*",), False),
        ("MIT", ("BSD-*",), (), False),
        ("Apache-2.0 WITH LLVM-exception", ("Apache-2.0",), (), True),
        ("GPL-3.0-only WITH GCC-exception-3.1", (), ("GPL-*",), True),
        ("GPL-3.0-only WITH GCC-exception-3.1", (), ("GPL-* WITH *",), False),
        ("", ("MIT",), (), False),
        ("", (), ("unknown",), False),
        ("LicenseRef-Proprietary", (), ("*propriet*",), False),
    ],
)
def test_what_is_allowed(expression: str, allow: tuple[str, ...], deny: tuple[str, ...], expected: bool) -> None:
    assert is_allowed(expression, LicenseLimits(allow, deny)) is expected


def test_the_packages_that_are_refused() -> None:
    rows = [Licensed("a", "1", "MIT"), Licensed("b", "1", "GPL-3.0-only")]
    assert list(refused_licenses(rows, LicenseLimits(deny=("GPL-*",)))) == rows[1:]


# --- the keys of project.yaml -----------------------------------------------------------------------------------------------


def test_a_project_states_its_budget_and_its_licences() -> None:
    project = project_of(f"{PROJECT}budget: {{default: 1.5 GB, cpu: 800 MB}}\nlicenses: {{allow: [MIT], deny: [GPL-*]}}\n")
    assert project.budget == BudgetLimits(1_500_000_000, (("cpu", 800_000_000),))
    assert project.licenses == LicenseLimits(("MIT",), ("GPL-*",))
    assert project_of(f"{PROJECT}budget: 4 GB\n").budget == BudgetLimits(4_000_000_000)
    assert not project_of(PROJECT).licenses


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("budget: 4", "demo.yaml:5:1: budget: not a size"),
        ("budget: 4 TB", "for example 800 MB or 4.5 GB"),
        ("budget: {cpu: -1 GB}", "not a size"),
        ("budget: {cup: 1 GB}", "did you mean `cpu`?"),
        ("licenses: [MIT]", "demo.yaml:5:"),
        ("licenses: {allowed: [MIT]}", "did you mean `allow`?"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_named_with_its_place(row: str, said: str) -> None:
    error = refused(lambda: project_of(f"{PROJECT}{row}\n"))
    assert error is not None
    assert said.replace("demo.yaml", "environments/demo/project.yaml") in str(error)
