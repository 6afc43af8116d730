"""The builds of a framework that a file asks for, and those that its channel has: for its Python, for its CUDA.

What the channel has are the builds that the matrices know, in the first channel of the file that has the framework. A release gets
builds for newer Pythons and CUDAs later, for older ones never.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.formats.requirements import ANY_PLATFORM
from envgen.matrix.hardware import runs_with
from envgen.model.facts import Build, Framework, Platform, Release
from envgen.model.packages import LockedPackage
from envgen.model.ranges import range_text
from envgen.model.text import minors_text
from envgen.verify.registry import Case
from envgen.verify.requests import LATER, PYTHON, known_channels, versions_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedBuilds:
    """A framework as a file asks for it, and the builds that a channel has of the releases in its range, the newest first."""

    package: LockedPackage
    framework: Framework
    channel: str
    builds: tuple[tuple[Release, Build], ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """What no build is for: in words, and whether it is newer than what there are builds for."""

    text: str
    newer: bool


def missing_builds(case: Case) -> Iterator[tuple[LockedPackage, Missing]]:
    """The frameworks whose releases in a range that the matrices know whole have no build for the Python or the CUDA of a file."""
    for requested in _requested_builds(case):
        if _is_whole(case, requested) and (found := _for_python(case, requested) or _for_cuda(case, requested)):
            yield requested.package, replace(found, text=f"channel {requested.channel} has it {found.text}")


def newest_for_cpu(case: Case) -> Iterator[tuple[LockedPackage, str]]:
    """The frameworks whose newest release for a file has a CPU build, but none for its CUDA, as an older one may have."""
    for requested in _requested_builds(case) if case.claim.kind == "cuda" else ():
        none_serves = _is_whole(case, requested) and _for_cuda(case, requested)
        if not (none_serves or requested.package.build) and (found := _newest(case, requested)):
            yield requested.package, f"channel {requested.channel} has its newest release, {found}"


# --- what is there --------------------------------------------------------------------------------------------------------


def _requested_builds(case: Case) -> Iterator[RequestedBuilds]:
    channels, platforms = known_channels(case), _platforms(case)
    for package, known in case.known if channels else ():
        framework, versions = case.matrix.frameworks.get(known.framework), versions_of(package)
        if known.role != "framework" or package.manager != "conda" or framework is None or versions is None:
            continue
        own, named, _ = package.asked.partition("::")
        channel = next((channel for channel in ([own] if named else channels) if channel in framework.providers), "")
        releases = (release for release in framework.releases if release.version in versions)
        rows = ((release, build) for release in releases for build in release.builds if build.provider == channel)
        found = tuple((release, build) for release, build in rows if build.platforms & platforms)
        if found:
            yield RequestedBuilds(package=package, framework=framework, channel=channel, builds=found)


def _platforms(case: Case) -> frozenset[Platform]:
    """The platforms that a file may be for: all of them, or with CUDA those that can have it, where nothing tells."""
    if case.platform != ANY_PLATFORM:
        return frozenset({case.platform})
    targets = (target for target in case.matrix.targets.values() if target.cuda or case.claim.kind != "cuda")
    return frozenset(platform for target in targets for platform in target.platforms)


def _is_whole(case: Case, requested: RequestedBuilds) -> bool:
    """Whether the matrices know every build in a range: no older release is in it, nor all that will come, and none is left out."""
    versions, oldest = versions_of(requested.package), min(requested.framework.places)
    if versions is None or LATER in versions or not (versions & SpecifierSet(f"<{oldest}")).is_unsatisfiable():
        return False
    return not any(_is_left_out(case, requested, release) for release, _ in requested.builds)


def _is_left_out(case: Case, requested: RequestedBuilds, release: Release) -> bool:
    """Whether the facts leave out builds of a release on purpose."""
    rows = [row for row in requested.framework.left_out if row.provider == requested.channel]
    here = [row for row in rows if not row.platforms or row.platforms & _platforms(case)]
    return any(row.releases is None or release.version in row.releases for row in here)


# --- Python ---------------------------------------------------------------------------------------------------------------


def _for_python(case: Case, requested: RequestedBuilds) -> Missing | None:
    """That no build is for the Python of a file; None where one is, or nothing tells the Python."""
    wanted = _versions(case, PYTHON)
    pythons = sorted({python for _, build in requested.builds for python in build.pythons})
    if wanted is None or any(_admits(wanted, python) for python in pythons):
        return None
    text = f"for python {minors_text(pythons, ' to ')}, not for {range_text(wanted)}"
    return Missing(text, newer=_is_newer(wanted, pythons[-1]))


def _with_python(case: Case, builds: Iterable[tuple[Release, Build]]) -> list[tuple[Release, Build]]:
    wanted = _versions(case, PYTHON)
    return [row for row in builds if wanted is None or any(_admits(wanted, python) for python in row[1].pythons)]


# --- CUDA -----------------------------------------------------------------------------------------------------------------


def _for_cuda(case: Case, requested: RequestedBuilds) -> Missing | None:
    """That no build for the Python of a file is for its CUDA; None where one is, or CUDA is not asked for."""
    if case.claim.kind != "cuda" or any(package is requested.package for package, _ in case.cpu_builds):
        return None
    return _without_cuda(case, requested, _with_python(case, requested.builds))


def _newest(case: Case, requested: RequestedBuilds) -> str | None:
    """The newest release for the Python of a file, where that has a CPU build and none for its CUDA; None where it is otherwise."""
    rows = [(release, list(found)) for release, found in groupby(_with_python(case, requested.builds), key=lambda row: row[0])]
    for place, (release, builds) in enumerate(rows):
        found = _without_cuda(case, requested, builds)
        if found is None or found.newer or _is_left_out(case, requested, release):
            return None
        if any(None in build.variants for _, build in builds):
            older = next((str(other.version) for other, row in rows[place:] if _serves(case, requested, row)), "")
            what = f"{release.version}, for the CPU and {found.text}"
            return f"{what}; the newest for it is {older}" if older else what
    return None


def _without_cuda(case: Case, requested: RequestedBuilds, builds: Sequence[tuple[Release, Build]]) -> Missing | None:
    """That none of some builds is for the CUDA of a file; None where one is, or nothing names the CUDA of some."""
    named = _named_cuda(case, requested, builds)
    built = sorted({variant for _, build in builds for variant in build.variants if variant})
    if named is None or not built or _serves(case, requested, builds):
        return None
    name, versions = named
    text = f"for CUDA {', '.join(map(str, built))}, not for {name} {range_text(versions)}"
    return Missing(text, newer=_is_newer(versions, built[-1]))


def _serves(case: Case, requested: RequestedBuilds, builds: Sequence[tuple[Release, Build]]) -> bool:
    """Whether some build is for the CUDA of a file, or runs with it.

    Those for an older minor do, unless a package of their own channel names the CUDA.
    """
    name, versions = _named_cuda(case, requested, builds) or ("", None)
    known = case.catalogue.of(case.conda_by_name[name]) if name else None
    exact = known is not None and requested.channel in known.only_in
    wanted = [cuda for cuda in case.matrix.toolkits if versions and _admits(versions, cuda)]
    pairs = ((variant, cuda) for _, build in builds for variant in build.variants if variant for cuda in wanted)
    return any(variant == cuda or (not exact and runs_with(variant, cuda)) for variant, cuda in pairs)


def _named_cuda(case: Case, requested: RequestedBuilds, builds: Sequence[tuple[Release, Build]]) -> tuple[str, SpecifierSet] | None:
    """The package that names the CUDA of some builds, and its versions that a file requests, of which there are some."""
    namers = {name for row in builds for name in _namers(requested.framework, *row)}
    name = namers.pop() if len(namers) == 1 else ""
    versions = _versions(case, name)
    return (name, versions) if versions and any(_admits(versions, cuda) for cuda in case.matrix.toolkits) else None


def _namers(framework: Framework, release: Release, build: Build) -> Iterator[str]:
    """The packages whose version is the CUDA of a build: `pytorch::pytorch-cuda {cuda}.*` is requested beside it."""
    spelling = framework.spellings.get((build.provider, release.version))
    for spec in spelling.cuda if spelling else ():
        name, _, version = spec.partition(" ")
        if version == "{cuda}.*":
            yield name.rpartition("::")[2]


# --- versions -------------------------------------------------------------------------------------------------------------


def _versions(case: Case, name: str) -> SpecifierSet | None:
    """The versions that a file requests of a conda package; None for any."""
    package = case.conda(name)
    return versions_of(package) if package else None


def _admits(versions: SpecifierSet, minor: Version) -> bool:
    """Whether some release of a minor is in a range."""
    return not (versions & SpecifierSet(f"=={minor}.*")).is_unsatisfiable()


def _is_newer(versions: SpecifierSet, newest: Version) -> bool:
    """Whether everything in a range is newer than a minor."""
    return (versions & SpecifierSet(f"<{newest}")).is_unsatisfiable()
