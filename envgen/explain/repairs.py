"""The nearest repairs of a conflict: small changes to the project, each proven by resolving again. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, product

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.explain import edits
from envgen.explain.conflict import smallest
from envgen.explain.model import Change, Part, Repair
from envgen.model.facts import Project, RequestedFramework, Spelling, driver_text
from envgen.model.requested import provider_of
from envgen.model.resolution import Resolution
from envgen.resolver.candidates import requested_releases, requirement_text
from envgen.resolver.cells import minors_in
from envgen.resolver.resolve import Problem, answer, possible

SHOWN = 6  # repairs that a person is shown
_STARTS = 8  # single changes beside which a second change is looked for


def repairs(problem: Problem, parts: Iterable[Part], reduced: Sequence[Problem]) -> tuple[Repair, ...]:
    """The nearest repairs of the conflict that `parts` are, fewest changes first, then the cheapest.

    `reduced` are the problems in which nothing but that conflict is left. Where no single change helps, there is a second conflict
    behind it: then each change that ends the first is tried together with those that end the second.
    """
    singles = sorted((change for part in parts for change in changes(problem, part)), key=lambda change: change.cost)
    found = _helping((problem,), ((change,) for change in singles))
    if not found:
        starts = [repair.changes[0] for repair in _helping(reduced, ((change,) for change in singles))][:_STARTS]
        found = _helping((problem,), sorted((pair for start in starts for pair in _pairs(problem, start)), key=_cost))
    return tuple(sorted(found, key=lambda repair: (len(repair.changes), repair.cost))[:SHOWN])


def _cost(changes: tuple[Change, ...]) -> float:
    return sum(change.cost for change in changes)


def _pairs(problem: Problem, start: Change) -> Iterator[tuple[Change, ...]]:
    """A change, and each that may end the conflict which it leaves."""
    after = replace(problem, project=start.apply(problem.project))
    if after.project.targets and not possible(after):
        for part in smallest(after)[0]:
            yield from ((start, change) for change in changes(after, part) if change.path != start.path)


def _helping(problems: Sequence[Problem], candidates: Iterable[tuple[Change, ...]]) -> list[Repair]:
    """Those that help one of some problems; of the changes along one path only the nearest, and each set of changes once."""
    done: set[frozenset[tuple[str, ...]]] = set()
    found: list[Repair] = []
    for candidate in candidates:
        paths = frozenset(change.path for change in candidate)
        resolutions = None if paths in done else next(filter(None, (_after(problem, candidate) for problem in problems)), None)
        if resolutions:
            done.add(paths)
            found.append(Repair(candidate, resolutions))
    return found


def _after(problem: Problem, changes: Iterable[Change]) -> tuple[Resolution, ...] | None:
    """What a problem resolves to with some changes; None where it has no answer, or asks for nothing."""
    project = problem.project
    for change in changes:
        project = change.apply(project)
    return answer(replace(problem, project=project)) if project.targets else None


# --- what could be changed ------------------------------------------------------------------------------------------------


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
                path=("python", "down" if place < min(places) else "up"),
                text=f"python {project.python_text} -> {minor}",
                cost=min(abs(place - other) for other in places),
                apply=partial(edits.with_python, python=minor),
            )


def _versions(problem: Problem, name: str) -> Iterator[Change]:
    """Another release: the next one costs 1.5, each further one half as much again."""
    requested = edits.requested_framework(problem.project, name)
    releases = sorted(problem.matrix.frameworks[name].releases, key=lambda release: release.version)
    inside = requested_releases(problem.matrix, requested)
    gap = _gap(requested.versions, [release.version for release in releases])
    places = [float(releases.index(row)) for row in inside] or [gap]
    for place, release in reversed(list(enumerate(releases))):
        if place not in places:
            yield Change(
                path=("version", name, "newer" if place > max(places) else "older"),
                text=f"{requirement_text(requested)} -> {release.version}",
                cost=1 + min(abs(place - other) for other in places) / 2,
                apply=partial(edits.with_release, framework=name, version=release.version),
            )


def _gap(versions: SpecifierSet, known: Sequence[Version]) -> float:
    """Where a range that holds no known version would stand among them, oldest first: between two places."""
    bounds = [Version(part.version.removesuffix(".*")) for part in versions]
    return -0.5 + sum(1 for version in known if bounds and version <= max(bounds))


def _providers(problem: Problem, name: str) -> Iterator[Change]:
    """Another provider, with the channels that it needs: 2, and half as much again for each channel to add."""
    requested, project = edits.requested_framework(problem.project, name), problem.project
    now = provider_of(problem.matrix, project, requested)
    for provider, spellings in problem.matrix.frameworks[name].providers.items():
        missing = [channel for channel in _channels_needed(problem, requested, spellings) if channel not in project.channels]
        if provider != now or missing:
            more = f" and channels {', '.join(missing)}" if missing else ""
            yield Change(
                path=("provider", name, provider),
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
    return dict.fromkeys(
        channel for row in spellings if any(version in row.releases for version in versions) for channel in row.channels
    )


def _channels(problem: Problem, _: str) -> Iterator[Change]:
    for requested in problem.project.frameworks:
        yield from _providers(problem, requested.framework)


def _targets(problem: Problem, name: str) -> Iterator[Change]:
    """Another CUDA: the next target costs 2.5, another major 2 more; and, dearest of all, one target less."""
    project, targets = problem.project, problem.matrix.targets
    built = (row for row in targets.values() if row.cuda and (row.cuda in problem.matrix.built or row.name == name))
    cudas = sorted(built, key=lambda row: row.cuda or Version("0"))
    taken = {target.name for target in project.targets}
    now = targets[name]
    for place, other in enumerate(cudas if now.cuda else ()):
        if other.name not in taken and other.cuda and now.cuda:
            distance = abs(place - cudas.index(now))
            yield Change(
                path=("target", name, "newer" if other.cuda > now.cuda else "older"),
                text=f"target {name} -> {other.name}",
                cost=2 + distance / 2 + (2 if other.cuda.major != now.cuda.major else 0),
                apply=partial(_renamed_target, name=name, to=other.name),
            )
    if len(project.targets) > 1:
        without = partial(edits.without_target, name=name)
        yield Change(path=("target", name, "without"), text=f"drop target {name}", cost=12, apply=without)


def _renamed_target(project: Project, name: str, to: str) -> Project:
    rows = (replace(row, name=to) if row.name == name else row for row in project.targets)
    return edits.edited(project, targets=tuple(rows))


def _drivers(problem: Problem, _: str) -> Iterator[Change]:
    """A newer driver, as new as a fact asks for: it must be installed on every machine."""
    have, toolkits = problem.project.driver, problem.matrix.toolkits.values()
    named = {driver for toolkit in toolkits for driver in (*toolkit.floor.values(), *toolkit.driver.values())}
    for driver in sorted(driver for driver in named if have and driver > have):
        text = f"driver {driver_text(have or driver)} -> {driver_text(driver)} on every machine"
        yield Change(path=("driver",), text=text, cost=6, apply=partial(edits.edited, driver=driver))


def _gpus(problem: Problem, written: str) -> Iterator[Change]:
    if len(problem.project.gpus) > 1:
        without = partial(edits.without_gpu, written=written)
        yield Change(path=("gpu", written), text=f"drop {written} from gpus:", cost=7, apply=without)


def _companions(_: Problem, name: str) -> Iterator[Change]:
    framework, companion = name.split(" ")
    without = partial(edits.without_companion, framework=framework, companion=companion)
    yield Change(path=("companion", name), text=f"{framework} without {companion}", cost=5, apply=without)


def _frameworks(problem: Problem, name: str) -> Iterator[Change]:
    if len(problem.project.frameworks) > 1:
        without = partial(edits.without_framework, name=name)
        yield Change(path=("framework", name), text=f"move {name} to a project of its own", cost=9, apply=without)


def _platforms(problem: Problem, _: str) -> Iterator[Change]:
    project = problem.project
    known = sorted({platform for target in problem.matrix.targets.values() for platform in target.platforms})
    for platform in (platform for platform in known if platform not in project.platforms):
        added = partial(edits.edited, platforms=tuple(sorted({*project.platforms, platform})))
        yield Change(path=("platforms",), text=f"add platform {platform}", cost=6, apply=added)


def _target_platforms(_: Problem, name: str) -> Iterator[Change]:
    without = partial(edits.with_target, name=name, platforms=None)
    yield Change(path=("target platforms", name), text=f"drop platforms: of target {name}", cost=4, apply=without)


def _virtual_packages(problem: Problem, name: str) -> Iterator[Change]:
    """Promise more of the machines: what a constraint asks for."""
    target = name.split(" ", maxsplit=1)[0]
    needs = [need for row in problem.matrix.constraints if not row.warn for need in row.need]
    glibc = {str(part.version) for need in needs if need.axis == "glibc" and need.versions for part in need.versions}
    levels = {level for need in needs if need.axis == "archspec" for level in need.names}
    promises = (
        *product(["__glibc"], sorted(glibc, key=Version)),
        *product(["__archspec"], (f"1 {level}" for level in sorted(levels))),
    )
    for package, value in promises:
        yield Change(
            path=("virtual package", target, package),
            text=f"target {target}: virtual-packages {package} {value}, if every machine has it",
            cost=4,
            apply=partial(_promising, target=target, package=package, value=value),
        )


def _promising(project: Project, target: str, package: str, value: str) -> Project:
    before = next((row.virtual for row in project.targets if row.name == target), {})
    return edits.with_target(project, target, virtual={**before, package: value})


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
    "published": _providers,
    "builds": _providers,
    "pythons": _providers,
    "needed channels": _providers,
    "channels": _channels,
    "target": _targets,
    "driver": _drivers,
    "gpu": _gpus,
    "companion": _companions,
    "framework": _frameworks,
    "platforms": _platforms,
    "target platforms": _target_platforms,
    "virtual packages": _virtual_packages,
    "default virtual package": _virtual_packages,
    "dependency": _dependencies,
}
