"""A `virtual-packages.yml`, as conda-lock reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from envgen.model.errors import BadInput
from envgen.model.facts import Platform
from envgen.yamlfile.document import data_of
from envgen.yamlfile.text import source


def read_virtual_packages(path: Path, read: Callable[[Path, str], str] = source) -> dict[Platform, dict[str, str]]:
    """What the file says: platform -> virtual package -> "version" or "version build". Raises BadInput."""
    data = data_of(read(path, str(path)), str(path))
    subdirs = data.get("subdirs") if isinstance(data, dict) else None
    if not isinstance(subdirs, dict):
        raise BadInput("`subdirs:` is missing", where=path, hint="`envgen help projects` has an example of such a file")
    return {str(platform): _packages(found, path) for platform, found in subdirs.items()}


def _packages(found: object, path: Path) -> dict[str, str]:
    packages = found.get("packages") if isinstance(found, dict) else None
    if not isinstance(packages, dict):
        raise BadInput("a subdir has no `packages:`", where=path, hint="`envgen help projects` has an example of such a file")
    return {str(name): str(value) for name, value in packages.items()}
