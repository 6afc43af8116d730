"""What some facts make of the targets of a project, without a solve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envgen.formats import conda_lock
from envgen.lock.hold import stamped
from envgen.lock.plan import rendered
from envgen.lock.render import digest
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Platform, Reason
from envgen.model.impact import TargetState
from envgen.model.layout import LOCK, Layout
from envgen.model.resolution import Resolution
from envgen.model.run import Stamp
from envgen.project.cached import cached_project
from envgen.resolver import specs
from envgen.resolver.resolve import Problem, Unsatisfiable, unsatisfiable
from envgen.review.asks import Asks

_SHOWN = 3  # parts of a conflict in one line


def states(layout: Layout, asks: Asks, name: str, *, told: bool = True) -> Iterator[TargetState]:
    """Each target of a project as some facts make it; where they make nothing of it, why. The facts of that only if `told`."""
    try:
        yield from tuple(_states(layout, asks, name, told=told))
    except BadInput as error:
        shown = layout.shown(layout.project(name))
        yield TargetState(at=Address(shown, 1, 1), name="", why=f"{error.where or shown}: {error.what}")


def _states(layout: Layout, asks: Asks, name: str, *, told: bool) -> Iterator[TargetState]:
    try:
        project = cached_project(layout, asks.matrix, name)
        stamps = {row.name: stamp for row in project.targets if (stamp := _stamp(layout, name, row.name))}
        found = asks.choices(project, stamps)
        if found is None:
            raise unsatisfiable(Problem(asks.matrix, project))
    except Unsatisfiable as error:
        yield from _without_choice(error, asks.told_once(error, _why) if told else error.what)
        return
    chosen = {row.target.name: row for row in found.least}
    for requested, best in zip(project.targets, found.newest, strict=True):
        yield _state(layout, chosen.get(requested.name, best), best)


def _why(error: Unsatisfiable) -> str:
    """What conflicts in a project that has no choice."""
    from envgen.explain.explain import conflict

    found = conflict(error.problem)
    parts: Sequence[Reason] = (*found.facts, *found.requirements)
    more = f", and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return f"{'; '.join(str(part) for part in parts[:_SHOWN])}{more}"


def _without_choice(error: Unsatisfiable, why: str) -> Iterator[TargetState]:
    """The targets of a project that has no choice."""
    for row in error.problem.project.targets:
        yield TargetState(at=row.at, name=row.name, why=why)


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
