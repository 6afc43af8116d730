"""`envgen install` for real: genuine packages from a server on loopback, a python that runs, the real pip; and what is left of a
run that is killed, interrupted, or finds no room.

Moments of a kill are chosen by what the process does (its own audit events), not by the clock.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Workspace, clean_environment, repository, some
from rattler import PackageRecord, RepoDataRecord
from rattler import install as rattler_install
from rattler.explicit_environment import ExplicitEnvironmentSpec
from system.channel import Server, serve
from system.conda_history import requested_and_held
from system.install_site import InstallSite
from system.stand_in import MINOR, PLACEHOLDER, SITE, SUBDIR, Package, channel, pip_package, python_module, python_package
from system.test_crash import mounted

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the packages that run are made for Linux")

SPEAKS = "import sys\ndef main():\n    print(sys.prefix)\n"
NATIVE = Package(
    "native",
    "1.0",
    "h0123456_0",
    subdir=SUBDIR,
    files={
        "share/native/where.txt": f"{PLACEHOLDER}/share\n",
        "share/native/large.bin": b"\0" * 300_000,
        "bin/native": f"#!{PLACEHOLDER}/bin/python\nimport sys\nprint(sys.prefix)\n",
        "lib/libnative.so": b"\x7fELF",
    },
)
LARGE = Package("large", "1.0", "h0123456_0", subdir=SUBDIR, files={"share/large.bin": os.urandom(600_000)})
PACKAGES = (
    python_package(),
    pip_package(),
    NATIVE,
    LARGE,
    python_module("alpha", "1.0", SPEAKS, script=True),
    python_module("alpha", "2.0", SPEAKS, script=True),
    python_module("beta", "1.0"),
)


@dataclass(frozen=True)
class World:
    """A server with packages, and the files of a project locked against it in several ways."""

    server: Server
    packages: Path  # a cache that all tests share
    locks: Mapping[str, Mapping[str, bytes]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    top = tmp_path_factory.mktemp("world")
    channel(top / "www" / "c", PACKAGES)
    site = repository(top / "site", clean_environment(top))
    with serve(top / "www") as server:
        locks = {}
        for name, wishes in {
            "old": "alpha <2, native",
            "new": "alpha, native",
            "more": "alpha, native, beta",
            "large": "alpha, native, large",
        }.items():
            listed = ", ".join(f'"{wish}"' for wish in wishes.split(", "))
            site.project(
                "p",
                f'python: "{MINOR}.*"\ntargets: [cpu]\nplatforms: [{SUBDIR}]\n'
                f'channels: ["{server.url("c")}"]\ndependencies: [{listed}]\n',
            )
            done = site.envgen("update")
            assert done.status == 0, done.err
            locks[name] = site.files()
        yield World(server, top / "cache", locks)


@dataclass(frozen=True)
class Site(InstallSite):
    """A repository of a test's own."""

    world: World

    def left(self) -> list[str]:
        """What lies beside the environment: nothing, but for git's file."""
        folder = self.prefix.parent
        return sorted({path.name for path in folder.iterdir()} - {".gitignore", "p-cpu"}) if folder.is_dir() else []

    def fetched(self) -> list[str]:
        """The packages that were fetched since the last look."""
        found = [line.split()[1].rsplit("/", 1)[1] for line in self.world.server.requests if ".conda 200" in line]
        self.world.server.requests.clear()
        return sorted(found)


@pytest.fixture
def site(world: World, tmp_path: Path) -> Iterator[Site]:
    root = repository(tmp_path / "site", {**clean_environment(tmp_path), "ENVGEN_CACHE": str(world.packages)})
    made = Site(root, world.locks, world)
    made.take("old")
    world.server.requests.clear()
    yield made
    vars(world.server).pop("answer", None)


@pytest.fixture
def fresh(site: Site, tmp_path: Path) -> Site:
    """A site with an empty cache."""
    environment = {**site.workspace.environment, "ENVGEN_CACHE": str(tmp_path / "cache")}
    return replace(site, workspace=replace(site.workspace, environment=environment))


def tree(prefix: Path) -> dict[str, bytes]:
    """Every file of an environment; `{prefix}` stands for its path, so that environments can be compared."""
    found = {}
    for path in sorted(prefix.rglob("*")):
        if path.is_symlink():
            found[path.relative_to(prefix).as_posix()] = os.readlink(path).encode()
        elif path.is_file():
            found[path.relative_to(prefix).as_posix()] = _placeless(
                path, path.read_bytes().replace(os.fsencode(prefix), b"{prefix}")
            )
    return found


def _placeless(path: Path, data: bytes) -> bytes:
    """A file of conda-meta/ without what differs from run to run: dates, and hashes and sizes of files that name the prefix."""
    if path.parts[-2:] == ("conda-meta", "history"):
        requested, held = requested_and_held(path.parent.parent)
        return json.dumps([requested, sorted(held)]).encode()
    if path.suffix != ".json" or path.parent.name != "conda-meta" or not data.startswith(b"{"):
        return data
    record = json.loads(data)
    record["paths_data"] = [entry["_path"] for entry in record["paths_data"]["paths"]]
    return json.dumps(record).encode()


def names(prefix: Path) -> set[str]:
    return {path.name.removesuffix(".json") for path in (prefix / "conda-meta").glob("*.json")}


@pytest.fixture(scope="module")
def trees(world: World, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, bytes]]:
    """What undisturbed installations make of each lock, each in a new place."""
    found = {}
    for name in world.locks:
        folder = tmp_path_factory.mktemp(name)
        root = repository(folder / "site", {**clean_environment(folder), "ENVGEN_CACHE": str(world.packages)})
        made = Site(root, world.locks, world)
        made.take(name)
        made.installed()
        found[name] = tree(made.prefix)
    return found


