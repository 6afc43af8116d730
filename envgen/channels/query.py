"""What an index has: the records that match a spec, the Pythons that they run on, and names that no channel knows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from packaging.version import Version
from rattler import MatchSpec, RepoDataRecord
from rattler.exceptions import InvalidMatchSpecError

from envgen.channels.channel import locate
from envgen.channels.counted import old_enough
from envgen.channels.index import Index
from envgen.channels.versions import NEWER, admits
from envgen.model.dates import NO_LIMIT, ExcludeNewer
from envgen.model.errors import BadInput, closest
from envgen.model.facts import Platform

_PYTHON = ("python", "python_abi", "cpython")


def available_pythons(
    index: Index,
    text: str,
    channels: Sequence[str],
    platform: Platform,
    minors: Iterable[Version],
    exclude_newer: ExcludeNewer = NO_LIMIT,
) -> frozenset[Version]:
    """The Python minors for which the index has a record that matches a spec on a platform, under strict channel priority."""
    matching = [record for record in matching_records(index, text, channels, platform) if old_enough(record, exclude_newer)]
    if name_of(match_spec(text)) == "python":
        found = {".".join(str(record.version).split(".")[:2]) for record in matching}
        return frozenset(minor for minor in minors if str(minor) in found)
    return frozenset(minor for minor in minors if any(runs_on(record, minor) for record in matching))


def matching_records(index: Index, text: str, channels: Sequence[str], platform: Platform) -> list[RepoDataRecord]:
    """The records that match a spec, from the channel that it names, else from the first channel that has one.

    So rattler reads what is requested itself; what is depended on comes from the first channel that has the package.
    """
    spec, places = match_spec(text), [locate(channel) for channel in channels]
    if spec.channel:
        places = [channel for channel in places if channel.url == spec.channel.base_url.rstrip("/")]
    found = ([row for row in index.records(name_of(spec), channel, platform) if spec.matches(row)] for channel in places)
    return next(filter(None, found), [])


def withdrawn(index: Index, text: str, channels: Sequence[str], platform: Platform) -> bool:
    """Whether the index holds records that match a spec, and the channels withdrew all of them."""
    spec = match_spec(text)
    held = (record for channel in channels for record in index.withheld(name_of(spec), locate(channel), platform))
    return any(map(spec.matches, held)) and not matching_records(index, text, channels, platform)


def name_of(spec: MatchSpec) -> str:
    """The package that a spec names."""
    return str(spec.name.as_package_name().normalized)  # type: ignore[union-attr]


@lru_cache(maxsize=10_000)
def match_spec(spec: str) -> MatchSpec:
    """A spec as conda reads it: `numpy 1.2` is exactly 1.2. Raises BadInput where rattler cannot parse it."""
    try:
        return MatchSpec(spec, strict=False)
    except (InvalidMatchSpecError, UnicodeEncodeError) as error:  # half of a surrogate pair comes from a command line
        hint = 'write, for example, numpy, "pandas >=2" or conda-forge::numpy'
        raise BadInput(f"not a conda spec: `{spec}`: {error}", hint=hint) from None


def check_own(text: str) -> None:
    """Raise BadInput for a dependency of a project that rattler cannot parse, or that other readers of environment.yml cannot."""
    match_spec(text)
    if newer := NEWER.search(text):
        what = f"`{newer[1]}` in `{text}`: environment.yml is also read by tools that do not know it"
        raise BadInput(what, hint="request version and build alone, and list the packages that an extra would bring")


def plain_spec(text: str) -> tuple[str, bool]:
    """A spec as tools write it that know names, versions and builds alone, and whether it is conditional (`[when="..."]`).

    Channels may use extras, flags and conditions (CEP 44 and others), which rattler reads and conda-lock does not. Raises BadInput.
    """
    spec = match_spec(text)
    words = (name_of(spec), str(spec.version or ("*" if spec.build else "")), str(spec.build or ""))
    return " ".join(filter(None, words)), spec.condition is not None


def runs_on(record: RepoDataRecord, minor: Version) -> bool:
    """Whether a record is for a Python minor."""
    return bool(allowed_pythons(record, [minor]))


def allowed_pythons(record: RepoDataRecord, minors: Iterable[Version]) -> frozenset[Version]:
    """The Python minors that a record's dependencies on `python`, `python_abi` and `cpython` allow.

    A build for every Python from one on (abi3) bounds `cpython` alone.
    """
    some = (tuple(dep.split()[:2]) for dep in record.depends if dep.startswith(("python", "cpython")))
    return _allowed(tuple(words for words in some if len(words) == 2 and words[0] in _PYTHON), tuple(minors))


@lru_cache(maxsize=10_000)  # most builds of a package say the same of Python
def _allowed(wanted: Sequence[tuple[str, ...]], minors: Sequence[Version]) -> frozenset[Version]:
    """The minors that each of some versions of `python`, `python_abi` or `cpython` allows."""

    def allows(minor: Version) -> bool:
        return all(admits(versions, str(minor) if name == "python_abi" else f"{minor}.99") for name, versions in wanted)

    return frozenset(filter(allows, minors))


def unknown_packages(index: Index, names: Iterable[str], channels: Sequence[str], platforms: Sequence[Platform]) -> dict[str, str]:
    """Package names that no channel has on any of the platforms, each with a suggestion."""
    places, names = [locate(channel) for channel in channels], list(names)
    for place in places:
        for platform in platforms:
            index.fetch(names, place, platform)
    missing = [name for name in names if not any(index.records(name, c, p) for c in places for p in platforms)]
    known = {name for c in places for p in platforms[:1] for name in index.names(c, p)} if missing else set()
    return {name: _suggestion(name, known) for name in missing}


def _suggestion(name: str, known: Collection[str]) -> str:
    """The nearest of many names, which are too many to list."""
    near = closest(name, known)
    return near if near.endswith("?") else "check the spelling, or list a channel that has it under `channels:`"
