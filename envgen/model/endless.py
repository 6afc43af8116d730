"""Numbers without end in a text that another person may have written. Python reads none of more than 4300 digits."""

from __future__ import annotations

import re

from envgen.model.address import Address
from envgen.model.errors import BadInput

_MOST = 600  # digits; `PYTHONINTMAXSTRDIGITS` may set Python's limit as low as 640
_ENDLESS = re.compile(rf"[0-9]{{{_MOST + 1}}}")
_SOME = 20  # digits in a row, which hardly any text has


def no_endless_number(text: str, shown: str) -> None:
    """Raise BadInput, with its place, for a number that is longer than any version or size: not all that read it refuse it."""
    found = _ENDLESS.search(text) if _may_have_one(text) else None
    if found:
        line, before = text.count("\n", 0, found.start()) + 1, text.rfind("\n", 0, found.start()) + 1
        where = Address(shown, line, found.start() - before + 1)
        raise BadInput(f"a number of more than {_MOST} digits", where=where, hint="no version and no size is so long")


def _may_have_one(text: str) -> bool:
    """Whether some digits in a row are where each number without end has some: to look at every letter takes 50 times as long."""
    places = range(_MOST, len(text), _MOST)
    return any(text[place : place + _SOME].isdigit() or text[place - _SOME : place].isdigit() for place in places)
