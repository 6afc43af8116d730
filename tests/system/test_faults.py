"""Servers that stay silent, drip, never end or send what is wrong: a named error in the stated time, exit 4, and nothing lost."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from conftest import Run, Workspace
from system import faulty
from system.channel import build, serve
from system.faulty import Handler, only

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read as Linux tells it")

Fault = Callable[[Handler, str], bool]
TIMEOUT, SIZE = 1, 30  # seconds, MB
STATED = 15  # seconds in which a run with that time-out must have ended, on a busy machine, too
PROJECT = """\
python: ">=3.11,<3.13"
targets: [cpu]
platforms: [linux-64]
channels: ["{channel}"]
dependencies: [{own}]
"""


@pytest.fixture(scope="module")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("channels")
    build(folder / "mychannel")
    return folder


@pytest.fixture
def site(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A workspace with a cache of its own and short limits."""
    limits = {"ENVGEN_TIMEOUT": str(TIMEOUT), "ENVGEN_MAX_SIZE": str(SIZE)}
    return replace(workspace, environment={**workspace.environment, **limits, "ENVGEN_CACHE": str(tmp_path / "own-cache")})


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "own-cache"


def patient(name: str) -> dict[str, str]:
    """Limits for a fault: rattler tries some of them again, with pauses."""
    return {"ENVGEN_TIMEOUT": "12"} if name in ("500", "less than the length says") else {}


def failed(site: Workspace, *words: object, status: int = 4, **variables: str) -> Run:
    """A run that must fail in time, with a next step, without a traceback and without a change to the repository."""
    before, begun = site.files(), time.monotonic()
    done = site.envgen(*words, **variables)
    assert time.monotonic() - begun < STATED
    assert done.status == status, done.err
    assert "Traceback" not in done.err
    assert "\n\nhint: " in done.err
    assert site.files() == before
    return done


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


FAULTS: dict[str, tuple[Fault, str]] = {
    "silent": (faulty.silent, "sent nothing for 1 s"),
    "silent in the middle": (faulty.stuck, "sent nothing for 1 s"),
    "dripping repodata": (only("noarch/repodata.json", faulty.drip), "sent less than 1000 bytes a second for 1 s"),
    "endless repodata": (only("repodata.json", faulty.endless), "sends too much: its index has more than 30 MB"),
    "endless index of shards": (only("shards.msgpack.zst", faulty.endless), "sends too much: its index has more than 30 MB"),
    "bomb": (only("repodata.json.zst", faulty.bomb), "sends too much: its index has more than 30 MB"),
    "bomb as index of shards": (only("shards.msgpack.zst", faulty.bomb), "sends too much: its index has more than 30 MB"),
    "404": (faulty.status(404), "404 Not Found"),
    "500": (faulty.status(500), "500 Internal Server Error"),
    "garbage": (faulty.garbage, "cannot be reached: "),
    "zstd without its end": (only("repodata.json.zst", faulty.cut_zstd), "cannot be reached: "),
    "less than the length says": (faulty.short, "end of file before message length reached"),
    "more than the length says": (only("noarch/repodata.json", faulty.long), "cannot be reached: "),
    "redirects in a circle": (faulty.redirected_for_ever, "too many redirects"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_lock_names_what_is_wrong_with_a_server(site: Workspace, channels: Path, cache: Path, name: str) -> None:
    fault, said = FAULTS[name]
    with faulty.faulty(channels, fault) as server:
        site.project("p", PROJECT.format(channel=server.url("mychannel"), own="numpy"))
        done = failed(site, "lock", **patient(name))
    assert f"127.0.0.1:{server.port}" in done.err
    assert said in done.err
    assert size_of(cache / "channels") < 10**6  # nothing unfinished stays


def test_who_waits_says_so_even_without_a_terminal(site: Workspace, channels: Path) -> None:
    with faulty.faulty(channels, faulty.silent) as server:
        site.project("p", PROJECT.format(channel=server.url("mychannel"), own="numpy"))
        done = failed(site, "lock")
    assert re.match(rf"waiting for 127.0.0.1:{server.port}: [01] s so far, ", done.err)
    assert "(the limit is 1)\n" in done.err


def test_options_say_what_the_variables_say(site: Workspace, channels: Path) -> None:
    with faulty.faulty(channels, faulty.silent) as server:
        site.project("p", PROJECT.format(channel=server.url("mychannel"), own="numpy"))
        done = failed(site, "lock", "--timeout", "0.5", ENVGEN_TIMEOUT="3600")
        assert "sent nothing for 0.5 s" in done.err
    with faulty.faulty(channels, only("repodata.json", faulty.endless)) as server:
        site.project("p", PROJECT.format(channel=server.url("mychannel"), own="numpy"))
        done = failed(site, "lock", "--max-size", "12", ENVGEN_MAX_SIZE="99999")
        assert "more than 12 MB" in done.err


@pytest.mark.parametrize("variable", ["ENVGEN_TIMEOUT", "ENVGEN_MAX_SIZE"])
@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "inf"])
def test_a_limit_that_is_no_positive_number_is_bad_input(site: Workspace, variable: str, text: str) -> None:
    site.project("p", PROJECT.format(channel="http://127.0.0.1:9/c", own="numpy"))
    done = site.envgen("lock", **{variable: text})
    assert done.status == 2, done.err
    assert "Traceback" not in done.err


