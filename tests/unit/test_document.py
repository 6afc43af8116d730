"""YAML with marks: what is wrong, and at which line and column."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.version import Version
from unit.small import examples, refused

from envgen.model.errors import BadInput
from envgen.model.ranges import version_range
from envgen.yamlfile import nodes
from envgen.yamlfile.document import parse, read
from envgen.yamlfile.schema import FileModel, RangeText, Text, VersionText, checked

ADDRESS = re.compile(r"f\.yaml:[1-9]\d*:[1-9]\d*: .")


class Inner(FileModel):
    size: int = 0


class Shape(FileModel):
    """A file as the tests below would have it."""

    name: Text
    version: VersionText | None = None
    range: RangeText | None = None
    rows: list[Inner] = []
    flag: bool = False


def refusal(text: str) -> str:
    """The whole message that a file gets."""
    with pytest.raises(BadInput) as caught:
        checked(parse(text, "f.yaml"), Shape)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [a\n", "f.yaml:2:1: not YAML: did not find expected ',' or ']'\n\nhint: fix the line and run again"),
        (
            "name: a\n\tflag: true\n",
            "f.yaml:2:1: not YAML: found a tab character that violates indentation\n\nhint: fix the line and run again",
        ),
        ("name: a\nnmae: b\n", "f.yaml:2:1: nmae: unknown key\n\nhint: did you mean `name`?"),
        ("name: a\nzzz: b\n", "f.yaml:2:1: zzz: unknown key\n\nhint: known here: flag, name, range, rows, version"),
        ("flag: true\n", "f.yaml:1:1: name is missing\n\nhint: add it"),
        ("", "f.yaml:1:1: name is missing\n\nhint: add it"),
        ("name: a\nflag: perhaps\n", "f.yaml:2:1: flag: expected a valid boolean\n\nhint: see `envgen help matrices`"),
        ("name: a\nrows: {}\n", "f.yaml:2:1: rows: expected a valid list\n\nhint: see `envgen help matrices`"),
        (
            "name: a\nrows:\n  - size: 1\n  - size: x\n",
            "f.yaml:4:5: rows[1].size: expected a valid integer\n\nhint: see `envgen help matrices`",
        ),
        ("name: a\nrows:\n  - siez: 1\n", "f.yaml:3:5: rows[0].siez: unknown key\n\nhint: did you mean `size`?"),
        ("name: a\nrows: [1]\n", "f.yaml:2:8: rows[0]: expected a mapping (`key: value`)\n\nhint: see `envgen help matrices`"),
        ("name: a\nname: b\n", "f.yaml:2:1: `name` is written twice\n\nhint: keep one of them"),
        ("name: &a x\nversion: *a\n", "f.yaml:2:10: aliases (`*name`) are not supported\n\nhint: write the value out"),
        (
            "name: a\nrows:\n  - <<: {size: 1}\n",
            "f.yaml:3:5: a key must be plain text\n\nhint: includes and merge keys (`<<`) are not supported: write the keys out",
        ),
        ("? [a]\n: b\n", "f.yaml:1:3: a key must be plain text\n\nhint: write the keys out"),
        ("name: 3.10\n", 'f.yaml:1:1: name: expected a string, got the number 3.1\n\nhint: put it in quotes: "3.10"'),
        ("name: 1_0\n", 'f.yaml:1:1: name: expected a string, got the number 10\n\nhint: put it in quotes: "1_0"'),
        (
            "name: a\nversion: 12.60\n",
            'f.yaml:2:1: version: expected a string, got the number 12.6\n\nhint: put it in quotes: "12.60"',
        ),
        ("name: a\nrange: 3.10\n", 'f.yaml:2:1: range: expected a string, got the number 3.1\n\nhint: put it in quotes: "3.10"'),
        ("name: a\nversion: one\n", 'f.yaml:2:1: version: not a version\n\nhint: for example "2.7.1"'),
        (
            'name: a\nrange: ">=3,<3"\n',
            'f.yaml:2:1: range: no version is in the range \'>=3,<3\'\n\nhint: for example ">=2.5,<3" or "2.7.*"',
        ),
        (
            "name: a\nrange: x y\n",
            'f.yaml:2:1: range: \'x y\' is not a version range\n\nhint: for example ">=2.5,<3" or "2.7.*"',
        ),
        (
            "name: a\n<<<<<<< HEAD\nflag: true\n=======\nflag: false\n>>>>>>> other\n",
            "f.yaml:2:1: this file has an unresolved merge conflict\n\nhint: keep one side and remove the `<<<<<<<`, `=======` and `>>>>>>>` lines",
        ),
        ("- a\n", "f.yaml:1:1: the file: expected a mapping (`key: value`)\n\nhint: see `envgen help matrices`"),
        ("just words\n", "f.yaml:1:1: the file: expected a mapping (`key: value`)\n\nhint: see `envgen help matrices`"),
    ],
)
def test_every_mistake_is_named_with_its_line_and_column(text: str, message: str) -> None:
    assert refusal(text) == message


@pytest.mark.parametrize(
    "text",
    [
        "name: !!python/object/apply:os.system [id]\n",
        "name: !!python/name:os.system x\n",
        "!!python/tuple [a]\n",
        "name: !!python/object/new:os.system [id]\n",
        "name: !!str {a: b}\n",
        "name: !x y\n",
    ],
)
def test_tags_of_python_and_unknown_tags_are_refused_and_nothing_is_run(text: str) -> None:
    assert ADDRESS.match(refusal(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a: "\\e[2J"\n', "f.yaml:1:4: the character U+001B is not supported"),
        ('a: "x\\r::error::y"\n', "f.yaml:1:4: the character U+000D is not supported"),
        ("a: b\nc: d\u202ee\n", "f.yaml:2:4: the character U+202E is not supported"),
        ('"a\\0": b\n', "f.yaml:1:1: the character U+0000 is not supported"),
        ('gpus: [V100, "１２.0"]\n', "f.yaml:1:14: the digit １ (U+FF11) is not supported"),
    ],
)
def test_what_a_reviewer_cannot_see_and_digits_of_other_scripts_are_refused(text: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(text, "f.yaml")
    assert str(caught.value).startswith(message)


def test_letters_of_any_script_line_breaks_and_tabs_are_fine() -> None:
    text = 'because: |\n  größer ≥ 2\n  漢字\u00a0é\nother: "a\\tb"\n'
    assert parse(text, "f.yaml").data == {"because": "größer ≥ 2\n漢字\u00a0é\n", "other": "a\tb"}


def test_two_documents_in_one_file_are_refused_at_the_second() -> None:
    assert refusal("name: a\n---\nname: b\n").startswith("f.yaml:2:1: expected a single document, found another")


def test_a_date_that_is_none_is_refused_with_its_spelling_and_address() -> None:
    """What stands between is Python's own wording, which changes with its version."""
    message = refusal("name: 2026-13-45\n")
    assert message.startswith("f.yaml:1:7: '2026-13-45'")
    assert message.endswith("\n\nhint: put it in quotes")


