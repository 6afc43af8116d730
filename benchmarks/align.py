"""The cost of aligning a project of which one target has another release of a framework: solves and seconds, beside `align: false`."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from unittest.mock import patch

Row = tuple[str, str, str]  # what is measured, the measured value, the goal
REPO = Path(__file__).parent.parent
ROUNDS = 3


def locked(root: Path, text: str, index: Path) -> tuple[int, float]:
    """Solves, and seconds of a processor, of one lock without a lock before."""
    import rattler

    from envgen.cli.console import Terminal
    from envgen.lock.pipeline import lock
    from envgen.machine.locked import best_here
    from envgen.model.layout import Layout
    from envgen.model.run import LockRequest

    path = root / "environments" / "vision" / "project.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    request = LockRequest(projects=("vision",), index_folder=index, jobs=os.cpu_count() or 1, update=True)
    begun = time.process_time()
    with patch("envgen.channels.solve.rattler_solve", wraps=rattler.solve) as counted:
        lock(Layout(root), request, Terminal(), best_here)
    return counted.call_count, time.process_time() - begun


def align_rows(root: Path, index: Path) -> list[Row]:
    """The rows on alignment, for the example `vision`."""
    text = (REPO / "environments" / "vision" / "project.yaml").read_text(encoding="utf-8")
    alone = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("numerics:")) + "align: false\n"
    for name in ("matrices", "templates"):
        shutil.copytree(REPO / name, root / name)
    count, seconds = min((locked(root, text, index) for _ in range(ROUNDS)), key=lambda row: row[1])
    without, least = min((locked(root, alone, index) for _ in range(ROUNDS)), key=lambda row: row[1])
    return [
        (f"lock of vision, aligned: solves for {without} cells", str(count), "below 30"),
        ("the same, processor time relative to align: false", f"{seconds / least:.1f}", "below 3"),
    ]
