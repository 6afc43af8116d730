"""Two requirements on one framework that exclude each other: whether they do, and what a person reads. Pure.

A companion is a requirement on its framework, too: one of version 0.13 requests the releases that were published with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from packaging.version import Version

from envgen.model.errors import BadInput
from envgen.model.facts import Address, Framework, Matrix, Platform, Release
from envgen.model.project import RequestedFramework
from envgen.project.aliases import AliasMeaning

Words = Mapping[Address, AliasMeaning]


def exclude_each_other(matrix: Matrix, one: RequestedFramework, other: RequestedFramework) -> bool:
    """Whether no release meets both requirements, or they name two providers."""
    if one.provider and other.provider and one.provider != other.provider:
        return True
    first, second = ({row.version for row in _releases(matrix, part)} for part in (one, other))
    return (one.versions & other.versions).is_unsatisfiable() or bool(first and second and not first & second)


def contradiction(matrix: Matrix, one: RequestedFramework, other: RequestedFramework, words: Words) -> BadInput:
    """The error for two requirements that exclude each other; it is written at the later one."""
    if one.provider and other.provider and one.provider != other.provider:
        return _plain(one, f"provider {one.provider}", other, f"provider {other.provider}")
    pairs = [(row, name) for row in (one, other) if (name := _companion(row, words))]
    if not pairs:
        return _plain(one, one.text, other, other.text)
    what = f"{_said(matrix, other, words, 'here')}, but {_said(matrix, one, words, f'at {one.at}')}"
    has = (_has(matrix, one if row is other else other, name) for row, name in pairs)
    return BadInput(what, where=other.at, hint=f"{'; '.join(has)}: change one of the two")


def _plain(one: RequestedFramework, first: str, other: RequestedFramework, second: str) -> BadInput:
    what = f"{other.framework} {second} is requested here, and {first} at {one.at}"
    return BadInput(what, where=other.at, hint="they exclude each other: keep one of the two")


def _companion(row: RequestedFramework, words: Words) -> str:
    """The companion whose version a requirement is about; "" for a requirement on the framework itself."""
    alias = words.get(row.at)
    read = alias.framework if alias else None
    return read.companions[0] if read and read.companions and read.versions else ""


def _said(matrix: Matrix, row: RequestedFramework, words: Words, where: str) -> str:
    """Which releases the companion in a requirement belongs to; or what is requested of the framework itself."""
    if not _companion(row, words):
        return f"{row.framework} {row.text} is requested {where}"
    versions = [release.version for release in _releases(matrix, row)]
    place = "" if where == "here" else f" {where}"
    return f"`{words[row.at].text}`{place} belongs to {row.framework} {_span(versions)}"


def _has(matrix: Matrix, row: RequestedFramework, companion: str) -> str:
    """Which versions of a companion belong to the requested releases of its framework."""
    releases, framework = _releases(matrix, row), matrix.frameworks[row.framework]
    versions = {Version(release.companions[companion]) for release in releases if companion in release.companions}
    if not releases:
        return f"the matrices have no {row.framework} {row.text}, only {_known(framework)}"
    text = f"{row.framework} {_span([release.version for release in releases])}"
    return f"{text} has {companion} {_span(versions)}" if versions else f"{text} has no {companion}"


def unknown(matrix: Matrix, row: RequestedFramework, platforms: Iterable[Platform]) -> Iterator[str]:
    """What the matrices do not have of a requested framework: a release in its range, a build for one of the platforms."""
    framework = matrix.frameworks[row.framework]
    if not _releases(matrix, row):
        yield f"the matrices have no {row.framework} {row.text}, only {_known(framework)}"
    there = {platform for release in framework.releases for build in release.builds for platform in build.platforms}
    if not there.intersection(platforms):
        yield f"{row.framework} has no build for {' or '.join(platforms)}, only for {', '.join(sorted(there))}"


def _known(framework: Framework) -> str:
    """The oldest and the newest release of a framework in the matrices: `2.4.0 to 2.19.1`."""
    return _span(release.version for release in framework.releases)


def _releases(matrix: Matrix, row: RequestedFramework) -> Sequence[Release]:
    return [release for release in matrix.frameworks[row.framework].releases if release.version in row.versions]


def _span(versions: Iterable[Version]) -> str:
    found = sorted(versions)
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
