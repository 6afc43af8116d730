"""What the URL of a conda package says of it. Pure, and without rattler: runs with nothing to do import it."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import unquote


@lru_cache(20_000)  # urls: those of the locks of a repository are the same again and again
def split_url(url: str) -> tuple[str, str, str]:
    """Name, version and build of a conda package's URL."""
    file = unquote(url.rsplit("/", 1)[-1]).removesuffix(".conda").removesuffix(".tar.bz2")
    name, version, build = file.rsplit("-", 2)
    return name, version, build
