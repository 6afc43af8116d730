"""What conda reads from an environment's `conda-meta/history`: after conda's own rules (conda/history.py), written for the tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path


def requested_and_held(prefix: Path) -> tuple[dict[str, str], set[str]]:
    """Package -> the spec that was requested last; and the packages that the environment has by its history."""
    requested: dict[str, str] = {}
    held: set[str] = set()
    for section in re.split(r"^==>.*<==$", (prefix / "conda-meta" / "history").read_text(), flags=re.MULTILINE)[1:]:
        lines = [line.strip() for line in section.splitlines() if line.strip()]
        assert any(re.match(r"#\s*cmd:\s*\S", line) for line in lines), "conda skips an entry without a command"
        told = {found[1]: ast.literal_eval(found[2]) for line in lines if (found := re.match(r"#\s*(\w+)\s*specs:\s*(.+)", line))}
        for spec in told.get("remove", []):
            requested.pop(_name(spec), None)
        requested |= {_name(spec): spec for spec in told.get("update", [])}
        held -= {line[1:] for line in lines if line.startswith("-")}
        held |= {line[1:] for line in lines if line.startswith("+")}
    return requested, held


def _name(spec: str) -> str:
    return re.split(r"[ =<>!~\[]", spec.rpartition("::")[2], maxsplit=1)[0]
