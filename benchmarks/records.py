"""What it costs to keep the recorded index in step with the locks of many projects."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import REPO, Row
from envgen.lock.keep_records import compared, tidy_records
from envgen.model.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = "jax"  # the project with the smallest locks
FEW, MANY = 100, 400


def repository(folder: Path, count: int) -> Layout:
    """A repository of `count` copies of one example project, with its locks and the recorded index."""
    environments = REPO / "environments"
    for number in range(count):
        shutil.copytree(environments / EXAMPLE, folder / "environments" / f"p{number:03}")
    layout = Layout(folder)
    shutil.copytree(environments / "index", layout.index)
    tidy_records(layout, compared(layout).surplus)  # removes what the other examples need
    return layout


def seconds(layout: Layout, rounds: int = 7) -> Iterator[float]:
    """Processor time of each round where nothing changed."""
    for _ in range(rounds):
        begun = time.process_time()
        tidy_records(layout, compared(layout).surplus)
        yield time.process_time() - begun


def records_rows() -> list[Row]:
    """Rows of the table."""
    with tempfile.TemporaryDirectory() as scratch:
        taken = {count: statistics.median(seconds(repository(Path(scratch) / str(count), count))) for count in (FEW, MANY)}
        locks = sum(path.stat().st_size for path in Layout(Path(scratch) / str(FEW)).locks())
    return [
        (f"checking the recorded index against {FEW} projects, {locks / 1e6:.0f} MB of locks", f"{taken[FEW] * 1000:.0f} ms", "-"),
        (f"the same with {MANY} projects, relative to {FEW}", f"{taken[MANY] / taken[FEW]:.1f}", f"below {MANY / FEW + 1:.0f}"),
    ]
