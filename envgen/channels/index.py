"""Where package records come from: a folder of repodata, the recorded index, or live channels.

Every index answers two questions: which records a package has on a platform (`records`), and what the solver reads (`sources`).
URLs are canonical throughout: a mirror or a folder is a way to read a channel, not another channel.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from rattler import Channel, Gateway, RepoDataRecord, SparseRepoData

from envgen.channels.cache import unpacked
from envgen.channels.channel import ChannelLocation, locate
from envgen.channels.counted import Counted
from envgen.channels.watch import Say, Unreachable, say_nothing
from envgen.model.errors import BadInput, NoSolution, closest
from envgen.model.facts import Platform
from envgen.model.withdrawn import withdrawal

if TYPE_CHECKING:
    from concurrent.futures import Future

    from rattler import PackageName, Subdir

    from envgen.model.layout import Layout
    from envgen.model.withdrawn import Withdrawals

Result = TypeVar("Result")


class Index(Protocol):
    """Package records by channel, name and platform.

    `name` says where they come from, as messages show it; `recorded` is True where they are those of locked packages alone.
    """

    name: str
    recorded: bool

    @property
    def shown(self) -> str:
        """The index in a sentence: `the recorded index (environments/index)`."""

    def records(self, name: str, channel: ChannelLocation, platform: Platform) -> Sequence[RepoDataRecord]:
        """All records of a package on a platform, including `noarch`."""

    def fetch(self, names: Iterable[str], channel: ChannelLocation, platform: Platform) -> None:
        """Ask for the records of many packages at once, where one after the other takes longer."""

    def begin(self, channels: Sequence[ChannelLocation], platforms: Iterable[Platform]) -> None:
        """Begin to open, in other threads, what will be read of some channels."""

    def sources(self, channels: Sequence[ChannelLocation], platform: Platform) -> list[Any]:
        """What rattler's solver reads, in the order of the channels."""

    @property
    def gateway(self) -> Gateway | None:
        """The gateway behind `sources`, or None."""

    async def watched(self, work: Awaitable[Result], channels: Sequence[ChannelLocation]) -> Result:
        """The result of work that reads `sources`. Raises NoSolution where a server is silent or sends too much."""

    def narrowed(self, channels: Sequence[ChannelLocation], platform: Platform, counted: Counted) -> list[Any]:
        """The same for a request for which not all records count; those that it rules out itself may be missing."""

    def names(self, channel: ChannelLocation, platform: Platform) -> Iterable[str]:
        """Every package name; empty where listing them is expensive."""

    def withheld(self, name: str, channel: ChannelLocation, platform: Platform) -> Sequence[RepoDataRecord]:
        """The records of a package that the index holds and gives to nobody, because the channel withdrew the builds."""


