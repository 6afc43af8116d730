"""Small changes to a project, each with what it asks of a person. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.explain import edits
from envgen.explain.model import Change, Part
from envgen.explain.target_phrases import wanted_variants, without_cuda
from envgen.model.facts import Spelling, Target, driver_text
from envgen.model.open_target import OpenTarget, names_of
from envgen.model.project import Project, RequestedFramework, RequestedTarget
from envgen.model.requested import is_left_out, provider_of
from envgen.resolver.candidates import requested_releases
from envgen.resolver.cells import minors_in
from envgen.resolver.resolve import Problem

ANY = "any"  # the way of a change that allows what all others of its path allow: worth saying only where none of them helps
CPU_INSTEAD = "cpu"  # the path of a change that puts the CPU target in the place of a CUDA target


def changes(problem: Problem, part: Part) -> Iterator[Change]:
    """The changes that may end a conflict for one of its parts."""
    found = _CHANGES.get(part.kind)
    if found:
        yield from found(problem, part.name)


def _pythons(problem: Problem, _: str) -> Iterator[Change]:
    """Another minor: a step costs 1."""
    project, known = problem.project, sorted(problem.matrix.pythons)
    places = [float(known.index(minor)) for minor in minors_in(project.python, known)] or [_gap(project.python, known)]
    for place, minor in enumerate(known):
        if place not in places:
            yield Change(
                path=("python",),
                way="down" if place < min(places) else "up",
                text=f"python {project.python_text} -> {minor}",
                cost=min(abs(place - other) for other in places),
                apply=partial(edits.with_python, python=minor),
            )


def _versions(problem: Problem, name: str) -> Iterator[Change]:
    """Another release: the next one costs 1.5, each further one half as much again; any release costs most."""
    requested = edits.requested_framework(problem.project, name)
    releases = sorted(problem.matrix.frameworks[name].releases, key=lambda release: release.version)
    inside = requested_releases(problem.matrix, requested)
    gap = _gap(requested.versions, [release.version for release in releases])
    places = [float(releases.index(row)) for row in inside] or [gap]
    for place, release in reversed(list(enumerate(releases))):
        if place not in places:
            yield Change(
                path=("version", name),
                way="newer" if place > max(places) else "older",
                text=f"{requested} -> {release.version}",
                cost=1 + min(abs(place - other) for other in places) / 2,
                apply=partial(edits.with_release, framework=name, version=release.version),
            )
    if requested.versions:
        any_release = partial(edits.with_any_release, framework=name)
        yield Change(
            path=("version", name),
            way=ANY,
            text=f"{requested} -> any version",
            cost=len(releases),
            apply=any_release,
        )


def _gap(versions: SpecifierSet, known: Sequence[Version]) -> float:
    """Where a range that holds no known version would stand among them, oldest first: between two places."""
    bounds = [Version(part.version.removesuffix(".*")) for part in versions]
    return -0.5 + sum(1 for version in known if bounds and version <= max(bounds))


def _providers(problem: Problem, name: str) -> Iterator[Change]:
    """Another provider, with the channels that it needs: 2, and half as much again for each channel to add."""
    requested, project = edits.requested_framework(problem.project, name), problem.project
    if requested.host and not requested.provider:
        return  # it has that of its framework
    now = provider_of(problem.matrix, project, requested)
    for provider, spellings in problem.matrix.frameworks[name].providers.items():
        missing = [channel for channel in _channels_needed(problem, requested, spellings) if channel not in project.channels]
        if provider != now or missing:
            more = f" and channels {', '.join(missing)}" if missing else ""
            yield Change(
                path=("provider", name),
                way=provider,
                text=f"{name} from provider {provider}{more}",
                cost=2 + len(missing) / 2,
                apply=partial(_with_provider, framework=name, provider=provider, channels=missing),
            )


def _with_provider(project: Project, framework: str, provider: str, channels: Sequence[str]) -> Project:
    changed = edits.with_framework(project, framework, provider=provider)
    return edits.edited(changed, channels=(*channels, *project.channels))


def _channels_needed(problem: Problem, requested: RequestedFramework, spellings: Iterable[Spelling]) -> dict[str, None]:
    """The channels that the requested releases need, where these are their spellings."""
    versions = [row.version for row in requested_releases(problem.matrix, requested)]
    rows, variants = [row for row in spellings if any(version in row.releases for version in versions)], wanted_variants(problem)
    return dict.fromkeys(channel for row in rows for channel in row.channels_of(variants))


def _hosts(problem: Problem, name: str) -> Iterator[Change]:
    """Another provider of a companion, or of its framework."""
    yield from _providers(problem, name)
    yield from _providers(problem, edits.requested_framework(problem.project, name).host)


def _channels(problem: Problem, _: str) -> Iterator[Change]:
    for requested in problem.project.frameworks:
        yield from _providers(problem, requested.framework)


def _targets(problem: Problem, name: str) -> Iterator[Change]:
    """Another CUDA: the next target costs 2.5, another major 2 more; the CPU target; and, dearest of all, one target less."""
    project, targets = problem.project, problem.matrix.targets
    row = next(row for row in project.targets if row.name == name)
    own = names_of(row)
    standard = (target for target in targets.values() if target.name in own or not target.own)
    frameworks = [problem.matrix.frameworks[requested.framework] for requested in project.frameworks]
    built_for = frozenset(variant for found in frameworks for variant in found.built) or problem.matrix.built
    built = (target for target in standard if target.cuda and (target.cuda in built_for or target.name in own))
    cudas = sorted(built, key=lambda target: target.cuda or Version("0"))
    taken = {taken for other in project.targets for taken in names_of(other)}
    now = [cudas.index(target) for target in cudas if target.name in own]
    for place, other in enumerate(cudas if now else ()):
        if other.name not in taken:
            yield Change(
                path=("target", name),
                way="newer" if place > min(now) else "older",
                text=_instead(row, other.name),
                cost=min(_distance(cudas, place, one) for one in now),
                apply=partial(edits.with_other_target, name=name, to=other.name),
            )
    for cpu in (target for target in targets.values() if not (target.cuda or target.own or target.name in taken)):
        left_out = [is_left_out(problem.matrix, project, requested, cpu) for requested in project.frameworks]
        if not left_out or not all(left_out):  # a CPU target without any of what was requested is not a repair
            yield _cpu_instead(problem, row, cpu.name)
    if len(project.targets) > 1:
        no_cuda = without_cuda(problem, row) is not None
        without, cost = partial(edits.without_target, name=name), 3 if no_cuda else 12
        yield Change(path=("without target", name), text=f"drop {_shown(row)}", cost=cost, apply=without, gives_up=not no_cuda)


def _distance(cudas: Sequence[Target], place: int, now: int) -> float:
    majors = {cuda.major for one in (place, now) if (cuda := cudas[one].cuda)}
    return 2 + abs(place - now) / 2 + (2 if len(majors) > 1 else 0)


def _cpu_instead(problem: Problem, row: RequestedTarget, cpu: str) -> Change:
    """The CPU target: all that there is where a platform has no CUDA, and much to give up elsewhere."""
    has_cuda = without_cuda(problem, row) is None
    return Change(
        path=(CPU_INSTEAD, row.name),
        text=_instead(row, cpu),
        cost=11 if has_cuda else 3,
        apply=partial(edits.with_other_target, name=row.name, to=cpu),
        gives_up=has_cuda,
        last_resort=has_cuda,
    )


def _instead(row: RequestedTarget, other: str) -> str:
    return f"target {other} instead of `{row.name}`" if isinstance(row, OpenTarget) else f"target {row.name} -> {other}"


def _shown(row: RequestedTarget) -> str:
    return f"`{row.name}`" if isinstance(row, OpenTarget) else f"target {row.name}"


def _drivers(problem: Problem, target: str) -> Iterator[Change]:
    """A newer driver, as new as a fact asks for: it must be installed on every machine, or on every machine of a target."""
    have, toolkits = problem.project.for_target(target).driver, problem.matrix.toolkits.values()
    where = f"machine of target {target}" if target else "machine"
    named = {driver for toolkit in toolkits for driver in (*toolkit.floor.values(), *toolkit.driver.values())}
    for driver in sorted(driver for driver in named if have and driver > have):
        text = f"driver {driver_text(have or driver)} -> {driver_text(driver)} on every {where}"
        apply = partial(edits.with_target, name=target, driver=driver) if target else partial(edits.edited, driver=driver)
        yield Change(path=("driver", target) if target else ("driver",), text=text, cost=6, apply=apply)


def _gpus(problem: Problem, written: str) -> Iterator[Change]:
    if len(problem.project.gpus) > 1 and written in {gpu.written for gpu in problem.project.gpus}:
        without = partial(edits.without_gpu, written=written)
        yield Change(path=("gpu", written), text=f"drop {written} from gpus:", cost=7, apply=without, gives_up=True)
    for row in (row for row in problem.project.targets if len(row.gpus) > 1 and written.startswith(f"{row.name} ")):
        gpu = written.removeprefix(f"{row.name} ")
        apply = partial(edits.without_target_gpu, name=row.name, written=gpu)
        text = f"drop {gpu} from gpus: of target {row.name}"
        yield Change(path=("gpu", written), text=text, cost=7, apply=apply, gives_up=True)


def _frameworks(problem: Problem, name: str) -> Iterator[Change]:
    return without_framework(problem.project, name)


def without_framework(project: Project, name: str) -> Iterator[Change]:
    """The project without a companion, or without a framework where that is not all."""
    host = edits.requested_framework(project, name).host
    if host or any(name not in (row.framework, row.host) for row in project.frameworks):
        text, cost = (f"{host} without {name}", 5) if host else (f"move {name} to a project of its own", 9)
        without = partial(edits.without_framework, name=name)
        yield Change(path=("framework", name), text=text, cost=cost, apply=without, gives_up=True)


def _platforms(problem: Problem, _: str) -> Iterator[Change]:
    """Machines of another platform: worth a thought where those of the project run its environments, too, or have no CUDA."""
    project = problem.project
    no_cuda = any(without_cuda(problem, row) for row in project.targets)
    known = sorted({platform for target in problem.matrix.targets.values() for platform in target.platforms})
    for platform in (platform for platform in known if platform not in project.platforms):
        added = partial(edits.edited, platforms=tuple(sorted({*project.platforms, platform})))
        runs = [problem.matrix.also_runs[own] for own in project.platforms if own in problem.matrix.also_runs]
        why = "".join(f": {reason.text}" for other, reason in runs if other == platform)
        yield Change(
            path=("platforms",),
            text=f"add platform {platform}{why}",
            cost=6,
            apply=added,
            gives_up=True,
            last_resort=not (why or no_cuda),
        )


def _target_platforms(_: Problem, name: str) -> Iterator[Change]:
    without = partial(edits.with_target, name=name, platforms=None)
    yield Change(path=("target platforms", name), text=f"drop platforms: of target {name}", cost=4, apply=without)


def _virtual_packages(problem: Problem, name: str) -> Iterator[Change]:
    """Promise more of the machines: what a constraint asks for."""
    target, _, package = name.rpartition(" ")
    needs = [need for row in problem.matrix.constraints if not row.warn for need in row.need if f"__{need.axis}" == package]
    versions = {Version(part.version) for need in needs for part in need.versions or ()}
    values = [*map(str, sorted(versions)), *(f"1 {level}" for level in sorted({level for need in needs for level in need.names}))]
    for value in values:
        yield Change(
            path=("virtual package", target, package),
            text=f"target {target}: virtual-packages {package} {value}, if every machine has it",
            cost=4,
            apply=partial(edits.with_promise, name=target, package=package, value=value),
        )


def _dependencies(problem: Problem, spec: str) -> Iterator[Change]:
    """Any version of a dependency: what bounds it then narrows it."""
    project = problem.project
    found = chain(project.dependencies, *(target.dependencies for target in project.targets))
    for dependency in dict.fromkeys(one for one in found if one.spec == spec):
        loosened = partial(edits.with_any_version, dependency=dependency)
        text = f"dependencies {spec} -> {dependency.name}"
        yield Change(path=("dependency", spec), text=text, cost=2, apply=loosened)


_CHANGES: dict[str, Callable[[Problem, str], Iterator[Change]]] = {
    "python": _pythons,
    "version": _versions,
    "provider": _providers,
    "built against": _hosts,
    "published": _providers,
    "builds": _providers,
    "pythons": _providers,
    "needed channels": _providers,
    "channels": _channels,
    "target": _targets,
    "driver": _drivers,
    "gpu": _gpus,
    "framework": _frameworks,
    "platforms": _platforms,
    "target platforms": _target_platforms,
    "virtual packages": _virtual_packages,
    "default virtual package": _virtual_packages,
    "dependency": _dependencies,
}