def test_a_slow_server_that_keeps_sending_is_waited_for(site: Workspace, channels: Path) -> None:
    """Longer than the time-out in all, but never silent so long."""
    with faulty.faulty(channels, lambda handler, _: handler.wait(TIMEOUT / 2) and False) as server:
        site.project("p", PROJECT.format(channel=server.url("mychannel"), own="numpy"))
        begun = time.monotonic()
        done = site.envgen("lock")
        assert done.status == 0, done.err
        assert time.monotonic() - begun > TIMEOUT


def test_a_repodata_that_changes_between_two_reads_gives_a_lock_or_a_named_error(site: Workspace, channels: Path) -> None:
    with faulty.faulty(channels, only("repodata.json", faulty.changing)) as server:
        site.project("p", PROJECT.format(channel=server.url("mychannel"), own="numpy, einops"))
        for _ in range(3):
            done = site.envgen("lock", "--update")
            assert "Traceback" not in done.err
            assert done.status in (0, 2, 4), done.err
        if done.status == 0:
            assert site.envgen("lock", "--offline", "--update").status == 0


def test_after_a_stalled_server_the_recorded_index_is_used(site: Workspace, channels: Path) -> None:
    broken = [False]
    with faulty.faulty(channels, lambda handler, path: broken[0] and faulty.silent(handler, path)) as server:
        site.project("p", PROJECT.format(channel=server.url("mychannel"), own="numpy, einops"))
        assert site.envgen("lock").status == 0
        before, broken[0] = site.files(), True
        shutil.rmtree(site.root / "environments" / "p" / "cpu")
        done = site.envgen("lock")
    assert (done.status, site.files()) == (0, before), done.err
    assert "sent nothing for 1 s\nSolving from environments/index instead" in done.err


# --- the cache ------------------------------------------------------------------------------------------------------------


def test_repodata_in_the_cache_that_was_cut_short_is_fetched_again(site: Workspace, channels: Path, cache: Path) -> None:
    with serve(channels) as server:
        site.project("p", PROJECT.format(channel=server.url("mychannel"), own="numpy"))
        assert site.envgen("lock").status == 0
        before = site.files()
        cut = [path for path in (cache / "channels").rglob("*.json") if not path.name.endswith(".info.json")]
        assert cut
        for path in cut:
            path.write_bytes(path.read_bytes()[:100])
        done = site.envgen("lock", "--update")
    assert (done.status, site.files()) == (0, before), done.err


@pytest.mark.parametrize("live", [True, False])
def test_a_cache_that_does_not_fit_on_the_disk_is_named_and_leaves_nothing(
    site: Workspace, channels: Path, packed: Path, cache: Path, live: bool
) -> None:
    """A limit of 3 kB on each file stands for the disk."""
    with serve(channels) as server:
        site.project("p", PROJECT.format(channel=server.url("mychannel") if live else "conda-forge", own="numpy"))
        before = site.files()
        words = f"-m envgen lock {'' if live else f'--index {packed}'}"
        argv = ["bash", "-c", f'ulimit -f 3; exec "{sys.executable}" {words}']
        variables = {**site.environment, "PYTHONDONTWRITEBYTECODE": "1", "ENVGEN_TIMEOUT": "20"}  # bytecode would not fit, either
        done = subprocess.run(argv, cwd=site.root, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "the cache cannot be written: " in done.stderr
    assert "File too large" in done.stderr
    assert site.files() == before
    for folder in ("channels", "repodata"):
        assert size_of(cache / folder) < 1000


@pytest.fixture
def packed(channels: Path, tmp_path: Path) -> Iterator[Path]:
    """An index folder whose repodata is compressed."""
    folder = tmp_path / "packed"
    for path in (channels / "mychannel").glob("*/repodata.json"):
        place = folder / "conda-forge" / path.parent.name
        place.mkdir(parents=True)
        (place / "repodata.json.zst").write_bytes(zstandard.compress(path.read_bytes()))
    return folder


def test_an_unpacked_copy_that_was_cut_short_is_made_again(site: Workspace, packed: Path, cache: Path) -> None:
    site.project("p", PROJECT.format(channel="conda-forge", own="numpy"))
    assert site.envgen("lock", "--index", packed).status == 0
    before, copies = site.files(), sorted((cache / "repodata").iterdir())
    assert len(copies) == 2
    for path in copies:
        path.write_bytes(path.read_bytes()[:50])
    done = site.envgen("lock", "--update", "--index", packed)
    assert (done.status, site.files()) == (0, before), done.err
    assert sorted((cache / "repodata").iterdir()) == copies


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda _: faulty.bombed(1 << 28), "more than 30 MB when it is unpacked"),
        (lambda data: data[: len(data) // 2], "not a whole zstd file: its end is missing"),
        (lambda _: b"garbage", "not a zstd file: "),
        (lambda data: data + b"garbage", "not a zstd file: "),
    ],
)
def test_a_spoiled_zstd_file_of_an_index_folder_is_named_and_not_kept(
    site: Workspace, packed: Path, cache: Path, spoil: Callable[[bytes], bytes], said: str
) -> None:
    path = packed / "conda-forge" / "noarch" / "repodata.json.zst"
    path.write_bytes(spoil(path.read_bytes()))
    site.project("p", PROJECT.format(channel="conda-forge", own="numpy"))
    done = failed(site, "lock", "--index", packed, status=2)
    assert f"{path}: {said}" in done.err
    assert len(list((cache / "repodata").iterdir())) <= 1


