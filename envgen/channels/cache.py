"""The cache folder, and unpacked copies of compressed repodata in it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from envgen.model.errors import BadInput


def cache_folder() -> Path:
    """`ENVGEN_CACHE`, or the user's cache folder."""
    import platformdirs

    return Path(os.environ.get("ENVGEN_CACHE") or platformdirs.user_cache_path("envgen"))


def unpacked(packed: Path) -> Path:
    """The unpacked copy of a `.zst` file in the cache, keyed by content: rattler's reader maps plain JSON into memory."""
    content = packed.read_bytes()
    target = cache_folder() / "repodata" / f"{hashlib.sha256(content).hexdigest()}.json"
    if not target.is_file():
        import zstandard

        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as file:
                file.write(zstandard.ZstdDecompressor().decompressobj().decompress(content))
            Path(file.name).replace(target)
        except zstandard.ZstdError as error:
            raise BadInput(f"not a zstd file: {error}", where=packed, hint="download it again") from None
        except OSError as error:
            raise BadInput(f"the cache cannot be written: {error}", hint="set ENVGEN_CACHE to a writable folder") from None
    return target
