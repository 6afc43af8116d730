"""Builds that a target must not have, whatever is beside them; and the words of constraints."""

from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from unit.small import real_matrix, small_matrix
from unit.test_rules import CPU, CU126, CUDNN, NUMPY, TORCH, TORCH_CPU, conda

from envgen.matrix.constraints import Known, by_version, driver_version, violation_text
from envgen.model.address import Address
from envgen.model.constraint import Condition, Constraint
from envgen.model.findings import Claim
from envgen.model.packages import LockedPackage
from envgen.verify.alone import wrong_alone, wrong_builds

CHOSEN = replace(CU126, builds={"pytorch": (Version("12.6"), False)})
UNKNOWN = conda("own", "1", "cuda126_0")
CUPY = conda("cupy", "13.4.1", "py312h1234567_0")


@pytest.mark.parametrize(
    ("package", "claim", "rule"),
    [
        (TORCH_CPU, CU126, "cpu-build"),
        (TORCH_CPU, CHOSEN, ""),
        (TORCH_CPU, CPU, ""),
        (TORCH, CPU, "cuda-in-cpu"),
        (TORCH, CU126, ""),
        (UNKNOWN, CPU, "cuda-in-cpu"),
        (UNKNOWN, CU126, ""),
        (NUMPY, CU126, ""),
        (CUDNN, CPU, "cuda-in-cpu"),
        (conda("cpuonly", "2.0", "0"), CU126, "cpu-selector"),
    ],
)
def test_a_build_is_wrong_in_every_target_of_a_claim(package: LockedPackage, claim: Claim, rule: str) -> None:
    matrix = real_matrix()
    assert wrong_alone(package, claim, matrix) is bool(rule)
    if rule:
        (found,) = wrong_builds([package], claim, matrix)
        assert (found.rule, found.package) == (rule, f"{package.name} {package.version} {package.build}")


def test_what_the_packages_beside_it_tell_is_not_asked_of_one_alone() -> None:
    assert [row.rule for row in wrong_builds([CUPY], CPU, real_matrix())] == ["cuda-in-cpu"]
    assert not wrong_alone(CUPY, CPU, real_matrix())


def test_nothing_is_wrong_with_no_packages_and_what_brought_one_is_told() -> None:
    assert wrong_builds([], CPU, real_matrix()) == ()
    (found,) = wrong_builds([conda("tool", "1", "0", "pytorch"), TORCH], CPU, real_matrix())
    assert found.chain == ("tool", "pytorch")


# --- the words of constraints ---------------------------------------------------------------------------------------------

BOTH = Constraint(
    when=(Condition("a", SpecifierSet(">=1")), Condition("b", names=frozenset({"x", "y"}))),
    need=(Condition("gpu", SpecifierSet(">=7")), Condition("glibc", SpecifierSet(">=2.28"))),
    because="https://own.example",
    at=Address("own.yaml", 1, 1),
)
WORDS = "a >=1 with b x or y needs gpu >=7 and glibc >=2.28"


@pytest.mark.parametrize(
    ("gpus", "glibc", "have"),
    [
        ("", "2.17", "not glibc 2.17"),
        ("5.0 9.0", "2.28", "not gpu 5.0, glibc 2.28"),
        ("8.0 9.0", "2.17", "not gpu 8.0, 9.0, glibc 2.17"),
    ],
)
def test_what_a_constraint_needs_is_told_beside_what_there_is(gpus: str, glibc: str, have: str) -> None:
    known: Known = {"a": (Version("1"),), "b": ("x",), "glibc": (Version(glibc),)}
    known = {**known, "gpu": tuple(map(Version, gpus.split()))} if gpus else known
    assert violation_text(BOTH, known) == f"{WORDS}, {have} (https://own.example)"


@pytest.mark.parametrize(
    ("cuda", "platform", "name", "versions"),
    [
        ("11.8", "linux-64", "toolkit", ">=520.61.05"),
        ("11.8", "linux-64", "older", "<520.61.05"),
        ("11.8", "win-64", "toolkit", ">=0"),  # which has no such driver
        ("12.6", "win-64", "older", "<560.76"),
    ],
)
def test_the_name_of_a_driver_is_a_version_for_a_toolkit_and_a_platform(cuda: str, platform: str, name: str, versions: str) -> None:
    toolkit = small_matrix().toolkits[Version(cuda)]
    found = driver_version(Condition("driver", names=frozenset({name})), toolkit, platform)
    assert (found.axis, str(found.versions)) == ("driver", versions)
    for other in (Condition("glibc", names=frozenset({name})), Condition("driver", SpecifierSet(">=1"))):
        assert driver_version(other, toolkit, platform) is other
    constraint = replace(BOTH, need=(Condition("driver", names=frozenset({name})),))
    assert by_version(constraint, toolkit, platform).need == (found,)
    assert by_version(constraint, toolkit, platform).when == BOTH.when
