"""Two versions of a project file or of a lock that were made from one, merged."""

from __future__ import annotations

import pytest
from conftest import REPO
from unit.lock_texts import lock_of
from unit.small import real_matrix

from envgen.formats.conda_lock import read_lock, read_stamp
from envgen.merge.inputs import merged_project
from envgen.merge.packages import merged_lock, merged_mapping

MATRIX = real_matrix()
BASE = "python: '3.12.*'\ntargets: [cpu]\ndependencies: [numpy, pandas >=2]\ndriver: '>=535'\n"


def project(*dependencies: str, driver: str = "535") -> str:
    """The project file with other dependencies."""
    return BASE.replace("[numpy, pandas >=2]", f"[{', '.join(dependencies)}]").replace("535", driver)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (
            project("numpy", "pandas >=2", "rich"),
            project("numpy", "pandas >=2", "tqdm"),
            project("numpy", "pandas >=2", "rich", "tqdm"),
        ),
        (project("numpy", "rich"), project("numpy", "pandas >=2", "tqdm"), project("numpy", "rich", "tqdm")),
        (project("numpy >=2", "pandas >=2"), project("numpy", "pandas >=2.2"), project("numpy >=2", '"pandas >=2.2"')),
        (project("numpy", "pandas >=2", "rich"), project("numpy", "pandas >=2", "rich"), project("numpy", "pandas >=2", "rich")),
        (
            project("numpy", "pandas >=2", "rich", driver="550"),
            project("numpy", "pandas >=2", "tqdm"),
            project("numpy", "pandas >=2", "rich", "tqdm", driver="550"),
        ),
        (
            project("numpy", "pandas >=2", "rich"),
            project("numpy", "pandas >=2", "tqdm", driver="550"),
            project("numpy", "pandas >=2", "tqdm", "rich", driver="550"),
        ),
    ],
)
def test_requirements_of_both_sides_are_kept(ours: str, theirs: str, expected: str) -> None:
    text, clean = merged_project(ours.encode(), BASE.encode(), theirs.encode(), MATRIX)
    assert (text.decode(), clean) == (expected, True)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (project("numpy >=2", "pandas >=2"), project("numpy <2", "pandas >=2")),
        (project("pandas >=2"), project("numpy <2", "pandas >=2")),
        (project("numpy", "pandas >=2", driver="550"), project("numpy", "pandas >=2", driver="560")),
        (
            project("numpy", "pandas >=2", "rich").replace("[cpu]", "[cpu, cu126]"),
            project("numpy", "tqdm").replace("[cpu]", "[cpu, cu129]"),
        ),
        ("not: [yaml", project("rich")),
        ("", project("rich", "tqdm")),
    ],
)
def test_what_both_sides_change_is_a_conflict(ours: str, theirs: str) -> None:
    text, clean = merged_project(ours.encode(), BASE.encode(), theirs.encode(), MATRIX)
    assert not clean
    assert b"<<<<<<< ours\n" in text


def test_files_that_are_not_text_conflict() -> None:
    assert merged_project(b"\x00\xff", BASE.encode(), b"\x00\xfe", MATRIX)[1] is False


def test_a_mapping_takes_what_either_side_changed_and_ours_where_both_did() -> None:
    ours, base, theirs = (
        {"a": "1", "b": "2", "c": "3", "new": "x"},
        {"a": "1", "b": "1", "c": "1", "gone": "1"},
        {"a": "2", "b": "1", "c": "4", "gone": "1"},
    )
    assert merged_mapping(ours, base, theirs) == {"a": "2", "b": "2", "c": "3", "new": "x"}


def test_a_merged_lock_has_the_packages_of_both_sides_and_fits_no_inputs() -> None:
    """It is a lock that can be read, whose stamp matches no requests: so it is solved again."""
    ours = (REPO / "environments/transition/cpu/conda-lock.yml").read_text(encoding="utf-8")
    theirs = (REPO / "environments/transition/cu118/conda-lock.yml").read_text(encoding="utf-8")
    merged = merged_lock(ours, "", theirs, "lock")
    stamp = read_stamp(merged, "lock")
    names = {package.name for text in (ours, theirs) for package in read_lock(text, "lock").packages}
    assert stamp is not None
    assert {package.name for package in read_lock(merged, "lock").packages} == names
    assert set(stamp.cells.values()) == {"f" * 64}


def test_a_lock_of_another_tool_stays_ours() -> None:
    ours, theirs = lock_of("numpy 1.0 h0_0"), lock_of("numpy 2.0 h0_0")
    assert merged_lock(ours, ours, theirs, "lock") == ours
