"""A check judges what it digested, also where a file is changed meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from envgen.model.errors import BadInput
from envgen.model.layout import Layout
from envgen.review.read_once import ReadOnce


def test_a_file_that_is_changed_meanwhile_is_read_as_it_was(tmp_path: Path) -> None:
    once, path = ReadOnce.of(Layout(tmp_path)), tmp_path / "a.yml"
    path.write_text("a: 1\n")
    assert once.read(path) == "a: 1\n"
    path.write_text("a: 2\n")
    assert (once.read(path), once.root) == ("a: 1\n", tmp_path)
    assert ReadOnce.of(Layout(tmp_path)).read(path) == "a: 2\n"


def test_what_could_not_be_read_is_not_remembered(tmp_path: Path) -> None:
    once, path = ReadOnce.of(Layout(tmp_path)), tmp_path / "a.yml"
    with pytest.raises(BadInput, match="cannot be read"):
        once.read(path)
    path.write_text("a: 1\n")
    assert once.read(path) == "a: 1\n"
