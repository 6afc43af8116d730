"""Locking, step by step: plan, decide, solve, pin, verify, record, write.

Files are read first and written last, when every target of the run has been solved and every new lock has been read back and
verified.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from envgen.files import write_files
from envgen.formats import conda_lock
from envgen.lock.decide import REFUTED, Decision, changed_by_index, decide
from envgen.lock.keep_records import add_records, tidy_records
from envgen.lock.plan import MachineTarget, Plan, plan, rendered, versions
from envgen.matrix.cached import cached_matrix
from envgen.model.errors import BadInput, CheckFailed, NoSolution, addressed
from envgen.model.facts import Matrix
from envgen.model.findings import Finding
from envgen.model.layout import LOCK, Layout
from envgen.model.resolution import RenderedFile, Resolution
from envgen.model.run import LockRequest, Outcome, PinWith, Reporter, Solved
from envgen.resolver import specs

if TYPE_CHECKING:
    from envgen.channels.index import Index
    from envgen.model.packages import Solution, SolveRequest


def lock(layout: Layout, request: LockRequest, reporter: Reporter, machine_target: MachineTarget) -> tuple[Outcome, ...]:
    """Lock the requested targets of the requested projects. Where inputs are unchanged, nothing is solved or written.

    `machine_target` says which target a word that depends on the machine (`gpu`, `auto`) means.
    """
    matrix = cached_matrix(layout)
    names = _project_names(layout, request)
    plans = [found for name in names if (found := plan(layout, matrix, name, request, reporter, machine_target))]
    changed = [found for found in plans if found.todo]
    locked = _lock(layout, matrix, changed, request, reporter) if changed else {}
    tidy_records(layout, reporter)
    return tuple(
        locked.get((found.project.name, target)) or _unchanged(layout, found, target)
        for found in plans
        for target in found.requested
    )


def _project_names(layout: Layout, request: LockRequest) -> tuple[str, ...]:
    names = request.projects or layout.projects()
    if not names:
        hint = "write environments/NAME/project.yaml, or run `envgen init --project NAME`"
        raise BadInput("there is no project", where=layout.shown(layout.environments), hint=hint)
    return tuple(dict.fromkeys(names))


def _unchanged(layout: Layout, found: Plan, target: str) -> Outcome:
    return Outcome(
        resolution=found.unchanged[target],
        state="unchanged",
        downloads=found.stamps[target].downloads,
        seconds=0.0,
        path=layout.shown(layout.target(found.project.name, target)),
    )


def _lock(
    layout: Layout, matrix: Matrix, plans: Sequence[Plan], request: LockRequest, reporter: Reporter
) -> Mapping[tuple[str, str], Outcome]:
    """Outcomes by project and target, for every target that got a new lock."""
    index = _index(layout, matrix, plans, request, reporter)
    decisions = [_decide(matrix, found, index) for found in plans]
    resolutions = [resolution for decision in decisions for resolution in decision.resolutions]
    _check_names(resolutions, index)
    plan_of = {decision.plan.project.name: decision.plan for decision in decisions}
    solved = [
        _pin(layout, matrix, plan_of[item.resolution.project.name], item, request.pin_with)
        for item in _solve(resolutions, index, request, reporter)
    ]
    add_records(layout, solved)
    return {_key(item.resolution): _write(layout, plan_of[item.resolution.project.name], item) for item in solved}


def _index(layout: Layout, matrix: Matrix, plans: Sequence[Plan], request: LockRequest, reporter: Reporter) -> Index:
    from envgen.channels.index import IndexOptions, open_index

    channels = tuple(dict.fromkeys(channel for found in plans for channel in found.project.channels))
    reporter.begin("reading the index", 1)
    options = IndexOptions(request.index_folder, request.offline)
    index, warning = open_index(options, layout, channels, plans[0].project.platforms[0], matrix.withdrawn)
    reporter.end()
    if warning:
        reporter.say(f"WARNING: {warning}")
    return index


def _decide(matrix: Matrix, found: Plan, index: Index) -> Decision:
    with addressed(found.project.at("channels"), NoSolution):
        return decide(matrix, found, index)


def _check_names(resolutions: Iterable[Resolution], index: Index) -> None:
    """A dependency that no channel has is more often a typo than a conflict: report it where it is written."""
    from envgen.channels.query import match_spec, unknown_packages

    for resolution in resolutions:
        channels = resolution.project.channels
        own = {dependency.name: dependency for dependency in resolution.dependencies}
        for dependency in own.values():
            with addressed(dependency.at):
                match_spec(dependency.spec)
        with addressed(resolution.project.at("channels"), NoSolution):
            unknown = unknown_packages(index, own, channels, resolution.platforms)
        for name, hint in unknown.items():
            raise BadInput(f"no channel of {', '.join(channels)} has a package `{name}`", where=own[name].at, hint=hint)


# --- solve ----------------------------------------------------------------------------------------------------------------

TargetRequests = tuple[Resolution, tuple["SolveRequest", ...]]  # one target and its cells


def _solve(resolutions: Sequence[Resolution], index: Index, request: LockRequest, reporter: Reporter) -> list[Solved]:
    """Solve all cells at once; conda-lock is imported meanwhile if a target needs it."""
    from envgen.lock.pin import prepare

    begun = time.perf_counter()
    groups: list[TargetRequests] = [(resolution, specs.requests(resolution)) for resolution in resolutions]
    with ThreadPoolExecutor(1) as executor:
        prepared = executor.submit(prepare, resolutions, request.pin_with)
        reporter.begin("solving", sum(len(requests) for _, requests in groups))
        solutions = iter(_solutions(groups, index, request.jobs, reporter))
        prepared.result()
    reporter.end()
    seconds = (time.perf_counter() - begun) / len(resolutions)
    return [
        Solved(resolution=resolution, solutions=tuple(next(solutions) for _ in requests), files=(), seconds=seconds)
        for resolution, requests in groups
    ]


def _solutions(groups: Sequence[TargetRequests], index: Index, jobs: int, reporter: Reporter) -> tuple[Solution, ...]:
    """One solution for each cell. Raises NoSolution with the solver's words and the facts or requirements that they come from."""
    from envgen.channels.solve import Unsolvable, solvable, solve
    from envgen.explain.refuted import by_solver

    cells = [(resolution, request) for resolution, requests in groups for request in requests]
    try:
        return solve(
            [request for _, request in cells], index, jobs, lambda done: reporter.step(f"{done.environment} {done.platform}")
        )
    except Unsolvable as error:
        failed = [(resolution, request) for resolution, request in cells if request in error.requests]
        explained = by_solver(failed[:3], lambda request: solvable(request, index))
        raise NoSolution(f"{error.what}\n\n{explained}", hint=f"{error.hint}; {REFUTED}") from None


