"""What package records say of a framework's builds: asks the index, judges nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.version import InvalidVersion, Version
from rattler import MatchSpec, RepoDataRecord

from envgen.channels.channel import place
from envgen.channels.index import Index, admits, fitting, match_spec, name_of, runs_on
from envgen.curate.claims import specs, specs_for
from envgen.curate.model import UNTOLD, Carrier, Fact, Published, Shelf
from envgen.formats.builds import built_for
from envgen.model.catalogue import Catalogue
from envgen.model.errors import NoSolution, addressed
from envgen.model.facts import PLATFORMS, Framework, Platform, Spelling, Variant

_FIRST = re.compile(r"(\d+\.\d+)")
_CUDNN_IN_BUILD = re.compile(r"cudnn(\d+)")
_ONE_BUILD = re.compile(r"[\w.+!-]+")  # a version or a build string without a glob and without a range
_PROBES = ("", ".0", ".99", ".999")  # of 12.6.*: what a record that asks for some 12.6 may have in mind


@dataclass
class Evidence:
    """An index, and what was learnt from it; `pythons` are the minors that builds are asked about."""

    index: Index
    catalogue: Catalogue
    pythons: Sequence[Version]
    _shelves: dict[tuple[str, Platform], tuple[tuple[RepoDataRecord, Published], ...]] = field(default_factory=dict)
    _record: dict[int, RepoDataRecord] = field(default_factory=dict)
    _channels: dict[str, bool] = field(default_factory=dict)

    def shelf(self, fact: Fact, spelling: Spelling) -> Shelf:
        """What there is of the package that carries a fact, on its platform, and what its spelling selects, for any Python."""
        carried = carrier(fact.framework, spelling, fact.variant)
        spec = next(spec for spec in specs(fact, spelling) if name_of(match_spec(spec)) == carried.package)
        found, wanted = self.published(carried, fact.platform), match_spec(spec)
        selected = tuple(build for record, build in found if wanted.matches(record))
        return Shelf(carried, spec, self.has_channel(carried.channel), tuple(build for _, build in found), selected)

    def published(self, carried: Carrier, platform: Platform) -> tuple[tuple[RepoDataRecord, Published], ...]:
        """Every build of a package in its channel. Versions that PEP 440 does not know are left aside."""
        key = (f"{carried.channel}::{carried.package}", platform)
        if key not in self._shelves:
            records = self.records(carried.package, carried.channel, platform)
            found = ((record, self._published(record, carried.channel, platform)) for record in records)
            once = {build: record for record, build in found if build}  # a build may be published as .tar.bz2 and as .conda
            kept = [(record, build) for build, record in once.items()]
            self._shelves[key] = tuple(sorted(kept, key=lambda pair: (pair[1].version, pair[1].build)))
            self._record.update((id(build), record) for build, record in once.items())
        return self._shelves[key]

    def builds_of(self, framework: Framework, provider: str, platforms: Iterable[Platform]) -> list[Published]:
        """Every build of a framework that a provider publishes: of the packages that its spellings name, for CPU and for CUDA."""
        rows = framework.providers[provider]
        carriers = dict.fromkeys(carrier(framework.name, row, variant) for row in rows for variant in (None, UNTOLD))
        return [build for platform in platforms for carried in carriers for _, build in self.published(carried, platform)]

    def _published(self, record: RepoDataRecord, channel: str, platform: Platform) -> Published | None:
        try:
            version = Version(str(record.version))
        except InvalidVersion:
            return None
        needs = self._needs(record, channel, platform)
        runs = frozenset(python for python in (*self.pythons, *_coming(self.pythons)) if runs_on(record, python))
        return Published(
            package=record.name.normalized,
            version=version,
            build=str(record.build),
            variant=variant_of(self.catalogue, record.name.normalized, str(record.build), needs),
            platform=platform,
            pythons=runs if len(runs) == 1 else runs & frozenset(self.pythons),
            tied=len(runs) == 1,
            cudnn=_cudnn_of(self.catalogue, str(record.build), needs),
            needs=needs,
        )

    def _needs(self, record: RepoDataRecord, channel: str, platform: Platform) -> tuple[str, ...]:
        """The dependencies of a record, and of what it pins to one build: tensorflow says all it needs in tensorflow-base."""
        needs, seen, todo = dict.fromkeys(record.depends), {record.name.normalized}, list(record.depends)
        while todo:
            words = todo.pop().replace("==", "").split()
            if len(words) == 3 and words[0] not in seen and all(map(_ONE_BUILD.fullmatch, words[1:])):
                seen.add(words[0])
                pinned = next(
                    (r for r in self.records(words[0], channel, platform) if [str(r.version), str(r.build)] == words[1:]), None
                )
                todo += pinned.depends if pinned else ()
                needs.update(dict.fromkeys(pinned.depends if pinned else ()))
        return tuple(needs)

    def selects(self, framework: Framework, provider: str, spelling: Spelling, build: Published) -> bool:
        """Whether a spelling would choose a build."""
        carried = carrier(framework.name, spelling, build.variant)
        asked = specs_for(framework, provider, spelling, build)
        wanted = match_spec(next(spec for spec in asked if name_of(match_spec(spec)) == carried.package))
        return wanted.matches(self._record[id(build)])

    def records(self, name: str, channel: str, platform: Platform) -> Sequence[RepoDataRecord]:
        """The records of a package; none where the index does not have the channel."""
        return self.index.records(name, place(channel), platform) if self.has_channel(channel) else ()

    def has_channel(self, channel: str) -> bool:
        """Whether the index has a channel at all; a live one that cannot be reached is an error."""
        if channel not in self._channels:
            try:
                self.index.records("python", place(channel), "noarch")
                self._channels[channel] = True
            except NoSolution:
                if self.index.gateway:
                    raise
                self._channels[channel] = False
        return self._channels[channel]

    def channels(self, spelling: Spelling, others: Iterable[str], platform: Platform) -> tuple[str, ...]:
        """The channels to solve with: the spelling's own; where none of them has Python, the others that have it come after."""
        if any(self.records("python", channel, platform) for channel in spelling.channels):
            return spelling.channels
        more = (channel for channel in others if channel not in spelling.channels)
        return (*spelling.channels, *(channel for channel in more if self.records("python", channel, platform)))

    def missing(self, asked: Iterable[str], channels: Sequence[str], platform: Platform) -> tuple[str, ...]:
        """The specs that no record fits."""
        here = [channel for channel in channels if self.has_channel(channel)]
        return tuple(spec for spec in asked if not fitting(self.index, spec, here, platform))


