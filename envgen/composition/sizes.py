"""What the packages of a cell download, by the recorded index. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from envgen.model.facts import Platform
from envgen.model.limits import BudgetLimits
from envgen.model.packages import LockedPackage

_UNITS = {"GB": 10**9, "MB": 10**6, "kB": 10**3}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSize:
    """What one cell downloads: packages with their bytes, the biggest first. `unknown` counts those that no record tells."""

    target: str
    platform: Platform
    packages: tuple[tuple[LockedPackage, int], ...]
    unknown: int

    @property
    def total(self) -> int:
        """The bytes of all packages whose size is known."""
        return sum(size for _, size in self.packages)


def cell_size(target: str, platform: Platform, packages: Iterable[LockedPackage], sizes: Mapping[str, int]) -> CellSize:
    """The size of a cell; `sizes` maps the url of a package to bytes."""
    rows = list(packages)
    known = [(package, sizes[package.url]) for package in rows if package.url in sizes]
    return CellSize(
        target=target,
        platform=platform,
        packages=tuple(sorted(known, key=lambda row: (-row[1], row[0].name))),
        unknown=len(rows) - len(known),
    )


def over_budget(sizes: Iterable[CellSize], budget: BudgetLimits) -> tuple[tuple[CellSize, int], ...]:
    """The cells that download more than their target may, with the bytes that it may."""
    limited = ((size, limit) for size in sizes if (limit := budget.of(size.target)) is not None)
    return tuple((size, limit) for size, limit in limited if size.total > limit)


def size_text(size: int) -> str:
    """Bytes as people write them: 1.2 GB, 340 MB, 12 kB, in powers of ten."""
    unit = next((unit for unit, factor in _UNITS.items() if size >= factor), "kB")
    number = size / _UNITS[unit]
    return f"{number:,.1f} {unit}" if number < 100 else f"{number:,.0f} {unit}"
