"""One lock in this process, and how many solves it took."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from benchmarks.measure import Sample

if TYPE_CHECKING:
    from envgen.model.resolution import Resolution


@dataclass(frozen=True)
class Counted:
    """A lock that was made: the solves, the time, and what was chosen."""

    solves: int
    sample: Sample
    resolution: Resolution


def counted_lock(root: Path, project: str, text: str, index: Path) -> Counted:
    """Write a project file, and lock it without a lock before."""
    import rattler

    from envgen.cli.console import Terminal
    from envgen.lock.pipeline import lock
    from envgen.machine.locked import best_here
    from envgen.model.layout import Layout
    from envgen.model.run import LockRequest

    path = root / "environments" / project / "project.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    request = LockRequest(projects=(project,), index_folder=index, jobs=os.cpu_count() or 1, update=True)
    begun, used = time.perf_counter(), time.process_time()
    with patch("envgen.channels.solve.rattler_solve", wraps=rattler.solve) as solve:
        outcomes = lock(Layout(root), request, Terminal(), best_here).whole()
    sample = Sample(time.perf_counter() - begun, time.process_time() - used, 0)
    return Counted(solve.call_count, sample, outcomes[0].resolution)
