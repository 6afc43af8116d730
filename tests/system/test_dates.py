"""`exclude-newer`: one date for all, and dates of channels and packages; the search and the solver see the same records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from conftest import Workspace
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from system.channel import serve
from system.test_keep import packages, run
from unit.small import examples

from envgen.channels.index import FolderIndex
from envgen.channels.solve import attempts
from envgen.model.dates import NO_LIMIT, ExcludeNewer, moment
from envgen.model.packages import Solution, SolveRequest

CHANNELS = {
    "ours": [
        ("lib", "1.0", "2025-01-01"),
        ("lib", "2.0", "2025-09-01"),
        ("tool", "1.0", "2025-01-01"),
        ("tool", "2.0", "2025-09-01"),
    ],
    "conda-forge": [
        ("python", "3.11.9", "2025-01-01"),
        ("python", "3.12.9", "2025-09-01"),
        ("other", "1.0", "2025-01-01"),
        ("other", "2.0", "2025-09-01"),
        ("undated", "1.0", ""),
        ("lib", "0.5", "2025-01-01"),
    ],
}
PROJECT = """\
python: ">=3.11,<3.13"
targets: [cpu]
platforms: [linux-64]
channels: [ours, conda-forge]
dependencies: [lib, tool, other]
"""
FILE = "environments/p/project.yaml"


def write(folder: Path, channels: Mapping[str, list[tuple[str, str, str]]]) -> Path:
    """An index folder with packages of these names, versions and dates."""
    for channel, rows in channels.items():
        for subdir in ("noarch", "linux-64"):
            records = {f"{name}-{version}-0.conda": record(name, version, made) for name, version, made in rows}
            found = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": records if subdir == "noarch" else {}}
            path = folder / channel / subdir / "repodata.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(found), encoding="utf-8")
    return folder


def record(name: str, version: str, made: str) -> Mapping[str, object]:
    timestamp = int(datetime.fromisoformat(made).replace(tzinfo=timezone.utc).timestamp() * 1000) if made else None
    known = {"timestamp": timestamp} if timestamp else {}
    plain = {
        "name": name,
        "version": version,
        "build": "0",
        "build_number": 0,
        "depends": [],
        "subdir": "noarch",
        "noarch": "generic",
    }
    return {**plain, **known, "md5": "0" * 32, "sha256": "0" * 64, "size": 1}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("dated"), CHANNELS)


def locked(site: Workspace, index: Path, key: str, *words: object, status: int = 0) -> dict[str, str]:
    """What a project with this key is locked to as if for the first time."""
    site.project("p", PROJECT + key)
    run(site, "update", "p", "--index", index, *words, status=status)
    return {name: version for name, version in packages(site).items() if name in ("python", "lib", "tool", "other", "undated")}


OLD = {"python": "3.11.9", "lib": "1.0", "tool": "1.0", "other": "1.0"}
NEW = {"python": "3.12.9", "lib": "2.0", "tool": "2.0", "other": "2.0"}
DATES = {
    "no limit": ("", NEW),
    "none": ("exclude-newer: none\n", NEW),
    "one date": ("exclude-newer: 2025-06-01\n", OLD),
    "one date as a mapping": ("exclude-newer: {default: 2025-06-01}\n", OLD),
    "a package without a limit": ("exclude-newer: {default: 2025-06-01, packages: {lib: none}}\n", {**OLD, "lib": "2.0"}),
    "a package with another date": ("exclude-newer: {default: 2025-06-01, packages: {Lib: 2025-10-01}}\n", {**OLD, "lib": "2.0"}),
    "one package alone": ("exclude-newer: {packages: {lib: 2025-06-01}}\n", {**NEW, "lib": "1.0"}),
    "python alone": ("exclude-newer: {packages: {python: 2025-06-01}}\n", {**NEW, "python": "3.11.9"}),
    "a channel without a limit": (
        "exclude-newer: {default: 2025-06-01, channels: {ours: none}}\n",
        {**OLD, "lib": "2.0", "tool": "2.0"},
    ),
    "a channel by its URL": (
        'exclude-newer: {channels: {"https://conda.anaconda.org/ours/": 2025-06-01}}\n',
        {**NEW, "lib": "1.0", "tool": "1.0"},
    ),
    "a package comes before its channel": (
        "exclude-newer: {channels: {ours: 2025-06-01}, packages: {tool: none}}\n",
        {**NEW, "lib": "1.0"},
    ),
}


@pytest.mark.parametrize("kind", DATES)
def test_dates_hold_for_all_for_a_channel_and_for_a_package(workspace: Workspace, index: Path, kind: str) -> None:
    key, expected = DATES[kind]
    assert locked(workspace, index, key) == expected
    old = workspace.files()
    assert "Nothing to do" in run(workspace, "lock", "--index", index).err
    run(workspace, "lock", "--check")
    (workspace.root / "environments/p/cpu/conda-lock.yml").unlink()
    run(workspace, "lock", "--index", index, "--jobs", 1)
    assert workspace.files() == old


@pytest.mark.parametrize("kind", ["one date", "a package comes before its channel", "python alone"])
def test_live_channels_count_up_to_the_same_dates(workspace: Workspace, index: Path, tmp_path: Path, kind: str) -> None:
    key, expected = DATES[kind]
    with serve(index) as server:
        urls = [server.url(name) for name in ("ours", "conda-forge")]
        text = (PROJECT + key).replace("[ours, conda-forge]", f'["{urls[0]}", "{urls[1]}"]').replace("{ours:", f'{{"{urls[0]}":')
        workspace.project("p", text)
        done = workspace.envgen("lock", "--pin-with", "envgen", ENVGEN_CACHE=str(tmp_path / "cache"))
        assert done.status == 0, done.err
    assert {name: version for name, version in packages(workspace).items() if name in expected} == expected


def test_options_come_before_the_file_part_by_part(workspace: Workspace, index: Path) -> None:
    key = "exclude-newer: {default: 2025-06-01, packages: {lib: none}}\n"
    assert locked(workspace, index, key, "--exclude-newer", "2025-10-01") == NEW
    assert locked(workspace, index, key, "--exclude-newer", "none") == NEW
    assert locked(workspace, index, key, "--exclude-newer", "lib=2025-06-01") == OLD
    options = ("--exclude-newer", "ours::*=none", "--exclude-newer", "2025-06-01")
    assert locked(workspace, index, "", *options) == {**OLD, "lib": "2.0", "tool": "2.0"}


def test_a_channel_of_another_project_is_no_error_there(workspace: Workspace, index: Path) -> None:
    workspace.project("q", PROJECT.replace("[ours, conda-forge]", "[conda-forge]").replace("tool, ", ""))
    workspace.project("p", PROJECT)
    run(workspace, "lock", "--index", index, "--exclude-newer", "ours::*=2025-06-01")
    assert (packages(workspace)["lib"], packages(workspace)["other"]) == ("1.0", "2.0")
    done = run(workspace, "lock", "q", "--index", index, "--exclude-newer", "ours::*=2025-06-01", status=2)
    assert "error: --exclude-newer: q: channels: has no `ours`" in done.err


def test_a_lock_says_its_dates_and_stays_valid_as_of_later_ones(workspace: Workspace, index: Path) -> None:
    locked(workspace, index, "exclude-newer: {default: 2025-06-01, channels: {ours: 2025-03-01}, packages: {lib: 2025-10-01}}\n")
    text = (workspace.root / "environments/p/cpu/conda-lock.yml").read_text(encoding="utf-8")
    assert "2025-06-01T00:00:00+00:00, lib=2025-10-01T00:00:00+00:00, ours::*=2025-03-01T00:00:00+00:00" in " ".join(text.split())
    for later in ("", "exclude-newer: 2025-10-01\n", "exclude-newer: {default: 2025-06-01, packages: {lib: none}}\n"):
        workspace.project("p", PROJECT + later)
        assert "Nothing to do" in run(workspace, "lock", "--index", index).err
    for earlier in ("exclude-newer: 2025-06-01\n", "exclude-newer: {channels: {ours: 2025-02-01}, packages: {lib: none}}\n"):
        workspace.project("p", PROJECT + earlier)
        assert "it was locked as of 2025-06-01T00:00:00+00:00, lib=2025-10-01" in run(workspace, "lock", "--check", status=1).out


def test_what_is_locked_and_too_new_for_its_own_date_moves_alone(workspace: Workspace, index: Path) -> None:
    locked(workspace, index, "")
    workspace.project("p", PROJECT + "exclude-newer: {packages: {lib: 2025-06-01}}\n")
    done = run(workspace, "lock", "--index", index)
    assert {name: packages(workspace)[name] for name in NEW} == {**NEW, "lib": "1.0"}
    assert "lib 2.0 -> 1.0: it is newer than exclude-newer" in done.out


def test_a_record_without_a_timestamp_counts_only_where_there_is_no_date(workspace: Workspace, index: Path) -> None:
    text = PROJECT.replace("other]", "other, undated]")
    workspace.project("p", text + "exclude-newer: {default: 2025-06-01, packages: {undated: none}}\n")
    run(workspace, "lock", "--index", index)
    assert packages(workspace)["undated"] == "1.0"
    workspace.project("p", text + "exclude-newer: {packages: {undated: 2030-01-01}}\n")
    done = run(workspace, "lock", "--index", index, status=4)
    assert "excluded-by-exclude-newer" in done.err


@pytest.mark.parametrize(("key", "status"), [("2024-01-01", 4), ("{packages: {lib: 2024-01-01}}", 4)])
def test_a_channel_that_has_a_package_too_new_keeps_later_channels_from_serving_it(
    workspace: Workspace, index: Path, key: str, status: int
) -> None:
    """One date and several are read alike."""
    workspace.project("p", PROJECT.replace("[lib, tool, other]", "[lib]") + f"exclude-newer: {key}\n")
    run(workspace, "lock", "--index", index, status=status)


MISTAKES = {
    "{channels: {outs: 2025-06-01}}": "6:28: channels: has no `outs`\n\nhint: did you mean `ours`?",
    "{default: soon}": "6:17: exclude-newer.default: not a date\n\nhint: for example 2026-06-01, or none",
    '{packages: {lib: "2025-13-01"}}': "6:28: exclude-newer.packages.lib: not a date",
    "{packages: {lib >=2: 2025-06-01}}": "6:28: exclude-newer.packages.lib >=2: not the name of a package",
    "{package: {lib: 2025-06-01}}": "6:17: exclude-newer.package: unknown key\n\nhint: did you mean `packages`?",
    "{packages: {lib: none, LIB: 2025-06-01}}": "6:39: `LIB` has a date already",
    "{packages: {libb: 2025-06-01}}": "6:28: no channel of ours, conda-forge has a package `libb`\n\nhint: did you mean `lib`?",
    "[2025-06-01]": "6:1: exclude-newer: not a date",
}


@pytest.mark.parametrize("key", MISTAKES)
def test_mistakes_are_named_with_their_place(workspace: Workspace, index: Path, key: str) -> None:
    workspace.project("p", PROJECT + f"exclude-newer: {key}\n")
    assert f"error: {FILE}:{MISTAKES[key]}" in run(workspace, "lock", "--index", index, status=2).err


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("libb=2025-06-01", "--exclude-newer: no channel of ours, conda-forge has a package `libb`"),
        ("lib=soon", "--exclude-newer: not a date: lib=soon"),
        ("outs::*=none", "--exclude-newer: p: channels: has no `outs`"),
    ],
)
def test_mistakes_in_options_are_named(workspace: Workspace, index: Path, option: str, message: str) -> None:
    workspace.project("p", PROJECT)
    assert message in run(workspace, "lock", "--index", index, "--exclude-newer", option, status=2).err


def test_a_clone_locks_again_without_the_package_that_has_a_date(workspace: Workspace, index: Path) -> None:
    """The recorded index has only what is locked."""
    key = "exclude-newer: {packages: {undated: 2025-06-01, lib: 2025-06-01}}\n"
    locked(workspace, index, key)
    old = workspace.files()
    (workspace.root / "environments/p/cpu/conda-lock.yml").unlink()
    run(workspace, "lock", "--offline")
    assert workspace.files() == old


DAYS = ("", "2025-01-01", "2025-02-01", "2025-03-01")
LIBRARIES = ("a", "b", "c")
rows = st.lists(
    st.tuples(st.sampled_from(LIBRARIES), st.sampled_from(["1.0", "2.0", "3.0"]), st.sampled_from(DAYS)),
    min_size=4,
    max_size=9,
    unique_by=lambda row: row[:2],
)
dates = st.dictionaries(
    st.sampled_from(["", "a", "b", "main::*", "more::*"]), st.sampled_from([None, *map(moment, DAYS[1:])]), max_size=4
).map(ExcludeNewer.of)


def counts(row: tuple[str, str, str], channel: str, dates: ExcludeNewer) -> bool:
    limit = dates.packages.get(row[0], dates.channels.get(channel, dates.default))
    made = moment(row[2])
    return limit is None or (made is not None and made <= limit)


def solved(index: FolderIndex, channels: tuple[str, ...], dates: ExcludeNewer) -> list[str] | None:
    """What is installed of all libraries; None where there is no solution."""
    request = SolveRequest(
        environment="p", platform="linux-64", specs=LIBRARIES, channels=channels, virtual={}, exclude_newer=dates
    )
    (found,) = attempts([request], index, 1)
    return [record.url for record in found.records] if isinstance(found, Solution) else None


@settings(examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(rows, rows, dates)
def test_the_solver_reads_what_counts_as_if_the_channel_had_nothing_else(
    main: list[tuple[str, str, str]], more: list[tuple[str, str, str]], dates: ExcludeNewer
) -> None:
    """A package of which nothing counts stays in the channel: then there is no solution with it, whatever other channels have."""
    with TemporaryDirectory() as name:
        every = {"main": main, "more": more}
        whole = FolderIndex(write(Path(name) / "whole", every), "whole")
        kept = {channel: [row for row in found if counts(row, channel, dates)] for channel, found in every.items()}
        first = {package: next((c for c in every if any(row[0] == package for row in every[c])), "") for package in LIBRARIES}
        blocked = any(channel and not any(row[0] == package for row in kept[channel]) for package, channel in first.items())
        own = {c: [row for row in found if first[row[0]] == c] for c, found in kept.items()}
        expected = None if blocked else solved(FolderIndex(write(Path(name) / "kept", own), "kept"), ("main", "more"), NO_LIMIT)
        assert solved(whole, ("main", "more"), dates) == expected
        alike = ExcludeNewer.of({**dict(dates.dates), "of-no-interest": None})
        assert solved(whole, ("main", "more"), alike) == expected
