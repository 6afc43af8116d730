"""A check judges what it digested, also where a file is changed meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from envgen.model.errors import BadInput
from envgen.model.layout import FILES, LOCK, Layout
from envgen.review.read_once import ReadOnce


def test_a_file_that_is_changed_meanwhile_is_read_as_it_was_until_it_is_forgotten(tmp_path: Path) -> None:
    once, path = ReadOnce.of(Layout(tmp_path)), tmp_path / "a.yml"
    path.write_text("a: 1\n")
    assert once.read(path) == "a: 1\n"
    path.write_text("a: 2\n")
    assert (once.read(path), once.data(path), once.root) == ("a: 1\n", b"a: 1\n", tmp_path)
    assert ReadOnce.of(Layout(tmp_path)).read(path) == "a: 2\n"
    once.forget()
    assert (once.data(path), once.read(path)) == (b"a: 2\n", "a: 2\n")


def test_what_could_not_be_read_is_not_remembered(tmp_path: Path) -> None:
    once, path = ReadOnce.of(Layout(tmp_path)), tmp_path / "a.yml"
    with pytest.raises(BadInput, match="cannot be read"):
        once.read(path)
    path.write_text("a: 1\n")
    assert once.read(path) == "a: 1\n"


@pytest.mark.parametrize("data", [b"", b"a\nb\n", b"a\r\nb\rc\r\n", "\ufeffaä\u2028b\x85c".encode(), b"a\xff", b"a\xc3"])
def test_bytes_and_text_are_those_of_the_file_whichever_is_asked_for_first(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_bytes(data)
    for first in ("data", "read"):
        layouts = Layout(tmp_path), ReadOnce.of(Layout(tmp_path))
        told = [[asked(layout, name, path) for name in (first, "data", "read", first)] for layout in layouts]
        assert told[0] == told[1]
        assert asked(layouts[0], "data", path) == data
        assert asked(layouts[1], "read", path) == text_or_error(path)


def asked(layout: Layout, name: str, path: Path) -> str | bytes:
    """What a layout says of a file, or why it does not."""
    try:
        return layout.data(path) if name == "data" else layout.read(path)
    except BadInput as error:
        return error.what


def text_or_error(path: Path) -> str:
    """The text as Python reads it."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        return f"cannot be read: {error}"


def test_bytes_that_were_read_open_no_link_that_leads_out(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "environments" / "p").mkdir(parents=True)
    (tmp_path / "outside").write_text("a: 1\n")
    path = root / "environments" / "p" / "project.yaml"
    path.symlink_to(tmp_path / "outside")
    folder = root / "environments" / "q"
    folder.symlink_to(tmp_path)
    for layout in (Layout(root), ReadOnce.of(Layout(root))):
        for file in (path, folder / "outside"):
            assert layout.data(file) == b"a: 1\n"
            with pytest.raises(BadInput, match="leads out of the repository") as error:
                layout.read(file)
            assert str(error.value.where) == layout.shown(path if file == path else folder)
        assert layout.inside(root) == root


def test_the_files_and_locks_of_targets_are_those_that_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "environments" / "p"
    for target, files in {"b": FILES, "a": (LOCK,), "none": (), ".hidden": (LOCK,)}.items():
        (folder / target).mkdir(parents=True)
        for file in files:
            (folder / target / file).write_text("")
    (folder / "file").write_text("")
    (folder / "dangling").mkdir()
    (folder / "dangling" / LOCK).symlink_to("nowhere")
    expected = tuple(sorted(path for name in FILES for path in folder.glob(f"*/{name}")))
    for layout in (Layout(tmp_path), ReadOnce.of(Layout(tmp_path))):
        assert layout.target_files("p") == expected
        assert layout.locked_targets("p") == (".hidden", "a", "b")
        assert layout.target_files("other") == layout.locked_targets("other") == ()
