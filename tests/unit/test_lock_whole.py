"""Whole locks of made-up packages, in this process: what is written, in which words, and what is left alone."""

from __future__ import annotations

from datetime import datetime, timezone
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from filelock import FileLock
from unit.made_up import write_channel
from unit.site import PROJECT, Row, Site
from unit.test_one_writer import Waiting
from unit.test_plan import Notes, here

from envgen.channels.index import IndexOptions
from envgen.cli.console import Terminal
from envgen.lock import pipeline, solvers, write
from envgen.lock.pipeline import lock, package_name
from envgen.model.errors import EnvgenError, NoSolution
from envgen.model.run import LockedProject, LockRequest, LockRun

PYTHONS = [Row("python", f"3.{minor}.0") for minor in (10, 11, 12)]
ROWS = [
    *PYTHONS,
    Row("tool", "1.0", depends=("python", "lib")),
    Row("lib", "1.0"),
    Row("lib", "2.0"),
    Row("on-linux", "1.0", subdir="linux-64"),
    *(Row("cuda-version", version) for version in ("11.8", "12.6")),
]
DATE = datetime(2026, 1, 1, tzinfo=timezone.utc)
OFFLINE: Any = {"offline": True, "index_folder": None}
LOST = "so `--offline` cannot solve with them: lock their projects with --update"
TARGET_FILES = ("conda-lock.yml", "environment.yml", "virtual-packages.yml")


class Log(Notes):
    """A reporter that keeps the progress that it is told, and the notes in between."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[str] = []

    def say(self, text: str) -> None:
        super().say(text)
        self.rows.append(f"said {text}")

    def begin(self, what: str, steps: int) -> None:
        self.rows.append(f"{what} ({steps})")

    def step(self, what: str) -> None:
        self.rows.append(f"- {what}")

    def end(self) -> None:
        self.rows.append("end")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A repository without projects."""
    return Site(tmp_path, ROWS)


def request(site: Site, **asked: Any) -> LockRequest:
    return LockRequest(**{"index_folder": site.index, **asked})


def run(site: Site, log: Notes | None = None, **asked: Any) -> LockRun:
    return lock(site.layout, request(site, **asked), log or Notes(), here)


def error_of(do: Any) -> EnvgenError:
    with pytest.raises(EnvgenError) as caught:
        do()
    return caught.value


def failure(site: Site, **asked: Any) -> EnvgenError:
    """Why the one project of a run was not locked."""
    (found,) = run(site, **asked).failures
    return found.error


def told(error: EnvgenError) -> tuple[str, str, str]:
    return error.what, str(error.where), error.hint


# --- the run --------------------------------------------------------------------------------------------------------------


def solving(name: str, done: int = 0) -> list[str]:
    """What is said while the third project or one before it is locked; the third asks for what the second does."""
    progress = f" ({done} of 3 projects done)" if done else ""
    step = [] if name == "c" else [f"- {name}-cpu linux-64"]
    return [f"solving{progress} (1)", *step, "end", f"choosing what solves for {name} (1)", "end"]


def test_projects_are_locked_one_after_the_other_and_the_reporter_is_told_of_each_step(site: Site) -> None:
    for name, own in (("a", "tool"), ("b", "lib"), ("c", "lib")):
        site.project(PROJECT.format(own=own).replace("[conda-forge]", f"[conda-forge{', other' if name == 'a' else ''}]"), name)
    (site.index / "other").symlink_to("conda-forge")
    log = Log()
    with patch.object(solvers, "open_index", wraps=solvers.open_index) as opened, patch.object(pipeline, "_COLLECTED", 2):
        with patch.object(pipeline.gc, "collect") as collected:
            found = run(site, log)
    assert (opened.call_count, collected.call_count) == (1, 1)  # an index folder has all channels
    assert [(row.resolution.project.name, row.state, row.path) for row in found.outcomes] == [
        (name, "locked", f"environments/{name}/cpu") for name in "abc"
    ]
    assert all(0 < row.seconds < 600 for row in found.outcomes)
    assert log.rows == ["reading the index (1)", "end", *solving("a"), *solving("b", 1), *solving("c", 2)]
    again = Log()
    assert [row.state for row in run(site, again).outcomes] == ["unchanged"] * 3
    assert again.rows == []


