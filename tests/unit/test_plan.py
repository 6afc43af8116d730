"""What a run has to do: for a committed project, by what is asked of it and what is on the disk."""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from conftest import REPO
from unit.small import real_matrix, refused

from envgen.lock import plan as planning
from envgen.lock.plan import Plan, plan
from envgen.model.layout import LOCK, SPEC, Layout
from envgen.model.run import LockRequest
from envgen.project import cached
from envgen.project.cached import cached_project
from envgen.targets import MachineWord

HERE = Layout(REPO)
BOTH = (REPO / "environments/both/project.yaml").read_text(encoding="utf-8")
TARGETS = "targets: [cpu, cu126]"
CELLS = {("cpu", "linux-64"), ("cu126", "linux-64")}
OLD = datetime(2020, 1, 1, tzinfo=timezone.utc)


class Notes:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def say(self, text: str) -> None:
        self.told.append(text)

    def begin(self, what: str, steps: int) -> None: ...
    def step(self, what: str) -> None: ...
    def end(self) -> None: ...


def planned(
    notes: Notes, layout: Layout = HERE, name: str = "both", edit: tuple[str, str] | None = None, **asked: Any
) -> Plan | None:
    """The plan of a project, by default of the committed one; `edit` is a text in its file and what takes its place."""
    if edit:
        assert edit[0] in BOTH
        asked["edited"] = {name: BOTH.replace(*edit)}
    return plan(layout, real_matrix(), name, LockRequest(**asked), notes, here)


def here(word: MachineWord, *_: object) -> tuple[str, str]:
    """The target of a machine."""
    return "cu126", f"{word.value} here"


def what(found: Plan | None) -> tuple[tuple[str, ...], bool, set[Any], set[str]]:
    """The targets that need files, whether nothing has to be solved, the cells whose lock stays, and the targets that count."""
    assert found
    return found.todo, found.is_locked, set(found.settled), set(found.counting)


BOTH_COUNT = {"cpu", "cu126"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ((), True, CELLS, BOTH_COUNT)),
        ({"packages": ("numpy",)}, (("cpu", "cu126"), False, set(), BOTH_COUNT)),
        ({"packages": ("pytorch",)}, (("cpu", "cu126"), False, set(), BOTH_COUNT)),
        ({"packages": ("cudnn",)}, (("cu126",), False, {("cpu", "linux-64")}, BOTH_COUNT)),
        ({"packages": ("not-there",)}, ((), True, CELLS, BOTH_COUNT)),
        ({"packages": ("cudnn",), "update": True}, (("cu126",), False, {("cpu", "linux-64")}, BOTH_COUNT)),
        ({"packages": ("numpy",), "targets": ("cpu",)}, (("cpu",), False, {("cu126", "linux-64")}, BOTH_COUNT)),
        ({"update": True}, (("cpu", "cu126"), False, set(), set())),
        ({"update": True, "targets": ("cu126",)}, (("cu126",), False, {("cpu", "linux-64")}, {"cpu"})),
        ({"exclude_newer": {"": OLD}}, (("cpu", "cu126"), False, set(), BOTH_COUNT)),
        ({"edit": ("dependencies: [numpy]", "dependencies: [numpy, scipy]")}, (("cpu", "cu126"), False, set(), BOTH_COUNT)),
        ({"edit": (TARGETS, "targets: [cu126]")}, ((), True, {("cu126", "linux-64")}, {"cu126"})),
        ({"edit": (TARGETS, "targets: [cpu, cu126, cu129]")}, (("cu129",), False, CELLS, BOTH_COUNT)),
    ],
)  # fmt: skip
def test_what_there_is_to_do_follows_from_what_is_asked(asked: dict[str, Any], expected: Any) -> None:
    assert what(planned(Notes(), **asked)) == expected