# --- pin and verify -------------------------------------------------------------------------------------------------------


def _pin(layout: Layout, matrix: Matrix, found: Plan, item: Solved, pin_with: PinWith) -> Solved:
    """Add the files of a target, with a lock that has been read back and verified."""
    from envgen.lock.pin import pin

    begun, resolution = time.perf_counter(), item.resolution
    files, digest = rendered(layout, resolution), found.digests[resolution.target.name]
    file = pin(specs.environment_name(resolution), item, files, digest, versions(resolution), pin_with)
    warnings = _verify(layout, matrix, item, file)
    return replace(item, files=(*files, file), seconds=item.seconds + time.perf_counter() - begun, notes=warnings)


def _verify(layout: Layout, matrix: Matrix, item: Solved, file: RenderedFile) -> tuple[str, ...]:
    """Read the new lock back, check that it contains every solved package, and run the rules of `verify`. Returns their warnings.

    Raises CheckFailed if it is incomplete or breaks a rule.
    """
    from envgen.verify import check

    shown = layout.shown(layout.target(*_key(item.resolution)) / LOCK)
    read = conda_lock.read_lock(file.text, shown)
    counts = Counter(package.platform for package in read.packages if package.manager == "conda")
    complete = all(counts[solution.platform] == len(solution.records) for solution in item.solutions)
    if conda_lock.read_stamp(file.text, shown) is None or not complete:
        raise CheckFailed(f"{shown}: the new lock cannot be read back", hint="nothing was written; please report this")
    findings = check.check(read, check.claims_of(item.resolution), matrix)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        lines = "\n".join(_finding_line(finding) for finding in errors)
        what = f"{specs.environment_name(item.resolution)}: the solution does not match its target\n{lines}"
        raise CheckFailed(what, hint="nothing was written; docs/verify.md explains each rule and how to fix it")
    # the resolver has already warned about drivers that cannot run what is compiled at run time
    return tuple(f"warning: {_finding_line(item).strip()}" for item in findings if item.rule != "run-time-compilation")


def _finding_line(found: Finding) -> str:
    chain = f" (brought by {' > '.join(found.chain)})" if found.chain else ""
    return f"  {found.rule}: {found.package}{' ' if found.package else ''}({found.platform}): {found.text}{chain}"


# --- write ----------------------------------------------------------------------------------------------------------------


def _key(resolution: Resolution) -> tuple[str, str]:
    return resolution.project.name, resolution.target.name


def _write(layout: Layout, found: Plan, item: Solved) -> Outcome:
    folder = layout.target(*_key(item.resolution))
    replaced = (folder / LOCK).is_file()
    write_files(folder, item.files, layout)
    return Outcome(
        resolution=item.resolution,
        state="relocked" if replaced else "locked",
        downloads=item.downloads,
        seconds=item.seconds,
        path=layout.shown(folder),
        notes=(*changed_by_index(found, item.resolution), *item.notes),
    )