# --- from nothing ---------------------------------------------------------------------------------------------------------


def test_an_environment_is_made_from_the_lock_alone_and_works(site: Site) -> None:
    assert site.installed() == f"p-cpu: installed in {site.prefix}\n"
    assert names(site.prefix) == {
        f"python-{MINOR}.9-h0123456_0_cpython",
        "native-1.0-h0123456_0",
        "alpha-1.0-pyh1234567_0",
    }
    for script in ("native", "alpha"):
        said = subprocess.run([site.prefix / "bin" / script], capture_output=True, text=True, check=True)
        assert said.stdout == f"{site.prefix}\n"
    assert (site.prefix / "share/native/where.txt").read_text() == f"{site.prefix}/share\n"
    assert not [path for path, data in tree(site.prefix).items() if b"envgen-tmp" in data]
    assert site.left() == []
    assert (site.prefix.parent / ".gitignore").read_text() == "*\n"
    assert (site.prefix / "conda-meta" / "history").is_file()  # by which conda knows an environment


def test_talk_is_on_stderr_how_to_use_it_and_what_other_tools_are_told(site: Site) -> None:
    done = site.install()
    place, file = f"--prefix {site.prefix}", "environments/p/cpu/conda-lock.yml"
    assert done.talk.splitlines() == [
        "  envgen run p --target cpu -- python",
        "to create the same environment with other tools:",
        f"  conda-lock install {place} {file}",
        f"  micromamba create {place} --file {file}",
        f"  mamba create {place} --file {file}",
    ]
    printed = site.install("--print-commands")
    assert (printed.status, printed.err) == (0, "")
    assert printed.out.splitlines() == [line.strip() for line in done.talk.splitlines()[2:]]


def test_conda_lock_is_not_offered_where_the_lock_lacks_the_md5_that_it_needs(site: Site) -> None:
    lock = site.workspace.root / "environments/p/cpu/conda-lock.yml"
    text = re.sub(r"^    md5: \w+\n", "", lock.read_text(), count=1, flags=re.MULTILINE)
    lock.write_text(re.sub(r"  custom_metadata:\n(    .*\n)+", "", text))
    printed = site.install("--print-commands")
    assert [line.split()[0] for line in printed.out.splitlines()] == ["micromamba", "mamba"]


