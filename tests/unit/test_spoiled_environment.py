"""What lies in an installed environment and was written by a stranger's package, or spoiled: read, refused by its name, or passed over."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

import pytest

from envgen.formats.installed import MANIFEST, META, installed_target, read_manifest
from envgen.formats.installed_files import listed_files, read_record, read_records
from envgen.install.history import appended
from envgen.install.records import completed
from envgen.install.run import activated
from envgen.machine.cuda_paths import version_json
from envgen.model.errors import EnvgenError

DEEP = '{"a":' * 100_000
SPOILED = {
    "nothing": "",
    "no JSON": "{",
    "not UTF-8": b"\xff\xfe",
    "nested without end": DEEP,
    "nested without end in lists": "[" * 200_000,
    "a list": "[]",
    "a number": "7",
    "null": "null",
    "an endless number": '{"build_number": 1e999, "name": 1e999, "target": 1e999}',
    "a long number": '{"build_number": ' + "9" * 5000 + "}",
    "numbers": '{"name": 1, "version": 2, "build": 3, "packages": 4, "pip": 5, "target": 6, "files": 7, "paths_data": 8}',
    "lists": '{"name": [], "packages": [], "pip": [], "target": [], "files": [[]], "paths_data": [], "cuda": []}',
    "objects": '{"name": {}, "packages": {"a": {}}, "pip": {"a": {"b": 1}}, "files": {}, "paths_data": {"paths": {}}}',
    "other entries": '{"paths_data": {"paths": [1, null, [], {}]}, "files": [1, null], "requested": 5}',
    "half of a character": '{"name": "\\ud800", "target": "\\ud800", "HOME": "\\ud800"}',
    "a NUL": '{"name": "a\\u0000", "target": "a\\u0000", "HOME": "a\\u0000", "": "x", "a=b": "c"}',
}


def write(path: Path, name: str) -> Path:
    """One of the spoiled files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = SPOILED[name]
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def survives(read: Callable[[], object]) -> None:
    """It ends in a value or in a named error."""
    with suppress(EnvgenError):
        read()


@pytest.mark.parametrize("name", SPOILED)
def test_a_manifest(tmp_path: Path, name: str) -> None:
    write(tmp_path / META / MANIFEST, name)
    survives(lambda: read_manifest(tmp_path))
    survives(lambda: installed_target(tmp_path))


@pytest.mark.parametrize("name", SPOILED)
def test_a_record(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "conda-meta" / "alpha-1.0-0.json", name)
    survives(lambda: listed_files(read_record(path)))
    survives(lambda: read_records(tmp_path))


@pytest.mark.parametrize("name", SPOILED)
def test_the_index_of_an_archive(tmp_path: Path, name: str) -> None:
    write(tmp_path / "info" / "index.json", name)
    record = {"extracted_package_dir": str(tmp_path), "paths_data": {"paths": []}, "depends": []}
    survives(lambda: completed(record, from_lock_alone=True))


@pytest.mark.parametrize("where", ["etc/conda/env_vars.d/alpha.json", "conda-meta/state"])
@pytest.mark.parametrize("name", SPOILED)
def test_the_variables_of_a_package(tmp_path: Path, name: str, where: str) -> None:
    write(tmp_path / where, name)
    survives(lambda: activated(tmp_path, {"PATH": "/bin"}, set))


@pytest.mark.parametrize("variables", [{"A": "x\0"}, {"A=B": "x"}, {"": "x"}, {"A\0": "x"}, {"A": "\ud800"}])
def test_a_variable_that_no_process_can_have_is_refused(tmp_path: Path, variables: dict[str, str]) -> None:
    path = tmp_path / "etc" / "conda" / "env_vars.d" / "alpha.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(variables))
    with pytest.raises(EnvgenError, match="cannot be read"):
        activated(tmp_path, {"PATH": "/bin"}, set)


@pytest.mark.parametrize("name", SPOILED)
def test_the_version_of_a_toolkit(tmp_path: Path, name: str) -> None:
    write(tmp_path / "usr" / "local" / "cuda" / "version.json", name)
    assert version_json(tmp_path, "/usr/local/cuda") == "?"


@pytest.mark.parametrize(
    "specs",
    [
        "[" * 300 + "]" * 300,
        f"[{'(' * 100_000}]",
        f"[{'-' * 200_000}1]",
        "[{}]",
        "[1]",
        "[1e999]",
        "['\\ud800']",
        "[b'x']",
        "[f'{x}']",
        f"[{'9' * 5000}]",
        "[[[]], {1: 2}]",
    ],
)
def test_a_history(specs: str) -> None:
    """Conda's own list of what was requested, which anybody may have edited."""
    history = f"==> 2026-01-01 00:00:00 <==\n# cmd: x\n# update specs: {specs}\n"
    survives(lambda: appended(history, {}, ["alpha"], "envgen install", datetime(2026, 1, 2, tzinfo=timezone.utc)))
