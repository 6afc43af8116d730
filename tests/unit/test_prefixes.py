"""Where environments are, the state of a prefix, and its replacement in one step."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.nobody import NOBODY, as_nobody

from envgen.formats import installed
from envgen.formats.installed import MANIFEST_VERSION, InstallManifest, Wheel
from envgen.install import prefixes, transaction
from envgen.model.errors import BadInput
from envgen.model.layout import Layout

NAME = "vision-cpu"
WORDS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)
MANIFESTS = st.builds(
    InstallManifest,
    project=WORDS,
    target=WORDS,
    platform=WORDS,
    lock=WORDS,
    packages=st.dictionaries(WORDS, WORDS, max_size=4),
    pip=st.dictionaries(WORDS, st.builds(Wheel, version=WORDS, sha256=WORDS, info=WORDS), max_size=3),
    requested=st.lists(WORDS, max_size=3).map(tuple),
    version=st.integers(1, 3),
)


def environment(prefix: Path, *packages: str) -> Path:
    (prefix / "conda-meta").mkdir(parents=True)
    for package in packages:
        (prefix / "conda-meta" / f"{package}.json").write_text("{}")
    return prefix


def manifest(*packages: str) -> InstallManifest:
    return InstallManifest(
        project="vision",
        target="cpu",
        platform="linux-64",
        lock="lock",
        packages=dict.fromkeys(packages, "0" * 64),
        version=MANIFEST_VERSION,
    )


def folders(root: Path, home: Path, **environ: str) -> prefixes.EnvironmentFolders:
    return prefixes.environment_folders(Layout(root), {"PATH": "", **environ}, home)


# --- where ----------------------------------------------------------------------------------------------------------------


def test_without_conda_environments_live_below_the_root(tmp_path: Path) -> None:
    found = folders(tmp_path, tmp_path / "home")
    assert (found.conda, found.prefix(NAME)) == ((), tmp_path / ".envs" / NAME)


@pytest.mark.parametrize("variable", ["CONDA_ENVS_PATH", "CONDA_ENVS_DIRS"])
def test_condas_variables_come_first(tmp_path: Path, variable: str) -> None:
    envs = [tmp_path / "one", tmp_path / "two"]
    found = folders(tmp_path, tmp_path, **{variable: os.pathsep.join(map(str, envs)), "MAMBA_ROOT_PREFIX": str(tmp_path / "mamba")})
    assert found.conda == (*envs, tmp_path / "mamba" / "envs", tmp_path / ".conda" / "envs")
    assert found.prefix(NAME) == tmp_path / "one" / NAME


def test_conda_is_known_by_its_executable_and_its_settings(tmp_path: Path) -> None:
    environment(tmp_path / "miniforge3")
    (tmp_path / "miniforge3" / ".condarc").write_text("envs_dirs: [/data/envs]\n")
    (tmp_path / ".condarc").write_text("channels: [conda-forge]\nenvs_dirs:\n  - ~/my-envs\n  - $NOT_SET_HERE/envs\n")
    found = folders(tmp_path, tmp_path, CONDA_EXE=str(tmp_path / "miniforge3" / "bin" / "conda"))
    assert found.conda[-2:] == (tmp_path / "miniforge3" / "envs", tmp_path / ".conda" / "envs")
    assert found.conda[0] == Path("~/my-envs").expanduser()
    assert Path("/data/envs").absolute() in found.conda
    assert not [folder for folder in found.conda if "$" in str(folder)]  # a variable that is not set leads nowhere


@pytest.mark.parametrize("text", ["envs_dirs: 3\n", "- a\n", ":\n  :", "envs_dirs: {a: b}\n", "", "envs_dirs:\n", "\x00"])
def test_settings_that_are_not_what_they_should_be_are_condas_business(tmp_path: Path, text: str) -> None:
    (tmp_path / ".condarc").write_text(text)
    assert all(isinstance(folder, Path) for folder in folders(tmp_path, tmp_path).all)


def test_an_environment_that_is_there_is_found_where_it_is(tmp_path: Path) -> None:
    envs = [tmp_path / "one", tmp_path / "two"]
    environment(tmp_path / "two" / NAME)
    found = folders(tmp_path, tmp_path, CONDA_ENVS_PATH=os.pathsep.join(map(str, envs)))
    assert found.prefix(NAME) == tmp_path / "two" / NAME


@pytest.mark.skipif(sys.platform == "win32", reason="modes of folders are of POSIX")
def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path: Path) -> None:
    for name, mode in (("one", 0o500), ("two", 0o700)):
        (tmp_path / name).mkdir()
        os.chown(tmp_path / name, NOBODY if os.geteuid() == 0 else -1, -1)
        (tmp_path / name).chmod(mode)
    with as_nobody(tmp_path):
        found = folders(tmp_path, tmp_path, CONDA_ENVS_PATH=f"{tmp_path}/one{os.pathsep}{tmp_path}/two")
        assert found.prefix(NAME) == tmp_path / "two" / NAME


def test_a_file_in_the_way_of_a_folder_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = folders(tmp_path, tmp_path, CONDA_ENVS_PATH=f"{tmp_path}/file{os.pathsep}{tmp_path}/two")
    assert found.prefix(NAME) == tmp_path / "two" / NAME


@pytest.mark.parametrize(("before", "after"), [("", "{}\n"), ("/a\n", "/a\n{}\n"), ("/a", "/a\n{}\n"), ("{}\n", "{}\n")])
def test_condas_list_gets_each_environment_once(tmp_path: Path, before: str, after: str) -> None:
    prefix = tmp_path / "env"
    listed = prefixes.registry(tmp_path)
    listed.parent.mkdir()
    listed.write_text(before.replace("{}", str(prefix)))
    prefixes.register(prefix, tmp_path)
    assert listed.read_text() == after.replace("{}", str(prefix))


def test_where_conda_keeps_no_list_none_is_begun(tmp_path: Path) -> None:
    prefixes.register(tmp_path / "env", tmp_path)
    assert not prefixes.registry(tmp_path).exists()


# --- what is in one -------------------------------------------------------------------------------------------------------


@given(found=MANIFESTS)
def test_a_manifest_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, found: InstallManifest) -> None:
    prefix = environment(tmp_path_factory.mktemp("env") / "env")
    prefixes.write_manifest(prefix, found)
    assert installed.read_manifest(prefix) == found
    assert installed.packages(prefix) == frozenset()  # no package is called envgen


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"pip": 3}', '{"pip": {}}', '{"pip": {"a": {}}}', '{"pip": {}, "packages": []}', "\x00"]
)
def test_a_manifest_that_is_not_readable_counts_as_none(tmp_path: Path, text: str) -> None:
    environment(tmp_path / "env")
    (tmp_path / "env" / "conda-meta" / "envgen").write_text(text)
    assert installed.read_manifest(tmp_path / "env") is None
    assert prefixes.state(tmp_path / "env", "lock") == "foreign"


def test_the_states_of_a_prefix(tmp_path: Path) -> None:
    prefix = tmp_path / "env"
    assert prefixes.state(prefix, "lock") == "absent"
    prefix.mkdir()
    assert prefixes.state(prefix, "lock") == "absent"
    environment(prefix, "a-1-0")
    assert prefixes.state(prefix, "lock") == "foreign"
    prefixes.write_manifest(prefix, replace(manifest("a-1-0"), version=1))  # of an envgen whose records were not complete
    assert prefixes.state(prefix, "lock") == "stale"
    prefixes.write_manifest(prefix, manifest("a-1-0"))
    assert prefixes.state(prefix, "lock") == "installed"
    assert prefixes.state(prefix, "another") == prefixes.state(prefix, None) == "stale"
    (prefix / "conda-meta" / "b-1-0.json").write_text("{}")
    assert prefixes.state(prefix, "lock") == prefixes.state(prefix, "another") == "changed"


def test_a_locks_digest_does_not_know_line_ends(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    file = layout.target("p", "cpu") / "conda-lock.yml"
    file.parent.mkdir(parents=True)
    found = set()
    for data in (b"version: 1\npackage: []\n", b"version: 1\r\npackage: []\r\n"):
        file.write_bytes(data)
        found.add(prefixes.digest(prefixes.lock_text(layout, "p", "cpu")))
    assert len(found) == 1


# --- folders that change all at once ----------------------------------------------------------------------------------------


def filled(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def held(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("exchange", [True, False])
@pytest.mark.parametrize("old", [None, {}, {"a": "old", "b/c": "old"}])
def test_a_stage_takes_the_place_of_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: bool, old: Mapping[str, str] | None
) -> None:
    if not exchange:
        monkeypatch.setattr(transaction, "_exchange", lambda *_: False)
    prefix = tmp_path / "env"
    if old is not None:
        prefix.mkdir()
        filled(prefix, old)
    with transaction.staged(prefix) as stage:
        filled(stage, {"a": "new"})
        assert (held(prefix) if old is not None else not prefix.exists()) == (old if old is not None else True)
        transaction.commit(stage, prefix)
    assert held(tmp_path) == {"env/a": "new"}


def test_a_place_that_cannot_be_taken_leaves_the_old_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two renames, where folders cannot be exchanged."""
    monkeypatch.setattr(transaction, "_exchange", lambda *_: False)
    prefix = filled(tmp_path / "env", {"a": "old"})
    with pytest.raises(BadInput, match="cannot be written"), transaction.staged(prefix):
        transaction.commit(tmp_path / "no such stage", prefix)
    assert held(tmp_path) == {"env/a": "old"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, BadInput("no")])
