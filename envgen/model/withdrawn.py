"""Builds that a channel withdrew after it had published them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """Builds of a package that its channel withdrew. A solve does not find them any more; their urls may still work."""

    channel: str
    versions: frozenset[str]
    builds: tuple[str, ...]  # globs
    platforms: frozenset[str]  # none: all
    on: date
    because: str

    def includes(self, version: str, build: str, platform: str) -> bool:
        """Whether it is about a build of its package."""
        here = not self.platforms or platform in self.platforms
        return here and version in self.versions and any(fnmatchcase(build, glob) for glob in self.builds)


Withdrawals = Mapping[str, tuple[Withdrawn, ...]]  # by package


def withdrawal(rows: Withdrawals, channel: str, package: str, version: str, build: str, platform: str) -> Withdrawn | None:
    """The row by which a channel withdrew a build; None if it did not."""
    found = (row for row in rows.get(package, ()) if row.channel == channel)
    return next((row for row in found if row.includes(version, build, platform)), None)
