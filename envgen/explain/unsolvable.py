"""Why nothing solves that the facts allow: the smallest set of requirements without a solution, and what would have one. Pure.

The solver is a function here, SolverAnswers: what a problem is locked to, or None. It is asked seldom: a conflict is looked for in
one cell where one alone has no solution, and a requirement is loosened as a whole, not release by release.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from packaging.specifiers import SpecifierSet

from envgen.explain import edits
from envgen.explain.as_wheels import as_wheels
from envgen.explain.changes import without_framework
from envgen.explain.minimize import minimal
from envgen.explain.model import Change, Part, Repair
from envgen.explain.requirements import requirements
from envgen.matrix.constraints import bound_text
from envgen.model.constraint import Bound
from envgen.model.facts import Platform, Reason
from envgen.model.project import Dependency, Project
from envgen.model.requested import provider_of
from envgen.model.resolution import Resolution
from envgen.resolver.resolve import Problem, answer, obstacles

SolverAnswers = Callable[[Problem], tuple[Resolution, ...] | None]
ProjectAnswers = Callable[[Project], tuple[Resolution, ...] | None]
_KINDS = ("target", "framework", "version", "virtual packages", "python")  # what may be in a conflict, beside dependencies
_SHOWN = 5  # repairs, and things that the index lacks
_TRIED = 12  # changes that are tried for one conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class SolverConflict:
    """Requirements that have no solution together; without any one of them the others have one.

    `narrowed` is the part of the project that has none, `cell` where that is, if it is a single cell. `lacking` is what the index
    lacks for it, `bounds` are the bounds of the facts without which it had a solution; `repairs` are the changes after which the
    whole project is solved, the nearest first. `notes`: the frameworks with whose wheels it is solved.
    """

    cell: tuple[str, Platform] | None
    narrowed: Project
    requirements: tuple[Reason, ...]
    lacking: tuple[Reason, ...]
    bounds: tuple[Reason, ...]
    repairs: tuple[Repair, ...]
    notes: tuple[Reason, ...] = ()


def unsolvable(problem: Problem, solved: SolverAnswers, *, repaired: bool = True) -> SolverConflict:
    """What has no solution in a problem for which `solved` has none; repairs are looked for only if `repaired`."""

    def answers(project: Project) -> tuple[Resolution, ...] | None:
        return solved(replace(problem, project=project))

    narrowed, cell = _narrowed(problem, answers)
    parts, reduced = _smallest(problem, narrowed, answers)
    here = replace(problem, project=narrowed)
    lacking = () if answer(here) else dict.fromkeys(row.reason for row in obstacles(here) if row.index)
    changes = _changes(problem, narrowed, cell, parts) if repaired else ()
    return SolverConflict(
        cell=cell,
        narrowed=narrowed,
        requirements=_told(problem, parts),
        lacking=tuple(lacking)[:_SHOWN],
        bounds=_bounds(replace(problem, project=reduced), solved),
        repairs=_repairs(problem, changes, reduced, answers) if repaired else (),
        notes=tuple(as_wheels(problem, solved)) if repaired else (),
    )


def _told(problem: Problem, parts: Sequence[Part]) -> tuple[Reason, ...]:
    """The parts as reasons; a framework needs no line of its own beside its version."""
    told = {part.name for part in parts if part.kind == "version"}
    return tuple(part.reason(problem) for part in parts if not (part.kind == "framework" and part.name in told))


# --- where ----------------------------------------------------------------------------------------------------------------


def _narrowed(problem: Problem, answers: ProjectAnswers) -> tuple[Project, tuple[str, Platform] | None]:
    """The smallest part of a project without a solution: one cell, else one target, else all of it."""
    alone = [_only(problem.project, row.name) for row in problem.project.targets]
    for project in alone:
        found = answer(replace(problem, project=project))
        if found is None:
            return project, None
        for platform in found[0].platforms:
            cell = edits.with_target(project, project.targets[0].name, platforms=(platform,))
            if answers(cell) is None:
                return cell, (project.targets[0].name, platform)
    return next((project for project in alone if answers(project) is None), problem.project), None


def _only(project: Project, name: str) -> Project:
    return replace(project, targets=tuple(row for row in project.targets if row.name == name))


def _smallest(problem: Problem, narrowed: Project, answers: ProjectAnswers) -> tuple[tuple[Part, ...], Project]:
    """The smallest set of requirements without a solution, and the project that has no others."""
    asked = requirements(replace(problem, project=narrowed))
    kinds = _KINDS if len(narrowed.targets) > 1 else _KINDS[1:]
    every = [*(part for part in asked if part.kind in kinds), *map(_of, dict.fromkeys(edits.dependencies(narrowed)))]

    def reduced(kept: Sequence[Part]) -> Project:
        changed = replace(problem, project=narrowed)
        for part in every:
            changed = changed if part in kept else part.without(changed)
        return changed.project

    def unsolved(kept: Sequence[Part]) -> bool:
        project = reduced(kept)
        return bool(project.targets) and answers(project) is None

    kept = minimal(every, unsolved)
    return kept, reduced(kept)


def _bounds(problem: Problem, solved: SolverAnswers) -> tuple[Reason, ...]:
    """The bounds that leave a problem without a solution; none where it has none without any."""

    def unsolved(bounds: Sequence[Bound]) -> bool:
        return solved(replace(problem, matrix=replace(problem.matrix, bounds=tuple(bounds)))) is None

    if not problem.project.targets or not problem.matrix.bounds or unsolved(()):
        return ()
    return tuple(Reason(bound_text(bound), bound.at, bound.because) for bound in minimal(problem.matrix.bounds, unsolved))


def _of(dependency: Dependency) -> Part:
    return Part(
        kind="dependency",
        name=dependency.spec,
        reason=lambda _: Reason(dependency.spec, dependency.at),
        without=lambda problem: replace(problem, project=edits.with_dependency(problem.project, dependency, None)),
    )


# --- repairs --------------------------------------------------------------------------------------------------------------


def _repairs(problem: Problem, changes: Iterable[Change], reduced: Project, answers: ProjectAnswers) -> tuple[Repair, ...]:
    """The nearest changes after which the project has a solution.

    Where no single one is enough, there is a second conflict behind that of `reduced`: those that end the first are tried together
    with those that end the second.
    """
    singles = _nearest(changes)
    found = list(_tried(problem.project, ((change,) for change in singles), answers))
    if not found:
        starts = islice(_tried(reduced, ((change,) for change in singles), answers), 2)
        pairs = (pair for start in starts for pair in _pairs(problem, start.changes[0], answers))
        found = list(_tried(problem.project, islice(pairs, _TRIED), answers))
    return tuple(sorted(found, key=lambda repair: repair.cost)[:_SHOWN])


def _nearest(changes: Iterable[Change]) -> list[Change]:
    return sorted(changes, key=lambda change: change.cost)[:_TRIED]


def _pairs(problem: Problem, start: Change, answers: ProjectAnswers) -> Iterator[tuple[Change, ...]]:
    """A change, and each that may end the conflict which it leaves."""
    after = replace(problem, project=start.apply(problem.project))
    narrowed, cell = _narrowed(after, answers)
    parts, _ = _smallest(after, narrowed, answers)
    yield from ((start, change) for change in _nearest(_changes(after, narrowed, cell, parts)) if change.path != start.path)


def _tried(project: Project, candidates: Iterable[tuple[Change, ...]], answers: ProjectAnswers) -> Iterator[Repair]:
    """The changes that leave the project with a solution, in the words of what it is then."""
    for changes in candidates:
        changed = project
        for change in changes:
            changed = change.apply(changed)
        found = answers(changed) if changed.targets else None
        if found:
            yield Repair(tuple(_worded(project, change, found) for change in changes), found)


def _worded(project: Project, change: Change, found: Sequence[Resolution]) -> Change:
    """A change that leaves a version open, with the one that is taken: the first, as a target may leave the framework out."""
    kind, *name = change.path
    if kind == "python":
        return replace(change, text=f"python {project.python_text} -> {found[0].python}")
    if kind == "version":
        chosen = (row.release for one in found for row in one.choices)
        version = next(release.version for release in chosen if release.framework == name[0])
        return replace(change, text=f"{edits.requested_framework(project, name[0])} -> {version}")
    return change


def _changes(problem: Problem, narrowed: Project, cell: tuple[str, Platform] | None, parts: Iterable[Part]) -> Iterator[Change]:
    """The changes that may end a conflict of some parts, in some cell."""
    project = problem.project
    for part in parts:
        if part.kind == "python":
            any_python = partial(edits.edited, python=SpecifierSet(), python_text="any python")
            yield Change(path=("python",), text="another python", cost=1, apply=any_python)
        if part.kind == "version":
            other = partial(edits.with_any_release, framework=part.name)
            yield Change(path=("version", part.name), text=f"another {part.name}", cost=1.5, apply=other)
        if part.kind == "framework":
            yield from without_framework(project, part.name)
        if part.kind == "virtual packages":
            yield from _of_promise(problem, *part.name.split(" "))
        if part.kind == "dependency":
            yield from _of_dependency(project, part.name)
    yield from _of_channels(problem)
    yield from _of_places(project, narrowed, cell)


def _of_channels(problem: Problem) -> Iterator[Change]:
    """One channel, or all, that come before those of the provider of a framework, behind these: the first with a package counts."""
    project, done = problem.project, {problem.project.channels}
    for requested in project.frameworks:
        provider = provider_of(problem.matrix, project, requested)
        spellings = problem.matrix.frameworks[requested.framework].providers.get(provider, ())
        own = frozenset(channel for row in spellings for channel in row.channels)
        before = edits.channels_before(project, own)
        for moved in (*((channel,) for channel in before), before) if before else ():
            behind = partial(edits.with_channels_behind, moved=moved, own=own)
            channels = behind(project).channels
            if channels not in done:
                done.add(channels)
                text = f"channels in the order {', '.join(channels)}"
                yield Change(path=("channels", *moved), text=text, cost=1 + len(moved) / 5, apply=behind)


def _of_promise(problem: Problem, name: str, package: str) -> Iterator[Change]:
    """What the matrices promise of the machines of a target, instead of what the project says of them."""
    target = problem.matrix.targets.get(name)
    values = dict.fromkeys(row[package] for row in target.virtual.values() if package in row) if target else ()
    if values:
        text = f"target {name}: virtual-packages {package} {' or '.join(values)}, if every machine has it"
        apply = partial(edits.without_promise, name=name, package=package)
        yield Change(path=("virtual package", name, package), text=text, cost=4, apply=apply)


def _of_dependency(project: Project, spec: str) -> Iterator[Change]:
    """A dependency in any version, or not at all."""
    dependency = next(row for row in edits.dependencies(project) if row.spec == spec)
    if dependency.spec != dependency.name:
        loose = partial(edits.with_dependency, old=dependency, new=replace(dependency, spec=dependency.name))
        yield Change(path=("dependency", spec, "loose"), text=f"{spec} -> {dependency.name}", cost=2, apply=loose)
    without = partial(edits.with_dependency, old=dependency, new=None)
    yield Change(path=("dependency", spec), text=f"drop {spec}", cost=4, apply=without)


def _of_places(project: Project, narrowed: Project, cell: tuple[str, Platform] | None) -> Iterator[Change]:
    """The platform, or the target, that has no solution."""
    name = narrowed.targets[0].name
    requested = next(row for row in project.targets if row.name == name)
    platforms = requested.platforms or project.platforms
    if cell and len(platforms) > 1:
        left = tuple(platform for platform in platforms if platform != cell[1])
        fewer = partial(edits.with_target, name=name, platforms=left)
        yield Change(path=("platform", *cell), text=f"target {name} without {cell[1]}", cost=8, apply=fewer)
    if len(narrowed.targets) == 1 and len(project.targets) > 1:
        yield Change(path=("target", name), text=f"drop target {name}", cost=12, apply=partial(edits.without_target, name=name))
