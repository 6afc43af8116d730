"""Why a problem has no answer: the smallest conflict and the nearest repairs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import chain, product

from envgen.explain import edits
from envgen.explain.as_wheels import as_wheels
from envgen.explain.conflict import smallest
from envgen.explain.members import answer, possible
from envgen.explain.model import Conflict, Part
from envgen.explain.repairs import repairs
from envgen.explain.target_phrases import without_cuda
from envgen.matrix.drivers import forward_note
from envgen.model.facts import Reason
from envgen.model.open_target import names_of
from envgen.model.project import RequestedTarget
from envgen.model.requested import with_overrides
from envgen.resolver.resolve import Problem


def conflict(problem: Problem) -> Conflict:
    """What conflicts in a problem that has no answer, and what would end it."""
    parts, reduced = smallest(problem)
    told = replace(problem, project=reduced[-1].project)  # the facts as they are, and only the requirements that matter
    narrowed = {part.name for part in parts if part.kind in ("version", "provider")}
    asked = [part for part in parts if part.is_requirement and not (part.kind == "framework" and part.name in narrowed)]
    requirements = [part for part in asked if part.kind != "target" or _matters(told, part)]
    return Conflict(
        project=problem.project.name,
        requirements=tuple(part.reason(told) for part in requirements),
        facts=tuple(part.reason(told) for part in parts if not part.is_requirement),
        repairs=repairs(problem, parts),
        notes=(*_notes(problem, {part.kind for part in parts}), *as_wheels(problem, answer)),
    )


def _matters(told: Problem, part: Part) -> bool:
    """Whether a target is to blame: with another one in its place there would be an answer."""
    rows = [row for row in told.project.targets if row.name != part.name]
    others = (edits.with_other_target(told.project, part.name, name) for name in told.matrix.targets)
    return bool(rows) or any(possible(replace(told, project=project)) for project in others)


def _notes(problem: Problem, kinds: Collection[str]) -> Iterator[Reason]:
    if "driver" in kinds:
        yield from _forward(problem)
    if "described platforms" in kinds:
        yield from dict.fromkeys(chain.from_iterable(_instead(problem, row) for row in problem.project.targets))


def _instead(problem: Problem, requested: RequestedTarget) -> Iterator[Reason]:
    """What the project's frameworks compute with on platforms that have no CUDA."""
    platforms = requested.platforms or problem.project.platforms
    for framework, platform in product(problem.project.frameworks, platforms if without_cuda(problem, requested) else ()):
        row = problem.matrix.without_cuda.get((platform, framework.framework))
        yield from [row] if row else []


def _forward(problem: Problem) -> Iterator[Reason]:
    """What forward compatibility would do for the targets that the project's driver is too old for."""
    matrix, project = problem.matrix, problem.project
    for requested, name in ((row, name) for row in project.targets for name in names_of(row)):
        target = with_overrides(matrix.targets[name], requested)
        platforms = [platform for platform in requested.platforms or project.platforms if platform in target.platforms]
        own = project.for_target(requested.name)
        yield from dict.fromkeys(note for p in platforms if (note := forward_note(matrix, own, target.on(p), p)))
