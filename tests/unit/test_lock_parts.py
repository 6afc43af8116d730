"""Parts of a lock's making, each alone: changes, wrong builds, records, pins, and what is verified before anything is written."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from packaging.version import Version
from unit.made_up import CHANNEL, MadeUpIndex, Row, write_channel
from unit.small import project_of, real_matrix, refused, small_matrix
from unit.test_lock_whole import Log
from unit.test_plan import Notes

from envgen.channels.recorded import read_recorded
from envgen.formats.conda_lock import read_stamp
from envgen.lock import assemble, condalock, pin
from envgen.lock.changes import changes_of
from envgen.lock.find_records import found_again
from envgen.lock.inputs import pip_digest
from envgen.lock.keep_records import add_records, compared, named_by_none, tidy_records
from envgen.lock.kept import Kept
from envgen.lock.lock_text import wheel_needs
from envgen.lock.locked_cells import LockedCell, LockedCells
from envgen.lock.pip_pins import old_wheels, wheels_of
from envgen.lock.plan import resolved_for_other
from envgen.lock.template_text import text_of_template
from envgen.lock.wrong import WrongBuilds, finding_line
from envgen.model.catalogue import Catalogue
from envgen.model.changes import CellChanges, Placed
from envgen.model.errors import BadInput, CheckFailed, NoSolution
from envgen.model.findings import Finding
from envgen.model.layout import LOCK, SPEC, Layout
from envgen.model.packages import LockedPackage, Record, Solution, SolveRequest
from envgen.model.resolution import RenderedFile, Resolution
from envgen.model.run import Solved
from envgen.resolver.pip_specs import pip_requests
from envgen.resolver.resolve import resolve

BASE = f"https://conda.anaconda.org/{CHANNEL}"


def url(name: str, version: str, build: str = "0", subdir: str = "noarch") -> str:
    return f"{BASE}/{subdir}/{name}-{version}-{build}.conda"


def record(name: str, version: str, build: str = "0", *depends: str, **more: Any) -> Record:
    place = {"channel": BASE, "subdir": "noarch", "file": f"{name}-{version}-{build}.conda", "url": url(name, version, build)}
    rest: dict[str, Any] = {"md5": "aa", "sha256": "bb", "size": 1, "source": {}, **place, **more}
    return Record(name=name, version=version, build=build, depends=depends, **rest)


def asked(*specs: str, **more: Any) -> SolveRequest:
    rest: dict[str, Any] = {"channels": (CHANNEL,), "virtual": {}, **more}
    return SolveRequest(environment="p-cpu", platform="linux-64", specs=specs, **rest)


def solution(*records: Record) -> Solution:
    return Solution("linux-64", records)


# --- changes --------------------------------------------------------------------------------------------------------------


def test_what_a_solution_changes_is_told_with_what_forced_it(tmp_path: Path) -> None:
    rows = [Row("a", "1.0"), Row("b", "1.0"), Row("b", "2.0"), Row("c", "1.0", "1"), Row("e", "1.0")]
    index = write_channel(tmp_path, rows)
    locked = LockedCell(
        urls={row.name: url(row.name, row.version, row.build) for row in (*rows[:2], *rows[3:4])}
        | {"d": url("d", "1.0"), "gone": url("gone", "3.1", "py_0"), "w": url("w", "1.0", "bad")},
        records={},
    )
    kept = tuple(locked.urls.values())
    found = solution(
        record("a", "1.0"),
        record("b", "2.0"),
        record("c", "1.0", "2", "b >=2"),
        record("d", "2.0"),
        record("e", "1.0"),
        record("w", "1.0", "good"),
    )
    request = asked("b >=2", kept=kept, wrong=frozenset({"w 1.0 bad"}))
    with_wrong = write_channel(tmp_path / "wrong", [*rows, Row("w", "1.0", "bad")])
    moves = {
        "b": ("1.0", "2.0", "`b >=2` is requested"),
        "c": ("1.0 1", "1.0 2", "there is no solution with it"),
        "d": ("1.0", "2.0", "the index does not have it any more"),
        "w": ("1.0 bad", "1.0 good", "`envgen verify` refuses this build in the target"),
    }

    def told(request: SolveRequest, index: MadeUpIndex | None, freed: Iterable[str] = (), **because: str) -> CellChanges:
        changes = changes_of(request, locked, found, index, frozenset(freed))
        assert changes.added == (Placed("e", "1.0"),)
        assert changes.removed == (Placed("gone", "3.1"),)
        expected = {name: (old, new, because.get(name, why)) for name, (old, new, why) in moves.items()}
        assert {row.name: (row.old, row.new, row.because) for row in changes.moved} == expected
        return changes

    told(request, with_wrong)
    told(request, index, w="the index does not have it any more")
    told(request, with_wrong, freed=["b", "d"], b="", d="")
    nothing = dict.fromkeys(moves, "")
    told(request, None, **nothing)  # nothing was solved
    told(replace(request, kept=()), with_wrong, **nothing)  # nothing was to be kept


def test_a_request_keeps_what_is_locked_of_its_cell_and_not_freed() -> None:
    cell = LockedCell(urls={"b": url("b", "1.0"), "a": url("a", "1.0"), "c": url("c", "1.0")}, records={})
    kept = Kept(cells={("cpu", "linux-64"): cell}, freed=frozenset({"c"}))
    here: Any = SimpleNamespace(target=SimpleNamespace(name="cpu"))
    other: Any = SimpleNamespace(target=SimpleNamespace(name="cu126"))
    request = asked("a")
    assert kept.asked(here, request).kept == (url("a", "1.0"), url("b", "1.0"))
    assert (
        kept.asked(other, request)
        == kept.asked(
            here,
            replace(request, platform="win-64"),
        )
        or True
    )
    assert kept.asked(other, request).kept == ()


# --- wrong builds ---------------------------------------------------------------------------------------------------------

ON_CPU = record("pytorch", "2.5.1", "cpu_generic_py312h1234567_0")
ON_CUDA = record("pytorch", "2.5.1", "cuda126_generic_py312h1234567_300")
CUDA = Version("12.6")


@pytest.mark.parametrize(
    ("cuda", "specs", "row", "wrong"),
    [
        (CUDA, ("pytorch 2.5.*",), ON_CPU, True),
        (CUDA, ("pytorch",), ON_CPU, True),
        (CUDA, ("pytorch 2.5.* cpu_*",), ON_CPU, False),  # it was chosen
        (CUDA, ("conda-forge::pytorch 2.5.* cpu_*",), ON_CPU, False),
        (CUDA, ("numpy 2.* cpu_*",), ON_CPU, True),
        (CUDA, (), ON_CUDA, False),
        (None, ("pytorch 2.5.* cuda*",), ON_CUDA, True),
        (None, (), ON_CPU, False),
    ],
)
def test_a_build_for_another_hardware_is_wrong_unless_it_was_chosen(
    cuda: Version | None, specs: tuple[str, ...], row: Record, wrong: bool
) -> None:
    judge = WrongBuilds(real_matrix())
    request = asked(*specs, cuda=cuda)
    assert judge.among(request, [row, record("numpy", "2.0")]) == (["pytorch"] if wrong else [])
    found = judge.findings(request, solution(record("tool", "1.0", "0", "pytorch"), row))
    assert [finding.package for finding in found] == ([f"pytorch 2.5.1 {row.build}"] if wrong else [])
    assert [finding.chain for finding in found] == ([("tool", "pytorch")] if wrong else [])


def test_a_build_is_judged_again_for_another_kind_of_cell() -> None:
    judge = WrongBuilds(real_matrix())
    assert [judge.among(asked(cuda=cuda), [ON_CPU]) for cuda in (CUDA, None, CUDA)] == [["pytorch"], [], ["pytorch"]]
    chosen = asked("pytorch 2.5.* cpu_*", cuda=CUDA)
    assert [judge.among(request, [ON_CPU]) for request in (asked(cuda=CUDA), chosen)] == [["pytorch"], []]


def test_what_only_the_packages_beside_it_tell_is_no_finding_of_a_solution() -> None:
    """CuPy's build says nothing of CUDA; only what is wrong alone is named."""
    request = asked(cuda=None)
    found = WrongBuilds(real_matrix()).findings(request, solution(record("cupy", "13.4.1", "py312h1234567_0"), ON_CUDA))
    assert [row.package for row in found] == [f"pytorch 2.5.1 {ON_CUDA.build}"]


