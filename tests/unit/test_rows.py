"""The rows of a fact file that differ, and the file with one of them changed: whatever is edited, all edits together are the new file."""

from __future__ import annotations

from conftest import REPO
from hypothesis import given
from hypothesis import strategies as st

from envgen.review.rows import row_edits

OLD = """\
# A file of facts.
because: https://example.org

releases:
  - version: "2"
    builds:
      - {variants: [cpu]}
  # the first
  - version: "1"
    builds:
      - {variants: [cpu, "12.6"]}
targets:
  cpu: {platforms: [linux-64]}
  cu126: {cuda: "12.6"}
"""


def told(new: str) -> list[tuple[str, int, str]]:
    return [(edit.change.kind, edit.change.line, edit.change.text) for edit in row_edits(OLD, new)]


def test_the_same_file_and_other_comments_have_no_edit() -> None:
    assert told(OLD) == []
    assert told(OLD.replace("# the first", "# the oldest\n\n  # of all").replace("# A file", "# Another file")) == []


def test_a_row_that_is_changed_added_or_removed_is_named_by_its_key_and_its_line() -> None:
    assert told(OLD.replace("[cpu]", "[cpu, 12]")) == [("changed", 7, 'releases: version: "2"')]
    assert told(OLD.replace("releases:\n", 'releases:\n  - version: "3"\n    builds: []\n')) == [
        ("added", 5, 'releases: version: "3"')
    ]
    assert told(OLD.replace('  cu126: {cuda: "12.6"}\n', "")) == [("removed", 14, 'targets: cu126: {cuda: "12.6"}')]
    assert told(OLD.replace("example.org", "example.net")) == [("changed", 2, "because: https://example.net")]


def test_a_long_row_is_cut() -> None:
    (edit,) = row_edits("", f"targets:\n  cpu: {'x' * 500}\n")[1:]
    assert len(edit.change.text) < 80 and edit.change.text.endswith("…")


def test_each_edit_is_made_alone() -> None:
    new = OLD.replace("[cpu]", "[cpu, 12]").replace('  cu126: {cuda: "12.6"}\n', "")
    assert [edit.text for edit in row_edits(OLD, new)] == [
        OLD.replace("[cpu]", "[cpu, 12]"),
        OLD.replace('  cu126: {cuda: "12.6"}\n', ""),
    ]


TEXTS = [path.read_text(encoding="utf-8") for path in sorted((REPO / "matrices").glob("*.yaml"))]


@given(text=st.sampled_from(TEXTS), data=st.data())
def test_the_edit_of_a_line_makes_the_file_in_which_it_was_edited(text: str, data: st.DataObject) -> None:
    lines = text.splitlines(keepends=True)
    place = data.draw(st.integers(0, len(lines) - 1))
    new = "".join((*lines[:place], *data.draw(st.sampled_from([(), (lines[place].rstrip() + " x\n",)])), *lines[place + 1 :]))
    edits = row_edits(text, new)
    assert edits or not (said(text) - said(new) or said(new) - said(text))
    if len(edits) == 1:
        assert row_edits(edits[0].text, new) == ()
        assert row_edits(edits[0].text, text) != ()


def said(text: str) -> set[str]:
    return {line.rstrip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")}
