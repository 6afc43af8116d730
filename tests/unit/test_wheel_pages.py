"""The core metadata inside of a wheel that is damaged: there is none, whatever zipfile raises."""

from __future__ import annotations

import io
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from envgen.curate.refresh import wheel_pages

TOLD = b"Metadata-Version: 2.1\n" + bytes(range(32, 127)) * 40


@pytest.mark.parametrize("damaged", [False, True])
def test_metadata_of_a_damaged_wheel_is_none(damaged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.whl"
    with ZipFile(path, "w", ZIP_DEFLATED) as wheel:
        wheel.writestr("a-1.0.dist-info/METADATA", TOLD)
    data = bytearray(path.read_bytes())
    start = data.index(b"METADATA") + len("METADATA")
    if damaged:
        data[start : start + 20] = b"\xff" * 20  # what was deflated
    path.write_bytes(data)
    monkeypatch.setattr(wheel_pages, "RemoteFile", lambda _: io.FileIO(path))
    assert wheel_pages._metadata_inside("https://x.example/a.whl") == (None if damaged else TOLD.decode())