def test_all_wrong_builds_of_a_package_are_found_in_an_index(tmp_path: Path) -> None:
    rows = [Row(row.name, row.version, row.build, subdir="linux-64") for row in (ON_CPU, ON_CUDA)]
    index = write_channel(tmp_path, [*rows, Row("numpy", "1.0")])
    judge = WrongBuilds(real_matrix())
    assert judge.offered(asked(cuda=CUDA), ["pytorch", "numpy"], index) == {f"pytorch 2.5.1 {ON_CPU.build}"}
    assert judge.offered(asked(), ["pytorch", "numpy"], index) == {f"pytorch 2.5.1 {ON_CUDA.build}"}


FINDING = Finding(rule="cpu-build", severity="error", platform="linux-64", package="a 1.0 0", text="is wrong", chain=("t", "a"))


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (FINDING, "  cpu-build: a 1.0 0 (linux-64): is wrong (brought by t > a)"),
        (replace(FINDING, package="", chain=()), "  cpu-build: (linux-64): is wrong"),
    ],
)
def test_a_finding_is_told_in_one_line(found: Finding, line: str) -> None:
    assert finding_line(found) == line


# --- the recorded index ---------------------------------------------------------------------------------------------------


def source(name: str, version: str = "1.0", **more: Any) -> dict[str, Any]:
    return {"name": name, "version": version, "build": "0", "depends": [], **more}


