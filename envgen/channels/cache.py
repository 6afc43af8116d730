"""Unpacked copies of compressed repodata in the cache folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from threading import get_native_id

from envgen.cache import cache_folder, keep
from envgen.channels.limits import limits
from envgen.model.errors import BadInput

_CHUNK = 1024  # bytes that are unpacked at a time: at most some 30 MB come of them
_AGAIN = "download it again"


def unpacked(packed: Path) -> Path:
    """The unpacked copy of a `.zst` file in the cache: rattler's reader maps plain JSON into memory.

    A copy is found by the content of the packed file, and its name has its size: one that was cut short is made again. Raises
    BadInput for a file that is not zstd, that was cut short, or whose content is over the limit.
    """
    folder, digest = cache_folder() / "repodata", _digest(packed)
    for path in folder.glob(f"{digest}-*.json"):
        if path.stem == f"{digest}-{path.stat().st_size}":
            return path
        path.unlink(missing_ok=True)
    try:
        scratch = folder / f"{digest}.{get_native_id()}"  # several threads may unpack the same
        keep(scratch, _contents(packed, limits().size))
        return scratch.replace(folder / f"{digest}-{scratch.stat().st_size}.json")
    except OSError as error:
        raise BadInput(f"the cache cannot be written: {error}", hint="set ENVGEN_CACHE to a writable folder") from None


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            found.update(chunk)
    return found.hexdigest()


def _contents(packed: Path, limit: int) -> Iterator[bytes]:
    """What a `.zst` file contains, piece by piece. Raises BadInput."""
    import zstandard

    size, frame = 0, zstandard.ZstdDecompressor().decompressobj()
    try:
        with packed.open("rb") as file:
            while chunk := file.read(_CHUNK):
                while chunk:
                    if frame.eof:  # several frames one after the other
                        frame = zstandard.ZstdDecompressor().decompressobj()
                    data = frame.decompress(chunk)
                    size += len(data)
                    if size > limit:
                        hint = "ENVGEN_MAX_SIZE or --max-size raises the limit"
                        raise BadInput(f"more than {limit // 10**6} MB when it is unpacked", where=packed, hint=hint)
                    yield data
                    chunk = frame.unused_data
    except zstandard.ZstdError as error:
        raise BadInput(f"not a zstd file: {error}", where=packed, hint=_AGAIN) from None
    if not frame.eof:
        raise BadInput("not a whole zstd file: its end is missing", where=packed, hint=_AGAIN)