def _coming(pythons: Sequence[Version]) -> tuple[Version, ...]:
    """The minors after the newest that is known: a build may be tied to one of them, and is news then."""
    newest = max(pythons)
    return tuple(Version(f"{newest.major}.{newest.minor + ahead}") for ahead in (1, 2, 3))


def carrier(framework: str, spelling: Spelling, variant: Variant) -> Carrier:
    """The package that is the build: the one whose build string a spelling names, for CUDA or for CPU; else the framework's own.

    Raises BadInput with the address of a spelling that is not made of conda specs.
    """
    own, other = (spelling.cuda, spelling.cpu) if variant else (spelling.cpu, spelling.cuda)
    with addressed(spelling.at):
        asked = {name_of(spec): spec for spec in map(_without_holes, own or other)}
        told = [name_of(spec) for spec in map(_without_holes, (*own, *other)) if spec.build is not None]
    name = next((name for name in (*told, framework) if name in asked), next(iter(asked)))
    return Carrier(name, _channel(asked[name], spelling))


def _without_holes(spec: str) -> MatchSpec:
    return match_spec(re.sub(r"\{\w+\}", "0", spec))


def belongs(evidence: Evidence, package: str, version: Version, spelling: Spelling, spec: str) -> str:
    """The oldest prefix (0.22) of a companion that was made for a release of a package; "" where no record tells.

    The oldest: later releases of a companion are built for older ones of its framework, too (torchvision 0.26 for PyTorch 2.10).
    """
    wanted = _without_holes(spec)
    found = []
    for platform in PLATFORMS:
        for record in evidence.records(name_of(wanted), _channel(wanted, spelling), platform):
            numbers = str(record.version).split(".")
            if len(numbers) > 1 and all(number.isdigit() for number in numbers[:2]) and _made_for(record, package, version):
                found.append((int(numbers[0]), int(numbers[1])))
    return ".".join(map(str, min(found))) if found else ""