def test_several_zstd_frames_are_one_file(site: Workspace, packed: Path) -> None:
    path = packed / "conda-forge" / "noarch" / "repodata.json.zst"
    data = zstandard.decompress(path.read_bytes())
    path.write_bytes(zstandard.compress(data[:300]) + zstandard.compress(data[300:]))
    site.project("p", PROJECT.format(channel="conda-forge", own="numpy"))
    done = site.envgen("lock", "--index", packed)
    assert done.status == 0, done.err


# --- packages -------------------------------------------------------------------------------------------------------------

PACKAGE_FAULTS: dict[str, tuple[Fault, int, str]] = {
    "silent": (faulty.silent, 4, "sent nothing for 1 s"),
    "silent in the middle": (faulty.stuck, 4, "sent nothing for 1 s"),
    "dripping": (faulty.drip, 4, "sent less than 1000 bytes a second for 1 s"),
    "endless": (faulty.endless, 4, "sends too much: "),
    "404": (faulty.status(404), 4, "404 Not Found"),
    "500": (faulty.status(500), 4, "500 Internal Server Error"),
    "less than the length says": (faulty.short, 4, "end of file before message length reached"),
    "garbage": (faulty.garbage, 1, "does not match the lock"),
}


@pytest.mark.parametrize("name", PACKAGE_FAULTS)
def test_install_names_what_is_wrong_with_a_server(site: Workspace, channels: Path, name: str) -> None:
    fault, status, said = PACKAGE_FAULTS[name]
    broken = [False]
    with faulty.faulty(channels, lambda handler, path: broken[0] and only(".conda", fault)(handler, path)) as server:
        site.project("p", PROJECT.format(channel=server.url("mychannel"), own="numpy"))
        assert site.envgen("lock").status == 0
        broken[0] = True
        done = failed(site, "install", "p", "--target", "cpu", status=status, **patient(name))
        assert said in done.err
        assert not (site.root / ".envs").exists()
        broken[0] = False
        assert site.envgen("install", "p", "--target", "cpu").status == 0


# --- pip ------------------------------------------------------------------------------------------------------------------

PIP_FAULTS: dict[str, tuple[Fault, str]] = {
    "silent": (faulty.silent, "operation timed out"),
    "dripping": (
        lambda handler, _: faulty.drip(handler, "/mychannel/noarch/repodata.json"),
        "the package index of `pip:` is not read after 10 s",
    ),
    "endless": (faulty.endless, "the package index of `pip:` sends too much: its answers take more than 30 MB"),
}


@pytest.mark.parametrize("name", PIP_FAULTS)
def test_lock_gives_up_a_pip_index(site: Workspace, channels: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(channels / "mychannel", tmp_path / "index" / "conda-forge")
    fault, said = PIP_FAULTS[name]
    with faulty.faulty(channels, fault) as server:
        more = f'pip: [tinyops]\npip-repositories: ["{server.url("simple")}"]\n'
        site.project("p", PROJECT.format(channel="conda-forge", own="numpy") + more)
        done = failed(site, "lock", "--index", tmp_path / "index", ENVGEN_TIMEOUT="0.5" if name == "dripping" else "1")
    waited, _, told = done.err.partition("error: pip section of p-cpu, linux-64: ")
    assert all(
        line.startswith("resolving wheels of p-cpu, linux-64: waiting for the package index") for line in waited.splitlines()
    )
    assert said in told


# --- what verify is given -------------------------------------------------------------------------------------------------


def test_verify_reads_regular_files_up_to_a_limit(site: Workspace, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(60_000_000)
    for path, said in [
        ("/dev/zero", "it is not a regular file"),
        (tmp_path / "pipe", "it is not a regular file"),
        (tmp_path / "large", "60 MB is too large: at most 50 MB is read"),
    ]:
        done = failed(site, "verify", path, status=2)
        assert f"error: {path}: cannot be read: {said}\n" in done.err
