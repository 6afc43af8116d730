"""Why a problem has no answer: the smallest conflict and the nearest repairs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from envgen.explain.conflict import smallest
from envgen.explain.model import Conflict
from envgen.explain.repairs import repairs
from envgen.matrix.drivers import forward_note
from envgen.model.facts import Reason
from envgen.model.requested import with_overrides
from envgen.resolver.resolve import Problem


def conflict(problem: Problem) -> Conflict:
    """What conflicts in a problem that has no answer, and what would end it."""
    parts, reduced = smallest(problem)
    told = replace(problem, project=reduced[-1].project)  # the facts as they are, and only the requirements that matter
    narrowed = {part.name.split(" ")[0] for part in parts if part.kind in ("version", "provider", "companion")}
    requirements = [part for part in parts if part.is_requirement and not (part.kind == "framework" and part.name in narrowed)]
    return Conflict(
        project=problem.project.name,
        requirements=tuple(part.reason(told) for part in requirements),
        facts=tuple(part.reason(told) for part in parts if not part.is_requirement),
        repairs=repairs(problem, parts, reduced),
        notes=tuple(_forward(problem)) if any(part.kind == "driver" for part in parts) else (),
    )


def _forward(problem: Problem) -> Iterator[Reason]:
    """What forward compatibility would do for the targets that the project's driver is too old for."""
    matrix, project = problem.matrix, problem.project
    for requested in project.targets:
        target = with_overrides(matrix.targets[requested.name], requested)
        platforms = [platform for platform in requested.platforms or project.platforms if platform in target.platforms]
        yield from dict.fromkeys(note for p in platforms if (note := forward_note(matrix, project, target, p)))
