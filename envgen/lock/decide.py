"""The index has the last word: what a plan's targets become once it is known what the index has, and what of it solves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from packaging.version import Version

from envgen.channels.channel import locate
from envgen.channels.solve import Unsolvable
from envgen.lock.choose import Solver, cells_of, choose
from envgen.lock.hold import stamped, versions
from envgen.lock.kept import Kept, kept_of
from envgen.lock.plan import Plan
from envgen.lock.stages import Stage, Stages
from envgen.model.dates import ExcludeNewer
from envgen.model.errors import NoSolution
from envgen.model.facts import Matrix, Platform, Target
from envgen.model.project import Project
from envgen.model.resolution import Choice, Resolution
from envgen.model.run import TARGET
from envgen.resolver.availability import Availability, no_index
from envgen.resolver.resolve import Problem, answer
from envgen.resolver.spelling import spelled

if TYPE_CHECKING:
    from envgen.channels.index import Index
    from envgen.explain.unsolvable import SolverAnswers
    from envgen.lock.moved import Moved


_CITED = re.compile(r"((?:\S+ ){1,3})\((\S+:\d+)\)")  # a requirement in a reason, and where it is written
_ORDER = re.compile(r"`channels:` has (.+) before (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A plan, what is kept of its locks, and what will be locked: a resolution for each target that gets a new lock.

    `changed` is what the index changed in each of them.
    """

    plan: Plan
    kept: Kept
    resolutions: tuple[Resolution, ...]
    changed: Mapping[str, tuple[str, ...]]


def as_locked(plan: Plan) -> Decision:
    """The decision for a plan whose locks hold every package already: nothing is chosen, and nothing solved."""
    return Decision(
        plan=plan,
        kept=kept_of(plan),
        resolutions=tuple(plan.held[name] for name in plan.todo),
        changed=dict.fromkeys(plan.todo, ()),
    )


def stages(matrix: Matrix, plan: Plan, holdings: Holdings) -> Stages:
    """The ways to choose for a plan."""
    return Stages(matrix, plan, holdings.of(plan.project))


def decide(own: Stages, others: Iterable[Stages], solver: Solver, holdings: Holdings) -> Decision:
    """The best choice for a plan; where it has none, that of the first of the `others`, which have an older target.

    Raises NoSolution where none has any.
    """
    found = _decided(own, solver)
    if found:
        return found
    for other in others:
        found = _decided(other, solver)
        if found:
            return _with_why(found, _in_the_way(own.free, solver, holdings))
    raise _no_solution(own.free, solver, holdings)


def _decided(found: Stages, solver: Solver) -> Decision | None:
    """The choice that moves least, where there is one."""
    taken = found.taken(solver)
    return _decision(*taken, found.free.problem, solver) if taken else None


def _with_why(found: Decision, why: str) -> Decision:
    """The decision with the reason for a target that is not the newest that the facts allow."""
    asked = {row.name: row for row in found.plan.project.targets}

    def told(row: Resolution) -> Resolution:
        requested = asked[row.target.name]
        return row.with_moved({TARGET: f"{requested.instead_text}: {why}", **row.moved}) if requested.instead_of else row

    return replace(found, resolutions=tuple(map(told, found.resolutions)))


def _in_the_way(stage: Stage, solver: Solver, holdings: Holdings) -> str:
    """What has no solution together in the newest target that the facts allow."""
    from envgen.explain.unsolvable import unsolvable

    found = unsolvable(stage.problem, _solved(solver, holdings), repaired=False)
    if found.lacking:
        return found.lacking[0].text
    texts = [f"{reason.text} ({reason.at.place})" if reason.at else reason.text for reason in found.requirements]
    return f"there is no solution with {', '.join(texts)}" if texts else "it has no solution"


