"""The rules about what a lock holds: each package that is requested, none without a reason, and a stamp that is right."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache

from packaging.utils import canonicalize_name

from envgen.channels.versions import admits
from envgen.formats.builds import requirement_name
from envgen.formats.conda_specs import NotCovered, read_spec
from envgen.formats.content_hash import channel_entry
from envgen.formats.environment_yml import spec_name
from envgen.model.packages import LockedPackage
from envgen.review.registry import CONTENT, Disagreements, LockCase

rule = CONTENT.rule
_UPDATE = "envgen update {project} --target {target}"


@rule("spec-missing", "A package that is requested is not installed.", fix=_UPDATE)
def spec_missing(case: LockCase) -> Disagreements:
    """The specs of environment.yml, and of its pip section, against the packages of each platform."""
    pip = {name for packages in case.wheels.values() for name in packages}
    for platform, packages in case.conda.items():
        for spec in case.specs.get(platform, ()):
            name = spec_name(spec)
            if name and not name.startswith("__") and name not in packages:
                yield case.at(f"  - {platform}\n"), f"{platform}: `{spec}` is requested, and no package {name} is locked"
    for text in case.pip:
        if (name := _pip_name(text)) not in pip and not _has_marker(text):
            yield case.at("package:"), f"`{text}` is requested from pip, and no package {name} is locked"


def _has_marker(text: str) -> bool:
    return ";" in text or "@" in text


@rule("spec-unmet", "The locked package is another one than was requested.", fix=_UPDATE)
def spec_unmet(case: LockCase) -> Disagreements:
    """Version, build and channel of the specs of environment.yml against the packages of each platform."""
    for platform, packages in case.conda.items():
        for spec in case.specs.get(platform, ()):
            package = packages.get(spec_name(spec))
            if package and package.at and not _meets(package, spec):
                told = f"{package.name} {package.version} {package.build} is locked, and `{spec}` is requested"
                yield package.at, f"{platform}: {told}"


def _meets(package: LockedPackage, spec: str) -> bool:
    """Whether a package meets a spec; a spelling that only a solver can judge is met."""
    try:
        wanted = read_spec(spec)
    except NotCovered:
        return True
    version = admits(wanted.version, package.version) is not False
    build = wanted.build is None or fnmatchcase(package.build, wanted.build)
    return version and build and (wanted.channel is None or f"/{wanted.channel}/" in package.url)


@rule(
    "package-unneeded", "Nothing that is requested needs the package: nobody would miss it, and nobody asked for it.", fix=_UPDATE
)
def package_unneeded(case: LockCase) -> Disagreements:
    """Each package against what can be reached from the specs of environment.yml."""
    for platform in case.lock.platforms if case.specs else ():
        requested = map(spec_name, case.specs.get(platform, ()))
        unneeded = [
            *_unreached(case.conda[platform], requested, _conda_needs),
            *_unreached(case.wheels[platform], map(_pip_name, case.pip), _pip_needs),
        ]
        for package in unneeded:
            if package.at:
                yield package.at, f"{platform}: nothing needs {package.name} {package.version}"


def _unreached(
    packages: Mapping[str, LockedPackage], requested: Iterable[str], needs: Callable[[tuple[str, ...]], frozenset[str]]
) -> list[LockedPackage]:
    """The packages that nothing requested leads to; `needs` names what a package depends on."""
    new, found = set(requested), set[str]()
    while new:
        found |= new
        new = set().union(*[needs(packages[name].depends) for name in new if name in packages]) - found
    return [packages[name] for name in packages if name not in found]


@lru_cache(20_000)  # a package is in many locks
def _conda_needs(specs: tuple[str, ...]) -> frozenset[str]:
    """The conda packages that specs name."""
    return frozenset(map(spec_name, specs))


@lru_cache(20_000)
def _pip_needs(requirements: tuple[str, ...]) -> frozenset[str]:
    """The packages of pip that requirements name."""
    return frozenset(map(_pip_name, requirements))


def _pip_name(requirement: str) -> str:
    return canonicalize_name(requirement_name(requirement))


@rule("count-differs", "The stamp tells reviewers a number of packages that is not that of the lock.", fix=_UPDATE)
def count_differs(case: LockCase) -> Disagreements:
    """`envgen-downloads` against the conda packages of each platform."""
    for platform, download in case.stamp.downloads.items():
        count = len(case.conda.get(platform, {}))
        if count != download.packages:
            told = f"the stamp has {download.packages} packages, and {count} are locked"
            yield case.at("envgen-downloads"), f"{platform}: {told}"


@rule("channels-undeclared", "Installers take the channels from the lock's metadata.", fix=_UPDATE)
def channels_undeclared(case: LockCase) -> Disagreements:
    """`channels:` of the project against those in the metadata."""
    try:
        wanted = tuple(channel_entry(text)["url"] for text in case.channels)
    except NotCovered:
        return
    if case.channels and case.lock.channels != wanted:
        told = f"the lock declares {', '.join(case.lock.channels) or 'no channel'}, and the project has {', '.join(wanted)}"
        yield case.at("  channels:"), told
