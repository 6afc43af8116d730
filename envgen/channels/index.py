"""Where package records come from: a folder of repodata, the recorded index, or live channels.

Every index answers two questions: which records has a package name on a platform (`records`), and what does the solver read
(`sources`). Urls are canonical throughout: a mirror or a folder is a way to read a channel, not another channel.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from packaging.version import Version
from rattler import Channel, Gateway, MatchSpec, RepoDataRecord, SparseRepoData
from rattler.exceptions import GatewayError, InvalidMatchSpecError
from rattler.networking import Client
from rattler.networking.middleware import (
    AddHeadersMiddleware,
    AuthenticationMiddleware,
    MirrorMiddleware,
    OciMiddleware,
    RetryMiddleware,
)

from envgen.channels.channel import Place, access, place, redacted
from envgen.channels.versions import admits
from envgen.model.errors import BadInput, NoSolution, closest
from envgen.model.facts import Platform

if TYPE_CHECKING:
    from envgen.model.layout import Layout


class Index(Protocol):
    """Package records by channel, name and platform; `name` says in words where they come from."""

    name: str

    def records(self, name: str, channel: Place, platform: Platform) -> Sequence[RepoDataRecord]:
        """All records of a package on a platform, `noarch` included."""

    def sources(self, channels: Sequence[Place], platform: Platform) -> list[Any]:
        """What rattler's solver reads, in the order of the channels."""

    @property
    def gateway(self) -> Gateway | None:
        """The gateway behind `sources`, where there is one."""

    def names(self, channel: Place, platform: Platform) -> Iterable[str]:
        """Every package name, where that is cheap to know."""


class FolderIndex:
    """`<channel>/<subdir>/repodata.json[.zst]` below one folder, read once."""

    gateway = None

    def __init__(self, folder: Path, name: str) -> None:
        if not any(folder.glob("**/repodata.json*")):
            hint = "it must hold <channel>/<subdir>/repodata.json or repodata.json.zst"
            raise BadInput("no repodata in this index folder", where=name, hint=hint)
        self.folder = folder
        self.name = name
        self._read: dict[tuple[str, str], SparseRepoData | None] = {}
        self._records: dict[tuple[str, str, str], Sequence[RepoDataRecord]] = {}

    def records(self, name: str, channel: Place, platform: Platform) -> Sequence[RepoDataRecord]:
        key = (channel.folder, platform, name)
        if key not in self._records:
            self._records[key] = [r for subdir in (platform, "noarch") for r in self._load(channel, subdir, name)]
        return self._records[key]

    def _load(self, channel: Place, subdir: str, name: str) -> Sequence[RepoDataRecord]:
        file = self._subdir(channel, subdir)
        try:
            return file.load_records(name) if file else ()
        except OSError as error:
            raise self._unreadable(channel, subdir, error) from None

    def _unreadable(self, channel: Place, subdir: str, error: Exception) -> BadInput:
        where = f"{self.name}/{channel.folder}/{subdir}"
        return BadInput(f"not repodata: {error}", where=where, hint="fetch it again")

    def sources(self, channels: Sequence[Place], platform: Platform) -> list[Any]:
        found = [self._subdir(channel, subdir) for channel in channels for subdir in (platform, "noarch")]
        return [file for file in found if file]

    def names(self, channel: Place, platform: Platform) -> Iterable[str]:
        files = filter(None, (self._subdir(channel, subdir) for subdir in (platform, "noarch")))
        return {name for file in files for name in file.package_names()}

    def _subdir(self, channel: Place, subdir: str) -> SparseRepoData | None:
        key = (channel.folder, subdir)
        if key not in self._read:
            self._read[key] = self._open(channel, subdir)
        return self._read[key]

    def _open(self, channel: Place, subdir: str) -> SparseRepoData | None:
        folder = self.folder / channel.folder
        if not folder.is_dir():
            known = {path.parent.parent.relative_to(self.folder).as_posix() for path in self.folder.glob("**/repodata.json*")}
            raise NoSolution(f"channel `{channel.text}` is not in {self.name}", hint=closest(channel.folder, known))
        plain, packed = folder / subdir / "repodata.json", folder / subdir / "repodata.json.zst"
        path = plain if plain.is_file() else _unpacked(packed) if packed.is_file() else None
        if path is None:
            return None
        try:
            return SparseRepoData(Channel(channel.url), subdir, path)
        except (OSError, ValueError) as error:
            raise self._unreadable(channel, subdir, error) from None


