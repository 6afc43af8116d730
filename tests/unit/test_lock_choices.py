"""What is chosen for a project that has locks, and why: what stays, what moves, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from unit.site import Row, Site
from unit.small import ALPHA, CUDA, project_of, real_matrix
from unit.test_lock_whole import OFFLINE, Log, failure, run, told

from envgen.lock.decide import Holdings
from envgen.model.alignment import Differing
from envgen.model.run import Outcome

CPU, ALL = ("cpu",), ("cpu", "cuda126", "cuda118")


def builds(name: str, version: str, *minors: int, flavours: Iterable[str] = CPU) -> list[Row]:
    """Builds of a framework for some Pythons."""
    return [
        Row(name, version, f"{flavour}_py3{minor}_0", (f"python 3.{minor}.*",), "linux-64")
        for minor in minors
        for flavour in flavours
    ]


BASE = [
    *(Row("python", f"3.{minor}.0") for minor in (9, 10, 11, 12)),
    *(Row("cuda-version", version) for version in ("11.8", "12.6")),
    Row("lib", "1.0"),
    Row("old", "1.0", depends=("alpha <2.1",)),
    Row("new", "1.0", depends=("alpha >=2.1",)),
    Row("py11", "1.0", depends=("python 3.11.*",)),
    Row("py12", "1.0", depends=("python 3.12.*",)),
    Row("on118", "1.0", depends=("cuda-version 11.8.*",)),
]
OLD = [*BASE, *builds("alpha", "2.0.0", 9, 10, 11, flavours=ALL)]
NEW = [*OLD, *builds("alpha", "2.1.0", 10, 11, 12, flavours=ALL[:2])]
BETA = [
    *(Row("beta", version) for version in ("3.0.0", "3.1.0")),
    *builds("betalib", "3.0.0", 10, 11, flavours=ALL[:2]),
    *builds("betalib", "3.1.0", 11, 12, flavours=ALL[:2]),
]


def text(own: str = "", targets: str = "[cpu]", frameworks: str = "{alpha: '*'}", python: str = ">=3.9", more: str = "") -> str:
    return (
        f'python: "{python}"\nframeworks: {frameworks}\ntargets: {targets}\nplatforms: [linux-64]\nchannels: [conda-forge]\n'
        f"dependencies: [{own}]\n{more}"
    )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A repository without projects, and the older of the two alphas."""
    return Site(tmp_path, OLD)


@dataclass(frozen=True)
class Is:
    """What became of a target: the Python, alpha and beta of it, what is said of them, and which of its packages moved.

    By what they were forced, and why a version is not the locked one, is not compared here.
    """

    state: str
    python: str
    alpha: str = ""
    beta: str = ""
    notes: tuple[str, ...] = ()
    why: Mapping[str, str] = field(default_factory=dict)
    moved: tuple[str, ...] = ()


def became(row: Outcome) -> Is:
    chosen = {choice.release.framework: str(choice.release.version) for choice in row.resolution.choices}
    moved = [move for changes in row.changes.values() for move in changes.moved]
    return Is(
        state=row.state,
        python=str(row.resolution.python),
        alpha=chosen.get("alpha", ""),
        beta=chosen.get("beta", ""),
        notes=tuple(note for note in row.notes if " as locked: " not in note),
        why=dict(row.resolution.moved),
        moved=tuple(f"{row.name} {row.old} -> {row.new}{', forced' if row.because else ''}" for row in moved),
    )


def locks(site: Site, channel: list[Row], project: str, log: Log | None = None, **asked: Any) -> dict[str, Is]:
    """Publish packages, write the project, lock it."""
    site.channel(channel)
    site.project(project)
    found = run(site, log, **asked)
    assert not found.failures, told(found.failures[0].error)
    return {row.resolution.target.name: became(row) for row in found.outcomes}


LACKS = "alpha 2.0.0, not 2.1.0: the index holds no CPU build of alpha 2.1.0 for linux-64 that this project can use"
NEEDS = "alpha 2.0.0, not 2.1.0: old 1.0 (environments/p/project.yaml:6) needs alpha <2.1"
UP = "alpha 2.0.0 -> 2.1.0"


