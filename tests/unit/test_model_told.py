"""What the nouns say of themselves: names, texts, places, limits, and what counts as nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from unit.small import project_of, real_matrix, small_matrix

from envgen.model.address import Address
from envgen.model.catalogue import Numeric
from envgen.model.changes import CellChanges, MovedPackage, Placed
from envgen.model.dates import ExcludeNewer, moment
from envgen.model.errors import BadInput, closest
from envgen.model.facts import Reason
from envgen.model.findings import Claim, Finding, Verified
from envgen.model.impact import Impact, TargetImpact
from envgen.model.layout import is_input, lock_name, lock_project, page_of, place_in_repository
from envgen.model.limits import BudgetLimits, LicenseLimits
from envgen.model.machine import Diagnosis
from envgen.model.packages import Lock, Solution
from envgen.model.pip import PipIndex, PipRequest
from envgen.model.project import RequestedTarget, target_key
from envgen.model.requested import with_overrides
from envgen.model.resolution import AppliedBound, Pin, Resolution, on_platform
from envgen.model.rules import Registry, Rule
from envgen.model.run import Download, Failure, LockRun, Solved
from envgen.model.target_names import named_cuda, target_name
from envgen.model.text import minors_text, one_line, shortened

AT = Address("x.yaml", 1, 1)
UTC, EAST = timezone.utc, timezone(timedelta(hours=2))


def test_a_numeric_library_is_its_first_package_by_version_or_build() -> None:
    there = {"b": ("1.2", "h1_openblas"), "c": ("3", "x")}
    assert Numeric("n", ("a", "b", "c")).value(there) == "1.2"
    assert Numeric("n", ("a", "b", "c"), by_build=True).value(there) == "openblas"
    assert [Numeric("n", ("a",), by_build=by).value(there) for by in (True, False)] == ["", ""]


def test_what_the_matrices_know_of_cuda() -> None:
    known = real_matrix().catalogue
    assert known.cuda_pins
    assert {"cublas", "cudart"} <= known.libraries
    pins = {name for row in known.packages if row.names_cuda and row.constrains_driver for name in row.conda}
    assert set(known.cuda_pins) == pins
    assert pins < {name for row in known.packages if row.names_cuda for name in row.conda}


@pytest.mark.parametrize(("one", "is_there"), [({}, False), ({"added": (Placed("a", "1"),)}, True), ({"removed": (Placed("a", "1"),)}, True), ({"moved": (MovedPackage(name="a", old="1", new="2"),)}, True)])  # fmt: skip
def test_changes_are_none_where_no_package_changed(one: dict[str, Any], is_there: bool) -> None:
    assert bool(CellChanges(**one)) is is_there


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-06-01", datetime(2026, 6, 1, tzinfo=UTC)),
        ("2026-06-01T12:30", datetime(2026, 6, 1, 12, 30, tzinfo=UTC)),
        ("2026-06-01 12:30:05Z", datetime(2026, 6, 1, 12, 30, 5, tzinfo=UTC)),
        ("2026-06-01T12:30+02:00", datetime(2026, 6, 1, 12, 30, tzinfo=EAST)),
        ("2026-13-01", None),
        ("20260601", None),
    ],
)
def test_a_moment_has_a_zone(text: str, found: datetime | None) -> None:
    assert moment(text) == found
    assert getattr(moment(text), "tzinfo", None) == getattr(found, "tzinfo", None)


def test_dates_of_everything_of_channels_and_of_packages() -> None:
    day = datetime(2026, 6, 1, tzinfo=UTC)
    dates = ExcludeNewer.of({"": day, "numpy": None, "c::*": day})
    assert (dates.default, dates.exceptions) == (day, {"numpy": None, "c::*": day})
    assert (dates.channels, dates.packages) == ({"c": day}, {"numpy": None})
    cases = [({"": day}, True), ({"": day, "a": day}, True), ({"": day, "a": None}, False), ({"a": day}, False), ({}, False)]
    for some, fixed in cases:
        assert ExcludeNewer.of(dict(some)).is_fixed is fixed, some


def test_what_may_have_been_meant() -> None:
    assert closest("conda", ["conda-forge", "pytorch"]) == "did you mean `conda-forge`?"
    assert closest("cu999", ["cu129"]) == "known here: cu129"
    assert closest("abcd", ["abce", "abcf"]) == "did you mean `abcf`?"
    letters = [chr(letter) * 3 for letter in range(ord("a"), ord("v"))]
    assert closest("zzz", letters[:20]) == f"known here: {', '.join(letters[:20])}"
    assert closest("zzz", letters) == f"known here: {', '.join(letters[:20])}, ..."
    assert closest("zzz", []) == "nothing is known here"


def claim(kind: Any = "cuda", cuda: Version | None = Version("12.6")) -> Claim:
    return Claim(kind=kind, cuda=cuda, source="x")


def test_claims_findings_and_what_was_verified() -> None:
    assert [str(claim()), str(claim(cuda=None)), str(claim("cpu", None)), str(claim("mixed"))] == [
        "cuda 12.6",
        "cuda",
        "cpu",
        "mixed",
    ]
    rows = [
        Finding(rule="r", severity=severity, platform="linux-64", package="a", text="t")
        for severity in ("error", "warning", "error")
    ]  # type: ignore[arg-type]
    assert [replace(rows[0], project=p, target=t).environment for p, t in (("v", "cpu"), ("v", ""), ("", ""))] == ["v-cpu", "v", ""]
    lock = Lock(shown="l", format="f", environment="e", packages=())
    found = Verified(lock=lock, platform="linux-64", claim=claim(), packages=1, driver=None, compiling=None, findings=tuple(rows))
    assert (found.errors, found.machine) == (2, "linux-64")
    assert replace(found, lock=replace(lock, machine="gpu-box")).machine == "gpu-box"


def test_the_targets_that_change_without_an_update() -> None:
    rows = tuple(TargetImpact(project="v", target="cpu", at=AT, kind=kind) for kind in ("moves", "update", "lost"))  # type: ignore[arg-type]
    assert rows[0].environment == "v-cpu"
    assert [row.kind for row in Impact(base="", files=(), targets=rows, count=3).changed] == ["moves", "lost"]


def test_limits_that_say_nothing_are_none() -> None:
    assert [bool(LicenseLimits(*words)) for words in ((), (("MIT",),), ((), ("GPL",)))] == [False, True, True]
    assert [BudgetLimits(5, (("cpu", 3),)).of(name) for name in ("cpu", "cu126")] == [3, 5]
    assert BudgetLimits().of("cpu") is None


def test_an_index_serves_the_packages_that_it_names() -> None:
    index = PipIndex(name="own", url="https://h", packages=("tiny-ops", "a-*"))
    assert [index.serves(name) for name in ("Tiny_Ops", "a.b", "numpy")] == [True, True, False]


def test_a_target_that_may_be_an_older_one() -> None:
    row = RequestedTarget(name="cu129", at=AT, others=("cu128", "cu126", "cu118"))
    older = row.as_other("cu126")
    assert (older.name, older.others, older.instead_of) == ("cu126", ("cu118",), "cu129")
    assert older.instead_text == "target cu126, not cu129"
    oldest = older.as_other("cu118")
    assert (oldest.name, oldest.others, oldest.instead_of) == ("cu118", (), "cu129")


PROJECT = """\
python: ">=3.9"
frameworks: {alpha: ">=2"}
driver: "535"
gpus: [A100]
pip: [a]
targets:
  cpu:
  cu126: {driver: "560", gpus: [V100], pip: [b, a]}
  cu118: {driver: "520"}