def test_several_projects_are_solved_at_once(site: Site) -> None:
    for name, own in (("a", "tool"), ("b", "lib")):
        site.project(PROJECT.format(own=own), name)
    log = Log()
    assert [row.state for row in run(site, log, jobs=2).outcomes] == ["locked", "locked"]
    assert sorted(log.rows[2:6]) == ["- a-cpu linux-64", "- b-cpu linux-64", "end", "solving (2)"]


def test_a_project_that_fails_does_not_keep_the_others_from_being_locked(site: Site) -> None:
    for name, own in (("a", "lib 3.*"), ("b", "lib"), ("c", "nothing")):
        site.project(PROJECT.format(own=f"'{own}'"), name)
    site.project(PROJECT.format(own="lib").replace("conda-forge", "not-there"), "d")
    found = run(site)
    assert [row.resolution.project.name for row in found.outcomes] == ["b"]
    assert [row.project for row in found.failures] == ["a", "c", "d"]
    assert found.failures[2].error.what == f"channel `not-there` is not in {site.index}"
    assert str(found.failures[2].error.where) == "environments/d/project.yaml:4:1"
    assert site.named() == site.recorded() != set()
    with pytest.raises(EnvgenError) as caught:
        found.whole()
    assert caught.value is found.failures[0].error


def test_without_a_project_it_is_said_how_to_have_one(site: Site) -> None:
    hint = "write environments/NAME/project.yaml, or run `envgen init --project NAME`"
    assert told(error_of(lambda: run(site))) == ("there is no project", "environments", hint)


def test_projects_are_locked_once_in_the_order_in_which_they_are_named(site: Site) -> None:
    for name in "abc":
        site.project(PROJECT.format(own="lib"), name)
    assert [row.resolution.project.name for row in run(site, projects=("c", "a", "c")).outcomes] == ["c", "a"]


def test_what_is_to_be_updated_must_be_locked(site: Site) -> None:
    site.project(PROJECT.format(own="tool"))
    site.project(PROJECT.format(own="lib"), "q")
    assert told(error_of(lambda: run(site, packages=("lib",)))) == (
        "no lock of p, q has a package `lib`",
        "None",
        "nothing is known here",
    )
    run(site)
    assert told(error_of(lambda: run(site, packages=("lib", "toll"), projects=("p",))))[::2] == (
        "no lock of p has a package `toll`",
        "did you mean `tool`?",
    )
    assert [row.state for row in run(site, packages=("tool",), projects=("p",)).outcomes] == ["relocked"]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://conda.anaconda.org/conda-forge/linux-64/a-b-1.0-0.conda", "a-b"),
        ("https://conda.anaconda.org/conda-forge/noarch/a%2Bb-1%211.0-py_0.tar.bz2", "a+b"),
    ],
)
def test_a_url_names_its_package(url: str, name: str) -> None:
    assert package_name(url) == name


def test_a_channel_with_a_date_must_be_one_of_a_project(site: Site) -> None:
    site.project(PROJECT.format(own="lib"))
    site.project(PROJECT.format(own="lib").replace("[conda-forge]", "[own, conda-forge]"), "q")
    site.project("python: [", "broken")
    asked = {"own::*": None, "owm::*": DATE}
    assert told(error_of(lambda: run(site, exclude_newer=asked))) == (
        "broken, p, q: channels: has no `owm`",
        "--exclude-newer",
        "did you mean `own`?",
    )
    assert [row.project for row in run(site, exclude_newer={"own::*": None}).failures] == ["broken", "q"]  # the folder has no `own`
    site.project("python: [")
    found = run(site, projects=("p",), exclude_newer=asked)  # whose channels nobody knows
    assert [str(row.error.where) for row in found.failures] == ["environments/p/project.yaml:2:1"]


# --- what no channel has --------------------------------------------------------------------------------------------------

ONLY_LOCKED = "it has only the packages of the committed locks: lock from live channels, or give --index DIR"


