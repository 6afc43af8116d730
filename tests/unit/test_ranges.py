"""Ranges of versions: which versions a range admits, which text is none, and how a range is written."""

from __future__ import annotations

import pytest
from packaging.version import Version

from envgen.model.ranges import range_text, version_range


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("*", "0 2.7.1 3.0rc1", ""),
        ("2.7", "2.7 2.7.0 2.7.9 2.7.1rc1", "2.6.9 2.8 2.71"),
        ("=2.7", "2.7 2.7.9", "2.8"),
        ("2.7.*", "2.7 2.7.9", "2.8"),
        (" 2.7.* ", "2.7.9", "2.8"),
        ("==2.7", "2.7 2.7.0", "2.7.1"),
        ("==2.7.*", "2.7.1", "2.8"),
        ("2.7.post1", "2.7.post1", "2.7 2.7.1 2.7.post2"),
        ("2.8rc1", "2.8rc1", "2.8 2.8rc2"),
        (">=2,<3", "2 2.9 2.1rc1", "1.9 3"),
        (">=2, <3, !=2.5", "2.4 2.5.1", "2.5 3"),
        ("~=2.5", "2.5 2.9", "2.4 3"),
        (">2", "2.1", "2 1"),
        ("<=2", "2 1", "2.0.1"),
    ],
)
def test_a_range_admits_these_versions_and_not_those(text: str, inside: str, outside: str) -> None:
    found = version_range(text)
    assert {version: Version(version) in found for version in (*inside.split(), *outside.split())} == {
        **dict.fromkeys(inside.split(), True),
        **dict.fromkeys(outside.split(), False),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("two", "'two' is not a version range"),
        ("", "'' is not a version range"),
        (",2", "',2' is not a version range"),
        (">=2,", "'>=2,' is not a version range"),
        ("2.7.*.1", "'2.7.*.1' is not a version range"),
        ("1234567890", "'1234567890' is not a version range"),
        ("1!2", "'1!2' is not a version range"),
        (">=2.*", "'>=2.*' is not a version range"),
        ("~=2", "'~=2' is not a version range"),
        (">=3,<3", "no version is in the range '>=3,<3'"),
        ("==2.7.1,!=2.7.1", "no version is in the range '==2.7.1,!=2.7.1'"),
    ],
)
def test_what_is_no_range_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="range") as caught:
        version_range(text)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2.10", "2.10.*"),
        ("==2.10.*", "2.10.*"),
        ("==2.10", "==2.10"),
        (">=2,<3", "<3,>=2"),
        ("*", ""),
        ("!=2.5.*,>=2", "!=2.5.*,>=2"),
        ("2.10,!=2.10.1", "!=2.10.1,2.10.*"),
    ],
)
def test_a_range_is_written_as_conda_reads_it(text: str, written: str) -> None:
    assert range_text(version_range(text)) == written
