"""The folders of an installation: what is copied, what is exchanged, what is cleaned up, and what is said where that fails."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from envgen.install import transaction
from envgen.install.transaction import clone, os_errors_as_bad_input, recover, staged
from envgen.model.errors import BadInput

PAIR = (Path("one"), Path("other"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_pipes_and_stale_bytecode_are_not_copied(tmp_path: Path) -> None:
    old = tmp_path / "old"
    (old / "lib").mkdir(parents=True)
    for name in ("a.py", "a.pyc", "kept.pyc"):
        (old / "lib" / name).write_text(name)
    os.mkfifo(old / "lib" / "pipe")
    clone(old, tmp_path / "new", {"lib/kept.pyc"})
    assert sorted(path.name for path in (tmp_path / "new" / "lib").iterdir()) == ["a.py", "kept.pyc"]


def test_folders_above_a_prefix_are_made_and_an_empty_one_is_removed_again(tmp_path: Path) -> None:
    prefix = tmp_path / "more" / "envs" / "p"
    with staged(prefix) as stage:
        assert stage.parent.is_dir()
    assert not prefix.parent.exists()


def test_the_lock_file_of_a_killed_run_is_removed(tmp_path: Path) -> None:
    prefix = tmp_path / "p"
    transaction._lock_file(prefix).touch()
    recover(prefix)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as found, os_errors_as_bad_input(tmp_path):
        raise OSError(28, "No space left on device")
    hint = "free some space, or choose another folder with --prefix DIR; nothing was changed"
    assert (found.value.what, found.value.where, found.value.hint) == ("cannot be written: No space left on device", tmp_path, hint)


@pytest.mark.parametrize("result", [0, 1])
@pytest.mark.parametrize(("system", "call"), [("darwin", "renamex_np"), ("linux", "renameat2")])
def test_folders_are_exchanged_by_the_call_of_the_system(
    system: str, call: str, result: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    names = ("renamex_np", "renameat2")
    calls = {name: (lambda *_, name=name: called.append(name) or result) for name in names}
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace(**calls))
    assert transaction._exchange(*PAIR) is (result == 0)
    assert called == [call]


@pytest.mark.parametrize("system", ["win32", "darwin", "linux", "freebsd14"])
def test_a_system_without_such_a_call_exchanges_nothing(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: asked.append(system) or SimpleNamespace())
    assert transaction._exchange(*PAIR) is False
    assert asked == ([] if system == "win32" else [system])