def test_a_package_that_no_channel_has_is_named_where_it_is_asked_for(site: Site) -> None:
    site.project(PROJECT.format(own="tool"))
    run(site)
    path = site.project(PROJECT.format(own="tool, libb").replace("[conda-forge]", "[conda-forge, other]"))
    (site.index / "other").symlink_to("conda-forge")
    assert told(failure(site)) == (
        "no channel of conda-forge, other has a package `libb`",
        "environments/p/project.yaml:5:22",
        "did you mean `lib`?",
    )
    site.project(path.read_text(encoding="utf-8").replace(", other", ""))
    assert told(failure(site, **OFFLINE)) == (
        "the recorded index (environments/index) has no package `libb`",
        "environments/p/project.yaml:5:22",
        ONLY_LOCKED,
    )


def test_what_other_readers_of_the_file_do_not_know_is_refused_where_it_is_written(site: Site) -> None:
    site.project(PROJECT.format(own="tool, 'lib[extras=[x]]'"))
    with patch("envgen.lock.condalock.warm"):  # which may be needed for a spec that looks like that
        error = failure(site)
    assert str(error.where) == "environments/p/project.yaml:5:22"
    assert error.what.startswith("`extras` in `lib[extras=[x]]`: environment.yml is also read by tools")


def test_a_package_with_a_date_of_its_own_must_be_in_a_channel(site: Site) -> None:
    dates = "exclude-newer: {default: 2030-01-01, packages: {libb: 2029-01-01}}\n"
    site.project(PROJECT.format(own="tool") + dates)
    what = "no channel of conda-forge, other has a package `libb`"
    (site.index / "other").symlink_to("conda-forge")
    text = PROJECT.format(own="tool").replace("[conda-forge]", "[conda-forge, other]")
    site.project(text + dates)
    assert told(failure(site)) == (what, "environments/p/project.yaml:6:49", "did you mean `lib`?")
    site.project(text)
    assert told(failure(site, exclude_newer={"libb": DATE})) == (what, "--exclude-newer", "did you mean `lib`?")
    run(site)
    assert failure(site, **OFFLINE, exclude_newer={"libb": DATE, "": DATE}).what.startswith("p: ")  # nothing has that date


def test_the_packages_of_targets_that_are_not_asked_for_are_looked_up_but_not_of_those_that_are_unchanged(site: Site) -> None:
    """What is solved beside the target must be there; a lock that stays may have what is gone."""
    text = PROJECT.format(own="tool").replace("targets: [cpu]", "targets: {cpu: , cu118: {dependencies: [libb]}}")
    site.project(text)
    for asked in ({}, {"targets": ("cpu",)}):
        assert told(failure(site, **asked))[:2] == (
            "no channel of conda-forge has a package `libb`",
            "environments/p/project.yaml:2:41",
        )
    site.channel([*ROWS, Row("libb", "1.0")])
    assert [row.state for row in run(site, targets=("cu118",)).outcomes] == ["locked"]
    site.channel(ROWS)
    assert [row.state for row in run(site).outcomes] == ["locked", "unchanged"]


def test_a_channel_that_no_lock_has_a_package_of_is_empty_in_the_recorded_index(site: Site) -> None:
    """A project without one of its dependencies is locked offline; a folder of the user's that lacks a channel is an error."""
    site.project(PROJECT.format(own="tool, on-linux").replace("[conda-forge]", "[conda-forge, other]"))
    (site.index / "other/noarch").mkdir(parents=True)
    run(site)
    site.project(PROJECT.format(own="tool").replace("[conda-forge]", "[conda-forge, other]"))
    for asked in ({}, {"exclude_newer": {"": None, "tool": None}}):
        assert [row.state for row in run(site, **OFFLINE, **asked, update=True).outcomes] == ["relocked"]
    (site.index / "other/noarch").rmdir()
    (site.index / "other").rmdir()
    what = f"channel `other` is not in {site.index}"
    for asked in ({}, {"exclude_newer": {"tool": DATE}}):
        assert told(failure(site, **asked, update=True)) == (what, "environments/p/project.yaml:4:1", "known here: conda-forge")


# --- what is written ------------------------------------------------------------------------------------------------------


