"""What a lock keeps of what was chosen, and what targets must have the same of: without a solve."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from conftest import REPO
from unit.small import project_of, real_matrix, refused, small_matrix

from envgen.formats.conda_lock import read_stamp
from envgen.lock import hold
from envgen.lock.hold import Hold, held_choices, of_one_python
from envgen.lock.numerics import Unequal, check_numerics
from envgen.model.errors import NoSolution
from envgen.model.layout import LOCK, Layout
from envgen.model.run import Stamp
from envgen.project.load import load_project
from envgen.resolver.resolve import Problem, answer


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
        return answer(problem)

    one = dict([next(iter(stamps.items()))])
    found = [held_choices(real_matrix(), project, held) for held in (stamps, one)]
    monkeypatch.setattr(hold, "answer", among_all)
    for held, rows in zip((stamps, one), found, strict=True):
        expected = held_choices(real_matrix(), project, held)
        assert rows.keys() == expected.keys() == held.keys()
        assert [replace(row, obstacles=()) for row in rows.values()] == [replace(row, obstacles=()) for row in expected.values()]
    releases = real_matrix().frameworks[project.frameworks[0].framework].releases
    target = next(row for row in real_matrix().targets.values() if row.name in stamps)
    assert [release for release in releases if asked[0](target, release)] != list(releases)


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
