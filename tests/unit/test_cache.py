"""Values in the cache: what is read back equals what was kept, and nothing but a whole entry of the same key is read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from unit.small import PROJECT, examples, project_of, write_matrix
from unit.test_project import WHOLE

from envgen import cache
from envgen.cache import decoded, encoded, key_of, remembered
from envgen.matrix.cached import cached_matrix
from envgen.matrix.load import load_matrix
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Gpu, Matrix
from envgen.model.layout import Layout
from envgen.model.project import Project
from envgen.model.run import UnchangedProject
from envgen.project import cached as projects
from envgen.project.cached import cached_project
from envgen.project.load import load_project


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache for each test."""
    monkeypatch.setenv("ENVGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "values"


def whole(value: object) -> Any:
    """A value as nested tuples of types and parts: equal only where every part is equal and of the same type."""
    parts: Any = value
    if is_dataclass(value):
        parts = [whole(getattr(value, field.name)) for field in fields(value) if field.init]
    elif isinstance(value, tuple):
        parts = [whole(part) for part in value]
    elif isinstance(value, frozenset):
        parts = {repr(whole(part)) for part in value}
    elif isinstance(value, dict):
        parts = [(whole(key), whole(part)) for key, part in value.items()]
    elif isinstance(value, SpecifierSet):
        parts = (str(value), value.prereleases)
    return (type(value), parts)


# --- encoding ---------------------------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.text(),
        st.dates(),
        st.datetimes(timezones=st.just(timezone.utc) | st.just(timezone(timedelta(hours=-5)))),
        st.sampled_from([Version("2.7.1"), Version("1.0rc1.post2"), Version("12.6")]),
        st.sampled_from([SpecifierSet(">=2,<3", prereleases=True), SpecifierSet(">=2,<3"), SpecifierSet()]),
        st.builds(Address, st.text(), st.integers(), st.integers()),
        st.builds(Gpu, name=st.text(), capability=st.just(Version("7.0")), mig=st.none() | st.integers()),
    ),
    lambda inner: st.one_of(
        st.lists(inner).map(tuple),
        st.frozensets(st.integers() | st.text() | st.booleans()),
        st.dictionaries(st.text() | st.integers(), inner),
    ),
)


@examples(150)
@given(VALUES)
def test_a_value_is_read_back_as_it_was(value: object) -> None:
    assert whole(decoded(encoded(value))) == whole(value)


def test_parts_that_python_calls_equal_stay_apart() -> None:
    value = (1, True, "1", 0, False, None, "", Version("1"), date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=timezone.utc))
    assert whole(decoded(encoded(value))) == whole(value)


def test_the_facts_of_this_repository_are_read_back_with_their_addresses(real: Matrix) -> None:
    found = decoded(encoded(real))
    assert found == real
    assert whole(found) == whole(real)


def test_a_project_with_every_key_is_read_back_as_it_was() -> None:
    project = project_of(WHOLE)
    assert whole(decoded(encoded(project))) == whole(project)


@pytest.mark.parametrize("value", [[1], {1}, 1.5j, b"text", object()])
def test_a_value_with_a_type_that_the_model_does_not_use_is_not_kept(value: object, folder: Path) -> None:
    with pytest.raises(TypeError):
        encoded((value,))
    for _ in range(2):
        assert remembered(tuple, "key", lambda: (value,)) == (value,)
    assert not list(folder.glob("*"))


# --- entries ----------------------------------------------------------------------------------------------------------------


def made_once(monkeypatch: pytest.MonkeyPatch, value: tuple[int, ...] = (1, 2)) -> Callable[[], int]:
    """Ask for a value, and return a function that asks again and says how often it was made since."""
    calls: list[int] = []

    def make() -> tuple[int, ...]:
        calls.append(1)
        return value

    def again() -> int:
        calls.clear()
        assert remembered(tuple, "key", make) == value
        return len(calls)

    assert again() == 1
    assert again() == 0
    return again


def entry(folder: Path) -> Path:
    (path,) = folder.glob("*")
    return path


