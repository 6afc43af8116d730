"""Dates and times as people write them in files and options, and the dates up to which a project uses its channels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?"
NO_DATE = "none"
"""What is written in the place of a date where every package counts, however new it is."""
_ALL_OF = "::*"  # after the name of a channel, as in a conda spec
_OTHER = "*"  # stands for a channel or a package without a date of its own


def moment(text: str) -> datetime | None:
    """A time with its zone, None for what is not one. A date is its first second, and a time without a zone is in UTC."""
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00")) if re.fullmatch(MOMENT, text) else None
    except ValueError:
        return None
    return found.replace(tzinfo=timezone.utc) if found and not found.tzinfo else found


def dated(text: str) -> tuple[str, datetime | None] | None:
    """The key and the date of an ExcludeNewer in `2026-06-01`, `numpy=2026-06-01` or `conda-forge::*=none`; None for other text."""
    key, _, written = text.rpartition("=")
    date = moment(written)
    return (key, date) if date or written == NO_DATE else None


def dates_text(dates: Mapping[str, datetime | None]) -> str:
    """Dates by key in one line, as options have them: `2026-06-01T00:00:00+00:00, numpy=none`."""
    written = {key: date.isoformat() if date else NO_DATE for key, date in sorted(dates.items())}
    return ", ".join(f"{key}={text}" if key else text for key, text in written.items())


def read_dates(text: str) -> Mapping[str, datetime | None] | None:
    """What `dates_text` makes of dates, read back; None for other text."""
    found = [dated(part) for part in text.split(", ")] if text else []
    return None if None in found else dict(filter(None, found))


def of_channel(channel: str) -> str:
    """A channel as a key of ExcludeNewer: `conda-forge::*`."""
    return f"{channel}{_ALL_OF}"


@dataclass(frozen=True, slots=True)
class ExcludeNewer:
    """Up to which date packages count; None for no limit.

    `dates` are those of a package (`numpy`), of a channel (`conda-forge::*`) and of everything else (``""``). The date of a package
    comes before that of its channel.
    """

    dates: tuple[tuple[str, datetime | None], ...] = ()

    @staticmethod
    def of(dates: Mapping[str, datetime | None]) -> ExcludeNewer:
        """Dates by key; equal limits are equal, in whatever order they are written."""
        return ExcludeNewer(tuple(sorted((key, date) for key, date in dates.items() if key or date)))

    @staticmethod
    def read(text: str) -> ExcludeNewer | None:
        """What `str` makes of one, read back; None for other text."""
        found = read_dates(text)
        return None if found is None else ExcludeNewer.of(found)

    @property
    def default(self) -> datetime | None:
        """The date of what has none of its own."""
        return dict(self.dates).get("")

    @property
    def exceptions(self) -> Mapping[str, datetime | None]:
        """The dates of channels and packages that have one of their own."""
        return {key: date for key, date in self.dates if key}

    @property
    def channels(self) -> Mapping[str, datetime | None]:
        """The dates of channels that have one of their own."""
        return {key.removesuffix(_ALL_OF): date for key, date in self.exceptions.items() if key.endswith(_ALL_OF)}

    @property
    def packages(self) -> Mapping[str, datetime | None]:
        """The dates of packages that have one of their own."""
        return {key: date for key, date in self.exceptions.items() if not key.endswith(_ALL_OF)}

    @property
    def is_fixed(self) -> bool:
        """Whether no package can count that is newer than some date."""
        return self.default is not None and None not in self.exceptions.values()

    def overridden(self, dates: Mapping[str, datetime | None]) -> ExcludeNewer:
        """These dates with some of them replaced."""
        return ExcludeNewer.of({**dict(self.dates), **dates})

    def within(self, other: ExcludeNewer) -> bool:
        """Whether everything that counts up to these dates counts up to the others."""
        channels = [*self.channels, *other.channels, _OTHER]
        packages = [*self.packages, *other.packages, _OTHER]
        pairs = ((self._date(channel, name), other._date(channel, name)) for channel in channels for name in packages)
        return all(theirs is None or (ours is not None and ours <= theirs) for ours, theirs in pairs)

    def _date(self, channel: str, package: str) -> datetime | None:
        dates = dict(self.dates)
        return dates.get(next((key for key in (package, of_channel(channel)) if key in dates), ""))

    def __str__(self) -> str:
        """As a lock records it, and as options have it: `2026-06-01T00:00:00+00:00, numpy=2026-07-01T00:00:00+00:00`."""
        return dates_text(dict(self.dates))


NO_LIMIT = ExcludeNewer()
