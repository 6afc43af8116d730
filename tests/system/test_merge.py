"""git merges locks through envgen: real repositories, branches and merges, and a made-up channel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import Workspace, clean_environment, repository
from system import channel, forks
from system.git import Repository, made

from envgen.formats.conda_lock import read_lock, read_stamp

PROJECT = """\
python: ">=3.11,<3.13"
frameworks: {pytorch: "2.7"}
targets: [cpu]
platforms: [linux-64]
channels: [conda-forge]
dependencies: [numpy]
"""
MORE = (
    channel.pure("rich", "14.0"),
    channel.pure("tqdm", "4.66"),
    channel.pure("tqdm", "4.67"),
    channel.pure("needs-old-tqdm", "1.0", "tqdm <4.67"),
)
LOCK = "environments/app/cpu/conda-lock.yml"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Path]:
    """A repository with one locked project, as `envgen init --git` sets it up, and the index that it is locked from."""
    top = tmp_path_factory.mktemp("merge")
    index = channel.build(top / "index" / "conda-forge", (*channel.EVERYTHING, *MORE)).parent
    site = repository(top / "site", {**clean_environment(top), "ENVGEN_CACHE": str(top / "cache")})
    site.project("app", PROJECT)
    done = site.envgen("lock", "--index", index)
    assert done.status == 0, done.err
    made(site.root)
    done = site.envgen("init", "--git")
    assert done.status == 0, done.err
    (site.root / ".gitignore").write_text(".*.envgen-lock\n", encoding="utf-8")
    Repository(site.root).commit("locked")
    return site, index


@pytest.fixture
def site(started: tuple[Workspace, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A clone of it, set up in the same way, in which the program `envgen` is the one that is tested."""
    programs = tmp_path / "bin"
    programs.mkdir()
    forks.program(programs / "envgen")
    environment = {**clean_environment(tmp_path), "PATH": f"{programs}:{os.environ['PATH']}"}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    Repository(tmp_path).git("clone", "--quiet", started[0].root, tmp_path / "site")
    found = Workspace(tmp_path / "site", environment)
    assert found.envgen("init", "--git").status == 0
    return found


@pytest.fixture
def index(started: tuple[Workspace, Path]) -> Path:
    """The index that everything is locked from."""
    return started[1]


def on_branch(site: Workspace, name: str, *words: object) -> Repository:
    """A branch from main on which a command of envgen was run."""
    git = Repository(site.root)
    git.git("switch", "--quiet", "--create", name, "main")
    done = site.envgen(*words)
    assert done.status == 0, done.err
    git.commit(name)
    return git


def names(site: Workspace) -> dict[str, str]:
    """Package -> version in the lock."""
    text = (site.root / LOCK).read_text(encoding="utf-8")
    assert read_stamp(text, "lock") is not None
    return {package.name: package.version for package in read_lock(text, "lock").packages}


def is_up_to_date(site: Workspace) -> bool:
    """Whether everything is what its inputs say, the recorded index as well."""
    before = site.files()
    check, lock = site.envgen("lock", "--check"), site.envgen("lock", "--offline")
    assert (check.status, lock.status) == (0, 0), check.out + check.err + lock.err
    return site.files() == before


def test_two_branches_that_each_add_a_dependency_merge(site: Workspace, index: Path) -> None:
    """Both lines are the same line of project.yaml, both locks differ, and so does the recorded index."""
    on_branch(site, "one", "add", "app", "rich", "--index", index)
    git = on_branch(site, "two", "add", "app", "tqdm", "--index", index)
    git.git("merge", "--quiet", "--no-edit", "one")
    assert "dependencies: [numpy, tqdm, rich]" in (site.root / "environments/app/project.yaml").read_text(encoding="utf-8")
    assert names(site)["rich"] == "14.0"
    assert names(site)["tqdm"] == "4.67"
    assert is_up_to_date(site)


