"""The files of `matrices/`. Imports neither YAML nor the schema: where the facts are remembered, the texts alone are needed."""

from __future__ import annotations

from pathlib import Path

from envgen.model.layout import Layout, starter
from envgen.yamlfile.text import source

PACKAGES, WITHDRAWN = "packages.yaml", "withdrawn.yaml"
DEFAULTS = (PACKAGES, WITHDRAWN)  # a repository without one uses the one that comes with envgen


def matrix_files(folder: Path) -> tuple[Path, ...]:
    """The matrix files of a folder, sorted by name."""
    return tuple(sorted(folder.glob("*.yaml")))


def matrix_texts(folder: Path, shown: str) -> dict[str, str]:
    """The text of every matrix file, by file name. Raises BadInput for a file that cannot be read."""
    return {path.name: source(path, f"{shown}/{path.name}") for path in matrix_files(folder)}


def default_text(name: str) -> str:
    """The text of a matrix file that comes with envgen."""
    return source(Layout(starter()).matrices / name, name)
