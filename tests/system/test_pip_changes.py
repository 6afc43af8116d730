"""What a new lock changes of pip packages: it is told, and happens where what they were resolved for is not what is asked now."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import Run, Workspace, clean_environment, repository
from system.channel import build, pure
from system.wheel_index import WheelIndex, wheel_index

from envgen.lock.pipeline import lock
from envgen.machine.locked import best_here
from envgen.model.layout import Layout
from envgen.model.run import LockRequest

PROJECT = """\
python: "3.12"
targets: [cpu]
platforms: [linux-64]
channels: [conda-forge]
dependencies: [numpy, tiny-conda]
"""


@dataclass
class Site:
    """A repository, the channel of its conda packages and an index of wheels with the name of the test's project."""

    site: Workspace
    index: Path
    wheels: WheelIndex

    def project(self, name: str, pip: str) -> None:
        self.site.project(name, f'{PROJECT}pip: [{pip}]\npip-repositories: ["{self.wheels.url(name)}"]\n')

    def run(self, *words: str) -> Run:
        done = self.site.envgen(*words, "--index", self.index)
        assert done.status == 0, done.err
        return done

    def add(self, index: str, name: str, version: str, *needs: str, **more: str) -> None:
        self.wheels.wheel(index, name, version, *needs, **more)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, unpacked_cache: Path) -> Iterator[Site]:
    top = tmp_path_factory.mktemp("changes")
    build(top / "index" / "conda-forge")
    build(top / "index" / "conda-forge", [pure("tiny-conda", "1.0")])
    site = repository(top / "site", {**clean_environment(top), "ENVGEN_CACHE": str(unpacked_cache)})
    with wheel_index() as wheels:
        yield Site(site, top / "index", wheels)


def test_pip_packages_that_moved_came_or_went_are_told(world: Site) -> None:
    """Beside conda's, with `pip` before their name; of the same version with what differs of the file."""
    for name in ("moving", "same", "leaving"):
        world.add("told", name, "1.0")
    world.project("told", "moving, same, leaving")
    world.run("lock", "told")
    world.add("told", "moving", "2.0", "coming")
    world.add("told", "coming", "0.1")
    world.add("told", "same", "1.0", tag="py3-none-manylinux_2_17_x86_64")
    world.project("told", "moving, same")
    done = world.run("update", "told", "--dry-run")
    assert done.out.partition(" s\n")[2] == (
        "told: 2 moved, 1 added, 1 removed in 1 cell\n"
        "  pip moving 1.0 -> 2.0\n"
        "  pip same 1.0 same-1.0-py3-none-any.whl -> 1.0\n"
        "      same-1.0-py3-none-manylinux_2_17_x86_64.whl\n"
        "  + pip coming 0.1\n"
        "  - pip leaving 1.0\n"
    )
    (row,) = json.loads(world.run("update", "told", "--dry-run", "--json").out)
    assert row["changes"] == {
        "linux-64": {
            "added": [{"name": "coming", "manager": "pip", "version": "0.1"}],
            "removed": [{"name": "leaving", "manager": "pip", "version": "1.0"}],
            "moved": [
                {"name": "moving", "manager": "pip", "from": "1.0", "to": "2.0", "because": None},
                {
                    "name": "same",
                    "manager": "pip",
                    "from": "1.0 same-1.0-py3-none-any.whl",
                    "to": "1.0 same-1.0-py3-none-manylinux_2_17_x86_64.whl",
                    "because": None,
                },
            ],
        }
    }


def test_one_pip_package_is_updated_alone(world: Site) -> None:
    for version in ("1.0", "2.0"):
        for name in ("wanted", "other"):
            world.add("single", name, version)
    world.project("single", "wanted ==1.0, other ==1.0")
    world.run("lock", "single")
    world.project("single", "wanted, other")
    world.run("lock", "single")
    done = world.run("update", "single", "--package", "wanted")
    assert "single: 1 moved, 0 added, 0 removed in 1 cell\n  pip wanted 1.0 -> 2.0\n" in done.out


def test_a_new_row_of_the_matrices_about_a_name_makes_a_lock_stale(world: Site, tmp_path: Path) -> None:
    """The wheel of what a conda package turns out to be goes; the row alone says so."""
    site = Workspace(tmp_path / "site", world.site.environment)
    shutil.copytree(world.site.root, site.root, ignore=shutil.ignore_patterns("environments"))
    own = Site(site, world.index, world.wheels)
    own.add("named", "tinyops", "1.0")
    own.project("named", "tinyops")
    own.run("lock", "named")
    assert own.site.envgen("lock", "--check").status == 0
    path = site.root / "matrices" / "packages.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "  - {conda: [tiny-conda], pip: [tinyops], role: user}\n", encoding="utf-8")
    checked = site.envgen("lock", "--check", "named")
    told = "linux-64: what conda packages provide of PyPI is not what the pip packages were resolved beside"
    assert (checked.status, checked.out) == (1, f"named-cpu: {told}\n")
    assert own.run("lock", "named").out.endswith("named: 0 moved, 0 added, 1 removed in 1 cell\n  - pip tinyops 1.0\n")
    assert own.run("lock", "named").talk.endswith("Nothing to do: every lock is up to date.\n")


@dataclass
class Told:
    """A reporter that remembers the tasks that it is told of, and their steps."""

    tasks: list[tuple[str, int]] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    def say(self, text: str) -> None: ...

    def begin(self, what: str, steps: int) -> None:
        self.tasks.append((what, steps))

    def step(self, what: str) -> None:
        self.steps.append(what)

    def end(self) -> None: ...


def test_who_waits_for_wheels_sees_whose_they_are(world: Site) -> None:
    """Once for each target, with a step for each platform; not where nothing is resolved."""
    world.add("seen", "tinyops", "1.0")
    world.project("seen", "tinyops")
    told = Told()
    for packages in ((), ("tinyops",)):
        request = LockRequest(projects=("seen",), index_folder=world.index, packages=packages)
        lock(Layout(world.site.root), request, told, best_here).whole()
    assert [task for task in told.tasks if "wheels" in task[0]] == [("resolving wheels of seen-cpu", 1)] * 2
    assert told.steps.count("resolving wheels of seen-cpu, linux-64") == 2
    again = Told()
    world.site.project("seen", (world.site.root / "environments/seen/project.yaml").read_text().replace("numpy, ", ""))
    lock(Layout(world.site.root), LockRequest(projects=("seen",), index_folder=world.index), again, best_here).whole()
    assert [task for task in again.tasks if "wheels" in task[0]] == []
