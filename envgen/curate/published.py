"""What package records say of a framework's builds. Reads an index; judges nothing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from packaging.version import Version
from rattler import MatchSpec, RepoDataRecord

from envgen.channels.channel import locate
from envgen.channels.index import Index
from envgen.channels.query import allowed_pythons, match_spec, matching_records, name_of
from envgen.channels.versions import admits
from envgen.curate.facts import specs, specs_for
from envgen.curate.model import UNKNOWN_CUDA, Fact, PublishedBuild, Selection, VariantPackage
from envgen.formats.builds import built_for
from envgen.model.catalogue import Catalogue
from envgen.model.errors import NoSolution, addressed
from envgen.model.facts import Framework, Platform, Spelling, Variant

_CUDA = re.compile(r"(\d+(?:\.\d+)?)")
_CUDNN_IN_BUILD = re.compile(r"cudnn(\d+)")
_PROBES = ("", ".0", ".99", ".999")  # a record that needs some 12.6 may need any of 12.6, 12.6.0, 12.6.99, 12.6.999
_EXACT = re.compile(r"[\w.+!-]+")  # a version or a build string that is neither a glob nor a range


@dataclass
class BuildIndex:
    """The builds in an index, read once and kept. `pythons` are the Pythons that builds are checked for."""

    index: Index
    catalogue: Catalogue
    pythons: Sequence[Version]
    _builds: dict[tuple[VariantPackage, Platform], Mapping[PublishedBuild, RepoDataRecord]] = field(default_factory=dict)
    _withdrawn: dict[tuple[VariantPackage, Platform], tuple[PublishedBuild, ...]] = field(default_factory=dict)
    _channels: dict[str, bool] = field(default_factory=dict)

    @cached_property
    def _checked(self) -> tuple[Version, ...]:
        """The Pythons, and those after the newest of them: a build for one of those is new, not broken."""
        newest = max(self.pythons)
        return (*self.pythons, *(Version(f"{newest.major}.{newest.minor + ahead}") for ahead in (1, 2, 3)))

    @cached_property
    def _cudnn(self) -> tuple[str, ...]:
        """The packages that bring cuDNN."""
        return self.catalogue.bringing("cudnn", "conda")

    def select(self, fact: Fact, spelling: Spelling) -> Selection:
        """The builds of the package that a fact is about, on its platform, and what its spelling selects, for any Python.

        What the other specs of a spelling pin counts, too: nothing but `cuda-version` tells the builds of some packages apart.
        """
        package = variant_package(fact.framework, spelling, fact.variant)
        asked = specs(fact, spelling)
        spec = _spec_of(package, asked)
        builds, wanted = self.builds(package, fact.platform), match_spec(spec)
        return Selection(
            package=package,
            spec=spec,
            has_channel=self.has_channel(package.channel),
            builds=tuple(builds),
            selected=tuple(
                build
                for build, row in builds.items()
                if wanted.matches(row) and (build.variant in fact.stands_for or not other_pin(build, asked))
            ),
            withdrawn=self.withdrawn(package, fact.platform),
        )

    def selects(self, framework: Framework, provider: str, spelling: Spelling, build: PublishedBuild) -> bool:
        """Whether a spelling selects a build."""
        package = variant_package(framework.name, spelling, build.variant)
        record = self.builds(package, build.platform).get(build)
        spec = match_spec(_spec_of(package, specs_for(framework, provider, spelling, build)))
        return record is not None and spec.matches(record)

    def builds_of(self, framework: Framework, provider: str, platforms: Iterable[Platform]) -> list[PublishedBuild]:
        """Every build of a framework by a provider: of all packages that its spellings name, for CPU and for CUDA."""
        packages = _packages_of(framework, provider)
        return [build for platform in platforms for package in packages for build in self.builds(package, platform)]

    def withdrawn_of(self, framework: Framework, provider: str, platforms: Iterable[Platform]) -> tuple[PublishedBuild, ...]:
        """Every build of a framework by a provider that the index holds and the channel withdrew."""
        packages = _packages_of(framework, provider)
        return tuple(build for platform in platforms for package in packages for build in self.withdrawn(package, platform))

    def withdrawn(self, package: VariantPackage, platform: Platform) -> tuple[PublishedBuild, ...]:
        """The builds of a package that the index holds and its channel withdrew, oldest first."""
        if not self.has_channel(package.channel):
            return ()
        if (package, platform) not in self._withdrawn:
            records = self.index.withheld(package.name, locate(package.channel), platform)
            found = {build for record in records if (build := self._build(record, package.channel, platform))}
            self._withdrawn[package, platform] = tuple(sorted(found, key=lambda build: (build.version, build.build)))
        return self._withdrawn[package, platform]

    def builds(self, package: VariantPackage, platform: Platform) -> Mapping[PublishedBuild, RepoDataRecord]:
        """Every build of a package in its channel, with its record, oldest first. Versions outside PEP 440 are ignored."""
        if (package, platform) not in self._builds:
            records = self.records(package.name, package.channel, platform)
            found = ((self._build(record, package.channel, platform), record) for record in records)
            unique = {build: record for build, record in found if build}  # a build may be published as .tar.bz2 and as .conda
            self._builds[package, platform] = dict(sorted(unique.items(), key=lambda pair: (pair[0].version, pair[0].build)))
        return self._builds[package, platform]

    def _build(self, record: RepoDataRecord, channel: str, platform: Platform) -> PublishedBuild | None:
        try:
            version = Version(str(record.version))
        except ValueError:
            return None
        needs = tuple(dict.fromkeys(self._needs(record, channel, platform)))
        runs = allowed_pythons(record, self._checked)
        return PublishedBuild(
            package=record.name.normalized,
            version=version,
            build=str(record.build),
            variant=variant_of(self.catalogue, record.name.normalized, str(record.build), needs),
            platform=platform,
            pythons=runs if len(runs) == 1 else runs & frozenset(self.pythons),
            one_python=len(runs) == 1,
            says_python=any(need.split()[0] in ("python", "python_abi", "cpython") and " " in need for need in record.depends),
            cudnn=_cudnn_of(self._cudnn, str(record.build), needs),
            needs=needs,
        )

    def _needs(self, record: RepoDataRecord, channel: str, platform: Platform) -> Iterator[str]:
        """The dependencies of a record and of what it pins to one build: `tensorflow` itself names none but `tensorflow-base`."""
        seen, todo = {record.name.normalized}, list(record.depends)
        yield from record.depends
        while todo:
            name, *pin = todo.pop().replace("==", "").split()
            if name not in seen and len(pin) == 2 and all(map(_EXACT.fullmatch, pin)):
                seen.add(name)
                candidates = self.records(name, channel, platform)
                depends = next((r.depends for r in candidates if [str(r.version), str(r.build)] == pin), ())
                todo += depends
                yield from depends

    def records(self, name: str, channel: str, platform: Platform) -> Sequence[RepoDataRecord]:
        """The records of a package; none where the index does not have the channel."""
        return self.index.records(name, locate(channel), platform) if self.has_channel(channel) else ()

    def has_channel(self, channel: str) -> bool:
        """Whether the index has a channel. Raises NoSolution where a live channel cannot be reached."""
        if channel not in self._channels:
            try:
                self.index.records("python", locate(channel), "noarch")
                self._channels[channel] = True
            except NoSolution:
                if self.index.gateway:
                    raise
                self._channels[channel] = False
        return self._channels[channel]

    def channels(self, spelling: Spelling, others: Iterable[str], platform: Platform) -> tuple[str, ...]:
        """The channels to solve with: the spelling's own, then, if none of them has Python, all others that have it."""
        if any(self.records("python", channel, platform) for channel in spelling.channels):
            return spelling.channels
        more = (channel for channel in others if channel not in spelling.channels)
        return (*spelling.channels, *(channel for channel in more if self.records("python", channel, platform)))

    def missing(self, specs: Iterable[str], channels: Sequence[str], platform: Platform) -> tuple[str, ...]:
        """The specs that no record matches."""
        known = [channel for channel in channels if self.has_channel(channel)]
        return tuple(spec for spec in specs if not matching_records(self.index, spec, known, platform))


