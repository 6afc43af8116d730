"""The HTTP client for channels: with logins for private ones, or through a mirror."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from urllib.parse import urlsplit

from rattler.networking import Client
from rattler.networking.middleware import (
    AddHeadersMiddleware,
    AuthenticationMiddleware,
    MirrorMiddleware,
    OciMiddleware,
    RetryMiddleware,
)

from envgen.channels.canonical import canonical_channel
from envgen.channels.channel import ChannelLocation, access, redacted
from envgen.model.errors import BadInput


def mirror() -> str:
    """The URL of the mirror that `ENVGEN_MIRROR` names, "" without one. Raises BadInput if it is not an http(s) URL."""
    text = os.environ.get("ENVGEN_MIRROR", "").rstrip("/")
    if text and not text.startswith(("http://", "https://")):
        hint = "give a URL; `python -m http.server --directory FOLDER` serves a folder"
        raise BadInput(f"ENVGEN_MIRROR is not a URL: {redacted(text)}", hint=hint)
    try:
        return canonical_channel(text) if text else ""
    except BadInput as error:
        what = f"ENVGEN_MIRROR is {error.what.replace('channel', 'URL')}"
        raise BadInput(what, hint="for example https://mirror.example/conda") from None


def client(channels: Sequence[ChannelLocation]) -> Client:
    """Rattler's default client, or one that adds logins for private channels, or one that uses a mirror.

    `ENVGEN_MIRROR` is the URL of a mirror of all channels, laid out like an index folder: `<channel>/<subdir>/...`. Files from it
    keep their canonical URLs and are checked against the same hashes. Raises BadInput if it is not an http(s) URL.
    """
    if base := mirror():
        folders = {f"{channel.url}/": [f"{base}/{channel.folder}/"] for channel in channels}
        return Client([RetryMiddleware(), MirrorMiddleware(folders), AuthenticationMiddleware(), OciMiddleware()])
    private = {f"{channel.url}/": found for channel in channels if (found := access(channel))}
    if not private:
        return Client.default_client()
    logins = {found.host: base64.b64encode(":".join(found.login).encode()).decode() for found in private.values() if found.login}

    def headers(host: str, _: str) -> dict[str, str] | None:
        return {"Authorization": f"Basic {logins[host]}"} if host in logins else None

    mirrors = MirrorMiddleware({url: [f"{found.url}/"] for url, found in private.items() if f"{found.url}/" != url})
    return Client([RetryMiddleware(), mirrors, AddHeadersMiddleware(headers), AuthenticationMiddleware(), OciMiddleware()])


def host(channel: ChannelLocation) -> str:
    """The server that a channel is read from, as messages name it."""
    return urlsplit(mirror() or channel.url).netloc.rpartition("@")[2]