def test_a_nul_byte_is_refused_with_an_address() -> None:
    assert ADDRESS.match(refusal("name: a\0b\n"))


def test_the_first_wrong_value_in_the_file_is_reported() -> None:
    assert refusal("name: a\nrows: {}\nflag: perhaps\n").startswith("f.yaml:2:1: rows:")
    assert refusal("name: a\nflag: perhaps\nrows: {}\n").startswith("f.yaml:2:1: flag:")


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^f\.yaml: there is no such file\n\nhint: `envgen init` writes one$"):
        read(tmp_path / "absent", "f.yaml")


def test_a_file_that_is_not_utf8_says_so(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"name: \xff\n")
    with pytest.raises(BadInput) as caught:
        read(tmp_path / "x", "f.yaml")
    assert str(caught.value) == (
        "f.yaml:1:7: not UTF-8 text: byte 0xff, invalid start byte\n\nhint: save it as UTF-8; some editors write UTF-16 or Latin-1"
    )


def test_a_folder_in_place_of_a_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^f\.yaml: cannot be read: "):
        read(tmp_path, "f.yaml")


def test_a_byte_order_mark_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xef\xbb\xbfname: a\n")
    assert checked(read(tmp_path / "x", "f.yaml"), Shape).name == "a"


def test_windows_line_ends_change_nothing() -> None:
    assert parse("name: a\r\nrows:\r\n  - size: 1\r\n", "f.yaml").data == {"name": "a", "rows": [{"size": 1}]}


