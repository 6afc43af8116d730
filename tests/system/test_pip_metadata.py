"""What an index says of its files when wheels are locked: upload times, other Pythons, and what is gone or changed since."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Run, Workspace, clean_environment, repository
from system.channel import build
from system.wheel_index import WheelIndex, wheel_index

PROJECT = """\
python: "3.12"
targets: [cpu]
platforms: [linux-64]
channels: [conda-forge]
dependencies: [numpy]
"""
JULY = "exclude-newer: {default: 2025-07-01, channels: {conda-forge: none}}\n"
NO_SOLUTION = "error: pip section of {name}-cpu, linux-64: No solution found when resolving dependencies\n  cause: "


@dataclass(frozen=True)
class World:
    """One repository and one server for all tests of this module: each has a project and an index of the same name."""

    site: Workspace
    index: Path
    wheels: WheelIndex

    def write(self, name: str, pip: str, more: str = "") -> None:
        self.site.project(name, f'{PROJECT}pip: [{pip}]\npip-repositories: ["{self.wheels.url(name)}"]\n{more}')

    def run(self, command: str, name: str) -> Run:
        return self.site.envgen(command, name, "--index", self.index)

    def locked(self, name: str, pip: str, more: str = "", command: str = "lock") -> list[str]:
        """The wheels of the new lock."""
        self.write(name, pip, more)
        done = self.run(command, name)
        assert done.status == 0, done.err
        lines = [line.strip() for line in self.lock(name).decode().splitlines()]
        return [line.rpartition("/")[2] for line in lines if line.startswith("url: http://127.")]

    def refused(self, name: str, pip: str, more: str = "") -> str:
        """What is said where there is no solution, after the line that always stands there."""
        self.write(name, pip, more)
        before, done = self.site.files(), self.run("lock", name)
        assert (done.status, done.out, self.site.files()) == (4, "", before), done.err
        head = NO_SOLUTION.format(name=name)
        assert done.err.startswith(head)
        return done.err.removeprefix(head)

    def lock(self, name: str) -> bytes:
        return self.site.files()[f"{name}/cpu/conda-lock.yml"]

    def forget(self, name: str) -> None:
        shutil.rmtree(self.site.root / "environments" / name / "cpu")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, unpacked_cache: Path) -> Iterator[World]:
    top = tmp_path_factory.mktemp("metadata")
    build(top / "index" / "conda-forge")
    site = repository(top / "site", {**clean_environment(top), "ENVGEN_CACHE": str(unpacked_cache)})
    with wheel_index() as wheels:
        yield World(site, top / "index", wheels)


# --- dates ----------------------------------------------------------------------------------------------------------------


def test_a_wheel_that_is_newer_than_the_date_is_not_taken(world: World) -> None:
    """Locking again from nothing gives the same bytes, also when the index has got more files since."""
    world.wheels.wheel("dated", "tinyops", "1.0", **{"upload-time": "2025-01-01T00:00:00Z"})
    world.wheels.wheel("dated", "tinyops", "2.0", **{"upload-time": "2025-09-01T00:00:00Z"})
    assert world.locked("dated", "tinyops", JULY) == ["tinyops-1.0-py3-none-any.whl"]
    before = world.lock("dated")
    world.wheels.wheel("dated", "tinyops", "1.5", **{"upload-time": "2025-10-01T00:00:00Z"})
    world.forget("dated")
    assert world.locked("dated", "tinyops", JULY) == ["tinyops-1.0-py3-none-any.whl"]
    assert world.lock("dated") == before
    assert world.refused("dated", "tinyops >=2", JULY) == (
        "Because only tinyops==1.0 is available and dated-cpu depends on tinyops>=2, we can conclude that your requirements are "
        "unsatisfiable.\n"
        "hint: `tinyops` was filtered by `exclude-newer` to only include packages uploaded before 2025-07-01T00:00:00Z. The latest "
        "version satisfying the requirement is v2.0, published at 2025-09-01T00:00:00Z. Consider using `exclude-newer-package` to "
        "override the cutoff for this package.\n\n"
        "hint: what is required is newer than exclude-newer: require an older version, or give the package a date of its own\n"
    )


def test_a_wheel_without_a_date_needs_the_date_none(world: World) -> None:
    """That is possible for a package that no conda channel has."""
    world.wheels.wheel("undated", "tinyops", "1.0")
    assert world.refused("undated", "tinyops", JULY) == (
        "Because there are no versions of tinyops and undated-cpu depends on tinyops, we can conclude that your requirements are "
        "unsatisfiable.\n"
        "hint: `tinyops` was filtered by `exclude-newer` to only include packages uploaded before 2025-07-01T00:00:00Z. The latest "
        "version satisfying the requirement is v1.0. Consider using `exclude-newer-package` to override the cutoff for this "
        "package.\n\n"
        "hint: the index gives no dates, which exclude-newer: needs: write `exclude-newer: {packages: {NAME: none}}`\n"
    )
    key = JULY.replace("none}}", "none}, packages: {Tiny-Ops: none, tinyops: none}}")
    assert world.locked("undated", "tinyops", key) == ["tinyops-1.0-py3-none-any.whl"]


# --- names and Pythons ----------------------------------------------------------------------------------------------------


def test_a_name_in_two_forms_is_required_once(world: World) -> None:
    world.wheels.wheel("forms", "My_Pkg", "1.0")
    assert world.locked("forms", "My_Pkg, my-pkg, my.pkg >=1") == ["My_Pkg-1.0-py3-none-any.whl"]
    assert world.refused("forms", "My_Pkg ==1.0, my-pkg ==2.0") == (
        "Because forms-cpu depends on my-pkg==1.0 and my-pkg==2.0, we can conclude that your requirements are unsatisfiable.\n\n"
        "hint: loosen the requirement, or take the package from a conda channel\n"
    )


def test_a_wheel_for_another_python_is_told_with_its_tag_or_its_range(world: World) -> None:
    world.wheels.wheel("tagged", "tinyops", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64")
    assert world.refused("tagged", "tinyops") == (
        "Because tinyops==1.0 has no wheels with a matching Python ABI tag (e.g., `cp312`) and only tinyops==1.0 is available, we "
        "can conclude that all versions of tinyops cannot be used.\n"
        "         And because tagged-cpu depends on tinyops, we can conclude that your requirements are unsatisfiable.\n"
        "hint: You require CPython 3.12 (`cp312`), but we only found wheels for `tinyops` (v1.0) with the following Python ABI tag: "
        "`cp311`\n\n"
        "hint: no wheel is for this Python or platform: require another version\n"
    )
    world.wheels.wheel("ranged", "tinyops", "1.0", **{"requires-python": ">=3.13"})
    told = world.refused("ranged", "tinyops")
    assert "does not satisfy Python>=3.13 and tinyops==1.0 depends on Python>=3.13" in told
    assert told.endswith("\n\nhint: the package is for another Python: require another version of it, or change `python:`\n")
    world.wheels.wheel("ranged", "tinyops", "0.9", **{"requires-python": "<3.13"})
    assert world.locked("ranged", "tinyops") == ["tinyops-0.9-py3-none-any.whl"]


# --- what is gone or changed since the last lock --------------------------------------------------------------------------


def test_a_locked_version_that_is_gone_stays_until_pip_packages_are_resolved_again(world: World) -> None:
    for name, version in (("tinyops", "1.0"), ("tinyops", "1.1"), ("more", "1.0")):
        world.wheels.wheel("gone", name, version)
    assert world.locked("gone", "tinyops") == ["tinyops-1.1-py3-none-any.whl"]
    world.wheels.pages["/gone/tinyops/"].pop()
    assert world.locked("gone", "tinyops") == ["tinyops-1.1-py3-none-any.whl"]
    assert world.refused("gone", "tinyops ==1.1, more") == (
        "Because there is no version of tinyops==1.1 and gone-cpu depends on tinyops==1.1, we can conclude that your requirements "
        "are unsatisfiable.\n\nhint: loosen the requirement, or take the package from a conda channel\n"
    )
    assert world.locked("gone", "tinyops, more") == ["more-1.0-py3-none-any.whl", "tinyops-1.0-py3-none-any.whl"]


def test_metadata_that_changes_counts_when_pip_packages_are_resolved_again(world: World) -> None:
    """A file that another replaces under its name brings another hash and other needs; until then the index is not asked."""
    world.wheels.wheel("changed", "tinyops", "1.0")
    world.wheels.wheel("changed", "more", "1.0")
    assert world.locked("changed", "tinyops") == ["tinyops-1.0-py3-none-any.whl"]
    before = world.lock("changed")
    world.wheels.pages["/changed/tinyops/"].clear()
    world.wheels.wheel("changed", "tinyops", "1.0", "more")
    world.wheels.asked.clear()
    world.locked("changed", "tinyops")
    assert (world.lock("changed"), world.wheels.asked) == (before, [])
    assert world.locked("changed", "tinyops", command="update") == ["more-1.0-py3-none-any.whl", "tinyops-1.0-py3-none-any.whl"]
    digest = world.wheels.pages["/changed/tinyops/"][0]["hashes"]["sha256"]  # type: ignore[index]
    assert f"    sha256: {digest}\n".encode() in world.lock("changed")