@pytest.mark.parametrize(
    ("channel", "project", "asked", "expected"),
    [
        (NEW, text("lib"), {}, Is("unchanged", "3.11", "2.0.0")),
        (NEW, text(), {}, Is("relocked", "3.11", "2.0.0")),
        (NEW, text(), {"packages": ("alpha",)}, Is("relocked", "3.11", "2.1.0", moved=(UP,))),
        (OLD, text(), {"packages": ("alpha",)}, Is("relocked", "3.11", "2.0.0")),
        (
            NEW,
            text(),
            {"packages": ("python",)},
            Is("relocked", "3.12", "2.1.0", moved=(f"{UP}, forced", "python 3.11.0 -> 3.12.0")),
        ),
        (NEW, text(), {"update": True}, Is("relocked", "3.12", "2.1.0", moved=(UP, "python 3.11.0 -> 3.12.0"))),
        (
            NEW,
            text(python="3.12"),
            {},
            Is("relocked", "3.12", "2.1.0", moved=(f"{UP}, forced", "python 3.11.0 -> 3.12.0, forced")),
        ),
        (NEW, text("new"), {}, Is("relocked", "3.11", "2.1.0", moved=(f"{UP}, forced",))),
        (NEW, text("old"), {"update": True}, Is("relocked", "3.11", "2.0.0", notes=(NEEDS,), why={"alpha": NEEDS})),
    ],
)  # fmt: skip
def test_what_is_locked_moves_only_where_it_has_to_or_is_to(
    channel: list[Row], project: str, asked: Any, expected: Is, site: Site
) -> None:
    assert locks(site, OLD, text("lib")) == {"cpu": Is("locked", "3.11", "2.0.0", notes=(LACKS,))}
    assert locks(site, channel, project, **asked) == {"cpu": expected}


def test_a_python_stays_although_there_is_a_newer_one(site: Site) -> None:
    project = text("lib").replace("frameworks: {alpha: '*'}\n", "")
    why = "python 3.11, not 3.12: it has no solution for cpu on linux-64"
    without = [row for row in BASE if row.version != "3.12.0"]
    first = {"cpu": Is("locked", "3.11", notes=(why,), why={"python": why})}
    assert locks(site, without, project) == first
    assert locks(site, BASE, project.replace("[lib]", "[]"))["cpu"].python == "3.11"
    assert locks(site, BASE, project, packages=("python",)) == {"cpu": Is("relocked", "3.12", moved=("python 3.11.0 -> 3.12.0",))}


def test_a_package_stays_until_it_is_updated_or_all_are(site: Site) -> None:
    newer = [*OLD, Row("lib", "2.0")]
    for asked, version in (
        ({}, "1.0"),
        ({"packages": ("alpha",)}, "1.0"),
        ({"packages": ("lib",)}, "2.0"),
        ({"update": True}, "2.0"),
    ):
        locks(site, OLD, text("lib, old"), update=True)
        assert site.locked()["lib"] == "1.0"
        moved = ("lib 1.0 -> 2.0",) if version == "2.0" else ()
        assert locks(site, newer, text("lib"), **asked)["cpu"].moved == moved
        assert site.locked()["lib"] == version


def test_what_is_to_be_the_newest_of_two_frameworks_leaves_the_other_as_it_is(site: Site) -> None:
    both = text(frameworks="{alpha: '*', beta: '*'}", python="3.11")
    first = Is("locked", "3.11", "2.0.0", "3.0.0", notes=(LACKS,))
    assert locks(site, [*OLD, *BETA], both) == {"cpu": first}
    channel = [*NEW, *BETA]
    assert locks(site, channel, both, packages=("alpha",)) == {"cpu": Is("relocked", "3.11", "2.1.0", "3.0.0", moved=(UP,))}
    beta = ("beta 3.0.0 -> 3.1.0", "betalib 3.0.0 -> 3.1.0, forced")
    assert locks(site, channel, both, packages=("beta",)) == {"cpu": Is("relocked", "3.11", "2.1.0", "3.1.0", moved=beta)}