def _decision(stage: Stage, resolutions: Sequence[Resolution], free: Problem, solver: Solver) -> Decision:
    """The targets that get a new lock, with what is not as it was locked or as the facts alone would have it, and why.

    `free` is the problem with nothing held.
    """
    plan = stage.plan
    todo = {row.target.name: row for row in resolutions if row.target.name in stage.todo}
    expected = {row.target.name: row for row in answer(stage.facts) or ()} if stage.hold.stamps else plan.resolutions
    changes: dict[str, Moved] = {}
    if any(name in expected and versions(row) != versions(expected[name]) for name, row in todo.items()):
        from envgen.lock.moved import moved

        changes = moved(stage.facts, stage.problem, resolutions, solver)
    told = {name: {**_before(stage, row, solver.index), **_by_solver(changes, name)} for name, row in todo.items()}
    gone = _not_kept(stage, resolutions, free, changes, solver)
    lost = {name: _lost(plan.resolutions[name], row) for name, row in todo.items()}
    return Decision(
        plan=plan,
        kept=stage.kept,
        resolutions=tuple(replace(row.with_moved(told[name]), project=plan.project.for_target(name)) for name, row in todo.items()),
        changed={name: (*gone.get(name, ()), *_by_index(changes, name, told[name]), *lost[name]) for name in todo},
    )


def _not_kept(
    stage: Stage, found: Sequence[Resolution], free: Problem, changes: Mapping[str, Moved], solver: Solver
) -> Mapping[str, tuple[str, ...]]:
    """Why versions are not as they were locked, by target, where `changes` do not say so."""
    every = {row.target.name: stage.not_kept(row) for row in found}
    lost = {
        target: {name: was for name, was in rows.items() if not (changes and changes[target].tells_why_not(name, was))}
        for target, rows in every.items()
    }
    if not any(lost.values()):
        return {}
    from envgen.lock.not_kept import not_kept

    return not_kept(stage, free, found, lost, solver)


def _by_solver(changes: Mapping[str, Moved], target: str) -> Mapping[str, str]:
    return changes[target].by_solver if target in changes else {}


def _by_index(changes: Mapping[str, Moved], target: str, told: Mapping[str, str]) -> Iterator[str]:
    """What the index lacks, where `told` does not say already why a version is not that one (a recorded index lacks much)."""
    heads = {text.partition(": ")[0] for text in told.values()}
    rows = changes[target].by_index.values() if target in changes else ()
    yield from (text for text in rows if text.partition(": ")[0] not in heads)


def _before(stage: Stage, found: Resolution, index: Index) -> Mapping[str, str]:
    """What the lock says of its reasons: for what is held, and where the records that show them are not in the index.

    Not what cites a line of the project that says something else now.
    """
    plan = stage.plan
    stamp = plan.stamps.get(found.target.name)
    if stamp is None:
        return {}
    told = {name: text for name, text in stamp.moved.items() if _cites_what_is_there(text, stage.problem.matrix, plan.project)}
    if index.recorded and stamp.chosen == stamped(found):
        return told
    instead = found.target.name in plan.counting and any(
        row.name == found.target.name and row.instead_of for row in plan.project.targets
    )
    same = {name for name, version in stamped(found).items() if stamp.chosen.get(name) == version}
    kept = {name for name in told if name in same and stage.hold.keeps(found.target.name, name)}
    return {name: text for name, text in told.items() if name in kept or (instead and name == TARGET)}


def _cites_what_is_there(text: str, matrix: Matrix, project: Project) -> bool:
    """Whether each requirement that a reason cites, as in `old 1.0 (environments/x/project.yaml:6)`, is still on that line.

    And whether the channels are still in the order that it tells.
    """
    rows = (*project.dependencies, *(row for target in project.targets for row in target.dependencies))
    there = {(row.name, row.at.place) for row in rows}
    there |= {(name, row.at.place) for row in project.frameworks for name in (row.framework, *_packages(matrix, row.framework))}
    cited = ((words.split(), place) for words, place in _CITED.findall(text) if place.startswith(f"{project.at('').file}:"))
    orders = [(one, own) for others, own in _ORDER.findall(text) for one in others.split(" and ")]
    ordered = ([channel for channel in project.channels if channel in pair] == [*pair] for pair in orders)
    return all(any((word, place) in there for word in words) for words, place in cited) and all(ordered)


