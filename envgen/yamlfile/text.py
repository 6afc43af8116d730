"""The text of a file that a person wrote. Imports no YAML: where a value is remembered, its text alone is needed."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.layout import Layout
from envgen.model.regular import regular_text

_LARGEST = 1_000_000  # bytes: about 40 times the largest file in matrices/; read in two seconds


def source(path: Path, shown: str) -> str:
    """The text of a YAML file that a person wrote, at most 1 MB. Raises BadInput."""
    with suppress(OSError):  # of which reading it tells
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise BadInput("cannot be read: it is not a file", where=shown, hint="move it away; a file belongs here")
        if status.st_size > _LARGEST:
            what = f"{status.st_size / 1e6:.1f} MB is too large: at most {_LARGEST / 1e6:.0f} MB is read"
            hint = "a file here holds one row for each fact; is this the right file?"
            raise BadInput(what, where=Address(shown, 1, 1), hint=hint)
    return text_of(path, shown, absent="`envgen init` writes one")


def source_in(layout: Layout, path: Path, shown: str) -> str:
    """What `source` returns for a file of a repository, which may remember what it has read."""
    try:
        text = layout.read(path)
    except BadInput:
        return source(path, shown)
    return text if len(text.encode()) <= _LARGEST else source(path, shown)


def text_of(path: Path, shown: str, absent: str, *, exact: bool = False) -> str:
    """The text of a file that a user named or wrote; `absent` is the hint if it does not exist. Raises BadInput.

    `exact` keeps line endings as they are; otherwise each becomes a newline.
    """
    try:
        return regular_text(path, exact=exact)
    except FileNotFoundError:
        raise BadInput("there is no such file", where=shown, hint=absent) from None
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror or error}", where=shown, hint="it must be a readable text file") from None
    except UnicodeDecodeError as error:
        what = f"not UTF-8 text: byte 0x{error.object[error.start]:02x}, {error.reason}"
        where = place(shown, bytes(error.object), error.start)
        raise BadInput(what, where=where, hint="save it as UTF-8; some editors write UTF-16 or Latin-1") from None


def place(shown: str, data: bytes, offset: int) -> Address:
    """The line and column of a byte."""
    before = data[:offset].decode("utf-8", errors="replace").split("\n")
    return Address(shown, len(before), len(before[-1]) + 1)