def test_a_framework_stays_where_the_other_and_the_python_have_to_move(site: Site) -> None:
    """Choices are held one by one: of those that a new dependency leaves, none moves."""
    both = text(frameworks="{alpha: '*', beta: '*'}", python=">=3.10")
    locks(site, [*OLD, *BETA], both)
    found = locks(site, [*NEW, *BETA], text("new", frameworks="{alpha: '*', beta: '*'}", python=">=3.10"))
    assert found == {"cpu": Is("relocked", "3.11", "2.1.0", "3.0.0", moved=(f"{UP}, forced",))}
    locks(site, [*OLD, *BETA], both, update=True)
    found = locks(site, [*NEW, *BETA], text("py12", frameworks="{alpha: '*', beta: '*'}", python=">=3.10"))
    assert (found["cpu"].python, found["cpu"].alpha, found["cpu"].beta) == ("3.12", "2.1.0", "3.1.0")


def apart(cpu: str, cuda: str) -> str:
    """Two targets that need not agree, with dependencies of their own."""
    return text(targets=f"{{cpu: {{dependencies: [{cpu}]}}, cu126: {{dependencies: [{cuda}]}}}}", more="align: false\n")


def test_a_target_with_nothing_new_stays_as_a_whole_as_long_as_its_python_does(site: Site) -> None:
    locks(site, OLD, apart("", ""))
    log = Log()
    found = locks(site, NEW, apart("", "new"), log)
    assert found == {
        "cpu": Is("unchanged", "3.11", "2.0.0"),
        "cu126": Is("relocked", "3.11", "2.1.0", moved=(f"{UP}, forced",)),
    }
    assert log.rows[2:5] == ["solving (1)", "- p-cu126 linux-64", "end"]  # the other is answered by its lock
    found = locks(site, NEW, apart("", "new, py12"))
    moved = "python 3.11.0 -> 3.12.0, forced"
    build = "alpha 2.1.0 cuda126_py311_0 -> 2.1.0 cuda126_py312_0, forced"
    assert found == {
        "cpu": Is("relocked", "3.12", "2.1.0", moved=(f"{UP}, forced", moved)),
        "cu126": Is("relocked", "3.12", "2.1.0", moved=(build, moved)),
    }


def test_frameworks_stay_where_the_python_has_to_move(site: Site) -> None:
    without = [row for row in OLD if (row.name, row.version) not in (("python", "3.11.0"), ("python", "3.12.0"))]
    locks(site, without, apart("", ""))
    found = locks(site, NEW, apart("py11", ""))
    assert {name: (row.python, row.alpha) for name, row in found.items()} == {"cpu": ("3.11", "2.0.0"), "cu126": ("3.11", "2.0.0")}
    assert found["cpu"].moved[-1] == "python 3.10.0 -> 3.11.0, forced"


def test_a_new_target_takes_what_the_locked_one_has(site: Site) -> None:
    locks(site, OLD, text("old"))
    log = Log()
    found = locks(site, NEW, text("old", "[cpu, cu126]"), log)
    assert found["cpu"].state == "unchanged"
    assert found["cu126"] == Is("locked", "3.11", "2.0.0")
    assert log.rows[2:5] == ["solving (1)", "- p-cu126 linux-64", "end"]
    assert locks(site, NEW, text("old", "[cpu, cu126]"), targets=("cpu",)) == {"cpu": found["cpu"]}


@pytest.mark.parametrize(
    ("project", "asked", "stays"),
    [
        (text("old"), {}, True),
        (text("lib, old"), {}, True),
        (text("old", "[cpu, cu126]"), {}, True),
        (text("old"), OFFLINE, True),
        (text("lib"), {}, False),
        (text("lib"), OFFLINE, False),
        (f"# a comment above\n{text('old')}", {}, False),
        (text("lib").replace("[lib]", "[\n  old]"), {}, False),
    ],
)
def test_a_reason_that_cites_a_line_of_the_project_goes_with_it(project: str, asked: Any, stays: bool, site: Site) -> None:
    """The version stays as it is locked; nothing is said of it that is not so any more."""
    locks(site, NEW, text("old, lib"))
    found = locks(site, NEW, project, **asked)["cpu"]
    assert (found.alpha, found.why) == ("2.0.0", {"alpha": NEEDS} if stays else {})


