"""A folder of repodata as an index: it is opened ahead in other threads, and packed files are unpacked once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import zstandard
from rattler import SparseRepoData
from unit.made_up import Row, write_channel

from envgen.channels import cache, index
from envgen.channels.channel import locate
from envgen.model.errors import BadInput

FORGE = locate("conda-forge")


def test_what_is_begun_is_opened_once_and_in_other_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, bool]] = []

    def recorded(channel: Any, subdir: str, path: Path) -> SparseRepoData:
        opened.append((subdir, threading.current_thread() is threading.main_thread()))
        return SparseRepoData(channel, subdir, path)

    monkeypatch.setattr(index, "SparseRepoData", recorded)
    found = write_channel(tmp_path, [Row("a", "1.0"), Row("a", "2.0", subdir="linux-64")])
    found.begin([FORGE], ["linux-64"])
    assert [str(row.version) for row in found.records("a", FORGE, "linux-64")] == ["2.0", "1.0"]
    assert [str(row.version) for row in found.records("a", FORGE, "win-64")] == ["1.0"]
    assert sorted(opened) == [("linux-64", False), ("noarch", False), ("win-64", True)]


def test_what_could_not_be_opened_ahead_is_an_error_of_its_own_for_each_question(tmp_path: Path) -> None:
    """The first project that asks gives an error its address, which is not that of the next."""
    found = write_channel(tmp_path, [Row("a", "1.0")])
    (tmp_path / "conda-forge" / "noarch" / "repodata.json").write_text("[", encoding="utf-8")
    found.begin([FORGE], ["linux-64"])
    errors = []
    for _ in range(2):
        with pytest.raises(BadInput, match="not repodata") as caught:
            found.records("a", FORGE, "linux-64")
        errors.append(caught.value)
    assert errors[0] is not errors[1]


def test_two_threads_unpack_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two channels may have the same file, such as one without records."""
    monkeypatch.setenv("ENVGEN_CACHE", str(tmp_path / "cache"))
    packed, both, keep = tmp_path / "repodata.json.zst", threading.Barrier(2), cache.keep
    packed.write_bytes(zstandard.compress(b"{}"))

    def kept(path: Path, parts: Any) -> None:
        keep(path, parts)
        both.wait(10)

    monkeypatch.setattr(cache, "keep", kept)
    unpacked: Callable[[Path], Path] = cache.unpacked
    with ThreadPoolExecutor(2) as executor:
        first, second = executor.map(unpacked, [packed, packed])
    assert first == second
    assert [path.read_text(encoding="utf-8") for path in first.parent.iterdir()] == ["{}"]


def test_a_copy_that_was_cut_short_may_be_removed_by_another_thread_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVGEN_CACHE", str(tmp_path / "cache"))
    packed = tmp_path / "repodata.json.zst"
    packed.write_bytes(zstandard.compress(b"{}"))
    copy = cache.unpacked(packed)
    copy.write_bytes(b"{")
    remove = Path.unlink

    def second(path: Path, missing_ok: bool = False) -> None:
        if path == copy:
            remove(path, missing_ok=True)  # by the other thread
        remove(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", second)
    assert cache.unpacked(packed).read_bytes() == b"{}"
