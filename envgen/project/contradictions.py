"""Two requirements on one framework that exclude each other: whether they do, and what a person reads. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from packaging.version import Version

from envgen.model.errors import BadInput
from envgen.model.facts import Framework, Matrix, Platform, Release
from envgen.model.project import RequestedFramework


def exclude_each_other(matrix: Matrix, one: RequestedFramework, other: RequestedFramework) -> bool:
    """Whether no release meets both requirements, or they name two providers."""
    if one.provider and other.provider and one.provider != other.provider:
        return True
    first, second = ({row.version for row in _releases(matrix, part)} for part in (one, other))
    return (one.versions & other.versions).is_unsatisfiable() or bool(first and second and not first & second)


def contradiction(one: RequestedFramework, other: RequestedFramework, word: str = "") -> BadInput:
    """The error for two requirements that exclude each other; it is written at the later one, which may be another `word`."""
    first, second = one.text, other.text
    if one.provider and other.provider and one.provider != other.provider:
        first, second = f"provider {one.provider}", f"provider {other.provider}"
    what = f"{other.framework} {second} is requested here, and {first} at {one.at}"
    if word:
        what = f"`{word}` is read as {other.framework} {second}, and {first} is requested at {one.at}"
    return BadInput(what, where=other.at, hint="they exclude each other: keep one of the two")


def check_companion(matrix: Matrix, companion: RequestedFramework, host: RequestedFramework) -> None:
    """Check that some requested release of a companion goes with a requested release of its framework. Raises BadInput.

    A companion in any version is left to the resolver, which knows platforms and Pythons as well.
    """
    mine, hosts = _releases(matrix, companion), _releases(matrix, host)
    if not str(companion.versions) or any(_goes_with(one, other) for one in mine for other in hosts):
        return
    belongs = _span_of(other for other in matrix.frameworks[host.framework].releases if any(_goes_with(one, other) for one in mine))
    has = _span_of(one for one in matrix.frameworks[companion.framework].releases if any(_goes_with(one, other) for other in hosts))
    what = f"{companion} goes with {f'{host.framework} {belongs}' if belongs else f'no release of {host.framework}'}"
    known = f"{host} has {companion.framework} {has}" if has else "; ".join(_lacking(matrix, (companion, host)))
    hint = f"{known}: change one of the two" if known else "change one of the two"
    raise BadInput(f"{what}, but {host} is requested at {host.at}", where=companion.at, hint=hint)


def _goes_with(companion: Release, host: Release) -> bool:
    ranges = [versions for build in companion.builds for name, versions in build.needs if name == host.framework]
    return any(host.version in versions for versions in ranges)


def _lacking(matrix: Matrix, rows: Iterable[RequestedFramework]) -> Iterator[str]:
    """What the matrices do not have of some requested frameworks."""
    for row in rows:
        if not _releases(matrix, row):
            yield f"the matrices have no {row}, only {_known(matrix.frameworks[row.framework])}"


def unknown(matrix: Matrix, row: RequestedFramework, platforms: Iterable[Platform]) -> Iterator[str]:
    """What the matrices do not have of a requested framework: a release in its range, a build for one of the platforms."""
    framework = matrix.frameworks[row.framework]
    yield from _lacking(matrix, [row])
    there = {platform for release in framework.releases for build in release.builds for platform in build.platforms}
    if not there.intersection(platforms):
        yield f"{row.framework} has no build for {' or '.join(platforms)}, only for {', '.join(sorted(there))}"


def _known(framework: Framework) -> str:
    """The oldest and the newest release of a framework in the matrices: `2.4.0 to 2.19.1`."""
    return _span(release.version for release in framework.releases)


def _releases(matrix: Matrix, row: RequestedFramework) -> Sequence[Release]:
    return [release for release in matrix.frameworks[row.framework].releases if release.version in row.versions]


def _span_of(releases: Iterable[Release]) -> str:
    """The oldest and the newest of some releases; "" where there are none."""
    versions = [release.version for release in releases]
    return _span(versions) if versions else ""


def _span(versions: Iterable[Version]) -> str:
    found = sorted(versions)
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
