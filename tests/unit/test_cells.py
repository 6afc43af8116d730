"""What tells the releases of a framework apart: the ranges that constraints, bounds and companions name."""

from __future__ import annotations

from packaging.specifiers import SpecifierSet
from unit.small import project_of, small_matrix
from unit.test_told import project_text, wider_matrix

from envgen.resolver.cells import version_ranges

WITH = "{alpha: {version: '*', with: [alphavision]}, beta: '*'}"


def ranges(*texts: str) -> tuple[SpecifierSet, ...]:
    return tuple(SpecifierSet(text, prereleases=True) for text in texts)


def test_ranges_come_from_constraints_that_refuse_and_from_what_companions_go_with() -> None:
    found = version_ranges(small_matrix(), project_of(project_text(WITH)))
    assert found == {"alpha": ranges(">=2.1", "==2.1.*", "==2.0.*"), "beta": ranges(">=3.1"), "alphavision": ()}


def test_a_framework_that_nothing_is_said_of_has_no_ranges() -> None:
    matrix = wider_matrix()
    assert version_ranges(matrix, project_of(project_text("{gamma: '*'}"), matrix)) == {"gamma": ()}


def test_the_range_of_a_bound_counts_where_its_package_is_requested() -> None:
    matrix = wider_matrix()

    def of_delta(more: str) -> tuple[SpecifierSet, ...]:
        return version_ranges(matrix, project_of(project_text("{delta: '*'}", more=more), matrix))["delta"]

    assert of_delta("") == ranges(">=2", "<2")
    assert of_delta("dependencies: [numpy]") == ranges(">=2", "<2", "<1.5")
