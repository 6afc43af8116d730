"""Values as text. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.version import Version


def one_line(text: str) -> str:
    """A text with each run of blanks, line breaks and characters that cannot be printed as one space, and none at the ends."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def shortened(text: str) -> str:
    """A value as errors quote it: at most 60 characters."""
    return repr(text if len(text) <= 60 else f"{text[:60]}...")


def minors_text(minors: Iterable[Version], to: str = "-") -> str:
    """Python minors as the matrices write them: `3.9-3.12, 3.14`."""
    runs: list[list[Version]] = []
    for minor in sorted(set(minors)):
        if runs and (runs[-1][-1].major, runs[-1][-1].minor + 1) == (minor.major, minor.minor):
            runs[-1].append(minor)
        else:
            runs.append([minor])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}{to}{run[-1]}" for run in runs)
