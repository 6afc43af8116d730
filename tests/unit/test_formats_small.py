"""Small laws of the readers: digits of builds, what belongs to CUDA, the garbage collector, the end of a list of packages."""

from __future__ import annotations

import gc
from dataclasses import replace

import pytest
from unit.lock_texts import entry, lock_text
from unit.small import real_matrix, refused
from unit.test_rules import conda, pip

from envgen.formats.builds import _minor, cuda_of, dotted, is_cpu_build
from envgen.formats.collector import no_garbage_collection
from envgen.formats.conda_lock import is_ours, read_lock
from envgen.formats.conda_lock_entries import plain_packages
from envgen.formats.conda_specs import NotCovered, ranges, read_spec

INDEX = "https://download.pytorch.org/whl/"


@pytest.mark.parametrize(
    ("digits", "version"),
    [("126", "12.6"), ("92", "9.2"), ("10.0.130", "10.0"), ("11.6", "11.6"), ("9", "9"), ("15", "1.5"), ("1210", "121.0")]
    + [(major, major) for major in ("11", "12", "13", "14")],
)  # fmt: skip
def test_the_digits_of_a_build_are_a_version(digits: str, version: str) -> None:
    assert dotted(digits) == version


@pytest.mark.parametrize(
    ("major", "told", "found"),
    [("12", ["11.8", "12.6"], "12.6"), ("", ["11.8", "12.6"], "11.8"), ("13", ["12.6"], "13"), ("", [], ""), ("1", ["12.6"], "1")],
)
def test_the_minor_is_the_first_of_its_major(major: str, told: list[str], found: str) -> None:
    assert _minor(major, told) == found


@pytest.mark.parametrize(
    ("package", "cpu", "cuda"),
    [
        (replace(pip("torch", "1.0", url=""), index=f"{INDEX}cpu"), True, None),
        (replace(pip("torch", "1.0", url=""), index=f"{INDEX}cu126"), False, "12.6"),
        (replace(pip("torchvision", "1.0", url=""), index=f"{INDEX}cpu"), False, None),
        (replace(pip("einops", "1.0", url=""), index=f"{INDEX}cpu"), False, None),
        (conda("cuda-pathfinder", "1.2", "cuda126_0"), False, None),
        (conda("cuda-version", "12.6", "0"), False, "12.6"),
    ],
)
def test_an_index_says_what_the_wheels_of_a_framework_are_for(package: object, cpu: bool, cuda: str | None) -> None:
    catalogue = real_matrix().catalogue
    assert (is_cpu_build(catalogue, package), cuda_of(catalogue, package)) == (cpu, cuda)  # type: ignore[arg-type]


@pytest.mark.parametrize("collects", [True, False])
def test_the_collector_rests_and_then_does_what_it_did(collects: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if collects else gc.disable)()
        with no_garbage_collection():
            assert not gc.isenabled()
        assert gc.isenabled() is collects
        with pytest.raises(ValueError, match="x"), no_garbage_collection():
            raise ValueError("x")
        assert gc.isenabled() is collects
    finally:
        (gc.enable if before else gc.disable)()


@pytest.mark.parametrize(("end", "read"), [("\n", True), ("", False), ("X", False), ("X\n", False)])
def test_a_list_of_packages_in_that_spelling_ends_with_its_last_line(end: str, read: bool) -> None:
    found = plain_packages(entry("numpy 2.2.6 0").removesuffix("\n") + end, 7, "l.yml")
    assert (found is not None) is read


def test_a_lock_of_envgen_has_its_seal() -> None:
    text = lock_text([entry("numpy 2.2.6 0")])
    assert not is_ours(text)
    assert is_ours(text.replace("package:\n", f"  custom_metadata:\n    envgen-packages: {'ab' * 32}\npackage:\n"))


