"""The mutants that change nothing that a test could notice: `equivalent.yaml`, each with its reason."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from mutants.mutate import Mutant

PATH = Path(__file__).with_suffix(".yaml")


Row = tuple[str, str, str, str, int]
"""Module, function, before, after, and which of the same changes in that function; 0 stands for all of them."""


@cache
def same() -> dict[Row, str]:
    """The changes that are the same, and why."""
    rows = yaml.safe_load(PATH.read_text(encoding="utf-8")) or []
    return {(row["module"], row["function"], row["before"], row["after"], row.get("nth", 0)): row["because"] for row in rows}


def is_same(module: str, mutant: Mutant) -> bool:
    """Whether a mutant of a module changes nothing."""
    change = (module, mutant.function, mutant.before, mutant.after)
    return (*change, 0) in same() or (*change, mutant.nth) in same()
