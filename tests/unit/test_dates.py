"""Dates of `exclude-newer`: their text, which of several holds, and when a lock stays valid."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envgen.model.dates import NO_LIMIT, ExcludeNewer, dated, of_channel

FIRST = datetime(2026, 1, 1, tzinfo=timezone.utc)
KEYS = ("", "numpy", "scipy", of_channel("conda-forge"), of_channel("https://$USER:$WORD@host.example/a=b,c"))
moments = st.sampled_from([None, *(FIRST + timedelta(days=days) for days in range(3))])
limits = st.dictionaries(st.sampled_from(KEYS), moments).map(ExcludeNewer.of)
CHANNELS, PACKAGES = ("conda-forge", "https://$USER:$WORD@host.example/a=b,c", "other"), ("numpy", "scipy", "pandas")


def date_of(limit: ExcludeNewer, channel: str, package: str) -> datetime | None:
    """The date of a package in a channel, by the words of the documentation."""
    if package in limit.packages:
        return limit.packages[package]
    return limit.channels[channel] if channel in limit.channels else limit.default


def counting(limit: ExcludeNewer) -> set[tuple[str, str, int]]:
    """What counts, of packages in channels that were made on one of some days."""
    every = ((channel, package, day) for channel in CHANNELS for package in PACKAGES for day in range(-1, 4))
    dates = ((row, date_of(limit, *row[:2])) for row in every)
    return {row for row, date in dates if date is None or FIRST + timedelta(days=row[2]) <= date}


@given(limits)
def test_what_a_lock_records_is_read_back(limit: ExcludeNewer) -> None:
    assert ExcludeNewer.read(str(limit)) == limit


@given(limits, limits)
def test_a_lock_stays_valid_exactly_where_everything_that_counted_for_it_counts(locked: ExcludeNewer, wanted: ExcludeNewer) -> None:
    assert locked.within(wanted) == (counting(locked) <= counting(wanted))


@given(limits, limits)
def test_options_replace_the_dates_that_they_name(limit: ExcludeNewer, other: ExcludeNewer) -> None:
    assert dict(limit.overridden(dict(other.dates)).dates) == {**dict(limit.dates), **dict(other.dates)}
    assert limit.overridden({"": None}).default is None


@pytest.mark.parametrize("text", ["soon", "numpy=", "=", "numpy=2026-13-01", "2026-06-01,2026-07-01", "none=", "numpy"])
def test_other_text_is_not_a_date(text: str) -> None:
    assert dated(text) is None
    assert ExcludeNewer.read(f"2026-06-01, {text}") is None


def test_an_empty_text_is_without_limit() -> None:
    assert ExcludeNewer.read("") == NO_LIMIT