# --- what a spelling requests ---------------------------------------------------------------------------------------------


def variant_package(framework: str, spelling: Spelling, variant: Variant) -> VariantPackage:
    """The package that a spelling requests a variant by: one with a build string, else the one named as the framework.

    Raises BadInput with the address of a spelling that is not made of conda specs.
    """
    own, other = (spelling.cuda, spelling.cpu) if variant else (spelling.cpu, spelling.cuda)
    with addressed(spelling.at):
        requested = dict(map(_without_holes, own or other))
        with_build = [name for name, spec in map(_without_holes, (*own, *other)) if spec.build is not None]
    name = next((name for name in (*with_build, framework) if name in requested), next(iter(requested)))
    return VariantPackage(name, _channel(requested[name], spelling))


def _packages_of(framework: Framework, provider: str) -> Sequence[VariantPackage]:
    """Every package whose builds the spellings of a provider tell apart."""
    rows = framework.providers[provider]
    return list(dict.fromkeys(variant_package(framework.name, row, variant) for row in rows for variant in (None, UNKNOWN_CUDA)))


def _spec_of(package: VariantPackage, specs: Iterable[str]) -> str:
    """The spec that is about a package."""
    return next(spec for spec in specs if name_of(match_spec(spec)) == package.name)


def other_pin(build: PublishedBuild, specs: Iterable[str]) -> str:
    """What a build needs in another version than the specs pin, and the pin; "" if nothing."""
    pins = {words[0]: words[1].removesuffix(".*") for spec in specs if len(words := spec.split("::")[-1].split()) == 2}
    for need in build.needs:
        name, _, wanted = need.partition(" ")
        pin = pins.get(name, "") if wanted else ""
        if re.fullmatch(r"[\d.]+", pin) and not any(admits(wanted.split()[0], pin + probe) for probe in _PROBES):
            return f"needs `{need}`, and the spelling requests {name} {pin}"
    return ""


