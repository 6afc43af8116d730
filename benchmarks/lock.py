"""`envgen lock` beside the same solves with rattler alone: 8 cells, and one cell of an index of the size of conda-forge."""

from __future__ import annotations

import shutil
import statistics
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.big_index import big_index
from benchmarks.cells import ONLY_RATTLER, requests_apart, workspace
from benchmarks.measure import REPO, ROUNDS, Row, Sample, in_turns, median, once, processor, processor_ratio, ratio


def cell_rows(root: Path, scratch: Path, environment: Mapping[str, str], index: Path) -> list[Row]:
    """The rows on a lock of 8 cells beside the same solves with rattler alone, both compiled, with one gateway."""
    apart = shutil.copytree(root, scratch / "apart")  # the same without alignment
    for path in apart.glob("environments/*/project.yaml"):
        rest = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("numerics:")]
        path.write_text("\n".join((*rest, "align: false\n")), encoding="utf-8")
    lock = [sys.executable, "-m", "envgen", "--root", str(root), "lock", "--update"]

    cells = in_turns(
        ROUNDS,
        envgen=partial(once, lock, REPO, environment),
        conda_lock=partial(once, [*lock, "--pin-with", "conda-lock"], REPO, environment),
        rattler=_rattler(root, index, environment),
        apart=partial(once, [str(apart) if word == str(root) else word for word in lock], REPO, environment),
        rattler_apart=_rattler(apart, index, environment),
    )

    peak = statistics.median(sample.memory for sample in cells["envgen"])
    return [
        (
            "lock of 8 cells, relative to the same solves with rattler alone",
            f"{ratio(cells['envgen'], cells['rattler']):.1f}",
            "below 1.5",
        ),
        ("the same, in processor time", f"{processor_ratio(cells['envgen'], cells['rattler']):.1f}", "below 1.2"),
        ("the same with align: false, which solves nothing else", f"{ratio(cells['apart'], cells['rattler_apart']):.1f}", "-"),
        ("the same, in processor time", f"{processor_ratio(cells['apart'], cells['rattler_apart']):.1f}", "-"),
        ("the same with --pin-with conda-lock, relative to without", f"{ratio(cells['conda_lock'], cells['envgen']):.1f}", "-"),
        ("lock of 8 cells", f"{median(cells['envgen']):.2f} s", "-"),
        ("the same solves with rattler alone", f"{median(cells['rattler']):.2f} s", "-"),
        ("lock of 8 cells, peak memory", f"{peak:.0f} MiB", "-"),
    ]


def index_rows(scratch: Path, environment: Mapping[str, str], index: Path) -> list[Row]:
    """The rows on a lock of one cell from an index of the size of conda-forge, beside the same solve with rattler alone."""
    root, big = workspace(scratch / "one", {"one": ("3.11", ["cu126"])}, "linux-64"), scratch / "big"
    count = big_index(index, big)
    taken = in_turns(
        ROUNDS,
        envgen=partial(once, [sys.executable, "-m", "envgen", "--root", str(root), "lock", "--update"], REPO, environment),
        rattler=_rattler(root, big, environment),
    )
    relative = f"{ratio(taken['envgen'], taken['rattler']):.2f}"
    return [
        (f"lock of one cell from {count} records, relative to the same solve with rattler alone", relative, "below 1.15"),
        ("the same, processor time of both", f"{processor(taken['envgen']):.2f} s, {processor(taken['rattler']):.2f} s", "-"),
    ]


def _rattler(root: Path, index: Path, environment: Mapping[str, str]) -> Callable[[], Sample]:
    """A process that solves what a lock of this repository solves, with rattler alone."""
    job = root / "job.json"
    job.write_text(requests_apart(root, index), encoding="utf-8")
    return partial(once, [sys.executable, str(ONLY_RATTLER), str(job)], REPO, environment)
