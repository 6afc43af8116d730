"""What an upgrade would bring: every installed distribution that is newer than in the constraints file, one a line."""

from __future__ import annotations

import sys
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version


def constraints(text: str) -> list[Requirement]:
    """The lines of a constraints file that hold for this Python and system."""
    rows = [Requirement(line) for line in text.splitlines() if line and not line.startswith("#")]
    return [row for row in rows if not row.marker or row.marker.evaluate()]


def newer(text: str, installed: dict[str, str]) -> list[str]:
    """What is installed in a newer version than the constraints say, or is not in them; a new venv has some old packages of its own."""
    held = {canonicalize_name(row.name): str(row.specifier).removeprefix("==") for row in constraints(text)}
    other = {n: version for n, version in sorted(installed.items()) if n not in held or Version(held[n]) < Version(version)}
    return [f"{name} {held.get(name, '(not there)')} -> {version}" for name, version in other.items()]


def main() -> None:
    """Print them; what pip and envgen themselves are is no dependency."""
    installed = {canonicalize_name(row.metadata["Name"]): row.version for row in distributions()}
    rows = newer(
        Path(sys.argv[1]).read_text(encoding="utf-8"), {n: v for n, v in installed.items() if n not in {"pip", "conda-envgen"}}
    )
    print("An upgrade would bring:" if rows else "No dependency is newer than in the constraints file.", *rows, sep="\n  ")


if __name__ == "__main__":
    main()
