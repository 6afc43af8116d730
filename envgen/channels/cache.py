"""Unpacked copies of compressed repodata in the cache folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from envgen.cache import cache_folder, keep
from envgen.model.errors import BadInput


def unpacked(packed: Path) -> Path:
    """The unpacked copy of a `.zst` file in the cache, keyed by content: rattler's reader maps plain JSON into memory."""
    content = packed.read_bytes()
    target = cache_folder() / "repodata" / f"{hashlib.sha256(content).hexdigest()}.json"
    if not target.is_file():
        import zstandard

        try:
            keep(target, zstandard.ZstdDecompressor().decompressobj().decompress(content))
        except zstandard.ZstdError as error:
            raise BadInput(f"not a zstd file: {error}", where=packed, hint="download it again") from None
        except OSError as error:
            raise BadInput(f"the cache cannot be written: {error}", hint="set ENVGEN_CACHE to a writable folder") from None
    return target
