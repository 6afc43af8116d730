"""Many projects: nothing to do is known from raw files, and a project that fails does not keep the others from being locked."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Workspace, clean_environment, repository

PROJECT = """\
python: "3.12"
frameworks: {{pytorch: "*"}}
targets: [cpu, cu126]
platforms: [linux-64]
channels: [conda-forge]
dependencies: [{own}]
"""
OWN = {"a": "numpy", "b": "einops", "c": "numpy"}
NOTHING = "Nothing to do: every lock is up to date."


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, index: Path) -> Workspace:
    """Three projects with locks."""
    folder = tmp_path_factory.mktemp("made")
    site = repository(folder / "repository", clean_environment(folder))
    for name, own in OWN.items():
        site.project(name, PROJECT.format(own=own))
    done = site.envgen("lock", "--index", index)
    assert done.status == 0, done.err
    return site


@pytest.fixture
def site(made: Workspace, tmp_path: Path) -> Workspace:
    """A copy of it with a cache of its own."""
    shutil.copytree(made.root, tmp_path / "repository", ignore=shutil.ignore_patterns("cache"))
    return Workspace(tmp_path / "repository", clean_environment(tmp_path))


def entries(site: Workspace) -> set[str]:
    """What is remembered of projects with nothing to do."""
    return {path.name for path in Path(site.environment["ENVGEN_CACHE"]).glob("values/UnchangedProject-*")}


# --- nothing to do --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("lock",), ("lock", "--json"), ("lock", "b"), ("lock", "--check"), ("lock", "--dry-run")])
def test_nothing_to_do_is_told_in_the_same_words_from_raw_files(site: Workspace, words: tuple[str, ...]) -> None:
    first, second = site.envgen(*words), site.envgen(*words)
    assert len(entries(site)) == (1 if "b" in words else 3)
    assert second == first
    assert first.status == 0


def test_an_alias_is_still_explained(site: Workspace, index: Path) -> None:
    site.project("a", PROJECT.format(own="numpy").replace("cu126]", "cuda12.6]"))
    said = [site.envgen("lock", "a", "--index", index).err for _ in range(3)]
    assert "cuda12.6" in said[2]
    assert said[1] == said[2]


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, path
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


EDITS: dict[str, Callable[[Path], None]] = {
    "project": lambda root: edited(root / "environments/b/project.yaml", "einops", "einops, numpy"),
    "spec": lambda root: edited(root / "environments/b/cpu/environment.yml", "einops", "numpy"),
    "virtual packages": lambda root: (root / "environments/b/cpu/virtual-packages.yml").unlink(),
    "lock": lambda root: (root / "environments/b/cpu/conda-lock.yml").unlink(),
    "template": lambda root: edited(root / "templates/environment.yml.j2", "name: ", "name:  "),
    "fact": lambda root: edited(root / "matrices/targets.yaml", "__glibc: ", "__glibc:  "),
    "other fact": lambda root: edited(root / "matrices/targets.yaml", '__glibc: "2.', '__glibc: "3.'),
}


@pytest.mark.parametrize("kind", EDITS)
def test_a_changed_input_is_noticed(site: Workspace, kind: str) -> None:
    assert [site.envgen("lock").talk.endswith(f"{NOTHING}\n") for _ in range(2)] == [True, True]
    before = entries(site)
    EDITS[kind](site.root)
    done = site.envgen("lock", "--check")
    fresh = Workspace(site.root, {**site.environment, "ENVGEN_CACHE": str(site.root / "other-cache")})
    assert (done.status, done.out) == (fresh.envgen("lock", "--check").status, fresh.envgen("lock", "--check").out)
    assert (done.status == 0) == (kind == "fact"), done.out
    assert bool(entries(site) - before) == (kind == "fact")


def test_a_damaged_lock_is_reported_though_it_was_in_order_before(site: Workspace) -> None:
    for _ in range(2):
        assert site.envgen("lock").status == 0
    edited(site.root / "environments/b/cpu/conda-lock.yml", "manager: conda", "manager:  conda")
    done = site.envgen("lock")
    assert (done.status, "b/cpu/conda-lock.yml" in done.err) == (2, True)


def test_an_entry_that_is_damaged_is_made_again(site: Workspace) -> None:
    first = site.envgen("lock")
    for path in Path(site.environment["ENVGEN_CACHE"]).glob("values/UnchangedProject-*"):
        path.write_text(path.read_text(encoding="utf-8").replace("linux-64", "linux-65"), encoding="utf-8")
    assert site.envgen("lock") == first


def test_a_link_that_leads_out_is_refused_though_the_files_were_in_order(site: Workspace, tmp_path: Path) -> None:
    for _ in range(2):
        assert site.envgen("lock").status == 0
    place = site.root / "environments" / "b" / "cpu"
    shutil.move(place, tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    done = site.envgen("lock")
    assert (done.status, "leads out of the repository" in done.err) == (2, True)


# --- one that fails -------------------------------------------------------------------------------------------------------

BROKEN = {
    "no-choice": ('frameworks: {pytorch: ">=99"}', 3, "environments/bad/project.yaml"),
    "no-solution": ("dependencies: [needs-old-numpy, needs-new-numpy]", 4, "bad"),
    "typo": ("dependencies: [numpyy]", 2, "numpyy"),
    "bad-yaml": ("dependencies: {", 2, "environments/bad/project.yaml"),
}


def broken(site: Workspace, name: str, line: str) -> None:
    key = line.partition(":")[0]
    text = PROJECT.format(own="numpy")
    site.project(name, re.sub(rf"^{key}: .*$", lambda _: line, text, flags=re.MULTILINE))


@pytest.mark.parametrize("kind", BROKEN)
def test_a_project_that_fails_does_not_keep_the_others_from_being_locked(site: Workspace, index: Path, kind: str) -> None:
    line, status, said = BROKEN[kind]
    before = site.files()
    for name in OWN:
        shutil.rmtree(site.root / "environments" / name / "cpu")
    broken(site, "bad", line)
    broken(site, "worse", 'frameworks: {pytorch: ">=99"}')
    done = site.envgen("lock", "--index", index)
    assert done.status == max(status, 3), done.err
    assert said in done.err
    assert "error: 2 of 5 projects were not locked: bad, worse\n" in done.err
    assert {name: data for name, data in site.files().items() if name[:2] in ("a/", "b/", "c/", "in")} == before
    rows = json.loads(site.envgen("lock", "--index", index, "--json").out)
    assert [(row["project"], row["exit_code"]) for row in rows if row["state"] == "failed"] == [("bad", status), ("worse", 3)]
    assert [row["state"] for row in rows if row["project"] == "a"] == ["unchanged", "unchanged"]


def test_an_error_of_many_projects_is_printed_once(site: Workspace, tmp_path: Path) -> None:
    (tmp_path / "empty" / "bioconda" / "noarch").mkdir(parents=True)
    (tmp_path / "empty" / "bioconda" / "noarch" / "repodata.json").write_text('{"packages": {}}')
    before = site.files()
    done = site.envgen("lock", "--update", "--index", tmp_path / "empty")
    assert (done.status, site.files()) == (4, before), done.err
    assert done.err.count("channel `conda-forge` is not in") == len({*re.findall(r"environments/\w/project.yaml", done.err)}) == 3
    assert "error: 3 of 3 projects were not locked: a, b, c\n" in done.err


def test_one_project_alone_fails_as_it_always_did(site: Workspace, index: Path) -> None:
    broken(site, "bad", "dependencies: [numpyy]")
    done = site.envgen("lock", "bad", "--index", index)
    assert (done.status, done.out) == (2, "")
    assert "were not locked" not in done.err


def test_records_of_locked_projects_are_kept_where_another_fails(site: Workspace, index: Path) -> None:
    """The recorded index is in step with the locks that are there, those of the failed project included."""
    broken(site, "b", 'frameworks: {pytorch: ">=99"}')
    before = site.files()
    done = site.envgen("lock", "--update", "--index", index)
    assert done.status == 3
    assert {name: data for name, data in site.files().items() if name.startswith(("index/", "b/cpu"))} == {
        name: data for name, data in before.items() if name.startswith(("index/", "b/cpu"))
    }
