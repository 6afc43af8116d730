"""Reading files, and following links, whose kind, size and end nobody vouches for. Pure apart from the reading."""

from __future__ import annotations

import os
import stat
from pathlib import Path

LARGEST = 50_000_000  # bytes; the largest lock of the examples has 0.3 MB


def regular_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """The bytes of a regular file, at most `largest`.

    A pipe could keep envgen waiting for ever, and a device has no end. Raises OSError for these and for a larger file, and what
    `open` raises.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError("it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is not a regular file")
    if status.st_size > largest:
        raise OSError(f"{status.st_size / 1e6:.0f} MB is too large: at most {largest / 1e6:.0f} MB is read")
    with path.open("rb", buffering=0) as file:
        return file.read()


def regular_text(path: Path, *, exact: bool = False, largest: int = LARGEST) -> str:
    """The text of a regular file, as `Path.read_text` returns it, with at most `largest` bytes; `exact` keeps line endings.

    Raises what `regular_bytes` raises, and UnicodeDecodeError.
    """
    data = regular_bytes(path, largest)
    return data.decode("utf-8") if exact else text_in(data)


def text_in(data: bytes) -> str:
    """The text in some bytes, as `Path.read_text` returns it. Raises UnicodeDecodeError."""
    text = data.decode("utf-8")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def real(path: Path) -> Path:
    """Where a path leads when all links are followed. One of a circle of links leads to itself: `Path.resolve` raises there."""
    return Path(os.path.realpath(path))
