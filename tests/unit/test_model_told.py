"""What the nouns say of themselves: names, texts, places, limits, and what counts as nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from packaging.version import Version
from unit.small import project_of, real_matrix, small_matrix

from envgen.model.address import Address
from envgen.model.catalogue import Numeric
from envgen.model.changes import CellChanges, MovedPackage, Placed
from envgen.model.dates import ExcludeNewer, moment
from envgen.model.errors import closest
from envgen.model.findings import Claim, Finding, Verified
from envgen.model.impact import Impact, TargetImpact
from envgen.model.layout import is_input, lock_name, lock_project, page_of
from envgen.model.limits import BudgetLimits, LicenseLimits
from envgen.model.packages import Lock
from envgen.model.pip import PipIndex
from envgen.model.project import RequestedTarget, target_key

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
    assert {page_of(text) for text in ("matrices/x.yaml", "C:\\r\\matrices\\x.yaml", "/r/matrices/x.yaml")} == {"matrices"}


def test_cuda_of_targets_in_words() -> None:
    matrix = small_matrix()
    cpu, cuda = matrix.targets["cpu"], matrix.targets["cu126"]
    assert cuda.on("linux-64") is cuda
    split = replace(cuda, by_platform={"linux-64": Version("12.6"), "win-64": None})
    assert split.on("win-64").cuda is None
    assert split.on("win-64").by_platform == {}
    assert (split.on("linux-64").cuda, cpu.on("linux-64").cuda) == (Version("12.6"), None)
    assert {name for name, row in matrix.frameworks.items() if not row.companion_of} == set(matrix.hosts)
