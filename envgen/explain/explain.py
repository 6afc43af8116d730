"""Why there is no choice, from the Question that a Clash carries: the smallest conflict and the nearest ways out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from envgen.explain.conflict import smallest
from envgen.explain.model import Conflict
from envgen.explain.repairs import ways_out
from envgen.matrix.drivers import forward_note
from envgen.model.facts import Reason
from envgen.resolver.cells import with_overrides
from envgen.resolver.resolve import Problem


def conflict(question: Problem) -> Conflict:
    """What clashes in a question that has no answer."""
    parts, reduced = smallest(question)
    seen = replace(question, project=reduced.project)  # the facts as they are, and only the wishes that matter
    asked = {part.name.split(" ")[0] for part in parts if part.kind in ("version", "provider", "companion")}
    demands = [part for part in parts if part.demand and not (part.kind == "framework" and part.name in asked)]
    return Conflict(
        project=question.project.name,
        demands=tuple(part.tell(seen) for part in demands),
        facts=tuple(part.tell(seen) for part in parts if not part.demand),
        ways=ways_out(question, parts, reduced),
        beside=tuple(_forward(question)) if any(part.kind == "driver" for part in parts) else (),
    )


def _forward(question: Problem) -> Iterator[Reason]:
    """What forward compatibility would do for the targets that the project's driver is too old for."""
    matrix, project = question.matrix, question.project
    for wish in project.targets:
        target = with_overrides(matrix.targets[wish.name], wish)
        asked = [platform for platform in wish.platforms or project.platforms if platform in target.platforms]
        yield from dict.fromkeys(note for p in asked if (note := forward_note(matrix, project, target, p)))
