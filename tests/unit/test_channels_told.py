"""What is asked of an index, whole: what it offers, what counts, what is kept and why not, and what a solve that fails says."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import pytest
import zstandard
from packaging.version import Version
from rattler import RepoDataRecord, Subdir
from unit.test_ceps import Record, record, repodata

from envgen.channels import alternatives, kept, query
from envgen.channels import live as live_module
from envgen.channels import mirrors as mirrors_module
from envgen.channels.alternatives import AlternativeSpecs
from envgen.channels.certain import Refusals
from envgen.channels.channel import ChannelLocation, locate
from envgen.channels.counted import Counted, build_name, old_enough
from envgen.channels.index import FolderIndex, IndexOptions, open_index
from envgen.channels.recorded import key_of, read_recorded, record_of, recorded_files, recorded_lines, recorded_names
from envgen.channels.relations import ChannelRelations
from envgen.channels.solve import Unsolvable, _one_date, _sources, _together, attempts, solve
from envgen.channels.watch import Unreachable
from envgen.model import packages
from envgen.model.dates import NO_LIMIT, ExcludeNewer
from envgen.model.errors import BadInput, EnvgenError, NoSolution
from envgen.model.layout import Layout
from envgen.model.packages import SolveRequest
from envgen.model.withdrawn import Withdrawn

OLD, NEW, INDEXED = 1_600_000_000_000, 1_750_000_000_000, 1_700_000_000_000  # 2020-09-13, 2025-06-15 and 2023-11-14
MINORS = tuple(map(Version, ("3.9", "3.10", "3.11", "3.12")))
RUNS = {
    "noarch": ("python >=3.10",),
    "one": ("python >=3.11,<3.12.0a0", "python_abi 3.11.* *_cp311"),
    "abi": ("python", "python_abi 3.12 *_cp312"),
    "stable": ("cpython >=3.11", "python_abi >=3.9"),
    "others": ("python-dateutil >=99", "pythonnet 1.0", "cpython-tools <3", "numpy <1"),
}
LINUX: tuple[Record, ...] = (
    record("python", version="3.12.4", subdir="linux-64", timestamp=OLD),
    record("python", version="3.10.9", subdir="linux-64", timestamp=OLD),
    record("python", version="3.13.0", subdir="linux-64", timestamp=NEW),
    record("numpy", "python >=3.10,<3.11.0a0", version="1.26.4", build="py310_0", subdir="linux-64", timestamp=OLD),
    record("numpy", "python >=3.12,<3.13.0a0", version="1.26.4", build="py312_0", subdir="linux-64", timestamp=OLD),
    record("numpy", "python >=3.12,<3.13.0a0", version="2.2.6", build="py312_0", subdir="linux-64", timestamp=NEW),
    record("late", subdir="linux-64", timestamp=NEW, indexed_timestamp=INDEXED),
    record("early", subdir="linux-64", timestamp=OLD, indexed_timestamp=INDEXED),
    record("shared", subdir="linux-64", timestamp=OLD),
)  # fmt: skip
NOARCH: tuple[Record, ...] = (
    *(record(name, *depends, timestamp=OLD) for name, depends in RUNS.items()),
    record("gone", timestamp=OLD),
    record("gone", version="2.0", timestamp=OLD),
    record("user", "numpy >=2", "__glibc >=2.17", timestamp=OLD),
    record("older", "numpy <2", timestamp=OLD),
    record("limits", timestamp=OLD, constrains=["numpy <2"]),
)
VENDOR: tuple[Record, ...] = (record("shared", version="9.0", subdir="linux-64"), record("own", subdir="linux-64"))
WINDOWS: tuple[Record, ...] = (record("onlywin", subdir="win-64"),)
GONE = Withdrawn(channel="c", versions=frozenset({"2.0"}), builds=("*",), platforms=frozenset(), on=date(2026, 1, 1), because="x")
REQUEST = SolveRequest(environment="demo-cpu", platform="linux-64", specs=(), channels=("c",), virtual={"__glibc": "2.28", "__archspec": "1 x86_64"})  # fmt: skip
C = "https://conda.anaconda.org/c"
UNTIL_2024 = ExcludeNewer.of({"": datetime(2024, 1, 1, tzinfo=timezone.utc)})


class Asked(FolderIndex):
    """An index that notes what is asked of it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.asked: list[object] = []

    def fetch(self, names: Iterable[str], channel: ChannelLocation, platform: str) -> None:
        self.asked.append((sorted(names), channel.text, platform))

    def narrowed(self, channels: Any, platform: str, counted: Counted) -> list[Any]:
        self.asked.append((counted.exclude_newer, sorted(counted.versions), sorted(counted.wrong)))
        return super().narrowed(channels, platform, counted)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two channels, one file of which is packed."""
    root = tmp_path_factory.mktemp("index")
    for place, rows in {"c/linux-64": LINUX, "c/win-64": WINDOWS, "v/linux-64": VENDOR}.items():
        (root / place).mkdir(parents=True)
        (root / place / "repodata.json").write_text(json.dumps(repodata(*rows)))
    (root / "c" / "noarch").mkdir()
    (root / "c" / "noarch" / "repodata.json.zst").write_bytes(zstandard.compress(json.dumps(repodata(*NOARCH)).encode()))
    return root


@pytest.fixture(scope="module")
def index(folder: Path) -> FolderIndex:
    return FolderIndex(folder, "index", {"gone": (GONE,)})


def names(rows: Iterable[RepoDataRecord]) -> list[str]:
    return [row.file_name.removesuffix(".conda") for row in rows]


def one(index: FolderIndex, name: str, nth: int = 0) -> RepoDataRecord:
    return index.records(name, locate("c"), "linux-64")[nth]


# --- query ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "pythons"),
    [
        ("noarch", "3.10 3.11 3.12"),
        ("one", "3.11"),
        ("abi", "3.12"),
        ("stable", "3.11 3.12"),
        ("others", "3.9 3.10 3.11 3.12"),
        ("numpy", "3.10 3.12"),
        ("numpy 1.*", "3.10 3.12"),
        ("numpy >=2", "3.12"),
        ("python", "3.10 3.12"),
        ("python <3.12", "3.10"),
        ("shared", "3.9 3.10 3.11 3.12"),
        ("v::shared", "3.9 3.10 3.11 3.12"),
        ("nothing", ""),
        ("w::shared", ""),
    ],
)
def test_the_pythons_that_a_spec_runs_on(index: FolderIndex, spec: str, pythons: str) -> None:
    assert query.available_pythons(index, spec, ("c", "v"), "linux-64", MINORS) == set(map(Version, pythons.split()))


def test_the_pythons_of_what_was_there_at_a_date(index: FolderIndex) -> None:
    assert query.available_pythons(index, "numpy >=2", ("c",), "linux-64", MINORS, UNTIL_2024) == frozenset()
    thirteen = [Version("3.13")]
    assert query.available_pythons(index, "python", ("c",), "linux-64", thirteen) == set(thirteen)
    assert query.available_pythons(index, "python", ("c",), "linux-64", thirteen, UNTIL_2024) == frozenset()


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("shared", "shared-1.0-0"),
        ("shared >1", "shared-9.0-0"),
        ("v::shared", "shared-9.0-0"),
        ("own", "own-1.0-0"),
        ("v::late", ""),
    ],
)
def test_records_come_from_the_channel_that_is_named_or_the_first_that_has_one(index: FolderIndex, spec: str, found: str) -> None:
    assert names(query.matching_records(index, spec, ("c", "v"), "linux-64")) == found.split()


@pytest.mark.parametrize(("spec", "gone"), [("gone 2.*", True), ("gone", False), ("gone 1.*", False), ("gone 3.*", False)])
def test_what_its_channel_withdrew(index: FolderIndex, spec: str, gone: bool) -> None:
    assert query.withdrawn(index, spec, ("c",), "linux-64") is gone


@pytest.mark.parametrize(
    ("spec", "plain"),
    [
        ("numpy", ("numpy", False)),
        ("c::numpy >=2", ("numpy >=2", False)),
        ("numpy[build=py3*]", ("numpy * py3*", False)),
        ("numpy 1.2.* py_0", ("numpy 1.2.* py_0", False)),
        ('extra[when="__unix"]', ("extra", True)),
    ],
)
def test_a_spec_as_older_tools_read_it(spec: str, plain: tuple[str, bool]) -> None:
    assert query.plain_spec(spec) == plain


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("numpy >=2,,", 'not a conda spec: `numpy >=2,,`: unable to parse version spec: >=2,,\n\nhint: write, for example, numpy, "pandas >=2" or conda-forge::numpy'),
        ("a[when=b]", "`when` in `a[when=b]`: environment.yml is also read by tools that do not know it\n\nhint: request version and build alone, and list the packages that an extra would bring"),
    ],
)  # fmt: skip
def test_a_dependency_that_not_all_tools_read_is_bad_input(spec: str, message: str) -> None:
    with pytest.raises(BadInput) as raised:
        query.check_own(spec)
    assert str(raised.value) == message


def test_packages_that_no_channel_has(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = Asked(folder, "index")
    asked = ["numpy", "nunpy", "onlywin", "onlywim"]
    found = query.unknown_packages(index, asked, ("c", "v"), ("linux-64", "win-64"))
    assert found.keys() == {"nunpy", "onlywim"}
    assert found["nunpy"] == "did you mean `numpy`?"
    assert found["onlywim"] == "check the spelling, or list a channel that has it under `channels:`"
    assert index.asked == [(sorted(asked), channel, platform) for channel in ("c", "v") for platform in ("linux-64", "win-64")]
    monkeypatch.setattr(FolderIndex, "names", lambda *_: ())
    assert query.unknown_packages(index, ["nunpy"], ("c",), ("linux-64",)) == {
        "nunpy": "check the spelling, or list a channel that has it under `channels:`"
    }
    assert query.unknown_packages(index, ["numpy"], ("c",), ("linux-64",)) == {}


# --- index ----------------------------------------------------------------------------------------------------------------


def test_a_folder_gives_what_it_holds_for_a_platform(index: FolderIndex, folder: Path) -> None:
    everywhere = {row["name"] for row in NOARCH}
    assert set(index.names(locate("c"), "linux-64")) == {row["name"] for row in LINUX} | everywhere
    assert set(index.names(locate("c"), "osx-64")) == everywhere
    assert names(index.records("gone", locate("c"), "osx-64")) == ["gone-1.0-0"]
    assert names(index.records("own", locate("v"), "osx-64")) == []
    assert names(index.withheld("gone", locate("c"), "osx-64")) == ["gone-2.0-0"]
    assert index.withheld("numpy", locate("c"), "osx-64") == ()
    assert names(FolderIndex(folder, "all").records("gone", locate("c"), "osx-64")) == ["gone-1.0-0", "gone-2.0-0"]
    assert index.shown == "index"
    assert FolderIndex(folder, "folder", recorded=True).shown == "the recorded index (folder)"


def test_the_solver_reads_files_or_where_builds_were_withdrawn_records(index: FolderIndex, folder: Path) -> None:
    assert [type(row).__name__ for row in index.sources([locate("c"), locate("v")], "linux-64")] == ["_Offered", "SparseRepoData"]
    whole = FolderIndex(folder, "all").sources([locate("c"), locate("v")], "linux-64")
    assert [type(row).__name__ for row in whole] == ["SparseRepoData"] * 3
    (offered,) = index.narrowed([locate("c")], "linux-64", Counted(wrong=frozenset({"numpy 2.2.6 py312_0"})))
    rows = [asyncio.run(offered.fetch_package_records(Subdir("linux-64"), one(index, "numpy").name)) for _ in range(2)]
    assert rows[0] is rows[1]
    assert names(rows[0]) == ["numpy-1.26.4-py310_0", "numpy-1.26.4-py312_0"]
    assert sorted(offered.package_names(Subdir("win-64"))) == ["onlywin"]


def test_a_folder_without_a_channel_or_without_repodata(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as nothing:
        FolderIndex(tmp_path, "empty")
    hint = "it must hold <channel>/<subdir>/repodata.json or repodata.json.zst"
    assert str(nothing.value) == f"empty: no repodata in this index folder\n\nhint: {hint}"
    with pytest.raises(NoSolution) as absent:
        FolderIndex(folder, "index").records("a", locate("w"), "linux-64")
    assert str(absent.value) == "channel `w` is not in index\n\nhint: known here: c, v"
    assert FolderIndex(folder, "index", recorded=True).records("a", locate("w"), "linux-64") == []
    path = tmp_path / "c" / "linux-64" / "repodata.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(BadInput, match="^index/c/linux-64: not repodata: EOF .*\n\nhint: download it again$"):
        FolderIndex(tmp_path, "index").records("a", locate("c"), "linux-64")


class Live:
    """Live channels that answer, or cannot be reached."""

    error: EnvgenError | None = None
    asked: list[object] = []

    def __init__(self, channels: Iterable[ChannelLocation], *_: object) -> None:
        self.asked.append([channel.text for channel in channels])

    def records(self, name: str, channel: ChannelLocation, platform: str) -> list[object]:
        self.asked.append((name, channel.text, platform))
        if self.error:
            raise self.error
        return []

    def relations(self, channel: ChannelLocation, _: str) -> list[ChannelRelations]:
        return [ChannelRelations(base="../base")] if channel.text == "c" else []


@pytest.fixture
def layout(tmp_path: Path, folder: Path) -> Layout:
    """A repository whose recorded index is the folder."""
    shutil.copytree(folder, tmp_path / "environments" / "index")
    return Layout(tmp_path)


@pytest.mark.parametrize("hint", ["", "set a proxy"])
def test_which_index_is_opened(layout: Layout, folder: Path, monkeypatch: pytest.MonkeyPatch, hint: str) -> None:
    said: list[str] = []
    monkeypatch.setattr(live_module, "LiveIndex", Live)
    monkeypatch.setattr(mirrors_module, "notes", lambda places: [f"{place.text} is elsewhere" for place in places[1:]])
    monkeypatch.setattr(Live, "asked", asked := [])

    def opened(**wanted: Any) -> tuple[Any, str]:
        return cast(
            "tuple[Any, str]", open_index(IndexOptions(**wanted), layout, ("c", "v"), "linux-64", {"gone": (GONE,)}, said.append)
        )

    found, warning = opened(folder=folder)
    assert (found.shown, warning, found.recorded) == (str(folder), "", False)
    assert names(found.records("gone", locate("c"), "linux-64")) == ["gone-1.0-0"]
    found, warning = opened(offline=True)
    assert (found.shown, warning) == ("the recorded index (environments/index)", "")
    assert len(found.records("gone", locate("c"), "linux-64")) == 2
    assert (asked, said) == ([], [])
    found, warning = opened()
    assert (type(found), warning) == (Live, "")
    assert asked == [["c", "v"], ("python", "c", "linux-64"), ("python", "v", "linux-64")]
    assert said.pop(0) == "v is elsewhere"
    assert said == ["channel c declares base as its base: if you want packages from there, list it before c in channels:"]
    monkeypatch.setattr(Live, "error", Unreachable("h is silent\nfor long", hint=hint))
    found, warning = opened()
    assert found.shown == "the recorded index (environments/index)"
    assert warning == "h is silent\nSolving from environments/index instead: the records of the committed locks, nothing newer."
    for wanted in ({"fallback": False}, {}):
        monkeypatch.setattr(Live, "error", Unreachable("h is silent", hint=hint))
        if not wanted:
            shutil.rmtree(layout.index)
        with pytest.raises(Unreachable) as raised:
            opened(**wanted)
        assert raised.value.hint == "give --index DIR, or run where the channel can be reached" + (f"; {hint}" if hint else "")


# --- counted --------------------------------------------------------------------------------------------------------------


def until(text: str, **more: str) -> ExcludeNewer:
    dates = {"": text, **more}
    return ExcludeNewer.of({key: datetime.fromisoformat(f"{one}T00:00:00+00:00") if one else None for key, one in dates.items()})


@pytest.mark.parametrize(
    ("name", "dates", "counts"),
    [
        ("numpy", NO_LIMIT, "1.26.4 1.26.4 2.2.6"),
        ("numpy", until("2024-01-01"), "1.26.4 1.26.4"),
        ("numpy", until("2024-01-01", numpy=""), "1.26.4 1.26.4 2.2.6"),
        ("numpy", until("2026-01-01", numpy="2024-01-01"), "1.26.4 1.26.4"),
        ("numpy", until("2026-01-01", other="2024-01-01"), "1.26.4 1.26.4 2.2.6"),
        ("numpy", until("2026-01-01", **{"c::*": "2024-01-01"}), "1.26.4 1.26.4"),
        ("numpy", until("2026-01-01", **{"v::*": "2024-01-01"}), "1.26.4 1.26.4 2.2.6"),
        ("numpy", until("2024-01-01", **{"c::*": "2019-01-01"}, numpy="2026-01-01"), "1.26.4 1.26.4 2.2.6"),
        ("late", until("2024-01-01"), "1.0"),  # built later than it was indexed
        ("early", until("2023-01-01"), "excluded-by-exclude-newer"),
        ("late", until("2023-01-01"), "excluded-by-exclude-newer"),
    ],
)
def test_what_counts_up_to_a_date(index: FolderIndex, name: str, dates: ExcludeNewer, counts: str) -> None:
    rows = index.records(name, locate("c"), "linux-64")
    found = Counted(exclude_newer=dates).among(rows)
    assert [row.depends[0] if row.depends[:1] == [counts] else str(row.version) for row in found] == counts.split()
    versions = [str(row.version) for row in rows if old_enough(row, dates) is True]
    assert versions == ([] if counts.startswith("excluded") else counts.split())
    assert {type(old_enough(row, dates)) for row in rows} == {bool}


def test_wrong_builds_and_other_versions_do_not_count(index: FolderIndex) -> None:
    rows = index.records("numpy", locate("c"), "linux-64")
    every = frozenset(map(build_name, rows))
    assert every == {"numpy 1.26.4 py310_0", "numpy 1.26.4 py312_0", "numpy 2.2.6 py312_0"}
    assert Counted(wrong=every).among([]) == []
    (none,) = Counted(wrong=every).among(rows)
    assert (build_name(none), none.depends, none.url) == (build_name(rows[0]), ["refused-by-envgen-verify"], rows[0].url)
    (none,) = Counted(wrong=every, exclude_newer=until("2019-01-01")).among(rows)
    assert (none.depends, none.timestamp) == (["excluded-by-exclude-newer"], rows[0].timestamp)
    assert names(Counted(wrong=frozenset({"numpy 1.26.4 py310_0"})).among(rows)) == ["numpy-1.26.4-py312_0", "numpy-2.2.6-py312_0"]
    assert names(Counted(versions={"numpy": frozenset({"2.2.6"})}).among(rows)) == ["numpy-2.2.6-py312_0"]
    assert names(Counted(versions={"numpy": frozenset({"9"})}).among(rows)) == ["numpy-1.26.4-py310_0"]
    assert names(Counted(versions={"other": frozenset({"9"})}).among(rows)) == names(rows)


# --- kept -----------------------------------------------------------------------------------------------------------------

OF_1264, OF_226 = f"{C}/linux-64/numpy-1.26.4-py312_0.conda", f"{C}/linux-64/numpy-2.2.6-py312_0.conda"


@pytest.mark.parametrize(
    ("now", "then", "specs", "first"),
    [
        ("v c", "c v", (), "v"),
        ("v c", "c", (), "v"),
        ("v c", "v c", (), ""),
        ("c v", "c", (), ""),
        ("c v", "v c", (), ""),
        ("v c", "", (), ""),  # the lock does not say
        ("v c", "v", (), ""),  # nor does it name the channel of the package
        ("v c", "c v", ("c::shared",), ""),
        ("v c", "c v", ("c::own", "shared"), "v"),
    ],
)
def test_a_locked_package_gives_way_to_a_channel_that_comes_first_now(
    folder: Path, now: str, then: str, specs: tuple[str, ...], first: str
) -> None:
    """Where that channel has it: `user` stays."""
    index = Asked(folder, "index", {})
    shared, user = f"{C}/linux-64/shared-1.0-0.conda", f"{C}/noarch/user-1.0-0.conda"
    request = replace(REQUEST, kept=(shared, user), channels=tuple(now.split()), kept_from=tuple(then.split()), specs=specs)
    assert (kept.first_now(index, request, shared), kept.first_now(index, request, user)) == (first, "")
    assert sorted(kept.kept_records(index, request)) == (["user"] if first else ["shared", "user"])


def test_nothing_is_kept_of_a_channel_that_is_gone(folder: Path) -> None:
    shared = f"{C}/linux-64/shared-1.0-0.conda"
    request = replace(REQUEST, kept=(shared,), channels=("v",), kept_from=("c", "v"))
    index = Asked(folder, "index", {})
    assert (kept.first_now(index, request, shared), kept.kept_records(index, request)) == ("", {})


def test_the_records_of_a_lock_that_are_still_offered(folder: Path) -> None:
    index = Asked(folder, "index", {"gone": (GONE,)})
    urls = (OF_226, f"{C}/noarch/user-1.0-0.conda", f"{C}/noarch/late-1.0-0.conda", f"{C}/noarch/gone-2.0-0.conda", "https://h/d/noarch/noarch-1.0-0.conda", f"{C}/linux-64/early-1.0-1.conda")  # fmt: skip
    request = replace(REQUEST, kept=urls)
    found = kept.kept_records(index, request)
    assert {name: row.file_name for name, row in found.items()} == {
        "numpy": "numpy-2.2.6-py312_0.conda",
        "user": "user-1.0-0.conda",
    }
    assert index.asked == [(["early", "gone", "late", "numpy", "user"], "c", "linux-64")]
    assert list(kept.kept_records(index, replace(request, exclude_newer=UNTIL_2024))) == ["user"]
    assert list(kept.kept_records(index, replace(request, wrong=frozenset({"numpy 2.2.6 py312_0"})))) == ["user"]
    assert list(kept.kept_records(index, replace(request, wrong=frozenset({"numpy 2.2.6 py310_0"})))) == ["numpy", "user"]
    assert kept.exactly(OF_226) == "numpy ==2.2.6 py312_0"


@pytest.mark.parametrize(
    ("name", "changes", "excluded"),
    [
        ("user", {}, False),
        ("user", {"specs": ("user", "numpy >=2")}, False),
        ("user", {"specs": ("user >=2",)}, True),
        ("user", {"constraints": ("user >=2",)}, True),
        ("user", {"constraints": ("numpy <2",)}, False),
        ("user", {"specs": ("numpy <2",)}, True),
        ("user", {"specs": ("numpy", "numpy 1.*")}, True),
        ("user", {"specs": ("numpy", "numpy 2.*")}, False),
    ],
)
def test_what_certainly_excludes_a_package(index: FolderIndex, name: str, changes: Mapping[str, Any], excluded: bool) -> None:
    assert kept.is_excluded(one(index, name), replace(REQUEST, **changes), {}, index) is excluded


def test_what_stays_may_exclude_a_package(index: FolderIndex) -> None:
    user, old, new = one(index, "user"), one(index, "numpy"), one(index, "numpy", 2)
    assert kept.is_excluded(user, REQUEST, {"numpy": old}, index) is True
    assert kept.is_excluded(user, replace(REQUEST, specs=("numpy <2",)), {"numpy": new}, index) is False


def solution(*rows: Record) -> list[packages.Record]:
    return [record_of(f"{C}/{row['subdir']}/{row['name']}-{row['version']}-{row['build']}.conda", row) for row in rows]


@pytest.mark.parametrize(
    ("changes", "rows", "chosen", "why"),
    [
        ({"specs": ("c::numpy <2",)}, (), (), "`numpy <2` is requested"),
        ({"specs": ("c::numpy <2",)}, (), ("c::numpy <2",), "`numpy <2` is chosen"),
        ({"specs": ("numpy * py310_0",)}, (), (), "`numpy * py310_0` is requested"),
        ({"specs": ("numpy * py312_0", "numpy 2.2.6", "numpy-extra <2")}, (), (), "there is no solution with it"),
        ({"constraints": ("numpy <2",)}, (), (), "only numpy <2 is allowed"),
        ({}, (record("older", "numpy <2", "numpy-extra <2"),), (), "older 1.0 needs numpy <2"),
        ({}, (record("limits", constrains=["numpy   <2"]),), (), "limits 1.0 allows only numpy <2"),
        ({}, (record("limits", constrains=None), record("free", "numpy")), (), "there is no solution with it"),
        ({}, (record("python", version="3.13.0"),), (), "numpy 2.2.6 needs python >=3.12,<3.13.0a0"),
        ({}, (record("python", version="3.12.1"), record("other", "numpy")), (), "there is no solution with it"),
    ],
)
def test_why_a_package_is_not_kept(changes: Mapping[str, Any], rows: Iterable[Record], chosen: tuple[str, ...], why: str) -> None:
    assert kept.because(OF_226, ("python >=3.12,<3.13.0a0",), replace(REQUEST, **changes), solution(*rows), chosen) == why


@pytest.mark.parametrize(
    ("versions", "changes", "python", "why"),
    [
        (("9", "10"), {"specs": ("numpy <2",)}, "", "no numpy 10 or 9 for linux-64"),
        (("2.2.6",), {"specs": ("numpy-x", "numpy", "numpy <2")}, "", "`numpy <2` is requested"),
        (("2.2.6",), {"specs": ("numpy >=1",)}, "3.10.9", "no numpy 2.2.6 for linux-64"),
        (("2.2.6",), {"exclude_newer": UNTIL_2024}, "", "no numpy 2.2.6 for linux-64"),
        (("2.2.6", "1.26.4"), {"constraints": ("numpy <2",)}, "3.12.4", "only numpy <2 is allowed"),
        (("1.26.4",), {"constraints": ("numpy * py310_0",)}, "3.12.4", "only numpy * py310_0 is allowed"),
    ],
)
def test_why_a_solution_has_other_versions(index: FolderIndex, versions: Iterable[str], changes: Mapping[str, Any], python: str, why: str) -> None:  # fmt: skip
    rows = solution(record("python", version=python)) if python else []
    assert kept.because_not_version(index, replace(REQUEST, **changes), "numpy", frozenset(versions), rows) == why


def test_the_versions_that_are_offered(index: FolderIndex) -> None:
    request = REQUEST
    assert kept.offered_versions(index, request, "numpy", "") == {"1.26.4", "2.2.6"}
    assert kept.offered_versions(index, request, "numpy", "3.10.9") == {"1.26.4"}
    assert kept.offered_versions(index, replace(request, specs=("numpy <2", "numpy-x")), "numpy", "3.12.4") == {"1.26.4"}
    assert kept.offered_versions(index, request, "python", "3.10.9") == {"3.10.9", "3.12.4", "3.13.0"}


# --- recorded -------------------------------------------------------------------------------------------------------------


def test_the_text_of_a_recorded_index(tmp_path: Path) -> None:
    plain = {"name": "a", "version": "1", "build": "0", "depends": ["ü"], "fn": "x", "url": "x", "channel": "x"}
    records = {
        "c/noarch/a-1-0.conda": plain,
        "c/noarch/A-1-0.tar.bz2": {**plain, "depends": None},
        "c/noarch/b-1-0.conda": {**plain, "constrains": ['b[when="c"]']},
        "c/noarch/d-1-0.conda": {**plain, "flags": ["f"]},
        "c/noarch/e-1-0.conda": {**plain, "extra_depends": {"x": ["y"]}},
        "v/linux-64/a-1-0.conda": plain,
    }
    files = recorded_files(records, ["c/win-64"])
    assert list(files) == ["c/noarch/repodata.json", "c/win-64/repodata.json", "v/linux-64/repodata.json"]
    line = '"build": "0", "depends": ["ü"]'
    end = '"name": "a", "version": "1"}'
    assert files["v/linux-64/repodata.json"] == (
        '{\n"info": {"subdir": "linux-64"},\n"packages": {},\n"packages.conda": {\n"a-1-0.conda": {' + f"{line}, {end}"
        '\n},\n"repodata_version": 1\n}\n'
    )
    assert files["c/win-64/repodata.json"] == (
        '{\n"info": {"subdir": "win-64"},\n"packages": {},\n"packages.conda": {},\n"repodata_version": 1\n}\n'
    )
    assert files["c/noarch/repodata.json"] == (
        '{\n"info": {"subdir": "noarch"},\n"packages": {\n"A-1-0.tar.bz2": {"build": "0", "depends": null, '
        f'{end}\n}},\n"packages.conda": {{\n"a-1-0.conda": {{{line}, {end}\n}},\n"v3": {{\n"tar.bz2": {{}},\n"conda": {{\n'
        f'"b-1-0": {{"build": "0", "constrains": ["b[when=\\"c\\"]"], "depends": ["ü"], {end},\n'
        f'"d-1-0": {{{line}, "flags": ["f"], {end},\n'
        f'"e-1-0": {{{line}, "extra_depends": {{"x": ["y"]}}, {end}\n}}\n}},\n"repodata_version": 1\n}}\n'
    )
    del records["c/noarch/A-1-0.tar.bz2"]  # a record without `depends:` is written without it
    for name, text in recorded_files(records, ["c/win-64"]).items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert recorded_names(tmp_path) == set(records)
    assert recorded_lines(tmp_path)["v/linux-64/a-1-0.conda"] == f'"a-1-0.conda": {{{line}, {end}'
    assert recorded_lines(tmp_path)["c/noarch/a-1-0.conda"] == f"{{{line}, {end}"
    assert read_recorded(tmp_path, "index").keys() == set(records)
    assert read_recorded(tmp_path, "index", ["v/linux-64", "w/noarch"]).keys() == {"v/linux-64/a-1-0.conda"}


def test_lines_of_an_index_that_is_not_utf_8_are_found(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "repodata.json").write_bytes(
        b'{"packages.conda": {\n"a-1-0.conda": {"license": "\xff"},\n"b-1-0.conda": {"size": 1}\n}}\n'
    )
    assert recorded_lines(tmp_path) == {
        "c/a-1-0.conda": '"a-1-0.conda": {"license": "\ufffd"}',
        "c/b-1-0.conda": '"b-1-0.conda": {"size": 1}',
    }


GOOD = {"name": "a", "version": "1", "build": "0"}


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (3, "expected a mapping of records"),
        ({"packages": []}, "expected a mapping of records"),
        ({"v3": []}, "expected a mapping of records"),
        ({"v3": {"conda": 3}}, "expected a mapping of records"),
        ({"packages": {"a.conda": []}}, "not a record of a package: 'a.conda'"),
        *(
            ({"packages.conda": {"a.conda": {**GOOD, **changes}}}, "not a record of a package: 'a.conda'")
            for changes in (
                {"name": 1},
                {"version": 1},
                {"build": None},
                {"md5": 1},
                {"sha256": 1},
                {"depends": "b"},
                {"depends": [1]},
                {"depends": {}},
                {"size": "1"},
            )
        ),
    ],
)
def test_what_is_not_repodata_says_why(tmp_path: Path, data: object, what: str) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "repodata.json").write_text(json.dumps(data))
    with pytest.raises(BadInput) as raised:
        read_recorded(tmp_path, "shown")
    assert str(raised.value) == f"shown/c/repodata.json: not repodata: {what}\n\nhint: restore it from git, or delete it and run `envgen lock --update`"  # fmt: skip


def test_the_key_of_a_package_and_its_record() -> None:
    assert key_of(OF_226) == "c/linux-64/numpy-2.2.6-py312_0.conda"
    assert key_of("https://h:80/d/noarch/a.conda") == "h_80/d/noarch/a.conda"
    for url in ("x", "https://a.conda", "https://h/a.conda", "https://h/c//a.conda", "https://h/c/noarch/"):
        with pytest.raises(BadInput) as raised:
            key_of(url)
        assert str(raised.value) == f"not the URL of a conda package: {url}\n\nhint: run `envgen lock --update`"
    source = {"name": "numpy", "version": "2.2.6", "build": "py312_0", "depends": ["a"], "size": 3, "md5": "m", "sha256": "s"}
    assert record_of(OF_226, source) == packages.Record(
        name="numpy", version="2.2.6", build="py312_0", channel=C, subdir="linux-64", file="numpy-2.2.6-py312_0.conda", url=OF_226,
        md5="m", sha256="s", size=3, depends=("a",), source=source,
    )  # fmt: skip
    bare = record_of(OF_226, GOOD)
    assert (bare.depends, bare.md5, bare.sha256, bare.size) == ((), None, None, None)


# --- solve ----------------------------------------------------------------------------------------------------------------


def test_a_solution_has_whole_records_each_once(index: FolderIndex) -> None:
    done: list[str] = []
    requests = [replace(REQUEST, environment=name, specs=("user",), exclude_newer=until("2026-01-01")) for name in ("one", "two")]
    first, second = solve(requests, index, 2, lambda request: done.append(request.environment))
    assert [row.url for row in first.records] == [OF_226, f"{C}/linux-64/python-3.12.4-0.conda", f"{C}/noarch/user-1.0-0.conda"]
    assert first.platform == "linux-64"
    assert all(ours is theirs for ours, theirs in zip(first.records, second.records, strict=True))
    user = first.records[2]
    assert (user.channel, user.md5, user.sha256, user.size) == (C, "2" * 32, "1" * 64, 1)
    assert user.depends == ("numpy >=2", "__glibc >=2.17")
    assert user.source["name"] == "user"
    assert sorted(done) == ["one", "two"]
    (older,) = solve([replace(REQUEST, specs=("numpy",), kept=(OF_1264,))], index, 1)
    assert older.records[0].url == OF_1264


def failure(index: FolderIndex, *requests: SolveRequest) -> EnvgenError:
    with pytest.raises(EnvgenError) as raised:
        solve(requests, index, 1)
    return raised.value


def test_what_a_request_without_a_solution_says(index: FolderIndex) -> None:
    bad = replace(REQUEST, specs=("gone 2.*", "gone >=2", "user"))
    error = failure(index, bad)
    assert isinstance(error, Unsolvable)
    assert error.requests == (bad,)
    assert error.what == (
        f"demo-cpu on linux-64: no solution in index\n{error.explanation}\n\n"
        "requested:\n  - gone 2.*\n  - gone >=2\n  - user\nwith __archspec=1=x86_64, __glibc=2.28\n\n"
        "its channel withdrew every build that fits: gone 2.*, gone >=2"
    )
    assert error.hint == "loosen a dependency, or try another index: index may not hold every published package"
    assert "gone" in error.explanation
    older = replace(REQUEST, environment="other", specs=("user", "numpy <2"))
    both = failure(index, bad, replace(REQUEST, specs=("user",)), older)
    single = failure(index, older)
    assert isinstance(both, Unsolvable)
    assert isinstance(single, Unsolvable)
    assert "withdrew" not in single.what
    assert (both.what, both.hint) == (f"{error.what}\n\n{single.what}", error.hint)
    assert both.explanation == f"{error.explanation}\n\n{single.explanation}"
    assert both.requests == (bad, older)


def test_a_spec_that_cannot_be_read_comes_before_what_has_no_solution(index: FolderIndex) -> None:
    error = failure(index, replace(REQUEST, specs=("gone 2.*",)), replace(REQUEST, specs=("a >=2,,",)))
    assert isinstance(error, BadInput)
    assert error.what.startswith("demo-cpu: not a conda spec: ")
    assert error.hint == "see the project's dependencies"
    silent, unsolvable = NoSolution("silent"), Unsolvable("u", explanation="e", requests=(), hint="h")
    assert _together([unsolvable, silent]) is silent
    assert _together([unsolvable, silent, error]) is error


@pytest.mark.parametrize(
    ("dates", "date"),
    [
        (NO_LIMIT, None),
        (until("2024-01-01", numpy="2023-01-01"), None),
        (ExcludeNewer.of({"": datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))}), "2023-12-31T23:00:00+00:00"),
    ],
)
def test_rattler_is_given_one_date_in_utc(dates: ExcludeNewer, date: str | None) -> None:
    found = _one_date(dates)
    assert (found and found.isoformat()) == date


def test_the_solver_reads_no_more_than_counts(folder: Path) -> None:
    index = Asked(folder, "index")
    fixed = tuple(f"p{number} ==1|==2" for number in range(11))
    for changes in ({}, {"constraints": fixed[:10]}, {"exclude_newer": UNTIL_2024}):
        assert len(_sources(index, replace(REQUEST, **cast("Any", changes)), [locate("c")])) == 2
    assert index.asked == []
    dates = until("2024-01-01", numpy="2023-01-01")
    for changes in ({"constraints": ("p11 ==3 py_0", "q >=1", *fixed)}, {"exclude_newer": dates}, {"wrong": frozenset({"a 1 0"})}):
        assert len(_sources(index, replace(REQUEST, **cast("Any", changes)), [locate("c")])) == 1
    assert index.asked == [(NO_LIMIT, sorted(f"p{number}" for number in range(12)), []), (dates, [], []), (NO_LIMIT, [], ["a 1 0"])]


# --- alternatives ---------------------------------------------------------------------------------------------------------


def alternatives_of(*texts: str) -> list[AlternativeSpecs]:
    """Each text has the specs of an alternative, and after a bar its constraints."""
    parts = [text.partition("|") for text in texts]
    return [AlternativeSpecs(*(tuple(filter(None, part.split(", "))) for part in (specs, limits))) for specs, _, limits in parts]


@pytest.mark.parametrize(
    ("texts", "place"),
    [
        (("numpy >=3", "numpy 2.*", "numpy 1.*"), 1),
        (("numpy 2.*|python <3.12", "numpy 1.*|python <3.12"), 1),
        (("user", "numpy"), 0),
        (("nothing", "numpy >=3"), None),
        (("v::shared 1.*", "v::shared 8.*", "v::own, numpy 9.*", "numpy 1.*", "v::shared 9.*"), 3),
        (("shared >8", "numpy"), 0),  # the second channel has it, and it would not be asked for what is depended on
        ((), None),
    ],
)
def test_the_first_alternative_that_has_a_solution(index: FolderIndex, texts: tuple[str, ...], place: int | None) -> None:
    request = replace(REQUEST, channels=("c", "v"))
    assert alternatives.first_solvable(request, alternatives_of(*texts), index) == place


def test_what_alternatives_of_several_channels_request_themselves(index: FolderIndex) -> None:
    some = alternatives_of("shared >8, numpy 2.*", "shared >8, numpy 1.*", "v::own 1.*, numpy", "late|numpy <2")
    runs = [(asked, [one.specs for one in run]) for asked, run in alternatives._runs(replace(REQUEST, channels=("c", "v")), some, index)]  # fmt: skip
    assert runs == [
        (("shared >8",), [("shared >8", "numpy 2.*"), ("shared >8", "numpy 1.*")]),
        (("v::own",), [("own 1.*", "numpy")]),
        ((), [("late",)]),
    ]


def test_many_alternatives_are_not_tried_where_the_request_has_no_solution(
    index: FolderIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    first = alternatives._first
    monkeypatch.setattr(alternatives, "MANY", 2)
    monkeypatch.setattr(alternatives, "attempts", lambda requests, *_: asked.append("all") or attempts(requests, index, 1))
    monkeypatch.setattr(alternatives, "_first", lambda *words: asked.append("one") or first(*words))
    bad, two, three = (
        replace(REQUEST, specs=("gone 2.*",)),
        alternatives_of("numpy", "late"),
        alternatives_of("nothing", "late", "numpy"),
    )
    assert alternatives.first_solvable(bad, three, index) is None
    assert asked == ["all"]
    assert alternatives.first_solvable(REQUEST, three, index) == 1
    assert asked == ["all", "all", "one"]
    assert alternatives.first_solvable(REQUEST, two, index) == 0
    assert asked == ["all", "all", "one", "one"]


def test_the_made_up_package_of_alternatives() -> None:
    made = alternatives.MadeUp(alternatives_of("numpy 2.*|python <3.12", "late"))
    assert [made.package_names(Subdir(name)) for name in ("noarch", "linux-64")] == [["envgen-alternative"], []]
    name = made._records[0].name
    assert asyncio.run(made.fetch_package_records(Subdir("linux-64"), name)) == []
    rows = asyncio.run(made.fetch_package_records(Subdir("noarch"), name))
    assert [(str(row.version), row.depends, row.constrains) for row in rows] == [("2", ["numpy 2.*"], ["python <3.12"]), ("1", ["late"], [])]  # fmt: skip
    assert rows[0].url == "https://envgen.invalid/noarch/envgen-alternative-2-0.conda"
    assert (rows[0].file_name, rows[0].subdir, rows[0].channel) == (
        "envgen-alternative-2-0.conda",
        "noarch",
        "https://envgen.invalid/",
    )


# --- certain --------------------------------------------------------------------------------------------------------------

CHAIN: tuple[Record, ...] = (
    *(record("top", f"mid {major}.*", "__glibc", version=f"{major}.0") for major in (1, 2)),
    *(record("mid", f"low {major}.*", version=f"{major}.0") for major in (1, 2)),
    *(record("low", version=f"{major}.0") for major in (1, 2)),
    record("careful", constrains=["mid <2"]),
    record("sometimes", 'low[version="<2",when="__unix"]'),
    record("aside", version="1.0"),
    record("aside", "mid", "absent", version="2.0"),
)  # fmt: skip


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    root = tmp_path_factory.mktemp("chain")
    (root / "c" / "noarch").mkdir(parents=True)
    (root / "c" / "noarch" / "repodata.json").write_text(json.dumps(repodata(*CHAIN)))
    return Asked(root, "chain")


@pytest.mark.parametrize(
    ("specs", "limits", "fixed", "wanted", "refused"),
    [
        ("top", "", {}, {"top": ["2.0"], "mid": ["2.0"], "low": ["1.0", "2.0"]}, ""),
        ("top", "low <2", {}, {"top": ["2.0"], "mid": ["2.0"], "low": ["2.0"]}, "low mid top"),
        ("top", "low <2", {}, {"top": ["1.0"], "mid": ["1.0", "2.0"], "low": ["1.0"]}, ""),
        ("top <2", "", {}, {"top": ["2.0"], "mid": ["2.0"], "low": ["2.0"]}, "low mid top"),
        ("top", "", {"mid": ["2.0"]}, {"top": ["1.0"], "low": ["1.0"], "mid": ["2.0"]}, "low top"),
        ("top, careful", "", {"mid": ["2.0"]}, {"careful": ["1.0"], "mid": ["2.0"]}, "careful"),
        ("low, sometimes", "", {}, {"low": ["2.0"]}, ""),
        ("low", "", {}, {"mid": ["9.0"], "top": ["9.0"], "low": ["9.0"]}, "low"),
        ("top >=3", "", {}, {"top": ["1.0", "2.0"], "mid": ["9.0"]}, "top"),
        ("aside", "", {}, {"mid": ["9.0"], "aside": ["2.0"]}, ""),
    ],
)
def test_what_certainly_has_no_solution(
    chain: Asked, specs: str, limits: str, fixed: Mapping[str, list[str]], wanted: Mapping[str, list[str]], refused: str
) -> None:
    request = replace(REQUEST, specs=tuple(specs.split(", ")), constraints=tuple(filter(None, [limits])))
    there = {row["name"] for row in CHAIN}
    versions = [{name: frozenset(some) for name, some in row.items()} for row in (fixed, wanted)]
    chain.asked.clear()
    assert sorted(Refusals(chain).refused(request, there, *versions)) == refused.split()
    assert chain.asked == [(sorted(there), "c", "linux-64")]
