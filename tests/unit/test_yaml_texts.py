"""The rows of a file of facts, and edits of a text of YAML: what is not touched stays, and what cannot be edited is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field
from unit.small import refused

from envgen.model.errors import BadInput
from envgen.yamlfile import document as document_module
from envgen.yamlfile import text as text_module
from envgen.yamlfile.document import parse, parsed
from envgen.yamlfile.edit import Edit, flow, spliced
from envgen.yamlfile.nodes import compose, walk
from envgen.yamlfile.rows import file_rows
from envgen.yamlfile.schema import FileModel, RangeText, Text, VersionText, VirtualName, VirtualText, checked, problems
from envgen.yamlfile.text import source, text_of

FACTS = """\
# A file.
because: https://example.org

releases:
  - version: "2"
    builds:
      - {variants: [cpu]}
    # of the row above

  # the first
  - version: "1"
  - [a,
     b]
  - plain text
targets:
  # deeper than its row
# not deeper

  cpu: {platforms: [linux-64]}
  cu126:
    cuda: "12.6"
flow: {a: 1, b: 2}
"""


def told(text: str) -> list[tuple[str, str, int, str, bool]]:
    return [(row.key, row.name, row.comments, row.text, row.heads) for row in file_rows(text)]


def test_each_row_has_its_name_its_lines_and_the_comments_above_it() -> None:
    assert told(FACTS) == [
        ("because", "because:", 1, "# A file.\nbecause: https://example.org\n", True),
        ("releases", "releases:", 1, "\nreleases:\n", True),
        (
            "releases",
            'releases: version: "2"',
            0,
            '  - version: "2"\n    builds:\n      - {variants: [cpu]}\n    # of the row above\n',
            False,
        ),
        ("releases", 'releases: version: "1"', 2, '\n  # the first\n  - version: "1"\n', False),
        ("releases", "releases: [a, b]", 0, "  - [a,\n     b]\n", False),
        ("releases", "releases: plain text", 0, "  - plain text\n", False),
        ("targets", "targets:", 0, "targets:\n", True),
        ("targets", "targets: cpu", 3, "  # deeper than its row\n# not deeper\n\n  cpu: {platforms: [linux-64]}\n", False),
        ("targets", "targets: cu126", 0, '  cu126:\n    cuda: "12.6"\n', False),
        ("flow", "flow:", 0, "flow: {a: 1, b: 2}\n", True),
    ]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", []),
        ("# nothing\n", [("", "", 0, "# nothing\n", False)]),
        ("{a: 1}\n", [("", "", 0, "{a: 1}\n", False)]),
        ("a: 1", [("a", "a:", 0, "a: 1", True)]),
        (f"a:\n  - {'x' * 200}\n", [("a", "a:", 0, "a:\n", True), ("a", f"a: {'x' * 77}", 0, f"  - {'x' * 200}\n", False)]),
        (
            "\na:\n  - [x,\n  y]\n  - z\n",
            [
                ("a", "a:", 1, "\na:\n", True),
                ("a", "a: [x, y]", 0, "  - [x,\n  y]\n", False),
                ("a", "a: z", 0, "  - z\n", False),
            ],
        ),
        ('a: "x\u2028y"\nb: 1\n', [("a", "a:", 0, 'a: "x\u2028y"\n', True), ("b", "b:", 0, "b: 1\n", True)]),
    ],
)
def test_the_rows_together_are_the_text(text: str, rows: list[tuple[str, str, int, str, bool]]) -> None:
    assert told(text) == rows
    assert "".join(row.text for row in file_rows(text)) == text


# --- edits ----------------------------------------------------------------------------------------------------------------

BLOCK = """\
releases:
# left of all
  # of the first
  - version: "2"
    builds:
        - {variants: [cpu]}
    # more of the first
  - {version: "1", builds: []}
  - version: "0"
    builds: [{variants: [cpu]}]
list: [a, b]
map: {a: 1}
more: {with: {x: 1, y: 2}}
empty: {}
block:
    x: 1
    y: 2
rows:
  - a
  - b
