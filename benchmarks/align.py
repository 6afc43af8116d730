"""The cost of aligning a project of which one target has another release of a framework: solves and seconds, beside `align: false`."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.counted_lock import Counted, counted_lock
from benchmarks.measure import REPO, Row

ROUNDS = 3


def align_rows(root: Path, index: Path) -> list[Row]:
    """The rows on alignment, for the example `vision`."""
    text = (REPO / "environments" / "vision" / "project.yaml").read_text(encoding="utf-8")
    alone = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("numerics:")) + "align: false\n"
    for name in ("matrices", "templates"):
        shutil.copytree(REPO / name, root / name)
    aligned, apart = _fastest(root, text, index), _fastest(root, alone, index)
    return [
        (f"lock of vision, aligned: solves for {apart.solves} cells", str(aligned.solves), "below 30"),
        (
            "the same, processor time relative to align: false",
            f"{aligned.sample.processor / apart.sample.processor:.1f}",
            "below 3",
        ),
    ]


def _fastest(root: Path, text: str, index: Path) -> Counted:
    return min((counted_lock(root, "vision", text, index) for _ in range(ROUNDS)), key=lambda run: run.sample.processor)
