"""Quotes a framework's own words in a message. Pure."""

from __future__ import annotations

import re

from envgen.model.text import one_line

_WARNING = re.compile(r".+:\d+: \w*Warning: (.*)")  # `FILE:LINE: CATEGORY: MESSAGE`, and a line of code below it
_LONGEST = 300  # characters; the JSON report has the whole text


def excerpt(text: str) -> str:
    """A text without line breaks and escape codes, cut off where it is too long."""
    line = one_line(text)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."


def last_line(text: str) -> str:
    """The last line that is not blank, "" if there is none; of a warning of Python, what it says, not the line of code below it."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and lines[-1][0] == " " and (warning := _WARNING.match(lines[-2])):
        return excerpt(warning[1])
    return excerpt(lines[-1]) if lines else ""


def appended(text: str) -> str:
    """A text in parentheses, to append to a message; "" for ""."""
    return f" ({text})" if text else ""
