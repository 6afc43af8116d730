"""Files and words that are spoiled at random, as `make fuzz` does: how many were tried, how many failed, and how long each takes."""

from __future__ import annotations

import importlib
import random
import sys
import time
from pathlib import Path

from benchmarks.measure import Row

COUNT = 2000  # of each kind, the same in every run
WHAT = {"locks": "locks of every format", "projects": "projects", "beside": "files beside a lock", "words": "words"}


def fuzz_rows(scratch: Path) -> list[Row]:
    """Tried and failed of each kind: everything is read, or refused with a named error, within five seconds."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    tests = importlib.import_module("unit.test_fuzz")
    scratch.mkdir()
    readers = tests.Readers(scratch, tests.real_matrix())
    rows = []
    for kind, draw in tests.draws().items():
        failed, begun = 0, time.perf_counter()
        for number in range(COUNT):
            name, text = draw(random.Random(f"bench:{number}"))  # noqa: S311 - not a secret
            try:
                tests.survived(
                    kind, [(name, text, tests.KEPT)], lambda name, text, kind=kind: tests.READ[kind](readers, name, text)
                )
            except AssertionError:
                failed += 1
        each = 1000 * (time.perf_counter() - begun) / COUNT
        rows += [
            (f"spoiled {WHAT[kind]}: tried / failed", f"{COUNT} / {failed}", "- / 0"),
            ("the same, each", f"{each:.1f} ms", "-"),
        ]
    return rows
