"""What has certainly no solution, known from the records without a solve.

What is requested is in every solution, and so is what all its builds need. No solution has a build that needs or allows nothing of
what is left of a package that is in every solution. Both are followed until nothing changes: this proves less than a solve, in a
part of its time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property

from rattler import RepoDataRecord

from envgen.channels.channel import locate
from envgen.channels.counted import AllowedVersions
from envgen.channels.index import Index
from envgen.channels.query import match_spec, name_of
from envgen.model.packages import SolveRequest

_spec = cache(match_spec)


@cache
def _name(text: str) -> str:
    """The package of a spec."""
    return name_of(_spec(text))


@dataclass(frozen=True)
class _Build:
    """One build. What its record says is read when it is asked for: most are refused by their version."""

    record: RepoDataRecord
    met: dict[str, bool] = field(default_factory=dict, compare=False)

    def meets(self, text: str) -> bool:
        """Whether it is what a spec asks for. Each is compared once, whichever cell asks."""
        if text not in self.met:
            self.met[text] = _spec(text).matches(self.record)
        return self.met[text]

    @cached_property
    def version(self) -> str:
        return str(self.record.version)

    @cached_property
    def needs(self) -> Mapping[str, str]:
        """Package -> spec."""
        return dict(_by_package(self.record.depends))

    @cached_property
    def limits(self) -> Mapping[str, str]:
        """Package -> spec, for what it needs and for what it allows if that is there."""
        return {**dict(_by_package(self.record.constrains)), **self.needs}


def _by_package(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Specs with their packages; none of the machine, and none that holds on a condition only."""
    for text in texts:
        if not text.startswith("__") and _spec(text).condition is None:
            yield _name(text), text


class Refusals:
    """What the records of one index refuse. Each is read once."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._builds = cache(self._read)

    def refused(
        self, request: SolveRequest, there: Collection[str], fixed: AllowedVersions, wanted: AllowedVersions
    ) -> frozenset[str]:
        """The packages that no solution has in a wanted version, where others have only the fixed versions.

        `there` are the packages of one such solution: no other package is in all of them.
        """
        for channel in map(locate, request.channels):
            self._index.fetch(there, channel, request.platform)
        own: dict[str, list[str]] = {}
        for text in (*request.specs, *request.constraints):
            own.setdefault(_name(text), []).append(text)
        left = _Left(builds={name: self._allowed(name, request, own.get(name, ()), fixed) for name in there})
        left.follow(map(_name, request.specs))
        return frozenset(name for name, versions in wanted.items() if left.lacks(name, versions))

    def _allowed(self, name: str, request: SolveRequest, own: Iterable[str], fixed: AllowedVersions) -> list[_Build]:
        builds = self._builds(name, request.channels, request.platform)
        of_version = [build for build in builds if name not in fixed or build.version in fixed[name]]
        return [build for build in of_version if all(map(build.meets, own))]

    def _read(self, name: str, channels: tuple[str, ...], platform: str) -> list[_Build]:
        return [_Build(record) for channel in channels for record in self._index.records(name, locate(channel), platform)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Left:
    """The builds that are left of each package.

    `sure` are the packages that are in every solution, `users` those whose builds name a package, `met` whether anything that is
    left of a package meets a spec.
    """

    builds: dict[str, list[_Build]]
    sure: set[str] = field(default_factory=set)
    users: dict[str, set[str]] = field(default_factory=dict)
    met: dict[str, dict[str, bool]] = field(default_factory=dict)

    def lacks(self, name: str, versions: Collection[str]) -> bool:
        """Whether a package is in every solution, and in none of them in one of these versions."""
        return name in self.sure and not any(build.version in versions for build in self.builds[name])

    def follow(self, names: Iterable[str]) -> None:
        """Follow what is sure from some packages on, until nothing changes."""
        waiting = set(names) & self.builds.keys()
        self.sure.update(waiting)
        while waiting:
            waiting |= set(self._changed_by(waiting.pop()))

    def _changed_by(self, name: str) -> Iterator[str]:
        """Look at the builds of a package again. Returns the packages that have to be looked at because of it."""
        for build in self.builds[name] if name not in self.users.setdefault(name, set()) else ():
            for other in build.limits:
                self.users.setdefault(other, set()).add(name)
        yield from self._keep(name, [build for build in self.builds[name] if self._is_possible(build)])
        for other in self._needed_by_all(name):
            if other not in self.sure:
                self.sure.add(other)
                yield from (other, *self.users.get(other, ()))
            specs = {build.needs[other] for build in self.builds[name]}
            yield from self._keep(other, [one for one in self.builds[other] if any(map(one.meets, specs))])

    def _needed_by_all(self, name: str) -> list[str]:
        needs = [build.needs.keys() & self.builds.keys() for build in self.builds[name]]
        return sorted(frozenset.intersection(*map(frozenset, needs))) if needs else []

    def _is_possible(self, build: _Build) -> bool:
        return all(self._has(other, text) for other, text in build.limits.items() if other in self.sure)

    def _has(self, name: str, text: str) -> bool:
        met = self.met.setdefault(name, {})
        if text not in met:
            met[text] = any(build.meets(text) for build in self.builds[name])
        return met[text]

    def _keep(self, name: str, builds: list[_Build]) -> Iterator[str]:
        """Leave these builds of a package. Returns the packages that have to be looked at because of it."""
        if len(builds) < len(self.builds[name]):
            self.builds[name] = builds
            self.met.pop(name, None)
            yield from (name, *self.users.get(name, ()))
