"""What the facts say of a framework, in words. Only what a problem still asks for is mentioned. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.version import Version

from envgen.explain import edits
from envgen.explain.target_phrases import wanted_variants
from envgen.matrix.constraints import within
from envgen.matrix.hardware import runs_with
from envgen.model.facts import Build, Framework, Platform, Reason, Release, Spelling, Variant, by_cuda
from envgen.model.open_target import names_of
from envgen.model.project import RequestedFramework
from envgen.model.requested import provider_of
from envgen.model.text import minors_text
from envgen.resolver.candidates import requested_releases
from envgen.resolver.companions import made_for_text
from envgen.resolver.resolve import Problem

_ANY = "any CUDA"
_LISTED = 4  # CUDA versions whose builds are named; of more it is said that they are for CUDA


def known_reason(problem: Problem, requested: RequestedFramework) -> Reason:
    """Which releases there are at all; where some are older and some newer than those that are requested, the nearest."""
    framework = problem.matrix.frameworks[requested.framework]
    newest, oldest = framework.releases[0], framework.releases[-1]
    newer = [row for row in framework.releases if _above(row, requested)]
    older = [row for row in framework.releases if row not in newer]
    what = f"the matrices list {framework.name} {oldest.version} to {newest.version}"
    if newer and older:
        what = f"{what}, and no {requested.text}; the nearest are {older[0].version} and {newer[-1].version}"
    return Reason(what, newest.at, framework.because)


def needs_reason(problem: Problem, requested: RequestedFramework) -> Reason:
    """Which releases of its framework a companion goes with, and which of its own the requested releases of the framework do."""
    framework, host = problem.matrix.frameworks[requested.framework], problem.matrix.frameworks[requested.host]
    rows = _rows(problem, requested)
    with_it = [release.version for release in host.releases if any(_goes_with(row, release) for row in rows)]
    wanted = next((row for row in problem.project.frameworks if row.framework == requested.host), None)
    releases = requested_releases(problem.matrix, wanted) if wanted and wanted.versions else ()
    provider = _provider(problem, requested)
    own = {
        row.version
        for row in framework.releases
        for build in row.builds
        if build.provider == provider and any(_goes_with(build, release) for release in releases)
    }
    more = f", and {wanted} with {framework.name} {_span(own)}" if wanted and own else ""
    what = f"{requested} from {provider} goes with {host.name} {_span(with_it) if with_it else 'no release'}{more}"
    return _from_row(what, rows[0] if rows else None, framework)


def built_against_reason(problem: Problem, requested: RequestedFramework) -> Reason:
    """The builds of which provider of its framework a companion goes with; and which these are here, where no key says it."""
    spelling, wanted = _spelling(problem, requested), edits.requested_framework(problem.project, requested.host)
    what = f"{requested} from {_provider(problem, requested)} {made_for_text(problem.matrix.frameworks[requested.host], spelling)}"
    here = "" if wanted.provider else f", and {requested.host} is from {_provider(problem, wanted)} here, by the order of channels:"
    return Reason(f"{what}{here}", spelling.at, spelling.because)


def _goes_with(build: Build, release: Release) -> bool:
    return all(name != release.framework or within(versions, release.version) for name, versions in build.needs)


def _span(versions: Iterable[Version]) -> str:
    """Some releases; of many, the oldest and the newest."""
    found = sorted(versions)
    return listed(found) if len(found) <= _LISTED else f"{found[0]} to {found[-1]}"


def channels_reason(problem: Problem, requested: RequestedFramework) -> Reason:
    """Which channels a provider's builds need."""
    spelling = _spelling(problem, requested)
    needed = spelling.channels_of(wanted_variants(problem))
    what = f"{requested.framework} from {_provider(problem, requested)} needs the channels {', '.join(needed)}"
    return Reason(what, spelling.at, spelling.because)


def newer_minor_reason(problem: Problem, requested: RequestedFramework) -> Reason:
    """That a provider's builds cannot be requested for an older minor than the target's."""
    spelling = _spelling(problem, requested)
    what = f"{requested.framework} {spelling.releases}: a build for an older CUDA minor cannot be requested beside the target's own"
    return Reason(what, spelling.at, spelling.because)


def cudnn_reason(problem: Problem, requested: RequestedFramework) -> Reason:
    """Which cuDNN majors the builds link."""
    rows = [row for release in requested_releases(problem.matrix, requested) for row in release.builds if row.cudnn]
    majors = listed(sorted({row.cudnn for row in rows if row.cudnn}))
    what = f"{requested} links cuDNN {majors}"
    return _from_row(what, rows[0] if rows else None, problem.matrix.frameworks[requested.framework])


