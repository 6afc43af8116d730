"""A draft to a Project: a target that may be one of several becomes the newest with which the project resolves. Pure.

This depends neither on the machine nor on an index: the matrices alone decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from envgen.model.address import Address
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, Target
from envgen.model.open_target import OpenTarget
from envgen.model.project import Project, RequestedTarget
from envgen.model.requested import asked_as_wheels, with_overrides
from envgen.project.draft import Draft, DraftTarget
from envgen.project.merge import merged
from envgen.project.notes import note
from envgen.resolver.cells import cell_of
from envgen.resolver.resolve import Problem, possible, unsatisfiable
from envgen.targets import newest_first


def completed(matrix: Matrix, draft: Draft) -> Project:
    """The project that a draft describes, with a note for each alias.

    Raises BadInput for requirements that exclude each other, Unsatisfiable where the project resolves with no target in a range.
    """
    whole = merged(matrix, draft)
    project = replace(whole.project, targets=tuple(target.requested for target in whole.targets))
    for target in whole.targets:
        if not target.requested.name:
            word = next((alias.text for alias in draft.aliases if alias.at == target.requested.at), target.requested.name)
            project = _with_newest(matrix, project, target, word)
    project = replace(project, targets=_once(project.targets))
    return replace(project, notes=(*project.notes, *(note(matrix, draft, project, alias) for alias in draft.aliases)))


def _with_newest(matrix: Matrix, project: Project, target: DraftTarget, word: str) -> Project:
    """The project in which a target without a name has that of the newest in its range with which the project resolves.

    `word` is what the file says. Raises Unsatisfiable where the project resolves with none: its problem has an OpenTarget.
    """
    candidates, at = newest_first(target.allowed, matrix, asked_as_wheels(matrix, project)), target.requested.at
    names = [candidate.name for candidate in candidates]
    trials = [_with_name(project, at, name, names[place + 1 :]) for place, name in enumerate(names)]
    if len(trials) == 1:
        return trials[0]
    usable = [trial for candidate, trial in zip(candidates, trials, strict=True) if _usable(matrix, trial, at, candidate)]
    for trial in usable:
        if possible(Problem(matrix, _named_part(trial))):
            return trial
    raise unsatisfiable(Problem(matrix, _named_part(_opened(project, at, tuple(row.name for row in candidates), word))))


def _opened(project: Project, at: Address, names: tuple[str, ...], word: str) -> Project:
    """The project in which a target without a name may be any of several."""

    def opened(row: RequestedTarget) -> RequestedTarget:
        if row.at != at:
            return row
        same = {key: getattr(row, key) for key in ("platforms", "virtual", "dependencies", "driver", "gpus")}
        return OpenTarget(name=word, at=at, any_of=names, **same)

    return replace(project, targets=tuple(map(opened, project.targets)))


def _with_name(project: Project, at: Address, name: str, others: Sequence[str]) -> Project:
    """The project in which a target without a name has one; `others` are the older ones that it may have."""
    rows = (replace(row, name=name, others=tuple(others)) if row.at == at else row for row in project.targets)
    return replace(project, targets=tuple(rows))


def _named_part(project: Project) -> Project:
    """The project without the targets that have no name yet."""
    return replace(project, targets=_once(tuple(row for row in project.targets if row.name)))


def _usable(matrix: Matrix, project: Project, at: Address, candidate: Target) -> bool:
    """Whether the project's driver and GPUs can run a target on any platform; if not, there is no need to resolve it."""
    requested = next(row for row in project.targets if row.at == at)
    target = with_overrides(candidate, requested)
    platforms = requested.platforms or project.platforms
    return any(cell_of(matrix, project, target, p).unsatisfiable is None for p in target.platforms if p in platforms)


def _once(targets: Sequence[RequestedTarget]) -> tuple[RequestedTarget, ...]:
    """Each target once, with what one of its rows changes. Raises BadInput where two rows change something."""
    found: dict[str, RequestedTarget] = {}
    for row in targets:
        first = found.setdefault(row.name or str(row.at), row)
        if first is row or not _changes(row):
            continue
        if _changes(first):
            hint = "write all its changes once, below its name"
            raise BadInput(f"target {row.name} is changed here, and at {first.at}", where=row.at, hint=hint)
        found[row.name] = replace(row, at=first.at)
    return tuple(found.values())


def _changes(row: RequestedTarget) -> bool:
    return bool(row.platforms or row.virtual or row.dependencies or row.driver or row.gpus)
