"""Builds that are, or were, in a channel and that nothing chooses: left out on purpose, or withdrawn by the channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase

from packaging.specifiers import SpecifierSet

from envgen.model.facts import Address, Platform, Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Builds of a provider that deliberately are no facts here; without platforms, variants, or releases, those of all."""

    provider: str
    platforms: frozenset[Platform]
    variants: frozenset[Variant]
    releases: SpecifierSet | None
    because: str
    at: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """Builds that a channel withdrew: every package in every version, whose build one of the globs fits.

    A channel does not offer them any more, and no solve against it finds them; their urls may still work.
    """

    channel: str
    packages: tuple[str, ...]
    versions: frozenset[str]
    builds: tuple[str, ...]
    platforms: frozenset[Platform]  # none: all
    on: date
    because: str
    at: Address

    def includes(self, version: str, build: str, platform: Platform) -> bool:
        """Whether a build of one of its packages was withdrawn; a `noarch` build is for every platform."""
        here = not self.platforms or platform in self.platforms
        return here and version in self.versions and any(fnmatchcase(build, glob) for glob in self.builds)


Withdrawals = Mapping[str, tuple[Withdrawn, ...]]  # by package


def withdrawal(rows: Withdrawals, channel: str, package: str, version: str, build: str, platform: Platform) -> Withdrawn | None:
    """The row by which a channel withdrew a build; None if it did not."""
    found = (row for row in rows.get(package, ()) if row.channel == channel)
    return next((row for row in found if row.includes(version, build, platform)), None)