def test_a_target_that_its_project_lost_goes_with_its_records_unless_others_are_asked_for(site: Site) -> None:
    both = PROJECT.format(own="lib").replace("[cpu]", "[cpu, cu118]")
    site.project(both.replace("targets: [cpu, cu118]", "targets: {cpu: , cu118: {dependencies: [on-linux]}}"))
    run(site)
    assert "on-linux-1.0-0.conda" in site.recorded()
    (site.path("cu118").parent / "own.txt").write_text("stays", encoding="utf-8")
    site.project(PROJECT.format(own="lib"))
    before, notes = site.files(), Notes()
    for asked in ({"dry_run": True}, {"targets": ("cpu",)}):
        assert [row.state for row in run(site, notes, **asked).outcomes] == ["unchanged"]
        assert site.files() == before
    assert [row.state for row in run(site, notes).outcomes] == ["unchanged"]
    assert notes.told == ["environments/p/cu118 removed: p has no target cu118"]
    gone = before.keys() - site.files().keys()
    assert gone == {*(f"p/cu118/{name}" for name in TARGET_FILES), "index/conda-forge/linux-64/repodata.json"}
    assert site.recorded() == site.named()
    assert [row.state for row in run(site, notes).outcomes] == ["unchanged"]
    assert len(notes.told) == 1


@pytest.mark.parametrize("one", [True, False])
def test_an_edited_project_is_written_with_its_locks(one: bool, site: Site) -> None:
    path = site.project(PROJECT.format(own="'lib <2'"))
    run(site)
    text = PROJECT.format(own="'lib'")
    asked = {"projects": ("p",) if one else (), "edited": {"p": text}}
    before = site.files()
    run(site, **asked, dry_run=True)
    assert site.files() == before
    assert [row.state for row in run(site, **asked).outcomes] == ["relocked"]
    assert path.read_text(encoding="utf-8") == text
    assert site.locked()["lib"] == "1.0"  # it stays
    comment = f"{text}# a comment\n"
    assert [row.state for row in run(site, projects=("p",), edited={"p": comment}).outcomes] == ["unchanged"]
    assert path.read_text(encoding="utf-8") == comment
    assert run(site, edited={"p": PROJECT.format(own="nothing")}).failures
    assert path.read_text(encoding="utf-8") == comment


def test_what_one_project_gives_up_loses_its_record_unless_another_lock_names_it(site: Site) -> None:
    site.project(PROJECT.format(own="'lib <2', on-linux"))
    site.project(PROJECT.format(own="'lib <2'"), "q")
    run(site)
    assert {"lib-1.0-0.conda", "on-linux-1.0-0.conda"} <= site.recorded()
    site.project(PROJECT.format(own="'lib >=2'"))
    assert [row.state for row in run(site, projects=("p",)).outcomes] == ["relocked"]
    assert site.recorded() == site.named() == {"python-3.12.0-0.conda", "lib-1.0-0.conda", "lib-2.0-0.conda"}


@pytest.mark.parametrize("asked", [{"projects": ("p",)}, {}])
def test_records_that_no_lock_names_go_and_those_that_are_missing_are_found_again(asked: Any, site: Site) -> None:
    site.project(PROJECT.format(own="tool"))
    run(site)
    path = site.root / "environments/index/conda-forge/noarch/repodata.json"
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace("lib-2.0-0.conda", "lib-9.0-0.conda"), encoding="utf-8")
    notes = Notes()
    assert [row.state for row in run(site, notes, **asked).outcomes] == ["unchanged"]
    assert notes.told == [f"environments/index had no record of 1 locked package: taken from {site.index}"]
    assert path.read_text(encoding="utf-8") == before or asked  # a run over one project does not look for what no lock names
    lost = before.replace("lib-2.0-0.conda", "lib-9.0-0.conda").replace("tool-1.0-0.conda", "tool-9.0-0.conda")
    path.write_text(lost, encoding="utf-8")
    notes = Notes()
    run(site, notes, **OFFLINE, **asked)
    assert notes.told == [f"environments/index has no record of 2 locked packages, {LOST}"]
    site.channel(row for row in ROWS if row.name != "tool")
    notes = Notes()
    run(site, notes, **asked)
    assert notes.told == [
        f"environments/index had no record of 1 locked package: taken from {site.index}",
        f"environments/index has no record of 1 locked package, {LOST}",
    ]


