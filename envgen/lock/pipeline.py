"""Locking, project by project: plan, decide, solve, pin, verify, record, write.

A project is written when every target of it has been solved and every new lock has been read back and verified. One that fails does
not keep the others from being locked. Nothing of a project is held when it is written: memory does not grow with their number.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from envgen.channels.channel import locate
from envgen.formats import conda_lock
from envgen.lock.keep_records import locks_of
from envgen.lock.plan import MachineTarget, Plan, older_plans, plan
from envgen.lock.removed_targets import removed_targets
from envgen.lock.unchanged import RawInputs, has_shortcut, remember_unchanged, unchanged
from envgen.lock.write import Writer
from envgen.matrix.cached import cached_matrix
from envgen.model.dates import ExcludeNewer
from envgen.model.errors import BadInput, EnvgenError, NoSolution, addressed, closest
from envgen.model.facts import Matrix
from envgen.model.layout import Layout
from envgen.model.run import Failure, LockedProject, LockRequest, LockRun, Outcome, Reporter, Solved
from envgen.project.cached import cached_project

if TYPE_CHECKING:
    from envgen.lock.solvers import Solvers, SolverWithHoldings
    from envgen.lock.stages import Stages
    from envgen.model.packages import SolveRequest


_COLLECTED = 16  # projects between two collections of garbage


class SharedLocks(Protocol):
    """What other runs have locked of the same inputs."""

    def taken(self, found: Plan) -> LockedProject | None:
        """What was locked for a plan with something to do, if that is known."""

    def keep(self, found: Plan, locked: LockedProject) -> None:
        """Keep what was locked for a plan that `taken` was asked about."""


def lock(
    layout: Layout,
    request: LockRequest,
    reporter: Reporter,
    machine_target: MachineTarget,
    shared: SharedLocks | None = None,
) -> LockRun:
    """Lock the requested targets of the requested projects. Where inputs are unchanged, nothing is solved or written.

    `machine_target` says which target a word that depends on the machine (`gpu`, `auto`) means; what is
    `shared` is not solved again. Raises what concerns the whole run; what concerns one project is a failure of the run.
    """
    names = project_names(layout, request)
    _check_packages(layout, names, request)
    _check_dated_channels(layout, names, request)
    raw = RawInputs(layout, request) if has_shortcut(request) else None
    there = {name: found for name in names if raw and (found := unchanged(raw, name, reporter)) is not None}
    session = _Session(layout, request, reporter, machine_target, raw, shared)
    todo = [name for name in names if name not in there]
    for start in range(0, len(todo), request.jobs):
        session.lock(todo[start : start + request.jobs], f" ({start} of {len(todo)} projects done)" if start else "")
        if start % _COLLECTED < request.jobs and start:
            gc.collect()  # the command line turns the collector off, and each search leaves some megabytes in circles
    if request.cells is None and not session.failures:  # a lock that failed may be damaged: its records stay
        session.writer.finish(names, raw)
    outcomes = {**there, **session.outcomes}
    return LockRun(
        outcomes=tuple(outcome for name in names for outcome in outcomes.get(name, ())),
        failures=tuple(Failure(name, session.failures[name]) for name in names if name in session.failures),
    )


def project_names(layout: Layout, request: LockRequest) -> tuple[str, ...]:
    """The requested projects. Raises BadInput where there is none."""
    names = request.projects or layout.projects()
    if not names:
        hint = "write environments/NAME/project.yaml, or run `envgen init --project NAME`"
        raise BadInput("there is no project", where=layout.shown(layout.environments), hint=hint)
    return tuple(dict.fromkeys(names))


def _check_packages(layout: Layout, projects: Sequence[str], request: LockRequest) -> None:
    """Packages that are to be updated must be in some lock."""
    known = {name for project in projects for name in _locked_names(layout, project)} if request.packages else set()
    for name in request.packages:
        if name not in known:
            raise BadInput(f"no lock of {', '.join(projects)} has a package `{name}`", hint=closest(name, known))


def _check_dated_channels(layout: Layout, projects: Sequence[str], request: LockRequest) -> None:
    """A channel that `--exclude-newer` gives a date must be one of some project."""
    dated, own = ExcludeNewer(tuple(request.exclude_newer.items())).channels, dict[str, str]()
    for project in projects if dated else ():
        with suppress(EnvgenError):  # which is reported when the project is planned
            own |= {locate(channel).url: channel for channel in cached_project(layout, cached_matrix(layout), project).channels}
    unknown = next((channel for channel in dated if own and locate(channel).url not in own), None)
    if unknown:
        what = f"{', '.join(projects)}: channels: has no `{unknown}`"
        raise BadInput(what, where="--exclude-newer", hint=closest(unknown, own.values()))


def _locked_names(layout: Layout, project: str) -> Iterator[str]:
    """The packages and the frameworks of the locks of a project; nothing of a lock that cannot be read, which is reported later."""
    for path in locks_of(layout, project):
        with suppress(BadInput):
            text = layout.read(path)
            stamp = conda_lock.read_stamp(text, layout.shown(path))
            yield from stamp.chosen if stamp else ()
            yield from (package_name(url) for url in conda_lock.urls(text))
            yield from conda_lock.pip_names(text)


def package_name(url: str) -> str:
    """The name of the package that a URL is the file of."""
    return unquote(url.rpartition("/")[2]).rsplit("-", 2)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Staged:
    """A plan that has to be solved, the ways to choose for it, and the seconds that a target of it took so far."""

    plan: Plan
    stages: Stages
    best: Sequence[SolveRequest]
    by: SolverWithHoldings
    seconds: float = 0.0


def _import_the_rest() -> None:
    """Import what is needed once there are solutions, while the solver works in threads of its own."""
    from envgen.lock import one_writer, sandbox, solving  # noqa: F401

    one_writer.warm()


class _Session:
    """What the projects of one run share, and what became of them."""

    def __init__(
        self,
        layout: Layout,
        request: LockRequest,
        reporter: Reporter,
        machine_target: MachineTarget,
        raw: RawInputs | None,
        shared: SharedLocks | None,
    ) -> None:
        self._layout, self._request, self._reporter = layout, request, reporter
        self._machine_target, self._raw, self._shared = machine_target, raw, shared
        self.writer = Writer(layout, request, reporter)
        self.outcomes: dict[str, tuple[Outcome, ...]] = {}
        self.failures: dict[str, EnvgenError] = {}

    @cached_property
    def _matrix(self) -> Matrix:
        return cached_matrix(self._layout)

    @cached_property
    def _solvers(self) -> Solvers:
        from envgen.lock.solvers import Solvers

        return Solvers(self._layout, self._matrix, self._request, self._reporter)

    @contextmanager
    def _of(self, project: str) -> Iterator[None]:
        """What is raised is the failure of a project."""
        try:
            yield
        except EnvgenError as error:
            self.failures[project] = error.with_traceback(None)

    def lock(self, names: Sequence[str], progress: str) -> None:
        """Lock some projects, whose best choices are solved at the same time; each is written when it is whole."""
        matrix, plans = self._matrix, []
        for name in names:
            with self._of(name):
                found = plan(self._layout, matrix, name, self._request, self._reporter, self._machine_target)
                plans += [found] if found else []
        taken = self._taken(plans)
        open_plans = [found for found in plans if found.todo and not (found.is_locked or taken.get(found.project.name))]
        staged = self._staged([found for found in open_plans if found.project.name not in self.failures], progress)
        for found in plans:
            name = found.project.name
            if name not in self.failures:
                with self._of(name):
                    self._finish(found, staged.get(name), taken.get(name))

    def _taken(self, plans: Sequence[Plan]) -> Mapping[str, LockedProject]:
        """What other runs have locked of the plans with something to do, by project."""
        found = dict[str, LockedProject]()
        for one in plans if self._shared else ():
            with self._of(one.project.name):
                locked = self._shared.taken(one) if self._shared and one.todo else None
                found |= {one.project.name: locked} if locked else {}
        return found

    def _staged(self, plans: Sequence[Plan], progress: str) -> Mapping[str, _Staged]:
        """The plans that have to be solved, by project; conda-lock is imported meanwhile if a target needs it."""
        if not plans:
            return {}
        from envgen.lock.pin import prepare

        begun, found = time.perf_counter(), dict[str, _Staged]()
        with ThreadPoolExecutor(1) as executor:
            best = [resolution for one in plans for resolution in one.resolutions.values()]
            prepared = executor.submit(prepare, best, self._request.pin_with)
            for one in plans:
                name = one.project.name
                with self._of(name):
                    found[name] = self._stages_of(one)
            rest = executor.submit(_import_the_rest)
            self._solve_best(list(found.values()), progress)
            prepared.result()
            rest.result()
        seconds = (time.perf_counter() - begun) / sum(len(one.todo) for one in plans)
        return {name: replace(one, seconds=seconds) for name, one in found.items()}

    def _stages_of(self, found: Plan) -> _Staged:
        by = self._solvers.of(found)
        from envgen.lock import decide as deciding

        with addressed(found.project.at("channels"), NoSolution):
            stages = deciding.stages(self._matrix, found, by.holdings)
            return _Staged(plan=found, stages=stages, best=stages.first.requests, by=by)

    def _solve_best(self, staged: Sequence[_Staged], progress: str) -> None:
        """Solve the best choices of the facts at the same time. An error is raised again for the project whose cell it is."""
        self._reporter.begin(f"solving{progress}", sum(len(one.best) for one in staged))
        for solver in {id(one.by): one.by.solver for one in staged}.values():
            requests = [request for one in staged if one.by.solver is solver for request in one.best]
            with suppress(EnvgenError):
                solver.solve(requests, lambda done: self._reporter.step(f"{done.environment} {done.platform}"))
        self._reporter.end()

    def _finish(self, found: Plan, staged: _Staged | None, taken: LockedProject | None) -> None:
        """Lock one project, unless it is taken; keep what was locked, and write the project unless only results are asked for."""
        from envgen.lock.assemble import locked_project
        from envgen.lock.numerics import check_locked

        if not found.todo:
            check_locked(self._matrix, found)
        followed, solved = self._solved(found, staged) if found.todo and not taken else (found, [])
        locked = taken or locked_project(self._layout, followed, solved)
        if self._shared and found.todo and not taken:
            self._shared.keep(found, locked)
        if self._request.cells is None:
            self.writer.write(followed.project, locked)
        self.outcomes[found.project.name] = locked.outcomes
        if self._raw and not (locked.files or removed_targets(self._layout, found.project)):
            remember_unchanged(self._layout, self._raw, found)

    def _solved(self, found: Plan, staged: _Staged | None) -> tuple[Plan, list[Solved]]:
        """The plan that was followed, and its targets that get new locks, with their files."""
        from envgen.lock import decide as deciding
        from envgen.lock.assemble import assembled

        layout, matrix, pin_with = self._layout, self._matrix, self._request.pin_with
        if staged is None:
            return found, list(assembled(layout, matrix, deciding.as_locked(found), 0.0, None, pin_with, self._reporter))
        begun, by = time.perf_counter(), staged.by
        self._reporter.begin(f"choosing what solves for {found.project.name}", 1)
        others = (deciding.stages(matrix, other, by.holdings) for other in older_plans(layout, matrix, self._request, found))
        decision = deciding.decide(staged.stages, others, by.solver, by.holdings)
        self._reporter.end()
        seconds = staged.seconds + (time.perf_counter() - begun) / len(decision.resolutions)
        return decision.plan, list(assembled(layout, matrix, decision, seconds, by.solver, pin_with, self._reporter))
