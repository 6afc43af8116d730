"""Rounds of four processes at once on one repository, some of them killed: `make attack`. No record and no lock may be lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from conftest import Workspace, clean_environment, repository
from system.test_several import hidden, named, recorded

ROUNDS = int(os.environ.get("ENVGEN_ROUNDS", "50"))
SEED = os.environ.get("ENVGEN_SEED", "1")
PROJECT = 'python: "{python}"\ntargets: [cpu]\nplatforms: [linux-64]\nchannels: [conda-forge]\ndependencies: [{own}]\n'
OWN = ["'numpy <2'", "einops", "numpy", "needs-new-numpy", "'einops <0.8'", "needs-old-numpy", "pip", "pip, einops"]


def begun(site: Workspace, index: Path, projects: list[str]) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "envgen", "lock", *projects, "--index", str(index)]
    return subprocess.Popen(
        argv, cwd=site.root, env=dict(site.environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_rounds_of_four(tmp_path: Path, index: Path) -> None:
    chance, waited, killed = random.Random(SEED), 0, 0
    names = [f"p{number}" for number in range(len(OWN))]
    for number in range(ROUNDS):
        site = repository(tmp_path / f"round{number}", clean_environment(tmp_path))
        for name, own in zip(names, OWN, strict=True):
            site.project(name, PROJECT.format(python=chance.choice(["3.11", "3.12"]), own=own))
        chance.shuffle(names)
        runs = []
        for place in range(4):
            runs.append(begun(site, index, names[2 * place : 2 * place + 2]))
            time.sleep(chance.random() * 0.3)
        victim = chance.choice(runs) if number % 3 == 0 else None
        if victim:
            time.sleep(chance.random() * 2)
            victim.send_signal(signal.SIGKILL)
            killed += victim.wait() < 0
        said = {run: run.communicate(timeout=300)[1] for run in runs}
        waited += sum("waiting for another envgen" in text for text in said.values())
        assert all(run.returncode == 0 for run in runs if run is not victim), said.values()
        if victim:
            done = site.envgen("lock", "--index", index)
            assert done.status == 0, done.err
        assert recorded(site) == named(site) != set(), number
        assert hidden(site) == [], number
        assert len(list((site.root / "environments").glob("*/cpu/conda-lock.yml"))) == len(OWN)
        assert site.envgen("lock", "--offline").err.strip() == "Nothing to do: every lock is up to date."
        shutil.rmtree(site.root)
    print(f"\nseveral at once: {ROUNDS} rounds of four, {killed} killed, {waited} waited, 0 lost a record")