def test_a_run_over_one_project_looks_at_all_locks_after_one_that_was_killed(site: Site) -> None:
    site.project(PROJECT.format(own="tool"))
    run(site)
    path = site.root / "environments/index/conda-forge/noarch/repodata.json"
    before = path.read_text(encoding="utf-8")
    more = before.replace('"lib-2.0-0.conda"', '"lib-9.0-0.conda": {},\n"lib-2.0-0.conda"')
    more = before.replace(
        line := next(row for row in before.splitlines() if "lib-2.0" in row), f"{line}\n{line.replace('2.0', '9.0')}"
    )
    for killed in (False, True):
        path.write_text(more, encoding="utf-8")
        if killed:
            site.layout.writer.write_text("", encoding="utf-8")
        run(site, projects=("p",))
        assert path.read_text(encoding="utf-8") == (before if killed else more)
        assert not site.layout.writer.exists()


def test_the_recorded_index_is_not_read_again_once_it_is_known_to_be_in_step(site: Site) -> None:
    site.project(PROJECT.format(own="tool"))
    run(site)
    run(site)  # which finds that
    with patch.object(write, "compared", wraps=write.compared) as compared:
        run(site)
        assert not compared.called
        run(site, projects=("p",))  # of one project it is not known
        assert compared.call_count == 1
        (site.root / "environments/index/conda-forge/noarch/more").write_text("", encoding="utf-8")
        run(site)
        assert compared.call_count == 2
        run(site)
        assert compared.call_count == 2


# --- what other runs have locked ------------------------------------------------------------------------------------------


class Shared:
    """What other runs have locked, by project."""

    def __init__(self) -> None:
        self.kept: dict[str, LockedProject] = {}
        self.asked: list[str] = []

    def taken(self, found: Any) -> LockedProject | None:
        self.asked.append(found.project.name)
        return self.kept.get(found.project.name)

    def keep(self, found: Any, locked: LockedProject) -> None:
        assert found.project.name not in self.kept
        self.kept[found.project.name] = locked


def test_what_another_run_has_locked_is_written_without_a_solve(site: Site) -> None:
    shared = Shared()
    for name in "ab":
        site.project(PROJECT.format(own="tool"), name)
    lock(site.layout, request(site, projects=("a",)), Notes(), here, shared)
    assert (list(shared.kept), shared.asked) == (["a"], ["a"])
    before = site.files()
    site.path(name="a").unlink()
    log = Log()
    found = lock(site.layout, request(site, cells={}), log, here, shared)  # results alone
    assert [row.state for row in found.outcomes] == ["locked", "locked"]
    assert not site.path(name="a").exists()
    assert not site.path(name="b").exists()
    assert list(shared.kept) == ["a", "b"]
    assert "- a-cpu linux-64" not in log.rows
    log = Log()
    lock(site.layout, request(site), log, here, shared)
    assert log.rows == []
    assert site.files() == {**before, **{name: site.files()[name] for name in (f"b/cpu/{file}" for file in TARGET_FILES)}}
    shared.asked.clear()
    lock(site.layout, request(site), log, here, shared)
    assert shared.asked == []


# --- the index ------------------------------------------------------------------------------------------------------------


def test_live_channels_are_opened_once_for_each_list_of_them_and_a_warning_is_told(site: Site) -> None:
    for name, channels in (("a", "conda-forge"), ("b", "conda-forge, other"), ("c", "conda-forge"), ("d", "gone"), ("e", "gone")):
        site.project(PROJECT.format(own="lib").replace("[conda-forge]", f"[{channels}]"), name)
    (site.index / "other").symlink_to("conda-forge")
    opened: list[Any] = []

    def opening(options: IndexOptions, _: object, channels: tuple[str, ...], platform: str, *__: object) -> Any:
        opened.append((options, channels, platform))
        if channels == ("gone",):
            raise NoSolution("cannot be reached")
        return write_channel(site.index, ROWS), "" if "other" in channels else "cannot be reached\nSolving from elsewhere"

    notes = Notes()
    with patch.object(solvers, "open_index", opening):
        found = run(site, notes, index_folder=None)
    assert [row.resolution.project.name for row in found.outcomes] == ["a", "b", "c"]
    assert [(row.project, row.error.what) for row in found.failures] == [("d", "cannot be reached"), ("e", "cannot be reached")]
    options = IndexOptions(None, offline=False)
    assert opened == [(options, names, "linux-64") for names in (("conda-forge",), ("conda-forge", "other"), ("gone",))]
    assert notes.told == ["warning: cannot be reached\nSolving from elsewhere"]


