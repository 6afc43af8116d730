"""`make bench` starts, and its table has the parts that it can measure."""

from __future__ import annotations

import re
import subprocess
import sys

from conftest import REPO, some


def test_every_part_of_the_table_can_be_measured_again() -> None:
    help_ = subprocess.run([sys.executable, "-m", "benchmarks", "--help"], cwd=REPO, capture_output=True, text=True, check=True)
    parts = re.findall(r"\w+", help_.stdout.partition("PART")[2].partition("PART")[2].partition("options:")[0])
    results = (REPO / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    assert some(re.findall(r"^## (\w+)$", results, re.MULTILINE), 10) == parts