def test_a_virtual_package_that_a_target_does_not_promise_is_named(site: Site) -> None:
    channel = [*OLD, *(replace(row, depends=(*row.depends, "level >=3")) for row in NEW if row not in OLD)]
    found = locks(site, [*channel, Row("level", "3", depends=("__archspec 1 x86_64_v3",))], text())
    why = "alpha 2.0.0, not 2.1.0: it needs __archspec ==1 x86_64_v3, which is not promised for cpu on linux-64"
    assert found == {"cpu": Is("locked", "3.11", "2.0.0", notes=(why,), why={"alpha": why})}


@pytest.mark.parametrize("asked", [{}, OFFLINE])
def test_a_reason_that_cites_a_framework_goes_with_it(asked: Any, site: Site) -> None:
    """Frameworks share a line, as in `frameworks: {alpha: "*", beta: "*"}`."""
    channel = [*NEW, Row("beta", "3.0.0"), Row("betalib", "3.0.0", "cpu_py311_0", ("python 3.11.*", "alpha <2.1"), "linux-64")]
    both, at = "{alpha: '*', beta: '*'}", "environments/p/project.yaml:2"
    why = {"alpha": f"alpha 2.0.0, not 2.1.0: beta 3.0.0 ({at}) needs alpha <2.1"}
    assert locks(site, channel, text(frameworks=both))["cpu"].why == why
    assert locks(site, channel, text(), **asked)["cpu"].why == {}


def test_a_reason_stays_with_what_is_held_and_with_the_recorded_index(site: Site) -> None:
    assert locks(site, NEW, text("old, lib"))["cpu"].why == {"alpha": NEEDS}
    assert locks(site, NEW, text("old"))["cpu"].why == {"alpha": NEEDS}
    found = locks(site, NEW, text("old"), **OFFLINE, update=True)
    assert found == {"cpu": Is("relocked", "3.11", "2.0.0", notes=(NEEDS,), why={"alpha": NEEDS})}  # which says more than LACKS
    # another choice has reasons of its own, and so has the same one without the lock
    assert locks(site, OLD, text("old"), update=True) == {"cpu": Is("relocked", "3.11", "2.0.0", notes=(LACKS,))}
    assert locks(site, NEW, text("old, lib"), update=True)["cpu"].why == {"alpha": NEEDS}
    assert locks(site, NEW, text("new"))["cpu"].why == {}
    assert locks(site, NEW, text("py11"), update=True)["cpu"].why == {
        "python": "python 3.11, not 3.12: py11 1.0 (environments/p/project.yaml:6) needs python 3.11.*"
    }


# --- targets and platforms that the index cannot serve --------------------------------------------------------------------

INSTEAD = "target cu118, not cu126: there is no solution with on118 (environments/p/project.yaml:6)"


def test_a_target_that_is_left_open_is_the_newest_that_solves_and_says_why(site: Site) -> None:
    first = Is("locked", "3.11", "2.0.0", notes=(INSTEAD,), why={"target": INSTEAD})
    assert locks(site, NEW, text("on118", "[gpu]")) == {"cu118": first}
    stays = Is("relocked", "3.11", "2.0.0", notes=(INSTEAD,), why={"target": INSTEAD})
    assert locks(site, NEW, text("on118, lib", "[gpu]")) == {"cu118": stays}
    assert locks(site, NEW, text("on118", "[gpu]"), **OFFLINE) == {"cu118": stays}
    last = locks(site, NEW, text("on118", "[gpu]"))
    assert {name: (row.state, row.why) for name, row in last.items()} == {"cu118": ("unchanged", {"target": INSTEAD})}
    assert locks(site, NEW, text("on118, lib", "[cu118]")) == {"cu118": Is("relocked", "3.11", "2.0.0")}  # it is named now
    lacks = "target cu118, not cu126: the index holds no CUDA 12.6 build of alpha 2.1.0 for linux-64 that this project can use"
    found = locks(site, [*BASE, *builds("alpha", "2.0.0", 11, flavours=["cuda118"])], text("", "[gpu]"), update=True)
    assert found == {"cu118": Is("relocked", "3.11", "2.0.0", notes=(lacks,), why={"target": lacks})}


