"""Matrix + Project -> one Resolution per target, each pin with its reason; or the demands and facts that clash. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from packaging.specifiers import SpecifierSet

from envgen import cell as facts
from envgen.cell import Cell
from envgen.errors import Clash
from envgen.model import (
    Address,
    Choice,
    Conflict,
    Dropped,
    Matrix,
    Pin,
    Platform,
    Project,
    Reason,
    Resolution,
    Target,
    Wish,
    driver_text,
)
from envgen.search import Assignment, Held, Search, named, unasked

# --- the project as a whole -----------------------------------------------------------------------------------------------


def resolve(matrix: Matrix, project: Project, held: Held = unasked) -> tuple[Resolution, ...]:
    """The best choice for every target of the project, in the project's order.

    Raises Clash with the smallest set of the project's demands that cannot be met together.
    """
    search = Search(matrix, project, held)
    served = _served(search)
    found = _best(search, served)
    if found is None:
        raise _clash(matrix, project, held)
    return tuple(_resolution(search, wish.name, *served[wish.name], found) for wish in project.targets)


def _best(search: Search, served: Mapping[str, tuple[tuple[Cell, ...], tuple[Dropped, ...]]]) -> Assignment | None:
    """The best assignment, when every target has a platform left."""
    cells = {name: cells for name, (cells, _) in served.items()}
    return search.best(cells) if all(cells.values()) else None


def _served(search: Search) -> dict[str, tuple[tuple[Cell, ...], tuple[Dropped, ...]]]:
    """For each target the cells that some choice can serve, and the platforms that none can."""
    matrix, project = search.matrix, search.project
    result: dict[str, tuple[tuple[Cell, ...], tuple[Dropped, ...]]] = {}
    for wish in project.targets:
        target = facts.with_overrides(matrix.targets[wish.name], wish)
        platforms = wish.platforms or project.platforms
        result[wish.name] = _cells(search, target, platforms, older=False)
        if target.cuda and not result[wish.name][0]:  # no build for just this CUDA anywhere: an older minor runs with it
            older = _cells(search, target, platforms, older=True)
            result[wish.name] = older if older[0] else result[wish.name]
    return result


def _cells(
    search: Search, target: Target, platforms: tuple[Platform, ...], *, older: bool
) -> tuple[tuple[Cell, ...], tuple[Dropped, ...]]:
    cells, dropped = [], []
    for platform in platforms:
        if platform not in target.platforms:
            dropped.append(Dropped(platform, Reason(f"target {target.name} is not for {platform}", target.at)))
            continue
        where = facts.cell(search.matrix, search.project, target, platform, older=older)
        reason = _unserved(search, target, where)
        if reason:
            dropped.append(Dropped(platform, reason))
        else:
            cells.append(where)
    return tuple(cells), tuple(dropped)


def _unserved(search: Search, target: Target, where: Cell) -> Reason | None:
    if where.dead:
        search.refuse(where.dead, target.name)
        return where.dead
    missing = next(filter(None, (search.never_built(wish, where) for wish in search.project.frameworks)), None)
    if missing:
        search.refuse(missing, target.name)
        return missing
    before = set(search.obstacles)
    if search.walk({target.name: (where,)}, dict.fromkeys(search.project.frameworks, 0)):
        return None
    fresh = [reason for reason in search.obstacles if reason not in before] or list(search.obstacles)
    return fresh[0] if fresh else Reason(f"python: nothing in {search.project.python_text}", search.project.at("python"))


def _resolution(
    search: Search,
    name: str,
    cells: tuple[Cell, ...],
    dropped: tuple[Dropped, ...],
    found: Assignment,
) -> Resolution:
    project, matrix, target, python = search.project, search.matrix, cells[0].target, found.python
    choices = tuple(option.choice for (_, owner), option in found.options.items() if owner == name)
    wish = next(row for row in project.targets if row.name == name)
    known = facts.decided(choices, python)
    said = dict.fromkeys(reason for where in cells for reason in facts.warnings(matrix, where, known))
    return Resolution(
        project=project,
        target=target,
        platforms=tuple(where.platform for where in cells),
        dropped=dropped,
        python=python,
        choices=choices,
        pins=tuple(_pins(search, target, choices, found)),
        dependencies=(*project.dependencies, *wish.dependencies),
        excluded=matrix.toolkits[target.cuda].excludes if target.cuda else (),
        warnings=tuple(said),
        obstacles=tuple(sorted(search.obstacles.values(), key=lambda obstacle: obstacle.target != name)),
    )


def _pins(search: Search, target: Target, choices: tuple[Choice, ...], found: Assignment) -> Iterator[Pin]:
    project, matrix = search.project, search.matrix
    shared = f"newest python that {', '.join(wish.name for wish in project.targets)} share within {project.python_text}"
    yield Pin("python", str(found.python), (Reason(shared, project.at("python")),))
    for choice in choices:
        wish = next(row for row in project.frameworks if row.framework == choice.release.framework)
        yield Pin(choice.release.framework, str(choice.release.version), tuple(_why(search, target, wish, choice, found)))
        if choice.variant != target.cuda:
            text = (
                f"no build of {named(choice)} is for CUDA {target.cuda}; by minor-version compatibility one for an older minor runs"
            )
            yield Pin(f"{choice.release.framework} build", f"CUDA {choice.variant}", (Reason(text, choice.release.at),))
        for name in choice.companions:
            reason = Reason(f"the {name} of {named(choice)}", choice.release.at)
            yield Pin(name, choice.release.companions[name], (reason,))
    if target.cuda:
        toolkit = matrix.toolkits[target.cuda]
        yield Pin("cuda", str(target.cuda), (Reason(f"target {target.name}", target.at),))
        floor = ", ".join(f"{driver_text(version)} ({kind})" for kind, version in toolkit.floor.items())
        yield Pin("driver", f">={floor}", (Reason(f"driver floor of CUDA {target.cuda}: {toolkit.because}", toolkit.at),))
    bound = facts.cudnn_pin(matrix, project, target)
    if bound:
        yield Pin("cudnn", bound[0], (bound[1],))


def _why(search: Search, target: Target, wish: Wish, choice: Choice, found: Assignment) -> Iterator[Reason]:
    """The demand behind a choice, and what stopped the next newer release."""
    yield Reason(f"newest of {wish.framework} {wish.text} from {choice.provider} for {target.name}", wish.at)
    newer = [r for r in search.matrix.frameworks[wish.framework].releases if r.version > choice.release.version]
    if not newer:
        return
    following = newer[-1]
    if following.version not in wish.versions:
        yield Reason(f"{wish.framework} {following.version} is outside {wish.text}", wish.at)
        return
    stopped = [obstacle for obstacle in search.obstacles.values() if obstacle.release == following.at]
    mine = [obstacle.reason for obstacle in stopped if obstacle.target == target.name]
    if stopped:
        yield mine[0] if mine else Reason(f"{stopped[0].target}: {stopped[0].reason.text}", stopped[0].reason.at)
        return
    same = [name for (other, name), option in found.options.items() if other is wish and option.choice.release is choice.release]
    others = ", ".join(name for name in same if name != target.name)
    because = (
        f"{others} cannot follow to {following.version} (align: true)" if others else "no python is shared with the other targets"
    )
    yield Reason(f"{wish.framework} {following.version}: {because}", search.project.at("align"))


# --- conflicts ------------------------------------------------------------------------------------------------------------


def _clash(matrix: Matrix, project: Project, held: Held) -> Clash:
    """Drop demands one by one; those that cannot be dropped without making the project solvable are the conflict.

    Until a round drops nothing: with one demand less a platform can come back, and with it what it asks for.
    """
    needed: list[Reason] = []
    shrinking = True
    while shrinking:
        needed, shrinking = [], False
        for reason, without in _demands(project):
            smaller = without(project)
            if _feasible(matrix, smaller, held):
                needed.append(reason)
            elif smaller != project:
                project, shrinking = smaller, True
    search = Search(matrix, project, held)
    _best(search, _served(search))
    conflict = Conflict(project.name, tuple(needed), _telling(matrix, project, search.obstacles))
    return Clash(
        f"{project.name}: no choice meets every demand",
        conflict=conflict,
        where=project.at(""),
        hint="change or drop one of these demands",
    )


def _telling(matrix: Matrix, project: Project, obstacles: Iterable[Reason]) -> tuple[Reason, ...]:
    """A handful of reasons: those about the project first, then facts about hardware, then single releases."""
    releases = {release.at for framework in matrix.frameworks.values() for release in framework.releases}
    own = set(project.addresses.values())
    return tuple(sorted(obstacles, key=lambda reason: (reason.at not in own, reason.at in releases))[:6])


def _feasible(matrix: Matrix, project: Project, held: Held) -> bool:
    search = Search(matrix, project, held)
    return _best(search, _served(search)) is not None


Without = Callable[[Project], Project]


def _demands(project: Project) -> Iterator[tuple[Reason, Without]]:
    """Everything that a project could give up, and how it would look without."""
    for target in project.targets:
        yield Reason(f"target {target.name}", target.at), partial(_without_target, name=target.name)
    for wish in project.frameworks:
        if wish.companions:
            what = f"{wish.framework} with {', '.join(wish.companions)}"
            yield Reason(what, wish.at), partial(_with_wish, at=wish.at, companions=())
        what = f"{wish.framework} {wish.text}"
        yield Reason(what, wish.at), partial(_with_wish, at=wish.at, versions=SpecifierSet(), text="any version")
    if project.driver:
        yield Reason(f"driver {driver_text(project.driver)}", project.at("driver")), partial(replace, driver=None)
    if project.gpus:
        yield Reason(f"gpus {', '.join(project.gpus)}", project.at("gpus")), partial(replace, gpus=())
    anything = partial(replace, python=SpecifierSet(), python_text="any python")
    yield Reason(f"python {project.python_text}", project.at("python")), anything


def _without_target(project: Project, name: str) -> Project:
    return replace(project, targets=tuple(wish for wish in project.targets if wish.name != name))


def _with_wish(project: Project, at: Address, **changes: Any) -> Project:
    """The wish is found by its address: an earlier step may have changed it."""
    return replace(project, frameworks=tuple(replace(w, **changes) if w.at == at else w for w in project.frameworks))
