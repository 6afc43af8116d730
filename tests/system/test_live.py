"""Live channels, through rattler's gateway, against a loopback server that hands out genuine packages."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Run, Workspace
from system.channel import EVERYTHING, Package, Server, build, pure, serve

from envgen.channels.channel import locate
from envgen.channels.limits import limits
from envgen.channels.live import LiveIndex
from envgen.channels.query import unknown_packages
from envgen.lock.decide import Holdings
from envgen.matrix.load import load_matrix
from envgen.project.load import project_of
from envgen.resolver.resolve import resolve
from envgen.yamlfile.document import parse

NOTHING_TO_DO = "Nothing to do: every lock is up to date."
PASSWORD, TOKEN = "hunter2-pAssw0rd", "tk-0a1b2c3d-secret"
MATRIX = """
framework: pytorch
because: this test
providers:
  mine:
    - releases: ">=2"
      channels: ["{url}"]
      cpu: ["pytorch {{version}}.* cpu_*"]
      cuda: ["pytorch {{version}}.* cuda{{cu}}*", "cuda-version {{cuda}}.*"]
      because: this test
releases:
  - {{version: "2.7.1", builds: [{{provider: mine, variants: [cpu, "12.6"], platforms: [linux-64], python: "3.11-3.12"}}]}}
  - {{version: "2.6.0", builds: [{{provider: mine, variants: [cpu, "12.6"], platforms: [linux-64], python: "3.11-3.12"}}]}}
"""


@pytest.fixture(scope="module")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one channel, `mychannel`; tests that change it work on a copy."""
    folder = tmp_path_factory.mktemp("channels")
    build(folder / "mychannel")
    return folder


@pytest.fixture
def server(channels: Path) -> Iterator[Server]:
    with serve(channels) as running:
        yield running


@pytest.fixture
def site(workspace: Workspace, tmp_path: Path) -> Workspace:
    """A workspace with a cache of its own, and no index chosen."""
    return replace(workspace, environment={**workspace.environment, "ENVGEN_CACHE": str(tmp_path / "own-cache")})


def wish(*channels: str, dependencies: str = "numpy, einops", targets: str = "cpu, cu126", more: str = "") -> str:
    listed = ", ".join(f'"{channel}"' for channel in channels)
    head = f'python: ">=3.11,<3.13"\ntargets: [{targets}]\nplatforms: [linux-64]\nchannels: [{listed}]\n'
    return f"{head}dependencies: [{dependencies}]\n{more}"


def lock_of(site: Workspace, target: str = "cpu", project: str = "p") -> Mapping[str, Any]:
    text = (site.root / "environments" / project / target / "conda-lock.yml").read_text()
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found


def packages(site: Workspace, target: str = "cpu") -> dict[str, str]:
    """Package -> url, as a lock has it."""
    return {row["name"]: row["url"] for row in lock_of(site, target)["package"]}


def locked(site: Workspace, *words: object, **variables: str) -> Run:
    """A lock run that must end well."""
    done = site.envgen("lock", *words, **variables)
    assert done.status == 0, done.err
    return done


def is_clean(run: Run) -> bool:
    return "Traceback" not in run.err + run.out


# --- locking --------------------------------------------------------------------------------------------------------------