def published_reason(problem: Problem, requested: RequestedFramework) -> Reason:
    """Which of the requested releases the provider publishes; where it publishes none, its nearest ones."""
    framework, provider = problem.matrix.frameworks[requested.framework], _provider(problem, requested)
    published = [row for row in framework.releases if any(build.provider == provider for build in row.builds)]
    inside = [row for row in published if within(requested.versions, row.version)]
    if inside:
        many = f"{len(inside)} releases, {inside[-1].version} to {inside[0].version},"
        those = many if len(inside) > _LISTED else listed(row.version for row in reversed(inside))
        return Reason(f"{provider} has only {those} of {requested}", inside[0].at, framework.because)
    newer = [row for row in published if _above(row, requested)]
    older = [row for row in published if row not in newer]
    if newer and not older:  # that it published none before is not known
        what = f"the matrices list {framework.name} of {provider} from {newer[-1].version} on, and no {requested.text}"
        return Reason(what, newer[-1].at, framework.because)
    near = [str(row.version) for row in (*older[:1], *newer[-1:])]
    nearest = f"; the nearest {'releases are' if len(near) > 1 else 'release is'} {' and '.join(near)}" if near else ""
    at = next((row.at for row in (*older[:1], *newer[-1:])), None)
    return Reason(f"{provider} has no {requested}{nearest}", at, framework.because)


def _above(release: Release, requested: RequestedFramework) -> bool:
    """Whether a release lies above a range that it is not in."""
    bounds = [Version(part.version.removesuffix(".*")) for part in requested.versions]
    return bool(bounds) and release.version > max(bounds)


def builds_reason(problem: Problem, requested: RequestedFramework) -> Reason:
    """For which variants the requested releases are built, on the requested platforms, with the requested Pythons.

    Where none is for a platform, which releases are; where no release at all is, for which platforms there are builds.
    """
    framework, project = problem.matrix.frameworks[requested.framework], problem.project
    rows = [row for row in _rows(problem, requested) if any(within(project.python, python) for python in row.pythons)]
    platforms = _with_gpus(problem, _platforms(problem))
    everywhere = set(platforms) == set(_platforms(problem)) and set(project.platforms) >= {
        p for target in problem.matrix.targets.values() for p in target.platforms
    }
    nowhere = "" if everywhere else _nowhere(problem, requested, platforms)
    row = rows[0] if rows else None
    if nowhere:
        return _from_row(nowhere, row, framework)
    places = [("", None)] if everywhere else [(f" on {platform}", platform) for platform in platforms]
    cpu = None in wanted_variants(problem)
    told = {platform: f"{_variants(rows, platform, cpu=cpu)}{_glibc(problem, rows, platform)}" for _, platform in places}
    built = " and".join(f"{place} {told[platform]}" for place, platform in places)
    python = f" with python {project.python_text}" if project.python else ""
    others = "".join(_others(problem, requested, platform) for _, platform in places)
    if not _rows(problem, requested):
        return _from_row(f"{_provider(problem, requested)} has no {requested}{others}", None, framework)
    what = f"{requested} from {_provider(problem, requested)} is built{python}{built}{others}"
    return _from_row(what, row, framework)


def _glibc(problem: Problem, rows: Iterable[Build], platform: Platform | None) -> str:
    """`, with glibc 2.28 or newer`, of wheels where a target of the project promises an older one; else ""."""
    needed = [row.glibc for row in rows if platform in row.platforms]
    promised = [Version(text.split()[0]) for row in problem.project.targets if (text := row.virtual.get("__glibc"))]
    oldest = min(filter(None, needed), default=None)
    older = oldest and all(needed) and any(version < oldest for version in promised)
    return f", with glibc {oldest} or newer" if older else ""


def _nowhere(problem: Problem, requested: RequestedFramework, platforms: Iterable[Platform]) -> str:
    """That no release of a provider has any build for some platforms; "" where one has."""
    provider = _provider(problem, requested)
    builds = [row for release in problem.matrix.frameworks[requested.framework].releases for row in release.builds]
    there = {platform for row in builds if row.provider == provider for platform in row.platforms}
    if there.intersection(platforms):
        return ""
    only = f"only for {listed(sorted(there))}" if there else "nor for another platform"
    return f"{requested.framework} from {provider} has no build for {' or '.join(platforms)}, {only}"


def _others(problem: Problem, requested: RequestedFramework, platform: Platform | None) -> str:
    """Which releases have a build for a platform, or (None) any, that a target can take, where none of the requested ones has."""
    wanted, provider = wanted_variants(problem), _provider(problem, requested)

    def has(release: Release) -> bool:
        rows = [row for row in release.builds if row.provider == provider and (platform is None or platform in row.platforms)]
        return any(_serves(variant, wanted) for row in rows for variant in row.variants)

    having = [release for release in problem.matrix.frameworks[requested.framework].releases if has(release)]
    inside = [release for release in having if within(requested.versions, release.version)]
    if inside or not having or not requested.versions:
        return ""
    newer = [release for release in having if _above(release, requested)]
    older = [release for release in having if release not in newer]
    cudas = [variant for variant in wanted if variant]
    kind = "CPU" if not cudas else f"CUDA {cudas[0]}" if len(wanted) == 1 else "CUDA" if None not in wanted else "such"
    ends = ([f"end with {older[0].version}"] if older else []) + ([f"begin with {newer[-1].version}"] if newer else [])
    return f"; {kind} builds{f' for {platform}' if platform else ''} {' and '.join(ends)}"


