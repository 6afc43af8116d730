"""What packages need, by the records of an index: a list of installed packages does not say it."""

from __future__ import annotations

from collections.abc import Sequence

from envgen.channels.channel import locate
from envgen.channels.index import Index
from envgen.migrate.roots import Needs
from envgen.model.facts import Platform
from envgen.model.packages import LockedPackage


def needs_by(index: Index, channels: Sequence[str], packages: Sequence[LockedPackage], platforms: Sequence[Platform]) -> Needs:
    """What each package needs: by its own record, or that of the same version, or of any: what is needed rarely changes."""
    places = [locate(channel) for channel in channels]
    names = sorted({package.name for package in packages if package.manager == "conda"})
    for place in places:
        for platform in platforms:
            index.fetch(names, place, platform)

    def needs(package: LockedPackage) -> Sequence[str] | None:
        rows = [row for place in places for row in index.records(package.name, place, package.platform)]
        same = [row for row in rows if str(row.version) == package.version]
        exact = [row for row in same if row.build == package.build]
        found = (exact or same or rows)[-1:]
        return found[0].depends if found else None

    return needs
