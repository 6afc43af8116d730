"""The story in order; the only writer into the repository.

matrices + project -> resolve -> render -> solve -> verify -> pin -> write. The disk is read at the head and written at the
end, when every target of the run has been solved and verified and every lock has been read back.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

from packaging.version import Version

from envgen.channels.recorded import names_of, read_recorded, recorded_files, recorded_names
from envgen.files import remove_files, write_files
from envgen.formats import conda_lock
from envgen.lock.plan import Best, Plan, as_locked, chosen, plan, rendered
from envgen.matrix.load import load_matrix
from envgen.model.errors import BadInput, CheckFailed, NoSolution, addressed
from envgen.model.facts import Matrix, Platform, Target
from envgen.model.findings import Finding
from envgen.model.layout import LOCK, Layout
from envgen.model.resolution import Choice, Obstacle, RenderedFile, Resolution
from envgen.model.run import LockRequest, Outcome, Reporter, Solved
from envgen.project.load import load
from envgen.resolver import specs
from envgen.resolver.resolve import Problem, Unsatisfiable, resolve
from envgen.verify import check

if TYPE_CHECKING:
    from envgen.channels.index import Index
    from envgen.model.packages import Solution, SolveRequest

_REFUTED = "`envgen matrix verify` holds every fact against the channels"


def lock(layout: Layout, ask: LockRequest, talk: Reporter, best: Best) -> tuple[Outcome, ...]:
    """Lock the asked targets of the asked projects; nothing is solved or written where inputs are unchanged.

    `best` says which target a word that depends on the machine (`gpu`, `auto`) means.
    """
    matrix = load_matrix(layout.matrices, layout.shown(layout.matrices))
    plans = [found for name in _project_names(layout, ask) if (found := plan(layout, matrix, name, ask, talk, best))]
    busy = [found for found in plans if found.todo]
    done = _lock(layout, matrix, busy, ask, talk) if busy else {}
    _record(layout, (), talk)
    return tuple(done.get((found.project.name, name)) or _unchanged(layout, found, name) for found in plans for name in found.asked)


def resolve_project(layout: Layout, name: str, talk: Reporter) -> tuple[Problem, tuple[Resolution, ...]]:
    """What is asked for a project, and what the matrices alone choose: no records, no network."""
    matrix = load_matrix(layout.matrices, layout.shown(layout.matrices))
    question = Problem(matrix, load(layout, matrix, name, talk))
    return question, resolve(question.matrix, question.project)


def _project_names(layout: Layout, ask: LockRequest) -> tuple[str, ...]:
    names = ask.projects or layout.projects()
    if not names:
        hint = "write environments/NAME/project.yaml, or run `envgen init --project NAME`"
        raise BadInput("there is no project", where=layout.shown(layout.environments), hint=hint)
    return tuple(dict.fromkeys(names))


def _unchanged(layout: Layout, found: Plan, target: str) -> Outcome:
    path = layout.shown(layout.target(found.project.name, target))
    return Outcome(
        resolution=found.kept[target], state="unchanged", downloads=found.stamps[target].downloads, seconds=0.0, path=path
    )


def _lock(layout: Layout, matrix: Matrix, busy: Sequence[Plan], ask: LockRequest, talk: Reporter) -> dict[tuple[str, str], Outcome]:
    from envgen.channels.index import IndexOptions, open_index

    channels = tuple(dict.fromkeys(channel for found in busy for channel in found.project.channels))
    talk.begin("reading the index", 1)
    index, said = open_index(IndexOptions(ask.index_folder, ask.offline), layout, channels, busy[0].project.platforms[0])
    talk.end()
    if said:
        talk.say(f"WARNING: {said}")
    for found in busy:
        with addressed(found.project.at("channels"), NoSolution):
            _decide(matrix, found, index)
    resolutions = [found.decided[name] for found in busy for name in found.todo]
    _check_names(resolutions, index)
    by_name = {found.project.name: found for found in busy}
    solved = [
        _pinned(layout, matrix, by_name[item.resolution.project.name], item) for item in _solve(resolutions, index, ask, talk)
    ]
    _record(layout, solved, talk)
    return {_key(item.resolution): _written(layout, by_name[item.resolution.project.name], item) for item in solved}


def _key(resolution: Resolution) -> tuple[str, str]:
    return resolution.project.name, resolution.target.name


# --- the index has the last word ------------------------------------------------------------------------------------------


def _decide(matrix: Matrix, found: Plan, index: Index) -> None:
    """Choose what the index holds for the targets to do; the others keep what their locks hold, if that is possible."""
    from envgen.channels.query import available_pythons

    project = found.project
    remembered: dict[tuple[str, Platform], frozenset[Version]] = {}

    def one(spec: str, platform: Platform) -> frozenset[Version]:
        key = (spec, platform)
        if key not in remembered:
            remembered[key] = available_pythons(index, spec, project.channels, platform, matrix.pythons, project.exclude_newer)
        return remembered[key]

    def held(choice: Choice, target: Target, platform: Platform) -> frozenset[Version]:
        return frozenset.intersection(*(one(spec, platform) for spec in ("python", *specs.spelled(choice, target))))

    kept = {name: found.stamps[name] for name in found.kept}
    try:
        resolutions = resolve(matrix, project, as_locked(kept, held))
    except Unsatisfiable:
        found.kept = {}  # one python for all: what was kept is done again
        try:
            resolutions = resolve(matrix, project, held)
        except Unsatisfiable as clash:
            raise _refuted(found, clash, index) from None
    found.decided.update({resolution.target.name: resolution for resolution in resolutions})


def _refuted(found: Plan, clash: Unsatisfiable, index: Index) -> NoSolution:
    """The matrices have an answer and the index leaves none: what it refutes, and what the solver says to the answer itself."""
    from envgen.channels.solve import Unsolvable, solve
    from envgen.explain.refuted import by_index

    what = f"{found.project.name}: {by_index(clash.problem, found.wanted.values())}"
    try:
        solve([request for resolution in found.wanted.values() for request in specs.requests(resolution)], index, 1)
    except Unsolvable as error:
        what = f"{what}\n\nthe solver says of what the matrices chose:\n{error.what}"
    return NoSolution(what, where=found.project.at("frameworks"), hint=_REFUTED)


def _check_names(resolutions: Iterable[Resolution], index: Index) -> None:
    """A dependency that no channel has is a spelling mistake more often than a conflict: say where it is written."""
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


# --- solve, verify, pin ---------------------------------------------------------------------------------------------------


def _solve(resolutions: Sequence[Resolution], index: Index, ask: LockRequest, talk: Reporter) -> list[Solved]:
    """All cells at once; conda_lock is imported in the shadow of the solves."""
    from envgen.lock import condalock

    begun = time.perf_counter()
    asked = [(resolution, specs.requests(resolution)) for resolution in resolutions]
    with ThreadPoolExecutor(1) as aside:
        ready = aside.submit(condalock.warm)
        talk.begin("solving", sum(len(group) for _, group in asked))
        found = iter(_solutions(asked, index, ask, talk))
        ready.result()
    talk.end()
    each = (time.perf_counter() - begun) / len(resolutions)
    return [
        Solved(resolution=resolution, solutions=tuple(next(found) for _ in group), files=(), seconds=each)
        for resolution, group in asked
    ]


def _solutions(
    asked: Sequence[tuple[Resolution, tuple[SolveRequest, ...]]], index: Index, ask: LockRequest, talk: Reporter
) -> tuple[Solution, ...]:
    """All solutions; where there is none, the solver's words and which fact or which wishes they come from."""
    from envgen.channels.solve import Unsolvable, solvable, solve
    from envgen.explain.refuted import by_solver

    requests = [request for _, group in asked for request in group]
    try:
        return solve(requests, index, ask.jobs, lambda request: talk.step(f"{request.environment} {request.platform}"))
    except Unsolvable as error:
        failed = [(resolution, request) for resolution, group in asked for request in group if request in error.requests]
        told = by_solver(failed[:3], lambda request: solvable(request, index))
        raise NoSolution(f"{error.what}\n\n{told}", hint=f"{error.hint}; {_REFUTED}") from None