def test_a_platform_that_the_index_cannot_serve_is_dropped_and_that_is_said(site: Site) -> None:
    """Not one that the facts leave out: cu126 is not for macOS."""
    project = text("", "[cpu, cu126]").replace("[linux-64]", "[linux-64, osx-arm64]")
    note = "osx-arm64 dropped by the index: the index holds no CPU build of alpha 2.1.0 for osx-arm64 that this project can use"
    assert locks(site, NEW, project) == {
        "cpu": Is("locked", "3.12", "2.1.0", notes=(note,)),
        "cu126": Is("locked", "3.12", "2.1.0"),
    }


# --- what has no solution -------------------------------------------------------------------------------------------------


def test_what_has_no_solution_is_told_with_the_solvers_words_and_what_to_do(site: Site) -> None:
    site.channel(NEW)
    site.project(text("lib, old", frameworks="{alpha: '>=2.1'}"))
    what, where, hint = told(failure(site))
    assert (what.partition("Cannot solve")[0], where, hint) == (
        f"""p: for cpu on linux-64 these have no solution together in {site.index}; without any one of them there is one:
  environments/p/project.yaml:2:14: alpha >=2.1
  environments/p/project.yaml:6:21: old

repairs, nearest first, each tried with the solver:
  1. alpha >=2.1 -> 2.0.0
       cpu: alpha 2.0.0, python 3.11
  2. drop old
       cpu: alpha 2.1.0, python 3.12

the solver says of the best choice:
p-cpu on linux-64: no solution in {site.index}
""",
        "environments/p/project.yaml:2:14",
        f"change one of these, or try another index: {site.index} may not hold every published package",
    )


def test_the_solver_is_asked_about_the_best_choice_that_the_index_has(site: Site) -> None:
    site.project(text("'lib 3.*'"))
    assert "  - alpha 2.0.0.* cpu_*\n" in failure(site).what


def test_what_the_index_lacks_is_told_with_the_facts_that_say_otherwise(site: Site) -> None:
    site.channel(BASE)
    site.project(text("lib"))
    what, where, hint = told(failure(site))
    assert what.splitlines()[:5] == [
        f"p: for cpu these have no solution together in {site.index}; without any one of them there is one:",
        "  environments/p/project.yaml:2:14: alpha",
        "  matrices/alpha.yaml:19:5: the index holds no CPU build of alpha 2.1.0 for linux-64 that this project can use",
        "  matrices/alpha.yaml:24:5: the index holds no CPU build of alpha 2.0.0 for linux-64 that this project can use",
        "",
    ]
    assert what.splitlines()[5] == "the solver says of the best choice:"
    assert "No candidates were found for alpha 2.1.0.* cpu_*." in what
    assert where == "environments/p/project.yaml:2:14"
    assert hint == (
        f"change one of these, or try another index: {site.index} may not hold every published package; "
        "`envgen matrix verify` checks every fact against the channels"
    )
    site.channel(NEW)
    run(site)
    site.project(text("lib", frameworks="{alpha: '2.0.*'}"))
    assert told(failure(site, **OFFLINE))[2] == (
        "the recorded index (environments/index) has only the packages of the committed locks: lock from live channels, or give "
        "--index DIR"
    )


