"""Builds to rows and back: the fewest rows of a release that claim just these builds, and how a row is written. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any

from packaging.version import Version

from envgen.curate.model import variant_name
from envgen.model.facts import Platform, Variant, by_cuda
from envgen.model.platforms import PLATFORMS
from envgen.model.text import minors_text


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleBuild:
    """One build of a release by one provider: for one variant, platform and Python. `cudnn` is None where nothing names it."""

    variant: Variant
    platform: Platform
    python: Version
    cudnn: int | None

    @property
    def key(self) -> tuple[Variant, Platform, Version]:
        """The build, whatever cuDNN it links."""
        return self.variant, self.platform, self.python


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSet:
    """What one row of `builds` claims: every combination of its variants, platforms and Pythons."""

    variants: frozenset[Variant]
    platforms: frozenset[Platform]
    pythons: frozenset[Version]
    cudnn: int | None

    @property
    def builds(self) -> frozenset[SingleBuild]:
        """The builds that it claims."""
        return frozenset(
            SingleBuild(variant=variant, platform=platform, python=python, cudnn=self.cudnn)
            for variant, platform, python in product(self.variants, self.platforms, self.pythons)
        )

    @property
    def cpu(self) -> bool:
        """Whether it claims CPU builds."""
        return None in self.variants

    def __str__(self) -> str:
        variants, platforms = map(variant_name, by_cuda(self.variants)), in_order(self.platforms)
        return f"{', '.join(variants)} for {', '.join(platforms)}, Python {minors_text(self.pythons)}"


def build_sets(builds: Iterable[SingleBuild]) -> tuple[BuildSet, ...]:
    """Sets that claim just these builds, each once, as a person would write them: CPU first, platforms that agree in one row."""
    pythons: dict[tuple[Variant, Platform, int | None], set[Version]] = defaultdict(set)
    for build in builds:
        pythons[build.variant, build.platform, build.cudnn].add(build.python)
    variants: dict[tuple[bool, Platform, int | None, frozenset[Version]], set[Variant]] = defaultdict(set)
    for (variant, platform, cudnn), minors in pythons.items():
        variants[variant is None, platform, cudnn, frozenset(minors)].add(variant)
    platforms: dict[tuple[frozenset[Variant], int | None, frozenset[Version]], set[Platform]] = defaultdict(set)
    for (_, platform, cudnn, same), group in variants.items():
        platforms[frozenset(group), cudnn, same].add(platform)
    found = (
        BuildSet(variants=group, platforms=frozenset(where), pythons=same, cudnn=cudnn)
        for (group, cudnn, same), where in platforms.items()
    )
    return tuple(sorted(found, key=_order))


def _order(found: BuildSet) -> Any:
    cuda = sorted(variant for variant in found.variants if variant)
    platforms = [PLATFORMS.index(platform) for platform in in_order(found.platforms)]
    return bool(cuda), found.cudnn or 0, platforms, cuda, sorted(found.pythons)


def row(provider: str, found: BuildSet) -> dict[str, Any]:
    """The row of `builds` that claims a set, with its keys in the usual order."""
    data: dict[str, Any] = {
        "provider": provider,
        "variants": [variant_name(variant) for variant in by_cuda(found.variants)],
        "platforms": in_order(found.platforms),
        "python": minors_text(found.pythons),
    }
    return data if found.cudnn is None else {**data, "cudnn": found.cudnn}


def in_order(platforms: Collection[Platform]) -> list[Platform]:
    """Platforms in the order of PLATFORMS."""
    return [platform for platform in PLATFORMS if platform in platforms]
