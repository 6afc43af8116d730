"""The rows of a file of facts, and edits of a text of YAML: what is not touched stays, and what cannot be edited is refused."""

from __future__ import annotations

from typing import Any

import pytest

from envgen.model.errors import BadInput
from envgen.yamlfile.document import parse
from envgen.yamlfile.edit import Edit, flow, spliced
from envgen.yamlfile.rows import file_rows

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
