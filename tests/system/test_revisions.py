"""Reading a revision of a real git repository: what is in it, and what a user is told where it cannot be read."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

import pytest
from system.git import Repository, made

from envgen.model.errors import BadInput
from envgen.revisions import as_folder, merge_base, revision


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Two commits: `a.txt` and `sub/b.txt` in the first; in the second `a.txt` has changed and `sub/b.txt` is gone."""
    found = made(tmp_path / "repository")
    found.write("a.txt", "one\n")
    found.write("sub/b.txt", "bee\n")
    found.commit("first")
    found.write("a.txt", "two\n")
    (found.root / "sub" / "b.txt").unlink()
    found.commit("second")
    return found


def test_a_revision_is_read_as_it_was_committed_whatever_the_work_tree_is(repository: Repository) -> None:
    repository.write("a.txt", "three, not committed\n")
    with as_folder(repository.root, "HEAD~1") as folder:
        found = {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert found == {"a.txt": "one\n", "sub/b.txt": "bee\n"}
    assert not folder.exists()
    assert (repository.root / "a.txt").read_text() == "three, not committed\n"


def test_only_some_paths_are_read(repository: Repository) -> None:
    found = revision(repository.root, "HEAD~1")
    assert [str(file.path) for file in found.files(["sub"])] == ["sub/b.txt"]
    assert found.files(["none"]) == ()
    assert list(found.contents(found.files())) == [b"one\n", b"bee\n"]


def test_a_folder_below_the_top_of_a_repository_has_its_own_paths(repository: Repository) -> None:
    (repository.root / "sub").mkdir(exist_ok=True)
    found = revision(repository.root / "sub", "HEAD~1")
    assert [file.path for file in found.files()] == [PurePosixPath("b.txt")]


def test_bytes_are_those_of_the_commit_without_filters_and_attributes(repository: Repository, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    repository.git("config", "filter.touch.smudge", f"touch {ran}; cat")
    repository.git("config", "filter.touch.clean", "cat")
    repository.git("config", "core.fsmonitor", f"touch {ran}")
    repository.write(".gitattributes", "a.txt filter=touch export-ignore eol=crlf\n")
    repository.commit("attributes")
    ran.unlink(missing_ok=True)
    with as_folder(repository.root, "HEAD") as folder:
        assert (folder / "a.txt").read_bytes() == b"two\n"
    assert not ran.exists()


def test_names_with_spaces_quotes_and_other_scripts_are_kept(repository: Repository) -> None:
    names = ["with space.txt", 'quo"te.txt', "straße.txt", "tab\tname.txt"]
    for name in names:
        repository.write(name, name)
    repository.commit("names")
    with as_folder(repository.root, "HEAD") as folder:
        assert {name: (folder / name).read_text() for name in names} == {name: name for name in names}


@pytest.mark.parametrize("name", ["-n", "--output=x", "", "a\nb", "a\x1b[31mb"])
def test_a_name_that_git_could_take_for_something_else_is_refused(repository: Repository, name: str) -> None:
    with pytest.raises(BadInput, match="is not the name of a revision"):
        revision(repository.root, name)


def test_a_revision_that_does_not_exist(repository: Repository) -> None:
    with pytest.raises(BadInput, match="there is no revision `nowhere`") as caught:
        revision(repository.root, "nowhere")
    assert "git fetch" in caught.value.hint
    with pytest.raises(BadInput, match="there is no revision"):
        revision(repository.root, "HEAD:a.txt")  # a file, not a commit


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no revision `HEAD`") as caught:
        revision(made(tmp_path / "empty").root, "HEAD")
    assert "no commit yet" in caught.value.hint


def test_a_shallow_clone_says_how_to_get_the_rest(repository: Repository, tmp_path: Path) -> None:
    repository.git("clone", "--quiet", "--depth=1", f"file://{repository.root}", tmp_path / "shallow")
    assert revision(tmp_path / "shallow", "HEAD").files()
    with pytest.raises(BadInput) as caught:
        revision(tmp_path / "shallow", "HEAD~1")
    assert "git fetch --unshallow" in caught.value.hint
    assert "fetch-depth: 0" in caught.value.hint


def test_a_clone_that_left_files_out_does_not_fetch_them(repository: Repository, tmp_path: Path) -> None:
    repository.git("config", "uploadpack.allowFilter", "true")
    repository.git("clone", "--quiet", "--filter=blob:none", f"file://{repository.root}", tmp_path / "partial")
    shutil.move(repository.root, tmp_path / "gone")
    found = revision(tmp_path / "partial", "HEAD~1")
    with pytest.raises(BadInput, match="git does not have sub/b.txt of the revision HEAD~1"):
        list(found.contents(found.files(["sub"])))


def test_a_folder_that_is_not_in_a_repository(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not in a git repository"):
        revision(tmp_path, "HEAD")


def test_a_machine_without_git(repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="git is not installed"):
        revision(repository.root, "HEAD")
    with as_folder(tmp_path, str(repository.root)) as folder:  # a folder needs no git
        assert folder == repository.root


def test_a_revision_comes_before_a_folder_of_the_same_name(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main").mkdir()
    with as_folder(repository.root, "main") as folder:
        assert (folder / "a.txt").is_file()
    with as_folder(repository.root, "./main") as folder:
        assert folder == tmp_path / "main"


def test_a_hook_of_another_repository_does_not_change_what_is_read(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = made(tmp_path / "other")
    other.write("other.txt", "other")
    other.commit("other")
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other.root / ".git" / "index"))
    assert [str(file.path) for file in revision(repository.root, "HEAD").files()] == ["a.txt"]


def test_links_inside_are_kept_and_links_that_lead_out_are_refused(repository: Repository) -> None:
    (repository.root / "inside").symlink_to("a.txt")
    repository.commit("inside")
    with as_folder(repository.root, "HEAD") as folder:
        assert (folder / "inside").read_text() == "two\n"
    for number, to in enumerate(("/etc/passwd", "../../outside", "sub/../../outside")):
        (repository.root / f"out{number}").symlink_to(to)
        repository.commit("out")
        with pytest.raises(BadInput, match="leads out of the repository"), as_folder(repository.root, "HEAD", [f"out{number}"]):
            pass


def test_links_that_lead_out_one_through_the_other_are_refused(repository: Repository) -> None:
    repository.write("one/two/file", "")
    (repository.root / "one" / "two" / "up").symlink_to("../..")
    (repository.root / "way").symlink_to("one/two/up/../../outside")  # as it is written, this is `one/outside`
    repository.commit("a way out")
    with pytest.raises(BadInput, match="leads out of the repository"), as_folder(repository.root, "HEAD"):
        pass


def test_the_files_of_a_submodule_are_left_out(repository: Repository, tmp_path: Path) -> None:
    inner = made(tmp_path / "inner")
    inner.commit("inner")
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.root, "module")
    repository.commit("a submodule")
    assert {str(file.path) for file in revision(repository.root, "HEAD").files()} == {".gitmodules", "a.txt"}


def test_the_commit_that_two_branches_come_from(repository: Repository) -> None:
    start = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "--quiet", "-b", "topic")
    repository.write("a.txt", "topic\n")
    repository.commit("topic")
    repository.git("checkout", "--quiet", "main")
    repository.write("a.txt", "main\n")
    repository.commit("main")
    assert merge_base(repository.root, "topic", "main").commit == start
    repository.git("checkout", "--quiet", "--orphan", "alone")
    repository.commit("alone")
    with pytest.raises(BadInput, match="no commit in common"):
        merge_base(repository.root, "alone", "main")