def test_every_key_and_item_has_the_address_of_its_first_letter() -> None:
    document = parse("name: a\nrows:\n  - size: 1\n  - {size: 2}\n", "f.yaml")
    assert {path: str(document.at(*path)).removeprefix("f.yaml:") for path in document.marks} == {
        (): "1:1",
        ("name",): "1:1",
        ("rows",): "2:1",
        ("rows", 0): "3:5",
        ("rows", 0, "size"): "3:5",
        ("rows", 1): "4:5",
        ("rows", 1, "size"): "4:6",
    }


def test_what_is_not_there_has_the_address_of_what_holds_it() -> None:
    document = parse("rows:\n  - size: 1\n", "f.yaml")
    assert document.at("rows", 0, "colour") == document.at("rows", 0)
    assert document.at("nothing", "at", "all") == document.at()


YAMLISH = st.lists(st.sampled_from(["a", "name", "rows", ":", ": ", "- ", "\n", "\n  ", "[", "]", "{", "}", "&x ", "*x", "!!", "!!int ", "<<", "? ", "|\n", ">", "'", '"', "#", "%", "@", "~", "3.10", "0x", "1e9", "2026-99-01", "---\n", "...\n", ",", "\t", "\0", "\x85", "é", "\\", "true", "=", "!!set ", "!!timestamp ", "!!binary ", "!!omap ", "1:99"]), max_size=14).map("".join)  # fmt: skip


@examples(400)
@given(st.one_of(YAMLISH, st.text(max_size=40)))
@example("a: !!binary é\n")
@example("a: !!int x\n")
@example("a: !!int [1]\n")
@example("a: !!float ''\n")
@example("a: !!bool x\n")
@example("a: !!timestamp x\n")
@example("a: =\n")
@example("a: 0x_\n")
@example("a: !!map [b]\n")
@example("a: !!seq {b: c}\n")
@example("a: !!str {b: c}\n")
def test_any_text_is_a_document_or_bad_input_with_an_address(text: str) -> None:
    error = refused(lambda: parse(text, "f.yaml")) or refused(lambda: checked(parse(text, "f.yaml"), Shape))
    assert error is None or (ADDRESS.match(str(error)) and error.hint)