def test_the_packages_of_all_spellings_for_conda_are_asked_for_at_once() -> None:
    asked: list[tuple[set[str], str]] = []

    class Fetching:
        """An index that is only asked in advance."""

        def fetch(self, names: set[str], channel: Any, platform: str) -> None:
            asked.append((names, f"{channel.text} {platform}"))

    project = project_of(
        'python: "3.12"\nframeworks: {jax: "*"}\ntargets: {cpu: , cu129: {platforms: [linux-aarch64]}}\nplatforms: [linux-64]\n'
        "channels: [conda-forge, other]\n",
        real_matrix(),
    )
    Holdings(real_matrix(), Fetching()).of(project)  # type: ignore[arg-type]
    names = {"python", "jax", "jaxlib", "cuda-version", "cudatoolkit"}
    places = [f"{channel} {platform}" for platform in ("linux-64", "linux-aarch64") for channel in ("conda-forge", "other")]
    assert asked == [(names, place) for place in places]


# --- what targets share ---------------------------------------------------------------------------------------------------

SHARED = [
    *OLD,
    *(Row("shared", version) for version in ("1.0", "2.0", "3.0")),
    Row("for-cuda", "1.0", depends=("shared <3",)),
    Row("for-cpu", "1.0", depends=("shared >=3",)),
    *(Row("blas", "1.0", f"h_{kind}") for kind in ("mkl", "openblas")),
    *(Row(f"on-{kind}", "1.0", depends=(f"blas * *{kind}",)) for kind in ("mkl", "openblas")),
]
NUMERICS = """\
because: https://own.example
numerics:
  - {name: shared, conda: [shared]}
  - {name: blas, conda: [blas], by-build: true, because: https://own.example}
packages: []
"""


def both(cpu: str, cuda: str, more: str = "") -> str:
    """Two targets that share `shared`, with dependencies of their own."""
    targets = f"{{cpu: {{dependencies: [shared, {cpu}]}}, cu126: {{dependencies: [shared, {cuda}]}}}}"
    return text(targets=targets, more=more)


def shared(site: Site, name: str = "shared") -> dict[str, str]:
    return {target: site.locked(target).get(name, "") for target in ("cpu", "cu126")}


def test_targets_share_versions_and_what_differs_is_told_but_for_cudas_own(site: Site) -> None:
    site.channel(SHARED)
    site.project(both("", "for-cuda"))
    assert [row.differing for row in run(site).outcomes] == [(), ()]
    assert shared(site) == {"cpu": "2.0", "cu126": "2.0"}
    site.project(both("for-cpu", "for-cuda"))
    found = run(site, targets=("cpu",)).outcomes
    apart = Differing("shared", {"cu126/linux-64": "2.0", "cpu/linux-64": "3.0"}, "for-cpu 1.0 needs shared >=3")
    assert [row.differing for row in found] == [(apart,)]
    assert shared(site) == {"cpu": "3.0", "cu126": "2.0"}
    site.project(both("for-cpu", "for-cuda", "align: false\n"))
    assert [row.differing for row in run(site, update=True).outcomes] == [None, None]
    three = "{cpu: {dependencies: [for-cpu]}, cu126: {dependencies: [for-cuda]}, cu118: }"
    site.project(text(targets=three))
    by_target = {
        row.resolution.target.name: [one.package for one in row.differing or ()] for row in run(site, update=True).outcomes
    }
    assert by_target == {"cpu": ["shared"], "cu126": ["shared"], "cu118": []}  # which has none
    site.project(text(targets="[cu118, cu126]"))
    assert [row.differing for row in run(site, update=True).outcomes] == [(), ()]
    assert [site.locked(target)["cuda-version"] for target in ("cu118", "cu126")] == ["11.8", "12.6"]


