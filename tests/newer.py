"""What an upgrade would bring: every installed distribution that has another version than the constraints file, one a line."""

from __future__ import annotations

import sys
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def constraints(text: str) -> list[Requirement]:
    """The lines of a constraints file that hold for this Python and system."""
    rows = [Requirement(line) for line in text.splitlines() if line and not line.startswith("#")]
    return [row for row in rows if not row.marker or row.marker.evaluate()]


def newer(text: str, installed: dict[str, str]) -> list[str]:
    """What is installed in another version than the constraints say, or without one."""
    held = {canonicalize_name(row.name): str(row.specifier).removeprefix("==") for row in constraints(text)}
    other = {name: version for name, version in sorted(installed.items()) if held.get(name) != version}
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
