"""One run at a time writes a repository: what the others are told, and what a killed run leaves."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from filelock import FileLock, Timeout
from unit.small import refused
from unit.test_plan import Notes

from envgen.lock.one_writer import one_writer, sweep, was_killed
from envgen.model.layout import Layout

SIGNED = "`envgen lock p`, process 12\n"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A repository with one project, into which nobody writes."""
    (tmp_path / "environments/p/cpu").mkdir(parents=True)
    return Layout(tmp_path)


def left_behind(layout: Layout) -> Path:
    """A file that a killed run was writing."""
    path = layout.environments / "p/cpu/.conda-lock.yml.1.envgen-tmp"
    path.write_text("half", encoding="utf-8")
    return path


class Waiting(Notes):
    """A reporter that ends the other run as soon as it is told of it."""

    def __init__(self, other: FileLock) -> None:
        super().__init__()
        self.other = other

    def say(self, text: str) -> None:
        super().say(text)
        self.other.release()


def test_the_lock_file_names_the_run_that_writes_and_goes_with_it(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/envgen", "lock", "p\udcff"])
    notes = Notes()
    with one_writer(layout, notes) as left:
        assert left is False
        assert layout.writer.read_text(encoding="utf-8") == f"`envgen lock p?`, process {os.getpid()}\n"
        assert was_killed(layout)
    assert not layout.writer.exists()
    assert not was_killed(layout)
    assert notes.told == []


@pytest.mark.parametrize(
    ("signed", "shown"),
    [
        (SIGNED.encode(), " (`envgen lock p`, process 12)"),
        (b"", ""),
        (b"\n\x1b", ""),
        (b"\xff\x1b[31m\n" + b"x" * 300, f" (\ufffd[31m{'x' * 193})"),
    ],
)
def test_a_second_run_waits_and_says_for_whom(signed: bytes, shown: str, layout: Layout) -> None:
    other = FileLock(layout.writer, thread_local=False)
    other.acquire()
    layout.writer.write_bytes(signed)
    notes = Waiting(other)
    with one_writer(layout, notes):
        assert not other.is_locked
        with pytest.raises(Timeout):
            FileLock(layout.writer, timeout=0).acquire()
    assert notes.told == [f"waiting for another envgen to write this repository{shown}"]


def test_a_lock_file_that_is_gone_again_names_nobody(layout: Layout) -> None:
    other = FileLock(layout.writer, thread_local=False)
    other.acquire()
    notes = Waiting(other)
    with patch.object(Path, "read_text", side_effect=OSError), one_writer(layout, notes):
        pass
    assert notes.told == ["waiting for another envgen to write this repository"]


def test_a_run_holds_its_lock_until_it_is_done(layout: Layout) -> None:
    with one_writer(layout, Notes()), pytest.raises(Timeout):
        FileLock(layout.writer, timeout=0).acquire()
    FileLock(layout.writer, timeout=0).acquire()


@pytest.mark.parametrize("what", ["a lock file", "a file half written", "nothing"])
def test_what_a_killed_run_left_is_known_and_goes(what: str, layout: Layout) -> None:
    half = left_behind(layout) if what == "a file half written" else None
    if what == "a lock file":
        layout.writer.write_text(SIGNED, encoding="utf-8")
    with one_writer(layout, Notes()) as left:
        assert left is (what != "nothing")
        assert not (half and half.exists())
        if half:
            left_behind(layout)
    with one_writer(layout, Notes(), swept=True) as left:
        assert left is False
        assert bool(half and half.exists()) is bool(half)


def test_what_a_killed_run_left_is_swept_unless_another_one_is_writing(layout: Layout) -> None:
    half = left_behind(layout)
    sweep(layout)
    assert not half.exists() and not layout.writer.exists()
    half = left_behind(layout)
    other = FileLock(layout.writer)
    other.acquire()
    sweep(layout)
    assert half.exists() and layout.writer.exists()
    other.release()
    half.unlink()
    layout.writer.write_text(SIGNED, encoding="utf-8")
    sweep(layout)
    assert list(layout.environments.rglob("*.*")) == []


def test_neither_a_message_nor_a_sweep_waits_for_another_run(layout: Layout) -> None:
    other = FileLock(layout.writer, thread_local=False)
    other.acquire()
    with patch.object(FileLock, "acquire", side_effect=[Timeout(""), None]) as acquired, one_writer(layout, Waiting(other)):
        pass
    assert [call.kwargs for call in acquired.call_args_list] == [{"timeout": 0}, {}]
    left_behind(layout)
    with patch("filelock.FileLock") as opened:
        sweep(layout)
    assert [call.kwargs for call in opened.call_args_list] == [{"timeout": 0}]


def test_nothing_is_locked_to_sweep_where_nothing_is_left(layout: Layout) -> None:
    with patch("filelock.FileLock") as opened:
        sweep(layout)
    assert not opened.called


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK])
def test_a_file_system_without_locks_is_used_without_and_that_is_said(number: int, layout: Layout) -> None:
    notes = Notes()
    with patch.object(FileLock, "acquire", side_effect=OSError(number, "no locks")), one_writer(layout, notes):
        pass
    assert notes.told == ["environments is on a file system without locks: run one envgen at a time in it"]


def test_a_folder_that_cannot_be_written_is_bad_input(layout: Layout) -> None:
    def write() -> Any:
        with patch.object(FileLock, "acquire", side_effect=OSError(errno.EROFS, "Read-only file system")):
            return one_writer(layout, Notes()).__enter__()

    error = refused(write)
    assert error is not None
    assert (error.what, error.where) == ("cannot be written: Read-only file system", "environments/.writer.envgen-lock")
