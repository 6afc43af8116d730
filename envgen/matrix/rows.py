"""Cells to rows and back: the fewest lines of a release that say just these builds, and how a line is written. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any

from packaging.version import Version

from envgen.model.facts import PLATFORMS, Platform, Variant, by_cuda, minors_text


@dataclass(frozen=True, slots=True)
class BuildCell:
    """One cell of a release of one provider: where the facts of refresh and the records of a channel meet."""

    variant: Variant
    platform: Platform
    python: Version
    cudnn: int | None

    @property
    def build(self) -> tuple[Variant, Platform, Version]:
        """The build, whatever cuDNN it links."""
        return self.variant, self.platform, self.python


@dataclass(frozen=True, slots=True)
class Line:
    """A row of `builds`: all combinations of its lists."""

    variants: frozenset[Variant]
    platforms: frozenset[Platform]
    pythons: frozenset[Version]
    cudnn: int | None

    @property
    def spots(self) -> frozenset[BuildCell]:
        """The cells that it claims."""
        return frozenset(BuildCell(v, p, y, self.cudnn) for v, p, y in product(self.variants, self.platforms, self.pythons))


def lines(spots: Iterable[BuildCell]) -> tuple[Line, ...]:
    """Rows that claim just these cells, as a person would write them: CPU first, a row for the platforms that agree."""
    pythons: dict[tuple[Variant, Platform, int | None], set[Version]] = defaultdict(set)
    for spot in spots:
        pythons[spot.variant, spot.platform, spot.cudnn].add(spot.python)
    variants: dict[tuple[bool, Platform, int | None, frozenset[Version]], set[Variant]] = defaultdict(set)
    for (variant, platform, cudnn), found in pythons.items():
        variants[variant is None, platform, cudnn, frozenset(found)].add(variant)
    platforms: dict[tuple[frozenset[Variant], int | None, frozenset[Version]], set[Platform]] = defaultdict(set)
    for (_, platform, cudnn, minors), group in variants.items():
        platforms[frozenset(group), cudnn, minors].add(platform)
    rows = [Line(group, frozenset(found), minors, cudnn) for (group, cudnn, minors), found in platforms.items()]
    return tuple(sorted(rows, key=_order))


def _order(line: Line) -> Any:
    cuda = sorted(variant for variant in line.variants if variant)
    platforms = [PLATFORMS.index(platform) for platform in _platforms(line.platforms)]
    return bool(cuda), line.cudnn or 0, platforms, cuda, sorted(line.pythons)


def row(provider: str, line: Line) -> dict[str, Any]:
    """The row as data, its keys in the order in which rows are written."""
    found: dict[str, Any] = {
        "provider": provider,
        "variants": [variant_name(variant) for variant in by_cuda(line.variants)],
        "platforms": _platforms(line.platforms),
        "python": minors_text(line.pythons),
    }
    return found if line.cudnn is None else {**found, "cudnn": line.cudnn}


def variant_name(variant: Variant) -> str:
    """A variant as a row names it: cpu, or 12.6."""
    return str(variant) if variant else "cpu"


def _platforms(platforms: Collection[Platform]) -> list[Platform]:
    return [platform for platform in PLATFORMS if platform in platforms]
