"""Small parts of a lock's making: what changes among pip packages, what they were resolved for, and locks of removed targets."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import REPO
from unit.small import project_of, real_matrix
from unit.test_plan import BOTH, BOTH_COUNT, Notes, copied, planned, what

from envgen.lock import plan as planning
from envgen.lock.changes import with_wheels
from envgen.lock.inputs import as_of, pip_digest
from envgen.lock.removed_targets import removed_targets
from envgen.model.catalogue import Catalogue
from envgen.model.changes import CellChanges, MovedPackage, Placed
from envgen.model.dates import ExcludeNewer
from envgen.model.facts import Platform
from envgen.model.layout import LOCK, Layout
from envgen.model.packages import LockedPackage, Record
from envgen.model.pip import PipRequest

__all__ = ["copied"]  # a fixture
PLATFORM: Platform = "linux-64"


def wheel(name: str, version: str = "1.0", **more: Any) -> LockedPackage:
    url = more.pop("url", f"https://wheels.example/{name}-{version}%2Bcpu.whl#sha256=aa")
    return LockedPackage(name=name, version=version, build="", manager="pip", platform="linux-64", url=url, **more)


def record(name: str, version: str) -> Record:
    source = dict.fromkeys(("md5", "sha256", "size"))
    return Record(
        name=name, version=version, build="0", channel="", subdir="", file="", url="", depends=("python",), source={}, **source
    )  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((), (wheel("a"),), CellChanges(added=(Placed("a", "1.0", "pip"),))),
        ((wheel("a"),), (), CellChanges(removed=(Placed("a", "1.0", "pip"),))),
        ((wheel("a"),), (wheel("a"),), CellChanges()),
        (
            (wheel("a"),),
            (wheel("a", "2.0"),),
            CellChanges(moved=(MovedPackage(name="a", old="1.0", new="2.0", manager="pip"),)),
        ),
        (
            (wheel("a"),),
            (wheel("a", url="https://wheels.example/b.whl"),),
            CellChanges(moved=(MovedPackage(name="a", old="1.0 a-1.0+cpu.whl", new="1.0 b.whl", manager="pip"),)),
        ),
        (
            (wheel("a", sha256="aa"),),
            (wheel("a", sha256="bb"),),
            CellChanges(moved=(MovedPackage(name="a", old="1.0 sha256:aa", new="1.0 sha256:bb", manager="pip"),)),
        ),
    ],
)
def test_a_pip_package_is_told_with_what_differs_of_it(old: Any, new: Any, expected: CellChanges) -> None:
    assert with_wheels({PLATFORM: CellChanges()}, {PLATFORM: old}, {PLATFORM: new}) == {PLATFORM: expected}


@pytest.mark.parametrize(
    ("records", "same"),
    [
        ((record("python", "3.12.9"), record("numpy", "2.0"), record("other", "1.0")), True),
        ((record("python", "3.12.9"), record("numpy", "2.0"), record("other", "2.0")), True),
        ((record("python", "3.12.9"), record("numpy", "2.1"), record("other", "1.0")), False),
        ((record("python", "3.12.10"), record("numpy", "2.0"), record("other", "1.0")), False),
    ],
)
def test_pip_packages_are_resolved_for_the_python_and_what_they_need(records: Any, same: bool) -> None:
    asked = PipRequest(environment="p-cpu", platform="linux-64", requirements=("a",))
    before = (record("python", "3.12.9"), record("numpy", "2.0"), record("other", "1.0"))
    one, other = (pip_digest(asked, rows, (wheel("a", depends=("numpy >=2",)),), Catalogue()) for rows in (before, records))
    assert (one == other) is same


@pytest.mark.parametrize(
    ("locked", "wanted", "valid"),
    [("2026-01-01", "2026-02-01", True), ("2026-02-01", "2026-01-01", False), ("unreadable", "2026-01-01", False)],
)
def test_a_lock_of_earlier_dates_is_valid_as_of_later_ones(locked: str, wanted: str, valid: bool) -> None:
    dates = ExcludeNewer.read(wanted)
    assert dates
    assert as_of(locked, dates) is valid


def test_a_removed_target_has_a_lock_of_envgen_and_no_other_target_may_be_open(copied: Layout, tmp_path: Path) -> None:
    shutil.copytree(copied.root, tmp_path / "root")
    layout = Layout(tmp_path / "root")
    project = project_of(BOTH.replace("[cpu, cu126]", "[cpu]"), real_matrix(), "both")
    for name, text in (("foreign", "version: 1\nmetadata: {}\npackage: []\n"), ("broken", "version: 1\n")):
        (layout.target("both", name)).mkdir()
        (layout.target("both", name) / LOCK).write_text(text, encoding="utf-8")
    assert removed_targets(layout, project) == ("cu126",)
    (row,) = project.targets
    for asked in (replace(row, others=("cu126",)), replace(row, instead_of="cu129")):
        assert removed_targets(layout, replace(project, targets=(asked,))) == ()


def test_a_target_whose_pip_packages_were_resolved_for_others_is_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def outdated(_matrix: Any, found: Any, *_: Any) -> tuple[str, ...]:
        return ("linux-64",) if found.target.name == "cpu" else ()

    monkeypatch.setattr(planning, "resolved_for_other", outdated)
    found = what(planned(Notes(), Layout(REPO)))
    assert (found[0], found[3]) == (("cpu",), BOTH_COUNT)
