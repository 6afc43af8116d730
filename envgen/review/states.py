"""What some facts make of the targets of a project, without a solve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from envgen.explain.explain import conflict
from envgen.formats import conda_lock
from envgen.lock.hold import Hold, held_choices, stamped
from envgen.lock.plan import rendered
from envgen.lock.render import digest
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, Platform, Reason
from envgen.model.impact import TargetState
from envgen.model.layout import LOCK, Layout
from envgen.model.project import Project
from envgen.model.resolution import Resolution
from envgen.model.run import Stamp
from envgen.project.cached import cached_project
from envgen.resolver import specs
from envgen.resolver.resolve import Problem, Unsatisfiable, answer, unsatisfiable

_SHOWN = 3  # parts of a conflict in one line


def states(layout: Layout, matrix: Matrix, name: str, *, told: bool = True) -> Iterator[TargetState]:
    """Each target of a project as these facts make it; where they make nothing of it, why. The facts of that only if `told`."""
    try:
        yield from tuple(_states(layout, matrix, name, told=told))
    except BadInput as error:
        shown = layout.shown(layout.project(name))
        yield TargetState(at=Address(shown, 1, 1), name="", why=f"{error.where or shown}: {error.what}")


def _states(layout: Layout, matrix: Matrix, name: str, *, told: bool) -> Iterator[TargetState]:
    try:
        project = cached_project(layout, matrix, name)
        newest = answer(Problem(matrix, project))
        if newest is None:
            raise unsatisfiable(Problem(matrix, project))
    except Unsatisfiable as error:
        yield from _without_choice(error, _why(error) if told else error.what)
        return
    stamps = {row.name: stamp for row in project.targets if (stamp := _stamp(layout, name, row.name))}
    chosen = {row.target.name: row for row in least(matrix, project, stamps) or newest}
    for requested, best in zip(project.targets, newest, strict=True):
        yield _state(layout, chosen.get(requested.name, best), best)


def _why(error: Unsatisfiable) -> str:
    """What conflicts in a project that has no choice."""
    found = conflict(error.problem)
    parts: Sequence[Reason] = (*found.facts, *found.requirements)
    more = f", and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return f"{'; '.join(str(part) for part in parts[:_SHOWN])}{more}"


def _without_choice(error: Unsatisfiable, why: str) -> Iterator[TargetState]:
    """The targets of a project that has no choice."""
    for row in error.problem.project.targets:
        yield TargetState(at=row.at, name=row.name, why=why)


def least(matrix: Matrix, project: Project, stamps: Mapping[str, Stamp]) -> Sequence[Resolution] | None:
    """What `lock` chooses, as far as the facts decide: no choice of the locks moves that could stay.

    The records may refuse what the facts allow; then `lock` goes on to the next choice. None where there is none at all.
    """
    held = held_choices(matrix, project, stamps)
    whole = Hold(stamps=stamps, python=True, whole=frozenset(stamps))
    if len(held) == len(project.targets):
        return tuple(held[row.name] for row in project.targets)
    best = answer(whole.problem(matrix, project)) if stamps else None
    return best or _one_by_one(matrix, project, stamps, frozenset(held))


def _one_by_one(matrix: Matrix, project: Project, stamps: Mapping[str, Stamp], held: frozenset[str]) -> Sequence[Resolution] | None:
    """Hold one choice after the other, as long as there is an answer, in the order of `lock`."""
    best, hold = answer(Problem(matrix, project)), Hold(stamps=stamps)
    alone = [Hold(stamps={}, frameworks=frozenset({row.framework})) for row in project.frameworks]
    for add in (Hold(stamps={}, python=True), *([Hold(stamps={}, whole=held)] if held else []), *alone) if stamps else ():
        trial = hold.with_more(add)
        if (found := answer(trial.problem(matrix, project))) and (not add.whole or hold.python):
            hold, best = trial, found
    return best


def _stamp(layout: Layout, project: str, target: str) -> Stamp | None:
    """The stamp of a lock; None where there is none that can be read, which `check` reports."""
    path = layout.target(project, target) / LOCK
    try:
        return conda_lock.read_stamp(layout.read(path), layout.shown(path)) if path.is_file() else None
    except BadInput:
        return None


def _state(layout: Layout, chosen: Resolution, newest: Resolution) -> TargetState:
    files = rendered(layout, chosen)
    driver = next((pin.version for pin in chosen.pins if pin.name.partition(" ")[0] == "driver"), "")
    requested = next(row for row in chosen.project.targets if row.name == chosen.target.name)
    return TargetState(
        at=requested.at,
        name=chosen.target.name,
        cuda=str(chosen.target.cuda) if chosen.target.cuda else "",
        chosen=stamped(chosen),
        newest=stamped(newest),
        asked={platform: tuple(_asked(chosen, platform)) for platform in chosen.platforms},
        files=digest(chosen, files, layout.templates),
        driver=driver.removeprefix(">="),
    )


def _asked(chosen: Resolution, platform: Platform) -> Iterator[str]:
    """What the solver is asked for one platform."""
    request = specs.request(chosen, platform)
    yield from request.specs
    yield from (f"{text} (limit)" for text in request.constraints)
    yield from (f"{name} {value}" for name, value in sorted(request.virtual.items()))
    yield from (f"channel {name}" for name in request.channels)