class FolderIndex:
    """`<channel>/<subdir>/repodata.json[.zst]` below one folder. Each file is read once.

    A folder may be older than a withdrawal, or keep what was withdrawn: `records` and `sources` leave out `withdrawn` builds.
    """

    gateway = None

    def __init__(self, folder: Path, name: str, withdrawn: Withdrawals | None = None, *, recorded: bool = False) -> None:
        if not any(folder.glob("**/repodata.json*")):
            hint = "it must hold <channel>/<subdir>/repodata.json or repodata.json.zst"
            raise BadInput("no repodata in this index folder", where=name, hint=hint)
        self.folder = folder
        self.name = name
        self.recorded = recorded
        self._begun: dict[tuple[str, str], Future[SparseRepoData | None]] = {}
        self._read: dict[tuple[str, str], SparseRepoData | None] = {}
        self._records: dict[tuple[str, str, str], Sequence[RepoDataRecord]] = {}
        self._memory: dict[tuple[str, str, str], Sequence[RepoDataRecord]] = {}
        self._withdrawn: Withdrawals = withdrawn or {}
        self._sources: dict[tuple[str, str], list[Any]] = {}

    @property
    def shown(self) -> str:
        return f"the recorded index ({self.name})" if self.recorded else self.name

    def records(self, name: str, channel: ChannelLocation, platform: Platform) -> Sequence[RepoDataRecord]:
        key = (channel.folder, platform, name)
        if key not in self._records:
            self._records[key] = [r for subdir in (platform, "noarch") for r in self.offered(channel, subdir, name)]
        return self._records[key]

    def offered(self, channel: ChannelLocation, subdir: str, name: str) -> Sequence[RepoDataRecord]:
        """The records of a package in one subdir that the channel has not withdrawn."""
        records = self._load(channel, subdir, name)
        if name not in self._withdrawn:
            return records
        return [record for record in records if not self._was_withdrawn(channel, subdir, record)]

    def kept_in_memory(self, channel: ChannelLocation, subdir: str, name: str) -> Sequence[RepoDataRecord]:
        """The same as `offered`, read once for all solves."""
        key = (channel.folder, subdir, name)
        if key not in self._memory:
            self._memory[key] = self.offered(channel, subdir, name)
        return self._memory[key]

    def withheld(self, name: str, channel: ChannelLocation, platform: Platform) -> Sequence[RepoDataRecord]:
        if name not in self._withdrawn:
            return ()
        found = [(subdir, record) for subdir in (platform, "noarch") for record in self._load(channel, subdir, name)]
        return [record for subdir, record in found if self._was_withdrawn(channel, subdir, record)]

    def _was_withdrawn(self, channel: ChannelLocation, subdir: str, record: RepoDataRecord) -> bool:
        name, version, build = record.name.normalized, str(record.version), str(record.build)
        return withdrawal(self._withdrawn, channel.folder, name, version, build, subdir) is not None

    async def watched(self, work: Awaitable[Result], channels: Sequence[ChannelLocation]) -> Result:
        return await work

    def _load(self, channel: ChannelLocation, subdir: str, name: str) -> Sequence[RepoDataRecord]:
        file = self._subdir(channel, subdir)
        try:
            return file.load_records(name) if file else ()
        except OSError as error:
            raise self._unreadable(channel, subdir, error) from None

    def _unreadable(self, channel: ChannelLocation, subdir: str, error: Exception) -> BadInput:
        where = f"{self.name}/{channel.folder}/{subdir}"
        return BadInput(f"not repodata: {error}", where=where, hint="download it again")

    def fetch(self, names: Iterable[str], channel: ChannelLocation, platform: Platform) -> None:
        """Every lookup reads the file; that of a channel which is not there is an error now, not in the middle of a solve."""
        self._subdir(channel, platform)

    def begin(self, channels: Sequence[ChannelLocation], platforms: Iterable[Platform]) -> None:
        executor = ThreadPoolExecutor(thread_name_prefix="repodata")
        for channel, subdir in product(channels, dict.fromkeys((*platforms, "noarch"))):
            self._begun[channel.folder, subdir] = executor.submit(self._open, channel, subdir)
        executor.shutdown(wait=False)

    def sources(self, channels: Sequence[ChannelLocation], platform: Platform) -> list[Any]:
        return [source for channel in channels for source in self._sources_of(channel, platform)]

    def narrowed(self, channels: Sequence[ChannelLocation], platform: Platform, counted: Counted) -> list[Any]:
        return [_Offered(self, channel, counted) for channel in channels]

    def _sources_of(self, channel: ChannelLocation, platform: Platform) -> list[Any]:
        """The files of a channel, which rattler reads itself; or, where they hold withdrawn builds, their records without these."""
        key = (channel.folder, platform)
        if key not in self._sources:
            files = [file for subdir in (platform, "noarch") if (file := self._subdir(channel, subdir))]
            keeps = any(self.withheld(name, channel, platform) for name in self._withdrawn)
            self._sources[key] = [_Offered(self, channel)] if keeps else files
        return self._sources[key]

    def names(self, channel: ChannelLocation, platform: Platform) -> Iterable[str]:
        return {name for subdir in (platform, "noarch") for name in self.names_in(channel, subdir)}

    def names_in(self, channel: ChannelLocation, subdir: str) -> list[str]:
        """Every package name in one subdir."""
        file = self._subdir(channel, subdir)
        return file.package_names() if file else []

    def _subdir(self, channel: ChannelLocation, subdir: str) -> SparseRepoData | None:
        key = (channel.folder, subdir)
        if key not in self._read:
            begun = self._begun.pop(key, None)  # what failed is tried again: each project has an error of its own
            self._read[key] = begun.result() if begun and not begun.exception() else self._open(channel, subdir)
        return self._read[key]

    def _open(self, channel: ChannelLocation, subdir: str) -> SparseRepoData | None:
        folder = self.folder / channel.folder
        if not folder.is_dir() and self.recorded:
            return None  # no lock has a package of this channel
        if not folder.is_dir():
            known = {path.parent.parent.relative_to(self.folder).as_posix() for path in self.folder.glob("**/repodata.json*")}
            raise NoSolution(f"channel `{channel.text}` is not in {self.shown}", hint=closest(channel.folder, known))
        plain, packed = folder / subdir / "repodata.json", folder / subdir / "repodata.json.zst"
        path = plain if plain.is_file() else unpacked(packed) if packed.is_file() else None
        if path is None:
            return None
        try:
            return SparseRepoData(Channel(channel.url), subdir, path)
        except (OSError, ValueError) as error:
            raise self._unreadable(channel, subdir, error) from None


