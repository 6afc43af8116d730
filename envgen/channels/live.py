"""Live channels as an index."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from rattler import Channel, Gateway, RepoDataRecord
from rattler.exceptions import GatewayError

from envgen.cache import cache_folder
from envgen.channels.channel import ChannelLocation, redacted
from envgen.channels.client import client, host
from envgen.channels.counted import Counted
from envgen.channels.limits import Limits
from envgen.channels.relations import ChannelRelations
from envgen.channels.watch import IndexArrivals, Say, Unreachable, watched
from envgen.model.errors import BadInput
from envgen.model.facts import Platform

if TYPE_CHECKING:
    from rattler import PackageName, Subdir

Result = TypeVar("Result")
_FULL = re.compile(r"No space left on device|File too large|Disk quota exceeded|Read-only file system|Permission denied")
_FREE = "free some space, or set ENVGEN_CACHE to another folder; nothing was changed"


class LiveIndex:
    """Public or private channels over the network, through rattler's gateway and its cache on disk.

    rattler and its cache know channels by URLs without credentials, which are added to each request.
    """

    name = shown = "live channels"
    recorded = False

    def __init__(self, channels: Sequence[ChannelLocation], limits: Limits, say: Say) -> None:
        self._cache, self._limits, self._say = cache_folder() / "channels", limits, say
        self._hosts = {channel.url: host(channel) for channel in channels}
        self.gateway: Gateway | None = Gateway(cache_dir=self._cache, client=client(channels))
        self._records: dict[tuple[str, str, str], Sequence[RepoDataRecord]] = {}

    def records(self, name: str, channel: ChannelLocation, platform: Platform) -> Sequence[RepoDataRecord]:
        key = (channel.url, platform, name)
        self.fetch((name,), channel, platform)
        return self._records[key]

    def fetch(self, names: Iterable[str], channel: ChannelLocation, platform: Platform) -> None:
        new = [name for name in names if (channel.url, platform, name) not in self._records]
        if new:
            found: dict[str, list[RepoDataRecord]] = {name: [] for name in new}
            for record in asyncio.run(self._query(new, channel, platform)):
                found[record.name.normalized].append(record)
            self._records.update({(channel.url, platform, name): rows for name, rows in found.items()})

    async def query(self, names: Sequence[str], channel: ChannelLocation, subdirs: Sequence[str]) -> Sequence[RepoDataRecord]:
        """The records of some packages in some subdirs. Raises GatewayError."""
        gateway = self.gateway or Gateway()
        found = await gateway.query(
            [Channel(channel.url)],
            list(subdirs),  # type: ignore[arg-type]
            list(names),
            recursive=False,
            channel_relations="disabled",  # a project lists its channels itself, see docs/channels.md
        )
        return [record for records in found for record in records]

    async def _query(self, names: Sequence[str], channel: ChannelLocation, platform: Platform) -> Sequence[RepoDataRecord]:
        try:
            return await self.watched(self.query(names, channel, (platform, "noarch")), [channel])
        except Unreachable as error:
            raise Unreachable(f"channel `{channel.text}` cannot be reached: {error.what}", hint=error.hint) from None
        except GatewayError as error:
            if full := _FULL.search(str(error)):
                raise BadInput(f"the cache cannot be written: {full[0]}", where=self._cache, hint=_FREE) from None
            raise Unreachable(f"channel `{channel.text}` cannot be reached: {redacted(str(error))}") from None

    def relations(self, channel: ChannelLocation, platform: Platform) -> list[ChannelRelations]:
        """The relations to other channels that a channel declares for a platform, as it wrote them."""

        async def ask() -> list[ChannelRelations]:
            gateway, subdirs = self.gateway or Gateway(), (platform, "noarch")
            found = [await gateway.channel_relations(Channel(channel.url), subdir) for subdir in subdirs]  # type: ignore[arg-type]
            return [ChannelRelations(one.base or "", one.overrides or "") for one in found if one]

        try:
            return asyncio.run(ask())  # from memory: the channel has been queried
        except GatewayError:
            return []

    async def watched(self, work: Awaitable[Result], channels: Sequence[ChannelLocation]) -> Result:
        servers = " or ".join(dict.fromkeys(self._hosts.get(channel.url) or host(channel) for channel in channels))
        return await watched(work, IndexArrivals(self._cache, self._limits), servers, self._limits, self._say)

    def begin(self, channels: Sequence[ChannelLocation], platforms: Iterable[Platform]) -> None:
        """Nothing: the network is watched where it is waited for."""

    def sources(self, channels: Sequence[ChannelLocation], platform: Platform) -> list[Any]:
        return [Channel(channel.url) for channel in channels]

    def narrowed(self, channels: Sequence[ChannelLocation], platform: Platform, counted: Counted) -> list[Any]:
        if counted.wrong or counted.exclude_newer.dates:
            return [_Source(self, channel, counted) for channel in channels]
        return self.sources(channels, platform)

    def names(self, channel: ChannelLocation, platform: Platform) -> Iterable[str]:
        return ()

    def withheld(self, name: str, channel: ChannelLocation, platform: Platform) -> Sequence[RepoDataRecord]:
        return ()  # a channel does not offer what it withdrew


class _Source:
    """A live channel as rattler's solver reads it, record by record: what counts. Within a solve, which is watched."""

    def __init__(self, index: LiveIndex, channel: ChannelLocation, counted: Counted) -> None:
        self._index, self._channel, self._counted = index, channel, counted

    async def fetch_package_records(self, platform: Subdir, name: PackageName) -> list[RepoDataRecord]:
        """The records of a package in one subdir."""
        return self._counted.among(await self._index.query([name.normalized], self._channel, [str(platform)]))

    def package_names(self, platform: Subdir) -> list[str]:
        """Nothing: rattler asks for each package by its name."""
        return []
