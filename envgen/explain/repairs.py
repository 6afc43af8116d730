"""The nearest ways out of a conflict: small changes to the project, each proven by resolving again. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import product

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.explain.conflict import smallest
from envgen.explain.demands import wish_of, with_target, with_wish, without_companion
from envgen.explain.model import Change, Part, Repair
from envgen.explain.phrases import asked
from envgen.matrix.constraints import within
from envgen.model.facts import Project, RequestedFramework, RequestedTarget, driver_text
from envgen.resolver.cells import minors_in, provider_of
from envgen.resolver.resolve import Problem, answer, possible, seen

SHOWN = 6  # ways out that a person is shown
_STARTS = 8  # single changes that a second change is looked for beside


def ways_out(question: Problem, parts: Iterable[Part], reduced: Problem) -> tuple[Repair, ...]:
    """The nearest ways out of the conflict that `parts` are, fewest changes first, then the cheapest.

    `reduced` is the question in which nothing but that conflict is left. Where no single change helps, there is another conflict
    behind it: then each change that ends the first is tried together with those that end the second.
    """
    singles = sorted((change for part in parts for change in changes(question, part)), key=lambda change: change.cost)
    found = _helping(question, ((change,) for change in singles))
    if not found:
        starts = [way.changes[0] for way in _helping(reduced, ((change,) for change in singles))][:_STARTS]
        found = _helping(question, sorted((pair for start in starts for pair in _pairs(question, start)), key=_cost))
    return tuple(sorted(found, key=lambda way: (len(way.changes), way.cost))[:SHOWN])


def _cost(found: tuple[Change, ...]) -> float:
    return sum(change.cost for change in found)


def _pairs(question: Problem, start: Change) -> Iterator[tuple[Change, ...]]:
    """A change, and each that may end the conflict which it leaves."""
    after = replace(question, project=start.apply(question.project))
    if after.project.targets and not possible(after):
        for part in smallest(after)[0]:
            yield from ((start, change) for change in changes(after, part) if change.path != start.path)


def _helping(question: Problem, candidates: Iterable[tuple[Change, ...]]) -> list[Repair]:
    """Those that help; of the changes along one path only the nearest, and each set of changes once."""
    done: set[frozenset[tuple[str, ...]]] = set()
    found: list[Repair] = []
    for candidate in candidates:
        paths = frozenset(change.path for change in candidate)
        if paths in done:
            continue
        project = question.project
        for change in candidate:
            project = change.apply(project)
        gives = answer(replace(question, project=project)) if project.targets else None
        if gives:
            done.add(paths)
            found.append(Repair(candidate, gives))
    return found


# --- what could be changed ------------------------------------------------------------------------------------------------


def changes(question: Problem, part: Part) -> Iterator[Change]:
    """The changes of one part of a conflict, for the facts and wishes of `question`."""
    found = _CHANGES.get(part.kind)
    if found:
        yield from found(question, part.name)


def _pythons(question: Problem, _: str) -> Iterator[Change]:
    """Another minor: a step costs 1."""
    project, known = question.project, sorted(question.matrix.pythons)
    inside = [known.index(minor) for minor in minors_in(project.python, known)] or [len(known)]
    for place, minor in enumerate(known):
        if place not in inside:
            lower = place < min(inside)
            distance = min(abs(place - other) for other in inside)
            text = f"python {project.python_text} -> {minor}"
            only = {"python": SpecifierSet(f"=={minor}.*"), "python_text": str(minor)}
            yield Change(
                path=("python", "down" if lower else "up"),
                text=text,
                cost=distance,
                apply=lambda p, only=only: replace(p, **only),  # type: ignore[misc]
            )


def _versions(question: Problem, name: str) -> Iterator[Change]:
    """Another release: the next one costs 1.5, each further one half as much again."""
    wish, releases = wish_of(question.project, name), question.matrix.frameworks[name].releases
    places = [float(releases.index(row)) for row in seen(question, wish)] or [_gap(question, wish)]
    for place, release in enumerate(releases):
        if place not in places:
            newer = place < min(places)
            distance = min(abs(place - other) for other in places)
            only = {"versions": SpecifierSet(f"=={release.version}"), "text": str(release.version)}
            yield Change(
                path=("version", name, "newer" if newer else "older"),
                text=f"{asked(wish)} -> {release.version}",
                cost=1 + distance / 2,
                apply=lambda p, only=only: with_wish(p, name, lambda w: replace(w, **only)),  # type: ignore[misc]
            )


def _gap(question: Problem, wish: RequestedFramework) -> float:
    """Where a release that the matrices do not know would stand in their list: between two places."""
    bounds = [Version(part.version.removesuffix(".*")) for part in wish.versions]
    return -0.5 + sum(1 for row in question.matrix.frameworks[wish.framework].releases if row.version > max(bounds))


def _providers(question: Problem, name: str) -> Iterator[Change]:
    wish, project = wish_of(question.project, name), question.project
    now = provider_of(question.matrix, project, wish)
    for provider, spellings in question.matrix.frameworks[name].providers.items():
        needed = tuple(
            dict.fromkeys(channel for row in spellings for channel in row.channels if _covers(question, wish, row.releases))
        )
        missing = tuple(channel for channel in needed if channel not in project.channels)
        if provider != now or missing:
            more = f" and channels {', '.join(missing)}" if missing else ""
            yield Change(
                path=("provider", name, provider),
                text=f"{name} from provider {provider}{more}",
                cost=2 + len(missing) / 2,
                apply=lambda p, to=provider, missing=missing: replace(  # type: ignore[misc]
                    with_wish(p, name, lambda w: replace(w, provider=to)), channels=(*missing, *p.channels)
                ),
            )


def _covers(question: Problem, wish: RequestedFramework, releases: SpecifierSet) -> bool:
    return any(within(releases, row.version) for row in seen(question, wish))


def _channels(question: Problem, _: str) -> Iterator[Change]:
    for wish in question.project.frameworks:
        yield from _providers(question, wish.framework)


def _targets(question: Problem, name: str) -> Iterator[Change]:
    """Another CUDA: the next target costs 2.5, another major 2 more; and, dearest of all, one target less."""
    project, targets = question.project, question.matrix.targets
    cudas = sorted((row for row in targets.values() if row.cuda), key=lambda row: row.cuda or Version("0"))
    taken = {target.name for target in project.targets}
    now = targets[name]
    for place, other in enumerate(cudas if now.cuda else ()):
        if other.name not in taken and other.cuda and now.cuda:
            distance = abs(place - cudas.index(now))
            cost = 2 + distance / 2 + (2 if other.cuda.major != now.cuda.major else 0)
            yield Change(
                path=("target", name, "newer" if other.cuda > now.cuda else "older"),
                text=f"target {name} -> {other.name}",
                cost=cost,
                apply=lambda p, to=other.name: with_target(p, name, lambda t: replace(t, name=to)),  # type: ignore[misc]
            )
    if len(project.targets) > 1:
        yield Change(
            path=("target", name, "without"), text=f"without target {name}", cost=12, apply=lambda p: _without_target(p, name)
        )


def _without_target(project: Project, name: str) -> Project:
    return replace(project, targets=tuple(row for row in project.targets if row.name != name))


def _drivers(question: Problem, _: str) -> Iterator[Change]:
    """A newer driver, as new as a fact asks for: it must be put on every machine."""
    project, matrix = question.project, question.matrix
    asked = {floor for toolkit in matrix.toolkits.values() for floor in (*toolkit.floor.values(), *toolkit.driver.values())}
    for driver in sorted(floor for floor in asked if project.driver and floor > project.driver):
        text = f"driver {driver_text(project.driver or driver)} -> {driver_text(driver)} on every machine"
        yield Change(path=("driver",), text=text, cost=6, apply=lambda p, to=driver: replace(p, driver=to))  # type: ignore[misc]


def _gpus(question: Problem, name: str) -> Iterator[Change]:
    if len(question.project.gpus) > 1:
        left = f"without {name} in gpus:"
        yield Change(
            path=("gpu", name),
            text=left,
            cost=7,
            apply=lambda p: replace(p, gpus=tuple(gpu for gpu in p.gpus if gpu.written != name)),
        )


def _companions(_: Problem, name: str) -> Iterator[Change]:
    framework, companion = name.split(" ")
    yield Change(
        path=("companion", name),
        text=f"{framework} without {companion}",
        cost=5,
        apply=lambda p: without_companion(p, framework, companion),
    )


def _frameworks(question: Problem, name: str) -> Iterator[Change]:
    if len(question.project.frameworks) > 1:
        text = f"{name} in a project of its own"
        others = tuple(wish for wish in question.project.frameworks if wish.framework != name)
        yield Change(path=("framework", name), text=text, cost=9, apply=lambda p: replace(p, frameworks=others))


def _platforms(question: Problem, _: str) -> Iterator[Change]:
    project = question.project
    known = sorted({platform for target in question.matrix.targets.values() for platform in target.platforms})
    for platform in (platform for platform in known if platform not in project.platforms):
        text = f"platforms {', '.join(project.platforms)} -> {platform} as well"
        added = tuple(sorted({*project.platforms, platform}))
        yield Change(path=("platforms",), text=text, cost=6, apply=lambda p, to=added: replace(p, platforms=to))  # type: ignore[misc]


def _target_platforms(_: Problem, name: str) -> Iterator[Change]:
    text = f"target {name} without platforms: of its own"
    yield Change(
        path=("target platforms", name),
        text=text,
        cost=4,
        apply=lambda p: with_target(p, name, lambda t: replace(t, platforms=None)),
    )


def _promises(question: Problem, name: str) -> Iterator[Change]:
    """Promise more of the machines: what a constraint asks for."""
    target = name.split(" ", maxsplit=1)[0]
    needs = [need for row in question.matrix.constraints if not row.warn for need in row.need]
    glibc = {str(part.version) for need in needs if need.axis == "glibc" and need.versions for part in need.versions}
    levels = {level for need in needs if need.axis == "archspec" for level in need.names}
    offered = [
        *product(["__glibc"], sorted(glibc, key=Version)),
        *product(["__archspec"], (f"1 {level}" for level in sorted(levels))),
    ]
    for package, value in offered:
        yield Change(
            path=("promise", target, package),
            text=f"target {target}: virtual-packages {package} {value}, if every machine has it",
            cost=4,
            apply=lambda p, package=package, value=value: with_target(p, target, lambda t: _promising(t, package, value)),  # type: ignore[misc]
        )


def _promising(target: RequestedTarget, package: str, value: str) -> RequestedTarget:
    return replace(target, virtual={**target.virtual, package: value})


_CHANGES: dict[str, Callable[[Problem, str], Iterator[Change]]] = {
    "python": _pythons,
    "version": _versions,
    "provider": _providers,
    "offers": _providers,
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
    "promise": _promises,
    "default promise": _promises,
}