def test_a_place_with_a_space_and_quotes_is_quoted_and_works(site: Site, tmp_path: Path) -> None:
    prefix = tmp_path / 'it\'s a "place"'
    done = site.install("--prefix", prefix)
    assert done.status == 0, done.err
    line = next(line for line in done.err.splitlines() if "conda-lock install" in line)
    words = subprocess.run(["sh", "-c", f"printf '%s\\n' {line}"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert words == ["conda-lock", "install", "--prefix", str(prefix), "environments/p/cpu/conda-lock.yml"]
    assert (prefix / "share/native/where.txt").read_text() == f"{prefix}/share\n"
    ran = site.workspace.envgen(
        "run", "p", "--target", "cpu", "--prefix", prefix, "--quiet", "--", "python", "-c", "import sys; print(sys.prefix)"
    )
    assert (ran.status, ran.out, ran.err) == (0, f"{prefix}\n", "")


def test_json_says_the_same(site: Site) -> None:
    (found,) = json.loads(site.installed("--json"))
    change = found.pop("change")
    assert found == {
        "project": "p",
        "target": "cpu",
        "state": "installed",
        "prefix": str(site.prefix),
        "lock": "environments/p/cpu/conda-lock.yml",
        "activate": "envgen run p --target cpu -- python",
    }
    assert sorted(change["added"]) == sorted(names(site.prefix))


def test_it_goes_where_conda_looks_so_that_activate_finds_it_by_name(site: Site, tmp_path: Path) -> None:
    done = site.install(CONDA_ENVS_PATH=str(tmp_path / "envs"))
    assert done.status == 0, done.err
    assert names(tmp_path / "envs" / "p-cpu")
    assert done.err.splitlines()[0] == "  conda activate p-cpu"
    assert "  micromamba create --name p-cpu --file environments/p/cpu/conda-lock.yml" in done.err.splitlines()
    assert not site.prefix.exists()


def test_conda_is_told_of_an_environment_outside_its_folders_where_it_keeps_a_list(site: Site, tmp_path: Path) -> None:
    listed = tmp_path / ".conda" / "environments.txt"
    listed.parent.mkdir()
    listed.write_text("/opt/other")
    site.installed("--prefix", tmp_path / "elsewhere")
    assert listed.read_text() == f"/opt/other\n{tmp_path / 'elsewhere'}\n"
    (row,) = json.loads(site.workspace.envgen("list", "--json").out)
    assert (row["state"], row["prefix"]) == ("installed", str(tmp_path / "elsewhere"))


def test_the_target_that_fits_this_machine_is_taken_and_said(site: Site) -> None:
    """Without a driver that is the CPU target."""
    done = site.workspace.envgen("install", "p")
    assert done.status == 0, done.err
    assert done.err.startswith("p: cpu (")
    assert names(site.prefix)


def test_gpu_is_for_projects_that_have_a_cuda_target(site: Site) -> None:
    done = site.workspace.envgen("install", "--target", "gpu")
    assert (done.status, done.out) == (2, "")
    assert "p: skipped, p has no CUDA target\n" in done.err
    assert "no project has a locked target `gpu`" in done.err


def test_every_project_is_meant_where_none_is_named(site: Site) -> None:
    site.workspace.project("unlocked", (site.workspace.root / "environments/p/project.yaml").read_text())
    done = site.workspace.envgen("install", "--target", "cpu")
    assert done.status == 0, done.err
    assert done.out == f"p-cpu: installed in {site.prefix}\n"
    assert "unlocked: skipped, no target is locked" in done.err


def test_progress_is_shown_on_a_terminal_and_only_there(fresh: Site) -> None:
    import pty

    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "envgen", "install", "p", "--target", "cpu"]
    environment = {**fresh.workspace.environment, "TERM": "xterm"}
    with subprocess.Popen(
        words, cwd=fresh.workspace.root, env=environment, stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as run:
        os.close(theirs)
        shown = b""
        while data := _read(ours):
            shown += data
        out, _ = run.communicate(timeout=60)
    os.close(ours)
    assert (run.returncode, out) == (0, f"p-cpu: installed in {fresh.prefix}\n")
    assert b"%" in shown
    assert b"Traceback" not in shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other side is closed
        return b""


# --- the second time ------------------------------------------------------------------------------------------------------


def test_nothing_to_do_is_known_without_rattler_network_or_yaml(site: Site) -> None:
    site.installed()
    before = {path: path.stat().st_mtime_ns for path in site.prefix.rglob("*")}
    site.world.server.requests.clear()
    command = [sys.executable, "-X", "importtime", "-m", "envgen", "install", "p", "--target", "cpu"]
    done = subprocess.run(
        command, cwd=site.workspace.root, env=dict(site.workspace.environment), capture_output=True, text=True, check=True
    )
    assert done.stdout == f"p-cpu: already up to date in {site.prefix}\n"
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "envgen.install.install" in imported
    assert not imported & {"rattler", "yaml", "pydantic", "conda_lock", "rich", "pynvml"}
    assert site.world.server.requests == []
    assert {path: path.stat().st_mtime_ns for path in site.prefix.rglob("*")} == before


def test_only_what_differs_is_fetched_and_changed(fresh: Site) -> None:
    fresh.installed()
    assert len(fresh.fetched()) == 3
    same = {path: (fresh.prefix / path).stat().st_ino for path in ("lib/libnative.so", "share/native/where.txt", "bin/native")}
    fresh.take("new")
    assert fresh.installed() == f"p-cpu: updated in {fresh.prefix} (1 package added, 1 removed)\n"
    assert fresh.fetched() == ["alpha-2.0-pyh1234567_0.conda"]
    assert {path: (fresh.prefix / path).stat().st_ino for path in same} == same
    assert 'version__ = "2.0"' in (fresh.prefix / SITE / "alpha/__init__.py").read_text()
    assert fresh.left() == []


@pytest.mark.parametrize(("one", "other"), [("old", "new"), ("new", "old"), ("old", "more"), ("more", "old"), ("new", "more")])
def test_an_update_ends_where_an_installation_from_nothing_does(
    site: Site, trees: Mapping[str, Mapping[str, bytes]], one: str, other: str
) -> None:
    site.take(one)
    site.installed()
    site.take(other)
    site.installed()
    assert tree(site.prefix) == trees[other]


def test_what_the_user_put_there_survives_but_bytecode_of_modules_does_not(site: Site) -> None:
    site.installed()
    for path in ("notes.txt", "share/mine/data.bin", f"{SITE}/mine.py", "conda-meta/pinned"):
        (site.prefix / path).parent.mkdir(parents=True, exist_ok=True)
        (site.prefix / path).write_text("mine")
    (site.prefix / "share" / "latest").symlink_to("mine")
    stale = site.prefix / SITE / "alpha" / "__pycache__" / "__init__.cpython-0.pyc"
    stale.parent.mkdir()
    stale.write_bytes(b"old code")
    site.take("new")
    site.installed()
    for path in ("notes.txt", "share/mine/data.bin", f"{SITE}/mine.py", "conda-meta/pinned"):
        assert (site.prefix / path).read_text() == "mine"
    assert os.readlink(site.prefix / "share" / "latest") == "mine"
    assert not stale.exists()


def test_an_environment_that_was_changed_by_hand_is_set_right(site: Site, trees: Mapping[str, Mapping[str, bytes]]) -> None:
    site.installed()
    (site.prefix / "conda-meta" / "alpha-1.0-pyh1234567_0.json").unlink()
    site.installed()
    assert names(site.prefix) == {name.removeprefix("conda-meta/")[:-5] for name in trees["old"] if name.endswith(".json")}


def test_a_lock_that_changed_in_nothing_that_matters_here_costs_no_rebuild(site: Site) -> None:
    site.installed()
    file = site.workspace.root / "environments/p/cpu/conda-lock.yml"
    file.write_text(file.read_text().replace("# Made by envgen", "# Made again by envgen", 1))
    inode = site.prefix.stat().st_ino
    assert site.installed() == f"p-cpu: already up to date in {site.prefix}\n"
    assert site.prefix.stat().st_ino == inode
    (row,) = json.loads(site.workspace.envgen("list", "--json").out)
    assert row["state"] == "installed"


def test_a_dry_run_says_what_would_change_and_changes_nothing(site: Site) -> None:
    out = site.installed("--dry-run")
    assert out.splitlines()[:2] == [f"p-cpu: would be installed in {site.prefix}", "  + alpha-1.0-pyh1234567_0"]
    assert not site.prefix.parent.exists()
    site.installed()
    site.take("new")
    before = tree(site.prefix)
    assert site.installed("--dry-run").splitlines() == [
        f"p-cpu: would be updated in {site.prefix}",
        "  - alpha-1.0-pyh1234567_0",
        "  + alpha-2.0-pyh1234567_0",
    ]
    assert tree(site.prefix) == before


def test_list_tells_the_states_apart(site: Site) -> None:
    def state() -> tuple[bool, str, str]:
        (row,) = json.loads(site.workspace.envgen("list", "--json").out)
        return row["locked"], row["state"], row["prefix"]

    assert state() == (True, "absent", "")
    site.installed()
    assert state() == (True, "installed", str(site.prefix))
    site.take("new")
    assert state() == (True, "stale", str(site.prefix))
    assert "stale: the lock has changed" in site.workspace.envgen("list").out
    (site.prefix / "conda-meta" / "alpha-1.0-pyh1234567_0.json").unlink()
    assert state() == (True, "changed", str(site.prefix))
    (site.workspace.root / "environments/p/cpu/conda-lock.yml").unlink()
    assert state()[0] is False


# --- places that are not ours -----------------------------------------------------------------------------------------------


def refused(done: Run, *words: str) -> None:
    assert (done.status, done.out) == (2, ""), done.err
    assert done.err.startswith("error: ")
    assert "\n\nhint: " in done.err
    for word in words:
        assert word in done.err


def test_a_folder_that_is_no_environment_is_never_touched(site: Site) -> None:
    site.prefix.mkdir(parents=True)
    (site.prefix / "thesis.txt").write_text("years of work")
    for words in ((), ("--force",)):
        refused(site.install(*words), str(site.prefix), "not a conda environment")
    assert tree(site.prefix) == {"thesis.txt": b"years of work"}


def test_an_empty_folder_is_a_place(site: Site) -> None:
    site.prefix.mkdir(parents=True)
    site.installed()


def test_a_file_is_no_place(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    refused(site.install("--prefix", tmp_path / "file"))
    refused(site.install("--prefix", tmp_path / "file" / "below"))
    refused(site.install("--prefix", "/"), "at the root of a file system")
    refused(site.install("--prefix", "."), "not a conda environment")
    assert (tmp_path / "file").read_text() == "a file"


def test_an_environment_of_somebody_else_is_taken_over_only_by_force(site: Site, trees: Mapping[str, Mapping[str, bytes]]) -> None:
    site.take("new")
    site.installed()
    (site.prefix / "conda-meta" / "envgen").unlink()
    (site.prefix / "notes.txt").write_text("mine")
    site.take("old")
    before = tree(site.prefix)
    refused(site.install(), "envgen did not create this environment", "--force")
    assert tree(site.prefix) == before
    site.installed("--force")
    assert tree(site.prefix) == {**trees["old"], "notes.txt": b"mine"}


def test_an_environment_for_another_target_is_not_overwritten(site: Site) -> None:
    site.installed()
    mark = site.prefix / "conda-meta" / "envgen"
    mark.write_text(mark.read_text().replace('"p"', '"q"'))
    refused(site.install(), "envgen created this environment for q-cpu")


def test_condas_own_installation_is_refused_whatever_is_said(site: Site) -> None:
    site.installed()
    (site.prefix / "condabin").mkdir()
    refused(site.install("--force"), "conda's own installation")


def test_what_is_not_locked_or_not_for_this_machine_is_said(site: Site) -> None:
    refused(site.workspace.envgen("install", "q"), "there is no project `q`")
    refused(site.workspace.envgen("install", "p", "--target", "cu126"), "p has no locked target `cu126`")
    lock = site.workspace.root / "environments/p/cpu/conda-lock.yml"
    text = re.sub(r"^(package:.*)", "", lock.read_text(), flags=re.MULTILINE | re.DOTALL)
    body = lock.read_text().removeprefix(text).replace(SUBDIR, "win-64")
    head = re.sub(r"  custom_metadata:\n(    .*\n)+", "", text).replace(SUBDIR, "win-64")
    lock.write_text(head + body)
    refused(site.install(), f"this lock is for win-64, but this machine is {SUBDIR}")
    lock.unlink()
    refused(site.install(), "p has no locked target `cpu`", "envgen lock p")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[: len(text) // 2], "were changed after|is truncated"),
        (lambda text: text.replace("package:\n", "package:\n<<<<<<< HEAD\n", 1), "merge conflict"),
        (lambda text: text.replace("version: 1\n", "version: 7\n", 1), "not a lock|version"),
    ],
)
def test_a_broken_lock_is_told_by_its_place(site: Site, damage: Callable[[str], str], said: str) -> None:
    lock = site.workspace.root / "environments/p/cpu/conda-lock.yml"
    lock.write_text(damage(lock.read_text()))
    done = site.install()
    refused(done, "environments/p/cpu/conda-lock.yml")
    assert re.search(said, done.err)
    assert not site.prefix.exists()


# --- packages that are not what they should be ------------------------------------------------------------------------------


def served(server: Server, file: str, change: Callable[[bytes], tuple[int, bytes]]) -> None:
    """Let the server answer with something else for one file."""

    def answer(path: str, authorization: str | None) -> tuple[int, bytes]:
        status, body = Server.answer(server, path, authorization)
        return change(body) if path.endswith(file) else (status, body)

    server.answer = answer  # type: ignore[method-assign]


ALPHA = "alpha-1.0-pyh1234567_0.conda"


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-80] + b"x" * 80,
        lambda data: data[:200],
        lambda _: b"<html>Sign in to the network</html>",
        lambda _: b"",
    ],
    ids=["corrupted", "truncated", "a sign-in page", "empty"],
)
def test_a_wrong_archive_is_named_with_both_hashes(fresh: Site, change: Callable[[bytes], bytes]) -> None:
    import hashlib

    right = (fresh.world.server.folder / "c" / "noarch" / ALPHA).read_bytes()
    served(fresh.world.server, ALPHA, lambda data: (200, change(data)))
    done = fresh.install()
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"error: {fresh.world.server.url('c')}/noarch/{ALPHA}: the hash of alpha does not match the lock\n")
    assert f"locked  sha256 {hashlib.sha256(right).hexdigest()}\n" in done.err
    assert f"fetched sha256 {hashlib.sha256(change(right)).hexdigest()}\n" in done.err
    assert not fresh.prefix.parent.exists()
    del fresh.world.server.answer  # type: ignore[method-assign]
    fresh.installed()


