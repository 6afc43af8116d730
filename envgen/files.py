"""Files that are whole or not there: written beside their place, then put into it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from envgen.model.errors import BadInput
from envgen.model.layout import Layout
from envgen.model.resolution import RenderedFile

_MARK = ".envgen-tmp"


def write_files(folder: Path, files: Iterable[RenderedFile], layout: Layout) -> None:
    """Write all files of a folder. At any moment each of them is the old one or the new one, whole.

    A run that was killed leaves only files with `.envgen-tmp` in their names, which a later run removes. The last file is
    replaced last: a lock that does not fit its environment file is told by its stamp.
    """
    written: list[tuple[Path, Path]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        for file in files:
            scratch = folder / f".{file.name}.{os.getpid()}{_MARK}"
            written.append((scratch, folder / file.name))
            with scratch.open("w", encoding="utf-8", newline="\n") as stream:
                stream.write(file.text)
                stream.flush()
                os.fsync(stream.fileno())
        for scratch, place in written:
            scratch.replace(place)
    except OSError as error:
        what = f"cannot be written: {error.strerror or error}"
        raise BadInput(what, where=layout.shown(folder), hint="make the folder writable; what it held is as it was") from None
    finally:
        for scratch, _ in written:
            with suppress(OSError):
                scratch.unlink(missing_ok=True)


def remove_files(paths: Iterable[Path]) -> None:
    """Remove files, and the folders that are empty then."""
    for path in paths:
        path.unlink(missing_ok=True)
        parent = path.parent
        while not any(parent.iterdir()):
            parent.rmdir()
            parent = parent.parent


def _sweep(folder: Path) -> None:
    """Remove what a killed run left; a run that goes on beside this one is younger than an hour."""
    for path in folder.glob(f".*{_MARK}"):
        if time.time() - path.stat().st_mtime > 3600:
            path.unlink(missing_ok=True)