def _pinned(layout: Layout, matrix: Matrix, found: Plan, item: Solved) -> Solved:
    """The files of one target, with a lock that has been read back and is what its target claims."""
    from envgen.lock import condalock

    begun, resolution = time.perf_counter(), item.resolution
    name = specs.environment_name(resolution)
    files, wanted = rendered(layout, resolution), found.digests[resolution.target.name]
    locked = condalock.pin(name, item, files, wanted, chosen(resolution))
    warned = _read_back(layout, matrix, item, locked)
    return Solved(
        resolution=resolution,
        solutions=item.solutions,
        files=(*files, locked),
        seconds=item.seconds + time.perf_counter() - begun,
        notes=warned,
    )


def _read_back(layout: Layout, matrix: Matrix, item: Solved, locked: RenderedFile) -> tuple[str, ...]:
    """The new lock holds what was solved, and passes every rule of `verify`; pip packages may come on top. Returns its warnings."""
    shown = layout.shown(layout.target(*_key(item.resolution)) / LOCK)
    lock = conda_lock.read_lock(locked.text, shown)
    held = Counter(package.platform for package in lock.packages if package.manager == "conda")
    complete = all(held[solution.platform] == len(solution.records) for solution in item.solutions)
    if conda_lock.read_stamp(locked.text, shown) is None or not complete:
        raise CheckFailed(f"{shown}: the new lock cannot be read back", hint="nothing was written; please report this")
    findings = check.check(lock, check.claims_of(item.resolution), matrix)
    wrong = [found for found in findings if found.severity == "error"]
    if wrong:
        lines = "\n".join(_told(found) for found in wrong)
        what = f"{specs.environment_name(item.resolution)}: the solution is not what the target claims\n{lines}"
        raise CheckFailed(what, hint="nothing was written; docs/verify.md says what each rule means and what mends it")
    # of drivers that cannot run what is compiled at run time the resolver has warned already
    return tuple(f"warning: {_told(found).strip()}" for found in findings if found.rule != "run-time-compilation")