def test_the_recorded_index_is_opened_once_for_all_channels(site: Site) -> None:
    (site.index / "other/noarch").mkdir(parents=True)
    for name, channels in (("a", "conda-forge"), ("b", "conda-forge, other")):
        site.project(PROJECT.format(own="lib").replace("[conda-forge]", f"[{channels}]"), name)
    run(site)
    with patch.object(solvers, "open_index", wraps=solvers.open_index) as opened:
        assert [row.state for row in run(site, **OFFLINE, update=True).outcomes] == ["relocked", "relocked"]
    assert opened.call_count == 1


def test_a_date_may_be_that_of_a_wheel(site: Site) -> None:
    """Which packages uv takes is not known when names are looked up."""
    site.channel([*ROWS, Row("pip", "25.0")])
    site.project(PROJECT.format(own="tool") + "pip: [some-wheel]\n")
    with patch("envgen.lock.assemble.wheels_of", return_value={}):
        assert not run(site, exclude_newer={"some-wheel": DATE}).failures
    site.project(PROJECT.format(own="tool"))
    assert failure(site, exclude_newer={"some-wheel": DATE}).what == "no channel of conda-forge has a package `some-wheel`"


def test_what_stays_must_compute_with_the_same_as_the_project_says_now(site: Site) -> None:
    """With nothing to do the locks are held against `numerics:` all the same."""
    apart = "targets: {cpu: {dependencies: ['lib 1.*']}, cu118: }"
    site.project(PROJECT.format(own="lib").replace("targets: [cpu]", apart) + "align: false\n")
    run(site)
    site.project(PROJECT.format(own="lib").replace("targets: [cpu]", apart) + "numerics: {also: [lib]}\n")
    assert failure(site).what == ("p: the targets would not compute with the same:\n  lib: 1.0 (cpu), 2.0 (cu118) on linux-64")


# --- several runs, killed runs, damaged locks -----------------------------------------------------------------------------


def test_a_run_with_nothing_to_write_waits_for_nobody(site: Site) -> None:
    site.project(PROJECT.format(own="tool") + "# another text than any other project has, so that nothing is remembered of it\n")
    run(site)
    other = FileLock(site.layout.writer)
    other.acquire()
    waiting = Waiting(other)
    assert [row.state for row in run(site, waiting).outcomes] == ["unchanged"]
    assert waiting.told == []
    other.release()


@pytest.mark.parametrize("damaged", [True, False])
def test_where_a_lock_was_damaged_or_a_run_was_killed_all_locks_are_compared_with_the_index(damaged: bool, site: Site) -> None:
    site.project(PROJECT.format(own="tool"))
    site.project(PROJECT.format(own="on-linux"), "q")
    run(site)
    site.project(PROJECT.format(own="'lib <2'"))
    if damaged:
        site.path().write_text("version: 1\n", encoding="utf-8")
    else:
        site.path(name="q").unlink()  # and its records were not removed any more
        (site.layout.environments / "q/.x.envgen-tmp").write_text("half", encoding="utf-8")
    assert [row.state for row in run(site, projects=("p",), update=True).outcomes] == ["relocked"]
    assert site.recorded() == site.named()


def test_records_are_looked_for_in_the_channels_that_locks_name_and_not_in_the_recorded_index(site: Site) -> None:
    site.project(PROJECT.format(own="tool"))
    run(site)
    (site.root / "environments/index/conda-forge/noarch/repodata.json").unlink()
    asked: list[Any] = []

    def opening(*options: Any) -> Any:
        asked.append(options[:1] + options[2:5])
        raise NoSolution("cannot be reached\nand why")

    notes = Notes()
    with patch("envgen.channels.index.open_index", opening):
        run(site, notes, index_folder=None)
    url = "https://conda.anaconda.org/conda-forge"
    assert asked == [(IndexOptions(None, fallback=False), [url], "linux-64", {})]
    assert notes.told == ["warning: cannot be reached", f"environments/index has no record of 3 locked packages, {LOST}"]


def test_a_progress_bar_takes_the_place_of_one_that_an_error_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the first would go on drawing, and the cursor would stay hidden."""
    screen = StringIO()
    screen.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with Terminal() as reporter:
        reporter.begin("first", 1)
        reporter.begin("second", 1)
    hidden, shown = screen.getvalue().count("\x1b[?25l"), screen.getvalue().count("\x1b[?25h")
    assert (hidden, shown) == (2, 2)
