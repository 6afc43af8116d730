"""Packages that differ in version between the targets and platforms of a project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Differing:
    """A package that does not have one version in all cells of a project: `cpu/linux-64` -> version, and why."""

    package: str
    versions: Mapping[str, str]
    because: str
