"""What channels declare about other channels (CEP 42): told to whoever lists the channels, and followed by nobody. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin

from envgen.channels.canonical import canonical_channel
from envgen.channels.channel import ALIAS, ChannelLocation
from envgen.model.errors import BadInput
from envgen.model.text import shortened


@dataclass(frozen=True, slots=True)
class ChannelRelations:
    """References to a channel with higher priority and to one with lower priority, as a channel declares them; "" for none."""

    base: str = ""
    overrides: str = ""


def relation_notes(declared: Mapping[ChannelLocation, Collection[ChannelRelations]]) -> Iterator[str]:
    """What a person who lists these channels should know of the relations that they declare, one line for each."""
    listed = {channel.url for channel in declared}
    for channel, some in declared.items():
        for relations in dict.fromkeys(some):
            yield from _notes(channel, relations, listed)


def _notes(channel: ChannelLocation, relations: ChannelRelations, listed: Collection[str]) -> Iterator[str]:
    base, overrides = (_url(channel, reference) for reference in (relations.base, relations.overrides))
    wrong = [text for text, url in ((relations.base, base), (relations.overrides, overrides)) if text and not url]
    if wrong or channel.url in (base, overrides) or (base and base == overrides):
        what = shortened(wrong[0]) if wrong else "contradictory"
        yield f"channel {channel.text} declares relations to other channels that CEP 42 does not allow ({what}): ignored"
        return
    for url, place, kind in ((base, "before", "its base"), (overrides, "after", "what it overrides")):
        if url and url not in listed:
            name = url.removeprefix(f"{ALIAS}/")
            advice = f"if you want packages from there, list it {place} {channel.text} in channels:"
            yield f"channel {channel.text} declares {name} as {kind}: {advice}"


def _url(channel: ChannelLocation, reference: str) -> str:
    """The URL of a reference, which must be relative and begin with `../`; "" where it is not that of a channel."""
    if not reference.startswith("../"):
        return ""
    url = urljoin(f"{channel.url}/", f"{reference.rstrip('/')}/").rstrip("/")
    try:
        found = canonical_channel(url)
    except BadInput:
        return ""
    return found if found.count("/") > 2 else ""
