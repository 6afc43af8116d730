"""The projects of a repository as they are read again and again: from the cache, with what was locked in the place of a newer target."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
from unit.small import real_matrix
from unit.test_words import text_of

from envgen.formats import conda_lock
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.layout import Layout
from envgen.model.run import TARGET
from envgen.project import load
from envgen.project.cached import cached_project, is_own_target

NEWEST = text_of({"frameworks": {"pytorch": "2.7.*"}, "targets": ["cpu", "cuda"]})
OWN = text_of({"frameworks": {"pytorch": "2.7.*"}, "targets": {"cu126": None, "old": {"cuda": "12.6"}}})


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path)
    for name, text in (("p", NEWEST), ("own", OWN)):
        found.project(name).parent.mkdir(parents=True)
        found.project(name).write_text(text, encoding="utf-8")
    return found


@pytest.fixture
def matrix() -> Matrix:
    """The facts as if they were read from a folder whose digest is known."""
    return with_digest("a digest")


def with_digest(text: str) -> Matrix:
    found = copy(real_matrix())
    object.__setattr__(found, "digest", text)
    return found


def locked(layout: Layout, target: str, monkeypatch: pytest.MonkeyPatch, moved: str | None) -> None:
    """A lock of a target, which says why it is there."""
    path = layout.target("p", target) / "conda-lock.yml"
    path.parent.mkdir(parents=True)
    path.write_text("x", encoding="utf-8")
    stamp = None if moved is None else SimpleNamespace(moved={TARGET: moved})
    monkeypatch.setattr(conda_lock, "read_stamp", lambda *_: stamp)


def targets(layout: Layout, matrix: Matrix, *, afresh: bool = False) -> list[tuple[str, str]]:
    return [(row.name, row.instead_of) for row in cached_project(layout, matrix, "p", afresh=afresh).targets]


def test_a_project_is_read_once_and_each_time_its_notes_are_told(
    layout: Layout, matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    reporter = SimpleNamespace(say=said.append)
    first = cached_project(layout, matrix, "p", reporter)  # type: ignore[arg-type]
    monkeypatch.setattr(load, "project_of", lambda *_: pytest.fail("it is read again"))
    assert cached_project(layout, matrix, "p", reporter) == first  # type: ignore[arg-type]
    note = "`cuda` is read as target cu129 (the newest that the rest of the project allows); write `targets: [cpu, cu129]` instead"
    assert said == [f"environments/p/project.yaml:10:3: {note}"] * 2


def test_without_a_digest_of_the_facts_nothing_is_remembered(
    layout: Layout, matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached_project(layout, with_digest(""), "p")
    monkeypatch.setattr(load, "project_of", lambda *_: pytest.fail("it is read again"))
    with pytest.raises(pytest.fail.Exception):
        cached_project(layout, with_digest(""), "p")


def test_a_text_that_is_edited_is_read_in_the_place_of_the_file(layout: Layout, matrix: Matrix) -> None:
    edited = NEWEST.replace("2.7.*", "2.6.*")
    assert cached_project(layout, matrix, "p", edited=edited).frameworks[0].text == "2.6.*"
    assert cached_project(layout, matrix, "p").frameworks[0].text == "2.7.*"


def test_a_project_that_there_is_not_is_named(layout: Layout, matrix: Matrix) -> None:
    with pytest.raises(BadInput) as error:
        cached_project(layout, matrix, "owm")
    assert (error.value.what, error.value.hint) == ("there is no project `owm`", "did you mean `own`?")


def test_what_is_locked_in_the_place_of_a_newer_target_is_meant(
    layout: Layout, matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert targets(layout, matrix) == [("cpu", ""), ("cu129", "")]
    locked(layout, "cu126", monkeypatch, "target cu126, not cu129: numpy has no build")
    assert targets(layout, matrix) == [("cpu", ""), ("cu126", "cu129")]
    assert targets(layout, matrix, afresh=True) == [("cpu", ""), ("cu129", "")]
    locked(layout, "cu129", monkeypatch, "target cu126, not cu129: numpy has no build")
    assert targets(layout, matrix) == [("cpu", ""), ("cu129", "")]


@pytest.mark.parametrize("moved", [None, "", "target cu126, not cu130: numpy has no build", "target cu126, not cu1290"])
def test_another_lock_of_an_older_target_does_not_take_the_place_of_the_newest(
    layout: Layout, matrix: Matrix, monkeypatch: pytest.MonkeyPatch, moved: str | None
) -> None:
    locked(layout, "cu126", monkeypatch, moved)
    assert targets(layout, matrix) == [("cpu", ""), ("cu129", "")]


@pytest.mark.parametrize(("word", "own"), [("old", True), ("cu126", False), ("cpu", False), ("other", False)])
def test_a_target_is_a_projects_own_where_one_names_it(layout: Layout, matrix: Matrix, word: str, own: bool) -> None:
    assert is_own_target(layout, matrix, word) is own