@lru_cache(maxsize=10_000)
def _without_holes(text: str) -> tuple[str, MatchSpec]:
    """The package that a spec of a spelling names, and the spec without holes."""
    spec = match_spec(re.sub(r"\{\w+\}", "0", text))
    return name_of(spec), spec


def _channel(spec: MatchSpec, spelling: Spelling) -> str:
    """The channel that a spec names, as the spelling writes it; else the first channel of the spelling."""
    named = [text for text in spelling.channels if spec.channel and locate(text).url == spec.channel.base_url.rstrip("/")]
    return next(iter(named), spelling.channels[0])


# --- what a record says of itself -----------------------------------------------------------------------------------------


def variant_of(catalogue: Catalogue, name: str, build: str, needs: Iterable[str]) -> Variant:
    """The CUDA version that a build was made for, by its build string, else by its dependencies; None for a CPU build."""
    named = built_for(build, next(iter(catalogue.named("conda", name)), None))
    if named and "." in named:
        return Version(named)
    by_name = {need.split()[0]: need for need in needs}
    bounds = (_CUDA.search(by_name[name].partition(" ")[2]) for name in catalogue.namers if name in by_name)
    bound = next((Version(found[1]) for found in bounds if found), None)
    if bound is None and named is None and not {"__cuda", *catalogue.namers} & by_name.keys():
        return None
    return bound or UNKNOWN_CUDA


def _cudnn_of(packages: Collection[str], build: str, needs: Iterable[str]) -> int | None:
    """The major version of the cuDNN that a build links, by its dependencies on what brings it, else by its build string."""
    for need in needs:
        words = need.split()
        if words[0] in packages and len(words) > 1 and (found := re.search(r"\d+", words[1])):
            return int(found[0])
    named = _CUDNN_IN_BUILD.search(build)
    return int(named[1]) if named else None
