"""What is known without parsing: a digest of the raw inputs, and what was remembered under it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from conftest import REPO
from unit.small import write_matrix
from unit.test_plan import Notes, planned

from envgen.lock.plan import Plan
from envgen.lock.unchanged import RawInputs, digest_of, has_shortcut, remember_unchanged, unchanged, unchanged_outcome
from envgen.model.address import Address
from envgen.model.facts import Reason
from envgen.model.layout import Layout
from envgen.model.run import LockRequest, Outcome

PROJECT = "environments/both/project.yaml"


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A repository with one project and a recorded index, and a cache of its own."""
    monkeypatch.setenv("ENVGEN_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "root"
    write_matrix(root / "matrices")
    for folder in ("templates", "environments/both"):
        shutil.copytree(REPO / folder, root / folder)
    index = root / "environments/index/conda-forge/noarch"
    index.mkdir(parents=True)
    (index / "repodata.json").write_text("{}", encoding="utf-8")
    return Layout(root)


def digests(layout: Layout, **asked: Any) -> tuple[str, str, str]:
    """Of what is shared, of the project, of all."""
    raw = RawInputs(layout, LockRequest(**asked))
    return raw.shared, raw.of("both"), raw.whole()


def append(name: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_bytes((root / name).read_bytes() + b"\n# more\n")


def link(name: str) -> Callable[[Path], object]:
    return lambda root: (root / name).symlink_to("nowhere")


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (lambda _: None, (True, True, True)),
        (append("matrices/cuda.yaml"), (False, False, False)),
        (append("templates/environment.yml.j2"), (False, False, False)),
        (append(PROJECT), (True, False, False)),
        (append("environments/both/cpu/conda-lock.yml"), (True, False, False)),
        (append("environments/index/conda-forge/noarch/repodata.json"), (True, True, False)),
        (lambda root: (root / "templates/folder").mkdir(), (True, True, True)),
        (lambda root: (root / "environments/index/folder").mkdir(), (True, True, True)),
        (lambda root: (root / "templates/environment.yml.j2").rename(root / "templates/other"), (False, False, False)),
    ],
)
def test_a_digest_changes_with_what_it_is_of(change: Callable[[Path], object], kept: tuple[bool, ...], layout: Layout) -> None:
    before = digests(layout)
    assert all(before)
    change(layout.root)
    after = digests(layout)
    assert all(after)
    assert tuple(one == other for one, other in zip(before, after, strict=True)) == kept


@pytest.mark.parametrize(
    ("change", "there"),
    [
        (link("templates/x"), (False, False, False)),
        (link("environments/both/cpu/environment.yml"), (True, False, False)),
        (link("environments/index/x"), (True, True, False)),
        (lambda root: (root / "matrices/own.yaml").write_bytes(b"\xff"), (False, False, False)),
    ],
)
def test_there_is_no_shortcut_through_links_or_without_facts(
    change: Callable[[Path], object], there: tuple[bool, ...], layout: Layout
) -> None:
    (layout.root / "environments/both/cpu/environment.yml").unlink()
    change(layout.root)
    assert tuple(map(bool, digests(layout))) == there


def test_a_date_that_is_asked_for_is_a_part_of_the_digest(layout: Layout) -> None:
    dated = digests(layout, exclude_newer={"": datetime(2026, 1, 1, tzinfo=timezone.utc)})
    assert dated[0] != digests(layout)[0]
    assert dated[0] == digests(layout, exclude_newer={"": datetime(2026, 1, 1, tzinfo=timezone.utc)})[0]


def test_files_are_told_apart_by_their_names_and_lengths(tmp_path: Path) -> None:
    a, b, empty = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    a.write_bytes(b"xb 1 y")
    b.write_bytes(b"y")
    empty.write_bytes(b"")
    found = [digest_of(files, tmp_path) for files in ((), (a,), (b,), (a, b), (b, a), (a, b, empty))]
    assert len({*found, ""}) == len(found) + 1
    assert found[1] == digest_of([a], tmp_path)
    assert digest_of([a, tmp_path], tmp_path) == digest_of([tmp_path / "gone"], tmp_path) == ""
    assert digest_of([Path(os.devnull)], Path("/")) == ""


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, True),
        ({"projects": ("both",), "offline": True}, True),
        ({"targets": ("cpu",)}, False),
        ({"update": True}, False),
        ({"packages": ("numpy",)}, False),
        ({"edited": {"both": ""}}, False),
    ],
)
def test_a_request_has_a_shortcut_if_it_only_asks_for_what_the_files_say(asked: dict[str, Any], expected: bool) -> None:
    assert has_shortcut(LockRequest(**asked)) is expected


def with_note(layout: Layout, targets: tuple[str, ...]) -> Plan:
    """The plan for some targets of the project, whose file has a note."""
    found = planned(Notes(), layout)
    assert found
    notes = (Reason("is read as another word", Address(PROJECT, 1, 1)),)
    held = {name: replace(row, project=replace(row.project, notes=notes)) for name, row in found.held.items()}
    return replace(found, held=held, requested=targets)


@pytest.mark.parametrize("targets", [("cpu",), ("cpu", "cu126")])
def test_a_project_with_nothing_to_do_is_remembered_with_its_notes_until_a_file_changes(
    targets: tuple[str, ...], layout: Layout
) -> None:
    raw, found, notes = RawInputs(layout, LockRequest()), with_note(layout, targets), Notes()
    assert unchanged(raw, "both", notes) is None
    remember_unchanged(layout, raw, found)
    outcomes = unchanged(raw.again(), "both", notes)
    assert outcomes == tuple(unchanged_outcome(layout, found, target) for target in targets)
    assert notes.told == [f"{PROJECT}:1:1: is read as another word"]
    assert outcomes and outcomes[0] == Outcome(
        resolution=replace(found.held["cpu"], obstacles=()),
        state="unchanged",
        downloads=found.stamps["cpu"].downloads,
        seconds=0.0,
        path="environments/both/cpu",
    )
    append(PROJECT)(layout.root)
    assert unchanged(raw.again(), "both", notes) is None


def test_what_changed_since_it_was_planned_is_not_remembered(layout: Layout) -> None:
    raw, found = RawInputs(layout, LockRequest()), with_note(layout, ("cpu",))
    assert raw.is_still("both") is bool(raw.of("both"))
    append(PROJECT)(layout.root)
    assert not raw.is_still("both")
    remember_unchanged(layout, raw, found)
    assert unchanged(raw, "both", Notes()) is None
    assert unchanged(raw.again(), "both", Notes()) is None


def test_without_a_shortcut_nothing_is_asked_of_the_cache(layout: Layout) -> None:
    link("templates/x")(layout.root)
    raw, found = RawInputs(layout, LockRequest()), with_note(layout, ("cpu",))
    remember_unchanged(layout, raw, found)
    assert unchanged(raw, "both", Notes()) is None