def _serves(variant: Variant, wanted: Iterable[Variant]) -> bool:
    """Whether a build serves a target: it is for its CUDA, or for an older minor of the same major."""
    return any(variant == cuda or (variant and cuda and runs_with(variant, cuda)) for cuda in wanted)


def pythons_reason(problem: Problem, requested: RequestedFramework) -> Reason:
    """For which Pythons the builds are that serve the requested targets."""
    framework = problem.matrix.frameworks[requested.framework]
    cudas = wanted_variants(problem)
    every = [row for row in _rows(problem, requested) if row.platforms.intersection(_platforms(problem))]
    rows = [row for row in every if row.variants & cudas] or every
    built = {cuda for row in rows for cuda in row.variants & cudas}
    variants = _built_for(built) if len(built) <= _LISTED else "CUDA"
    pythons = minors_text({python for row in rows for python in row.pythons}) or "none"
    what = f"the {variants + ' ' if variants else ''}builds of {requested} are for python {pythons}"
    return _from_row(what, rows[0] if rows else None, framework)


def _from_row(what: str, row: Build | None, framework: Framework) -> Reason:
    """A reason at its row of builds, with the row's own source where it has one."""
    if row is None:
        return Reason(what, framework.releases[0].at, framework.because)
    return Reason(what, row.at, row.because or framework.because)


def listed(values: Iterable[object]) -> str:
    """`11.8, 12.0, 12.6`."""
    return ", ".join(map(str, values))


def _provider(problem: Problem, requested: RequestedFramework) -> str:
    return provider_of(problem.matrix, problem.project, requested)


def _spelling(problem: Problem, requested: RequestedFramework) -> Spelling:
    """The spelling that matters: that of the newest requested release."""
    provider, name = _provider(problem, requested), requested.framework
    releases = requested_releases(problem.matrix, requested)
    found = (problem.matrix.frameworks[name].spellings.get((provider, row.version)) for row in releases)
    return next((row for row in found if row), problem.matrix.frameworks[name].providers[provider][0])


def _rows(problem: Problem, requested: RequestedFramework) -> list[Build]:
    provider, releases = _provider(problem, requested), requested_releases(problem.matrix, requested)
    return [row for release in releases for row in release.builds if row.provider == provider]


def _platforms(problem: Problem) -> tuple[Platform, ...]:
    """The requested platforms that a target has."""
    targets = [(requested, problem.matrix.targets[name]) for requested in problem.project.targets for name in names_of(requested)]
    found = [p for requested, target in targets for p in requested.platforms or problem.project.platforms if p in target.platforms]
    return tuple(dict.fromkeys(found)) or problem.project.platforms


def _with_gpus(problem: Problem, platforms: tuple[Platform, ...]) -> tuple[Platform, ...]:
    """Those of some platforms whose machines can have one of the project's GPUs; all where none can."""
    gpus = problem.project.gpus
    return tuple(p for p in platforms if not gpus or any(gpu.on(p) for gpu in gpus)) or platforms


def _variants(rows: Iterable[Build], platform: Platform | None, *, cpu: bool) -> str:
    """`for CPU and CUDA 12.6, 12.9`; `for CUDA 12.0 to 12.9` for builds that run with all of them; `without CUDA`."""
    stated = {span for row in rows if platform is None or platform in row.platforms for span in row.stated}
    names_cpu = cpu and any(None in span for span in stated)
    with_any = {span for span in stated if len(span) > 1 and None in span}
    cudas = _cudas(span for span in stated if None not in span)
    every = f", some builds for {_ANY}" if cudas and with_any else _ANY if with_any else ""
    built = " and ".join(filter(None, ("CPU" if names_cpu else "", f"{cudas}{every}")))
    return f"for {built}" if built else "for neither CPU nor CUDA" if cpu else "without CUDA"


def _cudas(spans: Iterable[frozenset[Variant]]) -> str:
    """`CUDA 11.8, 12.0 to 12.9`, oldest first: what is a part of another is not named beside it."""
    found = set(spans)
    rows = sorted(sorted(filter(None, span)) for span in found if not any(span < other for other in found))
    return f"CUDA {listed(f'{row[0]} to {row[-1]}' if len(row) > 1 else row[0] for row in rows)}" if rows else ""


def _built_for(variants: Iterable[Variant]) -> str:
    """`CPU and CUDA 12.6, 12.9`."""
    found = by_cuda(variants)
    cudas = listed(variant for variant in found if variant)
    return " and ".join(filter(None, ("CPU" if None in found else "", f"CUDA {cudas}" if cudas else "")))
