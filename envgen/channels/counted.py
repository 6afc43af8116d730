"""Which records of the channels count for a solve: not what is newer than `exclude-newer:`, and no build that is wrong for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from rattler import PackageRecord, RepoDataRecord

from envgen.channels.channel import locate
from envgen.model.dates import NO_LIMIT, ExcludeNewer

AllowedVersions = Mapping[str, frozenset[str]]
"""Package -> the versions that are allowed."""

_TOO_NEW, _WRONG = "excluded-by-exclude-newer", "refused-by-envgen-verify"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What counts for a solve.

    Of the packages in `versions` the solve fixes the versions itself: their other records need not be read.
    """

    exclude_newer: ExcludeNewer = NO_LIMIT
    wrong: frozenset[str] = frozenset()
    versions: AllowedVersions = field(default_factory=dict)

    def among(self, records: Sequence[RepoDataRecord]) -> list[RepoDataRecord]:
        """The records of one package in one subdir that count.

        Where none does, one that cannot be installed: the channel still has the package, so no channel after it may serve it.
        """
        date = _date(self.exclude_newer, records[0]) if records else None
        recent = list(records) if date is None else [row for row in records if _was_there(row, date)]
        counting = [row for row in recent if build_name(row) not in self.wrong] if self.wrong else recent
        if not counting:
            return [_without_solution(row, _WRONG if recent else _TOO_NEW) for row in records[:1]]
        some = self.versions.get(counting[0].name.normalized)
        return [row for row in counting if str(row.version) in some] or counting[:1] if some else counting


def build_name(record: RepoDataRecord) -> str:
    """A build as a request names it: `pytorch 2.6.0 cpu_generic_py312_0`."""
    return f"{record.name.normalized} {record.version} {record.build}"


def old_enough(record: RepoDataRecord, exclude_newer: ExcludeNewer) -> bool:
    """Whether a record counts up to some dates."""
    date = _date(exclude_newer, record)
    return date is None or _was_there(record, date)


def _was_there(record: RepoDataRecord, date: datetime) -> bool:
    """Whether a record was in its channel, as rattler decides it: by when it was indexed, else by when it was built.

    One with neither was not: nothing says so.
    """
    made = record.indexed_timestamp or record.timestamp
    return made is not None and made <= date


def _date(exclude_newer: ExcludeNewer, record: RepoDataRecord) -> datetime | None:
    """The date of a record's package in its channel."""
    if not exclude_newer.exceptions:
        return exclude_newer.default
    packages, channels = _dates(exclude_newer)
    name, channel = record.name.normalized, (record.channel or "").rstrip("/")
    return packages[name] if name in packages else channels.get(channel, exclude_newer.default)


@cache
def _dates(exclude_newer: ExcludeNewer) -> tuple[Mapping[str, datetime | None], Mapping[str, datetime | None]]:
    """The dates of packages, and those of channels by their URLs."""
    return exclude_newer.packages, {locate(channel).url: date for channel, date in exclude_newer.channels.items()}


def _without_solution(record: RepoDataRecord, why: str) -> RepoDataRecord:
    """A record of the same build that needs something that does not exist, named after the reason."""
    empty = PackageRecord(record.name, record.version, record.build, record.build_number, record.subdir, depends=[why])
    empty.timestamp = record.timestamp
    return RepoDataRecord(empty, record.file_name, record.url, record.channel)
