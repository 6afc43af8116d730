"""What a repository of many projects costs: the first lock, nothing to do, one project, verify, list, lock --check.
Offline, from the recorded index of the examples; see repository.py for the projects. Processor time, because other work on the machine
counts less in it than in elapsed time.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))
from repository import repository
from resolver import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from run import Sample

COMMANDS = {
    "lock": "nothing to do, not known yet",
    "lock ": "nothing to do",
    "lock p00003": "nothing to do for one project",
    "lock --check": "lock --check",
    "list": "list",
    "verify": "verify",
}


def scale_rows(
    run: Callable[[Sequence[str]], Sample], rattler: Callable[[Path, Path], Sample], scratch: Path, projects: int
) -> list[Row]:
    """The rows of the table; `run` measures one envgen command, `rattler` a solve of every cell of a repository from an index."""
    root = repository(scratch / "many", projects)
    alone = repository(scratch / "alone", 4)
    index = shutil.copytree(root / "environments" / "index", scratch / "index")
    first = run(["--root", str(root), "lock", "--index", str(index)])
    run(["--root", str(alone), "lock", "--index", str(index)])
    locks = len(list(root.glob("environments/*/*/conda-lock.yml")))
    head = f"{projects} projects, {locks} locks"
    every = rattler(repository(scratch / "cells", projects), index)
    found = [
        (f"{head}: first lock", _text(first), "below 400 MiB"),
        ("the same, relative to a solve of every cell with rattler alone", f"{first.processor / every.processor:.2f}", "below 1.2"),
    ]
    for words, what in COMMANDS.items():
        taken = run(["--root", str(root), *words.split()])
        found.append(
            (f"{head}: {what}", _text(taken), "below 2 s" if words == "lock " else "below 4 s" if words == "verify" else "-")
        )
    edited = [_edited(run, folder, index) for folder in (root, alone)]
    found.append((f"{head}: one project with a new dependency", _text(edited[0]), "-"))
    found.append(("the same in a repository of 4 projects", _text(edited[1]), "-"))
    return found


def _edited(run: Callable[[Sequence[str]], Sample], root: Path, index: Path) -> Sample:
    path = root / "environments" / "p00003" / "project.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace('"jupyterlab"', '"jupyterlab", "networkx"'), encoding="utf-8")
    return run(["--root", str(root), "lock", "p00003", "--index", str(index)])


def _text(sample: Sample) -> str:
    return f"{sample.processor:.2f} s, {sample.memory:.0f} MiB"
