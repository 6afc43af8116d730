"""Solving with rattler: specs, virtual packages and an index to records. Requests run concurrently; the solver releases the GIL."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import cache
from itertools import groupby
from typing import Any
from weakref import WeakKeyDictionary

from rattler import ChannelPriority, Gateway, GenericVirtualPackage, MatchSpec, PackageName, RepoDataRecord, Version
from rattler import solve as rattler_solve
from rattler.exceptions import GatewayError, InvalidMatchSpecError, SolverError
from rattler.package.build_string import BuildString
from rattler.repo_data.source import RepoDataSource

from envgen.channels.channel import ChannelLocation, locate, redacted
from envgen.channels.counted import Counted
from envgen.channels.index import Index
from envgen.channels.kept import kept_records
from envgen.channels.query import withdrawn
from envgen.model.dates import NO_LIMIT, ExcludeNewer
from envgen.model.errors import BadInput, EnvgenError, NoSolution
from envgen.model.packages import Record, Solution, SolveRequest

Progress = Callable[[SolveRequest], None]
_Origin = tuple[str | None, str, str]  # channel, subdir and file name of a record
_FIXED = re.compile(r"(\S+) (==[^\s|]+(?:\|==[^\s|]+)*)(?: \S+)?")  # `numpy ==2.2.6|==2.2.5`, `numpy ==2.2.6 py312_0`
_MANY = 10  # packages with fixed versions from which on reading only those is faster


class Unsolvable(NoSolution):
    """Requests without a solution in the index. `explanation` is the solver's own: a tree of what requires what."""

    def __init__(self, what: str, *, explanation: str, requests: tuple[SolveRequest, ...], hint: str) -> None:
        super().__init__(what, hint=hint)
        self.explanation = explanation
        self.requests = requests


def _silent(_: SolveRequest) -> None:
    """Say nothing."""


def solve(requests: Sequence[SolveRequest], index: Index, jobs: int, done: Progress = _silent) -> tuple[Solution, ...]:
    """One solution for each request, in the order of the requests. `jobs` is how many run at once.

    Raises Unsolvable with the solver's explanation for every request without a solution, NoSolution if a channel cannot be reached.
    """
    found = attempts(requests, index, jobs, done)
    failures = [item for item in found if isinstance(item, EnvgenError)]
    if failures:
        raise _together(failures)
    return tuple(item for item in found if isinstance(item, Solution))


def attempts(
    requests: Sequence[SolveRequest], index: Index, jobs: int, done: Progress = _silent
) -> tuple[Solution | EnvgenError, ...]:
    """For each request, in order, its solution or the error that says why it has none."""
    kept = [list(kept_records(index, request).values()) for request in requests]  # a live index asks the network: outside the loop
    return asyncio.run(_all(list(zip(requests, kept, strict=True)), index, jobs, done))


async def _all(
    requests: Sequence[tuple[SolveRequest, Sequence[RepoDataRecord]]], index: Index, jobs: int, done: Progress
) -> tuple[Solution | EnvgenError, ...]:
    gate = asyncio.Semaphore(jobs)
    gateway = index.gateway or in_memory()

    async def one(request: SolveRequest, kept: Sequence[RepoDataRecord]) -> Solution | EnvgenError:
        async with gate:
            try:
                return await _one(request, index, gateway, kept)
            except EnvgenError as error:
                error.__context__ = None  # it may be kept for as long as the run, and its traceback holds what was solved
                return error.with_traceback(None)
            finally:
                done(request)

    return tuple(await asyncio.gather(*(one(request, kept) for request, kept in requests)))


@cache
def in_memory() -> Gateway:
    """A gateway for folders, which it does not cache; rattler would make one for each solve, at 13 ms."""
    return Gateway()


def _together(failures: list[EnvgenError]) -> EnvgenError:
    """One error for all. Bad input comes before "no solution": it can be fixed at once."""
    bad = [error for error in failures if isinstance(error, BadInput)]
    if bad:
        return bad[0]
    unsolvable = [error for error in failures if isinstance(error, Unsolvable)]
    if len(unsolvable) < len(failures):
        return next(error for error in failures if error not in unsolvable)
    return Unsolvable(
        "\n\n".join(error.what for error in failures),
        explanation="\n\n".join(error.explanation for error in unsolvable),
        requests=tuple(request for error in unsolvable for request in error.requests),
        hint=failures[0].hint,
    )


async def _one(request: SolveRequest, index: Index, gateway: Gateway, kept: Sequence[RepoDataRecord]) -> Solution:
    records = await solved_records(request, index, gateway, kept=kept)
    channels = [locate(channel) for channel in request.channels]
    found = (_record_once(record, channels, _MADE.setdefault(index, {})) for record in records)
    return Solution(request.platform, tuple(sorted(found, key=lambda r: r.name)))


