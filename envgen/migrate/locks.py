"""Reads locks and lists of packages: one environment for each, with all that is installed. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from envgen.migrate.model import Asked, ChannelLine, Contents, promised
from envgen.model.address import Address
from envgen.model.packages import Lock, LockedPackage
from envgen.model.platforms import PLATFORMS

_CHANNEL = re.compile(r"https?://[^/]+/.+/[a-z0-9-]+/[^/]+$")
_PUBLIC = "https://conda.anaconda.org/"


def of_locks(locks: Sequence[Lock], shown: str, label: str) -> Contents:
    """The environments of locks, each for the platforms that it has."""
    return Contents(asked=tuple(_asked(lock, shown, label) for lock in locks))


def _asked(lock: Lock, shown: str, label: str) -> Asked:
    at = Address(shown, 1, 1)
    named = " ".join(filter(None, (lock.environment, lock.machine)))
    platforms = tuple(platform for platform in lock.platforms if platform in PLATFORMS)
    return Asked(
        name=f"{shown} [{named}]" if named else shown,
        at=at,
        label=f"{label} {named}",
        channels=tuple(ChannelLine(name, at) for name in dict.fromkeys((*map(_short, lock.channels), *_channels(lock.packages)))),
        platforms=platforms,
        cuda=promised(lock.promises.get("__cuda")),
        packages=lock.packages,
        linked=lock.linked,
    )


def _channels(packages: Sequence[LockedPackage]) -> Iterator[str]:
    """The channels in the URLs of packages, the one with the fewest first: what comes from it has priority."""
    urls = (package.url.partition("#")[0] for package in packages if package.manager == "conda")
    found = Counter(url.rsplit("/", 2)[0] for url in urls if _CHANNEL.match(url))
    yield from (_short(url) for url in sorted(found, key=lambda url: found[url]))


def _short(channel: str) -> str:
    return channel.rstrip("/").removeprefix(_PUBLIC)
