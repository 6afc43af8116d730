"""Mirrors and credentials of a machine: where a channel is fetched, while the lock keeps the URLs of the channel.

Each server is a real one on loopback. The channel itself, `https://conda.anaconda.org/team`, is never asked.
"""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from conftest import Run, Workspace
from system.channel import Server, build, serve

CANONICAL = "https://conda.anaconda.org/team"
PASSWORD, TOKEN = "hunter2-pAssw0rd", "tk-0a1b2c3d-secret"
PROJECT = 'python: "3.12"\ntargets: [cpu]\nplatforms: [linux-64]\nchannels: [team]\ndependencies: [numpy, einops]\n'


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that servers hand out: the channel `team`."""
    folder = tmp_path_factory.mktemp("mirrored")
    build(folder / "team")
    return folder


@pytest.fixture
def site(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A workspace whose user has no settings yet, and an empty cache."""
    home = tmp_path / "home"
    home.mkdir()
    own = {"HOME": str(home), "ENVGEN_CACHE": str(tmp_path / "own-cache")}
    made = replace(workspace, environment={**workspace.environment, **own})
    made.project("p", PROJECT)
    return made


@pytest.fixture(scope="module")
def expected(mirrored: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the project as they are locked from a folder: what a mirror must not change."""
    from conftest import clean_environment, repository

    folder = tmp_path_factory.mktemp("expected")
    made = repository(folder / "site", clean_environment(folder))
    made.project("p", PROJECT)
    done = made.envgen("lock", "--index", mirrored)
    assert done.status == 0, done.err
    return made.files()


def home(site: Workspace) -> Path:
    return Path(site.environment["HOME"])


def settings(site: Workspace, name: str, text: str) -> Path:
    """Write a file of the user's settings."""
    path = home(site) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def rattler(site: Workspace, *mirrors: str, channel: str = CANONICAL, name: str = ".config/rattler/config.toml") -> Path:
    return settings(site, name, f"[mirrors]\n{json.dumps(channel)} = {json.dumps(mirrors)}\n")


def base(server: Server) -> str:
    return server.url("").rstrip("/")


def closed() -> str:
    """The URL of a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/team"


def locked(site: Workspace, expected: dict[str, bytes], **variables: str) -> Run:
    """A lock that must have the bytes of one without a mirror."""
    done = site.envgen("lock", **variables)
    assert done.status == 0, done.err
    assert site.files() == expected
    return done


def hidden(site: Workspace, *runs: Run) -> None:
    """No secret in any output, in the repository, in the cache, or in the name of a file."""
    for secret in (PASSWORD, TOKEN):
        assert not [text for run in runs for text in (run.out, run.err) if secret in text]
        for folder in (site.root, Path(site.environment["ENVGEN_CACHE"])):
            found = [path for path in folder.rglob("*") if secret in str(path)]
            found += [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
            assert not found


@pytest.fixture
def server(mirrored: Path) -> Iterator[Server]:
    with serve(mirrored) as running:
        yield running


@pytest.fixture
def guarded(mirrored: Path) -> Iterator[Server]:
    with serve(mirrored, login=("alice", PASSWORD)) as running:
        yield running


@pytest.fixture
def tokened(mirrored: Path) -> Iterator[Server]:
    with serve(mirrored, token=TOKEN) as running:
        yield running


# --- where mirrors are named ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [".config/rattler/config.toml", ".config/envgen/config.toml"])
@pytest.mark.parametrize("whole", [True, False])
def test_a_mirror_of_rattlers_settings_is_asked_and_the_lock_has_the_urls_of_the_channel(
    site: Workspace, server: Server, expected: dict[str, bytes], name: str, *, whole: bool
) -> None:
    if whole:
        path = rattler(site, base(server) + "/", channel="https://conda.anaconda.org/", name=name)
    else:
        path = rattler(site, server.url("team"), name=name)
    done = locked(site, expected)
    assert f"team is fetched from {server.url('team')} ({path})" in done.err
    assert any("/team/noarch/repodata.json 200" in line for line in server.requests)


@pytest.mark.parametrize(
    "text",
    [
        "channel_alias: {base}\n",
        "custom_channels: {{team: '{base}'}}\n",
        "mirrored_channels: {{team: ['{base}/team']}}\n",
        "channel_alias: http://127.0.0.1:1\ncustom_channels: {{team: '{base}/'}}\n",
        "channel_alias: $MY_SITE\n",
    ],
)
def test_a_mirror_of_condas_settings_is_asked(site: Workspace, server: Server, expected: dict[str, bytes], text: str) -> None:
    path = settings(site, ".condarc", text.format(base=base(server)))
    done = locked(site, expected, MY_SITE=base(server))
    assert f"team is fetched from {server.url('team')} ({path})" in done.err


def test_what_is_nearer_to_envgen_decides(site: Workspace, server: Server, expected: dict[str, bytes]) -> None:
    settings(site, ".condarc", "channel_alias: http://127.0.0.1:1/conda\n")
    rattler(site, "http://127.0.0.1:1/rattler")
    locked(site, expected, ENVGEN_MIRROR=base(server))
    (home(site) / ".config/rattler/config.toml").unlink()
    rattler(site, server.url("team"), name=".config/envgen/config.toml")
    assert site.envgen("lock", "--update").status == 0


def test_a_mirror_of_another_channel_is_not_asked(site: Workspace, server: Server) -> None:
    rattler(site, server.url("team"), channel=CANONICAL[:-1])  # the beginning of the name, but not of the path
    done = site.envgen("lock", HTTPS_PROXY="http://127.0.0.1:1", ENVGEN_TIMEOUT="5")
    assert (done.status, server.requests) == (4, [])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (".config/rattler/config.toml", "[mirrors\n", "not settings of rattler: "),
        (".config/rattler/config.toml", "mirrors = 3\n", "not settings of rattler: "),
        (".condarc", "channel_alias: [\n", "conda's settings cannot be read: not YAML"),
        (".condarc", "channel_alias: file:///mnt/mirror\n", "a mirror is not a URL that can be fetched: file:///mnt/mirror/team"),
    ],
)
def test_settings_that_cannot_be_used_are_bad_input_with_their_file(site: Workspace, name: str, text: str, said: str) -> None:
    path = settings(site, name, text)
    done = site.envgen("lock")
    assert done.status == 2, done.err
    assert done.err.startswith(f"error: {path}")
    assert said in done.err


# --- mirrors that fail ----------------------------------------------------------------------------------------------------


def test_the_next_mirror_is_asked_where_one_is_down(site: Workspace, server: Server, expected: dict[str, bytes]) -> None:
    rattler(site, closed(), server.url("team"))
    locked(site, expected)


def test_the_next_mirror_is_asked_where_one_answers_with_an_error(
    site: Workspace, server: Server, mirrored: Path, expected: dict[str, bytes]
) -> None:
    with serve(mirrored, broken=503) as broken:
        rattler(site, broken.url("team"), server.url("team"))
        locked(site, expected)
        assert broken.requests


def test_a_mirror_that_is_down_is_named_and_nothing_else_is_asked(site: Workspace) -> None:
    mirror = closed()
    rattler(site, mirror)
    before = site.files()
    done = site.envgen("lock", HTTPS_PROXY="http://127.0.0.1:1")
    assert done.status == 4
    assert "channel `team` cannot be reached: " in done.err
    assert mirror in done.err
    assert (done.out, site.files()) == ("", before)


@pytest.mark.parametrize("words", [(), ("--update",)])
def test_a_mirror_that_has_another_hash_for_a_locked_package_is_refused(
    site: Workspace, server: Server, mirrored: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    rattler(site, server.url("team"))
    assert site.envgen("lock").status == 0
    site.project("p", PROJECT.replace("einops", "einops, pip"))
    before = site.files()
    shutil.copytree(mirrored / "team", tmp_path / "other" / "team")
    path = tmp_path / "other" / "team" / "noarch" / "repodata.json"
    data = json.loads(path.read_text())
    file = next(file for file in data["packages.conda"] if file.startswith("einops-0.8.1-"))
    good, data["packages.conda"][file]["sha256"] = data["packages.conda"][file]["sha256"], "0" * 64
    path.write_text(json.dumps(data))
    with serve(tmp_path / "other") as other:
        rattler(site, other.url("team"))
        done = site.envgen("lock", *words)
    assert (done.status, site.files()) == (1, before)
    assert f"team/noarch/{file} has another hash than the one that is locked\n  locked  {good}\n  channel {'0' * 64}" in done.err


# --- credentials ----------------------------------------------------------------------------------------------------------


def with_netrc(site: Workspace, server: Server) -> dict[str, str]:
    settings(site, ".netrc", f"machine 127.0.0.1 login alice password {PASSWORD}\n").chmod(0o600)
    rattler(site, server.url("team"))
    return {}


def with_named_netrc(site: Workspace, server: Server) -> dict[str, str]:
    rattler(site, server.url("team"))
    return {"NETRC": str(settings(site, "elsewhere", f"machine 127.0.0.1 login alice password {PASSWORD}\n"))}


STORE = {"127.0.0.1": {"BasicHTTP": {"username": "alice", "password": PASSWORD}}}


def with_rattlers_store(site: Workspace, server: Server) -> dict[str, str]:
    settings(site, ".rattler/credentials.json", json.dumps(STORE))
    rattler(site, server.url("team"))
    return {}


def with_a_named_store(site: Workspace, server: Server) -> dict[str, str]:
    rattler(site, server.url("team"))
    return {"RATTLER_AUTH_FILE": str(settings(site, "auth.json", json.dumps(STORE)))}


def with_a_login_in_condarc(site: Workspace, server: Server) -> dict[str, str]:
    settings(site, ".condarc", f"channel_alias: http://alice:{PASSWORD}@127.0.0.1:{server.port}\n")
    return {}


def with_a_variable_in_condarc(site: Workspace, server: Server) -> dict[str, str]:
    settings(site, ".condarc", f"custom_channels: {{team: 'http://alice:${{MY_PASSWORD}}@127.0.0.1:{server.port}'}}\n")
    return {"MY_PASSWORD": PASSWORD}


def with_a_login_of_condarc_for_a_mirror_of_rattler(site: Workspace, server: Server) -> dict[str, str]:
    settings(site, ".condarc", f"channels: ['http://alice:{PASSWORD}@127.0.0.1:{server.port}/team']\n")
    rattler(site, server.url("team"))
    return {}


@pytest.mark.parametrize(
    "way",
    [
        with_netrc,
        with_named_netrc,
        with_rattlers_store,
        with_a_named_store,
        with_a_login_in_condarc,
        with_a_variable_in_condarc,
        with_a_login_of_condarc_for_a_mirror_of_rattler,
    ],
)
def test_a_login_of_the_user_opens_a_mirror_and_is_in_no_file_and_no_output(
    site: Workspace, guarded: Server, expected: dict[str, bytes], way: object
) -> None:
    assert callable(way)
    variables = way(site, guarded)
    done = locked(site, expected, **variables)
    hidden(site, done, site.envgen("lock", "--json", "--update", **variables))
    assert any("repodata.json 200" in line for line in guarded.requests)


def test_without_a_login_the_mirror_is_named_with_its_answer(site: Workspace, guarded: Server) -> None:
    rattler(site, guarded.url("team"))
    done = site.envgen("lock")
    assert done.status == 4
    assert "401" in done.err
    assert f"127.0.0.1:{guarded.port}" in done.err


def test_a_wrong_login_is_not_repeated(site: Workspace, mirrored: Path) -> None:
    with serve(mirrored, login=("alice", "another")) as server:
        with_a_login_in_condarc(site, server)
        done = site.envgen("lock")
    assert done.status == 4
    assert "401" in done.err
    hidden(site, done)


@pytest.mark.parametrize("kind", ["condarc", "anaconda"])
def test_a_token_of_the_user_opens_a_mirror_and_is_in_no_file_and_no_output(
    site: Workspace, tokened: Server, expected: dict[str, bytes], kind: str, tmp_path: Path
) -> None:
    url = base(tokened)
    if kind == "condarc":
        settings(site, ".condarc", f"channel_alias: {url}/t/{TOKEN}\n")
    else:
        rattler(site, tokened.url("team"))
        folder = tmp_path / "home" / "binstar" / "data"
        folder.mkdir(parents=True)
        (folder / f"{quote_plus(url)}.token").write_text(f"{TOKEN}\n")
    done = locked(site, expected, BINSTAR_CONFIG_DIR=str(tmp_path / "home" / "binstar"))
    hidden(site, done)
    assert any(f"/t/{TOKEN}/team/noarch/repodata.json 200" in line for line in tokened.requests)


def test_a_wrong_token_is_not_repeated(site: Workspace, mirrored: Path) -> None:
    with serve(mirrored, token="tk-another-one") as server:
        settings(site, ".condarc", f"channel_alias: {base(server)}/t/{TOKEN}\n")
        done = site.envgen("lock")
    assert done.status == 4
    assert "401" in done.err
    hidden(site, done)


def test_a_login_goes_to_no_other_place_of_its_server(site: Workspace, guarded: Server) -> None:
    settings(site, ".condarc", f"channels: ['http://alice:{PASSWORD}@127.0.0.1:{guarded.port}/other']\n")
    rattler(site, guarded.url("team"))
    assert site.envgen("lock").status == 4
    assert all(line.endswith(" 401") for line in guarded.requests)
