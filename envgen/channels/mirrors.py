"""Where this machine fetches a channel: at mirrors that its settings name, or at its own URL. Locks keep the channel's own URL.

Mirrors belong to a machine or a site, so they are where conda's and rattler's other tools have them, and in no project:

- `ENVGEN_MIRROR`, the URL of a mirror of all channels, laid out like an index folder;
- `[mirrors]` in rattler's `config.toml`, or in envgen's beside it;
- `channel_alias`, `custom_channels` and `mirrored_channels` in a `.condarc`.

The first of them that has a mirror for a channel decides. Logins and tokens in a `.condarc`, and those of `anaconda login`, are
used for the URLs that they are for; rattler adds those of its own store, the keyring and netrc.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rattler import Config
from rattler.exceptions import ConfigError

from envgen.channels.canonical import canonical_channel
from envgen.channels.channel import Access, ChannelLocation, access, access_of, bare, redacted
from envgen.channels.conda_settings import CondaSettings, Setting, conda_settings
from envgen.model.errors import BadInput
from envgen.model.safe_text import remember_secret

ALL = "ENVGEN_MIRROR"
_SCHEMES = ("https://", "http://", "oci://")


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPlaces:
    """Where a channel is fetched: the places in the order in which they are tried, and what names them, "" for its own URL."""

    channel: ChannelLocation
    places: tuple[Access, ...]
    said_by: str

    @property
    def elsewhere(self) -> bool:
        """Whether that differs from the channel's own URL, or needs a login."""
        return [(place.url, place.login) for place in self.places] != [(self.channel.url, None)]

    @property
    def note(self) -> str:
        """What a person should know of it: "" for its own URL and for a mirror that the command line names."""
        if self.said_by in ("", ALL) or self.places[0].url == self.channel.url:
            return ""
        places = ", then ".join(redacted(place.url) for place in self.places)
        return f"{self.channel.text} is fetched from {places} ({self.said_by})"


def fetch_places(channel: ChannelLocation) -> FetchPlaces:
    """Where a channel is fetched. Raises BadInput for settings that cannot be read or mean no URL."""
    conda = conda_settings()
    if base := mirror_of_all():
        named = [Setting(f"{base}/{channel.folder}", ALL)]
    else:
        named = _named(channel.url, _rattler_mirrors()) or _named(channel.url, conda.mirrors)
    if named:
        places = tuple(_with_login(_checked(setting), conda) for setting in named)
        return FetchPlaces(channel=channel, places=places, said_by=named[0].said_by)
    own = access(channel) or _with_login(channel.url, conda)
    return FetchPlaces(channel=channel, places=(own,), said_by="")


def mirror_of_all() -> str:
    """The URL of the mirror that `ENVGEN_MIRROR` names, "" without one. Raises BadInput if it is not an http(s) URL."""
    text = os.environ.get(ALL, "").rstrip("/")
    if text and not text.lower().startswith(("http://", "https://")):
        hint = "give a URL; `python -m http.server --directory FOLDER` serves a folder"
        raise BadInput(f"{ALL} is not a URL: {redacted(text)}", hint=hint)
    try:
        return canonical_channel(text) if text else ""
    except BadInput as error:
        raise BadInput(
            f"{ALL} is {error.what.replace('channel', 'URL')}", hint="for example https://mirror.example/conda"
        ) from None


def _named(url: str, mirrors: Mapping[str, Sequence[Setting]]) -> list[Setting]:
    """The mirrors of a channel: those of the longest URL that is its own or begins it."""
    found = max((base for base in mirrors if f"{url}/".startswith(f"{base}/")), key=len, default=None)
    return [] if found is None else [Setting(one.url + url.removeprefix(found), one.said_by) for one in mirrors[found]]


def _checked(setting: Setting) -> str:
    if not setting.url.startswith(_SCHEMES):
        what = f"a mirror is not a URL that can be fetched: {redacted(setting.url)}"
        raise BadInput(what, where=setting.said_by, hint="give the URL of a server: https://, http:// or oci://")
    return setting.url


def _with_login(url: str, conda: CondaSettings) -> Access:
    """A place with the login in its URL, or the login or token that conda has for it."""
    found = access_of(url)
    if found.login is None and bare(found.url) == found.url:
        mirrors = (setting for settings in conda.mirrors.values() for setting in settings)
        found = next((own for one in (*conda.logins, *mirrors) if (own := _opened(found.url, one.url))), found)
    _remember(found)
    return found


def _opened(url: str, with_credentials: str) -> Access | None:
    """`url` below a URL that has a login or a token; None where it is not below it or that has none."""
    base = bare(with_credentials)
    if base == with_credentials or not f"{url}/".startswith(f"{base}/"):
        return None
    found = access_of(with_credentials)
    return Access(found.url + url.removeprefix(base), found.login)


def _remember(place: Access) -> None:
    """From now on show no login and no token of this place."""
    token = place.path.partition("/t/")[2].partition("/")[0] if bare(place.url) != place.url else ""
    for secret in (place.login[1] if place.login else "", token):
        if secret:
            remember_secret("SECRET", secret)


def _rattler_mirrors() -> Mapping[str, tuple[Setting, ...]]:
    """What rattler's settings, and envgen's beside them, map to mirrors. Raises BadInput that names the file."""
    found: dict[str, tuple[Setting, ...]] = {}
    for path, is_shared in Config.config_search_paths("envgen"):
        if path.is_file():
            try:
                mirrors = Config.load_from_locations([(path, is_shared)]).mirrors
            except (ConfigError, ValueError, OSError) as error:
                raise BadInput(
                    f"not settings of rattler: {_first_line(error)}", where=path, hint="`envgen help channels` shows an example"
                ) from None
            found |= {
                base.rstrip("/"): tuple(Setting(one.rstrip("/"), str(path)) for one in urls)
                for base, urls in mirrors.items()
                if urls
            }
    return found


def _first_line(error: Exception) -> str:
    return redacted(next(iter(str(error).splitlines()), ""))


def notes(channels: Iterable[ChannelLocation]) -> list[str]:
    """What a person should know of where channels are fetched."""
    return [note for channel in channels if (note := fetch_places(channel).note)]
