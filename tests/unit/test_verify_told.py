"""What `verify` prints, whole: for people, as JSON, as SARIF, as annotations; and which locks are judged once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from packaging.version import Version
from unit import told
from unit.small import real_matrix
from unit.test_rules import CPU, CU126, NUMPY, TORCH, conda, pip

from envgen.model.address import Address
from envgen.model.findings import Claim, Finding, Verified
from envgen.model.packages import Lock, LockedPackage
from envgen.verify import report
from envgen.verify.check import cases, found_in
from envgen.verify.judgements import Judgements

LOCK = Lock(shown="a/conda-lock.yml", format="conda-lock 1", environment="p-cpu", packages=(NUMPY,))
PIXI = replace(LOCK, shown="pixi.lock", format="pixi 7", environment="gpu", machine="server")
UV = replace(LOCK, shown="uv.lock", format="uv 1", environment="cpu")
PLAIN = replace(UV, shown="other/uv.lock", environment="")


def finding(severity: Any, chain: tuple[str, ...] = (), at: Address | None = None, package: str = "pytorch 2.7 cpu_0") -> Finding:
    return Finding(
        rule="cpu-build", severity=severity, platform="linux-64", package=package, text="a CPU build", chain=chain, at=at
    )


ERROR = finding("error", ("tool", "pytorch"), Address("a/conda-lock.yml", 7, 3))
WARNING, ABOUT_ALL = finding("warning"), finding("warning", package="")


def item(lock: Lock, claim: Claim, *found: Finding, driver: str = "", compiling: str = "") -> Verified:
    return Verified(
        lock=lock,
        platform="linux-64",
        claim=claim,
        packages=12,
        driver=Version(driver) if driver else None,
        compiling=Version(compiling) if compiling else None,
        findings=found,
    )


ITEMS = [
    item(LOCK, CPU),
    item(LOCK, CU126, ERROR, driver="525.60.13", compiling="560.28.03"),
    item(PIXI, replace(CU126, cuda=None), ERROR, ERROR, WARNING, driver="560.28.03", compiling="525.60.13"),
    item(UV, Claim(kind="none", cuda=None, source="inferred"), WARNING, ABOUT_ALL),
    item(PLAIN, CU126, driver="525.60.13"),
]


def sarif(items: list[Verified]) -> str:
    """The results, and what is said of the rule that they name; all rules are listed."""
    (run,) = json.loads(report.verify_sarif(items))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len(rules) == len(report.RULES)
    return json.dumps([run["results"], [row for row in rules if row["id"] == "cpu-build"]], indent=1, sort_keys=True)


CASES: Mapping[str, Callable[[], str]] = {
    "a table": lambda: report.verify_text(ITEMS),
    "a narrow table": lambda: report.verify_text(ITEMS, 70),
    "findings": lambda: report.findings_text(ITEMS),
    "JSON": lambda: report.verify_json(ITEMS),
    "SARIF": lambda: sarif(ITEMS),
    "annotations": lambda: report.verify_github(ITEMS),
}


def test_the_file_has_all_cases(update_golden: bool) -> None:
    if update_golden:
        told.write("verify.txt", {title: say().splitlines() for title, say in CASES.items()})
    assert list(told.written("verify.txt")) == list(CASES)


@pytest.mark.parametrize("title", CASES)
def test_everything_is_printed_as_it_was_written_down(title: str) -> None:
    assert CASES[title]().splitlines() == told.written("verify.txt")[title]


# --- what is judged once --------------------------------------------------------------------------------------------------

HERE, THERE = Address("a", 5, 3), Address("b", 9, 3)
TORCH_WHEEL = pip("torch", "2.7.0", url="https://w.example/torch-2.7.0-cp312-cp312-manylinux_2_28_x86_64.whl")
INDEX = "https://download.pytorch.org/whl/"
BAD = conda("tool", "1.0", "0", "absent")
TOOL = conda("tool", "1.0", "0")


def judged(memory: Judgements, claim: Claim, shown: str, *packages: LockedPackage) -> list[tuple[str, str, str]]:
    """The findings of a lock, with their places; as the rules alone find them."""
    lock = Lock(shown=shown, format="prefix", environment="", packages=packages)
    (case,) = cases(lock, {"linux-64": claim}, real_matrix())
    found = memory.of(case).findings
    assert found == found_in(case)
    return [(row.rule, row.package, str(row.at)) for row in found]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([BAD], [replace(BAD, at=THERE)]),
        ([replace(BAD, at=HERE)], [replace(BAD, at=THERE)]),
        ([replace(BAD, at=HERE), replace(BAD, at=HERE, name="b")], [replace(BAD, at=HERE), replace(BAD, at=THERE, name="b")]),
        ([replace(TOOL, damaged=("x",), at=HERE)], [replace(TOOL, at=HERE)]),
        ([replace(TORCH_WHEEL, index=f"{INDEX}cpu", at=HERE)], [replace(TORCH_WHEEL, index=f"{INDEX}cu126", at=HERE)]),
    ],
)
def test_a_judgement_is_that_of_each_lock_whatever_was_judged_before(one: list[LockedPackage], other: list[LockedPackage]) -> None:
    memory = Judgements()
    for rows, shown in ((one, "a"), (other, "b"), (one, "a")):
        judged(memory, CU126, shown, *rows)


def test_what_follows_from_another_platform_is_not_kept() -> None:
    """A CPU build is odd where the same lock has a CUDA build for another platform, and it is not without that."""
    memory, cpu = Judgements(), replace(conda("pytorch", "2.7.0", "cpu_generic_py312_h0_0"), at=HERE)
    found = []
    for other in (NUMPY, TORCH, NUMPY):
        rows = (cpu, replace(other, platform="win-64", at=THERE))
        case = cases(Lock(shown="a", format="conda-lock 1", environment="", packages=rows), {}, real_matrix())[0]
        found.append([row.rule for row in memory.of(case).findings])
    assert ["cpu-elsewhere" in rules for rules in found] == [False, True, False]
