"""Why a choice is not what the facts alone would choose: what the index lacks, or which dependency has no solution with it.

Each version is compared with the best that there is beside those decided before it: a Python that follows from a release is not a
second change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from packaging.version import Version

from envgen.channels.explanation import not_promised
from envgen.channels.solve import Unsolvable
from envgen.explain import edits
from envgen.explain.minimize import minimal
from envgen.lock.choose import CellRequest, Solver, cells_of, first_of
from envgen.lock.hold import PYTHON, versions
from envgen.lock.needs import Needed, Needing, needs_text
from envgen.model.facts import Platform, Target
from envgen.model.packages import Solution
from envgen.model.project import Project
from envgen.model.resolution import Choice, Resolution
from envgen.model.text import minors_text
from envgen.resolver import specs
from envgen.resolver.availability import lacking_text
from envgen.resolver.cells import minors_in
from envgen.resolver.dependencies import dependencies_of
from envgen.resolver.resolve import Problem, answer, target_choices
from envgen.resolver.spelling import spelled
from envgen.resolver.target_choices import TargetChoice, refusal_of


@dataclass(frozen=True, slots=True)
class Moved:
    """The changes in one target, by the name of what changed: those that the solver made, and those that the index made."""

    by_solver: dict[str, str]
    by_index: dict[str, str]

    def tells_why_not(self, name: str, version: str) -> bool:
        """Whether one of them says why something has not one version."""
        return any(f", not {version}: " in text for text in (self.by_solver.get(name, ""), self.by_index.get(name, "")))


def moved(facts: Problem, problem: Problem, found: Sequence[Resolution], solver: Solver) -> dict[str, Moved]:
    """The changes in each target of an answer. `facts` is the problem without an index, `problem` the one that was answered."""
    final = {row.target.name: row for row in found}
    changes = {name: Moved({}, {}) for name in final}
    there = {name for row in found for name in versions(row)}  # a CPU target may go without a framework that has no CPU build
    frameworks = [row.framework for row in problem.project.frameworks if row.framework in there]
    fixed: tuple[str, ...] = ()
    before: Mapping[str, Resolution] = {}
    held: Mapping[str, Resolution] = {}
    for name in (*frameworks, PYTHON):
        before, held = (_best(one, final, fixed, known) for one, known in ((facts, before), (problem, held)))
        why = Unsolved(problem=problem, solver=solver, final=final, held=held, fixed=fixed, name=name)
        for target in (target for target, row in final.items() if name in versions(row)):
            then, had, now = (versions(rows[target])[name] for rows in (before, held, final))
            if had != then:
                changes[target].by_index[name] = f"{name} {now}, not {then}: {_lacking(problem, before, held, target, name)}"
            if now != had:
                changes[target].by_solver[name] = f"{name} {now}, not {had}: {why.of(target)}"
        fixed = (*fixed, name)
    return changes


def _best(
    problem: Problem, final: Mapping[str, Resolution], fixed: Sequence[str], known: Mapping[str, Resolution]
) -> Mapping[str, Resolution]:
    """The best choice of a problem for each target, where some frameworks are what they are in the answer.

    `known` is that for fewer frameworks: where it is the answer already, it stays the best.
    """
    if set(map(refusal_of, known.values())) == set(map(refusal_of, final.values())):
        return known
    if not fixed:
        return {row.target.name: row for row in answer(problem) or final.values()}

    def availability(choice: Choice, target: Target, platform: Platform) -> frozenset[Version] | None:
        name, build = choice.release.framework, (choice.release.version, choice.on(platform))
        own = (row for row in final[target.name].choices if row.release.framework == name)
        if name in fixed and build not in ((row.release.version, row.on(platform)) for row in own):
            return frozenset()
        return problem.availability(choice, target, platform)

    return {row.target.name: row for row in answer(replace(problem, availability=availability)) or final.values()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lacking:
    """A choice of the facts for one cell, and the Pythons for which the index has it."""

    choice: Choice
    target: str
    platform: Platform
    available: frozenset[Version]


def _lacking(problem: Problem, before: Mapping[str, Resolution], held: Mapping[str, Resolution], target: str, name: str) -> str:
    """What the index lacks of the choice of the facts (`before`), first what concerns this target, and what moved itself.

    Nothing but the index prevents that choice, so at least one build of it is missing for its Python.
    """
    rows = [row for other in before for row in _asked(problem, before[other], held[other])]
    rows.sort(key=lambda row: (row.target == target, row.choice.release.framework == name))  # the last are those that stay
    own, every = {before[target].python}, minors_in(problem.project.python, problem.matrix.pythons)

    def lacks(some: Sequence[_Lacking], pythons: Collection[Version]) -> bool:
        return not set(pythons).intersection(*(row.available for row in some))

    pythons = own if name == PYTHON or not lacks(rows, every) else every
    told = minimal(rows, partial(lacks, pythons=pythons))
    return "; ".join(dict.fromkeys(_lacking_text(row, target, name, before) for row in reversed(told)))


def _asked(problem: Problem, best: Resolution, held: Resolution) -> Iterator[_Lacking]:
    """What the index has of a choice of the facts, on the platforms that it does not take from the target."""
    for choice in best.choices:
        for platform in held.platforms:
            available = problem.availability(choice, best.target, platform)
            if available is not None:
                yield _Lacking(choice=choice, target=best.target.name, platform=platform, available=available)


def _lacking_text(row: _Lacking, target: str, name: str, before: Mapping[str, Resolution]) -> str:
    """What the index lacks, whose it is where that is another target, and what it would go with where that is what moved."""
    version = None if name in (PYTHON, row.choice.release.framework) else versions(before[row.target]).get(name)
    text = lacking_text(row.choice, row.platform, row.available)
    text = f"{text}, which goes with {name} {version}" if version else text
    return text if row.target == target else f"{row.target} cannot have it: {text}"


# --- what has no solution with it -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """What a project asks for beside what changed, that may be in its way, and the project without it."""

    needing: Needing
    without: partial[Project]
    host: str = ""  # of a companion


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsolved:
    """Why one version is not the best that the index holds (`held`), beside the frameworks that are `fixed`."""

    problem: Problem
    solver: Solver
    final: Mapping[str, Resolution]
    held: Mapping[str, Resolution]
    fixed: tuple[str, ...]
    name: str

    def of(self, target: str) -> str:
        """The first cell that has no solution with it, those of this target first, and the dependencies that it has none with."""
        for name in (target, *(other for other in self.final if other != target)):
            if text := self.alone(name):
                return text if name == target else f"{name} cannot have it: {text}"
        return f"the targets have no solution with it that they share{self._apart()}"

    def _apart(self) -> str:
        """The Pythons for which each target has a solution with it; "" where they share one, and not what it goes with."""
        minors = minors_in(self.problem.project.python, self.problem.matrix.pythons)
        found = {name: {python for python in minors if self._has(name, str(python))} for name in self.final}
        if frozenset.intersection(*map(frozenset, found.values())):
            return ""
        return ": " + ", ".join(f"{name} has one for python {minors_text(pythons)}" for name, pythons in found.items() if pythons)

    def _has(self, target: str, python: str) -> bool:
        return all(self._solvable(self.problem.project, cell, python) for cell in cells_of([self.final[target]]))

    def alone(self, target: str) -> str:
        """Why no solution of a target has it; "" where one has it, or it is what was taken."""
        if versions(self.held[target]).get(self.name) == versions(self.final[target]).get(self.name):
            return ""
        cells = (cell for cell in cells_of([self.final[target]]) if not self._solvable(self.problem.project, cell))
        return next(map(self._text, cells), "")

    def _solvable(self, project: Project, cell: CellRequest, python: str = "") -> bool:
        """Whether a cell of a project has a solution with the version that was not taken, for one Python or for any."""
        resolution, request = cell
        target = resolution.target.name
        changed = replace(self.problem, project=project)
        meant = (choice for choice in target_choices(changed, target) if python in ("", str(choice.python)))
        choices = [choice for choice in meant if self._is_meant(choice)]
        matrix = self.problem.matrix
        asked = replace(
            resolution, project=project.for_target(target), dependencies=dependencies_of(matrix, project, resolution.target)
        )
        return first_of(matrix, choices, asked, request, self.solver) is not None

    def _is_meant(self, choice: TargetChoice) -> bool:
        """Whether a choice has the version that was not taken, and what is fixed, as far as its project still asks for that."""
        target = choice.target
        held, final = versions(self.held[target]), versions(self.final[target])
        wanted = {**{name: final[name] for name in self.fixed if name in final}, self.name: held[self.name]}
        found = {"python": str(choice.python), **{row.release.framework: str(row.release.version) for row in choice.choices}}
        return all(found.get(name, version) == version for name, version in wanted.items())

    def _text(self, cell: CellRequest) -> str:
        resolution, request = cell
        project = self.problem.project

        def unsolvable(kept: Sequence[_Part]) -> bool:
            changed = project
            for part in parts:
                changed = changed if part in kept else part.without(changed)
            return not self._solvable(changed, cell)

        parts = self._parts(resolution, request.platform)
        solution = self.solver.answer(request)
        records = solution.records if isinstance(solution, Solution) else ()
        platform, index = request.platform, self.solver.index
        needed = Needed(specs=self._specs(resolution, platform), index=index, channels=request.channels, platform=platform)
        smallest = minimal(parts, unsolvable)
        told = {part.host for part in smallest}
        in_the_way = [part.needing for part in smallest if part.needing.text not in told]
        if not in_the_way:
            needs = self._not_promised(resolution.target.name, platform)
            where = f"for {resolution.target.name} on {platform}"
            order = "" if needs else self._after_others(cell)
            return f"it needs {needs}, which is not promised {where}" if needs else f"it has no solution {where}{order}"
        return needs_text(in_the_way, needed, records)

    def _after_others(self, cell: CellRequest) -> str:
        """Which channels come before its own, if it has a solution with them behind those; "" where that is not the reason."""
        (resolution, request), project = cell, self.problem.project
        meant = [row for row in self.held[resolution.target.name].choices if row.release.framework == self.name]
        own = {channel for row in meant for channel in row.spelling.channels}
        before = edits.channels_before(project, own)

        def solvable(behind: Sequence[str]) -> bool:
            changed = edits.with_channels_behind(project, behind, own)
            return self._solvable(changed, (resolution, replace(request, channels=changed.channels)))

        if not before or not solvable(before):
            return ""
        return f" while `channels:` has {' and '.join(minimal(before, solvable))} before {project.channels[len(before)]}"

    def _not_promised(self, target: str, platform: Platform) -> str:
        """The virtual package that the version needs and a target does not promise; "" where that is not the reason."""
        requests = (request for _, request in cells_of([self.held[target]]) if request.platform == platform)
        said = (found.explanation for found in map(self.solver.answer, requests) if isinstance(found, Unsolvable))
        return next(filter(None, map(not_promised, said)), "")

    def _parts(self, resolution: Resolution, platform: Platform) -> list[_Part]:
        """What may be in the way, those last that a person gives up first."""
        found = []
        for row in self.problem.project.frameworks:
            chosen = next((choice for choice in resolution.choices if choice.release.framework == row.framework), None)
            if chosen and row.framework != self.name:
                names = tuple(_names(spelled(chosen, resolution.target, platform)))
                without = partial(edits.without_framework, name=row.framework)
                found.append(_Part(Needing(row.framework, names, row.at), without, row.host))
        for dependency in resolution.dependencies:
            without = partial(edits.with_dependency, old=dependency, new=None)
            found.append(_Part(Needing(dependency.spec, (dependency.name,), dependency.at), without))
        return found

    def _specs(self, resolution: Resolution, platform: Platform) -> tuple[str, ...]:
        """The specs of the version that was not taken, where they differ from those of the answer."""
        held = self.held[resolution.target.name]
        now, then = (specs.chosen(row, platform) for row in (resolution, held))
        meant = [row for row in held.choices if row.release.framework == self.name]
        own = _names(spec for row in meant for spec in spelled(row, held.target, platform)) or {"python": None}
        return tuple(spec for spec in then if spec not in now and not own.keys().isdisjoint(_names((spec,))))


def _names(texts: Iterable[str]) -> dict[str, None]:
    """The packages that specs name."""
    return dict.fromkeys(text.split()[0].rpartition("::")[2] for text in texts)