def test_a_lock_of_another_version_says_which_one_is_read() -> None:
    error = refused(lambda: read_lock("version: 2\npackage: []\n", "l.yml"))
    assert error is not None
    assert (error.what, str(error.where)) == ("lock version 2 is not supported: this envgen reads version 1", "l.yml:1:10")
    assert error.hint == "create it again with conda-lock 1 or later, or update envgen"


# What conda's MatchSpec keeps of each, which conda-lock reads specs with: a contract test compares both over generated ones.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", ("a", "", None, None)),
        ("a =1.2", ("a", "1.2.*", None, None)),
        ("a =1.2X", ("a", "1.2X.*", None, None)),
        ("a ==1.2", ("a", "1.2", None, None)),
        ("a =1.2=h_0", ("a", "1.2", "h_0", None)),
        ("a ==1.2=h_0", ("a", "==1.2", "h_0", None)),
        ("a 1.2", ("a", "1.2", None, None)),
        ("a 1.2*", ("a", "1.2.*", None, None)),
        ("a 1.2.*", ("a", "1.2.*", None, None)),
        ("a >=1,<2", ("a", ">=1,<2", None, None)),
        ("a >=1|=2", ("a", ">=1|=2", None, None)),
        ("a =1.2*", ("a", "1.2.*", None, None)),
        ("a =1.2.* h_0", ("a", "1.2.*", "h_0", None)),
        ("a ~=1.2", ("a", "~=1.2", None, None)),
        ("a !=1.2", ("a", "!=1.2", None, None)),
        ("a =1|2", ("a", "=1|2", None, None)),
        ("a =1,<2", ("a", "=1,<2", None, None)),
        ("c::a >=1 *_0", ("a", ">=1", "*_0", "c")),
        ("a *", ("a", "*", None, None)),
        ("a * h*", ("a", "*", "h*", None)),
        ("a<2", ("a", "<2", None, None)),
        ("a 1.2 h_0", ("a", "1.2", "h_0", None)),
        ("a.conda", None),
        ("a if b", None),
        ("A", None),
        ("a [x]", None),
    ],
)
def test_a_spec_is_what_match_spec_keeps_of_it(text: str, expected: tuple[str, str, str | None, str | None] | None) -> None:
    try:
        found = read_spec(text)
    except NotCovered:
        assert expected is None
        return
    assert (found.name, found.version, found.build, found.channel) == expected


@pytest.mark.parametrize(
    ("depends", "expected"),
    [
        (["a >=1", "b", "a <2"], {"a": "<2,>=1", "b": ""}),
        (["b <2", "b"], {"b": "<2"}),
        (["b >=1 h_0", "b <2"], {"b": "<2,>=1"}),
        (["b >=1 h_0", "b <2 g_0"], "2 specs of b"),
        (["c::b", "b"], "2 specs of b"),
        (["b 1.*", "b !=1.5"], {"b": "!=1.5,1.*"}),
        (["b ==1", "b >=1"], {"b": "1,>=1"}),
        (["b 1.2*", "b =1 h*"], {"b": "1,1.2.*"}),
        (["b ~=1.2", "b >=1,<3"], {"b": ">=1,<3,~=1.2"}),
        (["b 1.0 h_0", "b 1.*"], {"b": "1.*,1.0"}),
        (["b", "b"], {"b": ""}),
        (["b * h_0", "b 2.*"], {"b": "*,2.*"}),
        (["b !=1.5 h_0", "b 1.*"], {"b": "!=1.5,1.*"}),
        (["b ~=1.2 h*", "b <9"], {"b": "<9,~=1.2"}),
        (["b 1.0 h*", "b >0"], {"b": "1.0,>0"}),
        (["b 1.* h_0", "b 2.0"], {"b": "1.*,2.0"}),
    ],
)
def test_the_ranges_of_one_package_are_joined_as_match_spec_joins_them(depends: list[str], expected: dict[str, str] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(NotCovered, match=f"^{expected}$"):
            ranges(depends)
    else:
        assert ranges(depends) == expected
