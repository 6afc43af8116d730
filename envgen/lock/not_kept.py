"""Why a Python or a release of a framework that was locked is not locked any more, where other choices had to be made.

It is asked about one target at a time: with the Python that was taken, nothing but `align:` makes targets depend on each other, and
that gives way. So what was locked is impossible for one target by itself: for the project or the facts, in the index, or together
with a dependency.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.version import Version

from envgen.explain import edits
from envgen.explain.alternatives import preventing
from envgen.explain.minimize import minimal
from envgen.lock.choose import Solver
from envgen.lock.hold import PYTHON, of_one_python, versions
from envgen.lock.moved import Unsolved
from envgen.lock.stages import Stage
from envgen.matrix.constraints import within
from envgen.model.facts import Platform, Target, variant_text
from envgen.model.project import Project
from envgen.model.resolution import Choice, Resolution
from envgen.resolver.availability import lacking_text, no_index
from envgen.resolver.resolve import Problem, answer, possible


def not_kept(
    stage: Stage, free: Problem, found: Sequence[Resolution], lost: Mapping[str, Mapping[str, str]], solver: Solver
) -> dict[str, tuple[str, ...]]:
    """By target: `pytorch 2.6.0, not 2.7.1 as locked: ...`, for each version that its lock had and that is `lost`.

    `stage` is the one that was taken, and `found` its answer; `free` is the problem with the index and nothing held.
    """
    final = {row.target.name: row for row in found}

    def told(target: str, name: str, was: str) -> str:
        why = _Lost(stage=stage, free=free, final=final, solver=solver, name=name, was=Version(was)).of(target)
        return f"{name} {versions(final[target])[name]}, not {was} as locked: {why}"

    return {target: tuple(told(target, *row) for row in rows.items()) for target, rows in lost.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lost:
    """One choice of the locks that is not kept."""

    stage: Stage
    free: Problem
    final: dict[str, Resolution]
    solver: Solver
    name: str
    was: Version

    def of(self, target: str) -> str:
        """Why it is not kept: what the project requests, else what prevents it in this target, else what does in another."""
        kept = of_one_python(self.free.project, {name: self.stage.plan.stamps[name] for name in self.stage.plan.counting})
        if asked := self._requested():
            return asked
        if target not in kept:
            return f"the lock of {next(iter(kept))} counts, and has another python"
        others = (name for name in self.final if name != target and (self.name == PYTHON or name in kept))
        found = ((name, why) for name in (target, *others) if (why := self._prevented(name)))
        name, why = next(found, (target, "it has no solution with the rest of the project"))
        return why if name == target else f"{name} cannot have it: {why}"

    def _requested(self) -> str:
        """What the project requests instead; "" where it allows what was locked."""
        project = self.free.project
        if self.name == PYTHON:
            asked, text, at = project.python, project.python_text, project.at(PYTHON)
        else:
            row = edits.requested_framework(project, self.name)
            asked, text, at = row.versions, row.text, row.at
        return "" if within(asked, self.was) else f"{text} is requested ({at.place})"

    def _prevented(self, target: str) -> str:
        """What prevents it in one target beside what was decided before: a fact, the index, or a dependency; "" if nothing does."""
        there = replace(self.free, project=self._with_it(target))
        facts = replace(there, availability=no_index)
        if reasons := preventing(facts):
            return "; ".join(map(str, reasons))
        best = answer(there)
        if best is None:
            return self._lacking(there, facts)
        problem = replace(self.free, project=_only(self.free.project, target))
        held, final = {target: best[0]}, {target: self.final[target]}
        decided = tuple(self._decided(target))
        return Unsolved(problem=problem, solver=self.solver, final=final, held=held, fixed=decided, name=self.name).alone(target)

    def _lacking(self, there: Problem, facts: Problem) -> str:
        """What of the builds that a target could have the index lacks; `facts` is its problem without the index."""
        (best,) = answer(facts) or ()
        fixed = {self.name, *self._decided(best.target.name)}
        rows = [(choice.release.framework, platform) for platform in best.platforms for choice in best.choices]
        rows.sort(key=lambda row: row[0] in fixed)  # the last are those that stay

        def lacks(some: Sequence[tuple[str, Platform]]) -> bool:
            def availability(choice: Choice, target: Target, platform: Platform) -> frozenset[Version] | None:
                asked = (choice.release.framework, platform) in some
                return there.availability(choice, target, platform) if asked else None

            return not possible(replace(facts, availability=availability))

        told = minimal(rows, lacks)
        choices = {choice.release.framework: choice for choice in best.choices}
        texts = [self._lacking_text(there, best, choices[name], platform) for name, platform in told if name in fixed]
        others = [(choices[name], platform) for name, platform in told if name not in fixed]
        return "; ".join((*texts, *([self._none_text(best, others)] if others else ())))

    def _lacking_text(self, there: Problem, best: Resolution, choice: Choice, platform: Platform) -> str:
        return lacking_text(choice, platform, there.availability(choice, best.target, platform) or frozenset())

    def _none_text(self, best: Resolution, rows: Sequence[tuple[Choice, Platform]]) -> str:
        """That the index has no release of some frameworks that goes with what was locked."""
        builds = dict.fromkeys(
            f"{variant_text(choice.on(platform))} build of {choice.release.framework}" for choice, platform in rows
        )
        platforms = dict.fromkeys(platform for _, platform in rows)
        with_it = "this project can use" if self.name == PYTHON else f"goes with {self.name} {self.was}"
        return f"the index holds no {' and no '.join(builds)} for {' and '.join(platforms)} and python {best.python} that {with_it}"

    def _with_it(self, target: str) -> Project:
        """The project for one target, with what was locked, and with what was decided before."""
        project, final = _only(self.free.project, target), versions(self.final[target])
        for name in self._decided(target):
            project = _with(project, name, Version(final[name]))
        return _with(project, self.name, self.was)

    def _decided(self, target: str) -> Iterator[str]:
        """What was decided before: the Python before all frameworks, and what is held of them."""
        names = [] if self.name == PYTHON else list(versions(self.final[target]))
        for name in names:
            if name == self.name:
                return
            if name == PYTHON or self.stage.hold.keeps(target, name):
                yield name


def _only(project: Project, target: str) -> Project:
    return replace(project, targets=tuple(row for row in project.targets if row.name == target))


def _with(project: Project, name: str, version: Version) -> Project:
    return edits.with_python(project, version) if name == PYTHON else edits.with_release(project, name, version)
