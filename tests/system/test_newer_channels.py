"""Channels that declare relations (CEP 42) or serve what older tools do not know: conditions, extras, flags, other layouts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Workspace
from system.channel import EVERYTHING, Server, build, pure, serve

PROJECT = """\
python: "3.12"
targets: [cpu]
platforms: [linux-64]
channels: ["{channel}"]
dependencies: [{own}]
"""
Record = dict[str, Any]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A channel that tests change, `mine`, beside another one, `base`, which has more."""
    build(tmp_path / "channels" / "mine", [*EVERYTHING, pure("user", "1.0")])
    build(tmp_path / "channels" / "base", [pure("only-base", "1.0")])
    with serve(tmp_path / "channels") as running:
        yield running


@pytest.fixture
def site(workspace: Workspace, tmp_path: Path) -> Workspace:
    return replace(workspace, environment={**workspace.environment, "ENVGEN_CACHE": str(tmp_path / "own-cache")})


def edited(server: Server, change: Callable[[Record], None]) -> None:
    """Change each repodata of the channel `mine`."""
    for path in (server.folder / "mine").glob("*/repodata.json"):
        data = json.loads(path.read_text())
        change(data)
        path.write_text(json.dumps(data))


def of_user(change: Callable[[Record], None]) -> Callable[[Record], None]:
    """A change of the record of `user` alone."""
    return lambda data: [change(row) for row in data["packages.conda"].values() if row["name"] == "user"] and None


def needing(spec: str) -> Callable[[Record], None]:
    return of_user(lambda row: row["depends"].append(spec))


def locked(site: Workspace, server: Server, own: str = "user") -> Mapping[str, Any]:
    """The packages of a lock that must come about, be found again offline, and pass `verify`."""
    site.project("p", PROJECT.format(channel=server.url("mine"), own=own))
    done = site.envgen("lock")
    assert done.status == 0, done.err
    before = site.files()
    for words in (("lock",), ("lock", "--offline", "--update"), ("lock", "--update", "--pin-with", "conda-lock"), ("verify",)):
        again = site.envgen(*words)
        assert (again.status, site.files()) == (0, before), again.err
    text = (site.root / "environments" / "p" / "cpu" / "conda-lock.yml").read_text()
    return {row["name"]: row for row in yaml.safe_load(text)["package"]}


@pytest.mark.parametrize(
    "relations",
    [{"base": "../base"}, {"overrides": "../base"}, {"base": "../mine"}, {"base": "http://elsewhere/c"}, {"base": "../nowhere"}],
)
def test_relations_of_a_channel_bring_no_channel_that_the_project_does_not_list(
    site: Workspace, server: Server, relations: Mapping[str, str]
) -> None:
    edited(server, lambda data: data["info"].update(channel_relations={**relations, "unknown": [1]}))
    assert set(locked(site, server)) == {"python", "user"}
    assert not [line for line in server.requests if "/base/" in line or "/nowhere/" in line]
    site.project("p", PROJECT.format(channel=server.url("mine"), own="only-base"))
    done = site.envgen("lock")
    assert done.status == 2
    (note,) = [line for line in done.err.splitlines() if line.startswith(f"channel {server.url('mine')} declares ")]
    base = any(server.url(name) in note for name in ("base", "nowhere"))
    assert base or "that CEP 42 does not allow" in note
    assert f"no channel of {server.url('mine')} has a package `only-base`" in done.err


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ('einops >=0.7,<0.8[when="python >=3.10"]', ">=0.7,<0.8"),
        ('einops[version=">=0.8",when="python >=3.10"]', ">=0.8"),
        ('einops[when="python >=3.99"]', None),
        ("einops[extras=[fast]]", ""),
        ("einops >=0.8[extras=[fast]]", ">=0.8"),
    ],
)
def test_conditions_and_extras_are_locked_as_names_and_ranges(
    site: Workspace, server: Server, spec: str, found: str | None
) -> None:
    edited(server, needing(spec))
    packages = locked(site, server)
    assert packages["user"]["dependencies"].get("einops") == found
    assert ("einops" in packages) == (found is not None)


def v3(data: Record) -> None:
    """Move the records to where CEP 48 has them."""
    rows = data["packages.conda"]
    data["v3"] = {"conda": {file.removesuffix(".conda"): row for file, row in rows.items()}}
    data["packages.conda"] = {}


@pytest.mark.parametrize(
    "change",
    [
        v3,
        of_user(lambda row: row.update(flags=["cuda"])),
        of_user(lambda row: row.update(extra_depends={"fast": ["einops"]})),
        of_user(lambda row: row.update(something_new={"a": [1]})),
        lambda data: data.update(repodata_version=99),
        lambda data: data["info"].update(repodata_revisions={"v4": {"message": "newer packages are not shown", "n_packages": 2}}),
    ],
    ids=["v3", "flags", "extra_depends", "unknown key", "version 99", "revisions"],
)
def test_records_with_what_is_new_are_locked(site: Workspace, server: Server, change: Callable[[Record], None]) -> None:
    edited(server, change)
    assert set(locked(site, server)) == {"python", "user"}


@pytest.mark.parametrize("spec", ['einops[future="x"]', "einops; if python >=3.10", "einops[flags=[cuda]]", "einops >=", "]["])
def test_a_dependency_that_nobody_can_meet_or_read_is_a_named_error(site: Workspace, server: Server, spec: str) -> None:
    edited(server, needing(spec))
    site.project("p", PROJECT.format(channel=server.url("mine"), own="user"))
    done = site.envgen("lock")
    assert done.status == 4, done.err
    assert "user" in done.err
    assert "Traceback" not in done.err
    assert "\n\nhint: " in done.err
