"""Which of a project's frameworks and dependencies a target gets: what needs CUDA is for CUDA targets alone. Pure."""

from __future__ import annotations

from itertools import chain

from envgen.model.facts import Matrix, Reason, Target
from envgen.model.project import Dependency, Project
from envgen.model.requested import is_left_out


def dependencies_of(matrix: Matrix, project: Project, target: Target) -> tuple[Dependency, ...]:
    """The conda specs that a target gets from the project, its own last."""
    own = (row.dependencies for row in project.targets if row.name == target.name)
    left_out = _left_out(matrix, project, target)
    return (*(row for row in project.dependencies if row not in left_out), *chain.from_iterable(own))


def left_out_of(matrix: Matrix, project: Project, target: Target) -> tuple[Reason, ...]:
    """The frameworks and dependencies that a target does not get, and why. What a target itself lists is never left out."""
    frameworks = [(row.framework, row.at) for row in project.frameworks if is_left_out(matrix, project, row, target)]
    dependencies = [(row.spec, row.at) for row in _left_out(matrix, project, target)]
    return tuple(Reason(f"{what} left out: it needs CUDA", at) for what, at in (*frameworks, *dependencies))


def _left_out(matrix: Matrix, project: Project, target: Target) -> tuple[Dependency, ...]:
    return () if target.cuda else tuple(row for row in project.dependencies if needs_cuda(matrix, row.name))


def needs_cuda(matrix: Matrix, package: str) -> bool:
    """Whether every conda build of a package is for CUDA, as far as the facts know it."""
    rows = matrix.catalogue.named("conda", package)
    return bool(rows) and all(row.only == "cuda" for row in rows)
