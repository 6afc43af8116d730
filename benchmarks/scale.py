"""What a repository of many projects costs: the first lock, nothing to do, one project, verify, list, lock --check.
Offline, from the recorded index of the examples; see repository.py for the projects. Processor time, because other work on the machine
counts less in it than in elapsed time.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from benchmarks.cells import every_cell
from benchmarks.measure import REPO, Row, Sample, once
from benchmarks.repository import repository

COMMANDS = {
    "lock": "nothing to do, not known yet",
    "lock ": "nothing to do",
    "lock p00003": "nothing to do for one project",
    "lock --check": "lock --check",
    "list": "list",
    "verify": "verify",
}
GOALS = {"nothing to do": "below 2 s", "verify": "below 4 s"}


def scale_rows(scratch: Path, projects: int) -> list[Row]:
    """The rows of the table, for a repository of so many projects."""
    root, alone = repository(scratch / "many", projects), repository(scratch / "alone", 4)
    index = shutil.copytree(root / "environments" / "index", scratch / "index")
    first, _ = (_run(folder, "lock", "--index", str(index)) for folder in (root, alone))
    every = every_cell(scratch, repository(scratch / "cells", projects), index)
    head = f"{projects} projects, {len(list(root.glob('environments/*/*/conda-lock.yml')))} locks"
    return [
        (f"{head}: first lock", _text(first), "below 400 MiB"),
        ("the same, relative to a solve of every cell with rattler alone", f"{first.processor / every.processor:.2f}", "below 1.2"),
        *((f"{head}: {what}", _text(_run(root, *words.split())), GOALS.get(what, "-")) for words, what in COMMANDS.items()),
        (f"{head}: one project with a new dependency", _text(_edited(root, index)), "-"),
        ("the same in a repository of 4 projects", _text(_edited(alone, index)), "-"),
    ]


def _run(root: Path, *words: str) -> Sample:
    environment = {name: value for name, value in os.environ.items() if name != "ENVGEN_INDEX"}  # offline
    return once([sys.executable, "-m", "envgen", "--root", str(root), *words], REPO, environment)


def _edited(root: Path, index: Path) -> Sample:
    path = root / "environments" / "p00003" / "project.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace('"jupyterlab"', '"jupyterlab", "networkx"'), encoding="utf-8")
    return _run(root, "lock", "p00003", "--index", str(index))


def _text(sample: Sample) -> str:
    return f"{sample.processor:.2f} s, {sample.memory:.0f} MiB"