class _Offered:
    """A channel of a folder as rattler's solver reads it, record by record: what counts, without withdrawn builds."""

    def __init__(self, index: FolderIndex, channel: ChannelLocation, counted: Counted | None = None) -> None:
        self._index, self._channel, self._counted = index, channel, counted or Counted()
        self._records: dict[tuple[str, str], list[RepoDataRecord]] = {}  # rattler keeps none, and every solve asks for the same

    async def fetch_package_records(self, platform: Subdir, name: PackageName) -> list[RepoDataRecord]:
        """The records of a package in one subdir."""
        key = (str(platform), name.normalized)
        if key not in self._records:
            self._records[key] = self._counted.among(self._index.kept_in_memory(self._channel, *key))
        return self._records[key]

    def package_names(self, platform: Subdir) -> list[str]:
        """Every package name in one subdir."""
        return self._index.names_in(self._channel, str(platform))


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """Which index to use: a folder, the recorded index (`offline`), or live channels if neither is given."""

    folder: Path | None = None
    offline: bool = False
    fallback: bool = True  # whether to use the recorded index if live channels cannot be reached


def open_index(
    wanted: IndexOptions,
    layout: Layout,
    channels: Sequence[str],
    platform: Platform,
    withdrawn: Withdrawals,
    say: Say = say_nothing,
) -> tuple[Index, str]:
    """The index for a run, and a warning about it or "". `channels` are those of all projects in the run.

    A folder leaves out the `withdrawn` builds. The recorded index does not: from it a clone locks again what it has.

    If live channels cannot be reached, the recorded index is used with a warning, because it may be old. `say` is told which
    server is waited for. Raises BadInput for a folder without repodata, NoSolution where no index can be used.
    """
    if wanted.folder:
        return FolderIndex(wanted.folder, str(wanted.folder), withdrawn), ""
    recorded = layout.shown(layout.index)
    if wanted.offline:
        return FolderIndex(layout.index, recorded, recorded=True), ""
    try:
        return _live_index([locate(channel) for channel in channels], platform, say), ""
    except Unreachable as error:
        if not wanted.fallback or not layout.index.is_dir():
            error.hint = f"give --index DIR, or run where the channel can be reached{f'; {error.hint}' if error.hint else ''}"
            raise
        warning = (
            f"{error.what.splitlines()[0]}\nSolving from {recorded} instead: the records of the committed locks, nothing newer."
        )
        return FolderIndex(layout.index, recorded, recorded=True), warning


def _live_index(places: Sequence[ChannelLocation], platform: Platform, say: Say) -> Index:
    """Live channels, after each has answered. Imports what concerns the network. Raises Unreachable."""
    from envgen.channels.limits import limits
    from envgen.channels.live import LiveIndex
    from envgen.channels.mirrors import notes
    from envgen.channels.relations import relation_notes

    for note in notes(places):
        say(note)
    live = LiveIndex(places, limits(), say)
    for channel in places:
        live.records("python", channel, platform)
    for note in relation_notes({channel: live.relations(channel, platform) for channel in places}):
        say(note)
    return live
