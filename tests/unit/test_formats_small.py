"""Small laws of the readers: digits of builds, what belongs to CUDA, the garbage collector, the end of a list of packages."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from unit.lock_texts import entry, lock_text
from unit.small import real_matrix, refused
from unit.test_rules import conda, pip

from envgen.formats import similar_locks
from envgen.formats.builds import _minor, cuda_of, is_cpu_build, tells_nothing
from envgen.formats.collector import no_garbage_collection
from envgen.formats.conda_lock import is_ours, read_lock
from envgen.formats.conda_lock_entries import plain_packages
from envgen.formats.conda_specs import NotCovered, ranges, read_spec
from envgen.formats.environment_yml import read_specs, spec_name
from envgen.formats.markers import holds, of_platforms, oldest_python
from envgen.formats.marks import dotted
from envgen.formats.reading import read_any
from envgen.formats.selectors import OnPlatform, for_platform, scalar, selected
from envgen.formats.similar_locks import read_similar
from envgen.formats.wheel_files import PackageFile, file_name, fitting, glibc_minor, of_python, platform_tags, runs_on
from envgen.model.errors import BadInput
from envgen.model.packages import Lock, LockedPackage
from envgen.model.platforms import PLATFORMS

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
        (replace(pip("torch", "1.0", url=""), index="https://i.example/3.6/cuda12.9-ubi9/simple/"), False, "12.9"),
        (replace(pip("torch", "1.0", url=""), index="https://i.example/jp6/cu126/+simple"), False, "12.6"),
        (replace(pip("torch", "1.0", url=""), index=f"{INDEX}rocm6.3"), False, None),
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
        (["b !=1.5 h_0", "b 1.*", "b !=1"], {"b": "!=1,1.*,!=1.5"}),
        (["b !=1.5 h_0", "b ~=1.2", "b >=1,<3"], {"b": "!=1.5,>=1,<3,~=1.2"}),
        (["b 1.*", "b 2.0", "b *"], {"b": "*,1.*,2.0"}),
        (["b !=1", "b =3", "b 2"], {"b": "!=1,3.*,2"}),
        (["b 0", "b 1B", "b 1 x*"], {"b": "0,1B,1"}),
        (["b 0", "b 1B", "b 1 x"], {"b": "0,1,1B"}),
    ],
)
def test_the_ranges_of_one_package_are_joined_as_match_spec_joins_them(depends: list[str], expected: dict[str, str] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(NotCovered, match=f"^{expected}$"):
            ranges(depends)
    else:
        assert ranges(depends) == expected


# --- wheels ---------------------------------------------------------------------------------------------------------------

WHEELS = {name: PackageFile(f"https://h.example/{name}?x#y/z", "") for name in (
    "a-1-py3-none-any.whl",
    "a-1-cp312-cp312-manylinux_2_28_x86_64.whl",
    "a-1-cp311-cp311-manylinux2014_x86_64.whl",
    "a-1-cp39-abi3-manylinux_2_17_aarch64.whl",
    "a-1-cp312-cp312-musllinux_1_2_x86_64.whl",
    "a-1-cp312-cp312-macosx_11_0_arm64.whl",
    "a-1-cp312-cp312-macosx_10_9_x86_64.whl",
    "a-1-cp312-cp312-win_amd64.whl",
    "a-1-cp312-cp312-plan9.whl",
)}  # fmt: skip


@pytest.mark.parametrize(
    ("platform", "fits"),
    [
        ("linux-64", "01248"),
        ("linux-aarch64", "038"),
        ("osx-64", "068"),
        ("osx-arm64", "058"),
        ("win-64", "078"),
        ("zos-z", "012345678"),
    ],
)
def test_a_wheel_runs_on_the_platforms_of_its_tags(platform: str, fits: str) -> None:
    assert "".join(str(n) for n, name in enumerate(WHEELS) if runs_on(name, platform)) == fits


@pytest.mark.parametrize(("python", "fits"), [("3.12", "01345678"), ("3.11", "023"), ("3.9", "03")])
def test_a_wheel_is_for_the_pythons_of_its_tags(python: str, fits: str) -> None:
    assert "".join(str(n) for n, name in enumerate(WHEELS) if of_python(name, python)) == fits
    assert of_python("odd.whl", python)


def test_the_wheel_of_a_platform_and_a_python_comes_first_then_any_of_the_platform_then_a_source() -> None:
    source, files = PackageFile("a.tar.gz", ""), list(WHEELS.values())
    assert fitting(files[1:3], [source], "linux-64", "3.11") is files[2]
    assert fitting(files[1:3], [source], "linux-64", "3.8") is files[1]
    assert fitting(files[1:3], [source], "win-64", "3.11") is source
    assert fitting(files[1:3], [], "win-64", "3.11") is None
    assert file_name(files[0].url) == "a-1-py3-none-any.whl"
    assert file_name("c%20d/a%2Bb.whl") == "a+b.whl"


@pytest.mark.parametrize(
    ("tag", "minor"),
    [
        ("manylinux_2_28_x86_64", 28),
        ("manylinux2014_aarch64", 17),
        ("manylinux1_x86_64", 5),
        ("musllinux_1_2_x86_64", None),
        ("any", None),
    ],
)
def test_a_tag_names_a_glibc(tag: str, minor: int | None) -> None:
    assert glibc_minor(tag) == minor
    assert platform_tags(f"a-1-py3-none-{tag}.x.whl") == [tag, "x"]


# --- markers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marker", "there"),
    [
        ("python_full_version == '3.12.0'", "all"),
        ("python_version == '3.12' and implementation_version == '3.12.0'", "all"),
        ("platform_python_implementation == 'CPython' and implementation_name == 'cpython'", "all"),
        ("platform_release == '' and platform_version == ''", "all"),
        ("os_name == 'nt'", "win-64"),
        ("platform_system == 'Darwin' and platform_machine == 'arm64'", "osx-arm64"),
        ("platform_machine == 'aarch64'", "linux-aarch64"),
        ("extra == 'one'", "all"),
        ("'one' == extra", "all"),
        ("'one' != extra", ""),
        ("extra != 'other'", "all"),
        ("extra == 'other'", ""),
        ("unknown_name == 'x'", "all"),
    ],
)
def test_a_marker_holds_where_it_is_meant_to(marker: str, there: str) -> None:
    found = " ".join(platform for platform in PLATFORMS if holds(marker, platform, extras={"one"}))
    assert found == (" ".join(PLATFORMS) if there == "all" else there)
    assert of_platforms(marker) is any(word in marker for word in ("os_name", "platform_system", "platform_machine"))


@pytest.mark.parametrize(
    ("versions", "oldest"),
    [("", "3.8"), (">=3.10.99", "3.10"), (">3.10.99", "3.11"), ("<3", "3.12"), ("==3.13.*", "3.13"), ("?", "3.12")],
)
def test_the_oldest_python_of_a_range_may_have_any_patch_release(versions: str, oldest: str) -> None:
    assert oldest_python(versions) == oldest


# --- lines for one platform -----------------------------------------------------------------------------------------------

LONG = "x" * 200
VALUES = {
    "numpy": "numpy",
    "numpy >=2": "numpy >=2",
    "a: b": "'a: b'",
    "": "''",
    "1.0": "'1.0'",
    "a\nb": '"a\\nb"',
    LONG + " y": LONG + " y",
    OnPlatform.of("cuda", "win-64"): "cuda  # [win64]",
    OnPlatform.of("c: d", "osx-arm64"): "'c: d'  # [arm64]",
}


@pytest.mark.parametrize("value", VALUES)
def test_a_text_is_one_line_of_yaml_with_the_selector_of_its_platform(value: str) -> None:
    assert scalar(value) == VALUES[value]


def test_a_line_with_a_selector_counts_on_its_platform_alone() -> None:
    text = "a\n- b  # [win64]\n- c # x [linux64]\n# [win64]\n- d # [py]\n"
    assert selected(text) == ["- b  # [win64]", "- c # x [linux64]", "- d # [py]"]
    assert for_platform(text, "win-64") == "a\n- b  # [win64]\n\n# [win64]\n\n"
    assert for_platform(text, "linux-64") == "a\n\n- c # x [linux64]\n# [win64]\n\n"
    assert for_platform("a", "linux-64") == "a\n"


# --- locks that share packages --------------------------------------------------------------------------------------------

TWO = [entry("numpy 2.2.6 0"), entry("zlib 1.3 0")]
PLAIN = lock_text(TWO).replace("  content_hash: {}\n", "")


@pytest.mark.parametrize(
    ("text", "learned"),
    [
        (PLAIN, 2),
        (PLAIN.replace("version: 1\n", "# Made by envgen\n#   conda-lock install --name p-cpu conda-lock.yml\nversion: 1\n", 1), 2),
        (PLAIN.removesuffix("\n"), 0),
        (PLAIN.removesuffix("\n") + "X", 0),
        (PLAIN.replace("package:\n- name", "package:\n+ name"), 0),
        (PLAIN.replace("category: main", "category: dev", 1), 0),
        (PLAIN.replace("version: 1\n", "version: 1\nother: 1\n", 1), 0),
        (PLAIN.replace("package:\n", "package:\n# x\n"), 0),
        (PLAIN.replace("version: '2.2.6'", 'version: "2.2.6"'), 1),
        (PLAIN.replace("name: numpy", "name: a b"), 1),
        (lock_text([TWO[0].replace("category: main", "category: dev"), *TWO]).replace("  content_hash: {}\n", ""), 0),
        ("", 0),
    ],
)
def test_a_lock_that_shares_packages_is_read_as_any_other(text: str, learned: int) -> None:
    known: dict[str, LockedPackage] = {}
    assert [said(lambda: read_similar(text, "l.yml", known)) for _ in range(2)] == [said(lambda: read_lock(text, "l.yml"))] * 2
    assert len(known) <= 2
    assert (len(known) == 2) is (learned == 2)
    assert all(row.at is None for row in known.values())


def test_hashes_of_content_are_those_of_envgen_where_it_wrote_them() -> None:
    ours = "    envgen-packages: " + "0" * 64 + "\n"
    mapping = PLAIN.replace("  channels:\n", f"  content_hash: {{linux-64: ab}}\n  custom_metadata:\n{ours}  channels:\n", 1)
    assert read_lock(mapping, "l.yml").content_hashes == {"linux-64": "ab"}
    assert read_lock(mapping.replace(ours, "    a: b\n"), "l.yml").content_hashes == {}
    assert read_lock(mapping.replace("{linux-64: ab}", "5"), "l.yml").content_hashes == {}
    assert read_lock(mapping.replace("  content_hash: {linux-64: ab}\n", ""), "l.yml").content_hashes == {}


def said(read: Callable[[], Lock]) -> object:
    """A lock without the lines of its packages, or the error about it."""
    try:
        lock = read()
    except BadInput as error:
        return error.what, error.where, error.hint
    return lock.shown, lock.format, lock.environment, [row.content for row in lock.packages]


def test_an_entry_that_is_known_is_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, LockedPackage] = {}
    read_similar(PLAIN, "l.yml", known)
    monkeypatch.setattr(similar_locks, "plain_packages", lambda *_: pytest.fail("parsed again"))
    assert [row.name for row in read_similar(PLAIN, "l.yml", known).packages] == ["numpy", "zlib"]


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        ("dependencies: [' numpy >=2 ', 'c::Scipy', {pip: [x]}, 5]\n", ("numpy >=2", "c::Scipy")),
        ("dependencies:\n- a\n- b  # [win64]\n", ("a",)),
        ("dependencies: 5\n", ()),
        ("dependencies:\n", ()),
        ("channels: []\n", ()),
        ("[a]\n", ()),
    ],
)
def test_the_specs_of_an_environment_file_are_texts_of_its_list(text: str, specs: tuple[str, ...]) -> None:
    assert read_specs(text, "environment.yml", "linux-64") == specs


@pytest.mark.parametrize(
    ("spec", "name"), [("numpy >=2", "numpy"), ("c::Odd_N.a-me=1", "odd_n.a-me"), (" x ", "x"), ("!x", ""), ("", "")]
)
def test_a_spec_names_a_package(spec: str, name: str) -> None:
    assert spec_name(spec) == name


def test_a_path_that_is_not_there_is_told_what_may_be_given(tmp_path: Path) -> None:
    error = refused(lambda: read_any(tmp_path / "gone", "gone"))
    assert error is not None
    assert (str(error.where), error.hint) == ("gone", "give a lock, a list or an environment's folder")


FILE = "https://h.example/NAME-2.9.0-cp312-cp312-manylinux_2_28_x86_64"


@pytest.mark.parametrize(
    ("name", "end", "cuda"),
    [("torch", "-cu126.whl", "12.6"), ("torch", "-null.whl", None), ("torch", ".whl", None), ("einops", "-cu130.whl", "13.0")],
)
def test_the_label_of_a_variant_wheel_names_its_cuda(name: str, end: str, cuda: str | None) -> None:
    package = pip(name, "2.9.0", url=FILE.replace("NAME", name) + end)
    assert cuda_of(real_matrix().catalogue, package) == cuda
    assert cuda_of(real_matrix().catalogue, replace(package, version="2.9.0+cu118")) == "11.8"  # which comes first


@pytest.mark.parametrize(
    ("package", "whole", "part"),
    [
        (pip("torch", "2.9.0", url=""), False, True),
        (replace(pip("torch", "2.9.0", url=""), variants=("cpu", "cu126")), True, True),
        (replace(pip("torch", "2.9.0", url=""), variants=("cpu",)), False, True),
        (pip("torch", "2.9.0+rocm6.4", url=""), True, True),
        (replace(pip("torch", "2.9.0+xpu", url=""), platform="win-64"), True, True),
        (pip("einops", "2.9.0+xpu", url=""), False, True),
        (pip("jaxlib", "0.7", url=""), False, False),
        (conda("pytorch", "2.9", "py312_0"), True, True),
        (conda("pytorch", "2.9", "cpu_py312_0"), False, False),
    ],
)
def test_nothing_tells_what_a_package_without_a_mark_is_where_more_may_be_there(
    package: LockedPackage, whole: bool, part: bool
) -> None:
    catalogue = real_matrix().catalogue
    assert [tells_nothing(catalogue, package, complete=complete) for complete in (True, False)] == [whole, part]
