"""What a lock keeps of what was chosen, and what targets must have the same of: without a solve."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import REPO
from packaging.version import Version
from unit.small import project_of, real_matrix, refused, small_matrix
from unit.test_told import project_text, wider_matrix

from envgen.formats.conda_lock import read_stamp
from envgen.lock import hold
from envgen.lock.ask import Replays
from envgen.lock.hold import Hold, held_choices, is_chosen, of_one_python, stamped
from envgen.lock.numerics import Unequal, _frameworks, check_locked, check_numerics
from envgen.model.address import Address
from envgen.model.alignment import Differing
from envgen.model.errors import NoSolution
from envgen.model.facts import Reason
from envgen.model.layout import LOCK, Layout
from envgen.model.project import Dependency
from envgen.model.resolution import Obstacle, Resolution
from envgen.model.run import Stamp
from envgen.project.load import load_project
from envgen.resolver.resolve import Problem, resolve, search


def stamp(python: str) -> Stamp:
    return Stamp(wanted="", cells={}, chosen={"python": python}, packages="", downloads={})


STAMPS = {"cpu": stamp("3.12"), "cu126": stamp("3.11")}
TEXT = 'python: "3.12"\ntargets: [cpu, cu126]\nplatforms: [linux-64]\nchannels: [conda-forge]\nnumerics: {also: [tool, other]}\n'


@pytest.mark.parametrize(
    ("held", "name", "keeps"),
    [
        ({}, "alpha", False),
        ({"python": True}, "python", True),
        ({"python": True}, "alpha", False),
        ({"whole": frozenset({"cpu"})}, "python", False),
        ({"whole": frozenset({"cpu"})}, "alpha", True),
        ({"whole": frozenset({"cu126"})}, "alpha", False),
        ({"frameworks": frozenset({"alpha"})}, "alpha-build-win-64", True),
        ({"frameworks": frozenset({"alpha"})}, "beta", False),
    ],
)
def test_a_target_keeps_its_python_or_a_framework(held: dict[str, Any], name: str, keeps: bool) -> None:
    assert Hold(stamps=STAMPS, **held).keeps("cpu", name) is keeps
    assert Hold(stamps={}, **held).keeps("cpu", name) is False


def test_two_holds_of_the_same_locks_hold_what_either_does() -> None:
    one = Hold(stamps=STAMPS, python=True, whole=frozenset({"cpu"}), frameworks=frozenset({"alpha"}))
    other = Hold(stamps=STAMPS, whole=frozenset({"cu126"}), frameworks=frozenset({"beta"}))
    both = Hold(stamps=STAMPS, python=True, whole=frozenset({"cpu", "cu126"}), frameworks=frozenset({"alpha", "beta"}))
    assert one.with_more(other) == other.with_more(one) == both


def test_stamps_of_another_python_than_the_first_targets_are_left_out() -> None:
    assert of_one_python(project_of(TEXT), STAMPS) == {"cpu": STAMPS["cpu"]}
    assert of_one_python(project_of(TEXT), {"cu126": STAMPS["cu126"]}) == {"cu126": STAMPS["cu126"]}
    assert of_one_python(project_of(TEXT), {}) == {}


def locked(name: str) -> dict[str, Stamp]:
    """The stamps of the locks of an example."""
    layout = Layout(REPO)
    texts = {target: (layout.target(name, target) / LOCK).read_text(encoding="utf-8") for target in layout.locked_targets(name)}
    return {target: stamp for target, text in texts.items() if (stamp := read_stamp(text, target))}


@pytest.mark.parametrize("name", Layout(REPO).projects())
def test_what_the_locks_chose_is_found_as_among_all_releases(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The releases that no lock has are not looked at; with them the answer is the same, but for why others were not taken."""
    project = load_project(Layout(REPO).project(name), name, real_matrix())
    stamps = of_one_python(project, locked(name))
    asked: list[Any] = []

    def among_all(problem: Problem, *, counts: Any) -> Any:
        asked.append(counts)
        return search(problem)

    one = dict([next(iter(stamps.items()))])
    found = [held_choices(real_matrix(), project, held) for held in (stamps, one)]
    monkeypatch.setattr(hold, "search", among_all)
    for held, rows in zip((stamps, one), found, strict=True):
        expected = held_choices(real_matrix(), project, held)
        assert rows.keys() == expected.keys() == held.keys()
        assert [replace(row, obstacles=()) for row in rows.values()] == [replace(row, obstacles=()) for row in expected.values()]
    releases = real_matrix().frameworks[project.frameworks[0].framework].releases
    target = next(row for row in real_matrix().targets.values() if row.name in stamps)
    assert [release for release in releases if asked[0](target, release)] != list(releases)