def test_an_update_of_one_branch_and_a_dependency_of_the_other_are_both_kept(site: Workspace, index: Path) -> None:
    git = on_branch(site, "main2", "add", "app", "tqdm=4.66", "--index", index)
    git.git("switch", "--quiet", "main")
    git.git("merge", "--quiet", "main2")
    project = site.root / "environments/app/project.yaml"
    git.git("switch", "--quiet", "--create", "update")
    project.write_text(project.read_text(encoding="utf-8").replace("tqdm=4.66", "tqdm"), encoding="utf-8")
    assert site.envgen("update", "--package", "tqdm", "--index", index).status == 0
    git.commit("update")
    on_branch(site, "add", "add", "app", "einops", "--index", index)
    git.git("merge", "--quiet", "--no-edit", "update")
    assert names(site)["tqdm"] == "4.67"
    assert "einops" in names(site)
    assert is_up_to_date(site)


def test_a_package_that_one_side_moved_back_stays_as_that_side_has_it(site: Workspace, index: Path) -> None:
    """The newer version is recorded, too, and meets the requirements: the merge keeps what was chosen, and solves for the rest."""
    git = on_branch(site, "base", "add", "app", "tqdm", "--index", index)
    git.git("switch", "--quiet", "--create", "older")
    project = site.root / "environments/app/project.yaml"
    text = project.read_text(encoding="utf-8")
    for requested in (text.replace("tqdm", "tqdm=4.66"), text):
        project.write_text(requested, encoding="utf-8")
        assert site.envgen("lock", "--index", index).status == 0
    assert names(site)["tqdm"] == "4.66"
    git.commit("older")
    git.git("switch", "--quiet", "--create", "more", "base")
    assert site.envgen("add", "app", "rich", "--index", index).status == 0
    git.commit("more")
    git.git("merge", "--quiet", "--no-edit", "older")
    assert (names(site)["tqdm"], names(site)["rich"]) == ("4.66", "14.0")
    assert is_up_to_date(site)


def test_a_rebase_and_a_cherry_pick_merge_as_well(site: Workspace, index: Path) -> None:
    on_branch(site, "one", "add", "app", "rich", "--index", index)
    git = on_branch(site, "two", "add", "app", "tqdm", "--index", index)
    git.git("switch", "--quiet", "--create", "three", "two")
    git.git("rebase", "--quiet", "one")
    assert {"rich", "tqdm"} <= names(site).keys()
    assert is_up_to_date(site)
    git.git("switch", "--quiet", "--create", "four", "one")
    git.git("cherry-pick", "two")
    assert {"rich", "tqdm"} <= names(site).keys()
    assert is_up_to_date(site)


def test_branches_that_change_different_projects_share_the_recorded_index(site: Workspace, index: Path) -> None:
    """No lock has a conflict, but the index has: it holds the records of both."""
    on_branch(site, "one", "add", "app", "rich", "--index", index)
    git = Repository(site.root)
    git.git("switch", "--quiet", "--create", "two", "main")
    site.project("other", PROJECT.replace("[numpy]", "[tqdm]"))
    assert site.envgen("lock", "other", "--index", index).status == 0
    git.commit("two")
    git.git("merge", "--quiet", "--no-edit", "one")
    assert is_up_to_date(site)


def test_a_repository_below_the_top_of_its_git_repository(started: tuple[Workspace, Path], site: Workspace, index: Path) -> None:
    git = Repository(site.root)
    git.git("switch", "--quiet", "--create", "below")
    (site.root / "ml").mkdir()
    for name in ("environments", "matrices", "templates", ".gitattributes"):
        git.git("mv", name, f"ml/{name}")
    git.commit("moved")
    below = Workspace(site.root / "ml", site.environment)
    for branch, package in (("one", "rich"), ("two", "tqdm")):
        git.git("switch", "--quiet", "--create", branch, "below")
        assert below.envgen("add", "app", package, "--index", index).status == 0
        git.commit(branch)
    git.git("merge", "--quiet", "--no-edit", "one")
    assert {"rich", "tqdm"} <= names(below).keys()
    assert is_up_to_date(below)


