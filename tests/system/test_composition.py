"""`envgen why`, `tree`, `size` and `licenses` on the locks of the examples."""

from __future__ import annotations

import json
import shutil

import pytest
from conftest import REPO, Run, Workspace


@pytest.fixture
def example(workspace: Workspace) -> Workspace:
    """A repository with one example, and the recorded index."""
    for name in ("transition", "index"):
        shutil.copytree(REPO / "environments" / name, workspace.root / "environments" / name)
    return workspace


def fine(done: Run) -> str:
    """What a command printed that ended well."""
    assert done.status == 0, done.err
    return done.out


def with_lines(site: Workspace, *lines: str) -> None:
    """Add lines to the project file."""
    place = site.root / "environments/transition/project.yaml"
    place.write_text(place.read_text(encoding="utf-8") + "".join(f"{line}\n" for line in lines), encoding="utf-8")


def test_who_brought_a_package(example: Workspace) -> None:
    text = fine(example.envgen("why", "transition", "libblas"))
    assert text.startswith("libblas in transition\ncpu (linux-64)")
    assert "numpy (requested: " in text or "> numpy " in text
    rows = json.loads(fine(example.envgen("why", "transition", "libblas", "--json")))
    assert {row["target"] for row in rows} == {"cpu", "cu118", "cu121"}
    assert all(chain[-1] == "libblas" for row in rows for chain in row["chains"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("why", "transition", "numpi"), "did you mean `numpy`?"),
        (("why", "transitoin", "numpy"), "did you mean `transition`?"),
        (("tree", "transition", "--target", "cu128"), "no locked target `cu128`"),
        (("size", "transition", "--platform", "osx-64"), "not locked for osx-64"),
        (("why", "../x", "numpy"), "cannot be used"),
    ],
)
def test_words_that_name_nothing(example: Workspace, words: tuple[str, ...], said: str) -> None:
    done = example.envgen(*words)
    assert done.status == 2
    assert said in done.err


def test_a_project_without_a_lock(workspace: Workspace) -> None:
    workspace.project("new", "python: '3.12.*'\ntargets: [cpu]\nplatforms: [linux-64]\nchannels: [conda-forge]\n")
    done = workspace.envgen("tree", "new")
    assert done.status == 2
    assert "run `envgen lock new`" in done.err


def test_the_tree_has_every_package(example: Workspace) -> None:
    rows = json.loads(fine(example.envgen("tree", "transition", "--target", "cpu", "--json")))
    text = fine(example.envgen("tree", "transition", "--target", "cpu"))
    assert {line.split()[0] for line in text.splitlines()[1:]} == set(rows[0]["packages"])


def test_a_budget_is_held(example: Workspace) -> None:
    text = fine(example.envgen("size", "transition"))
    stamp = (example.root / "environments/transition/cpu/conda-lock.yml").read_text(encoding="utf-8")
    size = int(stamp.split("packages ")[1].split(" bytes")[0].removeprefix(">="))
    cpu = next(row for row in json.loads(fine(example.envgen("size", "transition", "--json"))) if row["target"] == "cpu")
    assert cpu["bytes"] == size  # two ways to the same number: the records, and what the lock was stamped with
    assert text.count("the biggest of ") == 3
    with_lines(example, "budget: {default: 100 GB, cpu: 1 MB}")
    done = example.envgen("size", "transition")
    assert done.status == 1
    assert done.out.count("exceeded") == 1


def test_licences_that_are_not_allowed(example: Workspace) -> None:
    assert "BSD-3-Clause" in fine(example.envgen("licenses", "transition"))
    done = example.envgen("licenses", "transition", "--deny", "BSD-3-*", "--target", "cpu")
    assert done.status == 1
    assert "not allowed: cpu: numpy " in done.out
    with_lines(example, "licenses: {deny: [BSD-3-*]}")
    assert example.envgen("licenses", "transition").status == 1
    assert example.envgen("licenses", "transition", "--deny", "nothing-*").status == 0


def test_limits_do_not_make_a_lock_stale(example: Workspace) -> None:
    with_lines(example, "budget: 100 GB", "licenses: {deny: [AGPL-*]}")
    before = example.files()
    assert "transition" in fine(example.envgen("lock", "transition", "--offline"))
    after = example.files()
    assert {name for name in before if before[name] != after.get(name)} <= {name for name in before if name.startswith("index/")}


def test_a_repository_without_a_recorded_index(example: Workspace) -> None:
    shutil.rmtree(example.root / "environments/index")
    assert ">=0.0 kB" in fine(example.envgen("size", "transition"))
    assert "unknown" in fine(example.envgen("licenses", "transition"))