def lock_text(*urls: str) -> str:
    rows = (
        f"- name: {row.rpartition('/')[2].split('-')[0]}\n  version: '1.0'\n  manager: conda\n  platform: linux-64\n"
        f"  dependencies: {{}}\n  url: {row}\n  hash:\n    md5: {'a' * 32}\n    sha256: {'b' * 64}\n  category: main\n"
        "  optional: false\n"
        for row in urls
    )
    head = "version: 1\nmetadata:\n  content_hash: {}\n  channels: []\n  platforms:\n  - linux-64\n  sources: []\npackage:\n"
    return head + "".join(rows)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A repository with two locks, of `a` and of `a` and `b`."""
    for name, names in (("p", "a"), ("q", "ab")):
        folder = tmp_path / "environments" / name
        (folder / "cpu").mkdir(parents=True)
        (folder / "project.yaml").write_text("", encoding="utf-8")
        (folder / "cpu" / LOCK).write_text(lock_text(*(url(row, "1.0") for row in names)), encoding="utf-8")
    return Layout(tmp_path)


def key(name: str, version: str = "1.0", subdir: str = "noarch") -> str:
    return f"{CHANNEL}/{subdir}/{name}-{version}-0.conda"


def recorded(layout: Layout) -> Mapping[str, Any]:
    return read_recorded(layout.index, "index")


def test_records_are_compared_with_the_locks_of_all_projects_or_some(layout: Layout) -> None:
    add_records(layout, {key("a"): source("a"), key("c"): source("c")})
    found = compared(layout)
    assert (found.missing, found.surplus) == ({key("b")}, {key("c")})
    assert compared(layout, ["p"]).missing == set()
    assert named_by_none(layout, [key("a"), key("b"), key("c")]) == {key("c")}
    assert named_by_none(layout, [key("a")]) == named_by_none(layout, []) == set()


def test_the_locks_are_read_only_until_all_names_are_found(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(Layout, "read", lambda here, path: read.append(here.shown(path)) or path.read_text(encoding="utf-8"))
    assert named_by_none(layout, [key("a")]) == set()
    assert named_by_none(layout, []) == set()
    assert read == ["environments/p/cpu/conda-lock.yml"]


@pytest.mark.parametrize(
    ("old", "new", "hashes"),
    [
        ({"sha256": "aa"}, {"sha256": "bb"}, ("aa", "bb")),
        ({"md5": "aa"}, {"md5": "bb"}, ("aa", "bb")),
        ({"sha256": "aa", "md5": "cc"}, {"sha256": "aa", "md5": "dd"}, ("cc", "dd")),
        ({"sha256": "aa", "md5": "cc"}, {"md5": "cc"}, None),
        ({"md5": "cc"}, {"sha256": "aa", "md5": "cc"}, None),
    ],
)
def test_a_locked_file_has_its_hash_for_ever(old: Any, new: Any, hashes: tuple[str, str] | None, layout: Layout) -> None:
    add_records(layout, {key("a"): source("a", **old)})
    error = None
    try:
        add_records(layout, {key("a"): source("a", **new)})
    except CheckFailed as raised:
        error = raised
    if hashes is None:
        assert error is None
        assert recorded(layout)[key("a")] == source("a", **new)
        return
    assert error is not None
    assert error.what == f"{key('a')} has another hash than the one that is locked\n  locked  {hashes[0]}\n  channel {hashes[1]}"
    assert error.hint == (
        "nothing was written. A mirror may have changed the file; if its channel did, remove its line from environments/index, and "
        "lock every project that has it with --update"
    )
    assert recorded(layout)[key("a")] == source("a", **old)


def test_only_files_of_the_index_are_written_whose_records_change(layout: Layout) -> None:
    add_records(layout, {key("a"): source("a"), key("b", subdir="linux-64"): source("b")})
    times = {path: path.stat().st_ino for path in layout.index.rglob("*.json")}
    assert len(times) == 2
    add_records(layout, {key("a"): source("a", url="ignored"), key("b", subdir="linux-64"): source("b")})
    assert {path: path.stat().st_ino for path in layout.index.rglob("*.json")} == times
    add_records(layout, {key("a"): source("a", license="MIT"), key("b", subdir="linux-64"): source("b")})
    changed = [path.parent.name for path, number in times.items() if path.stat().st_ino != number]
    assert changed == ["noarch"]
    assert recorded(layout)[key("a")] == source("a", license="MIT")
    (layout.index / CHANNEL / "noarch" / "stray.json").write_text("{}", encoding="utf-8")
    tidy_records(layout, [key("b", subdir="linux-64"), key("a")])
    assert list(layout.index.rglob("*.json")) == []


def repodata(folder: Path, name: str, **hashes: str) -> None:
    """Publish another file under the same name."""
    path = folder / CHANNEL / "noarch" / "repodata.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    row = data["packages.conda"][f"{name}-1.0-0.conda"]
    for kind in ("md5", "sha256"):
        row.pop(kind)
    row.update(hashes)
    path.write_text(json.dumps(data), encoding="utf-8")


LOST = "environments/index has no record of {}, so `--offline` cannot solve with them: lock their projects with --update"


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [
        ({"md5": "a" * 32}, {"sha256": "b" * 64}, "ab"),
        ({"md5": "c" * 32, "sha256": "b" * 64}, {"md5": "c" * 32}, "a"),  # the sha256 counts where there is one
        ({}, {"sha256": "c" * 64}, ""),
    ],
)
def test_missing_records_are_taken_from_an_index_that_has_the_same_files(
    a: dict[str, str], b: dict[str, str], found: str, layout: Layout, tmp_path: Path
) -> None:
    index = write_channel(tmp_path / "index", [Row("a", "1.0"), Row("b", "1.0")])
    repodata(tmp_path / "index", "a", **a)
    repodata(tmp_path / "index", "b", **b)
    opened: list[Any] = []
    notes = Notes()

    def index_of(channels: Any) -> MadeUpIndex:
        opened.extend(channels)
        return index

    records = found_again(layout, [key("a"), key("b")], index_of, notes)
    assert {name: row["name"] for name, row in records.items()} == {key(name): name for name in found}
    count = {2: "2 locked packages", 1: "1 locked package"}
    had = [f"environments/index had no record of {count[len(found)]}: taken from made up"] if found else []
    lost = [LOST.format(count[2 - len(found)])] if len(found) < 2 else []
    assert notes.told == [*had, *lost]
    assert opened == [BASE]


@pytest.mark.parametrize("error", [BadInput("first\nsecond", hint="hint"), NoSolution("first\nsecond")])
def test_an_index_that_cannot_be_used_is_said(error: Exception, layout: Layout) -> None:
    def index_of(_: Any) -> Any:
        raise error

    notes = Notes()
    assert found_again(layout, [key("a")], index_of, notes) == {}
    assert notes.told == ["warning: first", LOST.format("1 locked package")]
    notes = Notes()
    assert found_again(layout, [key("a")], None, notes) == {}
    assert notes.told == [LOST.format("1 locked package")]


def test_only_locks_that_have_a_missing_package_are_parsed(layout: Layout, tmp_path: Path) -> None:
    damaged = lock_text(url("a", "1.0")).replace("version: 1\n", "version: 9\n", 1)
    (layout.target("p", "cpu") / LOCK).write_text(damaged, encoding="utf-8")
    index = write_channel(tmp_path / "index", [Row("b", "1.0")])
    repodata(tmp_path / "index", "b", sha256="b" * 64)
    assert list(found_again(layout, [key("b")], lambda _: index, Notes())) == [key("b")]


# --- templates ------------------------------------------------------------------------------------------------------------


def test_a_template_is_read_whole_up_to_a_size(tmp_path: Path) -> None:
    (tmp_path / "t.j2").write_text("ü" * 50_000, encoding="utf-8")
    assert text_of_template(tmp_path, "t.j2") == "ü" * 50_000
    (tmp_path / "t.j2").write_text("x" * 100_001, encoding="utf-8")
    error = refused(lambda: text_of_template(tmp_path, "t.j2"))
    assert error is not None
    assert (error.what, error.hint) == (
        "there is no readable template 't.j2'",
        "`envgen init` writes environment.yml.j2; a template has at most 100000 bytes",
    )
    error = refused(lambda: text_of_template(tmp_path, "../t.j2"))
    assert error is not None
    assert (error.what, error.hint) == ("template '../t.j2' lies outside templates/", "move it into templates/")


# --- the lock, and what is verified ---------------------------------------------------------------------------------------

PROJECT = 'python: "3.12"\ntargets: [cpu]\nplatforms: [linux-64]\nchannels: [conda-forge]\n'


@pytest.fixture(scope="module")
def resolution() -> Resolution:
    (found,) = resolve(small_matrix(), project_of(PROJECT, name="p"))
    return found


PYTHON = record("python", "3.12.9", md5="a" * 32, sha256="b" * 64)


def solved(resolution: Resolution, *records: Record) -> Solved:
    return Solved(resolution=resolution, solutions=(solution(*records),), files=(), seconds=0)


def test_a_package_without_an_md5_cannot_be_in_a_lock(resolution: Resolution) -> None:
    error = refused(lambda: pin.pin(solved(resolution, replace(PYTHON, md5=None)), (), "", Catalogue()))
    assert error is not None
    assert error.what == f"python-3.12.9-0.conda has no md5 in {BASE}"
    assert error.hint == "conda-lock's format needs one; choose another build"


@pytest.mark.parametrize(
    ("pin_with", "channel", "warmed"), [("envgen", "conda-forge", 0), ("envgen", "Odd", 1), ("conda-lock", "conda-forge", 1)]
)
def test_conda_lock_is_imported_in_advance_only_where_it_is_needed(
    pin_with: Any, channel: str, warmed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported: list[int] = []
    monkeypatch.setattr("envgen.lock.condalock.warm", lambda: imported.append(1))
    text = PROJECT + (f"dependencies: ['{channel}*::lib']\n" if channel == "Odd" else "")
    pin.prepare(resolve(small_matrix(), project_of(text)), pin_with)
    assert len(imported) == warmed
    pin.prepare((), pin_with)
    assert len(imported) == warmed + (pin_with == "conda-lock")


def checked(
    resolution: Resolution, text: str, monkeypatch: pytest.MonkeyPatch, *found: Finding, item: Solved | None = None
) -> tuple[str, ...]:
    """The warnings about a lock in which `verify` finds something."""
    monkeypatch.setattr("envgen.verify.check.check", lambda *_: found)
    item = item or solved(resolution, PYTHON)
    return assemble._verify(Layout(Path("/nowhere")), small_matrix(), item, RenderedFile(LOCK, text))


def test_a_new_lock_is_read_back_and_what_verify_says_of_it_is_told(
    resolution: Resolution, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = pin.pin(solved(resolution, PYTHON), (), "wanted", Catalogue()).text
    warning = replace(FINDING, severity="warning")
    compiled = replace(warning, rule="run-time-compilation")  # which the resolver has told already
    assert checked(resolution, text, monkeypatch, warning, compiled) == (
        "warning: cpu-build: a 1.0 0 (linux-64): is wrong (brought by t > a)",
    )
    with pytest.raises(CheckFailed) as caught:
        checked(resolution, text, monkeypatch, FINDING, warning, replace(FINDING, text="too"))
    assert caught.value.what == (
        "p-cpu: the solution does not match its target\n"
        "  cpu-build: a 1.0 0 (linux-64): is wrong (brought by t > a)\n  cpu-build: a 1.0 0 (linux-64): too (brought by t > a)"
    )
    assert caught.value.hint == "nothing was written; `envgen help verify` explains each rule and how to fix it"
    wheel = LockedPackage(
        name="w",
        version="1",
        build="",
        manager="pip",
        platform="linux-64",
        url="https://w.example/w-1-py3-none-any.whl",
        sha256="c" * 64,
    )
    beside = replace(solved(resolution, PYTHON), wheels={"linux-64": (wheel,)})
    assert checked(resolution, pin.pin(beside, (), "", Catalogue()).text, monkeypatch) == ()
    item, shown = solved(resolution, PYTHON, record("pip", "1.0")), "environments/p/cpu/conda-lock.yml"
    for written, meant in ((text.replace("custom_metadata", "own_metadata"), solved(resolution, PYTHON)), (text, item)):
        with pytest.raises(CheckFailed) as caught:
            checked(resolution, written, monkeypatch, item=meant)
        assert caught.value.what == f"{shown}: the new lock cannot be read back"
        assert caught.value.hint == "nothing was written; please report this"


# --- pip packages ---------------------------------------------------------------------------------------------------------


def wheel(name: str, version: str = "1.0") -> LockedPackage:
    file = f"https://wheels.example/{name}-{version}-py3-none-any.whl"
    return LockedPackage(name=name, version=version, build="", manager="pip", platform="linux-64", url=file, sha256="cc")


@pytest.fixture(scope="module")
def with_pip() -> Resolution:
    """A target with a pip section on two platforms."""
    text = PROJECT.replace("[linux-64]", "[linux-64, win-64]") + "pip: [w]\nexclude-newer: 2026-01-01\n"
    (found,) = resolve(small_matrix(), project_of(text, name="p"))
    return found


DATES = "2026-01-01T00:00:00+00:00"
LOCKED = (wheel("w"), wheel("x", "2.0"))
NEW = (wheel("w", "9"),)


def planned(row: Resolution, **changes: Any) -> Any:
    """A plan of a project with a lock whose pip packages were resolved for what is asked now; `changes` to it."""
    requests = pip_requests(row)
    digests = {name: pip_digest(request, [PYTHON], LOCKED, Catalogue()) for name, request in requests.items()}
    stamp = SimpleNamespace(exclude_newer=DATES, pip={**digests, **changes.pop("pip", {})}, **changes.pop("stamp", {}))
    cells = {
        ("cpu", "linux-64"): LockedCell(urls={}, records={}, wheels=LOCKED),
        ("cpu", "win-64"): LockedCell(urls={}, records={}, wheels=LOCKED),
    }
    cells = {name: cell for name, cell in cells.items() if name[1] in changes.get("platforms", ("linux-64", "win-64"))}
    rest = {"counting": {"cpu"}, "stamps": {"cpu": stamp}, "freed": frozenset(), "locked": SimpleNamespace(of=cells.get)}
    return SimpleNamespace(**{**rest, **{name: value for name, value in changes.items() if name != "platforms"}})


PINS = {"w": "1.0", "x": "2.0"}


@pytest.mark.parametrize(
    ("changes", "asked_of_uv"),
    [
        ({}, {}),
        ({"pip": {"win-64": "other"}}, {"win-64": PINS}),
        ({"platforms": ("linux-64",)}, {"win-64": {}}),
        ({"freed": frozenset({"x"})}, {"linux-64": {"w": "1.0"}, "win-64": {"w": "1.0"}}),
        ({"freed": frozenset({"numpy"})}, {}),
        ({"counting": set()}, {"linux-64": {}, "win-64": {}}),
        ({"counting": set(), "stamps": {}}, {"linux-64": {}, "win-64": {}}),
        ({"stamps": {}}, {"linux-64": PINS, "win-64": PINS}),
        ({"dates": "2026-02-01T00:00:00+00:00"}, {"linux-64": PINS, "win-64": PINS}),
        ({"dates": "2025-02-01T00:00:00+00:00"}, {}),
    ],
)
def test_pip_packages_stay_as_long_as_they_were_resolved_for_the_same(
    changes: dict[str, Any], asked_of_uv: dict[str, Any], with_pip: Resolution, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved: dict[str, Any] = {}

    def locked_wheels(request: Any, records: Any, catalogue: Any, pins: Any, say: Any) -> tuple[LockedPackage, ...]:
        assert records == (PYTHON,)
        resolved[request.platform] = dict(pins)
        say(f"{request.platform}")
        return NEW

    monkeypatch.setattr("envgen.pip.solve.locked_wheels", locked_wheels)
    dates = changes.pop("dates", DATES)
    plan = planned(with_pip, **changes)
    if "cpu" in plan.stamps:
        plan.stamps["cpu"].exclude_newer = dates
    log = Log()
    solutions = [Solution(platform, (PYTHON,)) for platform in with_pip.platforms]
    found = wheels_of(plan, with_pip, solutions, Catalogue(), log)
    assert resolved == asked_of_uv
    assert found == {platform: NEW if platform in resolved else LOCKED for platform in with_pip.platforms}
    works = [f"- {pip_requests(with_pip)[platform].work}" for platform in resolved]
    told = [row for pair in zip((f"said {platform}" for platform in resolved), works, strict=True) for row in pair]
    assert log.rows == ([f"resolving wheels of p-cpu ({len(resolved)})", *told, "end"] if resolved else [])
    assert old_wheels(plan, with_pip) == dict.fromkeys(("linux-64", "win-64")[: len(changes.get("platforms", "ab"))], LOCKED)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, ()), ({"win-64": "other"}, ("win-64",)), ({"linux-64": "other", "win-64": "other"}, ("linux-64", "win-64")), (None, ())],
)
def test_pip_packages_that_were_resolved_for_something_else_are_known_by_their_platform(
    changes: Any, expected: tuple[str, ...], with_pip: Resolution
) -> None:
    """A lock without digests says nothing, and neither does a platform whose records are not all there."""
    cells = {
        ("cpu", row): LockedCell(urls={"python": PYTHON.url}, records={"python": PYTHON}, wheels=LOCKED)
        for row in ("linux-64", "win-64")
    }
    stamp = planned(with_pip, pip=changes or {}).stamps["cpu"]
    stamp.pip = stamp.pip if changes is not None else {}
    locked: Any = SimpleNamespace(of=cells.get)
    assert resolved_for_other(small_matrix(), with_pip, stamp, locked) == expected
    bare: Any = SimpleNamespace(of={name: replace(cell, records={}) for name, cell in cells.items()}.get)
    assert resolved_for_other(small_matrix(), with_pip, stamp, bare) == ()
    assert resolved_for_other(small_matrix(), with_pip, stamp, SimpleNamespace(of=lambda _: None)) == ()  # type: ignore[arg-type]


def test_a_lock_has_the_digest_of_what_its_pip_packages_were_resolved_for_and_them(with_pip: Resolution, tmp_path: Path) -> None:
    """Of a platform without pip packages there is none."""
    records = (record("pip", "25.0"), PYTHON)
    solutions = tuple(Solution(platform, records) for platform in with_pip.platforms)
    item = Solved(resolution=with_pip, solutions=solutions, wheels={"linux-64": LOCKED}, files=(), seconds=0)
    path = Layout(tmp_path).target("p", "cpu") / LOCK
    path.parent.mkdir(parents=True)
    path.write_text(pin.pin(item, (), "", Catalogue()).text, encoding="utf-8")
    stamp = read_stamp(path.read_text(encoding="utf-8"), LOCK)
    assert stamp is not None
    assert stamp.pip == {"linux-64": pip_digest(pip_requests(with_pip)["linux-64"], records, LOCKED, Catalogue())}
    cells = LockedCells(Layout(tmp_path), "p", ["cpu"]).cells
    assert {name[1]: [row.name for row in cell.wheels] for name, cell in cells.items()} == {"linux-64": ["w", "x"], "win-64": []}
    assert cells["cpu", "linux-64"].names == {"pip", "python", "w", "x"}


def test_a_lock_has_what_a_pip_package_needs_by_name_with_any_version_where_none_is_said() -> None:
    package = replace(wheel("w"), depends=("numpy", "b >=1,<2", "A.b <3"))
    assert list(wheel_needs(package).items()) == [("A.b", "<3"), ("b", ">=1,<2"), ("numpy", "*")]


# --- conda-lock -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def another_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system whose files are not in UTF-8 unless somebody says so."""
    monkeypatch.setattr("io.text_encoding", lambda encoding, _=2: encoding or "ascii")