def test_another_package_under_the_right_name_is_refused(fresh: Site) -> None:
    other = (fresh.world.server.folder / "c" / "noarch" / "beta-1.0-pyh1234567_0.conda").read_bytes()
    served(fresh.world.server, ALPHA, lambda _: (200, other))
    done = fresh.install()
    assert done.status == 1
    assert "the hash of alpha does not match the lock" in done.err


@pytest.mark.parametrize("status", [404, 403, 500])
def test_a_package_that_cannot_be_fetched_is_no_solution_and_the_old_environment_stays(
    site: Site, tmp_path: Path, status: int
) -> None:
    site.installed()
    before = tree(site.prefix)
    site.take("new")
    served(site.world.server, "alpha-2.0-pyh1234567_0.conda", lambda _: (status, b"no"))
    done = site.install(ENVGEN_CACHE=str(tmp_path / "cache"))
    assert (done.status, done.out) == (4, "")
    assert done.err.startswith(f"error: {site.world.server.url('c')}/noarch/alpha-2.0-pyh1234567_0.conda: cannot be fetched: ")
    assert str(status) in done.err
    assert (tree(site.prefix), site.left()) == (before, [])


def test_without_a_network_what_is_in_the_cache_is_enough_and_the_rest_is_an_error(site: Site, tmp_path: Path) -> None:
    site.installed()
    shutil.rmtree(site.prefix)
    lock = site.workspace.root / "environments/p/cpu/conda-lock.yml"
    served(site.world.server, ".conda", lambda _: (500, b"gone"))
    site.installed()
    shutil.rmtree(site.prefix)
    nobody = (f"127.0.0.1:{site.world.server.port}", "127.0.0.1:9")
    elsewhere(lock.parent.parent / "project.yaml", *nobody)
    text = elsewhere(lock, *nobody)
    lock.write_text(re.sub(r"  custom_metadata:\n(    .*\n)+", "", text))
    done = site.install(ENVGEN_CACHE=str(tmp_path / "empty"))
    assert done.status == 4
    assert "cannot be fetched" in done.err
    assert (site.prefix.exists(), site.left()) == (False, [])


