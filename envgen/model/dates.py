"""Dates and times as people write them in files and options."""

from __future__ import annotations

import re
from datetime import datetime, timezone

MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?"


def moment(text: str) -> datetime | None:
    """A time with its zone, None for what is not one. A date is its first second, and a time without a zone is in UTC."""
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00")) if re.fullmatch(MOMENT, text) else None
    except ValueError:
        return None
    return found.replace(tzinfo=timezone.utc) if found and not found.tzinfo else found