@pytest.mark.parametrize("name", Layout(REPO).projects())
def test_what_was_found_for_another_project_that_asks_the_same_is_what_is_found_for_this_one(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other names, other lines, other dependencies: the answer speaks of the project that is asked about."""
    matrix, replays, searched = real_matrix(), Replays(real_matrix()), list[Problem]()
    text = Layout(REPO).project(name).read_text(encoding="utf-8")
    one, other = project_of(text, matrix, name), project_of(f"# a line more\n{text}", matrix, "other")
    more = Dependency("tqdm >=4", "tqdm", Address("environments/more/project.yaml", 3, 5))
    projects = [one, other, replace(one, name="more", dependencies=(more, *one.dependencies))]
    stamps = of_one_python(projects[0], locked(name))
    expected = [held_choices(matrix, project, stamps) for project in projects]

    def counted(problem: Problem, *, counts: Any) -> Any:
        searched.append(problem)
        return search(problem, counts=counts)

    monkeypatch.setattr(hold, "search", counted)
    assert [held_choices(matrix, project, stamps, replays) for project in projects] == expected
    assert len(searched) in (1, 4), "a search that speaks of the project is made again for each"
    fewer = dict([next(iter(stamps.items()))])
    assert held_choices(matrix, projects[0], fewer, replays) == held_choices(matrix, projects[0], fewer)


def test_what_differs_is_told_with_its_targets_its_platform_and_its_reason() -> None:
    values = {"cpu": "2.2", "cu126": "2.2", "cu118": "1.26"}
    plain = "numpy: 2.2 (cpu, cu126), 1.26 (cu118)"
    assert str(Unequal(name="numpy", values=values, because="")) == plain
    assert str(Unequal(name="numpy", values=values, because="old", platform="win-64")) == f"{plain} on win-64: old"


def wrong(text: str, *, locked: bool, **tool: str) -> Any:
    """The error about two targets that have these versions of a package, None where there is none."""
    names = {("cpu", "linux-64"): tool.get("cpu", ""), ("cu126", "linux-64"): tool.get("cu126", "")}
    cells: Any = {name: {"tool": (version, "0"), "other": ("1.0", "0")} for name, version in names.items()}
    try:
        check_numerics(small_matrix(), project_of(text), (), cells, (), locked=locked)
    except NoSolution as error:
        return error
    return None


def test_targets_with_different_versions_are_an_error_unless_the_project_says_otherwise() -> None:
    found = wrong(TEXT, locked=False, cpu="1.0", cu126="2.0")
    assert found.what == "demo: the targets would not compute with the same:\n  tool: 1.0 (cpu), 2.0 (cu126) on linux-64"
    assert str(found.where) == "environments/demo/project.yaml:5:1"
    waiver = "request versions that all targets can have, or let them differ with `numerics: {may-differ: [tool]}`"
    assert found.hint == waiver
    assert (
        wrong(TEXT, locked=True, cpu="1.0", cu126="2.0").hint
        == f"`envgen update demo` moves what is locked, too; otherwise {waiver}"
    )
    assert wrong(TEXT, locked=False, cpu="1.0", cu126="1.0") is None
    assert wrong(TEXT.replace("{also", "{may-differ: [tool], also"), locked=False, cpu="1.0", cu126="2.0") is None


def test_a_package_that_no_target_has_is_refused() -> None:
    cells: Any = {("cpu", "linux-64"): {"tool": ("1.0", "0")}}
    error = refused(lambda: check_numerics(small_matrix(), project_of(TEXT), (), cells, (), locked=False))
    assert error is not None
    assert error.what == "no target has a package `other`, which `numerics:` names"


# --- what stays of the choices --------------------------------------------------------------------------------------------

SENTINEL = frozenset({Version("9")})
PYTHON_312 = frozenset({Version("3.12")})
ALPHA = project_text("{alpha: '*'}", more="align: false", platforms="linux-64, win-64")


def resolutions(text: str) -> dict[str, Resolution]:
    return {row.target.name: row for row in resolve(wider_matrix(), project_of(text, wider_matrix()))}


def stamp_of(row: Resolution, **changes: Any) -> Stamp:
    return replace(Stamp(wanted="", cells={}, chosen=stamped(row), packages="", downloads={}), **changes)


@pytest.mark.parametrize(
    ("held", "target", "dropped", "newest", "older"),
    [
        ({}, "cpu", (), SENTINEL, SENTINEL),
        ({"python": True}, "cpu", (), SENTINEL, SENTINEL),
        ({"whole": {"cpu"}}, "cpu", (), SENTINEL, frozenset()),
        ({"whole": {"cpu"}, "python": True}, "cpu", (), PYTHON_312, frozenset()),
        ({"whole": {"cpu"}, "python": True}, "cpu", ("linux-64",), frozenset(), frozenset()),
        ({"whole": {"cpu"}, "python": True}, "cpu", ("win-64",), PYTHON_312, frozenset()),
        ({"whole": {"cpu"}}, "cu126", (), SENTINEL, SENTINEL),
        ({"frameworks": {"alpha"}}, "cpu", ("linux-64",), SENTINEL, frozenset()),
        ({"frameworks": {"alpha"}, "python": True}, "cpu", (), PYTHON_312, frozenset()),
        ({"frameworks": {"beta"}}, "cpu", (), SENTINEL, SENTINEL),
    ],
)
def test_what_is_held_is_available_as_it_was_chosen(held: Any, target: str, dropped: Any, newest: Any, older: Any) -> None:
    rows = resolutions(ALPHA)
    (choice,) = rows[target].choices
    other = resolutions(project_text("{alpha: '2.0.*'}", targets=f"[{target}]"))[target].choices[0]
    hold = Hold(stamps={"cpu": stamp_of(rows["cpu"], dropped=dropped)}, **held)
    problem = hold.problem(wider_matrix(), rows["cpu"].project, lambda *_: SENTINEL)
    found = [problem.availability(row, rows[target].target, "linux-64") for row in (choice, other)]
    assert found == [newest, older]
    assert str(problem.project.python) == ("==3.12,>=3.9" if held.get("python") else ">=3.9")


def test_without_locks_everything_is_free() -> None:
    project = project_of(ALPHA, wider_matrix())
    assert Hold(stamps={}, python=True).problem(wider_matrix(), project) == Problem(wider_matrix(), project)


OLD = "{alpha: '2.0.*'}"


@pytest.mark.parametrize(
    ("targets", "locked", "changes", "held"),
    [
        ("[cpu, cu126]", ("cpu", "cu126"), {}, {"cpu": "2.0.0", "cu126": "2.0.0"}),
        ("[cpu, cu126]", ("cu126",), {}, {"cu126": "2.0.0"}),
        ("[cpu, cu126]", (), {}, {}),
        ("[cpu, cu126]", ("cpu", "cu126"), {"cpu": {"alpha": "7.7"}}, {"cu126": "2.0.0"}),
        ("[cpu, cu126]", ("cpu", "cu126"), {"cu126": {"alpha": "7.7"}}, {"cpu": "2.0.0"}),
        ("[cpu, cu126]", ("cpu", "cu126"), {"cu126": {"python": "3.10"}}, {"cpu": "2.0.0"}),
        ("[cpu, cu126]", ("cpu", "cu126"), {"cpu": {"python": "3.10"}}, {"cpu": "2.0.0"}),
        ("[cpu, cu118, cu126]", ("cpu", "cu126"), {"cu126": {"alpha": "7.7"}}, {"cpu": "2.0.0"}),
        ("[cpu, cu124]", ("cpu",), {}, {"cpu": "2.0.0"}),
    ],
)
def test_each_target_keeps_what_was_chosen_where_the_facts_allow_it(
    targets: str, locked: tuple[str, ...], changes: dict[str, Any], held: dict[str, str]
) -> None:
    """Nothing serves alpha in cu124, and that takes nothing from the targets that have a lock."""
    before = resolutions(project_text(OLD))
    stamps = {
        name: stamp_of(row, chosen={**stamped(row), **changes.get(name, {})}, moved={"alpha": f"alpha moved in {name}"})
        for name, row in before.items()
        if name in locked
    }
    project = project_of(project_text("{alpha: '*'}", targets=targets), wider_matrix())
    found = held_choices(wider_matrix(), project, stamps)
    assert {name: str(row.choices[0].release.version) for name, row in found.items()} == held
    for name, row in found.items():
        assert row.project == project.for_target(name)
        assert dict(row.moved) == {"alpha": f"alpha moved in {name}"}
        assert str(row.python) == stamps[name].chosen["python"]
        everything = "cpu" if "cu124" in targets else f"all of {targets[1:-1]}"  # cu124 has no choice, so it is left aside
        assert row.pins[0].because[0].text == f"newest python >=3.9 for {everything}"


BY_PLATFORM = '{own: {cuda: {linux-64: "12.6", win-64: "12.4"}}}'


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        (project_text("{alpha: '*'}"), "cpu", {"python": "3.12", "alpha": "2.1.0"}),
        (project_text("{alpha: '*'}"), "cu126", {"python": "3.12", "alpha": "2.1.0"}),
        (project_text("{gamma: '*'}"), "cu126", {"python": "3.11", "gamma": "1.1", "gamma-build": "12.4"}),
        (
            project_text("{gamma: '*'}", platforms="linux-64, win-64", targets=BY_PLATFORM),
            "own",
            {"python": "3.11", "gamma": "1.1", "gamma-build-linux-64": "12.4"},
        ),
    ],
)
def test_a_stamp_has_the_versions_and_the_cuda_of_builds_for_an_older_one(text: str, target: str, expected: Any) -> None:
    row = resolutions(text)[target]
    assert stamped(row) == expected
    for choice, platform in product(row.choices, row.platforms):
        assert is_chosen(stamp_of(row), choice, row.target, platform)
        assert not is_chosen(stamp_of(row, chosen={**expected, choice.release.framework: "0"}), choice, row.target, platform)


# --- frameworks that differ -----------------------------------------------------------------------------------------------


THREE = "[cpu, cu118, cu126]"


def differing(frameworks: str, more: str = "", **tool: tuple[str, str]) -> Any:
    """The error about a project of three targets; `tool` has the version of a package on linux-64 and win-64, by target."""
    matrix = wider_matrix()
    project, apart = (project_of(project_text(frameworks, THREE, more=row), matrix) for row in (more, "align: false"))
    platforms = ("linux-64", "win-64")
    cells: Any = {
        (name, each): {"tool": (row, "0")} for name, rows in tool.items() for each, row in zip(platforms, rows, strict=True)
    }
    why = [Differing(package="other", versions={}, because="no"), Differing(package="tool", versions={}, because="old needs it")]
    try:
        check_numerics(matrix, project, resolve(matrix, apart), cells, why, locked=False)
    except NoSolution as error:
        return error
    return None


WITH = "{alpha: {version: '*', with: [alphavision]}}"
TOOL = "numerics: {also: [tool]}"
SAME = {"cpu": ("1", "1"), "cu118": ("1", "2"), "cu126": ("", "2")}
APART = "alpha: 2.1.0 (cpu, cu126), 2.0.0 (cu118): alpha 2.1.0 has no CUDA 11.8 build for linux-64"


@pytest.mark.parametrize(
    ("text", "more", "tool", "said", "line"),
    [
        ("{alpha: '*'}", "", {}, [APART], "2:14"),
        ("{alpha: '2.0.*'}", "", {}, [], ""),
        (WITH, "", {}, [APART], "2:14"),
        (WITH, "numerics: {may-differ: [alpha]}", {}, [], ""),
        ("{alpha: '2.0.*', alphavision: '*'}", "", {}, [], ""),
        ("{}", TOOL, SAME, ["tool: 1 (cpu), 2 (cu118, cu126) on win-64: old needs it"], "6:1"),
        ("{}", TOOL, {**SAME, "cu126": ("3", "3")}, ["tool: 1 (cpu, cu118), 3 (cu126) on linux-64: old needs it"], "6:1"),
        ("{}", f"{TOOL}\ndependencies: [other, tool]", SAME, ["tool: 1 (cpu), 2 (cu118, cu126) on win-64: old needs it"], "7:23"),
        ("{}", "numerics: {also: [tool], may-differ: [tool]}", SAME, [], ""),
        (WITH, TOOL, SAME, [APART, "tool: 1 (cpu), 2 (cu118, cu126) on win-64: old needs it"], "2:14"),
    ],
)
def test_frameworks_and_libraries_are_the_same_in_all_targets(text: str, more: str, tool: Any, said: list[str], line: str) -> None:
    error = differing(text, more, **tool)
    if not said:
        assert error is None
        return
    assert error.what.splitlines() == ["demo: the targets would not compute with the same:", *(f"  {row}" for row in said)]
    assert str(error.where) == f"environments/demo/project.yaml:{line}"
    names = ", ".join(row.partition(":")[0] for row in said)
    assert (
        error.hint == f"request versions that all targets can have, or let them differ with `numerics: {{may-differ: [{names}]}}`"
    )


def test_locks_that_stay_are_held_to_what_the_project_says_now() -> None:
    rows = resolutions(project_text("{alpha: '*'}", "[cpu, cu118]", more="align: false"))

    def checked(text: str, names: Iterable[str]) -> Any:
        found: Any = SimpleNamespace(
            project=project_of(text, wider_matrix()),
            held={name: rows[name] for name in names},
            locked=SimpleNamespace(packages=lambda targets: {(name, "linux-64"): {} for name in targets}),
        )
        try:
            check_locked(wider_matrix(), found)
        except NoSolution as error:
            return error.what
        return None

    aligned = project_text("{alpha: '*'}", "[cpu, cu118]", channels="vendor, conda-forge")
    assert checked(aligned, ["cpu", "cu118"]) == (
        "demo: the targets would not compute with the same:\n  "
        "alpha: 2.1.0 (cpu), 2.0.0 (cu118): alpha 2.1.0 has no CUDA 11.8 build for linux-64"
    )
    assert checked(aligned, ["cpu"]) is None
    assert checked(f"{aligned}numerics: {{also: [not-there]}}\n", ["cpu"]) is None  # nothing to compare with
    assert checked(f"{aligned}align: false\n", ["cpu", "cu118"]) is None


@pytest.mark.parametrize(
    ("target", "newest", "because"),
    [("cu118", True, "the reason"), ("cpu", True, ""), ("cu118", False, "")],
)
def test_why_a_framework_differs_is_what_kept_its_version_from_that_target(target: str, newest: bool, because: str) -> None:
    cpu, cuda = resolutions(project_text("{alpha: '*'}", "[cpu, cu118]", more="align: false")).values()
    release = (cpu if newest else cuda).choices[0].release
    met = Obstacle(reason=Reason("the reason"), target=target, platform="linux-64", release=release.at)
    (found,) = _frameworks([cpu, replace(cuda, obstacles=(met,))])
    assert (found.name, found.because) == ("alpha", because)