@pytest.fixture(params=["C", "Python"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML's parser in C, of whichever libyaml is there, and the one in Python."""
    if request.param == "Python":
        monkeypatch.setattr(nodes, "LOADER", yaml.SafeLoader)


@pytest.mark.parametrize(("opening", "column"), [("[", 22), ("{a: ", 85), ("- ", 43)])
@pytest.mark.parametrize("levels", [30, 999, 1000, 1001, 3000])
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.usefixtures("loader")
def test_deep_nesting_is_told_where_it_becomes_too_deep(opening: str, column: int, levels: int, closed: bool) -> None:
    """Wherever libyaml itself stops: its scanner does so at 1000 levels since 0.2.6, before the parser has told of any."""
    text = opening * levels + {"[": "]", "{": "}", "-": ""}[opening[0]] * levels * closed
    with pytest.raises(BadInput, match=rf"^f\.yaml:1:{column}: nested too deeply\n\nhint: "):
        parse(text, "f.yaml")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_told_at_once_however_deep_it_is(opening: str) -> None:
    """PyYAML's composer in C calls itself once for each level: without a limit in libyaml this would end the process."""
    with pytest.raises(BadInput, match=r"^f\.yaml:1:\d+: nested too deeply\n\nhint: "):
        parse(opening * 300_000, "f.yaml")


@pytest.mark.usefixtures("loader")
def test_twenty_levels_are_read() -> None:
    assert parse("a:" + " [" * 20 + "]" * 20, "f.yaml").data["a"]
    with pytest.raises(BadInput, match=r"^f\.yaml:1:44: nested too deeply"):
        parse("a:" + " [" * 21 + "]" * 21, "f.yaml")


@examples(300)
@given(YAMLISH)
def test_data_are_those_of_the_safe_loader_and_both_parsers_agree(text: str) -> None:
    """Where a text is read at all; a mapping's keys are text here, whatever they look like."""
    try:
        found = parse(text, "f.yaml")
    except BadInput:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nodes, "LOADER", yaml.SafeLoader)
        other = refused(lambda: parse(text, "f.yaml"))
        if other is None:
            assert repr(parse(text, "f.yaml").data) == repr(found.data)
    if re.search(r"[?:]", text) is None:
        assert repr(yaml.load(text, Loader=nodes.LOADER) or {}) == repr(found.data or {})


@examples(200)
@given(st.binary(max_size=30))
def test_any_bytes_are_a_document_or_bad_input(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(data)
    error = refused(lambda: read(path, "f.yaml"))
    assert error is None or str(error).startswith("f.yaml:")


# --- ranges ---------------------------------------------------------------------------------------------------------------

NUMBERS = st.lists(st.integers(0, 30), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
VERSIONS = st.lists(st.integers(0, 30), min_size=1, max_size=4).map(lambda parts: Version(".".join(map(str, parts))))


@given(NUMBERS, VERSIONS)
def test_a_bare_number_means_the_same_with_equals_sign_and_with_star(number: str, version: Version) -> None:
    assert (
        (version in version_range(number)) == (version in version_range(f"={number}")) == (version in version_range(f"{number}.*"))
    )


@given(NUMBERS, VERSIONS)
def test_a_bare_number_holds_what_begins_with_it(number: str, version: Version) -> None:
    prefix = Version(number).release
    padded = version.release + (0,) * 4
    assert (version in version_range(number)) == (padded[: len(prefix)] == prefix)


@given(NUMBERS, NUMBERS, VERSIONS)
def test_a_comma_means_and(low: str, high: str, version: Version) -> None:
    if Version(low) >= Version(high):
        with pytest.raises(ValueError, match=f"^no version is in the range '>={low}, <{high}'$"):
            version_range(f">={low}, <{high}")
        return
    assert (version in version_range(f">={low}, <{high}")) == (Version(low) <= version < Version(high))


@pytest.mark.parametrize("text", [">=3,<3", ">3,<3", "2.7,2.8", "==2.7.1,!=2.7.1", ">=3.13,<3.10"])
def test_an_empty_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="^no version is in the range "):
        version_range(text)


@pytest.mark.parametrize("text", ["", " ", ",", ">=2,", ">=", "two", "2..7", ">=2;<3", "2.7 2.8", "*.1", "=", "==", "2.*.1"])
def test_what_is_no_range_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(repr(text))} is not a version range$"):
        version_range(text)


@examples(300)
@given(st.text(alphabet="0123456789.*<>=!~, arbc+", max_size=12))
def test_any_text_is_a_range_or_a_value_error(text: str) -> None:
    try:
        found = version_range(text)
    except ValueError:
        return
    assert not found.is_unsatisfiable()


def test_the_star_alone_holds_everything() -> None:
    assert Version("0.0.1") in version_range("*")
    assert Version("99") in version_range("*")


@pytest.mark.parametrize("text", ["!!python/tuple [a]\n", "a: !!set {b: null}\n", "a: !own {b: c}\n"])
def test_a_tag_on_a_list_or_a_mapping_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"^f\.yaml:1:\d+: the tag .* is not supported"):
        parse(text, "f.yaml")
