"""What an installed environment says of itself, whole: its packages, their damaged files, its manifest; and what is refused."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from unit import told
from unit.small import refused
from unit.test_formats_told import lock_lines

from envgen.formats import installed
from envgen.formats.installed import installed_target, is_environment, packages, read_manifest
from envgen.formats.installed_files import damaged_files, items_of, read_records, wheel_files
from envgen.formats.prefix import pip_versions, read_folders
from envgen.formats.reading import read_any

TEXT = "hello\n"
SHA = hashlib.sha256(TEXT.encode()).hexdigest()
META = "Metadata-Version: 2.1\nName: {}\nVersion: {}\n{}"
WHEEL = {"version": "0.8", "sha256": "ab" * 32, "info": "lib/python3.12/site-packages/einops-0.8.dist-info"}
MANIFEST = {
    "project": "p",
    "target": "cu126",
    "platform": "linux-64",
    "lock": "l",
    "packages": {"a-1-0": "ab"},
    "pip": {"einops-x": WHEEL},
}

Files = Mapping[str, object]


def record(name: str, version: str = "1", build: str = "0", **more: object) -> dict[str, object]:
    return {"name": name, "version": version, "build": build, **more}


def path(name: str, **more: object) -> dict[str, object]:
    return {"_path": name, **more}


def listing(*paths: dict[str, object]) -> dict[str, object]:
    return {"paths_data": {"paths": list(paths)}}


SITE = "lib/python3.12/site-packages"
EINOPS = {
    f"{SITE}/einops-0.8.dist-info/METADATA": META.format(
        "Einops_X", "0.8", "Requires-Dist: numpy\nRequires-Dist: t ; extra == 'g'\n"
    )
}
CASES: Mapping[str, Files] = {
    "every field of a record": {"conda-meta/a-1-0.json": record("a", subdir="linux-64", url="https://h.example/a-1-0.conda", md5="cd", sha256="ab", depends=["b >=1"], constrains=["c <2"])},
    "a bare record, and one for no platform": {"conda-meta/a-1-0.json": record("a", subdir="noarch", url=None, depends=None), "conda-meta/b-1-0.json": record("b", subdir="win-64")},
    "what pip put there": {"conda-meta/a-1-0.json": record("a"), **EINOPS, f"{SITE}/old.egg-info": META.format("old", "1", ""), "Lib/site-packages/tiny-1.dist-info/METADATA": META.format("tiny", "1", "")},
    "what conda put there for pip": {"conda-meta/a-1-0.json": record("a", files=[f"{SITE}/einops-0.8.dist-info/METADATA"]), **EINOPS},
    "files of every kind": {
        "conda-meta/a-1-0.json": record("a", **listing(path("good", size_in_bytes=6, sha256=SHA), path("short", size_in_bytes=7), path("other", size_in_bytes=6, sha256="0" * 64), path("gone"), path("x.pyc"), path("folder", path_type="directory"), path("no-folder", path_type="directory"), path("folder2", path_type="softlink"), path("named", prefix_placeholder="/p", size_in_bytes=99, sha256="0" * 64, sha256_in_prefix=SHA), path("renamed", prefix_placeholder="/p", sha256_in_prefix="0" * 64), path("linked", path_type="softlink", size_in_bytes=99))),
        "good": TEXT, "short": TEXT, "other": TEXT, "folder/x": "", "no-folder": "", "folder2/x": "", "named": TEXT, "renamed": TEXT, "linked": TEXT,
    },
    "files that two packages list": {"conda-meta/a-1-0.json": record("a", **listing(path("both", size_in_bytes=1), path("none"))), "conda-meta/b-1-0.json": record("b", **listing(path("both", size_in_bytes=6), path("none"))), "both": TEXT},
    "a noarch package of Python": {"conda-meta/a-1-0.json": record("a", files=[f"{SITE}/a.py", "bin/a"], **listing(path("site-packages/a.py", size_in_bytes=6), path("python-scripts/a", size_in_bytes=5))), f"{SITE}/a.py": TEXT, "bin/a": TEXT},
    "files without sizes": {"conda-meta/a-1-0.json": record("a", files=["here", "gone"], paths_data={"paths": 5}), "here": TEXT},
    "entries that are none": {"conda-meta/a-1-0.json": record("a", files=5, paths_data={"paths": ["x", {"y": 1}]})},
    "a wheel with its list": {"conda-meta/a-1-0.json": record("a"), "conda-meta/envgen": MANIFEST, **EINOPS, f"{SITE}/einops-0.8.dist-info/RECORD": "einops.py,sha256=x,6\ngone.py,,5\neinops-0.8.dist-info/RECORD,,\nodd\n../../../bin/e,,7\n", f"{SITE}/einops.py": TEXT, "bin/e": TEXT},
    "a wheel without its list": {"conda-meta/a-1-0.json": record("a"), "conda-meta/envgen": MANIFEST, **EINOPS},
    "a record that is none": {"conda-meta/a-1-0.json": {"name": "a"}},
    "a record that is no JSON": {"conda-meta/a-1-0.json": "{"},
    "a record of a list": {"conda-meta/a-1-0.json": [1]},
}  # fmt: skip


def write(folder: Path, files: Files) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def lines_of(title: str, folder: Path) -> list[str]:
    """What is read, and with the content of the files, where that is something else."""
    prefix = write(folder / "env", CASES[title])
    said = []
    for hashes in (False, True):
        locks: list[Any] = []
        error = refused(lambda locks=locks, hashes=hashes: locks.extend(read_any(prefix, "env", hashes=hashes)))
        rows = (
            [f"error {error.where}: {error.what}", f"hint: {error.hint}"]
            if error
            else [row for one in locks for row in lock_lines(one)]
        )
        said += rows if rows != said else []
    return said


def test_the_file_has_all_cases(tmp_path_factory: pytest.TempPathFactory, update_golden: bool) -> None:
    if update_golden:
        told.write("prefix.txt", {title: lines_of(title, tmp_path_factory.mktemp("prefix")) for title in CASES})
    assert list(told.written("prefix.txt")) == list(CASES)


@pytest.mark.parametrize("title", CASES)
def test_everything_is_read_as_it_was_written_down(title: str, tmp_path: Path) -> None:
    found = lines_of(title, tmp_path)
    assert found == told.written("prefix.txt")[title] != []


# --- parts of it ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (record("b"), "is the record of b-1-0"),
        (record("a", build="1"), "is the record of a-1-1"),
        ([], "cannot be read: it is not a package record"),
        ("{", "cannot be read: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
    ],
)
def test_a_record_that_is_not_what_its_name_says_is_refused(content: object, said: str, tmp_path: Path) -> None:
    write(tmp_path, {"conda-meta/a-1-0.json": content})
    error = refused(lambda: read_records(tmp_path))
    assert error is not None
    assert (error.what, error.where) == (said, tmp_path / "conda-meta/a-1-0.json")
    assert error.hint == "remove this environment and install it again"
    assert read_records(write(tmp_path, {"conda-meta/a-1-0.json": record("a")})) == {"a-1-0": record("a")}


def test_names_and_programs_of_an_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_environment(tmp_path)
    write(tmp_path, {"conda-meta/a-1-0.json": record("a"), "conda-meta/history": ""})
    assert is_environment(tmp_path)
    assert packages(tmp_path) == {"a-1-0"}
    assert installed.python(tmp_path) == tmp_path / "bin" / "python"
    monkeypatch.setattr(sys, "platform", "win32")
    assert installed.python(tmp_path) == tmp_path / "python.exe"


def test_a_manifest_is_read_with_what_a_newer_one_has_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"conda-meta/envgen": {**MANIFEST, "requested": ["ä"], "new": 1}})
    found = read_manifest(tmp_path)
    assert found
    assert (found.name, dict(found.packages), found.requested, found.version) == ("p-cu126", {"a-1-0": "ab"}, ("ä",), 1)
    assert found.pip["einops-x"] == installed.Wheel(**WHEEL)


@pytest.mark.parametrize(
    ("content", "target"),
    [
        (None, None),
        ({"project": "ä", "target": "cpu"}, ("ä", "cpu")),
        ({"target": "cpu"}, ("", "cpu")),
        *(
            (row, "the manifest does not name a target")
            for row in ({"project": "p"}, {"project": 1, "target": "cpu"}, {"target": 1}, [], "{")
        ),
    ],
)
def test_the_target_of_an_environment_is_in_its_manifest(content: object, target: object, tmp_path: Path) -> None:
    write(tmp_path, {} if content is None else {"conda-meta/envgen": content})
    found: list[object] = []
    error = refused(lambda: found.append(installed_target(tmp_path)))
    if not error:
        assert found == [target]
        return
    assert (error.what, error.where) == (target, tmp_path / "conda-meta/envgen")
    assert error.hint == "name it with --target, or install again"


def test_the_files_of_a_wheel_are_those_of_its_list(tmp_path: Path) -> None:
    wheel = installed.Wheel(**WHEEL)
    assert wheel_files(tmp_path, wheel) == {f"{wheel.info}/RECORD": {}}
    write(tmp_path, {f"{wheel.info}/RECORD": "ä.py,,6\nno-size.py,,\n../../../bin/e,x,7\nodd,line\n"})
    assert wheel_files(tmp_path, wheel) == {
        f"{SITE}/ä.py": {"size_in_bytes": 6},
        f"{SITE}/no-size.py": {},
        "bin/e": {"size_in_bytes": 7},
    }


def test_without_damage_there_is_no_owner_of_any(tmp_path: Path) -> None:
    write(tmp_path, {"x": TEXT})
    assert damaged_files(tmp_path, {"a": {"x": {}}, "b": {"x": {}, "x.pyc": {}}}) == {}
    assert damaged_files(tmp_path, {"a": {"x": {}, "y": {}}}) == {"a": ("y",)}
    (tmp_path / "link").symlink_to("x")
    assert damaged_files(tmp_path, {"a": {"link": {"size_in_bytes": 99}}}) == {}  # tools copy what others link
    assert items_of({"a": [1], "b": 5}, "a") == [1]
    assert items_of({"a": [1], "b": 5}, "b") == items_of({}, "a") == []


def test_the_distributions_of_folders_are_those_that_are_imported(tmp_path: Path) -> None:
    rows = {
        "one/a-1.dist-info/METADATA": META.format("A_a", "1", ""),
        "two/a-2.dist-info/METADATA": META.format("a.a", "2", ""),
        "two/b-1.dist-info/METADATA": META.format("b", "1", "Requires-Dist: a\n"),
        "two/c.egg-info": META.format("c", "1", ""),
    }
    write(tmp_path, rows)
    found = read_folders([tmp_path / "one", tmp_path / "two"], "linux-64")
    assert [(row.name, row.version, row.depends, row.platform) for row in found] == [
        ("a-a", "1", (), "linux-64"),
        ("b", "1", ("a",), "linux-64"),
    ]  # whatever order the second folder has
    assert str(found[0].at) == f"{tmp_path}/one/a-1.dist-info:1:1"
    write(tmp_path, {**EINOPS, f"{SITE}/old.egg-info": META.format("old", "1", "")})
    assert pip_versions(tmp_path) == {"einops-x": "0.8"}
