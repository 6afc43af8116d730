"""Locking, step by step: plan, decide, solve, pin, verify, record, write.

Files are read first and written last, when every target of the run has been solved and every new lock has been read back and
verified.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from envgen.channels.channel import locate
from envgen.formats import conda_lock
from envgen.lock.plan import MachineTarget, Plan, older_plans, plan, rendered
from envgen.lock.render import digest
from envgen.lock.write import key, written
from envgen.matrix.cached import cached_matrix
from envgen.model.dates import ExcludeNewer
from envgen.model.errors import BadInput, CheckFailed, NoSolution, addressed, closest
from envgen.model.facts import Matrix
from envgen.model.layout import LOCK, Layout
from envgen.model.project import date_key
from envgen.model.resolution import RenderedFile
from envgen.model.run import LockRequest, Outcome, PinWith, Reporter, Solved
from envgen.resolver import specs

if TYPE_CHECKING:
    from envgen.channels.index import Index
    from envgen.lock.choose import Solver
    from envgen.lock.decide import Decision
    from envgen.lock.stages import Stages

    OlderPlans = Callable[[Plan], Iterator[Plan]]


_RECORDED = "it has only the packages of the committed locks: lock from live channels, or give --index DIR"


def lock(layout: Layout, request: LockRequest, reporter: Reporter, machine_target: MachineTarget) -> tuple[Outcome, ...]:
    """Lock the requested targets of the requested projects. Where inputs are unchanged, nothing is solved or written.

    `machine_target` says which target a word that depends on the machine (`gpu`, `auto`) means.
    """
    matrix = cached_matrix(layout)
    plans = planned(layout, matrix, request, reporter, machine_target)
    _check_packages(plans, request)
    check_dated_channels(plans, request)
    changed = [found for found in plans if found.todo]
    decided, solved = _lock(layout, matrix, changed, request, reporter) if changed else ({}, [])
    locked = written(layout, plans, solved, request, reporter)
    return tuple(
        locked.get((found.project.name, target)) or _unchanged(layout, found, target)
        for found in (decided.get(one.project.name, one) for one in plans)
        for target in found.requested
    )


def planned(
    layout: Layout, matrix: Matrix, request: LockRequest, reporter: Reporter, machine_target: MachineTarget
) -> tuple[Plan, ...]:
    """A plan for each requested project that has one of the requested targets."""
    names = project_names(layout, request)
    return tuple(found for name in names if (found := plan(layout, matrix, name, request, reporter, machine_target)))


def _check_packages(plans: Sequence[Plan], request: LockRequest) -> None:
    """Packages that are to be updated must be in some lock."""
    chosen = {name for found in plans for stamp in found.stamps.values() for name in stamp.chosen}
    known = {*chosen, *(name for found in plans for name in found.locked.names)} if request.packages else set()
    for name in request.packages:
        if name not in known:
            where = ", ".join(found.project.name for found in plans)
            raise BadInput(f"no lock of {where} has a package `{name}`", hint=closest(name, known))


def check_dated_channels(plans: Sequence[Plan], request: LockRequest) -> None:
    """A channel that `--exclude-newer` gives a date must be one of some project."""
    own = {locate(channel).url: channel for found in plans for channel in found.project.channels}
    for channel in ExcludeNewer(tuple(request.exclude_newer.items())).channels if plans else ():
        if locate(channel).url not in own:
            what = f"{', '.join(found.project.name for found in plans)}: channels: has no `{channel}`"
            raise BadInput(what, where="--exclude-newer", hint=closest(channel, own.values()))


def project_names(layout: Layout, request: LockRequest) -> tuple[str, ...]:
    """The requested projects. Raises BadInput where there is none."""
    names = request.projects or layout.projects()
    if not names:
        hint = "write environments/NAME/project.yaml, or run `envgen init --project NAME`"
        raise BadInput("there is no project", where=layout.shown(layout.environments), hint=hint)
    return tuple(dict.fromkeys(names))


def _unchanged(layout: Layout, found: Plan, target: str) -> Outcome:
    return Outcome(
        resolution=found.held[target],
        state="unchanged",
        downloads=found.stamps[target].downloads,
        seconds=0.0,
        path=layout.shown(layout.target(found.project.name, target)),
    )


def _lock(
    layout: Layout, matrix: Matrix, plans: Sequence[Plan], request: LockRequest, reporter: Reporter
) -> tuple[Mapping[str, Plan], Sequence[Solved]]:
    """The plans that were followed, by project, and every target that gets a new lock, with its files."""
    from envgen.lock.decide import as_locked

    solving = [found for found in plans if not found.is_locked]
    decisions = [(as_locked(found), 0.0) for found in plans if found.is_locked]
    solver = _solver(layout, matrix, solving, request, reporter) if solving else None
    if solver:
        older = partial(older_plans, layout, matrix, request)
        decisions += _decide(matrix, solving, older, solver, request.pin_with, reporter)
    solved = [
        item for decision, seconds in decisions for item in _solved(layout, matrix, decision, seconds, solver, request.pin_with)
    ]
    return {decision.plan.project.name: decision.plan for decision, _ in decisions}, solved


def _solver(layout: Layout, matrix: Matrix, plans: Sequence[Plan], request: LockRequest, reporter: Reporter) -> Solver:
    from envgen.lock.choose import Solver
    from envgen.lock.wrong import WrongBuilds

    index = _index(layout, matrix, plans, request, reporter)
    _check_names(plans, index)
    return Solver(index, request.jobs, WrongBuilds(matrix))


def _index(layout: Layout, matrix: Matrix, plans: Sequence[Plan], request: LockRequest, reporter: Reporter) -> Index:
    from envgen.channels.index import IndexOptions, open_index

    channels = tuple(dict.fromkeys(channel for found in plans for channel in found.project.channels))
    reporter.begin("reading the index", 1)
    options = IndexOptions(request.index_folder, request.offline)
    index, warning = open_index(options, layout, channels, plans[0].project.platforms[0], matrix.withdrawn, reporter.say)
    reporter.end()
    if warning:
        reporter.say(f"WARNING: {warning}")
    return index


def _check_names(plans: Iterable[Plan], index: Index) -> None:
    """A dependency that no channel has is more often a typo than a conflict: report it where it is written."""
    from envgen.channels.query import check_own, unknown_packages

    for resolution in (found.resolutions[name] for found in plans for name in found.requested):
        channels = resolution.project.channels
        own = {dependency.name: dependency for dependency in resolution.dependencies}
        for dependency in own.values():
            with addressed(dependency.at):
                check_own(dependency.spec)
        with addressed(resolution.project.at("channels"), NoSolution):
            unknown = unknown_packages(index, own, channels, resolution.platforms)
            dated = () if index.recorded else resolution.project.exclude_newer.packages
            undatable = unknown_packages(index, dated, channels, resolution.platforms)
        for name, hint in unknown.items():
            what = f"{index.shown} has no package" if index.recorded else f"no channel of {', '.join(channels)} has a package"
            raise BadInput(f"{what} `{name}`", where=own[name].at, hint=_RECORDED if index.recorded else hint)
        for name, hint in undatable.items():
            where = resolution.project.addresses.get(date_key(name)) or "--exclude-newer"
            raise BadInput(f"no channel of {', '.join(channels)} has a package `{name}`", where=where, hint=hint)


# --- choose and solve -----------------------------------------------------------------------------------------------------


def _decide(
    matrix: Matrix, plans: Sequence[Plan], older: OlderPlans, solver: Solver, pin_with: PinWith, reporter: Reporter
) -> list[tuple[Decision, float]]:
    """What is locked of each plan, with the seconds that each of its targets took. Raises NoSolution where nothing can be.

    The best choices of the facts are solved all at once; conda-lock is imported meanwhile if a target needs it.
    """
    from envgen.lock import decide as deciding
    from envgen.lock.pin import prepare

    begun, holdings = time.perf_counter(), deciding.Holdings(matrix, solver.index)
    with ThreadPoolExecutor(1) as executor:
        best = [resolution for found in plans for resolution in found.resolutions.values()]
        prepared = executor.submit(prepare, best, pin_with)
        staged: list[Stages] = []
        for found in plans:
            with addressed(found.project.at("channels"), NoSolution):
                staged.append(deciding.stages(matrix, found, holdings))
        requests = [request for some in staged for request in some.first.requests]
        reporter.begin("solving", len(requests))
        solver.solve(requests, lambda done: reporter.step(f"{done.environment} {done.platform}"))
        reporter.end()
        reporter.begin("choosing what solves", len(staged))
        decisions = []
        for found, own in zip(plans, staged, strict=True):
            others = (deciding.stages(matrix, other, holdings) for other in older(found))
            decisions.append(deciding.decide(own, others, solver, holdings))
            reporter.step(found.project.name)
        reporter.end()
        prepared.result()
    seconds = (time.perf_counter() - begun) / sum(len(decision.resolutions) for decision in decisions)
    return [(decision, seconds) for decision in decisions]


def _solved(
    layout: Layout, matrix: Matrix, decision: Decision, seconds: float, solver: Solver | None, pin_with: PinWith
) -> Iterator[Solved]:
    """Each target of a decision with its solutions, what they change, and its files."""
    from envgen.lock.solving import solved_cells

    found = solved_cells(matrix, decision, solver)
    for resolution in decision.resolutions:
        name = resolution.target.name
        item = Solved(
            resolution=resolution,
            solutions=found.of(resolution),
            files=(),
            seconds=seconds,
            notes=(*resolution.moved.values(), *decision.changed[name]),
            changes=found.changes(resolution),
            locked=_locked(layout, decision.plan, name),
            dropped=tuple(row for row in decision.plan.resolutions[name].platforms if row not in resolution.platforms),
            differing=tuple(row for row in found.differing if any(cell.startswith(f"{name}/") for cell in row.versions)),
        )
        yield _pin(layout, matrix, item, pin_with)


def _locked(layout: Layout, found: Plan, target: str) -> str:
    """The text of the lock of a target with pip packages, if what it holds is to stay; else ""."""
    path = layout.target(found.project.name, target) / LOCK
    return layout.read(path) if found.project.pip and target in found.counting else ""


# --- pin and verify -------------------------------------------------------------------------------------------------------


def _pin(layout: Layout, matrix: Matrix, item: Solved, pin_with: PinWith) -> Solved:
    """Add the files of a target, with a lock that has been read back and verified."""
    from envgen.lock.pin import pin

    begun, resolution = time.perf_counter(), item.resolution
    files = rendered(layout, resolution)
    file = pin(specs.environment_name(resolution), item, files, digest(resolution, files, layout.templates), pin_with)
    warnings = _verify(layout, matrix, item, file)
    return replace(item, files=(*files, file), seconds=item.seconds + time.perf_counter() - begun, notes=(*item.notes, *warnings))


def _verify(layout: Layout, matrix: Matrix, item: Solved, file: RenderedFile) -> tuple[str, ...]:
    """Read the new lock back, check that it contains every solved package, and run the rules of `verify`. Returns their warnings.

    Raises CheckFailed if it is incomplete or breaks a rule.
    """
    from envgen.lock.wrong import finding_line
    from envgen.verify import check

    shown = layout.shown(layout.target(*key(item.resolution)) / LOCK)
    read = conda_lock.read_lock(file.text, shown)
    counts = Counter(package.platform for package in read.packages if package.manager == "conda")
    complete = all(counts[solution.platform] == len(solution.records) for solution in item.solutions)
    if conda_lock.read_stamp(file.text, shown) is None or not complete:
        raise CheckFailed(f"{shown}: the new lock cannot be read back", hint="nothing was written; please report this")
    findings = check.check(read, check.claims_of(item.resolution), matrix)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        lines = "\n".join(finding_line(finding) for finding in errors)
        what = f"{specs.environment_name(item.resolution)}: the solution does not match its target\n{lines}"
        raise CheckFailed(what, hint="nothing was written; docs/verify.md explains each rule and how to fix it")
    # the resolver has already warned about drivers that cannot run what is compiled at run time
    return tuple(f"warning: {finding_line(item).strip()}" for item in findings if item.rule != "run-time-compilation")
