"""Text on one line. Pure."""

from __future__ import annotations


def one_line(text: str) -> str:
    """A text with each run of blanks, line breaks and characters that cannot be printed as one space, and none at the ends."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def shortened(text: str) -> str:
    """A value as errors quote it: at most 60 characters."""
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
