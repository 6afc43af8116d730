"""`envgen index export`: packages of committed locks for a site without network, and what is done with them there.

The packages are genuine ones, served on loopback; what is wrong with a download is wrong with a mirror of that server.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from conftest import Run, Workspace, clean_environment, repository
from system.channel import EVERYTHING, Server, of_python, serve
from system.channel import build as plain_channel
from system.faulty import Handler, faulty, only, silent, status
from system.stand_in import MINOR, SUBDIR, channel, pip_package, python_module, python_package
from system.test_crash import mounted
from system.test_offline import NO_NETWORK
from system.test_wheels import index_of, wheel

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the packages that run are made for Linux")
OTHER = "osx-arm64"
BIG = os.urandom(3_000_000)


@dataclass(frozen=True)
class Site:
    """A repository with two projects: `p`, which can be installed here, and `q` for two platforms."""

    workspace: Workspace
    server: Server
    files: Mapping[str, bytes]
    folder: Path

    def export(self, *words: object, **variables: str) -> Run:
        done = self.workspace.envgen("index", "export", self.folder, *words, **variables)
        assert "Traceback" not in done.err
        return done

    def exported(self, *words: object, **variables: str) -> str:
        """An export that must end well; what it printed."""
        done = self.export(*words, **variables)
        assert done.status == 0, done.err
        return done.out

    @property
    def channel(self) -> str:
        return f"127.0.0.1_{self.server.port}/c"

    def names(self) -> set[str]:
        """The packages in the folder."""
        found = (path for path in self.folder.rglob("*") if path.suffix in (".conda", ".whl"))
        return {path.name.split("-")[0] for path in found}

    def mirrored(self, fault: Callable[[Handler, str], bool], top: Path) -> Iterator[tuple[str, list[str]]]:
        """A mirror with a fault: its URL and what it was asked for."""
        top.mkdir(exist_ok=True)
        (top / f"127.0.0.1_{self.server.port}").symlink_to(self.server.folder)
        with faulty(top, fault) as mirror:
            yield f"http://127.0.0.1:{mirror.port}", mirror.requests


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    top = tmp_path_factory.mktemp("world")
    module = python_module("alpha", "1.0")
    channel(top / "www" / "c", (python_package(), pip_package(), replace(module, files={**module.files, "share/big": BIG})))
    plain_channel(top / "www" / "d", [*EVERYTHING, *of_python("3.12", OTHER)], ("linux-64", OTHER))
    plain_channel(top / "www" / "empty", [])
    wheel(top / "www" / "simple" / "tinyops", "tinyops", "1.0")
    index_of(top / "www" / "simple")
    site = repository(top / "site", clean_environment(top))
    with serve(top / "www") as server:
        site.project(
            "p",
            f'python: "{MINOR}.*"\ntargets: [cpu]\nplatforms: [{SUBDIR}]\nchannels: ["{server.url("c")}", "{server.url("empty")}"]\n'
            f'dependencies: [pip, alpha]\npip: [tinyops]\npip-repositories: ["{server.url("simple")}"]\n',
        )
        site.project(
            "q",
            f'python: "3.12"\ntargets: [cpu, cu126]\nplatforms: [linux-64, {OTHER}]\nchannels: ["{server.url("d")}"]\n'
            "dependencies: [einops]\n",
        )
        done = site.envgen("lock")
        assert done.status == 0, done.err
        yield Site(site, server, site.files(), top)


@pytest.fixture
def site(world: Site, tmp_path: Path) -> Site:
    root = repository(tmp_path / "site", clean_environment(tmp_path))
    root.restore(world.files)
    world.server.requests.clear()
    return Site(root, world.server, world.files, tmp_path / "carried")


def test_every_package_of_the_locks_is_exported_once_with_an_index(site: Site) -> None:
    out = site.exported()
    size = sum(path.stat().st_size for path in site.folder.rglob("*") if path.suffix in (".conda", ".whl"))
    assert out == (f"{site.folder}: 7 conda packages and 1 pip packages of 3 locks, {size / 1e6:,.0f} MB (8 fetched)\n")
    assert site.names() == {"python", "pip", "alpha", "cuda", "einops", "tinyops"}
    for path in site.folder.rglob("repodata.json"):
        data = json.loads(path.read_text())
        there = {one.name for one in path.parent.iterdir()} - {"repodata.json"}
        assert data["packages"].keys() | data["packages.conda"].keys() == there
    assert {path.parent.name for path in (site.folder / f"127.0.0.1_{site.server.port}" / "empty").rglob("repodata.json")} == {
        "noarch",
        SUBDIR,
    }


def test_a_second_export_fetches_nothing_and_changes_nothing(site: Site) -> None:
    site.exported()
    before = {path: path.read_bytes() for path in site.folder.rglob("*") if path.is_file()}
    site.server.requests.clear()
    assert "(0 fetched)" in site.exported()
    assert (site.server.requests, {path: path.read_bytes() for path in site.folder.rglob("*") if path.is_file()}) == ([], before)


def test_a_stale_lock_is_not_exported_unless_it_is_asked_for(site: Site) -> None:
    path = site.workspace.root / "environments" / "q" / "project.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("[einops]", "[einops, cuda]"), encoding="utf-8")
    done = site.export("q")
    assert (done.status, site.folder.exists()) == (1, False)
    assert "q-cu126: its lock is stale: " in done.err
    assert "hint: lock it again with `envgen lock q --target cu126`, or export it as it is with --stale" in done.err
    assert site.export("p").status == 0
    assert site.export("q", "--stale").status == 0


def test_the_result_is_also_json(site: Site) -> None:
    found = json.loads(site.exported("q", "--target", "cpu", "--json"))
    assert (found["folder"], found["locks"], found["wheels"]) == (str(site.folder), ["q-cpu"], 0)
    assert found["packages"] == found["fetched"] > 0


@pytest.mark.parametrize(
    ("words", "packages", "platforms"),
    [
        (("q",), {"python", "cuda", "einops"}, {"linux-64", OTHER}),
        (("q", "--platform", OTHER), {"python", "einops"}, {OTHER}),
        (("q", "--target", "12.6"), {"python", "cuda", "einops"}, {"linux-64"}),
        (("--target", "cu126"), {"python", "cuda", "einops"}, {"linux-64"}),
        (("p",), {"python", "pip", "alpha", "tinyops"}, {SUBDIR}),
    ],
)
def test_projects_targets_and_platforms_are_chosen(
    site: Site, words: tuple[str, ...], packages: set[str], platforms: set[str]
) -> None:
    site.exported(*words)
    assert site.names() == packages
    subdirs = {path.parent.name for path in site.folder.rglob("*.conda")} - {"noarch"}
    assert subdirs == platforms


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nobody",), "there is no project `nobody`"),
        (("p", "--target", "cu126"), "nothing that is requested is locked"),
        (("p", "--platform", "win-64"), "nothing that is requested is locked"),
        (("p", "--target", "gpu"), "`gpu` depends on the machine, and the folder is for other machines"),
    ],
)
def test_what_is_not_locked_is_bad_input(site: Site, words: tuple[str, ...], said: str) -> None:
    done = site.export(*words)
    assert (done.status, done.out, site.names()) == (2, "", set())
    assert said in done.err
    assert "\n\nhint: " in done.err


def test_a_folder_with_something_else_is_not_touched(site: Site) -> None:
    site.folder.mkdir()
    (site.folder / "mine.txt").write_text("mine")
    done = site.export()
    assert done.status == 2
    assert f"{site.folder}: this folder is not empty, and envgen did not export it" in done.err
    assert [path.name for path in site.folder.iterdir()] == ["mine.txt"]


def test_exports_of_several_repositories_share_a_folder(site: Site) -> None:
    site.exported("p")
    site.exported("q")
    assert site.names() == {"python", "pip", "alpha", "cuda", "einops", "tinyops"}


def test_a_package_without_a_record_is_named_before_anything_is_fetched(site: Site) -> None:
    next((site.workspace.root / "environments/index").rglob("noarch/repodata.json")).unlink()
    done = site.export()
    assert (done.status, site.names()) == (2, set())
    assert "environments/index: no record with the hash of the lock for " in done.err


# --- at the site without network ------------------------------------------------------------------------------------------


@pytest.fixture
def carried(site: Site, tmp_path: Path) -> Site:
    """A clone and the folder at another place, where no server answers and no cache has anything."""
    site.exported()
    there = tmp_path / "there"
    root = repository(there / "site", {**clean_environment(there), **NO_NETWORK, "ENVGEN_MIRROR": "http://127.0.0.1:9"})
    root.restore(site.files)
    shutil.move(site.folder, there / "carried folder")
    return replace(site, workspace=root, folder=there / "carried folder")


def test_an_environment_is_installed_from_the_folder_alone(carried: Site) -> None:
    carried.server.requests.clear()
    done = carried.workspace.envgen("install", "p", "--target", "cpu", "--index", carried.folder)
    assert done.status == 0, done.err
    prefix = carried.workspace.root / ".envs" / "p-cpu"
    said = subprocess.run([prefix / "bin" / "tinyops-says"], capture_output=True, text=True, check=True)
    assert said.stdout == f"{prefix}\n"
    assert (prefix / "share" / "big").read_bytes() == BIG
    records = [json.loads(path.read_text()) for path in (prefix / "conda-meta").glob("*.json")]
    assert {record["url"].rsplit("/", 2)[0] for record in records} == {carried.server.url("c")}
    assert {record["channel"].rstrip("/") for record in records} == {carried.server.url("c")}
    kept = [path for path in prefix.rglob("*") if path.is_file() and not path.is_symlink()]
    assert not [path for path in kept if b"carried folder" in path.read_bytes() and "dist-info" not in str(path)]
    assert carried.server.requests == []
    again = carried.workspace.envgen("install", "p", "--target", "cpu", "--index", carried.folder)
    assert "already up to date" in again.out
    assert carried.workspace.envgen("verify", prefix).status == 0


def test_projects_are_locked_from_the_folder_to_the_same_bytes(carried: Site) -> None:
    before = carried.workspace.files()
    shutil.rmtree(carried.workspace.root / "environments" / "q" / "cpu")
    done = carried.workspace.envgen("lock", "q", "--index", carried.folder)
    assert (done.status, carried.workspace.files()) == (0, before), done.err


def test_a_file_that_was_damaged_on_the_way_is_refused_and_named(carried: Site) -> None:
    victim = next(carried.folder.rglob("alpha-1.0-*.conda"))
    shutil.copy(next(carried.folder.rglob("pip-*.conda")), victim)
    done = carried.workspace.envgen("install", "p", "--target", "cpu", "--index", carried.folder)
    assert done.status == 1
    assert done.err.startswith(f"error: {victim}: the hash of alpha does not match the lock\n  locked  sha256 ")
    assert not (carried.workspace.root / ".envs" / "p-cpu").exists()


@pytest.mark.parametrize("pattern", ["alpha-1.0-*.conda", "tinyops-*.whl"])
def test_a_file_that_is_missing_is_named(carried: Site, pattern: str) -> None:
    victim = next(carried.folder.rglob(pattern))
    victim.unlink()
    done = carried.workspace.envgen("install", "p", "--target", "cpu", "--index", carried.folder)
    assert done.status == 2
    assert done.err.startswith(f"error: {victim}: no such package\n\nhint: `envgen index export`")


def test_the_folder_behind_a_web_server_is_a_mirror(carried: Site) -> None:
    with serve(carried.folder) as mirror:
        done = carried.workspace.envgen("install", "q", "--target", "cpu", "--dry-run", ENVGEN_MIRROR=mirror.url("").rstrip("/"))
        assert done.status == 0, done.err
        url, quiet = mirror.url("").rstrip("/"), dict.fromkeys(NO_NETWORK, "")
        again = carried.workspace.envgen("lock", "q", "--update", ENVGEN_MIRROR=url, **quiet)
        assert (again.status, carried.workspace.files()) == (0, dict(carried.files)), again.err


# --- what goes wrong on the way -------------------------------------------------------------------------------------------


def cut(handler: Handler, path: str) -> bool:
    """Half of the rest, each time; asked for the rest, the rest."""
    body = handler.body(path)
    begin = int((handler.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
    handler.site.requests[-1] += f" from {begin}"
    rest = body[begin:]
    handler.send(206 if begin else 200, rest[: len(rest) // 2] if len(rest) > 2000 else rest, len(rest))
    handler.close_connection = True
    return True


def resuming(handler: Handler, path: str) -> bool:
    """A server that sends the rest that is asked for."""
    begin = int((handler.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
    handler.site.requests[-1] += f" from {begin}"
    handler.send(206 if begin else 200, handler.body(path)[begin:])
    return True


ALPHA = "alpha-1.0-pyh1234567_0.conda"


def test_a_broken_download_is_continued_within_a_run_and_by_the_next(site: Site, tmp_path: Path) -> None:
    for mirror, requests in site.mirrored(only(ALPHA, cut), tmp_path / "cut"):
        done = site.export("p", ENVGEN_MIRROR=mirror)
        begun = [int(line.rsplit(" ", 1)[1]) for line in requests if " from " in line]
    assert done.status == 4
    assert "alpha cannot be fetched: " in done.err
    assert "run the same command again: what was fetched is kept, and what was begun is continued" in done.err
    assert begun == sorted(set(begun)) and begun[0] == 0 and len(begun) == 3
    assert "alpha" not in site.names()
    part = next(site.folder.rglob(f".{ALPHA}.envgen-part")).stat().st_size
    for mirror, requests in site.mirrored(only(ALPHA, resuming), tmp_path / "whole"):
        site.exported("p", ENVGEN_MIRROR=mirror)
        assert [line for line in requests if " from " in line] == [f"GET /{site.channel}/noarch/{ALPHA} from {part}"]
    assert not list(site.folder.rglob("*.envgen-part"))


def test_a_server_that_cannot_continue_is_asked_for_all_of_the_file(site: Site, tmp_path: Path) -> None:
    for mirror, _ in site.mirrored(only(ALPHA, cut), tmp_path / "cut"):
        site.export("p", ENVGEN_MIRROR=mirror)
    assert list(site.folder.rglob("*.envgen-part"))
    site.exported("p")  # the server of the tests knows no ranges
    assert not list(site.folder.rglob("*.envgen-part"))


@pytest.mark.parametrize("resumes", [True, False])
def test_what_another_run_began_with_other_bytes_is_begun_anew(site: Site, tmp_path: Path, *, resumes: bool) -> None:
    site.exported("q")
    part = site.folder / site.channel / "noarch" / f".{ALPHA}.envgen-part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    for mirror, _ in site.mirrored(only(ALPHA, resuming if resumes else lambda *_: False), tmp_path / "m"):
        site.exported("p", ENVGEN_MIRROR=mirror)
    assert "alpha" in site.names()


@pytest.mark.parametrize("longer", [True, False])
def test_a_wrong_hash_is_refused_and_the_rest_is_kept(site: Site, tmp_path: Path, *, longer: bool) -> None:
    def other(handler: Handler, path: str) -> bool:
        handler.send(200, handler.body(path)[:-4] + (b"longer" if longer else b"else"))
        return True

    for mirror, _ in site.mirrored(only(ALPHA, other), tmp_path / "m"):
        done = site.export("p", ENVGEN_MIRROR=mirror)
    assert done.status == (4 if longer else 1), done.err
    assert ("alpha-1.0-pyh1234567_0.conda has more than" if longer else "the hash of alpha does not match the lock") in done.err
    assert "alpha" not in site.names()
    site.exported("p")
    assert "alpha" in site.names()


@pytest.mark.parametrize("code", [404, 500])
def test_a_file_that_no_server_has_is_named(site: Site, tmp_path: Path, code: int) -> None:
    for mirror, _ in site.mirrored(only(ALPHA, status(code)), tmp_path / "m"):
        done = site.export("p", ENVGEN_MIRROR=mirror)
    assert done.status == 4
    assert done.err.count("alpha cannot be fetched: ") == 1
    assert str(code) in done.err


def test_a_server_that_is_silent_is_given_up_after_the_time_out(site: Site, tmp_path: Path) -> None:
    for mirror, _ in site.mirrored(only(ALPHA, silent), tmp_path / "m"):
        done = site.export("p", "--timeout", "3", ENVGEN_MIRROR=mirror)
    assert done.status == 4
    assert "sent nothing for 3 s" in done.err


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_leaves_nothing_that_is_taken_for_a_package(site: Site, tmp_path: Path, number: int) -> None:
    def slow(handler: Handler, path: str) -> bool:
        body = handler.body(path)
        handler.send(200, body[:1_000_000], len(body))
        handler.wfile.flush()
        return handler.wait()

    for mirror, _ in site.mirrored(only(ALPHA, slow), tmp_path / "m"):
        words = [sys.executable, "-m", "envgen", "index", "export", str(site.folder), "p"]
        environment = {**site.workspace.environment, "ENVGEN_MIRROR": mirror}
        process = subprocess.Popen(words, cwd=site.workspace.root, env=environment, stderr=subprocess.PIPE, text=True)
        begun = time.monotonic()
        while process.poll() is None and not [
            path for path in site.folder.rglob(f".{ALPHA}.envgen-part") if path.stat().st_size >= 1_000_000
        ]:
            assert time.monotonic() - begun < 60
            time.sleep(0.05)
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == (-number if number == signal.SIGKILL else 130)
    assert "alpha" not in site.names()
    site.exported("p")
    assert "alpha" in site.names()


LARGE_DISK = "import shutil\nshutil.disk_usage = lambda _: type('Usage', (), {'free': 10**12})\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
@pytest.mark.parametrize("known", [True, False])
def test_a_full_disk_is_told_and_what_was_fetched_is_kept(site: Site, *, known: bool) -> None:
    """The disk is too small for all that is to come, which is known before, or found out when somebody else fills it meanwhile."""
    site.folder.mkdir()
    code = site.workspace.root.parent / "code"
    code.mkdir()
    (code / "sitecustomize.py").write_text("" if known else LARGE_DISK)
    for _ in mounted("-t", "tmpfs", "-o", "size=1m", "none", site.folder):
        done = site.export("p", PYTHONPATH=f"{code}{os.pathsep}{site.workspace.environment['PYTHONPATH']}")
        assert done.status == 2
        assert f"error: {site.folder}" in done.err
        assert ("are to be fetched, and " if known else "cannot be written: No space left on device") in done.err
        assert "alpha" not in site.names()
