"""The HTTP client for channels: with the mirrors and the credentials of this machine."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from rattler.networking import Client
from rattler.networking.middleware import (
    AddHeadersMiddleware,
    AuthenticationMiddleware,
    GCSMiddleware,
    MirrorMiddleware,
    OciMiddleware,
    RetryMiddleware,
    S3Middleware,
)

from envgen.channels.channel import ChannelLocation
from envgen.channels.mirrors import FetchPlaces, fetch_places


def client(channels: Sequence[ChannelLocation], headers: Mapping[str, str] | None = None) -> Client:
    """Rattler's client with the mirrors of these channels and the logins for them. `headers` are sent with every request.

    What comes from a mirror keeps its canonical URL and is checked against the same hash. rattler adds the credentials of its own
    store, the keyring and netrc. Raises BadInput where the settings cannot be read.
    """
    found = [places for channel in channels if (places := fetch_places(channel)).elsewhere]
    mirrors = {f"{one.channel.url}/": [f"{place.url}/" for place in one.places] for one in found if _is_mirrored(one)}
    logins = [(place.host, place.path, place.login) for one in found for place in one.places if place.login]

    def login(host: str, path: str) -> dict[str, str] | None:
        found = next((own for name, begin, own in logins if name == host and f"{path}/".startswith(f"{begin}/")), None)
        return {"Authorization": f"Basic {base64.b64encode(':'.join(found).encode()).decode()}"} if found else None

    stack: list[Any] = [RetryMiddleware(), *([MirrorMiddleware(mirrors)] if mirrors else [])]
    stack += [AddHeadersMiddleware(login)] if logins else []
    stack += [AuthenticationMiddleware(), OciMiddleware(), GCSMiddleware(), S3Middleware()]
    return Client(stack, headers=dict(headers or {}))


def _is_mirrored(found: FetchPlaces) -> bool:
    return [place.url for place in found.places] != [found.channel.url]


def host(channel: ChannelLocation) -> str:
    """The servers that a channel is read from, as messages name them."""
    return " or ".join(dict.fromkeys(urlsplit(place.url).netloc for place in fetch_places(channel).places))
