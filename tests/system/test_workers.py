"""A check that several processes do: it finds what one finds, whatever becomes of them.

The repository has a fault of every kind that a project can have, each in a project of its own. What the processes do is chosen by a
`sitecustomize`, which says how many processors there are, and strikes when another process than the first reads a lock.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import Run, Workspace, clean_environment, made_once, repository, some
from system.channel import EVERYTHING, PYTHONS, build, of_python
from system.processes import ends
from system.test_check import BREAKS, TEXT

from envgen.model.errors import BadInput

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only on Linux are there several processes")

INTERRUPTED = "interrupted: files that were not replaced yet are unchanged"
PROCESSES = """
import os, signal, sys
os.sched_getaffinity = lambda _: set(range(int(os.environ["PROCESSORS"])))
_forks, _first, _strike = [], os.getpid(), os.environ.get("STRIKE", "")
def _child():
    with open(os.environ["BEGUN"], "a") as log:
        log.write(f"{os.getpid()}\\n")
os.register_at_fork(after_in_child=_child)
def _hook(event, arguments):
    if event == "os.fork" and _strike == "no more processes":
        _forks.append(event)
        if len(_forks) > 1:
            raise BlockingIOError(11, "Resource temporarily unavailable")
    if event == "open" and os.getpid() != _first and str(arguments[0]).endswith("/cpu/conda-lock.yml"):
        if _strike == "a worker":
            os.kill(os.getpid(), signal.SIGKILL)
        if _strike in ("SIGINT", "SIGKILL", "SIGTERM"):
            os.kill(_first, getattr(signal, _strike))
sys.addaudithook(_hook)
"""


@pytest.fixture(scope="module")
def site() -> Workspace:
    """A repository with faults; nobody changes it."""
    root = made_once("faults-in-projects", with_faults) / "site"
    return Workspace(root, clean_environment(root.parent))


def with_faults(folder: Path) -> None:
    """A project for each rule, locked, and broken as the rule says where that touches a project alone."""
    arm = (row for python in PYTHONS for row in of_python(python, "osx-arm64") if row.subdir != "noarch")
    build(folder / "index" / "conda-forge", (*EVERYTHING, *arm), ("linux-64", "osx-arm64"))
    (folder / "strike").mkdir()
    (folder / "strike" / "sitecustomize.py").write_text(PROCESSES)
    site = repository(folder / "site", clean_environment(folder))
    for rule in BREAKS:
        site.project(rule, TEXT)
    done = site.envgen("lock", "--index", folder / "index")
    assert done.status == 0, done.err
    for rule, (breaks, _, _) in BREAKS.items():
        alone = folder / "alone" / rule / "environments"
        alone.mkdir(parents=True)
        (alone / "p").symlink_to(site.root / "environments" / rule)
        with suppress(
            FileNotFoundError, AssertionError, BadInput
        ):  # of a rule about the facts, the index, or the name of the project
            breaks(alone.parent)


def checked(site: Workspace, folder: Path, processors: int, *words: str, strike: str = "") -> tuple[Run, list[int]]:
    """A check with an empty cache on so many processors, and the processes that it began: the first is its own."""
    path = os.pathsep.join((str(site.root.parent / "strike"), site.environment["PYTHONPATH"]))
    begun, cache = folder / f"begun-{processors}", folder / f"cache-{processors}{'-'.join(words)}"
    begun.write_text("")
    told = {"PROCESSORS": str(processors), "STRIKE": strike, "BEGUN": str(begun), "ENVGEN_CACHE": str(cache), "PYTHONPATH": path}
    done = site.envgen("check", *words, **told)
    return done, [int(line) for line in begun.read_text().split()]


def found_alone(site: Workspace, *words: str) -> Run:
    """What one process finds with an empty cache, asked once for all tests."""

    def find(folder: Path) -> None:
        done, begun = checked(site, folder, 1, *words)
        assert begun == []
        (folder / "run.json").write_text(json.dumps([done.status, done.out, done.err]))

    found = Run(*json.loads((made_once(f"faults-found{''.join(words)}", find) / "run.json").read_text()))
    assert found.status == 1
    return found


@pytest.mark.parametrize(("processors", "count"), [(2, 1), (16, 2)])
def test_several_processes_find_what_one_finds(site: Workspace, tmp_path: Path, processors: int, count: int) -> None:
    """To the letter, in the same order, with an empty cache and with what they left in it."""
    alone = found_alone(site, "--json")
    done, begun = checked(site, tmp_path, processors, "--json")
    assert (done, len(begun)) == (alone, count)
    assert all(map(ends, begun))
    assert checked(site, tmp_path, processors, "--json")[0] == alone


@pytest.mark.parametrize("words", [(), ("--sarif",), ("--github",)])
def test_what_they_find_is_written_as_what_one_finds(site: Workspace, tmp_path: Path, words: tuple[str, ...]) -> None:
    assert checked(site, tmp_path, 16, *words)[0] == found_alone(site, *words)


def test_the_faults_are_of_many_kinds(site: Workspace) -> None:
    found = json.loads(found_alone(site, "--json").out)["findings"]
    assert len({row["rule"] for row in found} & BREAKS.keys()) > 30


@pytest.mark.parametrize("strike", ["a worker", "no more processes"])
def test_what_a_process_does_not_bring_is_found_all_the_same(site: Workspace, tmp_path: Path, strike: str) -> None:
    done, begun = checked(site, tmp_path, 3, strike=strike)
    assert done == found_alone(site)
    assert all(map(ends, some(begun)))


@pytest.mark.parametrize(("sign", "status"), [("SIGINT", 130), ("SIGTERM", -signal.SIGTERM), ("SIGKILL", -signal.SIGKILL)])
def test_no_process_is_left_where_the_first_one_ends(site: Workspace, tmp_path: Path, sign: str, status: int) -> None:
    done, begun = checked(site, tmp_path, 3, strike=sign)
    assert (done.status, done.out, done.err.strip()) == (status, "", INTERRUPTED if sign == "SIGINT" else "")
    assert all(map(ends, some(begun)))