class LiveIndex:
    """Public or private channels over the network, through rattler's gateway and its cache on disk.

    rattler and its cache know the channels by urls without credentials; those are added to each request on its way out.
    """

    name = "live channels"

    def __init__(self, channels: Sequence[Place]) -> None:
        self.gateway: Gateway | None = Gateway(cache_dir=cache_folder() / "channels", client=client(channels))
        self._records: dict[tuple[str, str, str], Sequence[RepoDataRecord]] = {}

    def records(self, name: str, channel: Place, platform: Platform) -> Sequence[RepoDataRecord]:
        key = (channel.url, platform, name)
        if key not in self._records:
            self._records[key] = asyncio.run(self._query(name, channel, platform))
        return self._records[key]

    async def _query(self, name: str, channel: Place, platform: Platform) -> Sequence[RepoDataRecord]:
        gateway = self.gateway or Gateway()
        try:
            found = await gateway.query([Channel(channel.url)], [platform, "noarch"], [name], recursive=False)  # type: ignore[list-item]
        except GatewayError as error:
            raise Unreachable(f"channel `{channel.text}` cannot be reached: {redacted(str(error))}") from None
        return [record for records in found for record in records]

    def sources(self, channels: Sequence[Place], platform: Platform) -> list[Any]:
        return [Channel(channel.url) for channel in channels]

    def names(self, channel: Place, platform: Platform) -> Iterable[str]:
        return ()


def client(channels: Sequence[Place]) -> Client:
    """Rattler's usual client; one that goes to the real urls of private channels with their logins, or one that goes to a mirror.

    `ENVGEN_MIRROR` is the url of a mirror of all channels, `<channel>/<subdir>/...` below it as in an index folder. What is
    fetched there is known by its canonical url, and held against the same hashes. Raises BadInput about a mirror that is none.
    """
    mirror = os.environ.get("ENVGEN_MIRROR", "").rstrip("/")
    if mirror:
        if not mirror.startswith(("http://", "https://")):
            hint = "give a url: a folder can be served with `python -m http.server --directory FOLDER`"
            raise BadInput(f"ENVGEN_MIRROR is no url: {redacted(mirror)}", hint=hint)
        folders = {f"{channel.url}/": [f"{mirror}/{channel.folder}/"] for channel in channels}
        return Client([RetryMiddleware(), MirrorMiddleware(folders), AuthenticationMiddleware(), OciMiddleware()])
    private = {f"{channel.url}/": found for channel in channels if (found := access(channel))}
    if not private:
        return Client.default_client()
    logins = {found.host: base64.b64encode(":".join(found.login).encode()).decode() for found in private.values() if found.login}

    def headers(host: str, _: str) -> dict[str, str] | None:
        return {"Authorization": f"Basic {logins[host]}"} if host in logins else None

    mirrors = MirrorMiddleware({url: [f"{found.url}/"] for url, found in private.items() if f"{found.url}/" != url})
    return Client([RetryMiddleware(), mirrors, AddHeadersMiddleware(headers), AuthenticationMiddleware(), OciMiddleware()])


class Unreachable(NoSolution):
    """A live channel did not answer."""


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """Which index a run was told to use: a folder, the recorded one (`offline`), or neither: live channels."""

    folder: Path | None = None
    offline: bool = False
    fallback: bool = True  # whether the recorded index may stand in for live channels that cannot be reached