@pytest.mark.parametrize("cut", [0, 10, 64, 65, 70, -1])
def test_an_entry_that_was_cut_off_is_made_again_and_replaced(cut: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = made_once(monkeypatch)
    before = entry(folder).read_text()
    entry(folder).write_text(before[:cut])
    assert again() == 1
    assert entry(folder).read_text() == before
    assert again() == 0


def test_an_entry_with_another_number_is_made_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = made_once(monkeypatch)
    head, _, text = entry(folder).read_text().partition("\n")
    assert "2" in text
    entry(folder).write_text(f"{head}\n{text.replace('2', '3')}")
    assert again() == 1


def test_the_entry_of_another_key_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_once(monkeypatch)
    entry(folder).rename(folder / "tuple-other.json")
    assert remembered(tuple, "other", lambda: (7,)) == (7,)


@pytest.mark.parametrize("text", ["", "[]", "7", "[1]", "[[]]", '[["Path"]]', '[["tuple",5]]', '[["Address"]]', '{"a":1}', "[1,"])
def test_a_whole_entry_with_something_else_is_made_again(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = made_once(monkeypatch)
    entry(folder).write_text(f"{key_of('key', text)}\n{text}")
    assert again() == 1


def test_an_entry_that_is_not_text_is_made_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = made_once(monkeypatch)
    entry(folder).write_bytes(b"\xff\xfe\x00")
    assert again() == 1


def test_without_a_folder_that_can_be_written_every_value_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ENVGEN_CACHE", str(tmp_path / "file"))
    for _ in range(2):
        assert remembered(tuple, "key", lambda: (1,)) == (1,)


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(_: str) -> Path:
        raise RuntimeError("no home")

    monkeypatch.delenv("ENVGEN_CACHE")
    monkeypatch.setattr("platformdirs.user_cache_path", homeless)
    assert remembered(tuple, "key", lambda: (1,)) == (1,)
    with pytest.raises(BadInput, match="no home"):
        cache.cache_folder()


def test_an_entry_older_than_a_week_is_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import time

    folder.mkdir(parents=True)
    old, new = folder / "Matrix-old.json", folder / "Matrix-new.json"
    for path, age in ((old, 8), (new, 6)):
        path.write_text("")
        os.utime(path, (time.time() - age * 24 * 3600,) * 2)
    made_once(monkeypatch)
    assert not old.exists()
    assert new.exists()


def test_a_key_tells_apart_where_texts_end_and_what_made_them(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {key_of("ab", "c"), key_of("a", "bc"), key_of("abc"), key_of("abc", "")}
    assert len(keys) == 4
    monkeypatch.setattr(cache, "_program", lambda: "another version of envgen")
    assert key_of("abc") not in keys


# --- facts and projects -----------------------------------------------------------------------------------------------------


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A small repository with one project."""
    write_matrix(tmp_path / "matrices")
    path = tmp_path / "environments" / "demo" / "project.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(PROJECT, encoding="utf-8")
    return Layout(tmp_path)


def test_facts_and_projects_are_the_same_remembered_and_read(layout: Layout) -> None:
    for _ in range(2):
        matrix = cached_matrix(layout)
        assert whole(matrix) == whole(load_matrix(layout.matrices))
        path = layout.project("demo")
        assert whole(cached_project(layout, matrix, "demo")) == whole(load_project(path, layout.shown(path), matrix))


def test_every_changed_file_is_read_again(layout: Layout) -> None:
    before = cached_matrix(layout)
    path = layout.matrices / "gpus.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("because:", "# a line more\nbecause:"), encoding="utf-8")
    after = cached_matrix(layout)
    assert after.digest != before.digest
    assert whole(after) == whole(load_matrix(layout.matrices))
    project = layout.project("demo")
    first = cached_project(layout, after, "demo")
    project.write_text(f"# a line more\n{PROJECT}", encoding="utf-8")
    second = cached_project(layout, after, "demo")
    assert (first.at("targets").line, second.at("targets").line) == (first.at("targets").line, first.at("targets").line + 1)


def test_what_is_wrong_is_told_every_time(layout: Layout) -> None:
    path = layout.matrices / "gpus.yaml"
    right = path.read_text(encoding="utf-8")
    cached_matrix(layout)
    path.write_text(f"{right}\nwrong: 1\n", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(BadInput, match="unknown key") as error:
            cached_matrix(layout)
        assert str(error.value.where).startswith("matrices/gpus.yaml:")
    layout.project("demo").write_text(f"{PROJECT}wrong: 1\n", encoding="utf-8")
    path.write_text(right, encoding="utf-8")
    for _ in range(2):
        with pytest.raises(BadInput, match="unknown key"):
            cached_project(layout, cached_matrix(layout), "demo")


def test_a_matrix_that_was_changed_has_no_digest_and_its_projects_are_not_remembered(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix = cached_matrix(layout)
    assert matrix.digest
    changed = replace(matrix, advice=())
    assert changed.digest == load_matrix(layout.matrices).digest == ""
    monkeypatch.setattr(projects, "remembered", lambda *_: pytest.fail("remembered"))
    assert isinstance(cached_project(layout, changed, "demo"), Project)


def test_a_value_is_recalled_whose_module_is_imported_after_another_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The facts are read first, before anything of a run is imported: what is remembered of runs must be found all the same."""
    text = encoded(UnchangedProject(()))
    with monkeypatch.context() as before:
        before.delitem(sys.modules, "envgen.model.run")
        decoded.cache_clear()
        with pytest.raises(LookupError):
            decoded(text)
    assert decoded(text) == UnchangedProject(())
