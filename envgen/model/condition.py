"""One axis of a constraint."""

from __future__ import annotations

from dataclasses import dataclass

from packaging.specifiers import SpecifierSet


@dataclass(frozen=True, slots=True)
class Condition:
    """One axis of a constraint: `cuda: ">=13"`, `gpu: ">=7.5"`, `platform: [linux-64]`."""

    axis: str
    versions: SpecifierSet | None = None
    names: frozenset[str] = frozenset()
