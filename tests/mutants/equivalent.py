"""The mutants that change nothing that a test could notice: `equivalent.yaml`, each with its reason."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

PATH = Path(__file__).with_suffix(".yaml")


@cache
def same() -> dict[tuple[str, str, str, str], str]:
    """Module, function, before and after of each; and why it is the same."""
    rows = yaml.safe_load(PATH.read_text(encoding="utf-8")) or []
    return {(row["module"], row["function"], row["before"], row["after"]): row["because"] for row in rows}