def test_a_file_that_was_changed_in_the_cache_is_fetched_again(fresh: Site) -> None:
    fresh.installed()
    fresh.fetched()
    (cached,) = (Path(fresh.workspace.environment["ENVGEN_CACHE"]) / "packages").glob("native-1.0*/share/native/large.bin")
    cached.unlink()
    cached.write_bytes(b"\1" * 300_000)  # the same size
    shutil.rmtree(fresh.prefix)
    fresh.installed()
    assert fresh.fetched() == ["native-1.0-h0123456_0.conda"]
    assert (fresh.prefix / "share/native/large.bin").read_bytes() == b"\0" * 300_000


def test_a_cache_that_cannot_be_written_is_told(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    refused(site.install(ENVGEN_CACHE=str(tmp_path / "file")), "cannot be written", "ENVGEN_CACHE")
    assert (site.prefix.exists(), site.left()) == (False, [])


def test_a_damaged_record_of_an_environment_is_named(site: Site) -> None:
    site.installed()
    record = site.prefix / "conda-meta" / "alpha-1.0-pyh1234567_0.json"
    record.write_text(record.read_text()[:100])
    refused(site.install(), str(record), "cannot be read")
    (row,) = json.loads(site.workspace.envgen("list", "--json").out)
    assert (row["state"], row["damaged"]) == ("damaged", ["conda-meta/alpha-1.0-pyh1234567_0.json"])
    site.take("new")
    refused(site.install(), str(record), "cannot be read")


SECRET = "hunter2-pAssw0rd"


@pytest.mark.parametrize(
    ("written", "guard"),
    [
        ("http://$CH_USER:$CH_PASSWORD@127.0.0.1:{}/c", {"login": ("alice", SECRET)}),
        ("http://127.0.0.1:{}/t/$CH_PASSWORD/c", {"token": SECRET}),
    ],
    ids=["login", "token"],
)
def test_a_private_channel_is_opened_and_its_secret_is_kept_nowhere(
    world: World, tmp_path: Path, written: str, guard: Mapping[str, Any]
) -> None:
    workspace = repository(tmp_path / "site", clean_environment(tmp_path))
    variables = {"CH_USER": "alice", "CH_PASSWORD": SECRET}
    with serve(world.server.folder, **guard) as server:
        head = f'python: "{MINOR}.*"\ntargets: [cpu]\nplatforms: [{SUBDIR}]\nchannels: ["{written.format(server.port)}"]\n'
        workspace.project("p", head + "dependencies: [alpha]\n")
        for words in (("lock",), ("install", "p", "--target", "cpu")):
            done = workspace.envgen(*words, **variables)
            assert done.status == 0, done.err
            assert SECRET not in done.err + done.out
        shutil.rmtree(tmp_path / "cache" / "packages")
        (workspace.root / ".envs" / "p-cpu" / "conda-meta" / "alpha-2.0-pyh1234567_0.json").unlink()
        assert workspace.envgen("install", "p", "--target", "cpu", **variables).status == 0
        without = workspace.envgen("install", "p", "--target", "cpu", "--prefix", tmp_path / "other")
    assert without.status == 2
    assert "CH_" in without.err
    assert "not set" in without.err
    printed = workspace.envgen("install", "p", "--target", "cpu", "--print-commands")
    rendered = rendered_by_conda_lock(workspace, tmp_path, **variables)
    assert [line.split()[0] for line in printed.out.splitlines()] == ["conda-lock"]  # mamba does not fill in variables
    assert SECRET in rendered
    assert "$" not in rendered
    for path in workspace.root.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path


# --- killed, interrupted, out of room -----------------------------------------------------------------------------------------

STRIKE = """
import os, sys
_left = [int(os.environ["STRIKE_AT"])]
_log = os.environ.get("STRIKE_LOG")
def _hook(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        mine = isinstance(path, str) and "/.envs/" in path and (flags or 0) & (os.O_WRONLY | os.O_RDWR)
    elif event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "shutil.rmtree"):
        mine = "/.envs/" in str(arguments[0]) or "/.envs/" in str(arguments[1])
    else:
        mine = event == "ctypes.dlsym" and "renameat2" in str(arguments[1])
    if mine:
        _left[0] -= 1
        if _log:
            with open(_log, "a") as log:
                log.write(event + "\\n")
        if _left[0] == 0:
            os.kill(os.getpid(), int(os.environ["STRIKE_SIGNAL"]))
sys.addaudithook(_hook)
"""


def struck(site: Site, at: int, sign: signal.Signals = signal.SIGKILL, **more: str) -> Run:
    """An installation that gets a signal at its event number `at`."""
    hook = site.workspace.root.parent / "strike"
    hook.mkdir(exist_ok=True)
    (hook / "sitecustomize.py").write_text(STRIKE)
    path = os.pathsep.join((str(hook), site.workspace.environment["PYTHONPATH"]))
    return site.install(STRIKE_AT=str(at), STRIKE_SIGNAL=str(int(sign)), PYTHONPATH=path, **more)


def moments(site: Site) -> list[str]:
    """The events of an undisturbed run, which is made."""
    log = site.workspace.root.parent / "log"
    done = struck(site, 10**6, STRIKE_LOG=str(log))
    assert done.status == 0, done.err
    return log.read_text().split()


def spread(events: list[str], count: int) -> list[int]:
    """Moments over a whole run, and those around the one that matters."""
    turn = max(number for number, event in enumerate(events, 1) if event in ("ctypes.dlsym", "os.rename"))
    even = {1 + round(step * (len(events) - 1) / (count - 1)) for step in range(count)}
    return sorted(even | {number for number in (turn - 1, turn, turn + 1) if number <= len(events)})


def test_killed_at_any_moment_of_an_update_the_old_environment_is_there_or_the_new_one(
    site: Site, trees: Mapping[str, Mapping[str, bytes]]
) -> None:
    site.installed()
    kept = site.workspace.root.parent / "kept"
    shutil.copytree(site.prefix, kept, symlinks=True)
    site.take("new")
    events = moments(site)
    assert events.count("os.link") >= 4
    found = []
    for at in spread(events, 7):
        shutil.rmtree(site.prefix)
        shutil.copytree(kept, site.prefix, symlinks=True)
        assert struck(site, at).status == -signal.SIGKILL
        now = tree(site.prefix)
        assert now in (trees["old"], trees["new"])
        found.append(now == trees["new"])
        site.installed()
        assert (tree(site.prefix), site.left()) == (trees["new"], [])
    assert True in found
    assert False in found


def test_killed_at_any_moment_of_a_first_installation_it_is_there_or_not(
    site: Site, trees: Mapping[str, Mapping[str, bytes]]
) -> None:
    events = moments(site)
    for at in some(spread(events, 4)):
        shutil.rmtree(site.prefix.parent)
        assert struck(site, at).status == -signal.SIGKILL
        assert not site.prefix.exists() or tree(site.prefix) == trees["old"]
        site.installed()
        assert (tree(site.prefix), site.left()) == (trees["old"], [])


def test_killed_while_packages_come_in_nothing_is_there(fresh: Site, trees: Mapping[str, Mapping[str, bytes]]) -> None:
    words = [sys.executable, "-m", "envgen", "install", "p", "--target", "cpu"]
    asked, release = threading.Event(), threading.Event()

    def late(data: bytes) -> tuple[int, bytes]:
        asked.set()
        release.wait(60)
        return 200, data

    served(fresh.world.server, ALPHA, late)
    with subprocess.Popen(words, cwd=fresh.workspace.root, env=dict(fresh.workspace.environment), stdout=subprocess.DEVNULL) as run:
        assert asked.wait(60)
        run.kill()
    release.set()
    assert not fresh.prefix.exists()
    assert fresh.left() != []
    fresh.installed()
    assert {name: data for name, data in tree(fresh.prefix).items() if not name.startswith("conda-meta/")} == {
        name: data for name, data in trees["old"].items() if not name.startswith("conda-meta/")
    }
    assert fresh.left() == []


def test_ctrl_c_while_packages_come_in_leaves_the_old_environment_and_no_stage(site: Site, tmp_path: Path) -> None:
    site.installed()
    before = tree(site.prefix)
    site.take("new")
    asked, release = threading.Event(), threading.Event()

    def late(data: bytes) -> tuple[int, bytes]:
        asked.set()
        release.wait(60)
        return 200, data

    served(site.world.server, "alpha-2.0-pyh1234567_0.conda", late)
    words = [sys.executable, "-m", "envgen", "install", "p", "--target", "cpu"]
    environment = {**site.workspace.environment, "ENVGEN_CACHE": str(tmp_path / "cache")}
    with subprocess.Popen(
        words, cwd=site.workspace.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert asked.wait(60)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
    release.set()
    assert (run.returncode, out) == (130, "")
    assert err.strip() == "interrupted: files that were not replaced yet are unchanged"
    assert (tree(site.prefix), site.left()) == (before, [])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_ctrl_c_at_a_moment_leaves_the_old_environment_or_the_new_one(
    site: Site, trees: Mapping[str, Mapping[str, bytes]], share: float
) -> None:
    site.installed()
    kept = site.workspace.root.parent / "kept"
    shutil.copytree(site.prefix, kept, symlinks=True)
    site.take("new")
    events = moments(site)
    shutil.rmtree(site.prefix)
    shutil.copytree(kept, site.prefix, symlinks=True)
    done = struck(site, max(1, round(share * len(events))), signal.SIGINT)
    assert done.status == 130, done.err
    assert tree(site.prefix) in (trees["old"], trees["new"])
    site.installed()
    assert (tree(site.prefix), site.left()) == (trees["new"], [])


def test_a_run_killed_between_two_renames_is_healed(site: Site, trees: Mapping[str, Mapping[str, bytes]]) -> None:
    """Where folders cannot be exchanged at one moment, the old one has stepped aside."""
    site.installed()
    site.prefix.rename(site.prefix.with_name(".p-cpu.old.envgen-tmp"))
    site.take("new")
    site.installed()
    assert (tree(site.prefix), site.left()) == (trees["new"], [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("update", [False, True])
def test_a_full_disk_is_told_by_its_place_and_leaves_what_was_there(site: Site, update: bool) -> None:
    folder = site.prefix.parent
    folder.mkdir()
    for _ in mounted("-t", "tmpfs", "-o", "size=700k", "none", folder):
        if update:
            site.installed()
        before = tree(site.prefix)
        site.take("large")
        done = site.install()
        refused(done, "cannot be written", "No space left on device", str(site.prefix), "--prefix DIR")
        assert (tree(site.prefix), site.left()) == (before, [])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_place_that_cannot_be_written_is_told(site: Site) -> None:
    site.installed()
    before = tree(site.prefix)
    site.take("new")
    folder = site.prefix.parent
    for _ in mounted("--bind", folder, folder):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        refused(site.install(), "cannot be written: Read-only file system", str(site.prefix))
    assert (tree(site.prefix), site.left()) == (before, [])


def test_a_second_run_on_the_same_place_is_kept_out(site: Site) -> None:
    import fcntl

    site.prefix.parent.mkdir()
    with site.prefix.with_name(".p-cpu.envgen-lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused(site.install(), "another envgen is working on this environment")
    site.installed()
    assert site.left() == []


def test_many_runs_at_once_make_one_whole_environment(site: Site, trees: Mapping[str, Mapping[str, bytes]]) -> None:
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: site.install(), range(4)))
    assert {run.status for run in runs} <= {0, 2}
    assert 0 in {run.status for run in runs}
    assert all("another envgen is working" in run.err for run in runs if run.status == 2)
    assert (tree(site.prefix), site.left()) == (trees["old"], [])


# --- another client ---------------------------------------------------------------------------------------------------------


def test_what_conda_lock_renders_and_rattler_installs_is_the_same_environment(site: Site, tmp_path: Path) -> None:
    rendered_by_conda_lock(site.workspace, tmp_path)
    (rendered,) = tmp_path.glob("*.lock")
    spec = ExplicitEnvironmentSpec.from_path(rendered)
    urls = [entry.url.partition("#")[0] for entry in spec.packages]
    other = tmp_path / "other"
    asyncio.run(
        rattler_install([_record(site, url, tmp_path) for url in urls], other, cache_dir=tmp_path / "pkgs", show_progress=False)
    )
    site.installed()
    without = ("conda-meta/", "CACHEDIR.TAG")
    ours, theirs = ({n: d for n, d in tree(p).items() if not n.startswith(without)} for p in (site.prefix, other))
    assert names(site.prefix) == names(other)
    assert ours == theirs


def rendered_by_conda_lock(workspace: Workspace, folder: Path, **variables: str) -> str:
    """The explicit file that conda-lock makes of the lock of p-cpu, as it does when it installs."""
    lock = workspace.root / "environments/p/cpu/conda-lock.yml"
    words = [sys.executable, "-W", "ignore", "-m", "conda_lock", "render", "--kind", "explicit", "--platform", SUBDIR, str(lock)]
    environment = {name: value for name, value in workspace.environment.items() if name != "PYTHONWARNINGS"} | variables
    subprocess.run(words, cwd=folder, env=environment, check=True, capture_output=True)
    (rendered,) = folder.glob("*.lock")
    return rendered.read_text()


def _record(site: Site, url: str, scratch: Path) -> RepoDataRecord:
    """The record of a package, as a client makes it that knows only its url: from the archive itself."""
    from rattler.package_streaming import extract

    archive = site.world.server.folder / url.removeprefix(f"http://127.0.0.1:{site.world.server.port}/")
    extract(archive, scratch / "unpacked" / archive.stem)
    record = PackageRecord.from_index_json(scratch / "unpacked" / archive.stem / "info" / "index.json", size=archive.stat().st_size)
    return RepoDataRecord(record, archive.name, url, url.rsplit("/", 2)[0])


# --- a mirror -------------------------------------------------------------------------------------------------------------


def elsewhere(path: Path, old: str, new: str) -> str:
    """Replace a text in a file; returns its new content."""
    text = path.read_text().replace(old, new)
    path.write_text(text)
    return text


def canonical(site: Site) -> None:
    """The project and its lock, as if its channel were one that cannot be reached from here."""
    elsewhere(site.workspace.root / "environments/p/project.yaml", site.world.server.url("c"), "https://conda.example.invalid/c")
    lock = site.workspace.root / "environments/p/cpu/conda-lock.yml"
    text = elsewhere(lock, site.world.server.url("c"), "https://conda.example.invalid/c")
    lock.write_text(re.sub(r"  custom_metadata:\n(    .*\n)+", "", text))


def test_packages_come_from_a_mirror_and_are_known_by_their_own_urls(fresh: Site, tmp_path: Path) -> None:
    canonical(fresh)
    shutil.copytree(fresh.world.server.folder / "c", tmp_path / "mirror" / "conda.example.invalid" / "c")
    with serve(tmp_path / "mirror") as mirror:
        fresh.installed(ENVGEN_MIRROR=mirror.url("").rstrip("/"))
        assert sum(".conda 200" in line for line in mirror.requests) == 3
    records = [json.loads(path.read_text()) for path in (fresh.prefix / "conda-meta").glob("*.json")]
    assert {record["url"].rsplit("/", 2)[0] for record in records} == {"https://conda.example.invalid/c"}


def test_a_mirror_that_changes_a_package_is_found_out(fresh: Site, tmp_path: Path) -> None:
    canonical(fresh)
    shutil.copytree(fresh.world.server.folder / "c", tmp_path / "mirror" / "conda.example.invalid" / "c")
    victim = next((tmp_path / "mirror").rglob("native-1.0-*.conda"))
    victim.write_bytes(next((tmp_path / "mirror").rglob("large-1.0-*.conda")).read_bytes())
    with serve(tmp_path / "mirror") as mirror:
        done = fresh.install(ENVGEN_MIRROR=mirror.url("").rstrip("/"))
    assert done.status == 1
    assert "the hash of native does not match the lock" in done.err
    assert (fresh.prefix.exists(), fresh.left()) == (False, [])


def test_the_packages_of_a_channel_that_is_a_folder_are_compared_with_the_lock(fresh: Site, tmp_path: Path) -> None:
    shutil.copytree(fresh.world.server.folder / "c", tmp_path / "folder" / "c")
    url = (tmp_path / "folder" / "c").as_uri()
    elsewhere(fresh.workspace.root / "environments/p/project.yaml", fresh.world.server.url("c"), url)
    lock = fresh.workspace.root / "environments/p/cpu/conda-lock.yml"
    text = elsewhere(lock, fresh.world.server.url("c"), url)
    lock.write_text(re.sub(r"  custom_metadata:\n(    .*\n)+", "", text))
    victim = next((tmp_path / "folder").rglob("native-1.0-*.conda"))
    good = victim.read_bytes()
    victim.write_bytes(next((tmp_path / "folder").rglob("large-1.0-*.conda")).read_bytes())
    done = fresh.install()
    assert done.status == 1, done.err
    assert f"error: {victim}: the hash of native does not match the lock" in done.err
    assert not fresh.prefix.exists()
    victim.write_bytes(good)
    fresh.installed()


@pytest.mark.parametrize("good", [True, False])
def test_packages_come_from_a_mirror_of_the_users_settings_with_the_users_login(fresh: Site, tmp_path: Path, *, good: bool) -> None:
    canonical(fresh)
    shutil.copytree(fresh.world.server.folder / "c", tmp_path / "mirror" / "c")
    if not good:
        victim = next((tmp_path / "mirror").rglob("native-1.0-*.conda"))
        victim.write_bytes(next((tmp_path / "mirror").rglob("large-1.0-*.conda")).read_bytes())
    home = tmp_path / "home"
    (home / ".config" / "rattler").mkdir(parents=True)
    (home / ".netrc").write_text("machine 127.0.0.1 login alice password hunter2-pAssw0rd")
    with serve(tmp_path / "mirror", login=("alice", "hunter2-pAssw0rd")) as mirror:
        places = json.dumps(["http://127.0.0.1:1/c", mirror.url("c")])
        (home / ".config" / "rattler" / "config.toml").write_text(f'[mirrors]\n"https://conda.example.invalid/c" = {places}\n')
        done = fresh.install(HOME=str(home))
    assert done.status == (0 if good else 1), done.err
    assert "https://conda.example.invalid/c is fetched from http://127.0.0.1:1/c, then " in done.err
    assert good or "the hash of native does not match the lock" in done.err
    assert fresh.prefix.exists() == good
    files = [path for folder in (tmp_path / "cache", fresh.prefix) for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in files if b"hunter2-pAssw0rd" in path.read_bytes()]
    assert "hunter2-pAssw0rd" not in done.out + done.err


@pytest.mark.parametrize("value", ["/mnt/mirror", "mirror.example.org", "ftp://mirror.example.org"])
def test_a_mirror_is_a_url(fresh: Site, value: str) -> None:
    done = fresh.install(ENVGEN_MIRROR=value)
    assert (done.status, done.out) == (2, "")
    assert f"ENVGEN_MIRROR is not a URL: {value}" in done.err
