"""Reading files, and following links, whose kind, size and end nobody vouches for. Pure apart from the reading."""

from __future__ import annotations

import os
import stat
from pathlib import Path

LARGEST = 50_000_000  # bytes; the largest lock of the examples has 0.3 MB


def regular_text(path: Path, newline: str | None = None, largest: int = LARGEST) -> str:
    """The text of a regular file, as `Path.read_text` returns it, with at most `largest` bytes.

    A pipe could keep envgen waiting for ever, and a device has no end. Raises OSError for these and for a larger file, and what
    `open` and UTF-8 raise.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError("it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is not a regular file")
    with path.open(encoding="utf-8", newline=newline) as file:
        if status.st_size > largest:
            raise OSError(f"{status.st_size / 1e6:.0f} MB is too large: at most {largest / 1e6:.0f} MB is read")
        return file.read()


def real(path: Path) -> Path:
    """Where a path leads when all links are followed. One of a circle of links leads to itself: `Path.resolve` raises there."""
    return Path(os.path.realpath(path))