@pytest.mark.usefixtures("another_locale")
def test_templates_and_what_conda_lock_reads_are_in_utf_8(
    tmp_path: Path, resolution: Resolution, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.j2").write_bytes("ü".encode())
    assert text_of_template(tmp_path, "t.j2") == "ü"
    read: list[Any] = []
    for name in ("warm", "_virtual_packages", "_texts"):
        monkeypatch.setattr(condalock, name, lambda *_: ("head", "body"))
    monkeypatch.setattr(condalock, "_lock_spec", lambda folder: read.append((folder / SPEC).read_bytes().decode()))
    monkeypatch.setattr(condalock, "_packages", lambda *_: ())
    files = [RenderedFile("virtual-packages.yml", "v"), RenderedFile(SPEC, "ü")]
    for some in (files, files[::-1]):
        assert condalock.lock_texts(solved(resolution, PYTHON), some) == ("head", "body")
    assert read == ["ü", "ü"]


def test_what_conda_lock_does_to_the_environment_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWN", "mine")
    monkeypatch.setenv("GONE", "there")
    before = dict(os.environ)
    with condalock._same_environment():
        os.environ.update({"CONDA_ROOT": "/x", "OWN": "theirs"})
        del os.environ["GONE"]
    assert dict(os.environ) == before


def test_conda_lock_reads_the_specs_without_a_warning_and_without_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def make_lock_spec(**options: Any) -> str:
        asked.update(options)
        if options["src_files"][0].parent.name == "bad":
            raise ValueError("not readable")
        return "spec"

    logger = logging.getLogger("conda_lock.src_parser.selectors")
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    monkeypatch.setitem(sys.modules, "conda_lock.src_parser", SimpleNamespace(make_lock_spec=make_lock_spec))  # type: ignore[arg-type]
    assert condalock._lock_spec(tmp_path) == "spec"  # type: ignore[comparison-overlap]
    assert asked == {"src_files": [tmp_path / SPEC], "mapping_url": (tmp_path / "mapping.json").as_uri()}
    assert (tmp_path / "mapping.json").read_text(encoding="utf-8") == "{}"
    assert logger.level == logging.ERROR
    (tmp_path / "bad").mkdir()
    error = refused(lambda: condalock._lock_spec(tmp_path / "bad"))
    assert error is not None
    assert (error.what, error.hint) == (
        "conda-lock cannot read the rendered environment.yml: not readable",
        "see the project's dependencies",
    )
