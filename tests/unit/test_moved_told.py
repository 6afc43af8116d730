"""Why a version is not the newest or not the locked one, word for word: whole locks of made-up packages, one after the other."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from unit.site import Row, Site
from unit.small import FILES
from unit.test_lock_choices import ALL, BETA, NEW, OLD, apart, builds, text
from unit.test_lock_whole import run, told

FILE = "environments/p/project.yaml"
AB = "{alpha: '*', beta: '*'}"
CPU_CUDA = "[cpu, cu126]"
FOR_WINDOWS = [replace(row, subdir="win-64") for row in builds("alpha", "2.1.0", 10, 11, 12)]
BUILDS = {"cpu": "CPU build", "cuda": "CUDA 12.6 build"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, OLD)


def words(site: Site, channel: list[Row], project: str) -> dict[str, list[str]]:
    """What is said of each target that is locked, in notes and for packages that moved."""
    site.channel(channel)
    site.project(project)
    found = run(site)
    assert not found.failures, told(found.failures[0].error)
    return {
        row.resolution.target.name: [
            *row.notes,
            *(f"{one.name} {one.old} -> {one.new}: {one.because}" for some in row.changes.values() for one in some.moved),
        ]
        for row in found.outcomes
    }


LACKS = "alpha 2.0.0, not 2.1.0: the index holds no CPU build of alpha 2.1.0 for linux-64 that this project can use"
OLD_NEEDS = f"old 1.0 ({FILE}:6) needs alpha <2.1"
OLD_FORCES = f"old 1.0 ({FILE}:6) needs alpha 2.0.0, which needs python 3.11.*"
PY_312_TO_311 = "python 3.12.0 -> 3.11.0: `python 3.11.*` is chosen"
BETA_310 = "python 3.10, not 3.11: the index holds the CPU build of beta 3.0.0 for linux-64 only for python 3.10"
BETA_LACKS = "beta 3.0.0, not 3.1.0: the index holds no CPU build of beta 3.1.0 for linux-64 that this project can use"
BETA_MOVES = ["beta 3.1.0 -> 3.0.0: `beta 3.0.0.*` is chosen", "betalib 3.1.0 -> 3.0.0: `betalib 3.0.0.* cpu_*` is chosen"]
ALPHA_DOWN = "alpha 2.1.0 -> 2.0.0: `alpha 2.0.0.* cpu_*` is chosen"
NEEDS_312 = "{0} cpu_py312_0 -> {1} cpu_py311_0: {2} needs python 3.12.*"


@pytest.mark.parametrize(
    ("channel", "project", "said"),
    [
        (OLD, text("lib"), [LACKS]),
        (NEW, text("lib"), []),
        (NEW, text("old"), [f"alpha 2.0.0, not 2.1.0: {OLD_NEEDS}"]),
        (
            [*NEW, Row("deep", "1.0", depends=("old",))],
            text("deep"),
            [f"alpha 2.0.0, not 2.1.0: deep 1.0 ({FILE}:6) needs old 1.0, which needs alpha <2.1"],
        ),
        (NEW, text("py11"), [f"python 3.11, not 3.12: py11 1.0 ({FILE}:6) needs python 3.11.*"]),
        (
            [*OLD, *builds("alpha", "2.1.0", 10)],
            text("py11"),
            [f"alpha 2.0.0, not 2.1.0: py11 1.0 ({FILE}:6) needs python 3.11.*, and alpha 2.1.0 needs python 3.10.*"],
        ),
        ([*NEW, *BETA[:4]], text("lib", frameworks=AB), [BETA_LACKS, BETA_310]),
        (
            [*OLD, *BETA],
            text("lib", frameworks=AB),
            [LACKS],
        ),
        (
            [*NEW, *FOR_WINDOWS[:2]],
            text("lib").replace("[linux-64]", "[linux-64, win-64]"),
            ["python 3.11, not 3.12: the index holds the CPU build of alpha 2.1.0 for win-64 only for python 3.10-3.11"],
        ),
    ],
)
def test_why_the_newest_is_not_locked(channel: list[Row], project: str, said: list[str], site: Site) -> None:
    assert words(site, channel, project) == {"cpu": said}


@pytest.mark.parametrize(
    ("cuda", "project", "cpu", "other"),
    [
        (
            builds("alpha", "2.1.0", 10, 11, 12),
            text("lib", CPU_CUDA),
            (
                "alpha 2.0.0, not 2.1.0: cu126 cannot have it: the index holds no CUDA 12.6 build of alpha 2.1.0 for linux-64 that this "
                "project can use"
            ),
            "alpha 2.0.0, not 2.1.0: the index holds no CUDA 12.6 build of alpha 2.1.0 for linux-64 that this project can use",
        ),
        (
            [*builds("alpha", "2.1.0", 10, 11, 12), *builds("alpha", "2.1.0", 10, flavours=ALL[1:2])],
            text("lib", CPU_CUDA),
            (
                "python 3.10, not 3.12: cu126 cannot have it: the index holds the CUDA 12.6 build of alpha 2.1.0 for linux-64 only for "
                "python 3.10"
            ),
            "python 3.10, not 3.12: the index holds the CUDA 12.6 build of alpha 2.1.0 for linux-64 only for python 3.10",
        ),
        (
            builds("alpha", "2.1.0", 10, 11, 12, flavours=ALL[:2]),
            text(targets="{cpu: , cu126: {dependencies: [old]}}"),
            f"alpha 2.0.0, not 2.1.0: cu126 cannot have it: {OLD_NEEDS.replace(':6', ':3')}",
            f"alpha 2.0.0, not 2.1.0: {OLD_NEEDS.replace(':6', ':3')}",
        ),
        (
            builds("alpha", "2.1.0", 10, 11, 12, flavours=ALL[:2]),
            apart("", "py11"),
            f"python 3.11, not 3.12: cu126 cannot have it: py11 1.0 ({FILE}:3) needs python 3.11.*",
            f"python 3.11, not 3.12: py11 1.0 ({FILE}:3) needs python 3.11.*",
        ),
    ],
)
def test_what_another_target_cannot_have_is_said_with_its_name(
    cuda: list[Row], project: str, cpu: str, other: str, site: Site
) -> None:
    assert words(site, [*OLD, *cuda], project) == {"cpu": [cpu], "cu126": [other]}


def test_targets_that_can_share_nothing_newer_say_so(site: Site) -> None:
    """Each alone could have the newest, with another Python."""
    rows = [*builds("alpha", "2.1.0", 10), *builds("alpha", "2.1.0", 12, flavours=ALL[1:2])]
    said = words(site, [*OLD, *rows], text("lib", CPU_CUDA))
    only = "the index holds the {} of alpha 2.1.0 for linux-64 only for python {}"
    on_cpu, on_cuda = only.format(BUILDS["cpu"], "3.10"), only.format(BUILDS["cuda"], "3.12")
    assert said == {
        "cpu": [f"alpha 2.0.0, not 2.1.0: {on_cpu}; cu126 cannot have it: {on_cuda}"],
        "cu126": [f"alpha 2.0.0, not 2.1.0: {on_cuda}; cpu cannot have it: {on_cpu}"],
    }


@pytest.mark.parametrize(
    ("channel", "project", "said"),
    [
        (
            NEW,
            text("old"),
            [
                f"alpha 2.0.0, not 2.1.0: {OLD_NEEDS}",
                f"python 3.11, not 3.12 as locked: {OLD_FORCES}",
                ALPHA_DOWN,
                PY_312_TO_311,
            ],
        ),
        (
            NEW,
            text("lib", frameworks="{alpha: '2.0.*'}"),
            [
                "python 3.11, not 3.12 as locked: the CPU builds of alpha 2.0.* are for python 3.9-3.11 (matrices/alpha.yaml:27:9)",
                f"alpha 2.0.0, not 2.1.0 as locked: 2.0.* is requested ({FILE}:2)",
                ALPHA_DOWN,
                PY_312_TO_311,
            ],
        ),
        (
            NEW,
            text("lib", python="3.11"),
            [
                f"python 3.11, not 3.12 as locked: 3.11 is requested ({FILE}:1)",
                NEEDS_312.format("alpha 2.1.0", "2.1.0", "alpha 2.1.0"),
                PY_312_TO_311,
            ],
        ),
        (
            OLD,
            text(),
            [
                (
                    "python 3.11, not 3.12 as locked: the index holds no CPU build of alpha for linux-64 and python 3.12 that this "
                    "project can use"
                ),
                LACKS,
                "alpha 2.1.0 -> 2.0.0: the index does not have it any more",
                PY_312_TO_311,
            ],
        ),
    ],
)
def test_why_what_was_locked_is_not_any_more(channel: list[Row], project: str, said: list[str], site: Site) -> None:
    assert words(site, NEW, text("lib")) == {"cpu": []}
    assert words(site, channel, project) == {"cpu": said}


@pytest.mark.parametrize(
    ("channel", "project", "said"),
    [
        (
            [*NEW, *BETA],
            text("old", frameworks=AB),
            [
                f"alpha 2.0.0, not 2.1.0: {OLD_NEEDS}",
                f"python 3.11, not 3.12 as locked: {OLD_FORCES}",
                f"beta 3.0.0, not 3.1.0 as locked: it has no solution with alpha 2.0.0 ({FILE}:2) and old 1.0 ({FILE}:6)",
                ALPHA_DOWN,
                *BETA_MOVES,
                PY_312_TO_311,
            ],
        ),
        (
            [*NEW, *BETA[:4]],
            text(frameworks=AB),
            [
                (
                    "python 3.10, not 3.12 as locked: the index holds no CPU build of beta for linux-64 and python 3.12 that this "
                    "project can use"
                ),
                BETA_LACKS,
                BETA_310,
                "alpha 2.1.0 cpu_py312_0 -> 2.1.0 cpu_py310_0: alpha 2.1.0 needs python 3.12.*",
                BETA_MOVES[0],
                "betalib 3.1.0 -> 3.0.0: the index does not have it any more",
                "python 3.12.0 -> 3.10.0: `python 3.10.*` is chosen",
            ],
        ),
        (
            [*OLD, *BETA],
            text(frameworks=AB),
            [
                (
                    "python 3.11, not 3.12 as locked: the index holds no CPU build of alpha for linux-64 and python 3.12 that this "
                    "project can use"
                ),
                (
                    "beta 3.0.0, not 3.1.0 as locked: the index holds no CPU build of alpha for linux-64 and python 3.11 that goes with "
                    "beta 3.1.0"
                ),
                LACKS,
                "alpha 2.1.0 -> 2.0.0: the index does not have it any more",
                *BETA_MOVES,
                PY_312_TO_311,
            ],
        ),
        (
            [*NEW, *BETA],
            text(frameworks="{alpha: '2.0.*', beta: '*'}"),
            [
                (
                    "python 3.11, not 3.12 as locked: the CPU builds of beta are for python 3.10-3.12 (matrices/beta.yaml:13:9); beta >=3.1 "
                    "needs alpha >=2.1 (matrices/beta.yaml:20:5)"
                ),
                f"alpha 2.0.0, not 2.1.0 as locked: 2.0.* is requested ({FILE}:2)",
                "beta 3.0.0, not 3.1.0 as locked: beta >=3.1 needs alpha >=2.1 (matrices/beta.yaml:20:5)",
                ALPHA_DOWN,
                *BETA_MOVES,
                PY_312_TO_311,
            ],
        ),
        (
            [*NEW, *BETA],
            text(frameworks=AB, python="3.11"),
            [
                f"python 3.11, not 3.12 as locked: 3.11 is requested ({FILE}:1)",
                NEEDS_312.format("alpha 2.1.0", "2.1.0", "alpha 2.1.0"),
                NEEDS_312.format("betalib 3.1.0", "3.1.0", "betalib 3.1.0"),
                PY_312_TO_311,
            ],
        ),
    ],
)
def test_why_what_was_locked_of_two_frameworks_is_not_any_more(
    channel: list[Row], project: str, said: list[str], site: Site
) -> None:
    assert words(site, [*NEW, *BETA], text("lib", frameworks=AB)) == {"cpu": []}
    assert words(site, channel, project) == {"cpu": said}


def test_why_what_was_locked_of_two_targets_is_not_any_more(site: Site) -> None:
    assert words(site, NEW, apart("lib", "lib")) == {"cpu": [], "cu126": []}
    needs, forces = (row.replace(":6", ":3") for row in (OLD_NEEDS, OLD_FORCES))
    assert words(site, NEW, apart("lib", "old")) == {
        "cpu": [
            f"python 3.11, not 3.12 as locked: cu126 cannot have it: {forces}",
            NEEDS_312.format("alpha 2.1.0", "2.1.0", "alpha 2.1.0"),
            PY_312_TO_311,
        ],
        "cu126": [
            f"alpha 2.0.0, not 2.1.0: {needs}",
            f"python 3.11, not 3.12 as locked: {forces}",
            "alpha 2.1.0 -> 2.0.0: `alpha 2.0.0.* cuda126*` is chosen",
            PY_312_TO_311,
        ],
    }


def test_of_two_locks_with_different_pythons_the_first_counts(site: Site) -> None:
    words(site, NEW, text("lib"))
    cpu = site.path().parent
    shutil.copytree(cpu, site.root.parent / "kept")
    words(site, NEW, text("py11", "[cu126]"))  # which removes the other
    shutil.copytree(site.root.parent / "kept", cpu, dirs_exist_ok=True)
    build = "alpha 2.1.0 cuda126_py311_0 -> 2.1.0 cuda126_py312_0: alpha 2.1.0 needs python 3.11.*"
    assert words(site, NEW, text("lib", CPU_CUDA)) == {
        "cpu": [],
        "cu126": [
            "python 3.12, not 3.11 as locked: the lock of cpu counts, and has another python",
            build,
            "python 3.11.0 -> 3.12.0: `python 3.12.*` is chosen",
        ],
    }


# --- two frameworks in two targets ----------------------------------------------------------------------------------------

CANNOT = "cu126 cannot have it: "
NOB = f"nob 1.0 ({FILE}:3)"


def notes(said: list[str]) -> list[str]:
    return [row for row in said if " -> " not in row]


def test_builds_that_go_together_for_no_python_are_named_with_what_they_go_with(site: Site) -> None:
    rows = [*OLD, *builds("alpha", "2.1.0", 10, 12), *BETA[:4], *builds("betalib", "3.1.0", 11)]
    only = "the index holds the CPU build of {} for linux-64 only for python {}"
    together = f"{only.format('beta 3.1.0', '3.11')}; {only.format('alpha 2.1.0', '3.10, 3.12')}, which goes with beta 3.1.0"
    expected = [f"beta 3.0.0, not 3.1.0: {together}", BETA_310]
    assert words(site, rows, text(frameworks=AB)) == {"cpu": expected}
    assert words(site, [*NEW, *BETA], text(frameworks="{alpha: '>=2.1', beta: '3.1.*'}", python="3.12"))
    again = words(site, rows, text("lib", frameworks=AB))["cpu"]
    lacks = "python 3.10, not 3.12 as locked: the index holds no CPU build of beta for linux-64 and python 3.12 that this project can use"
    assert notes(again) == [lacks, *expected]


def test_the_builds_that_the_index_has_only_for_other_targets_are_named(site: Site) -> None:
    words(site, [*NEW, *BETA], text("lib", CPU_CUDA, frameworks=AB))
    said = words(site, [*NEW, *BETA[:4], *builds("betalib", "3.1.0", 11, 12)], text("", CPU_CUDA, frameworks=AB))
    gone = "the index holds no CUDA 12.6 build of beta{} for linux-64{} that this project can use"
    lacks, with_alpha = gone.format("", " and python 3.12"), f"{gone.format(' 3.1.0', '')}, which goes with alpha 2.1.0"
    builds_of = "the {} builds of beta 3.1.0 are for python 3.11-3.12 (matrices/beta.yaml:{}:9)"
    only = "the index holds the {} build of beta 3.0.0 for linux-64 only for python 3.10"
    assert {target: notes(rows) for target, rows in said.items()} == {
        "cpu": [
            f"python 3.10, not 3.12 as locked: {CANNOT}{lacks}",
            f"beta 3.0.0, not 3.1.0 as locked: {builds_of.format('CPU', 13)}",
            f"alpha 2.0.0, not 2.1.0: {CANNOT}{with_alpha}",
            f"python 3.10, not 3.11: {only.format('CPU')}",
        ],
        "cu126": [
            f"python 3.10, not 3.12 as locked: {lacks}",
            f"beta 3.0.0, not 3.1.0 as locked: {builds_of.format('CUDA 12.6', 14)}",
            f"alpha 2.0.0, not 2.1.0: {with_alpha}",
            f"python 3.10, not 3.11: {only.format('CUDA 12.6')}",
        ],
    }


def test_what_one_target_cannot_have_of_two_frameworks_is_said_for_both_targets(site: Site) -> None:
    words(site, [*NEW, *BETA], text("lib", CPU_CUDA, frameworks=AB))
    channel = [*NEW, *BETA, Row("nob", "1.0", depends=("betalib <3.1",))]
    said = words(site, channel, text(targets="{cpu: , cu126: {dependencies: [nob]}}", frameworks=AB))
    own = [
        ("alpha 2.0.0, not 2.1.0: ", f"it has no solution with beta 3.0.0 ({FILE}:2) and {NOB}"),
        ("python 3.11, not 3.12 as locked: ", f"{NOB} needs betalib 3.0.0, which needs python 3.11.*"),
        ("beta 3.0.0, not 3.1.0 as locked: ", f"{NOB} needs betalib <3.1"),
    ]
    assert {target: notes(rows) for target, rows in said.items()} == {
        "cpu": [f"{begin}{CANNOT}{why}" for begin, why in own],
        "cu126": [f"{begin}{why}" for begin, why in own],
    }


# --- what was locked and is not the newest --------------------------------------------------------------------------------


def test_a_new_target_may_need_another_python_than_the_locked_ones(site: Site) -> None:
    channel = [*NEW, Row("py10", "1.0", depends=("python 3.10.*",))]
    words(site, channel, text("py11"))
    why = f"py10 1.0 ({FILE}:3) needs python 3.10.*"
    said = words(site, channel, text(targets="{cpu: , cu126: {dependencies: [py10]}}"))
    assert {target: notes(rows) for target, rows in said.items()} == {
        "cpu": [f"python 3.10, not 3.12: {CANNOT}{why}", f"python 3.10, not 3.11 as locked: {CANNOT}{why}"],
        "cu126": [f"python 3.10, not 3.12: {why}"],
    }


@pytest.mark.parametrize(
    ("frameworks", "more"),
    [("{alpha: '*'}", []), ("{alpha: '*', beta: '*'}", [*BETA[:2], *builds("betalib", "3.1.0", 11, 12)])],
)
def test_a_build_that_is_gone_is_named_before_what_would_go_with_it(frameworks: str, more: list[Row], site: Site) -> None:
    words(site, [*NEW, *BETA], text("old", frameworks=frameworks))
    left = [*builds("alpha", "2.0.0", 9, 10, flavours=ALL), *builds("alpha", "2.1.0", 10, 11, 12, flavours=ALL[:2])]
    channel = [*(row for row in NEW if row.name != "alpha"), *left, *more]
    gone = "alpha 2.1.0, not 2.0.0 as locked: the index holds the CPU build of alpha 2.0.0 for linux-64 only for python 3.9-3.10"
    (first, *rest) = notes(words(site, channel, text(frameworks=frameworks))["cpu"])
    assert first == gone
    assert len(rest) == len(more[:1])


def test_builds_that_only_together_are_in_the_way_of_a_python_are_named_together(site: Site) -> None:
    words(site, [*NEW, *BETA], text("py11", frameworks=AB))
    left = [*builds("alpha", "2.0.0", 11), *builds("alpha", "2.1.0", 12), *BETA[:2], *builds("betalib", "3.1.0", 11, 12)]
    said = words(site, [*(row for row in NEW if row.name != "alpha"), *left], text(frameworks=AB))
    assert notes(said["cpu"]) == [
        (
            "python 3.12, not 3.11 as locked: the index holds no CPU build of alpha and no CPU build of beta for linux-64 and python 3.11 "
            "that this project can use"
        )
    ]


def test_releases_of_two_frameworks_with_the_same_number_are_not_mixed_up(site: Site) -> None:
    """The Python that goes with the older beta is not a change of its own."""
    facts = (
        FILES["beta.yaml"].partition("constraints:")[0].replace("3.1.0", "2.1.0").replace("3.0.0", "2.0.0").replace(">=3", ">=2")
    )
    (site.root / "matrices/beta.yaml").write_text(facts, encoding="utf-8")
    rows = [*(Row("beta", version) for version in ("2.0.0", "2.1.0")), *builds("betalib", "2.0.0", 10, 11)]
    channel = [*NEW, *rows, *builds("betalib", "2.1.0", 11, 12), Row("holds", "1.0", depends=("betalib <2.1",))]
    said = words(site, channel, text("holds", frameworks=AB))
    assert said == {"cpu": [f"beta 2.0.0, not 2.1.0: holds 1.0 ({FILE}:6) needs betalib <2.1"]}