def open_index(wanted: IndexOptions, layout: Layout, channels: Sequence[str], platform: Platform) -> tuple[Index, str]:
    """The index of a run, and what must be said aloud about it; `channels` are those of all its projects.

    Live channels that cannot be reached give way to the recorded index; that is said, because it may be old.
    """
    if wanted.folder:
        return FolderIndex(wanted.folder, str(wanted.folder)), ""
    recorded = layout.shown(layout.index)
    if wanted.offline:
        return FolderIndex(layout.index, recorded), ""
    places = [place(channel) for channel in channels]
    live = LiveIndex(places)
    try:
        for channel in places:
            live.records("python", channel, platform)
    except Unreachable as error:
        if not wanted.fallback or not layout.index.is_dir():
            error.hint = "give --index DIR, or run where the channel can be reached"
            raise
        said = f"{error.what.splitlines()[0]}\nSolving from {recorded} instead: the records of the committed locks, nothing newer."
        return FolderIndex(layout.index, recorded), said
    return live, ""


# --- what an index holds --------------------------------------------------------------------------------------------------


def held_pythons(
    index: Index,
    text: str,
    channels: Sequence[str],
    platform: Platform,
    minors: Iterable[Version],
    exclude_newer: datetime | None = None,
) -> frozenset[Version]:
    """The Python minors for which the index holds a record of a spec on a platform, under strict channel priority."""
    fit = [record for record in fitting(index, text, channels, platform) if _old_enough(record, exclude_newer)]
    if name_of(match_spec(text)) == "python":
        found = {".".join(str(record.version).split(".")[:2]) for record in fit}
        return frozenset(minor for minor in minors if str(minor) in found)
    return frozenset(minor for minor in minors if any(runs_on(record, minor) for record in fit))


def fitting(index: Index, text: str, channels: Sequence[str], platform: Platform) -> list[RepoDataRecord]:
    """The records that fit a spec, of the first channel that has its package; of the channel that the spec names, if it does."""
    spec, places = match_spec(text), [place(channel) for channel in channels]
    if spec.channel:
        places = [channel for channel in places if channel.url == spec.channel.base_url.rstrip("/")]
    records = next(filter(None, (index.records(name_of(spec), channel, platform) for channel in places)), ())
    return [record for record in records if spec.matches(record)]


def name_of(spec: MatchSpec) -> str:
    """The package that a spec names."""
    return str(spec.name.as_package_name().normalized)  # type: ignore[union-attr]


def match_spec(spec: str) -> MatchSpec:
    """A spec as conda reads it ("numpy 1.2" is exactly 1.2), or BadInput."""
    try:
        return MatchSpec(spec, strict=False)
    except InvalidMatchSpecError as error:
        hint = 'write for instance numpy, "pandas >=2" or conda-forge::numpy'
        raise BadInput(f"not a conda spec: `{spec}`: {error}", hint=hint) from None


def _old_enough(record: RepoDataRecord, exclude_newer: datetime | None) -> bool:
    return exclude_newer is None or (record.timestamp is not None and record.timestamp <= exclude_newer)


def runs_on(record: RepoDataRecord, minor: Version) -> bool:
    """Whether the record's `python` and `python_abi` dependencies admit a minor."""
    wanted = [dep.split() for dep in record.depends if dep.split()[0] in ("python", "python_abi")]
    return all(admits(words[1], str(minor) if words[0] == "python_abi" else f"{minor}.99") for words in wanted if len(words) > 1)


def unknown_packages(index: Index, names: Iterable[str], channels: Sequence[str], platforms: Sequence[Platform]) -> dict[str, str]:
    """Package names that no channel has on any of the platforms, each with what may have been meant."""
    places = [place(channel) for channel in channels]
    missing = [name for name in names if not any(index.records(name, c, p) for c in places for p in platforms)]
    known = {name for c in places for p in platforms[:1] for name in index.names(c, p)} if missing else set()
    return {name: closest(name, known) if known else "check the spelling" for name in missing}


# --- the cache ------------------------------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """`ENVGEN_CACHE`, or the user's cache folder."""
    import platformdirs

    return Path(os.environ.get("ENVGEN_CACHE") or platformdirs.user_cache_path("envgen"))


def _unpacked(packed: Path) -> Path:
    """An unpacked copy in the cache, keyed by content: rattler's file reader maps plain JSON."""
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
            raise BadInput(f"not a zstd file: {error}", where=packed, hint="fetch it again") from None
        except OSError as error:
            raise BadInput(f"the cache cannot be written: {error}", hint="set ENVGEN_CACHE to a folder of yours") from None
    return target
