"""What envgen says, whole: texts that a test compares with a file beside this one, section by section.

`pytest tests/unit/test_told.py --update-golden` writes them; the diff is what a user will read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

HERE = Path(__file__).parent


def written(name: str) -> dict[str, list[str]]:
    """The sections of a file: title -> lines."""
    found: dict[str, list[str]] = {}
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            rows = found.setdefault(line[3:], [])
        else:
            rows.append(line.removeprefix("  "))
    return found


def write(name: str, sections: Mapping[str, Iterable[str]]) -> None:
    """Write a file; a line of a section is indented."""
    text = "".join(f"== {title}\n{''.join(f'  {line}' + chr(10) for line in lines)}" for title, lines in sections.items())
    (HERE / name).write_text(text, encoding="utf-8")
