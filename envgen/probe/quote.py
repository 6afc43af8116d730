"""Quotes a framework's own words in a message. Pure."""

from __future__ import annotations

_LONGEST = 300  # characters; the JSON report has the whole text


def one_line(text: str) -> str:
    """A text without line breaks and escape codes, cut off where it is too long."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]} ..."


def last_line(text: str) -> str:
    """The last line that is not blank, "" if there is none."""
    lines = [line for line in text.splitlines() if line.strip()]
    return one_line(lines[-1]) if lines else ""


def appended(text: str) -> str:
    """A text in parentheses, to append to a message; "" for ""."""
    return f" ({text})" if text else ""