platforms: [linux-64]
channels: [conda-forge]
"""


def test_the_machines_and_wheels_of_one_target() -> None:
    project = project_of(PROJECT)
    assert [project.for_target(name) is project for name in ("cpu", "nothing")] == [True, True]
    own = project.for_target("cu126")
    assert (own.driver, [gpu.name for gpu in own.gpus], own.pip) == (Version("560"), ["V100"], ("a", "b"))
    row = project.targets[1]
    assert own.at("driver") == project.addresses[target_key(row, "driver")] != project.at("driver")
    assert own.at("gpus") == project.addresses[target_key(row, "gpus")] != project.at("gpus")
    older = project.for_target("cu118")
    assert (older.driver, [gpu.name for gpu in older.gpus], older.pip) == (Version("520"), ["A100"], ("a",))
    assert older.at("gpus") == project.at("gpus")
    assert older.at("driver") != project.at("driver")
    assert project.at("nothing") == project.at("")
    made_up = replace(project, addresses={"": AT, "driver": AT})
    assert made_up.for_target("cu126").addresses == {"": AT, "driver": AT}


def test_places_of_a_repository() -> None:
    assert [lock_project(text) for text in ("environments/v/cpu/conda-lock.yml", "environments/v/conda-lock.yml", "v/cpu/conda-lock.yml")] == ["v", "", ""]  # fmt: skip
    assert lock_name("environments/v/cpu/conda-lock.yml") == "v/cpu"
    assert lock_name("other.yml") == "other.yml"
    inputs = ("matrices/x.yaml", "templates/a.j2", "environments/v/project.yaml", "environments/v/cpu/project.yaml", "environments/v/xproject.yaml", "docs/x.md")  # fmt: skip
    assert [is_input(text) for text in inputs] == [True, True, True, False, False, False]
    assert {page_of(text) for text in ("project.yaml", "C:\\r\\project.yaml", "/r/project.yaml")} == {"projects"}
    assert lock_project("sub/environments/v/cpu/conda-lock.yml") == "sub/v"
    assert lock_project("environments/v/cpu/other.yml") == ""
    assert [place_in_repository(text) for text in ("environments/v", "/r/sub/matrices/x", "sub/templates/a/b", "docs/x")] == [
        *(("", "environments/v"), ("/r/sub/", "matrices/x"), ("sub/", "templates/a/b"), ("", ""))
    ]
    assert {page_of(text) for text in ("matrices/x.yaml", "C:\\r\\matrices\\x.yaml", "/r/matrices/x.yaml")} == {"matrices"}


def test_cuda_of_targets_in_words() -> None:
    matrix = small_matrix()
    cpu, cuda = matrix.targets["cpu"], matrix.targets["cu126"]
    assert cuda.on("linux-64") is cuda
    split = replace(cuda, by_platform={"linux-64": Version("12.6"), "win-64": None})
    assert split.on("win-64").cuda is None
    assert split.on("win-64").by_platform == {}
    assert (split.on("linux-64").cuda, cpu.on("linux-64").cuda) == (Version("12.6"), None)
    assert [
        cuda.cuda_text,
        cpu.cuda_text,
        replace(cuda, by_platform={"linux-64": Version("12.6"), "win-64": Version("12.4")}).cuda_text,
    ] == [*("CUDA 12.6", "CPU", "CUDA 12.6 on linux-64, 12.4 on win-64")]
    assert matrix.hosts == ("alpha", "beta")


def with_fields(**fields: Any) -> Any:
    """An object with these fields alone: all that is asked of it."""
    return SimpleNamespace(**fields)


@pytest.mark.parametrize(
    ("checkups", "symptoms", "failed"),
    [
        ([], [], False),
        ([(True, "cpu"), (False, "")], ["warning"], False),
        ([(True, ""), (True, "cpu")], [], True),
        ([], ["warning", "error"], True),
    ],
)
def test_what_the_doctor_calls_a_failure(checkups: list[tuple[bool, str]], symptoms: list[str], failed: bool) -> None:
    rows = tuple(with_fields(requested=requested, chosen=chosen) for requested, chosen in checkups)
    found = Diagnosis(
        machine=with_fields(), system=with_fields(), symptoms=tuple(with_fields(severity=text) for text in symptoms), checkups=rows
    )
    assert found.failed is failed


def test_a_bound_says_where_and_whether_it_counts() -> None:
    reason = Reason("x")
    both: Any = ("linux-64", "win-64")
    bound = AppliedBound(package="numpy", versions=SpecifierSet("<2"), platforms=both, always=False, because=reason)
    assert bound.text(both) == "numpy <2, if anything brings it"
    assert bound.text((*both, "osx-64")) == "numpy <2 on linux-64, win-64, if anything brings it"
    always = replace(bound, always=True, versions=SpecifierSet())
    assert always.text(both) == "numpy"
    assert [on_platform("cuda", platform) for platform in ("win-64", "")] == ["cuda (win-64)", "cuda"]  # type: ignore[arg-type]


def test_a_resolution_has_a_name_and_reasons_of_better_choices() -> None:
    pins = (Pin(name="python", version="3.12", because=(Reason("a"),)), Pin(name="cuda", version="12.6", because=(Reason("b"),)))
    found = Resolution(project=with_fields(name="v"), target=with_fields(name="cu126"), platforms=(), dropped=(), python=Version("3.12"), choices=(), pins=pins, dependencies=(), excluded={})  # fmt: skip
    assert found.environment == "v-cu126"
    moved = found.with_moved({"cuda": "no solution"})
    assert [[row.text for row in pin.because] for pin in moved.pins] == [["a"], ["no solution", "b"]]
    assert moved.moved == {"cuda": "no solution"}


def test_downloads_of_each_platform_and_the_outcomes_of_a_run() -> None:
    sizes = {"linux-64": [3, 4], "win-64": [5, None], "osx-64": []}
    solutions = tuple(Solution(name, tuple(with_fields(size=size) for size in rows)) for name, rows in sizes.items())  # type: ignore[arg-type]
    found = Solved(resolution=with_fields(), solutions=solutions, files=(), seconds=0).downloads
    assert found == {"linux-64": Download(2, 7), "win-64": Download(2, 5, exact=False), "osx-64": Download(0, 0)}
    outcomes = (with_fields(),)
    assert LockRun(outcomes).whole() is outcomes
    first, second = BadInput("a"), BadInput("b")
    with pytest.raises(BadInput) as raised:
        LockRun(outcomes, (Failure("p", first), Failure("q", second))).whole()
    assert raised.value is first


def test_rules_are_registered_by_name_and_stay_functions() -> None:
    rules: Registry[Any] = Registry()
    judge = rules.rule("name", "why", severity="warning", fix="do")(len)
    assert judge is len
    assert rules == {"name": Rule(name="name", severity="warning", because="why", judge=len, fix="do")}


def test_what_is_asked_of_uv_in_words() -> None:
    request = PipRequest(environment="v-cpu", platform="linux-64", requirements=("a",))
    assert (request.place, request.work) == ("pip section of v-cpu, linux-64", "resolving wheels of v-cpu, linux-64")


def test_texts_and_names() -> None:
    assert one_line(" a\n\tb\x07c ") == "a b c"
    assert [shortened("x" * count) for count in (60, 61)] == [repr("x" * 60), repr("x" * 60 + "...")]
    minors = [Version(f"3.{minor}") for minor in (14, 9, 10, 11, 12, 9)]
    assert [minors_text(minors), minors_text(minors, " to "), minors_text([])] == ["3.9-3.12, 3.14", "3.9 to 3.12, 3.14", ""]
    assert minors_text([Version("2.7"), Version("3.8")]) == "2.7, 3.8"
    assert [target_name(None), target_name(Version("12.6"))] == ["cpu", "cu126"]
    assert [named_cuda(text) for text in ("cu126", "cu92", "cu12", "cpu", "cu1260")] == [
        Version("12.6"),
        Version("9.2"),
        None,
        None,
        None,
    ]
    assert (str(AT), AT.place) == ("x.yaml:1:1", "x.yaml:1")


def test_a_target_as_a_project_changes_it() -> None:
    target = real_matrix().targets["cu126"]
    requested = RequestedTarget(
        name="cu126", at=AT, platforms=("win-64", "linux-64"), virtual={"__glibc": "2.35", "__win": "10", "__x": "1"}
    )
    found = with_overrides(target, requested)
    assert found.platforms == tuple(name for name in target.platforms if name in ("linux-64", "win-64"))
    assert found.virtual["linux-64"] == {**target.virtual["linux-64"], "__glibc": "2.35", "__x": "1"}
    assert found.virtual["win-64"] == {**target.virtual["win-64"], "__win": "10", "__x": "1"}
    assert with_overrides(target, replace(requested, platforms=None)).platforms == target.platforms
    cpu = with_overrides(
        real_matrix().targets["cpu"], replace(requested, platforms=("osx-64",), virtual={"__cuda_arch": "8.0", "__osx": "14"})
    )
    assert cpu.virtual["osx-64"].get("__osx") == "14"
    assert "__cuda_arch" not in cpu.virtual["osx-64"]