def _told(found: Finding) -> str:
    chain = f" (brought by {' > '.join(found.chain)})" if found.chain else ""
    return f"  {found.rule}: {found.package}{' ' if found.package else ''}({found.platform}): {found.text}{chain}"


# --- write ----------------------------------------------------------------------------------------------------------------


def _written(layout: Layout, found: Plan, item: Solved) -> Outcome:
    resolution, folder = item.resolution, layout.target(*_key(item.resolution))
    state: Literal["locked", "relocked"] = "relocked" if (folder / LOCK).is_file() else "locked"
    write_files(folder, item.files, layout)
    notes = (*_changed_by_index(found.wanted[resolution.target.name], resolution), *item.notes)
    return Outcome(
        resolution=resolution, state=state, downloads=item.downloads, seconds=item.seconds, path=layout.shown(folder), notes=notes
    )


def _changed_by_index(wanted: Resolution, decided: Resolution) -> tuple[str, ...]:
    """Where the index changed the choice that the matrices alone would have made, and why."""
    before, after = chosen(wanted), chosen(decided)
    releases = {choice.release.framework: choice.release.at for choice in wanted.choices}
    notes = []
    for name in (name for name in after if after[name] != before[name]):
        why = [obstacle for obstacle in decided.obstacles if obstacle.release == releases.get(name)]
        notes.append(f"{name} {after[name]}, not {before[name]}: {_because(why, decided.target.name)}")
    lost = [dropped for dropped in decided.dropped if dropped.platform in wanted.platforms]
    return (*notes, *(f"{dropped.platform} dropped by the index: {dropped.because.text}" for dropped in lost))


def _because(why: Sequence[Obstacle], target: str) -> str:
    """The most telling of several obstacles: what the index lacks, for this target before others."""
    if not why:
        return "so that all targets agree"
    first = min(why, key=lambda obstacle: (not obstacle.index, obstacle.target != target))
    return first.reason.text if first.target == target else f"{first.target} cannot have it: {first.reason.text}"


def _record(layout: Layout, coming: Sequence[Solved], talk: Reporter) -> None:
    """Keep the full records of the packages that the locks under this root name, and of those that `coming` locks will.

    Called before locks are written and after: a run that is killed in between loses no record, and the next one tidies up.
    """
    urls = [url for path in layout.locks() for url in conda_lock.urls(layout.read(path))]
    fresh = [record for item in coming for solution in item.solutions for record in solution.records]
    if not coming and recorded_names(layout.index) == names_of(urls):
        return
    old = read_recorded(layout.index, layout.shown(layout.index))
    files, unknown = recorded_files([*urls, *(record.url for record in fresh)], fresh, old)
    for name, text in files.items():
        path = layout.index / name
        if not path.is_file() or layout.read(path) != text:
            write_files(path.parent, (RenderedFile(path.name, text),), layout)
    remove_files([path for path in layout.index.glob("**/repodata.json") if path.relative_to(layout.index).as_posix() not in files])
    if unknown and not coming:
        what = (
            f"{len(unknown)} locked packages have no record in {layout.shown(layout.index)}, so `--offline` cannot solve with them"
        )
        talk.say(f"{what}: lock their projects with --update")
