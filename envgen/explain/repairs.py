"""The nearest repairs of a conflict: small changes to the project, each proven by resolving again. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from envgen.explain.changes import ANY, changes
from envgen.explain.combinations import combined
from envgen.explain.members import answer
from envgen.explain.model import Change, Part, Repair
from envgen.resolver.resolve import Problem

SHOWN = 6  # repairs that a person is shown
_NEAR = 8.0  # what a repair may cost so that nothing nearer is looked for


def repairs(problem: Problem, parts: Iterable[Part]) -> tuple[Repair, ...]:
    """The nearest repairs of the conflict that `parts` are, which `problem` has: those first that keep all that is requested.

    A change of something in the conflict is tried first. Where none that is near keeps all that is requested, changes are combined,
    also of what is not in it: a change may bring a platform back. To do without CUDA, or for other machines, is the last resort.
    """
    found = _single(problem, sorted((change for part in parts for change in changes(problem, part)), key=lambda one: one.cost))
    if not any(repair.cost <= _NEAR and not repair.gives_up for repair in found):
        known = {repair.changes[0].path for repair in found}
        several = [repair for repair in combined(problem) if len(repair.changes) > 1 or repair.changes[0].path not in known]
        found += [repair for repair in several if not repair.gives_up] or several
    if any(not repair.gives_up for repair in found):
        found = [repair for repair in found if not repair.last_resort]
    fewest = min((repair.gives_up for repair in found), default=0)
    near = [repair for repair in found if repair.gives_up <= fewest + 1]
    return tuple(sorted(near, key=lambda repair: repair.order)[:SHOWN])


def _single(problem: Problem, candidates: Iterable[Change]) -> list[Repair]:
    """Those that help by themselves, the nearest of each way."""
    done: set[tuple[tuple[str, ...], str]] = set()
    found: list[Repair] = []
    for change in candidates:
        project, way = change.apply(problem.project), (change.path, change.way)
        known = way in done or (change.way == ANY and any(path == change.path for path, _ in done))
        resolutions = answer(replace(problem, project=project)) if project.targets and not known else None
        if resolutions:
            done.add(way)
            found.append(Repair((change,), resolutions))
    return found