"""
NEW = {"version": "3", "because": "a b", "builds": [{"variants": ["cpu", "12.6"]}]}


def edit(kind: str, *path: str | int, value: Any = None, why: str = "") -> Edit:
    return Edit(kind=kind, path=path, value=value, why=why)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        (
            edit("insert", "releases", 0, value=NEW),
            "  # of the first\n",
            '  - version: "3"\n    because: "a b"\n    builds:\n        - {variants: [cpu, "12.6"]}\n  # of the first\n',
        ),
        (
            edit("insert", "releases", 1, value=NEW),
            "    # more of the first\n",
            f"    # more of the first\n  - {flow(NEW)}\n",
        ),
        (
            edit("insert", "releases", 3, value=NEW),
            "    builds: [{variants: [cpu]}]\n",
            '    builds: [{variants: [cpu]}]\n  - version: "3"\n    because: "a b"\n    builds:\n      - {variants: [cpu, "12.6"]}\n',
        ),
        (edit("insert", "releases", 2, value={"version": "x"}), '  - version: "0"', '  - {version: x}\n  - version: "0"'),
        (edit("insert", "rows", 0, value="x y"), "  - a\n", '  - "x y"\n  - a\n'),
        (edit("remove", "rows", 0), "  - a\n", ""),
        (edit("insert", "list", 0, value="x"), "[a, b]", "[x, a, b]"),
        (edit("insert", "list", 2, value=3), "[a, b]", "[a, b, 3]"),
        (edit("remove", "list", 0), "[a, b]", "[b]"),
        (edit("set", "list", 1, value="yes"), "[a, b]", '[a, "yes"]'),
        (edit("set", "rows", value=[]), "rows:\n  - a\n  - b\n", "rows: []\n"),
        (edit("set", "block", value={"z": 1}), "    x: 1\n    y: 2\n", "    {z: 1}\n"),
        (edit("set", "rows", value=["x"]), "  - a\n  - b\n", "  [x]\n"),
        (edit("set", "block", value={}), "block:\n    x: 1\n    y: 2\n", "block: {}\n"),
        (edit("set", "block", "x", value="\u00e4 b"), "    x: 1\n", '    x: "\u00e4 b"\n'),
        (edit("add", "map", "b", value=[1]), "{a: 1}", "{a: 1, b: [1]}"),
        (edit("add", "more", "with", "z", value=3), "{x: 1, y: 2}", "{x: 1, y: 2, z: 3}"),
        (edit("add", "empty", "a", value="n"), "{}", '{a: "n"}'),
        (edit("add", "block", "z", value=3), "    x: 1\n", "    x: 1\n    z: 3\n"),
        (edit("add", "last", value=1), "  - b\n", "  - b\nlast: 1\n"),
        (edit("unlist", "list", value={"a": {}, "b": {"x": 1}}), "[a, b]", "{a: {}, b: {x: 1}}"),
        (edit("unlist", "rows", value={"a": {}, "b": {}}), "  - a\n  - b\n", "  a: {}\n  b: {}\n"),
    ],
)
def test_an_edit_changes_its_place_alone(change: Edit, old: str, new: str) -> None:
    assert spliced(BLOCK, [change], "f.yaml") == BLOCK.replace(old, new, 1)


def test_no_edit_changes_nothing_and_line_ends_stay() -> None:
    assert spliced("a: 1", [], "f.yaml") == "a: 1"
    assert spliced("a: 1\nb: 2\n", [edit("remove", "a")], "f.yaml") == "b: 2\n"
    assert spliced("# c\n- a\n", [edit("insert", 0, value="b")], "f.yaml") == "- b\n# c\n- a\n"
    assert spliced("a: [b]", [edit("insert", "a", 1, value="c")], "f.yaml") == "a: [b, c]"
    assert spliced("a:\r\n- b\r\n", [edit("insert", "a", 0, value="c")], "f.yaml") == "a:\r\n- c\r\n- b\r\n"


def test_what_cannot_be_edited_is_refused_with_what_was_to_be_done() -> None:
    text = "? a\n: - b\nc: {d: 1}\n"
    with pytest.raises(BadInput) as error:
        spliced(text, [edit("set", "a", value=[], why="remove b"), edit("add", "c", "y", value=1, why="add y")], "f.yaml")
    assert error.value.what == "cannot edit this file in the way it is written; nothing was changed"
    assert (error.value.where, error.value.hint) == ("f.yaml", "edit it by hand: remove b; add y")


@pytest.mark.parametrize(
    ("value", "text"),
    [(1, "1"), ("a", "a"), ("a.b-c", "a.b-c"), ("1.0", '"1.0"'), ("No", '"No"'), ("\u00e4", '"\u00e4"'), ("", '""'), (("a", 1), "[a, 1]"), ({"a b": [{}]}, '{"a b": [{}]}')],
)  # fmt: skip
def test_a_value_is_written_as_it_is_read_again(value: Any, text: str) -> None:
    assert flow(value) == text


# --- what is no file of ours ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where", "what", "hint"),
    [
        ("a: 1\n---\nb: 1\n", "2:1", "expected a single document, found another", "remove the `---`: a file holds one document"),
        ("a: !Include x\n", "1:4", "the tag !Include is not supported", "includes are not supported: every file in matrices/ is read; write the values in this file"),
        ("a: !x [1]\n", "1:4", "the tag !x is not supported", "remove it"),
        ("a: !!set {b}\n", "1:4", "the tag tag:yaml.org,2002:set is not supported", "remove it"),
        ("a: [\n", "2:1", None, "fix the line and run again"),
        ("<<<<<<< x\na: 1\n", "1:1", "this file has an unresolved merge conflict", "keep one side and remove the `<<<<<<<`, `=======` and `>>>>>>>` lines"),
        ("a: 1\n||||||| x\n", "2:1", "this file has an unresolved merge conflict", "keep one side and remove the `<<<<<<<`, `=======` and `>>>>>>>` lines"),
        ("<<: {a: 1}\n", "1:1", "a key must be plain text", "includes and merge keys (`<<`) are not supported: write the keys out"),
        ("[a]: 1\n", "1:1", "a key must be plain text", "write the keys out"),
        ("a: 1\na: 2\n", "2:1", "`a` is written twice", "keep one of them"),
        ("a: b\x00\n", "1:5", None, "remove that character; the file must be UTF-8 text"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_ours_is_told_with_its_place(text: str, where: str, what: str | None, hint: str) -> None:
    with pytest.raises(BadInput) as error:
        parse(text, "f.yaml")
    assert str(error.value.where) == f"f.yaml:{where}"
    assert error.value.hint == hint
    assert error.value.what == what or (what is None and error.value.what.startswith("not YAML: "))


def test_plain_tags_are_read_as_what_they_are() -> None:
    assert parse("a: ! [1]\nb: !!seq [x]\nc: !!map {d: e}\nf: ! {}\n", "f.yaml").data == {
        "a": [1],
        "b": ["x"],
        "c": {"d": "e"},
        "f": {},
    }


# --- values that do not fit -------------------------------------------------------------------------------------------------


class Row(FileModel):
    """A row with a value of each kind."""

    name: Text
    some: Annotated[tuple[Text, ...], Field(strict=False, min_length=1, max_length=2)] = ("x",)
    more: Annotated[tuple[Text, ...], Field(strict=False, min_length=2, max_length=2)] = ("x", "y")
    single: Annotated[tuple[Text, ...], Field(strict=False, max_length=1)] = ()
    version: VersionText | None = None
    range: RangeText | None = None
    virtual: VirtualName = "__x"
    promised: VirtualText = "1"
    count: Annotated[int, Field(ge=1)] = 1


class File(FileModel):
    """A file of rows."""

    rows: Annotated[tuple[Row, ...], Field(strict=False)]
    either: Text | dict[str, Text] = "x"


HELP = "see `envgen help matrices`"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("rows: [{name: 3.10}]", ['1:9: rows[0].name: expected a string, got the number 3.1 | put it in quotes: "3.10"']),
        ("rows: [{name: true}]", [f"1:9: rows[0].name: expected a string | {HELP}"]),
        ("rows: [{name: [a]}]", [f"1:9: rows[0].name: expected a string | {HELP}"]),
        ("rows: [{}]", ["1:8: rows[0].name is missing | add it"]),
        ("{}", ["1:1: rows is missing | add it"]),
        ("- a", [f"1:1: the file: expected a mapping (`key: value`) | {HELP}"]),
        ("rows: 3", [f"1:1: rows: expected a valid tuple | {HELP}"]),
        ("rows: [{name: a, some: []}]", ["1:18: rows[0].some: expected at least 1 item, not 0 | add an item"]),
        ("rows: [{name: a, some: [a, b, c]}]", ["1:18: rows[0].some: expected at most 2 items, not 3 | remove one"]),
        ("rows: [{name: a, more: [a]}]", ["1:18: rows[0].more: expected at least 2 items, not 1 | add an item"]),
        ("rows: [{name: a, single: [a, b]}]", ["1:18: rows[0].single: expected at most 1 item, not 2 | remove one"]),
        ("rows: [{name: a, nmae: b}]", ["1:18: rows[0].nmae: unknown key | did you mean `name`?"]),
        (
            "extends: x\nrows: []",
            [
                "1:1: extends: unknown key | includes are not supported: every file in matrices/ is read; write the values in this file"
            ],
        ),
        ("rows: [{name: a, version: x}]", ['1:18: rows[0].version: not a version | for example "2.7.1"']),
        (
            "rows: [{name: a, range: '>='}]",
            ['1:18: rows[0].range: \'>=\' is not a version range | for example ">=2.5,<3" or "2.7.*"'],
        ),
        (
            "rows: [{name: a, virtual: x}]",
            ['1:18: rows[0].virtual: not the name of a virtual package | for example __glibc: "2.35"'],
        ),
        (
            "rows: [{name: a, promised: x y z}]",
            ['1:18: rows[0].promised: expected a version, or a version and a build string | for example "2.35" or "1 x86_64_v3"'],
        ),
        ("rows: [{name: a, count: 0}]", [f"1:18: rows[0].count: expected greater than or equal to 1 | {HELP}"]),
        (
            "either: 3\nrows: [{count: 0}]",
            [
                '1:1: either: expected a string, got the number 3 | put it in quotes: "3"',
                "2:8: rows[0].name is missing | add it",
                f"2:9: rows[0].count: expected greater than or equal to 1 | {HELP}",
            ],
        ),
        (
            "rows: []\neither: {a: [b]}",
            [f"2:1: either: expected a string | {HELP}", f"2:10: either.a: expected a string | {HELP}"],
        ),
        ("rows: [{name: a}]", []),
    ],
)
def test_each_value_that_does_not_fit_is_told_and_the_first_is_raised(text: str, found: list[str]) -> None:
    document = parse(text, "matrices/x.yaml")
    assert [f"{one}".replace("\n\nhint: ", " | ") for one in problems(document, File)] == [
        f"matrices/x.yaml:{row}" for row in found
    ]
    error = refused(lambda: checked(document, File))
    assert str(error).replace("\n\nhint: ", " | ") == (f"matrices/x.yaml:{found[0]}" if found else "None")


def test_a_place_is_that_of_the_nearest_parent() -> None:
    document = parse("a: {b: 1}\nc: [2]\n", "x.yaml")
    assert [str(document.at(*path)) for path in ((), ("a", "b"), ("a", "z", "y"), ("z",), ("c", 0), ("c", 1))] == [
        f"x.yaml:{place}" for place in ("1:1", "1:5", "1:1", "1:1", "2:5", "2:1")
    ]
    assert document.written(("a", "b")) == "1"
    assert parse("", "x.yaml").written(()) == ""
    assert parse("", "x.yaml").data == {}
    assert parsed("a: 1\n", "x.yaml").data == {"a": 1}


def test_aliases_may_not_make_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: &a [{}]\nb: [*a, *a]\n".format(", ".join("x" * 600))
    count = len(list(walk(compose(text, "x.yaml", aliases=True))))
    assert count > 1_800
    monkeypatch.setattr(document_module, "_MOST", count)
    assert len(parse(text, "x.yaml", aliases=True).data["b"]) == 2
    monkeypatch.setattr(document_module, "_MOST", count - 1)
    error = refused(lambda: parse(text, "x.yaml", aliases=True))
    assert str(error) == f"x.yaml:1:1: its aliases make more than {count - 1:,} values\n\nhint: is this the right file?"


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.yaml"

    def error() -> str:
        with pytest.raises(BadInput) as raised:
            source(path, "x.yaml")
        return str(raised.value)

    assert error() == "x.yaml: there is no such file\n\nhint: `envgen init` writes one"
    path.mkdir()
    assert error() == "x.yaml: cannot be read: it is not a file\n\nhint: move it away; a file belongs here"
    folder = refused(lambda: text_of(path, "x.yaml", "write one"))
    assert str(folder) == "x.yaml: cannot be read: it is a folder\n\nhint: it must be a readable text file"
    path.rmdir()
    path.write_bytes("a: ü\nbü".encode() + b"\xff")
    assert (
        error()
        == "x.yaml:2:3: not UTF-8 text: byte 0xff, invalid start byte\n\nhint: save it as UTF-8; some editors write UTF-16 or Latin-1"
    )
    monkeypatch.setattr(text_module, "_LARGEST", 1_500_000)
    path.write_bytes(b"a" * 1_500_000)
    assert len(source(path, "x.yaml")) == 1_500_000
    path.write_bytes(b"a" * 1_500_001)
    assert (
        error()
        == "x.yaml:1:1: 1.5 MB is too large: at most 2 MB is read\n\nhint: a file here holds one row for each fact; is this the right file?"
    )
    path.write_bytes(b"a\r\nb")
    assert source(path, "x.yaml") == "a\nb"
    assert text_of(path, "x.yaml", "", exact=True) == "a\r\nb"
