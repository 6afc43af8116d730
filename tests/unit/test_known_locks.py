"""A lock that says what a sound one says is not read again; whatever else it says, everything is found as if it were alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from unit.small import REPO, real_matrix

from envgen.model.findings import Finding
from envgen.model.layout import FILES, LOCK, PROJECT, SPEC, VIRTUAL, Layout
from envgen.review import of_project
from envgen.review.of_project import KnownLocks, of_locks
from envgen.review.read_once import ReadOnce

Edit = Callable[[Path], None]


def replacing(file: str, old: str, new: str) -> Edit:
    """An edit of one file of a project."""

    def edit(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1))

    return edit


EDITS: dict[str, Edit] = {
    "another build": replacing(f"cpu/{LOCK}", "cpu_mkl", "cpu_generic"),
    "a hash that cannot be one": replacing(f"cpu/{LOCK}", "    sha256: ", "    sha256: 0"),
    "another channel in the lock": replacing(f"cpu/{LOCK}", "- url: conda-forge", "- url: bioconda"),
    "another number of packages": replacing(f"cpu/{LOCK}", " packages ", "0 packages "),
    "a truncated lock": lambda folder: (folder / "cpu" / LOCK).write_text((folder / "cpu" / LOCK).read_text()[:-100]),
    "a spec more": replacing(f"cpu/{SPEC}", "  - numpy\n", "  - numpy\n  - left-pad\n"),
    "promises that nobody can read": replacing(f"cpu/{VIRTUAL}", "subdirs:", "platforms:"),
    "an environment.yml that is not YAML": lambda folder: (folder / "cpu" / SPEC).write_text("a: ["),
    "an environment.yml that is not text": lambda folder: (folder / "cpu" / SPEC).write_bytes(b"\xff"),
    "another channel of the project": replacing(PROJECT, "channels: [conda-forge]", "channels: [bioconda, conda-forge]"),
    "a GPU that its CUDA has no code for": replacing(PROJECT, "python:", "gpus: [K80]\npython:"),
    "a budget": replacing(PROJECT, "python:", "budget: 1 MB\npython:"),
    "the lock of another target": lambda folder: shutil.copy(folder / "cu126" / LOCK, folder / "cpu" / LOCK),
}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A repository with the same project under three names."""
    shutil.copytree(REPO / "environments" / "index", tmp_path / "environments" / "index")
    for name in ("one", "other", "third"):
        shutil.copytree(REPO / "environments" / "both", tmp_path / "environments" / name)
        for file in FILES:
            path = tmp_path / "environments" / name / "cpu" / file
            path.write_text(path.read_text().replace("both-cpu", f"{name}-cpu"))
    return Layout(tmp_path)


def found(layout: Layout, known: KnownLocks, *names: str) -> list[Finding]:
    """What is found in the locks of some projects, one after the other."""
    return [row for name in names for row in of_locks(layout, real_matrix(), name, (), known)]


@pytest.mark.parametrize("what", EDITS)
def test_beside_sound_locks_everything_is_found_as_if_a_lock_were_alone(layout: Layout, what: str) -> None:
    EDITS[what](layout.environments / "other")
    alone = found(layout, KnownLocks(), "other")
    assert alone
    assert found(layout, KnownLocks(), "one", "other", "other", "third") == [*alone, *alone]


def test_a_lock_that_differs_by_the_name_of_its_project_is_not_read_again(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    known = KnownLocks()
    assert found(layout, known, "one") == []
    monkeypatch.delattr(of_project, "read_conda_lock")
    assert found(layout, known, "other", "third") == []


def test_what_is_judged_is_what_was_digested(layout: Layout) -> None:
    """A file that is changed meanwhile is read as it was; a file that could not be read is asked again."""
    once, path = ReadOnce.of(layout), layout.target("one", "cpu") / SPEC
    text = once.read(path)
    path.write_text("")
    assert once.read(path) == text != layout.read(path)
