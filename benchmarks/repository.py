"""A repository of many projects, made from the examples and their recorded index, so that it is locked without a network.

    python -m benchmarks.repository FOLDER [--projects 200]

Each project has 4 targets and 3 platforms, as far as a target supports them: there is no CUDA on macOS. The projects repeat a few kinds
with a few sets of dependencies, so most cells equal a cell of another project.
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import REPO

VISION: dict[str, Any] = {
    "python": "3.12",
    "frameworks": {"pytorch": ">=2.5"},
    "targets": {
        "cpu": None,
        "office": {"cuda": "none", "virtual-packages": {"__glibc": "2.35"}},
        "cu126": None,
        "cu129": {"platforms": ["linux-64"]},
    },
    "platforms": ["linux-64", "osx-arm64", "win-64"],
    "numerics": {"may-differ": ["pytorch"]},  # its release for CUDA 12.9 is another
}
JAX: dict[str, Any] = {
    "python": ">=3.11",
    "frameworks": {"jax": ">=0.7"},
    "targets": {
        "cpu": None,
        "office": {"cuda": "none", "virtual-packages": {"__glibc": "2.35"}},
        "laptop": {"cuda": "none", "virtual-packages": {"__glibc": "2.39"}},
        "cu129": None,
    },
    "platforms": ["linux-64", "osx-64", "osx-arm64"],
}
KINDS = (
    *(
        (VISION, ["numpy", *more])
        for more in ([], ["pandas >=2"], ["matplotlib-base"], ["pandas >=2", "matplotlib-base", "jupyterlab"])
    ),
    *((JAX, [*more]) for more in (["optax"], ["numpy"])),
)


def projects(count: int) -> Iterator[tuple[str, str]]:
    """The names and the texts of so many project files. Every tenth has a remark of its own and is equal otherwise."""
    for number, (kind, dependencies) in zip(range(count), itertools.cycle(KINDS), strict=False):
        yield f"p{number:05}", json.dumps({**kind, "channels": ["conda-forge"], "dependencies": dependencies}, indent=2) + "\n"


def repository(folder: Path, count: int) -> Path:
    """Write a repository of so many projects without locks into a folder, with all records of the examples, and return it."""
    for name in ("matrices", "templates"):
        shutil.copytree(REPO / name, folder / name)
    shutil.copytree(REPO / "environments" / "index", folder / "environments" / "index")
    for name, text in projects(count):
        path = folder / "environments" / name / "project.yaml"
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
    return folder


if __name__ == "__main__":
    options = argparse.ArgumentParser("python -m benchmarks.repository", description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--projects", type=int, default=200)
    asked = options.parse_args()
    print(repository(asked.folder, asked.projects))
