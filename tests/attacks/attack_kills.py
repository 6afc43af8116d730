"""Runs of `lock` that are killed while they write, or at any moment: `make attack`. Every file is old or new, and the next run heals."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import Workspace, clean_environment, repository
from system import forks
from system.test_crash import CHANGED, PROJECT, temporaries, whole

ROUNDS = int(os.environ.get("ENVGEN_ROUNDS", "50"))
SEED = os.environ.get("ENVGEN_SEED", "1")
ANY = 4  # one kill in so many falls at any moment, the others while files are written


@pytest.fixture
def site(tmp_path: Path) -> Workspace:
    return repository(tmp_path / "repository", clean_environment(tmp_path))


def written(site: Workspace, index: Path, text: str) -> Mapping[str, bytes]:
    """The files of a run that nobody disturbs."""
    site.project("p", text)
    done = site.envgen("lock", "--index", index)
    assert done.status == 0, done.err
    return site.files()


def folders(site: Workspace) -> list[str]:
    """Where files are written."""
    top = site.root / "environments"
    return [str(path) for path in (top, *top.rglob("*")) if path.is_dir()]


def writes(places: list[str]) -> bool:
    """Whether some run is writing files."""
    return any(name.endswith(".envgen-tmp") for place in places if os.path.isdir(place) for name in os.listdir(place))


def moments(chance: random.Random, longest: float) -> Iterator[tuple[bool, float]]:
    """Whether to wait for files that are written, and how long to wait then."""
    while True:
        soon = chance.randrange(ANY) > 0
        yield soon, chance.random() * (0.03 if soon else longest)


def test_kills(site: Workspace, index: Path) -> None:
    written(site, index, PROJECT)
    new = written(site, index, CHANGED)
    begun = time.monotonic()
    states = [(PROJECT, written(site, index, PROJECT)), (CHANGED, new)]
    longest, places = time.monotonic() - begun, folders(site)
    chance, killed, writing, left, changed = random.Random(SEED), 0, 0, 0, 0
    moment = moments(chance, longest)
    for number in range(ROUNDS):
        (_, old), (text, new) = states[number % 2], states[(number + 1) % 2]
        site.project("p", text)
        run = forks.begin(["lock", "--index", str(index)], site.root, site.environment)
        soon, wait = next(moment)
        while soon and not run.ended() and not writes(places):
            pass
        writing += soon and not run.ended()
        time.sleep(wait)
        if not run.ended():
            with suppress(ProcessLookupError):  # it has ended since
                os.kill(run.pid, signal.SIGKILL)
        done = run.end(60)
        assert done.returncode in (0, -signal.SIGKILL), (number, done.stderr)
        killed += done.returncode < 0
        before = {**old, "p/project.yaml": text.encode()}
        whole(site, before, new)
        left += bool(temporaries(site))
        changed += before != {name: data for name, data in site.files().items() if ".envgen-" not in name}
        again = site.envgen("lock", "--index", index)
        assert again.status == 0, (number, again.err)
        assert site.files() == new, number
        if number % 100 == 99:
            print(f"{number + 1} runs, {killed} killed", flush=True)
    shutil.rmtree(site.root)
    assert writing >= ROUNDS // 2
    told = f"{writing} after the first file was begun, {left} left temporary files, {changed} had replaced files"
    print(f"\nkills: {killed} of {ROUNDS} runs of lock killed, {told}; 0 torn or mixed, each healed by the next run")