@pytest.mark.parametrize("targets", [(), ("cpu",), ("cu126", "cpu")])
def test_where_nothing_is_to_do_no_record_is_judged(targets: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """That takes longer than the rest, and is only asked for what is written again."""
    monkeypatch.setattr(planning, "_answered", lambda *_: pytest.fail("the records were judged"))
    assert what(planned(Notes(), targets=targets)) == ((), True, CELLS, BOTH_COUNT)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """The project and its locks, without the recorded index; a second project has a target of its own, for CUDA."""
    root = tmp_path_factory.mktemp("copied")
    for folder in ("templates", "environments/both"):
        shutil.copytree(REPO / folder, root / folder)
    own = root / "environments/other/project.yaml"
    own.parent.mkdir()
    own.write_text(BOTH.replace(TARGETS, 'targets: {cpu: , cluster: {cuda: "12.6"}}'), encoding="utf-8")
    return Layout(root)


def changed(layout: Layout, tmp_path: Path, name: str, text: str | None) -> Layout:
    """Another copy, in which a file of the CPU target has another text, or is not there."""
    shutil.copytree(layout.root, tmp_path / "root")
    path = tmp_path / "root/environments/both/cpu" / name
    path.unlink()
    if text is not None:
        path.write_text(text, encoding="utf-8")
    return Layout(tmp_path / "root")


def test_a_file_that_is_gone_is_made_again(copied: Layout, tmp_path: Path) -> None:
    found = planned(Notes(), changed(copied, tmp_path, SPEC, None))
    assert what(found) == (("cpu",), False, set(), BOTH_COUNT)  # no record is there, so it has to be solved


def test_a_target_without_a_lock_is_to_do(copied: Layout, tmp_path: Path) -> None:
    assert what(planned(Notes(), changed(copied, tmp_path, LOCK, None))) == (("cpu",), False, set(), {"cu126"})


@pytest.mark.parametrize("asked", [{}, {"packages": ("numpy",)}, {"packages": ("numpy",), "update": True}])
def test_a_lock_that_cannot_be_read_is_refused_unless_it_does_not_count(asked: Any, copied: Layout, tmp_path: Path) -> None:
    layout = changed(copied, tmp_path, LOCK, "version: 1\n")
    error = refused(lambda: planned(Notes(), layout, **asked))
    assert error is not None
    assert str(error).startswith("environments/both/cpu/conda-lock.yml:2:1: this lock is truncated")
    found = planned(Notes(), layout, update=True)
    assert found and (set(found.stamps), found.todo) == ({"cu126"}, ("cpu", "cu126"))


ONLY_CPU = (TARGETS, "targets: [cpu]")
OWN = (TARGETS, 'targets: {cpu: , cluster: {cuda: "12.6"}}')


@pytest.mark.parametrize(
    ("word", "asked", "requested", "notes"),
    [
        ("cu126", {}, ("cu126",), []),
        ("cuda 12.6", {}, ("cu126",), ["both: `cuda 12.6` is read as target cu126"]),
        ("12.4", {}, (), ["both: has no target `12.4`, skipped"]),
        ("cu130", {}, (), ["both: has no target `cu130`, skipped"]),
        ("gpu", {}, ("cu126",), ["both: cu126 (gpu here)"]),
        ("auto", {}, ("cu126",), ["both: cu126 (auto here)"]),
        ("gpu", {"edit": ONLY_CPU}, (), ["both: has no CUDA target, skipped"]),
        ("auto", {"edit": ONLY_CPU}, ("cu126",), ["both: cu126 (auto here)"]),
        ("gpu", {"edit": ONLY_CPU, "projects": ("both",)}, ("cu126",), ["both: cu126 (gpu here)"]),
        ("gpu", {"edit": OWN}, ("cu126",), ["both: cu126 (gpu here)"]),
        ("cluster", {}, (), ["both: has no target `cluster`, skipped"]),
        ("cluster", {"edit": OWN}, ("cluster",), []),
    ],
)
def test_a_word_is_a_target_of_the_project_or_a_note(
    word: str, asked: dict[str, Any], requested: tuple[str, ...], notes: list[str], copied: Layout
) -> None:
    told, edit = Notes(), asked.get("edit", ("", ""))
    project = cached_project(copied, real_matrix(), "both", told, edited=BOTH.replace(*edit))
    request = LockRequest(targets=(word,), projects=asked.get("projects", ()))
    assert planning._requested(copied, project, real_matrix(), request, told, here) == requested
    assert told.told == notes


def test_a_project_with_none_of_the_requested_targets_has_no_plan() -> None:
    assert planned(Notes(), targets=("cu130",)) is None


def test_a_target_that_a_named_project_lacks_is_bad_input() -> None:
    error = refused(lambda: planned(Notes(), projects=("both",), targets=("cu125",)))
    assert error is not None
    assert str(error).startswith("environments/both/project.yaml:7:1: both has no target `cu125`")
    assert error.hint == "did you mean `cu126`? Or add it: `envgen init --project both --target cu125`"


@pytest.mark.parametrize(
    ("asked", "newest"),
    [({}, False), ({"packages": ("numpy",)}, False), ({"update": True, "packages": ("numpy",)}, False), ({"update": True}, True)],
)
def test_a_target_that_is_left_open_stays_the_locked_one_unless_all_is_updated(
    asked: Any, newest: bool, copied: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached, "_is_locked_as", lambda _layout, _project, row: row.name == "cu126")  # what its stamp would say
    found = planned(Notes(), copied, edit=(TARGETS, 'targets: [cpu, "12"]'), **asked)
    assert found
    assert found.requested[0] == "cpu"
    assert (found.requested[1] != "cu126") is newest
