"""The key `exclude-newer:` of a project file: up to which date packages count."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from envgen.channels.channel import locate
from envgen.model.address import Address
from envgen.model.dates import NO_LIMIT, ExcludeNewer, of_channel
from envgen.model.errors import BadInput, closest
from envgen.model.project import date_key

if TYPE_CHECKING:
    from envgen.project.schema import ExcludeNewerRow
    from envgen.yamlfile.document import Document

_KEY = "exclude-newer"


def exclude_newer_of(document: Document, row: ExcludeNewerRow | None, channels: Sequence[str]) -> ExcludeNewer:
    """The dates of a project with these channels. Raises BadInput for a channel that it does not list, or that has two dates."""
    if row is None:
        return NO_LIMIT
    found: dict[str, datetime | None] = {"": row.default}
    for package, date in row.packages.items():
        _add(found, package.lower(), package, date, document.at(_KEY, "packages", package))
    own = {locate(channel).url: channel for channel in channels}
    for written, (channel, date) in zip(_written(document, "channels"), row.channels.items(), strict=True):
        at, meant = document.at(_KEY, "channels", written), own.get(locate(channel).url)
        if meant is None:
            raise BadInput(f"channels: has no `{channel}`", where=at, hint=closest(channel, channels))
        _add(found, of_channel(meant), meant, date, at)
    return ExcludeNewer.of(found)


def _add(found: dict[str, datetime | None], key: str, name: str, date: datetime | None, at: Address) -> None:
    if key in found:
        raise BadInput(f"`{name}` has a date already", where=at, hint="it is written in two ways: keep one")
    found[key] = date


def date_addresses(document: Document) -> dict[str, Address]:
    """Where the dates of packages are written."""
    return {date_key(name.lower()): document.at(_KEY, "packages", name) for name in _written(document, "packages")}


def _written(document: Document, key: str) -> list[str]:
    """The keys below one of the keys, as they are written."""
    found = document.data.get(_KEY)
    return list(found.get(key, ())) if isinstance(found, dict) else []