def test_whatever_happens_the_stage_is_gone_and_the_old_stays(tmp_path: Path, error: BaseException | type[BaseException]) -> None:
    filled(tmp_path / "env", {"a": "old"})
    with pytest.raises(BaseException) as caught, transaction.staged(tmp_path / "env") as stage:  # noqa: PT011, PT012
        filled(stage, {"a": "new", "b/c": "new"})
        raise error
    assert isinstance(caught.value, error if isinstance(error, type) else type(error))
    assert held(tmp_path) == {"env/a": "old"}


def test_two_at_once_are_one_too_many(tmp_path: Path) -> None:
    with transaction.staged(tmp_path / "env"):
        with pytest.raises(BadInput, match="another envgen is working on this environment"), transaction.staged(tmp_path / "env"):
            pass
        with transaction.staged(tmp_path / "env2"):  # another place is another matter
            pass
    with transaction.staged(tmp_path / "env"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_killed_runs_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    mine = {".env.1.envgen-tmp/a": "", ".env.22.envgen-tmp/b/c": "", ".env.envgen-lock": ""}
    others = {".env.2.3.envgen-tmp/a": "", ".env2.1.envgen-tmp/a": "", ".environment.yml.1.envgen-tmp": "", "env/a": ""}
    filled(tmp_path, {**mine, **others})
    transaction.recover(tmp_path / "env")
    assert held(tmp_path) == others


def test_an_environment_that_had_stepped_aside_is_put_back(tmp_path: Path) -> None:
    filled(tmp_path, {".env.old.envgen-tmp/a": "old", ".env.1.envgen-tmp/a": "half"})
    transaction.recover(tmp_path / "env")
    assert held(tmp_path) == {"env/a": "old"}


def test_a_clone_shares_its_bytes_but_for_what_is_written_anew(tmp_path: Path) -> None:
    files = {
        "lib/a.so": "a",
        "conda-meta/a.json": "{}",
        "top.txt": "t",
        "lib/m/__pycache__/m.pyc": "x",
        "lib/m/__pycache__/kept.pyc": "y",
    }
    old = filled(tmp_path / "old", files)
    (old / "lib" / "link.so").symlink_to("a.so")
    (old / "lib" / "dangling").symlink_to("nowhere")
    (old / "dir").symlink_to("lib")
    (old / "lib" / "a.so").chmod(0o755)
    transaction.clone(old, tmp_path / "new", {"lib/m/__pycache__/kept.pyc"})
    new = tmp_path / "new"
    same = {name: (old / name).stat().st_ino == (new / name).stat().st_ino for name in files if (new / name).exists()}
    assert same == {"lib/a.so": True, "conda-meta/a.json": False, "top.txt": False, "lib/m/__pycache__/kept.pyc": True}
    assert [os.readlink(new / name) for name in ("lib/link.so", "lib/dangling", "dir")] == ["a.so", "nowhere", "lib"]
    assert (new / "lib" / "a.so").stat().st_mode & 0o777 == 0o755


def test_a_clone_is_made_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "link", refused)
    old = filled(tmp_path / "old", {"lib/a": "a", "b": "b"})
    transaction.clone(old, tmp_path / "new", frozenset())
    assert held(tmp_path / "new") == held(old)


@pytest.mark.thorough
def test_a_condarc_that_nests_too_deeply_names_no_folder(tmp_path: Path) -> None:
    (tmp_path / ".condarc").write_text("envs_dirs: " + "[" * 5000 + "]" * 5000, encoding="utf-8")
    assert prefixes.environment_folders(Layout(tmp_path), {}, tmp_path).conda == ()
