"""A channel's name or url, its place in an index folder, and what of it may be shown."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

ALIAS = "https://conda.anaconda.org"  # where conda looks for a channel that is only a name
_SECRETS = (re.compile(r"(://)[^/@\s]+@"), re.compile(r"(/t/)[^/\s]+"))


@dataclass(frozen=True, slots=True)
class Place:
    """One channel: as the project writes it, where rattler finds it, and its folder in an index.

    `canonical` has `$NAME` where a credential belongs; only `live` has the credential, and it is never shown.
    """

    text: str
    canonical: str
    live: str
    folder: str


def place(text: str) -> Place:
    """A channel's places, from its name or its url."""
    text = text.rstrip("/")
    if "://" not in text:
        return Place(text, f"{ALIAS}/{text}", f"{ALIAS}/{text}", text)
    if text.startswith(f"{ALIAS}/") and "$" not in text:
        return Place(text, text, text, text.removeprefix(f"{ALIAS}/"))
    parts = urlsplit(text)
    host = parts.netloc.rpartition("@")[2].replace(":", "_")
    path = re.sub(r"/t/[^/]+", "", parts.path).strip("/")
    return Place(text, text, os.path.expandvars(text), "/".join(filter(None, (host, path))))


def redacted(text: str) -> str:
    """`text` without passwords and tokens of urls."""
    for pattern in _SECRETS:
        text = pattern.sub(r"\1***@" if "@" in pattern.pattern else r"\1***", text)
    return text
