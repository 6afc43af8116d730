"""The rules about builds of a framework that a file asks for and that its channel does not have: for its Python, for its CUDA.

They compare with the builds that the matrices know of the releases in the requested range, in the first channel of the file that
has the framework. A release gets builds for newer Pythons and CUDAs later, for older ones never: that there is none for an older
one is an error, for a newer one a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.formats.requirements import ANY_PLATFORM
from envgen.matrix.hardware import runs_with
from envgen.model.facts import Build, Framework, Platform, Release
from envgen.model.packages import LockedPackage
from envgen.model.ranges import range_text
from envgen.model.text import minors_text
from envgen.verify.registry import Case, Violations, rule
from envgen.verify.requests import DEFAULTS, PYTHON, channels_of, named_channels, of_requests, releases_of, versions_of

_LATER = Version("99999")  # newer than every release


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A framework as a file asks for it, and the builds that a channel has of the releases in its range."""

    package: LockedPackage
    framework: Framework
    channel: str
    builds: tuple[tuple[Release, Build], ...]


@dataclass(frozen=True, slots=True)
class _Missing:
    """What no build is for: in words, and whether it is newer than what there are builds for."""

    text: str
    newer: bool


@rule("never-built", "No solver finds such a build: it takes a CPU build, one of another channel, or nothing.")
@of_requests
def never_built(case: Case) -> Violations:
    """Frameworks without a build for a Python or a CUDA that is older than some that there are builds for."""
    return ((asked.package, missing.text) for asked, missing in _missing(case) if not missing.newer)


@rule("not-built", "The matrices know no such build; without one a solver takes a CPU build, or nothing.", severity="warning")
@of_requests
def not_built(case: Case) -> Violations:
    """Frameworks without a build for a Python or a CUDA that is newer than all that there are builds for."""
    return ((asked.package, missing.text) for asked, missing in _missing(case) if missing.newer)


def _missing(case: Case) -> Iterator[tuple[_Asked, _Missing]]:
    for asked in _asked(case):
        found = _for_python(case, asked) or _for_cuda(case, asked)
        if found:
            yield asked, found


def _asked(case: Case) -> Iterator[_Asked]:
    """The frameworks of which the matrices know every build that the first channel with them has for the requested range."""
    channels, platforms = channels_of(case), _platforms(case)
    if DEFAULTS in named_channels(case) or not set(channels) <= set(case.matrix.channels):
        return
    for package, known in case.known:
        framework = case.matrix.frameworks.get(known.framework)
        if known.role != "framework" or package.manager != "conda" or "::" in package.asked or framework is None:
            continue
        channel = next((channel for channel in channels if channel in framework.providers), "")
        releases = releases_of(case, known.framework)
        if not _is_closed(framework, versions_of(package)) or _left_out(framework, releases, channel, platforms):
            continue
        rows = ((release, build) for release in releases for build in release.builds if build.provider == channel)
        found = tuple((release, build) for release, build in rows if build.platforms & platforms)
        if found:
            yield _Asked(package=package, framework=framework, channel=channel, builds=found)


def _platforms(case: Case) -> frozenset[Platform]:
    """The platforms that a file may be for: all of them, or with CUDA those that can have it, where nothing tells."""
    if case.platform != ANY_PLATFORM:
        return frozenset({case.platform})
    targets = (target for target in case.matrix.targets.values() if target.cuda or case.claim.kind != "cuda")
    return frozenset(platform for target in targets for platform in target.platforms)


def _is_closed(framework: Framework, requested: SpecifierSet | None) -> bool:
    """Whether a range has neither releases older than those of the matrices nor all that will come."""
    oldest = min(framework.places)
    return requested is not None and _LATER not in requested and (requested & SpecifierSet(f"<{oldest}")).is_unsatisfiable()


def _left_out(framework: Framework, releases: Iterable[Release], channel: str, platforms: frozenset[Platform]) -> bool:
    """Whether the facts leave out builds of some releases on purpose."""
    rows = [row for row in framework.left_out if row.provider == channel and (not row.platforms or row.platforms & platforms)]
    return any(row.releases is None or release.version in row.releases for row in rows for release in releases)


# --- Python ---------------------------------------------------------------------------------------------------------------


def _for_python(case: Case, asked: _Asked) -> _Missing | None:
    """That no build is for a requested Python; None where one is, or nothing tells the Python."""
    requested = _requested(case, PYTHON)
    pythons = sorted({python for _, build in asked.builds for python in build.pythons})
    if requested is None or any(_admits(requested, python) for python in pythons):
        return None
    text = f"channel {asked.channel} has it for python {minors_text(pythons, ' to ')}, not for {range_text(requested)}"
    return _Missing(text, newer=_is_newer(requested, pythons[-1]))


# --- CUDA -----------------------------------------------------------------------------------------------------------------


def _for_cuda(case: Case, asked: _Asked) -> _Missing | None:
    """That no build for a requested Python is for the CUDA that a file names; None where one is, or CUDA is not asked for."""
    if case.claim.kind != "cuda" or any(package is asked.package for package, _ in case.cpu_builds):
        return None
    python = _requested(case, PYTHON)
    builds = [row for row in asked.builds if python is None or any(_admits(python, minor) for minor in row[1].pythons)]
    namers = {name for row in builds for name in _namers(asked.framework, *row)}
    requested = {name: versions for name in namers if (versions := _requested(case, name))}
    if not len(requested) == len(namers) == 1:
        return None  # nothing names the CUDA of some builds
    name, versions = requested.popitem()
    wanted = [cuda for cuda in case.matrix.toolkits if _admits(versions, cuda)]
    built = sorted({variant for _, build in builds for variant in build.variants if variant})
    if not wanted or not built or any(_serves(case, name, row[1], wanted) for row in builds):
        return None
    text = f"channel {asked.channel} has it for CUDA {minors_text(built, ' to ')}, not for {name} {range_text(versions)}"
    return _Missing(text, newer=_is_newer(versions, built[-1]))


def _namers(framework: Framework, release: Release, build: Build) -> Iterator[str]:
    """The packages whose version is the CUDA of a build: `pytorch::pytorch-cuda {cuda}.*` is requested beside it."""
    spelling = framework.spellings.get((build.provider, release.version))
    for spec in spelling.cuda if spelling else ():
        name, _, version = spec.partition(" ")
        if version == "{cuda}.*":
            yield name.rpartition("::")[2]


def _serves(case: Case, namer: str, build: Build, wanted: Iterable[Version]) -> bool:
    """Whether a build is for a CUDA, or runs with it: those for an older minor do, unless a package of its own channel names it."""
    known = case.catalogue.of(case.conda_by_name[namer])
    exact = known is not None and build.provider in known.only_in
    pairs = ((variant, cuda) for variant in build.variants if variant for cuda in wanted)
    return any(variant == cuda or (not exact and runs_with(variant, cuda)) for variant, cuda in pairs)


# --- versions -------------------------------------------------------------------------------------------------------------


def _requested(case: Case, name: str) -> SpecifierSet | None:
    """The versions that a file requests of a conda package; None for any."""
    package = case.conda(name)
    return versions_of(package) if package else None


def _admits(requested: SpecifierSet, minor: Version) -> bool:
    """Whether some release of a minor is requested."""
    return not (requested & SpecifierSet(f"=={minor}.*")).is_unsatisfiable()


def _is_newer(requested: SpecifierSet, newest: Version) -> bool:
    """Whether everything that is requested is newer than a minor."""
    return (requested & SpecifierSet(f"<{newest}")).is_unsatisfiable()