async def solved_records(
    request: SolveRequest,
    index: Index,
    gateway: Gateway,
    more: Sequence[RepoDataSource] = (),
    kept: Sequence[RepoDataRecord] = (),
) -> list[RepoDataRecord]:
    """The records of one solution, with `more` sources than the channels; `kept` are preferred. Raises as `solve` does."""
    channels = [locate(channel) for channel in request.channels]
    try:
        work = rattler_solve(
            sources=[*_sources(index, request, channels), *more],
            specs=[MatchSpec(spec, strict=False) for spec in request.specs],  # conda's reading: "numpy 1.2" is exactly 1.2
            gateway=gateway,
            platforms=[request.platform, "noarch"],  # type: ignore[list-item]
            virtual_packages=[_virtual(name, value) for name, value in sorted(request.virtual.items())],
            channel_priority=ChannelPriority.Strict,
            locked_packages=kept,
            timestamp_policy="require-timestamp",
            exclude_newer=_one_date(request.exclude_newer),
            constraints=list(request.constraints),
            channel_relations="disabled",
        )
        return await index.watched(work, channels)
    except InvalidMatchSpecError as error:
        raise BadInput(f"{request.environment}: not a conda spec: {error}", hint="see the project's dependencies") from None
    except SolverError as error:
        explanation = _without_repeats(redacted(str(error)).rstrip())
        raise Unsolvable(
            _explained(request, index, explanation), explanation=explanation, requests=(request,), hint=_hint(index)
        ) from None
    except GatewayError as error:
        if index.gateway is None:
            raise BadInput(f"{index.name}: not repodata: {error}", hint="download the index again") from None
        what = f"{request.environment} on {request.platform}: a channel cannot be reached: {redacted(str(error))}"
        raise NoSolution(what, hint="check channels:, or solve from a folder with --index DIR or --offline") from None


def _sources(index: Index, request: SolveRequest, channels: Sequence[ChannelLocation]) -> list[Any]:
    """What the solver reads: what counts, and where the request fixes the versions of many packages, not their other versions."""
    found = [match for text in request.constraints if (match := _FIXED.fullmatch(text))]
    versions = {match[1]: frozenset(match[2].removeprefix("==").split("|==")) for match in found}
    counted = Counted(
        exclude_newer=request.exclude_newer if request.exclude_newer.exceptions else NO_LIMIT,
        wrong=request.wrong,
        versions=versions if len(versions) > _MANY else {},
    )
    whole = counted == Counted()
    return index.sources(channels, request.platform) if whole else index.narrowed(channels, request.platform, counted)


def _one_date(exclude_newer: ExcludeNewer) -> datetime | None:
    """The date of every package, for rattler, which has only one: None where there is no limit, or `_sources` sees to several."""
    date = None if exclude_newer.exceptions else exclude_newer.default
    return date and date.astimezone(timezone.utc)  # rattler drops the zone


def _without_repeats(tree: str) -> str:
    """The solver's explanation with each line once where it repeats itself: it names a constraint for every package outside it."""
    lines = groupby(tree.splitlines(), key=lambda line: line.replace("├", "└"))
    return "\n".join(list(repeated)[-1] for _, repeated in lines)


def _explained(request: SolveRequest, index: Index, explanation: str) -> str:
    specs = "\n".join(f"  - {spec}" for spec in request.specs)
    virtual = ", ".join(f"{name}={value.replace(' ', '=')}" for name, value in sorted(request.virtual.items()))
    gone = ", ".join(spec for spec in request.specs if withdrawn(index, spec, request.channels, request.platform))
    return (
        f"{request.environment} on {request.platform}: no solution in {index.shown}\n{explanation}\n\n"
        f"requested:\n{specs}\nwith {virtual}" + (f"\n\nits channel withdrew every build that fits: {gone}" if gone else "")
    )


def _hint(index: Index) -> str:
    return f"loosen a dependency, or try another index: {index.name} may not hold every published package"


def _virtual(name: str, value: str) -> GenericVirtualPackage:
    version, _, build = value.partition(" ")
    return GenericVirtualPackage(PackageName(name), Version(version), BuildString(build or "0"))


def source_of(record: RepoDataRecord) -> dict[str, Any]:
    """A record as its channel holds it."""
    found: dict[str, Any] = json.loads(record.to_json())
    return found


_MADE: WeakKeyDictionary[Index, dict[_Origin, Record]] = WeakKeyDictionary()  # the records of an index that solutions have had


def _record_once(record: RepoDataRecord, channels: Sequence[ChannelLocation], made: dict[_Origin, Record]) -> Record:
    """The record of a package, the same object in every solution: many solutions take the memory of their packages."""
    key = (record.channel, record.subdir, record.file_name)
    if key not in made:
        made[key] = _record(record, channels)
    return made[key]


def _record(record: RepoDataRecord, channels: Sequence[ChannelLocation]) -> Record:
    origin = next(channel for channel in channels if record.channel and channel.url == record.channel.rstrip("/"))
    source = source_of(record)
    return Record(
        name=record.name.normalized,
        version=str(record.version),
        build=str(record.build),
        channel=origin.canonical,
        subdir=record.subdir,
        file=record.file_name,
        url=f"{origin.canonical}/{record.subdir}/{record.file_name}",
        md5=source.get("md5"),
        sha256=source.get("sha256"),
        size=source.get("size"),
        depends=tuple(record.depends),
        source=source,
    )
