"""The cells that several benchmarks lock, and the requests to the solver that only_rattler.py answers for them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from benchmarks.measure import REPO, Sample, once

ONLY_RATTLER = REPO / "benchmarks" / "only_rattler.py"
# 8 cells: four targets on two platforms. Two projects, because the snapshot has no one Python with builds for all of them.
PROJECTS = {
    "older": ("3.11", ["cpu", "cu126"]),
    "newer": ("3.12", ["cu128", "cu129"]),
}


def workspace(
    folder: Path, projects: Mapping[str, tuple[str, list[str]]] = PROJECTS, platforms: str = "linux-64, linux-aarch64"
) -> Path:
    """Write a repository with the 8 cells, or others, into a folder, and return it."""
    for name in ("matrices", "templates"):
        shutil.copytree(REPO / name, folder / name)
    for name, (python, targets) in projects.items():
        path = folder / "environments" / name / "project.yaml"
        path.parent.mkdir(parents=True)
        lines = [
            f'python: "{python}"',
            'frameworks: {pytorch: "*"}',
            f"targets: {json.dumps(targets)}",
            f"platforms: [{platforms}]",
            "channels: [conda-forge]",
            "numerics: {may-differ: [pytorch]}",
            "dependencies: [numpy, pandas]",
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def requests_of(root: Path, index: Path) -> str:
    """Lock the 8 cells, and return the requests to the solver as the JSON that only_rattler.py reads."""
    from envgen.cli.console import Terminal
    from envgen.lock.pipeline import lock
    from envgen.machine.locked import best_here
    from envgen.model.layout import Layout
    from envgen.model.run import LockRequest
    from envgen.resolver.specs import requests

    outcomes = lock(Layout(root), LockRequest(index_folder=index, jobs=os.cpu_count() or 1), Terminal(), best_here).whole()
    requested = [asdict(request) for outcome in outcomes for request in requests(outcome.resolution)]
    files = plain_files(index, *(request["platform"] for request in requested))
    return json.dumps({"requests": requested, "files": files}, default=str)


def requests_apart(root: Path, index: Path) -> str:
    """The same from a process that ends: the peak memory of a process that is started counts that of this one at its start."""
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as executor:
        return executor.submit(requests_of, root, index).result()


def every_cell(scratch: Path, root: Path, index: Path) -> Sample:
    """Solve every cell of a repository once with rattler alone."""
    job = scratch / "every-cell.json"
    job.write_text(requests_apart(root, index), encoding="utf-8")
    return once([sys.executable, str(ONLY_RATTLER), str(job)], REPO, dict(os.environ))


def plain_files(index: Path, *platforms: str) -> dict[str, Path]:
    """The repodata of conda-forge for some platforms and noarch."""
    return {subdir: plain_file(index / "conda-forge" / subdir) for subdir in ("noarch", *platforms)}


def plain_file(folder: Path) -> Path:
    """The repodata of a channel's subdir as plain JSON: in the index folder, or as envgen unpacked it into its cache."""
    from envgen.channels.cache import unpacked

    plain = folder / "repodata.json"
    return plain if plain.is_file() else unpacked(folder / "repodata.json.zst")