def _packages(matrix: Matrix, framework: str) -> set[str]:
    """The packages that the spellings of a framework for conda request."""
    every = (row for rows in matrix.frameworks[framework].providers.values() for row in rows)
    spellings = [row for row in every if row.manager == "conda"]
    return {spec.rpartition("::")[2].split()[0] for row in spellings for spec in (*row.cpu, *row.cuda)}


def _lost(expected: Resolution, found: Resolution) -> tuple[str, ...]:
    """The platforms of a target that the index cannot serve."""
    lost = (dropped for dropped in found.dropped if dropped.platform in expected.platforms)
    return tuple(f"{dropped.platform} dropped by the index: {dropped.because.text}" for dropped in lost)


class Holdings:
    """For which Pythons an index has all packages of a choice. Each spec is looked up once for each platform."""

    def __init__(self, matrix: Matrix, index: Index) -> None:
        self._matrix = matrix
        self._index = index
        self._pythons = cache(self._of)

    def of(self, project: Project) -> Availability:
        """What the channels of a project hold. The packages of all frameworks are asked for at once: it may take the network."""
        names = {"python", *(name for row in project.frameworks for name in _packages(self._matrix, row.framework))}
        for platform in project.every_platform:
            for channel in project.channels:
                self._index.fetch(names, locate(channel), platform)

        def availability(choice: Choice, target: Target, platform: Platform) -> frozenset[Version]:
            wanted = ("python", *spelled(choice, target, platform))
            return frozenset.intersection(*(self._pythons(s, project.channels, platform, project.exclude_newer) for s in wanted))

        return availability

    def _of(self, spec: str, channels: tuple[str, ...], platform: Platform, exclude_newer: ExcludeNewer) -> frozenset[Version]:
        from envgen.channels.query import available_pythons

        return available_pythons(self._index, spec, channels, platform, self._matrix.pythons, exclude_newer)


def _no_solution(stage: Stage, solver: Solver, holdings: Holdings) -> NoSolution:
    """Why nothing that the facts allow can be locked, what would end that, and the solver's own words."""
    from envgen.explain.report import unsolvable_text
    from envgen.explain.unsolvable import unsolvable

    problem, index = stage.problem, solver.index

    found = unsolvable(problem, _solved(solver, holdings))
    what = f"{problem.project.name}: {unsolvable_text(found, index.shown)}"
    words = _words(replace(problem, project=found.narrowed), solver)
    where = found.requirements[0].at if found.requirements else problem.project.at("")
    return NoSolution(f"{what}\n\n{words}" if words else what, where=where, hint=_hint(index, refuted=bool(found.lacking)))


def _solved(solver: Solver, holdings: Holdings) -> SolverAnswers:
    """What a problem is locked to with the index."""

    def solved(other: Problem) -> tuple[Resolution, ...] | None:
        return choose(replace(other, availability=holdings.of(other.project)), solver)

    return solved


def _words(problem: Problem, solver: Solver) -> str:
    """What the solver says of the first cell that has no solution, with the best choice of the index, else of the facts."""
    found = answer(problem) or answer(replace(problem, availability=no_index)) or ()
    for _, request in cells_of(found):
        said = solver.answer(request)
        if isinstance(said, Unsolvable):
            return f"the solver says of the best choice:\n{said.what}"
    return ""


def _hint(index: Index, *, refuted: bool) -> str:
    if index.recorded:
        return f"{index.shown} has only the packages of the committed locks: lock from live channels, or give --index DIR"
    partial = "" if index.gateway else f", or try another index: {index.name} may not hold every published package"
    check = "; `envgen matrix verify` checks every fact against the channels" if refuted else ""
    return f"change one of these{partial}{check}"
