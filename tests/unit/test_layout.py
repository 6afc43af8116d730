"""Names stay below environments/; files lie where the contract says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envgen.model.errors import BadInput
from envgen.model.layout import PROJECT, Layout, checked_name, find_root, starter

BAD = ["", ".", "..", "a/b", "/a", "/", "../x", "a\\b", "C:\\x", "C:", "\\\\host", "a\0", "a\nb", "a b", " a", "a ", "-a", ".a", "_a", "a..b", "index", "é", "~", "$HOME", "a*", "a\n"]  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_could_climb_out_or_hide_is_refused(name: str) -> None:
    with pytest.raises(BadInput) as caught:
        checked_name("project", name)
    assert str(caught.value) == (
        f"project name {name!r} cannot be used\n\nhint: letters, digits, `.`, `_` and `-`, beginning with a letter or a digit; `index` is taken"
    )


@pytest.mark.parametrize("name", ["INDEX", "Index"])
def test_a_name_that_is_reserved_where_letters_have_no_case_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="cannot be used"):
        checked_name("project", name)


@pytest.mark.parametrize("name", ["vision", "v2", "a.b", "a_b-c", "2fast", "A", "indexes"])
def test_an_ordinary_name_is_itself(name: str) -> None:
    assert checked_name("project", name) == name


@given(st.text(max_size=12), st.text(max_size=12))
def test_whatever_the_names_a_target_lies_two_folders_below_environments(project: str, target: str) -> None:
    layout = Layout(Path("/root/of/it"))
    try:
        found = layout.target(project, target)
    except BadInput:
        return
    assert found.parent.parent == layout.environments
    assert found == Path(f"{layout.environments}/{project}/{target}")
    assert ".." not in found.parts


def test_files_lie_where_the_contract_says() -> None:
    layout = Layout(Path("/r"))
    assert layout.matrices == Path("/r/matrices")
    assert layout.templates == Path("/r/templates")
    assert layout.index == Path("/r/environments/index")
    assert layout.project("vision") == Path("/r/environments/vision/project.yaml")
    assert layout.target("vision", "cpu") == Path("/r/environments/vision/cpu")


def test_paths_are_shown_below_the_root_and_others_as_they_are() -> None:
    layout = Layout(Path("/r"))
    assert layout.shown(layout.project("a")) == "environments/a/project.yaml"
    assert layout.shown(Path("/other/x")) == "/other/x"


def test_projects_and_locks_are_found_in_order(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for name in ("b", "a"):
        layout.target(name, "cpu").mkdir(parents=True)
        layout.project(name).write_text("", encoding="utf-8")
        (layout.target(name, "cpu") / "conda-lock.yml").write_text("", encoding="utf-8")
    assert layout.projects() == ("a", "b")
    assert layout.locks() == tuple(layout.target(name, "cpu") / "conda-lock.yml" for name in ("a", "b"))
    assert layout.known_project("a") == layout.project("a")


def test_an_unknown_project_is_named_with_what_may_have_been_meant(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.target("vision", "cpu").mkdir(parents=True)
    layout.project("vision").write_text("", encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        layout.known_project("visoin")
    assert str(caught.value) == "environments/visoin/project.yaml: there is no project `visoin`\n\nhint: did you mean `vision`?"


def test_the_root_is_the_nearest_folder_with_matrices(tmp_path: Path) -> None:
    (tmp_path / "a" / "matrices").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "matrices").mkdir()
    assert find_root(tmp_path / "a" / "b" / "c") == tmp_path / "a"
    assert find_root(tmp_path / "a") == tmp_path / "a"


def test_outside_of_any_repository_the_next_step_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        find_root(tmp_path)
    assert str(caught.value) == (
        f"no `matrices/` in {tmp_path} or above it\n\n"
        "hint: start here with `envgen init --project NAME --framework FRAMEWORK --target cpu`, or with what you have, "
        "`envgen init --from FILE`; or give --root DIR"
    )


def test_what_init_copies_is_there() -> None:
    assert (starter() / "matrices" / "targets.yaml").is_file()
    assert (starter() / "templates" / "environment.yml.j2").is_file()


def test_a_lock_in_its_place_has_a_project_and_a_target(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    place = tmp_path / "environments" / "vision" / "cu126" / "conda-lock.yml"
    assert layout.lock_place(place) is None
    place.parent.mkdir(parents=True)
    place.write_text("")
    (place.parent.parent / "cpu" / "conda-lock.yml").mkdir(parents=True)
    assert layout.lock_place(place) == ("vision", "cu126")
    assert layout.locked_targets("vision") == ("cu126",)
    assert layout.locked_targets("other") == ()
    for other in (place.parent / "environment.yml", tmp_path / "conda-lock.yml", place.parent.parent / "cpu" / "conda-lock.yml"):
        assert layout.lock_place(other) is None


def _kinds(top: Path) -> None:
    """Projects of every kind of file, and what is none."""
    for name in ("good", "empty", "dangling", "folder", "pipe", "index"):
        (top / name).mkdir(parents=True)
    (top / "good" / PROJECT).write_text("")
    (top / "dangling" / PROJECT).symlink_to("nowhere")
    (top / "folder" / PROJECT).mkdir()
    os.mkfifo(top / "pipe" / PROJECT)
    (top / "loop").symlink_to("loop")
    (top / ".#lock").symlink_to("somebody@here.1")
    (top / "linked").symlink_to("good")


@pytest.mark.skipif(os.name == "nt", reason="links and pipes")
def test_a_project_whose_file_cannot_be_read_is_one(tmp_path: Path) -> None:
    _kinds(tmp_path / "environments")
    layout = Layout(tmp_path)
    assert layout.projects() == ("dangling", "folder", "good", "linked", "loop", "pipe")
    assert [layout.known_project(name).parent.name for name in ("good", "linked")] == ["good", "linked"]
    nowhere, no_file = "cannot be read: this symbolic link leads nowhere", "cannot be read: it is not a file"
    said = {
        "dangling": f"environments/dangling/project.yaml: {nowhere}",
        "loop": f"environments/loop: {nowhere}",
        "folder": f"environments/folder/project.yaml: {no_file}",
        "pipe": f"environments/pipe/project.yaml: {no_file}",
        "empty": "environments/empty/project.yaml: there is no project `empty`",
    }
    for name, text in said.items():
        with pytest.raises(BadInput) as caught:
            layout.known_project(name)
        assert str(caught.value).partition("\n")[0] == text
        assert caught.value.hint


@pytest.mark.skipif(os.name == "nt", reason="links")
def test_a_repository_with_a_link_that_leads_nowhere_has_no_digest(tmp_path: Path) -> None:
    _kinds(tmp_path / "environments")
    layout = Layout(tmp_path)
    assert {"loop", "linked", "good"} <= set(layout.project_folders())
    assert [layout.raw_files(name) for name in ("loop", "linked", "dangling")] == [None] * 3
