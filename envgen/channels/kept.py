"""The records of a lock, as an index offers them today: what the solver is asked to keep, and why it cannot keep a package."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from packaging.version import Version
from rattler import BuildString, MatchSpec, PackageRecord, RepoDataRecord, VersionWithSource

from envgen.channels.channel import locate
from envgen.channels.counted import build_name, old_enough
from envgen.channels.index import Index
from envgen.channels.package_url import split_url
from envgen.channels.query import match_spec, matching_records, name_of, runs_on
from envgen.model.packages import Record, SolveRequest

OfferedRecords = Mapping[str, RepoDataRecord]
"""Package -> its record."""


def exactly(url: str) -> str:
    """The spec of this build and no other."""
    name, version, build = split_url(url)
    return f"{name} =={version} {build}"


def kept_records(index: Index, request: SolveRequest) -> dict[str, RepoDataRecord]:
    """Package -> its record, for what the request is to keep and the index still offers as of the request's dates.

    A package that a channel has which comes before its own now, and did not in its lock, is not kept: the first that has it counts.
    """
    places = {place.canonical: place for place in map(locate, request.channels)}
    wanted: dict[str, list[str]] = {}
    for url in request.kept:
        wanted.setdefault(url.rsplit("/", 2)[0], []).append(url)
    found: dict[str, RepoDataRecord] = {}
    for channel, urls in wanted.items():
        if channel in places:
            names = {split_url(url)[0]: url.rsplit("/", 2)[1:] for url in urls}
            for place in (places[channel], *map(locate, _before_now(request, channel))):
                index.fetch(names, place, request.platform)
            for name, file in names.items():
                rows = index.records(name, places[channel], request.platform)
                there = (row for row in rows if [row.subdir, row.file_name] == file and _counts(row, request))
                found.update((name, row) for row in there if not first_now(index, request, row.url))
    return found


def first_now(index: Index, request: SolveRequest, url: str) -> str:
    """The channel that has a locked package and comes before its own now, and did not in its lock; "" where none does."""
    name = split_url(url)[0]
    others = _before_now(request, url.rsplit("/", 2)[0])
    there = (other for other in others if index.records(name, locate(other), request.platform))
    return next(there, "") if others and name not in _from_a_channel(request) else ""


def _before_now(request: SolveRequest, channel: str) -> list[str]:
    """The channels before this one that were not before it in the lock; none where the lock did not name it."""
    now, then = ([locate(one).canonical for one in channels] for channels in (request.channels, request.kept_from))
    if channel not in now or channel not in then:
        return []
    before = zip(request.channels, now[: now.index(channel)], strict=False)
    return [one for one, place in before if place not in then[: then.index(channel)]]


def _from_a_channel(request: SolveRequest) -> set[str]:
    """The packages that are requested from a channel by its name."""
    return {name_of(match_spec(text)) for text in request.specs if "::" in text}


def _counts(record: RepoDataRecord, request: SolveRequest) -> bool:
    return old_enough(record, request.exclude_newer) and not (request.wrong and build_name(record) in request.wrong)


def is_excluded(old: RepoDataRecord, request: SolveRequest, stay: OfferedRecords, index: Index) -> bool:
    """Whether there is certainly no solution with a package and those that stay beside it. False says nothing.

    It is certain where a requested spec refuses the package, or it needs what no record can be that is requested or stays.
    """
    name = old.name.normalized
    asked = [match_spec(text) for text in request.specs]
    own = [spec for spec in (*asked, *map(match_spec, request.constraints)) if name_of(spec) == name]
    if not all(spec.matches(old) for spec in own):
        return True
    for spec in map(match_spec, old.depends):
        other = name_of(spec)
        if other in stay:
            if not spec.matches(stay[other]):
                return True
        elif also := [one for one in asked if name_of(one) == other]:
            rows = (row for channel in request.channels for row in index.records(other, locate(channel), request.platform))
            if not any(spec.matches(row) and all(one.matches(row) for one in also) for row in rows):
                return True
    return False


def because(
    url: str, depends: Sequence[str], request: SolveRequest, solution: Sequence[Record], chosen: Collection[str] = ()
) -> str:
    """Why a package is not the build that it was: the spec, or the package of the solution, that refuses it.

    `chosen` are the specs of what was chosen, which the project does not ask for.
    """
    old = _plain(*split_url(url))
    return next(_refusals(old, depends, request, solution, chosen), "there is no solution with it")


def _refusals(
    old: PackageRecord, depends: Sequence[str], request: SolveRequest, solution: Sequence[Record], chosen: Collection[str]
) -> Iterator[str]:
    name, own = old.name.normalized, {text.rpartition("::")[2] for text in chosen}
    yield from (f"`{text}` is {'chosen' if text in own else 'requested'}" for text in _refusing(request.specs, old))
    yield from (f"only {text} is allowed" for text in _refusing(request.constraints, old))
    for record in solution:
        yield from (f"{record.name} {record.version} needs {text}" for text in _refusing(record.depends, old))
    for record in solution:
        limits = record.source.get("constrains")
        texts = [" ".join(str(text).split()) for text in limits] if isinstance(limits, list) else []  # some have blanks in rows
        yield from (f"{record.name} {record.version} allows only {text}" for text in _refusing(texts, old))
    for text in depends:
        refusing = (row for row in solution if list(_refusing([text], _plain(row.name, row.version, row.build))))
        yield from (f"{name} {old.version} needs {text}" for _ in refusing)


def _refusing(texts: Iterable[str], record: PackageRecord) -> Iterator[str]:
    """The specs of a package that do not match one build of it."""
    name = record.name.normalized
    for text in texts:
        if text.rpartition("::")[2].startswith(name):
            spec = match_spec(text)
            if name_of(spec) == name and not _matches(spec, record):
                yield text.rpartition("::")[2]


def _matches(spec: MatchSpec, record: PackageRecord) -> bool:
    """Whether a build has the version and the build string of a spec."""
    return MatchSpec(f"{name_of(spec)} {spec.version or '*'} {spec.build or '*'}", strict=False).matches(record)


def _plain(name: str, version: str, build: str) -> PackageRecord:
    """A build as far as a spec asks for version and build string."""
    return PackageRecord(name, VersionWithSource(version), BuildString(build), 0, "noarch")


def because_not_version(
    index: Index, request: SolveRequest, name: str, versions: frozenset[str], solution: Sequence[Record]
) -> str:
    """Why a solution has none of some versions of a package: its platform has none, or what refuses all or the newest."""
    python = next((record.version for record in solution if record.name == "python"), "")
    rows = [row for row in _offered(index, request, name, python) if str(row.version) in versions]
    if not rows:
        there = [row for row in matching_records(index, name, request.channels, request.platform) if str(row.version) in versions]
        refusing = (words for words, text in _own(request, name).items() if there and not any(map(match_spec(text).matches, there)))
        return next(refusing, f"no {name} {' or '.join(sorted(versions))} for {request.platform}")
    newest = max(rows, key=lambda row: (row.version, row.build_number, row.file_name))
    return because(f"/{newest.file_name}", newest.depends, request, solution)


def offered_versions(index: Index, request: SolveRequest, name: str, python: str) -> frozenset[str]:
    """The versions of a package that a request allows and a channel has for its platform, its dates and a Python."""
    return frozenset(str(row.version) for row in _offered(index, request, name, python))


def _offered(index: Index, request: SolveRequest, name: str, python: str) -> list[RepoDataRecord]:
    minor = Version(".".join(python.split(".")[:2])) if python and name != "python" else None
    own = [
        spec for text in request.specs if text.rpartition("::")[2].startswith(name) and name_of(spec := match_spec(text)) == name
    ]
    return [
        row
        for row in matching_records(index, name, request.channels, request.platform)
        if _counts(row, request) and (minor is None or runs_on(row, minor)) and all(spec.matches(row) for spec in own)
    ]


def _own(request: SolveRequest, name: str) -> dict[str, str]:
    """What a request asks for of a package itself: the words for it, and the spec."""
    named = (text for text in request.specs if text.rpartition("::")[2].startswith(name))
    return {f"`{text}` is requested": text for text in named if name_of(match_spec(text)) == name}
