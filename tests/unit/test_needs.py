"""What packages of a solution need that a version which is not in it does not give, word for word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from unit.made_up import MadeUpIndex, Row, write_channel

from envgen.lock.needs import Needed, Needing, needs_text
from envgen.model.address import Address
from envgen.model.packages import Record

FILE = "environments/p/project.yaml"
ROWS = [
    Row("torch", "2.10.0", depends=("python_abi 3.12.*", "shared >=3,<4.0a0")),
    Row("torch", "2.10.1", depends=("python_abi 3.12.*", "shared >=3,<4.0a0", "lib *", "other", "build 1.0 *_0")),
    Row("torch", "2.9.0", depends=("shared >=2,<3.0a0",)),
    Row("torch", "2.8.0", depends=("shared",)),
    Row("torch", "2.7.0", depends=("shared >=9",)),
    Row("shared", "2.1"),
    Row("shared", "3.1"),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> MadeUpIndex:
    return write_channel(tmp_path_factory.mktemp("needs"), ROWS)


def record(name: str, version: str, *depends: str) -> Record:
    source: Any = dict.fromkeys(("md5", "sha256", "size"))
    place = dict.fromkeys(("channel", "subdir", "file", "url"), "")
    return Record(name=name, version=version, build="0", depends=depends, source={}, **source, **place)


def asked(text: str, line: int = 9, names: Sequence[str] = ()) -> Needing:
    return Needing(text, tuple(names) or (text.partition(" ")[0],), Address(FILE, line, 3))


A, B = asked("a >=1"), asked("b", 12)


@pytest.mark.parametrize(
    ("needing", "specs", "solution", "said"),
    [
        # what was not taken is refused by what is asked for
        ([A], ["torch 2.10.*"], [record("a", "1.5", "torch >=2.9,<2.10.0a0")], f"a 1.5 ({FILE}:9) needs torch >=2.9,<2.10"),
        (
            [A, B],
            ["torch 2.10.*"],
            [record("a", "1.5", "torch <2.10"), record("b", "2", "x", "torch 2.9.*")],
            f"a 1.5 ({FILE}:9) needs torch <2.10, b 2 ({FILE}:12) needs torch 2.9.*",
        ),
        # also the package that another channel has, with a build that is named, beside one without a version
        (
            [A],
            ["vendor::torch 2.10.* cuda*", "vendor::cpuonly"],
            [record("a", "1.5", "torch <2.10")],
            f"a 1.5 ({FILE}:9) needs torch <2.10",
        ),
        # by a package behind it, the nearest that does
        (
            [A],
            ["torch 2.10.*"],
            [record("a", "1.5", "c", "b >=1"), record("b", "2", "a", "torch <2.10"), record("c", "3", "d"), record("d", "4")],
            f"a 1.5 ({FILE}:9) needs b 2, which needs torch <2.10",
        ),
        # but not behind the package that is not taken itself
        (
            [A],
            ["torch 2.10.*"],
            [record("a", "1.5", "torch"), record("torch", "2.9.0", "b"), record("b", "2", "torch <2.10")],
            f"it has no solution with a 1.5 ({FILE}:9)",
        ),
        # a Python by its minor, whatever its last number, and by its ABI
        ([A], ["python 3.12.*"], [record("a", "1.5", "python >=3.12.4,<3.13.0a0")], f"it has no solution with a 1.5 ({FILE}:9)"),
        ([A], ["python 3.12.*"], [record("a", "1.5", "python >=3.10,<3.12.0a0")], f"a 1.5 ({FILE}:9) needs python >=3.10,<3.12"),
        ([A], ["python 3.12.*"], [record("a", "1.5", "python_abi 3.11.* *_cp311")], f"a 1.5 ({FILE}:9) needs python 3.11.*"),
        # nothing says why: then with what it has no solution
        ([A], ["torch 2.10.*"], [record("a", "1.5", "torch", "numpy")], f"it has no solution with a 1.5 ({FILE}:9)"),
        ([A], ["torch 2.10.*"], [record("a", "1.5", "torch >=2,,")], f"it has no solution with a 1.5 ({FILE}:9)"),
        ([A], ["torch 2.10.*"], [], f"it has no solution with a >=1 ({FILE}:9)"),
        (
            [A, B],
            ["torch 2.10.*"],
            [record("a", "1.5", "torch <2.10"), record("b", "2")],
            f"it has no solution with a 1.5 ({FILE}:9) and b 2 ({FILE}:12)",
        ),
        # of two packages that a requirement may be, the one that is there
        (
            [asked("torch", names=["torch-cpu", "torchlib"])],
            ["vision 1.*"],
            [record("torchlib", "2.0", "vision 2.*")],
            f"torchlib 2.0 ({FILE}:9) needs vision 2.*",
        ),
    ],
)
def test_what_refuses_a_version_is_said_with_its_place(
    needing: Any, specs: Any, solution: Any, said: str, index: MadeUpIndex
) -> None:
    needed = Needed(specs=tuple(specs), index=index, channels=("conda-forge",), platform="linux-64")
    assert needs_text(needing, needed, solution) == said


@pytest.mark.parametrize(
    ("spec", "depends", "there", "said"),
    [
        # all builds of the version refuse the shared package that is there
        ("torch 2.10.*", "shared 2.*", "2.1", f"a 1.5 ({FILE}:9) needs shared 2.*, and torch 2.10.1 needs shared >=3,<4"),
        ("torch 2.9.*", "shared >=3", "3.1", f"a 1.5 ({FILE}:9) needs shared >=3, and torch 2.9.0 needs shared >=2,<3"),
        # what a newer release of it would give both is not the reason
        ("torch 2.10.*", "shared >=2", "2.1", f"it has no solution with a 1.5 ({FILE}:9)"),
        # one build does not: 2.8.0 of `torch <2.10` takes any
        ("torch <2.10,>=2.8", "shared >=3", "3.1", f"it has no solution with a 1.5 ({FILE}:9)"),
        # what takes any version of it is not the reason
        ("torch 2.10.*", "shared", "2.1", f"it has no solution with a 1.5 ({FILE}:9)"),
        ("torch 2.10.*", "shared *", "2.1", f"it has no solution with a 1.5 ({FILE}:9)"),
        ("torch 2.10.*", "shared 3.*", "3.1", f"it has no solution with a 1.5 ({FILE}:9)"),
        ("torch 2.10.1", "build 2.* *_1", "2.1", f"a 1.5 ({FILE}:9) needs build 2.*, and torch 2.10.1 needs build 1.0"),
        ("torch 2.11.*", "shared 2.*", "2.1", f"it has no solution with a 1.5 ({FILE}:9)"),
    ],
)
def test_packages_that_meet_in_a_third_are_told_by_what_each_needs_of_it(
    spec: str, depends: str, there: str, said: str, index: MadeUpIndex
) -> None:
    solution = [
        record("a", "1.5", "missing", depends),
        record("shared", there),
        record("build", "2.0"),
        record("torch", "1.0"),
        record("lib", "1.0"),
    ]
    needed = Needed(specs=(spec,), index=index, channels=("conda-forge",), platform="linux-64")
    assert needs_text([A], needed, solution) == said
