"""Tables: columns give way in their order, those that fold wrap between words, and no number or word is broken."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envgen import table as drawing
from envgen.table import UNBOUNDED, TextTable, fitted, grid, grouped, lines, table

PATH = "/home/somebody/miniconda3/envs/vision-cu126"
WORDS = st.text(st.sampled_from("abc019.-"), min_size=1, max_size=12)


def example(**changes: object) -> TextTable:
    rows = [("vision", "cu126", "3.5 GB", "changed by hand", PATH), ("jax", "cpu", ">=478 MB", "-", "-")]
    settings = {"right": ("download",), "fold": ("installed",), "spare": ("where", "download"), **changes}
    return table(("project", "target", "download", "installed", "where"), rows, **settings)


@given(st.lists(st.tuples(*[st.lists(WORDS, max_size=3).map(" ".join)] * 3), max_size=4), st.integers(5, 60), st.booleans())
def test_what_is_drawn_without_rich_is_what_rich_draws(rows: list[tuple[str, ...]], width: int, right: bool) -> None:
    found = table(("name", "number", "text"), rows, right=("number",) if right else (), fold=("text",))
    assert drawing._drawn(found, width) == drawing._drawn_by_rich(found, drawing._widths(found, width))


def test_a_table_of_plain_lines_is_drawn_without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(drawing, "_drawn_by_rich")
    assert lines(table(("a", "b"), [("x", "y")]), 80) == (" a   b", " ─────", " x   y")


def test_a_table_that_fits_has_everything() -> None:
    assert lines(example(), 100) == (
        " project   target   download   installed         where",
        " " + 91 * "─",
        f" vision    cu126      3.5 GB   changed by hand   {PATH}",
        " jax       cpu      >=478 MB   -                 -",
    )


def test_where_it_is_too_wide_the_first_spare_column_gives_way_and_is_named() -> None:
    assert lines(example(), 60) == (
        " project   target   download   installed",
        " " + 45 * "─",
        " vision    cu126      3.5 GB   changed by hand",
        " jax       cpu      >=478 MB   -",
        "(no room for where: a wider terminal or --json shows more)",
    )


def test_what_folds_wraps_between_words_and_the_rest_is_whole() -> None:
    assert lines(example(), 43)[:4] == (
        " project   target   download   installed",
        " ─────────────────────────────────────────",
        " vision    cu126      3.5 GB   changed by",
        "                               hand",
    )
    assert lines(example(), 20)[:3] == (
        " project   target   installed",
        " ────────────────────────────",
        " vision    cu126    changed",
    )


def test_a_title_stands_for_the_rows_that_share_it() -> None:
    found = table(("target", "seconds"), [("cpu", "0.1"), ("cu126", "12.5")], right=("seconds",), spare=("seconds",))
    assert grouped(found, ["one", "one"]) == "  target   seconds\n  ────────────────\none\n  cpu          0.1\n  cu126       12.5"
    assert grouped(found, ["one", "two"], 12) == (
        "  target\n  ──────\none\n  cpu\ntwo\n  cu126\n(no room for seconds: a wider terminal or --json shows more)"
    )


def test_labels_are_whole_and_texts_wrap() -> None:
    assert grid([("  note", "a text that is long"), ("", "-> do it")], 20, label_width=8) == (
        "  note    a text",
        "          that is",
        "          long",
        "          -> do it",
    )


@given(
    st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=4).map(" ".join), WORDS), min_size=1, max_size=5),
    st.integers(1, 90),
)
def test_no_word_is_ever_broken(rows: list[tuple[str, str, str]], width: int) -> None:
    found = table(("name", "text", "path"), rows, fold=("text",), spare=("path",))
    left = fitted(found, width)
    shown = re.split(r"\s+", "\n".join(lines(left, width)))
    assert {word for row in left.rows for cell in row for word in cell.split()} <= set(shown)
    if fitted(found, UNBOUNDED) == left and width >= 60:
        assert all(len(line) <= width for line in lines(found, width))
