"""What some facts make of the targets of a project, without a solve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envgen.lock.hold import stamped
from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Reason
from envgen.model.impact import TargetState
from envgen.model.layout import Layout
from envgen.model.packages import SolveRequest
from envgen.model.resolution import Resolution
from envgen.project.cached import cached_project
from envgen.resolver import specs
from envgen.resolver.resolve import Problem, Unsatisfiable, unsatisfiable
from envgen.review.asks import Asks
from envgen.review.shared import Shared

_SHOWN = 3  # parts of a conflict in one line


def states(layout: Layout, asks: Asks, name: str, shared: Shared | None = None, *, told: bool = True) -> Iterator[TargetState]:
    """Each target of a project as some facts make it; where they make nothing of it, why. The facts of that only if `told`.

    What is `shared` with other facts is not read and made again.
    """
    try:
        yield from tuple(_states(layout, asks, name, shared or Shared(layout), told=told))
    except BadInput as error:
        shown = layout.shown(layout.project(name))
        yield TargetState(at=Address(shown, 1, 1), name="", why=f"{error.where or shown}: {error.what}")


def _states(layout: Layout, asks: Asks, name: str, shared: Shared, *, told: bool) -> Iterator[TargetState]:
    try:
        project = cached_project(layout, asks.matrix, name)
        stamps = shared.stamps(name)
        found = asks.choices(project, {row.name: stamps[row.name] for row in project.targets if row.name in stamps})
        if found is None:
            raise unsatisfiable(Problem(asks.matrix, project))
    except Unsatisfiable as error:
        yield from _without_choice(error, asks.told_once(error, _why) if told else error.what)
        return
    chosen = {row.target.name: row for row in found.least}
    for requested, best in zip(project.targets, found.newest, strict=True):
        yield _state(layout, chosen.get(requested.name, best), best, shared)


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


def _state(layout: Layout, chosen: Resolution, newest: Resolution, shared: Shared) -> TargetState:
    requests = specs.requests(chosen)
    driver = next((pin.version for pin in chosen.pins if pin.name.partition(" ")[0] == "driver"), "")
    requested = next(row for row in chosen.project.targets if row.name == chosen.target.name)
    return TargetState(
        at=requested.at,
        name=chosen.target.name,
        cuda=str(chosen.target.cuda) if chosen.target.cuda else "",
        chosen=stamped(chosen),
        newest=stamped(newest),
        asked={request.platform: tuple(_asked(request)) for request in requests},
        files=shared.files(layout, chosen, requests),
        driver=driver.removeprefix(">="),
    )


def _asked(request: SolveRequest) -> Iterator[str]:
    """What the solver is asked for one platform."""
    yield from request.specs
    yield from (f"{text} (limit)" for text in request.constraints)
    yield from (f"{name} {value}" for name, value in sorted(request.virtual.items()))
    yield from (f"channel {name}" for name in request.channels)
