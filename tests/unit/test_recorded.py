"""Reading the recorded index: what is spoiled is bad input with its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from envgen.channels.recorded import read_recorded, recorded_files
from envgen.model.errors import BadInput

RECORD = {"name": "a", "version": "1", "build": "0", "depends": ["b >=1"], "sha256": "0" * 64, "md5": None, "size": 3}


def with_record(**changes: object) -> str:
    return json.dumps({"packages.conda": {"a-1-0.conda": {**RECORD, **changes}}})


@pytest.mark.parametrize(
    "text",
    [
        '{"packages": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"packages": ' + "1" * 10_000 + "}",
        "3",
        '{"packages": []}',
        '{"packages.conda": {"a-1-0.conda": []}}',
        '{"packages.conda": {"a-1-0.conda": {}}}',
        with_record(name=3),
        with_record(version=None),
        with_record(sha256=7),
        with_record(depends="b"),
        with_record(depends=[1]),
        with_record(size="large"),
        "{",
    ],
)
def test_a_spoiled_index_is_bad_input_with_its_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c" / "noarch" / "repodata.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(BadInput, match="not repodata") as raised:
        read_recorded(tmp_path, "environments/index")
    assert raised.value.where == "environments/index/c/noarch/repodata.json"
    assert raised.value.hint


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    records = {"c/noarch/a-1-0.conda": {key: value for key, value in RECORD.items() if value is not None}}
    for name, text in recorded_files(records, ["c/linux-64"]).items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)
    assert {path.parent.name for path in tmp_path.rglob("repodata.json")} == {"noarch", "linux-64"}
    assert read_recorded(tmp_path, "index") == records