def test_what_decides_the_numbers_is_the_same_in_all_targets(site: Site) -> None:
    (site.root / "matrices/packages.yaml").write_text(NUMERICS, encoding="utf-8")
    site.channel(SHARED)
    for kind in ("mkl", "openblas"):
        site.project(both(f"on-{kind}", "blas"))
        assert not run(site, update=True).failures
        builds = [site.path(target).read_text(encoding="utf-8").count(f"blas-1.0-h_{kind}.conda") for target in ("cpu", "cu126")]
        assert builds == [1, 1]
    site.project(both("for-cpu", "for-cuda"))
    what = "p: the targets would not compute with the same:\n  shared: 3.0 (cpu), 2.0 (cu126) on linux-64: for-cpu 1.0 needs shared >=3"
    error = failure(site, update=True)
    assert error.what == what
    assert error.hint.startswith("request versions that all targets can have")
    assert failure(site).hint.startswith("`envgen update p` moves what is locked, too; otherwise request versions")
    before = site.files()
    site.project(both("for-cpu", "for-cuda", "align: false\n"))
    assert not run(site).failures
    assert before.keys() == site.files().keys()


def test_a_locked_build_that_is_wrong_by_the_facts_of_today_moves_and_says_so(site: Site) -> None:
    """The facts of a framework come after the lock."""
    on_cpu = [*BASE, Row("bringer", "1.0", depends=("gamma",)), *builds("gamma", "2.0.0", 11)]
    site.channel(on_cpu)
    project = text("bringer", "[cu126]", python="3.11").replace("frameworks: {alpha: '*'}\n", "")
    site.project(project)
    assert not run(site).failures
    (site.root / "matrices/gamma.yaml").write_text(ALPHA.replace("alpha", "gamma"), encoding="utf-8")
    site.channel([*on_cpu, *builds("gamma", "2.0.0", 11, flavours=ALL[1:2])])
    moved = ("gamma 2.0.0 cpu_py311_0 -> 2.0.0 cuda126_py311_0, forced",)
    site.project(project.replace("[bringer]", "[bringer, lib]"))
    (found,) = run(site).outcomes
    assert became(found) == Is("relocked", "3.11", moved=moved)
    (change,) = found.changes["linux-64"].moved
    assert change.because == "`envgen verify` refuses this build in the target"
    site.channel(on_cpu)
    error = failure(site, update=True)
    assert "no solution without a build that `verify` refuses\n  cpu-build: gamma 2.0.0 cpu_py311_0 (linux-64): " in error.what


def test_a_new_template_needs_no_index(site: Site) -> None:
    site.project(text("lib", "[cpu, cu126]"))
    run(site)
    before = site.locked("cpu")
    path = site.root / "templates/environment.yml.j2"
    path.write_text(path.read_text(encoding="utf-8") + "# another line\n", encoding="utf-8")
    found = run(site, index_folder=Path("/nowhere"))
    assert [became(row) for row in found.outcomes] == [Is("relocked", "3.11", "2.0.0"), Is("relocked", "3.11", "2.0.0")]
    assert site.locked("cpu") == before
    assert (site.path().parent / "environment.yml").read_text(encoding="utf-8").endswith("# another line\n")


def test_a_build_for_an_older_minor_is_taken_where_that_of_the_target_does_not_solve(site: Site) -> None:
    path = site.root / "matrices/alpha.yaml"
    builds_of_both = ALPHA.replace('["11.8", "12.6"]', '["12.4", "12.6"]')
    path.write_text(builds_of_both.replace("      cpu:", "      newer-minor: true\n      cpu:", 1), encoding="utf-8")
    path = site.root / "matrices/cuda.yaml"
    older = 'toolkits:\n  - {version: "12.4", linux: "550.54.14", windows: "551.61", capabilities: ["5.0", "9.0"]}'
    path.write_text(CUDA.replace("toolkits:", older), encoding="utf-8")
    broken = [replace(row, depends=(*row.depends, "missing")) for row in builds("alpha", "2.0.0", 11, flavours=ALL[1:2])]
    site.channel([*BASE, *broken, *builds("alpha", "2.0.0", 11, flavours=["cuda124"])])
    site.project(text(targets="[cu126]"))
    (found,) = run(site).outcomes
    assert (found.resolution.target.name, str(found.resolution.choices[0].variant)) == ("cu126", "12.4")
    assert "alpha-2.0.0-cuda124_py311_0.conda" in site.recorded()
