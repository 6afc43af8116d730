"""The first of many alternatives with which a request has a solution, in few solves.

The alternatives become the versions of one made-up package that exists only in memory, the first with the highest version; each
depends on the specs of its alternative and has its constraints. Whatever the solver takes is solvable. Only what is before it is
asked about again, until there is no solution: then nothing before the last answer is solvable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import groupby

from rattler import BuildString, PackageName, PackageRecord, RepoDataRecord, Subdir, VersionWithSource

from envgen.channels.channel import locate
from envgen.channels.index import Index
from envgen.channels.solve import Unsolvable, attempts, in_memory, solved_records
from envgen.model.packages import SolveRequest

MANY = 1000  # alternatives from which on it is worth asking first whether there is a solution without any
_NAME = "envgen-alternative"
_SUBDIR = "noarch"
_NOWHERE = "https://envgen.invalid"
_ALWAYS = datetime(1970, 1, 1, tzinfo=timezone.utc)  # older than any `exclude-newer:`


@dataclass(frozen=True, slots=True)
class AlternativeSpecs:
    """Conda specs that are requested together, and constraints on what they bring."""

    specs: tuple[str, ...]
    constraints: tuple[str, ...] = ()


class MadeUp:
    """The made-up package as a source of records. rattler asks it for a package by platform and name."""

    def __init__(self, alternatives: Sequence[AlternativeSpecs]) -> None:
        self._records = [_record(len(alternatives) - place, alternative) for place, alternative in enumerate(alternatives)]

    async def fetch_package_records(self, platform: Subdir, name: PackageName) -> list[RepoDataRecord]:
        """The records of the made-up package, nothing of any other."""
        return self._records if (str(platform), name.normalized) == (_SUBDIR, _NAME) else []

    def package_names(self, platform: Subdir) -> list[str]:
        """The name of the made-up package."""
        return [_NAME] if str(platform) == _SUBDIR else []


def first_solvable(request: SolveRequest, alternatives: Sequence[AlternativeSpecs], index: Index) -> int | None:
    """The place of the first alternative with which a request has a solution; None where it has none with any.

    The request holds what all alternatives have in common.
    """
    if len(alternatives) > MANY and isinstance(attempts((request,), index, 1)[0], Unsolvable):
        return None
    begin = 0
    for requested, run in _runs(request, alternatives, index):
        place = asyncio.run(_first(replace(request, specs=(*request.specs, *requested, _NAME)), run, index))
        if place is not None:
            return begin + place
        begin += len(run)
    return None


def _runs(
    request: SolveRequest, alternatives: Sequence[AlternativeSpecs], index: Index
) -> Iterator[tuple[tuple[str, ...], list[AlternativeSpecs]]]:
    """The alternatives that are asked about together, each time with what they share and must be requested itself.

    What is requested may name a channel, and is looked for in the first channel that has a match; what is depended on, in the first
    channel that has the package.
    """
    names = {name for alternative in alternatives for spec in alternative.specs if "::" not in (name := spec.split()[0])}
    channels = [locate(channel) for channel in request.channels]
    shared = {name for name in names if sum(bool(index.records(name, channel, request.platform)) for channel in channels) > 1}
    for requested, run in groupby(alternatives, key=lambda alternative: _requested(alternative.specs, shared)):
        yield requested, [replace(one, specs=tuple(spec.rpartition("::")[2] for spec in one.specs)) for one in run]


def _requested(specs: tuple[str, ...], shared: Collection[str]) -> tuple[str, ...]:
    """The packages that an alternative takes from a channel by name, and its specs of those that several channels have."""
    qualified = {spec.split()[0] for spec in specs if "::" in spec}
    return tuple(sorted({*qualified, *(spec for spec in specs if spec.split()[0] in shared)}))


async def _first(request: SolveRequest, alternatives: Sequence[AlternativeSpecs], index: Index) -> int | None:
    gateway, found, before = index.gateway or in_memory(), None, alternatives
    while before:
        try:
            records = await solved_records(request, index, gateway, [MadeUp(before)])
        except Unsolvable:
            break
        taken = next(record for record in records if record.name.normalized == _NAME)
        found = len(before) - int(str(taken.version))
        before = before[:found]
    return found


def _record(version: int, alternative: AlternativeSpecs) -> RepoDataRecord:
    record = PackageRecord(
        _NAME,
        VersionWithSource(str(version)),
        BuildString("0"),
        0,
        _SUBDIR,
        noarch="generic",
        depends=list(alternative.specs),
        constrains=list(alternative.constraints),
    )
    record.timestamp = _ALWAYS
    file = f"{_NAME}-{version}-0.conda"
    return RepoDataRecord(record, file, f"{_NOWHERE}/{_SUBDIR}/{file}", _NOWHERE)
