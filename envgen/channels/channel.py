"""A channel's name or URL, its folder in an index, and what of it may be shown."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from urllib.parse import unquote, urlsplit

from envgen.channels.canonical import canonical_channel
from envgen.model.errors import BadInput
from envgen.model.safe_text import remember_secret, without_secrets

ALIAS = "https://conda.anaconda.org"  # where conda looks for a channel that is only a name
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_BRACED = re.compile(r"\$\{(\w+)\}(?!\w)")
_USER = re.compile(r"(://)[^/@\s]+@")
_TOKEN = re.compile(r"/t/[^/\s]+")
_WITH_TOKEN = re.compile(r"\S*/t/\S+")
_LOCAL = re.compile(r"(?:\W*/|[^:]*:///)(?!.*://[^/])")  # a path, or a URL without a host, and no other URL in the same word


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLocation:
    """One channel: in its one spelling, as a lock writes it, without credentials, and its folder in an index."""

    text: str
    canonical: str  # `${NAME}` where a credential belongs
    url: str
    folder: str


@cache
def locate(text: str) -> ChannelLocation:
    """Locate a channel from its name or its URL. Raises BadInput for what is neither."""
    text = canonical_channel(text)
    if "://" not in text:
        return ChannelLocation(text=text, canonical=f"{ALIAS}/{text}", url=f"{ALIAS}/{text}", folder=text)
    canonical = with_braces(text)
    url = bare(text)
    if url.startswith(f"{ALIAS}/"):
        return ChannelLocation(text=text, canonical=canonical, url=url, folder=url.removeprefix(f"{ALIAS}/"))
    parts = urlsplit(url)
    return ChannelLocation(
        text=text,
        canonical=canonical,
        url=url,
        folder="/".join(filter(None, (parts.netloc.replace(":", "_"), parts.path.strip("/")))),
    )


def with_braces(text: str) -> str:
    """`text` with `${NAME}` for `$NAME`."""
    return _VARIABLE.sub(lambda name: f"${{{name[1] or name[2]}}}", text)


def bare(url: str) -> str:
    """`url` without a login and without a token, and with `$NAME` for `${NAME}` where that means the same."""
    return _BRACED.sub(r"$\1", _USER.sub(r"\1", _TOKEN.sub("", url)))


@dataclass(frozen=True, slots=True)
class Access:
    """Where a channel is fetched, and the login for that place. Never shown, never written: the URL may have a token."""

    url: str
    login: tuple[str, str] | None

    @property
    def host(self) -> str:
        """The server, without its port."""
        return urlsplit(self.url).hostname or ""

    @property
    def path(self) -> str:
        """The part of the URL after the server."""
        return urlsplit(self.url).path


def access(channel: ChannelLocation) -> Access | None:
    """The credentials that `$NAME` stands for, or None for a public channel. Raises BadInput if a variable is not set."""
    live = filled_in(channel.text, f"channel `{channel.text}`")
    return None if live == channel.text else access_of(live)


def access_of(url: str) -> Access:
    """A URL with its login, if it has one, beside it."""
    live = urlsplit(url)
    login = (unquote(live.username), unquote(live.password or "")) if live.username else None
    netloc = live.netloc.rpartition("@")[2]
    return Access(f"{live.scheme}://{netloc}{live.path}".rstrip("/"), login)


def filled_in(text: str, what: str) -> str:
    """`text` with the values of the environment variables in it. Raises BadInput if one is not set."""
    values = values_of(text, what)
    return _VARIABLE.sub(lambda name: values[name[1] or name[2]], text)


def values_of(text: str, what: str) -> dict[str, str]:
    """The values of the environment variables in a text, which are secrets from now on. `what` needs them.

    Raises BadInput if one is not set.
    """
    names = dict.fromkeys(found[1] or found[2] for found in _VARIABLE.finditer(text))
    missing = next((name for name in names if not os.environ.get(name)), None)
    if missing:
        hint = f"export {missing}=..., or solve with --offline or --index DIR"
        raise BadInput(f"{what} needs the environment variable {missing}, which is not set", hint=hint)
    values = {name: os.environ[name] for name in names}
    for name, value in values.items():
        remember_secret(name, value)
    return values


def redacted(text: str) -> str:
    """`text` with the passwords and tokens in URLs replaced by `***`, and without secrets; a folder `t` on this machine stays."""

    def without_token(word: re.Match[str]) -> str:
        return word[0] if _LOCAL.match(word[0]) else _TOKEN.sub("/t/***", word[0])

    return _WITH_TOKEN.sub(without_token, _USER.sub(r"\1***@", without_secrets(text)))
