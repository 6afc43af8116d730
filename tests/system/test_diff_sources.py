"""The two sides that the words of `envgen diff` mean, in a real repository: their names, their locks, and what is said of wrong words."""

from __future__ import annotations

import os
from hashlib import sha1
from pathlib import Path

import pytest
from system.git import Repository, made
from unit.lock_texts import entry, lock_text
from unit.small import refused

from envgen.diff.sources import is_lock, locks_of, repository_of, snapshots, sources, textconv_of
from envgen.model.errors import BadInput

OLD, NEW = (lock_text([entry(f"numpy {version} py312h1_0")], "linux-64") for version in ("2.2.6", "2.3.1"))
P, Q = "environments/p/cpu/conda-lock.yml", "environments/q/cpu/conda-lock.yml"

LINKS = {
    "link/conda-lock.yml": "../" + P,
    "out/conda-lock.yml": "../../x.yml",
    "up/conda-lock.yml": "/etc/hosts",
    "chain/conda-lock.yml": "../link/conda-lock.yml",
    "folder/conda-lock.yml": "../environments",
}


def git_id(text: str) -> str:
    data = text.encode()
    return sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A commit with the old locks and links, one with the new, a branch that left before, and a work tree with one lock more."""
    found = made(tmp_path_factory.mktemp("history") / "r")
    for path in (P, Q, ".hidden/conda-lock.yml", "node_modules/conda-lock.yml", "a/__pycache__/conda-lock.yml"):
        found.write(path, OLD)
    found.write("notes.txt", "no lock\n")
    for link, to in LINKS.items():
        found.root.joinpath(link).parent.mkdir()
        found.root.joinpath(link).symlink_to(to)
    found.commit("old")
    found.git("branch", "side")
    found.write(P, NEW)
    found.commit("new")
    found.git("checkout", "--quiet", "side")
    found.write(Q, NEW)
    found.commit("side")
    found.git("checkout", "--quiet", "-")
    found.write("conda-lock.yml", NEW)
    return found


@pytest.fixture(autouse=True)
def there(history: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(history.root)


def names(history: Repository, base: str | None, head: str | None) -> tuple[str, str]:
    one, two = sources(history.root, base, head)
    return one.name, two.name


def short(history: Repository, revision: str) -> str:
    return history.git("rev-parse", revision)[:8]


def test_the_words_name_revisions_folders_and_files(history: Repository) -> None:
    main = history.git("branch", "--show-current")
    new, old, side = (short(history, one) for one in ("HEAD", "HEAD~1", "side"))
    assert names(history, None, None) == (f"HEAD ({new})", "the work tree")
    assert names(history, "HEAD~1", None) == (f"HEAD~1 ({old})", "the work tree")
    assert names(history, "HEAD~1", "side") == (f"HEAD~1 ({old})", f"side ({side})")
    assert names(history, "HEAD~1..side", None) == (f"HEAD~1 ({old})", f"side ({side})")
    assert names(history, "side..", None) == (f"side ({side})", f"HEAD ({new})")
    assert names(history, "..side", None) == (f"HEAD ({new})", f"side ({side})")
    left, right = sources(history.root, f"{main}...side", None)
    assert (old in left.name, right.name) == (True, f"side ({side})")
    assert names(history, "environments", "HEAD:environments/p") == ("environments", f"HEAD ({new})")
    assert names(history, P, None) == (f"HEAD ({new})", P)
    assert names(history, P, Q) == (P, Q)
    assert names(history, "side", P) == (f"side ({side})", P)


def test_a_revision_has_its_locks_and_those_that_links_lead_to(history: Repository) -> None:
    side, _ = sources(history.root, "HEAD~1", None)
    links = dict.fromkeys(set(LINKS) - {"link/conda-lock.yml"}, "")
    locks = (P, Q, ".hidden/conda-lock.yml", "node_modules/conda-lock.yml", "a/__pycache__/conda-lock.yml", "link/conda-lock.yml")
    assert side.ids == {**dict.fromkeys(locks, git_id(OLD)), **links}
    assert list(side.texts(["link/conda-lock.yml", P])) == [OLD.encode()] * 2
    assert side.links == {  # type: ignore[attr-defined]
        "out/conda-lock.yml": "a symbolic link to ../x.yml, which is not a file of the revision",
        "up/conda-lock.yml": "a symbolic link to /etc/hosts, which is not a file of the revision",
        "chain/conda-lock.yml": "a symbolic link to link/conda-lock.yml, which is not a file of the revision",
        "folder/conda-lock.yml": "a symbolic link to environments, which is not a file of the revision",
    }


def test_a_folder_has_what_is_neither_hidden_nor_of_packages(history: Repository) -> None:
    _, tree = sources(history.root, None, None)
    assert list(tree.ids.items()) == [
        ("conda-lock.yml", git_id(NEW)),
        ("chain/conda-lock.yml", git_id(NEW)),
        (P, git_id(NEW)),
        (Q, git_id(OLD)),
        ("link/conda-lock.yml", git_id(NEW)),
        ("out/conda-lock.yml", ""),
        ("up/conda-lock.yml", ""),
    ]
    assert list(tree.texts([Q])) == [OLD.encode()]


def test_a_path_of_a_revision_is_a_file_or_a_folder(history: Repository) -> None:
    file, folder = sources(history.root, f"HEAD:{Q}", "HEAD~1:environments/p")
    assert (file.ids, folder.ids) == ({Q: git_id(OLD)}, {P: git_id(OLD)})
    assert sources(history.root, "HEAD:notes.txt", "HEAD")[0].ids == {"notes.txt": git_id("no lock\n")}


def test_a_file_is_compared_with_its_path_elsewhere(history: Repository, tmp_path: Path) -> None:
    assert [side.ids for side in sources(history.root, P, None)] == [{P: git_id(NEW)}] * 2
    assert [side.ids for side in sources(history.root, "HEAD~1", P)] == [{P: git_id(OLD)}, {P: git_id(NEW)}]
    copy = tmp_path / "copy" / P
    copy.parent.mkdir(parents=True)
    copy.write_text(OLD, encoding="utf-8")
    assert [side.ids for side in sources(history.root, str(tmp_path / "copy"), P)] == [{P: git_id(OLD)}, {P: git_id(NEW)}]
    assert [side.ids for side in sources(history.root, str(copy), Q)] == [{"conda-lock.yml": git_id(OLD)}] * 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("", None), "an empty word names no revision, folder or file\n\nhint: give a branch, a folder or a lock, or leave it out"),
        (
            ("HEAD", ""),
            "an empty word names no revision, folder or file\n\nhint: give a branch, a folder or a lock, or leave it out",
        ),
        (("HEAD:no", "HEAD"), "the revision HEAD has no `no`\n\nhint: `git ls-tree -r --name-only HEAD` lists its files"),
        (
            ("HEAD", "conda-lock.yml"),
            "the revision HEAD has no file conda-lock.yml\n\nhint: `git ls-tree -r --name-only HEAD` lists them",
        ),
    ],
)
def test_wrong_words_are_told_with_what_to_do(history: Repository, words: tuple[str, str | None], told: str) -> None:
    assert str(refused(lambda: sources(history.root, *words))) == told


def test_a_word_that_is_nothing_says_so_of_all_kinds(history: Repository) -> None:
    error = refused(lambda: sources(history.root, "nothing", None))
    assert isinstance(error, BadInput)
    assert error.hint.endswith("; a file or a folder of this name does not exist either")


def test_a_file_outside_of_the_repository_needs_a_second_one(history: Repository, tmp_path: Path) -> None:
    (tmp_path / "conda-lock.yml").write_text(OLD, encoding="utf-8")
    error = str(refused(lambda: sources(history.root, str(tmp_path / "conda-lock.yml"), None)))
    assert error == (
        f"{tmp_path}/conda-lock.yml: this file is not in the repository\n\nhint: give two files, or a file of this repository"
    )


def test_only_locks_that_differ_are_read_with_those_of_their_group(history: Repository) -> None:
    old, new = snapshots(*sources(history.root, "HEAD~1", "HEAD"))
    assert (old.name.split()[0], new.name.split()[0]) == ("HEAD~1", "HEAD")
    assert [row.locks.keys() for row in (old, new)] == [{P, "link/conda-lock.yml"}] * 2
    assert old.names == new.names
    assert P in old.names
    assert old.locks[P][0].packages[0].version == "2.2.6"
    assert new.locks[P] == new.locks["link/conda-lock.yml"] or new.locks[P][0].packages[0].version == "2.3.1"
    assert (old.unread, new.unread) == ({}, {})


def test_a_lock_of_one_side_alone_is_read(history: Repository) -> None:
    old, new = snapshots(*sources(history.root, None, None))
    assert (old.locks.get("conda-lock.yml"), "conda-lock.yml" in old.names) == (None, False)
    assert new.locks["conda-lock.yml"][0].packages[0].version == "2.3.1"


def test_what_cannot_be_read_is_told_for_each_file(tmp_path: Path) -> None:
    for side, text in {"old": OLD, "new": "version: 1\n"}.items():
        (tmp_path / side).mkdir()
        (tmp_path / side / "conda-lock.yml").write_text(text, encoding="utf-8")
    (tmp_path / "new" / "a-conda-lock.yml").write_bytes(b"\xff")
    (tmp_path / "new" / "b-conda-lock.yml").symlink_to("/dev/null")
    old, new = snapshots(*sources(tmp_path, str(tmp_path / "old"), str(tmp_path / "new")))
    assert (old.locks.keys(), old.unread) == ({"conda-lock.yml"}, {})
    assert new.locks == {}
    assert new.unread.keys() == {"conda-lock.yml", "a-conda-lock.yml", "b-conda-lock.yml"}
    assert new.unread["a-conda-lock.yml"] == "a-conda-lock.yml: not text: invalid start byte"
    assert new.unread["b-conda-lock.yml"] == "it is not a file of this folder, but a link that leads elsewhere, a pipe or a device"


def test_a_lock_is_known_by_its_name_or_by_what_is_in_it() -> None:
    names = ["conda-lock.yml", "gpu.conda-lock.yaml", "pixi.lock", "conda-linux-64.lock", "explicit-x.lock", "my-explicit.txt"]
    assert all(map(is_lock, [*names, "a/b/spec-file.txt", "SPEC-LIST-1.TXT", "conda-x.txt"]))
    assert not any(map(is_lock, ["pixi.lock.bak", "environment.yml", "conda-lock.yml/x", "uv.lock", "notes.txt"]))
    (found,) = locks_of(NEW.encode(), "other.yml")
    assert [(row.name, row.version) for row in found.packages] == [("numpy", "2.3.1")]
    (windows,) = locks_of(NEW.replace("\n", "\r\n").encode(), "other.yml")
    assert windows == found
    (listed,) = locks_of(b"@EXPLICIT\nhttps://h.example/c/linux-64/zlib-1.3-h0_0.conda\n", "explicit.txt")
    assert (listed.shown, [(row.name, row.version, row.build) for row in listed.packages]) == (
        "explicit.txt",
        [("zlib", "1.3", "h0_0")],
    )


def test_git_is_shown_the_packages_of_a_lock_and_other_text_as_it_is(tmp_path: Path) -> None:
    lock, other = tmp_path / "conda-lock.yml", tmp_path / "x.txt"
    lock.write_text(NEW, encoding="utf-8")
    other.write_bytes(b"a\xff\n")
    assert "numpy 2.3.1 py312h1_0" in textconv_of(lock)
    assert textconv_of(other) == "a\ufffd\n"
    assert str(refused(lambda: textconv_of(tmp_path / "no"))) == (
        f"{tmp_path}/no: cannot be read: No such file or directory\n\nhint: give a lock"
    )


def test_the_repository_of_a_folder_is_the_nearest_above(history: Repository, tmp_path: Path) -> None:
    assert repository_of(history.root / "environments" / "p") == history.root
    assert repository_of(history.root) == history.root
    assert os.path.samefile(repository_of(tmp_path), tmp_path)
