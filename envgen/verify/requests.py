"""What an environment file asks for, before anything is solved: the channels, the versions, the releases of a framework."""

from __future__ import annotations

from functools import wraps

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from envgen.channels.channel import ALIAS
from envgen.model.facts import Release
from envgen.model.packages import LockedPackage
from envgen.model.ranges import version_range
from envgen.verify.entries import requirement
from envgen.verify.registry import Case, VerifyCheck, Violations

PYTHON = "python"
LATER = Version("99999")  # newer than every release
_NOTHING = "nodefaults"  # stands for no channel
_USUAL = ("defaults", _NOTHING)  # say nothing of where a framework comes from


def of_requests(judge: VerifyCheck) -> VerifyCheck:
    """A rule that says nothing of what lists every package with its build."""

    @wraps(judge)
    def judged(case: Case) -> Violations:
        return iter(()) if case.lock.complete else judge(case)

    return judged


def channels_of(case: Case) -> tuple[str, ...]:
    """The channels of a file that say where a framework comes from."""
    return tuple(channel for channel in _channels(case) if channel not in _USUAL)


def known_channels(case: Case) -> tuple[str, ...]:
    """The channels of a file of which the matrices know every one; () where one may have what they do not know."""
    channels = tuple(channel for channel in _channels(case) if channel != _NOTHING)
    return channels if set(channels) <= set(case.matrix.channels) else ()


def _channels(case: Case) -> tuple[str, ...]:
    """The channels of a file, those of anaconda.org by their names, as the matrices have them."""
    return tuple(channel.rstrip("/").removeprefix(f"{ALIAS}/") for channel in case.lock.channels)


def extras_of(package: LockedPackage) -> tuple[str, ...]:
    """The extras of a requirement, as PEP 685 spells them."""
    found = requirement(package.asked) if package.manager == "pip" else None
    return tuple(sorted(map(canonicalize_name, found.extras))) if found else ()


def releases_of(case: Case, framework: str) -> list[Release]:
    """The releases that a file's spec of a framework admits; none where it is not requested, or in any version."""
    facts = case.matrix.frameworks.get(framework)
    found = (package for package, known in case.known if known.framework == framework and known.role == "framework")
    admitted = next(filter(None, map(versions_of, found)), None)
    return [release for release in facts.releases if release.version in admitted] if facts and admitted else []


def versions_of(package: LockedPackage) -> SpecifierSet | None:
    """The versions that a spec such as `pytorch=2.6` or `python >=3.8,<3.11` admits; None for one of another kind (`2.4|2.5`)."""
    if package.version:
        return admitted_by(package.version)
    if package.manager == "pip":
        wanted = requirement(package.asked)
        return wanted.specifier if wanted and not wanted.url else None
    rest = package.asked.rpartition("::")[2][len(package.name) :].strip() or "*"
    found = admitted_by(rest)
    return admitted_by(rest.rpartition(" ")[0]) if found is None else found  # without a build


def admitted_by(version: str) -> SpecifierSet | None:
    """What a version in a spec admits: `=12.1` what begins with it; None for none, and for what is not the version of a release."""
    try:
        return version_range(version)
    except ValueError:
        return None
