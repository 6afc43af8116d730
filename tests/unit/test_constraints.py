"""The dependencies: upper bounds where an upgrade can break, and a constraints file that fits every Python."""

from __future__ import annotations

import re
import sys

import newer
import pytest
from conftest import REPO
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

CONSTRAINTS = (REPO / "constraints.txt").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
OWN = [f"conda-envgen[{name}]" for name in EXTRAS]  # an extra may have another one
DIRECT = [Requirement(row) for row in (*PYPROJECT["project"]["dependencies"], *EXTRAS["dev"], *EXTRAS["docs"]) if row not in OWN]
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


def environment(python: str, system: str) -> dict[str, str]:
    """What markers may ask about a Python on a system."""
    names = {"linux": ("posix", "Linux"), "darwin": ("posix", "Darwin"), "win32": ("nt", "Windows")}[system]
    here = {
        "python_version": python,
        "python_full_version": f"{python}.4",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    return {**here, "sys_platform": system, "os_name": names[0], "platform_system": names[1]}


def held(python: str, system: str = "linux") -> dict[str, list[str]]:
    """The versions of each name that hold for a Python."""
    rows, here = [Requirement(line) for line in CONSTRAINTS.splitlines()], environment(python, system)
    found: dict[str, list[str]] = {}
    for row in rows:
        if not row.marker or row.marker.evaluate(here):
            found.setdefault(canonicalize_name(row.name), []).append(str(row.specifier).removeprefix("=="))
    return found


def test_every_line_is_one_version_of_one_name() -> None:
    lines = CONSTRAINTS.splitlines()
    assert len(lines) > 80
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+( ; [^/@]+)?", line)] == []


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("python", PYTHONS)
def test_each_dependency_has_one_version_within_its_bounds(python: str, system: str) -> None:
    versions, here = held(python, system), environment(python, system)
    assert {name: rows for name, rows in versions.items() if len(rows) != 1} == {}
    direct = [row for row in DIRECT if not row.marker or row.marker.evaluate(here)]
    assert len(direct) > 20
    for row in direct:
        assert row.specifier.contains(versions[canonicalize_name(row.name)][0]), row


@pytest.mark.parametrize("row", [*DIRECT, *map(Requirement, PYPROJECT["build-system"]["requires"])], ids=lambda row: row.name)
def test_each_dependency_has_both_bounds(row: Requirement) -> None:
    assert {spec.operator for spec in row.specifier} == {">=", "<"}


def test_what_an_upgrade_brings_is_said() -> None:
    text = "alpha==1.0\nbeta==2.0 ; python_version < '3'\nbeta==2.1 ; python_version >= '3'\n"
    assert newer.newer(text, {"alpha": "1.1", "beta": "2.1", "gamma": "3"}) == ["alpha 1.0 -> 1.1", "gamma (not there) -> 3"]
    assert newer.newer(text, {"alpha": "1.0"}) == newer.newer(text, {"alpha": "0.9"}) == []
    assert newer.newer(text, {"alpha": "1.0.post1"}) == ["alpha 1.0 -> 1.0.post1"]
