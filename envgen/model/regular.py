"""Reading files, and following links, whose kind, size and end nobody vouches for. Pure apart from the reading."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO, Any

LARGEST = 50_000_000  # bytes; the largest lock of the examples has 0.3 MB


def regular_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """The bytes of a regular file, at most `largest`.

    A pipe could keep envgen waiting for ever, and a device has no end. Raises OSError for these and for a larger file, and what
    `open` raises.
    """
    _regular(path)
    with path.open("rb") as file:
        _not_too_large(file, largest)
        return file.read()


def regular_text(path: Path, largest: int = LARGEST, *, exact: bool = False) -> str:
    """The text of a regular file, as `Path.read_text` returns it, with at most `largest` bytes; `exact` keeps line endings.

    Raises what `regular_bytes` raises, and UnicodeDecodeError. To decode all at once takes half as long as to read a text file.
    """
    data = regular_bytes(path, largest)
    return data.decode("utf-8") if exact else text_in(data)


def text_in(data: bytes) -> str:
    """The text in some bytes, as `Path.read_text` returns it. Raises UnicodeDecodeError."""
    text = data.decode("utf-8")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _regular(path: Path) -> None:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError("it is a folder")
    if not stat.S_ISREG(mode):
        raise OSError("it is not a regular file")


def _not_too_large(file: IO[Any], largest: int) -> None:
    size = os.fstat(file.fileno()).st_size
    if size > largest:
        raise OSError(f"{size / 1e6:.0f} MB is too large: at most {largest / 1e6:.0f} MB is read")


def real(path: Path) -> Path:
    """Where a path leads when all links are followed. One of a circle of links leads to itself: `Path.resolve` raises there."""
    return Path(os.path.realpath(path))