def _made_for(record: RepoDataRecord, package: str, version: Version) -> bool:
    """Whether what a record needs of a package admits this version, and neither every older nor every newer one."""
    asked = [words[1] for need in record.depends if (words := need.split())[0] == package and len(words) > 1]
    narrow = any(not admits(need, "0.1") for need in asked) and any(not admits(need, "9999") for need in asked)
    return narrow and all(admits(need, str(version)) for need in asked)


def _channel(spec: MatchSpec, spelling: Spelling) -> str:
    """The channel that a spec names, as the spelling writes it; else the first of the spelling."""
    named = [text for text in spelling.channels if spec.channel and place(text).url == spec.channel.base_url.rstrip("/")]
    return next(iter(named), spelling.channels[0])


def variant_of(catalogue: Catalogue, name: str, build: str, needs: Iterable[str]) -> Variant:
    """The CUDA that a build was made for: by its build string, else by what it needs; None for a CPU build."""
    told = built_for(build, next(iter(catalogue.named("conda", name)), None))
    if told and "." in told:
        return Version(told)
    by_name = {need.split()[0]: need for need in needs}
    bounds = (_FIRST.search(by_name[name].partition(" ")[2]) for name in catalogue.namers if name in by_name)
    bound = next((Version(found[1]) for found in bounds if found), None)
    if bound is None and told is None and not {"__cuda", *catalogue.namers} & by_name.keys():
        return None
    return bound or UNTOLD


def _cudnn_of(catalogue: Catalogue, build: str, needs: Iterable[str]) -> int | None:
    """The cuDNN major that a build links: by what it needs, else by its build string."""
    names = catalogue.bringing("cudnn", "conda")
    for need in needs:
        words = need.split()
        if words[0] in names and len(words) > 1 and (found := re.search(r"\d+", words[1])):
            return int(found[0])
    named = _CUDNN_IN_BUILD.search(build)
    return int(named[1]) if named else None


def refuses(build: Published, asked: Iterable[str], promised: Mapping[str, str]) -> str:
    """What one build needs that its own target cannot give, whatever else is published; "" where there is no such thing.

    That is a virtual package that is not promised, or another version than the one that the spelling asks for beside it.
    """
    pinned = {words[0]: words[1].removesuffix(".*") for spec in asked if len(words := spec.split("::")[-1].split()) == 2}
    for need in build.needs:
        name, _, wanted = need.partition(" ")
        if name.startswith("__") and not _given(name, wanted, promised):
            return f"needs `{need}`, and the target promises {f'{name} {promised[name]}' if name in promised else f'no {name}'}"
        asks = pinned.get(name, "") if wanted else ""
        if re.fullmatch(r"[\d.]+", asks) and not any(admits(wanted.split()[0], asks + probe) for probe in _PROBES):
            return f"needs `{need}`, and the spelling asks for {name} {asks}"
    return ""


def _given(name: str, wanted: str, promised: Mapping[str, str]) -> bool:
    if name not in promised:
        return False
    version, _, build = promised[name].partition(" ")
    words = wanted.split()
    fits = not words or admits(words[0], version)
    return fits and (len(words) < 2 or words[1] in ("*", build or "0"))