def test_names_are_asked_for_together(server: Server, site: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One query for each channel and platform, whatever the number of packages."""
    monkeypatch.setenv("ENVGEN_CACHE", str(tmp_path / "cache"))
    url, asked, query = server.url("mychannel"), list[list[str]](), LiveIndex._query

    async def counted(index: LiveIndex, names: list[str], *rest: Any) -> Any:
        asked.append(sorted(names))
        return await query(index, names, *rest)

    monkeypatch.setattr(LiveIndex, "_query", counted)
    (site.root / "matrices" / "pytorch.yaml").write_text(MATRIX.format(url=url))
    matrix = load_matrix(site.root / "matrices")
    project = project_of(parse(wish(url, more='frameworks: {pytorch: "2.7"}\n'), "p/project.yaml"), "p", matrix)
    index = LiveIndex([locate(url)], limits(), lambda _: None)
    assert unknown_packages(index, ["einops", "numpy", "nonesuch"], [url], ["linux-64"]).keys() == {"nonesuch"}
    assert resolve(matrix, project, Holdings(matrix, index).of(project))
    assert asked == [["einops", "nonesuch", "numpy"], ["cuda-version", "python", "pytorch"]]


def test_a_live_channel_is_locked_without_an_index(site: Workspace, server: Server) -> None:
    url = server.url("mychannel")
    (site.root / "matrices" / "pytorch.yaml").write_text(MATRIX.format(url=url))
    site.project("p", wish(url, more='frameworks: {pytorch: "2.*"}\n'))
    locked(site)
    assert packages(site, "cpu") == {
        "einops": f"{url}/noarch/einops-0.8.1-pyhd8ed1ab_0.conda",
        "numpy": f"{url}/linux-64/numpy-2.2.6-py312h1234567_0.conda",
        "python": f"{url}/linux-64/python-3.12.9-h9e4cc4f_0_cpython.conda",
        "python_abi": f"{url}/noarch/python_abi-3.12-8_cp312.conda",
        "pytorch": f"{url}/linux-64/pytorch-2.7.1-cpu_generic_py312h1234567_0.conda",
    }
    assert packages(site, "cu126") == {
        **packages(site, "cpu"),
        "cuda-version": f"{url}/noarch/cuda-version-12.6-h7480c83_3.conda",
        "pytorch": f"{url}/linux-64/pytorch-2.7.1-cuda126_generic_py312h1234567_0.conda",
    }
    assert lock_of(site)["metadata"]["channels"] == [{"url": url, "used_env_vars": []}]
    assert any("repodata.json 200" in line for line in server.requests)


@pytest.mark.parametrize("odd", ["HTTP://127.0.0.1:{port}/mychannel", "http://127.1:{port}/./x/../mychannel/"])
def test_a_url_that_is_spelled_oddly_is_locked_and_nothing_is_to_do_after(site: Workspace, server: Server, odd: str) -> None:
    site.project("p", wish(odd.format(port=server.port), targets="cpu"))
    locked(site)
    channel = server.url("mychannel")
    assert packages(site)["einops"] == f"{channel}/noarch/einops-0.8.1-pyhd8ed1ab_0.conda"
    assert lock_of(site)["metadata"]["channels"] == [{"url": channel, "used_env_vars": []}]
    assert site.envgen("lock").talk.strip() == NOTHING_TO_DO
    assert site.envgen("lock", "--update", "--offline").status == 0
    assert site.envgen("verify", "--project", "p").status == 0


@pytest.mark.parametrize("wrong", ["http://[x/c", "http://h:99999/c", "../c", "/tmp/c", "conda-forge[linux-64]"])
def test_what_is_no_channel_is_bad_input_at_its_place(site: Workspace, wrong: str) -> None:
    site.project("p", wish("conda-forge", wrong))
    done = site.envgen("lock")
    assert done.status == 2
    assert done.err.startswith("error: environments/p/project.yaml:4:27: channels[1]: not a channel")
    assert is_clean(done)


def test_a_provider_may_be_named_where_its_channel_is_a_url(site: Workspace, server: Server) -> None:
    url = server.url("mychannel")
    (site.root / "matrices" / "pytorch.yaml").write_text(MATRIX.format(url=url))
    site.project("p", wish(url, more='frameworks: {pytorch: {version: "2.6", provider: mine}}\n'))
    locked(site)
    assert packages(site, "cu126")["pytorch"] == f"{url}/linux-64/pytorch-2.6.0-cuda126_generic_py312h1234567_0.conda"


def test_a_second_run_asks_the_server_nothing(site: Workspace, server: Server) -> None:
    site.project("p", wish(server.url("mychannel")))
    locked(site)
    before = site.files()
    server.requests.clear()
    again = locked(site)
    assert (server.requests, again.talk.strip()) == ([], NOTHING_TO_DO)
    assert site.files() == before


def test_what_was_fetched_is_kept_on_disk_and_only_asked_after(site: Workspace, server: Server) -> None:
    site.project("p", wish(server.url("mychannel")))
    locked(site)
    assert any((site.root.parent / "own-cache" / "channels").rglob("*.json"))
    before = site.files()
    server.requests.clear()
    locked(site, "--update")
    asked = [line.rsplit("/", 1)[1] for line in server.requests if line.startswith("GET")]
    assert "repodata.json 304" in asked
    assert "repodata.json 200" not in asked
    assert site.files() == before


def test_update_takes_what_is_new_in_the_channel_and_a_plain_run_does_not(site: Workspace, channels: Path, tmp_path: Path) -> None:
    own = tmp_path / "own-channels"
    shutil.copytree(channels, own)
    with serve(own) as server:
        site.project("p", wish(server.url("mychannel")))
        locked(site)
        build(own / "mychannel", [pure("einops", "0.9.0")])
        before = site.files()
        locked(site)
        assert site.files() == before
        locked(site, "--update", "p")
        assert packages(site)["einops"] == server.url("mychannel/noarch/einops-0.9.0-pyhd8ed1ab_0.conda")
        assert "einops-0.9.0" in "".join(path.read_text() for path in (site.root / "environments/index").rglob("repodata.json"))


# --- several channels -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`first` has all but an old einops only; `second` has a newer einops and what `first` lacks."""
    folder = tmp_path_factory.mktemp("two")
    build(folder / "first", [package for package in EVERYTHING if (package.name, package.version) != ("einops", "0.8.1")])
    build(folder / "second", [pure("einops", "0.9.0"), pure("only-here", "1.0"), *EVERYTHING])
    return folder


@pytest.mark.parametrize(("order", "einops"), [(("first", "second"), "0.7.0"), (("second", "first"), "0.9.0")])
def test_the_first_channel_that_has_a_package_hides_the_others(
    site: Workspace, two: Path, order: tuple[str, str], einops: str
) -> None:
    with serve(two) as server:
        site.project("p", wish(*map(server.url, order), dependencies="numpy, einops, only-here", targets="cpu"))
        locked(site)
        urls = packages(site)
    assert urls["einops"] == server.url(f"{order[0]}/noarch/einops-{einops}-pyhd8ed1ab_0.conda")
    assert urls["only-here"] == server.url("second/noarch/only-here-1.0-pyhd8ed1ab_0.conda")
    assert [row["url"] for row in lock_of(site)["metadata"]["channels"]] == [server.url(name) for name in order]


def test_a_channel_url_before_a_package_is_refused_because_conda_lock_would_cut_it_short(site: Workspace, two: Path) -> None:
    with serve(two) as server:
        spec = f'numpy, "{server.url("second")}::einops"'
        site.project("p", wish(server.url("first"), server.url("second"), dependencies=spec, targets="cpu"))
        done = site.envgen("lock")
        assert server.requests == []
    assert done.status == 2
    assert done.err.startswith("error: environments/p/project.yaml:5:23: dependencies[1]: not a conda spec\n\nhint: ")


def test_a_channel_name_before_a_package_takes_it_from_there(site: Workspace, two: Path) -> None:
    site.project("p", wish("first", "second", dependencies='numpy, "second::einops"', targets="cpu"))
    locked(site, "--index", two)
    urls = packages(site)
    assert urls["einops"] == "https://conda.anaconda.org/second/noarch/einops-0.9.0-pyhd8ed1ab_0.conda"
    assert urls["numpy"] == "https://conda.anaconda.org/first/linux-64/numpy-2.2.6-py312h1234567_0.conda"


# --- a channel that does not answer ---------------------------------------------------------------------------------------


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("status", [404, 500, None])
def test_a_channel_that_does_not_answer_is_named_with_a_next_step(site: Workspace, channels: Path, status: int | None) -> None:
    with serve(channels, broken=status) as server:
        url = server.url("mychannel") if status else f"http://127.0.0.1:{closed_port()}/mychannel"
        site.project("p", wish(url))
        before = site.files()
        done = site.envgen("lock")
    assert done.status == 4
    assert f"error: channel `{url}` cannot be reached: " in done.err
    assert str(status or "") in done.err
    assert done.err.endswith("\n\nhint: give --index DIR, or run where the channel can be reached\n")
    assert is_clean(done)
    assert (done.out, site.files()) == ("", before)


def test_a_channel_that_the_server_lacks_is_named_even_as_the_second_of_two(site: Workspace, server: Server) -> None:
    missing = server.url("no-such-channel")
    site.project("p", wish(server.url("mychannel"), missing))
    before = site.files()
    done = site.envgen("lock")
    assert done.status == 4
    assert f"channel `{missing}` cannot be reached" in done.err
    assert "\n\nhint: " in done.err
    assert is_clean(done)
    assert site.files() == before


def test_unreachable_channels_give_way_to_the_recorded_index_aloud(site: Workspace, channels: Path) -> None:
    with serve(channels) as server:
        url = server.url("mychannel")
        site.project("p", wish(url))
        locked(site)
    before = packages(site, "cu126")
    site.project("p", wish(url, dependencies="numpy"))
    done = locked(site)
    said = f"channel `{url}` cannot be reached"
    assert said in done.err
    assert "Solving from environments/index instead: the records of the committed locks, nothing newer." in done.err
    assert packages(site, "cu126") == {name: address for name, address in before.items() if name != "einops"}


def test_the_recorded_index_also_stands_in_when_only_a_later_channel_is_gone(site: Workspace, two: Path) -> None:
    with serve(two) as server:
        with serve(two) as other:
            addresses = (server.url("first"), other.url("second"))
            site.project("p", wish(*addresses, dependencies="numpy, einops, only-here", targets="cpu"))
            locked(site)
        before = packages(site)
        site.project("p", wish(*addresses, dependencies="numpy, only-here", targets="cpu"))
        done = locked(site)
    assert f"channel `{addresses[1]}` cannot be reached" in done.err
    assert "Solving from environments/index instead" in done.err
    assert packages(site) == {name: address for name, address in before.items() if name != "einops"}


def test_offline_and_an_index_folder_ask_no_server(site: Workspace, server: Server, channels: Path, tmp_path: Path) -> None:
    site.project("p", wish(server.url("mychannel")))
    locked(site)
    before = site.files()
    server.requests.clear()
    shutil.rmtree(site.root / "environments" / "p" / "cpu")
    locked(site, "--offline")
    assert (site.files(), server.requests) == (before, [])
    folder = tmp_path / "index" / f"127.0.0.1_{server.port}"
    shutil.copytree(channels, folder)
    shutil.rmtree(site.root / "environments" / "p" / "cpu")
    locked(site, "--index", folder.parent)
    assert (site.files(), server.requests) == (before, [])


# --- credentials ----------------------------------------------------------------------------------------------------------

LOGIN = {"CH_USER": "alice", "CH_PASSWORD": PASSWORD}
WAYS = {
    "login": ("http://$CH_USER:$CH_PASSWORD@127.0.0.1:{port}/mychannel", LOGIN),
    "braces": ("http://${{CH_USER}}:${{CH_PASSWORD}}@127.0.0.1:{port}/mychannel", LOGIN),
    "token": ("http://127.0.0.1:{port}/t/$CH_TOKEN/mychannel", {"CH_TOKEN": TOKEN}),
}
AS_LOCKED = {
    "login": ("http://${{CH_USER}}:${{CH_PASSWORD}}@127.0.0.1:{port}/mychannel", ["CH_PASSWORD", "CH_USER"]),
    "braces": ("http://${{CH_USER}}:${{CH_PASSWORD}}@127.0.0.1:{port}/mychannel", ["CH_PASSWORD", "CH_USER"]),
    "token": ("http://127.0.0.1:{port}/t/${{CH_TOKEN}}/mychannel", ["CH_TOKEN"]),
}


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def guarded(way: str, channels: Path) -> Iterator[Server]:
    """A server that wants what `way` brings."""
    with serve(channels, token=TOKEN) if way == "token" else serve(channels, login=("alice", PASSWORD)) as running:
        yield running


def hidden(site: Workspace, *runs: Run) -> None:
    """No secret on the screen or in a file of the repository."""
    shown = [text for run in runs for text in (run.out, run.err)]
    kept = [data.decode() for data in site.files().values()]
    for secret in (PASSWORD, TOKEN):
        assert not [text for text in (*shown, *kept) if secret in text]


def test_credentials_open_a_channel_and_reach_neither_file_nor_screen(site: Workspace, guarded: Server, way: str) -> None:
    url, variables = WAYS[way]
    site.project("p", wish(url.format(port=guarded.port)))
    first = site.envgen("lock", **variables)
    hidden(site, first)
    assert first.status == 0, first.err
    guarded.requests.clear()
    second = site.envgen("lock", **variables)
    assert (second.talk.strip(), guarded.requests) == (NOTHING_TO_DO, [])
    hidden(site, second, site.envgen("resolve", "p", **variables), site.envgen("lock", "--json", **variables))


def test_a_lock_has_placeholders_as_conda_lock_writes_them(site: Workspace, guarded: Server, way: str) -> None:
    url, variables = WAYS[way]
    site.project("p", wish(url.format(port=guarded.port)))
    locked(site, **variables)
    channel, used = AS_LOCKED[way]
    channel = channel.format(port=guarded.port)
    assert lock_of(site)["metadata"]["channels"] == [{"url": channel, "used_env_vars": used}]
    assert packages(site)["numpy"] == f"{channel}/linux-64/numpy-2.2.6-py312h1234567_0.conda"
    assert all(address.startswith(f"{channel}/") for address in packages(site, "cu126").values())


def test_a_channel_behind_credentials_can_be_relocked_offline_without_them(site: Workspace, guarded: Server, way: str) -> None:
    url, variables = WAYS[way]
    site.project("p", wish(url.format(port=guarded.port)))
    locked(site, **variables)
    before = site.files()
    guarded.requests.clear()
    shutil.rmtree(site.root / "environments" / "p" / "cpu")
    locked(site, "--offline")
    assert (site.files(), guarded.requests) == (before, [])


def test_the_cache_keeps_no_credentials(site: Workspace, guarded: Server, way: str) -> None:
    url, variables = WAYS[way]
    site.project("p", wish(url.format(port=guarded.port)))
    locked(site, **variables)
    cache = [path for path in (site.root.parent / "own-cache").rglob("*") if path.is_file()]
    assert cache
    for path in cache:
        found = path.read_bytes() + str(path).encode()
        assert PASSWORD.encode() not in found, path
        assert TOKEN.encode() not in found, path


def test_credentials_that_are_refused_are_not_repeated(site: Workspace, channels: Path, way: str) -> None:
    url, variables = WAYS[way]
    guard = serve(channels, token="tk-other") if way == "token" else serve(channels, login=("alice", "another"))
    with guard as server:
        written = url.format(port=server.port)
        site.project("p", wish(written))
        before = site.files()
        done = site.envgen("lock", **variables)
    assert done.status == 4
    assert f"error: channel `{written}` cannot be reached: " in done.err
    assert "401" in done.err
    assert "\n\nhint: " in done.err
    assert is_clean(done)
    assert site.files() == before
    hidden(site, done)


def test_a_credential_whose_variable_is_not_set_is_said_by_name(site: Workspace, guarded: Server, way: str) -> None:
    url, _ = WAYS[way]
    site.project("p", wish(url.format(port=guarded.port)))
    done = site.envgen("lock")
    assert done.status in (2, 4)
    assert "CH_TOKEN" in done.err if way == "token" else "CH_PASSWORD" in done.err
    assert "not set" in done.err
    assert is_clean(done)


@pytest.mark.parametrize(
    "url",
    [
        f"https://alice:{PASSWORD}@conda.example.com/chan",
        f"https://$CH_USER:{PASSWORD}@conda.example.com/chan",
        f"https://{PASSWORD}@conda.example.com/chan",
        f"https://conda.example.com/t/{TOKEN}/chan",
    ],
)
def test_a_credential_written_out_is_refused_and_not_repeated(site: Workspace, url: str) -> None:
    path = site.project("p", "python: '3.12'\ntargets: [cpu]\nplatforms: [linux-64]\nchannels:\n  - conda-forge\n  - REPLACE\n")
    path.write_text(path.read_text().replace("REPLACE", url))
    done = site.envgen("lock")
    assert done.status == 2
    where = "environments/p/project.yaml:6:5"
    assert done.err.startswith(f"error: {where}: channels[1]: this URL contains a password or token\n\nhint: ")
    assert is_clean(done)
    assert not [secret for secret in (PASSWORD, TOKEN) if secret in done.err + done.out]


def test_a_credential_written_out_in_a_dependency_is_refused_and_not_repeated(site: Workspace) -> None:
    site.project("p", wish("conda-forge", dependencies=f'"https://alice:{PASSWORD}@conda.example.com/chan::numpy"'))
    done = site.envgen("lock")
    assert done.status == 2
    assert done.err.startswith("error: environments/p/project.yaml:5:16: ")
    assert PASSWORD not in done.err + done.out


def test_an_empty_channel_says_what_it_lacks(site: Workspace, tmp_path: Path) -> None:
    build(tmp_path / "channels" / "empty", [Package("something-else", "1")])
    with serve(tmp_path / "channels") as server:
        site.project("p", wish(server.url("empty"), targets="cpu"))
        done = site.envgen("lock")
    assert done.status == 2
    assert done.err.startswith(
        f"error: environments/p/project.yaml:5:16: no channel of {server.url('empty')} has a package `numpy`\n"
    )
