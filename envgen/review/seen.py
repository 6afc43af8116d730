"""What of the facts decides about the targets of a project: of facts that agree in it, it makes the same. Pure.

Where a fact is written does not count, nor do frameworks that the project does not request, releases outside of its ranges, wheels
where it has conda packages, and constraints that apply to other frameworks alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace

from envgen.model.address import Address
from envgen.model.constraint import Constraint
from envgen.model.facts import Framework, Matrix, Release, Spelling
from envgen.model.project import Project, RequestedFramework
from envgen.model.requested import as_asked, asked_as_wheels
from envgen.resolver.candidates import requested_releases

_NOWHERE = Address("", 1, 1)
_BY_FRAMEWORK = ("frameworks", "constraints", "bounds")
_SAID = ("advice",)  # what nothing is decided by

Seen = tuple[object, ...]


def seen(matrix: Matrix, project: Project) -> Seen | None:
    """The facts that decide about a project; None where they lack a framework that it requests."""
    wanted = {row.framework: row for row in project.frameworks}
    if wanted.keys() - matrix.frameworks.keys():
        return None
    asked, others = as_asked(matrix, project), matrix.frameworks.keys() - wanted.keys()
    return (
        *(getattr(matrix, part.name) for part in fields(matrix) if part.compare and part.name not in (*_BY_FRAMEWORK, *_SAID)),
        *(found for facts in (matrix, asked) for found in (facts.pythons, facts.built)),
        matrix.built_with(asked_as_wheels(matrix, project)),
        {name: framework.companion_of for name, framework in matrix.frameworks.items()},
        [_providers(matrix.frameworks[name]) for name in wanted],
        [_framework(asked, row) for row in wanted.values()],
        [replace(row, at=_NOWHERE) for row in _constraints(asked) if not any(one.axis in others for one in row.when)],
    )


def _constraints(matrix: Matrix) -> Iterator[Constraint]:
    yield from matrix.constraints
    yield from matrix.bounds


def _providers(framework: Framework) -> Mapping[str, tuple[Spelling, ...]]:
    return {name: tuple(replace(row, at=_NOWHERE) for row in rows) for name, rows in framework.providers.items()}


def _framework(matrix: Matrix, requested: RequestedFramework) -> Framework:
    """A requested framework with the releases that are requested."""
    framework = matrix.frameworks[requested.framework]
    return replace(
        framework,
        providers=_providers(framework),
        releases=tuple(map(_release, requested_releases(matrix, requested))),
        left_out=(),
        code=tuple(replace(row, at=_NOWHERE) for row in framework.code),
    )


def _release(release: Release) -> Release:
    return replace(release, at=_NOWHERE, builds=tuple(replace(build, at=_NOWHERE) for build in release.builds))