def test_inputs_that_conflict_are_named_and_the_markers_stay(site: Workspace, index: Path) -> None:
    on_branch(site, "one", "add", "app", "tqdm=4.66", "--index", index)
    git = on_branch(site, "two", "add", "app", "tqdm=4.67", "--index", index)
    done = site_git(site, "merge", "one")
    assert done[0] == 1
    assert f"envgen: {LOCK} has a conflict: environments/app/project.yaml has a conflict" in done[1]
    assert "<<<<<<< " in (site.root / LOCK).read_text(encoding="utf-8")
    refused = site.envgen("lock", "--index", index)
    assert refused.status == 2
    assert "unresolved merge conflict" in refused.err
    # what the hints say works on an unmerged path; `git checkout -- FILE` does not
    assert site_git(site, "checkout", "--", LOCK)[0] != 0
    for path in git.git("diff", "--name-only", "--diff-filter=U").splitlines():
        git.git("checkout", "--ours", path)
    assert site.envgen("lock", "--index", index).status == 0
    git.commit("merged")
    assert names(site)["tqdm"] == "4.67"


def test_requirements_without_a_solution_are_named_and_the_markers_stay(site: Workspace, index: Path) -> None:
    on_branch(site, "one", "add", "app", "needs-old-tqdm", "--index", index)
    on_branch(site, "two", "add", "app", "tqdm>=4.67", "--index", index)
    status, said = site_git(site, "merge", "one")
    assert status == 1
    assert f"envgen: {LOCK} has a conflict: " in said
    assert "Traceback" not in said
    assert "<<<<<<< " in (site.root / LOCK).read_text(encoding="utf-8")


def test_git_shows_a_lock_as_a_list(site: Workspace, index: Path) -> None:
    git = on_branch(site, "one", "add", "app", "rich", "--index", index)
    shown = git.git("diff", "main", "one", "--", LOCK)
    lines = [line for line in shown.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert len(lines) == 1
    assert lines[0].startswith("+linux-64 rich 14.0 ")


def test_a_file_that_is_no_lock_is_shown_and_merged_as_text(site: Workspace) -> None:
    git = Repository(site.root)
    other = "docs/conda-lock.yml"
    for branch, text in (("main", "a\nb\nc\n"), ("one", "a1\nb\nc\n")):
        git.git("switch", "--quiet", *(("main",) if branch == "main" else ("--create", branch)))
        git.write(other, text)
        git.commit(branch)
    assert "+a1" in git.git("diff", "main", "one", "--", other)


def test_a_clone_without_the_configuration_merges_as_git_does(site: Workspace, index: Path) -> None:
    on_branch(site, "one", "add", "app", "rich", "--index", index)
    git = on_branch(site, "two", "add", "app", "tqdm", "--index", index)
    git.git("config", "--remove-section", "merge.envgen")
    assert site_git(site, "merge", "one")[0] == 1
    assert "<<<<<<< " in (site.root / LOCK).read_text(encoding="utf-8")


def test_init_git_twice_changes_nothing_and_keeps_what_is_there(site: Workspace) -> None:
    attributes = site.root / ".gitattributes"
    attributes.write_text("*.png binary", encoding="utf-8")
    assert "wrote .gitattributes" in site.envgen("init", "--git").out
    text = attributes.read_text(encoding="utf-8")
    assert text.startswith("*.png binary\n")
    assert "kept .gitattributes" in site.envgen("init", "--git").out
    assert attributes.read_text(encoding="utf-8") == text


def test_init_git_outside_of_a_repository(tmp_path: Path, workspace: Workspace) -> None:
    done = workspace.envgen("init", "--git", cwd=tmp_path)
    assert done.status == 2
    assert "not in a git repository" in done.err


def site_git(site: Workspace, *words: str) -> tuple[int, str]:
    """What git says, where it may fail."""
    import subprocess

    argv = ["git", "-C", str(site.root), *words]
    done = subprocess.run(argv, env={**os.environ, **_AUTHOR}, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


_AUTHOR = {"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "a@b.c", "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "a@b.c"}
