"""The story in order; the only writer into the repository.

matrices + project -> resolve -> render -> solve -> verify -> pin -> write. The disk is read at the head and written at the
end, when every target of the run has been solved and verified and every lock has been read back.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from packaging.version import Version

from envgen import lockfile, render, verify
from envgen.cell import minors_in
from envgen.errors import BadInput, CheckFailed, Clash
from envgen.layout import LOCK, Layout
from envgen.matrix import load_matrix
from envgen.model import Ask, Choice, Matrix, Outcome, Platform, RenderedFile, Request, Resolution, Solution, Talk, Target
from envgen.plan import Plan, as_locked, chosen, load, plan, read, rendered
from envgen.resolve import resolve
from envgen.writing import remove_files, write_files

if TYPE_CHECKING:
    from envgen.index import Index


def lock(layout: Layout, ask: Ask, talk: Talk) -> tuple[Outcome, ...]:
    """Lock the asked targets of the asked projects; nothing is solved or written where inputs are unchanged."""
    matrix = load_matrix(layout.matrices, layout.shown(layout.matrices))
    plans = [found for name in _project_names(layout, ask) if (found := plan(layout, matrix, name, ask, talk))]
    done: dict[tuple[str, str], Outcome] = {}
    if any(plan.todo for plan in plans):
        done = _lock_all(layout, matrix, plans, ask, talk)
    outcomes = [done.get((plan.project.name, name)) or _unchanged(layout, plan, name) for plan in plans for name in plan.asked]
    return tuple(outcomes)


def resolve_project(layout: Layout, name: str) -> tuple[Resolution, ...]:
    """What the matrices alone choose for a project: no records, no network."""
    matrix = load_matrix(layout.matrices, layout.shown(layout.matrices))
    return resolve(matrix, load(layout, matrix, name))


def _project_names(layout: Layout, ask: Ask) -> tuple[str, ...]:
    names = ask.projects or layout.projects()
    if not names:
        where = layout.shown(layout.environments)
        raise BadInput("there is no project", where=where, hint="write environments/NAME/project.yaml, or run `envgen init --project NAME`")
    return tuple(dict.fromkeys(names))


def _unchanged(layout: Layout, plan: Plan, target: str) -> Outcome:
    path = layout.shown(layout.target(plan.project.name, target))
    return Outcome(plan.kept[target], "unchanged", plan.stamps[target].downloads, 0.0, path)


# --- doing it -------------------------------------------------------------------------------------------------------------


def _lock_all(layout: Layout, matrix: Matrix, plans: Sequence[Plan], ask: Ask, talk: Talk) -> dict[tuple[str, str], Outcome]:
    from envgen import pin
    from envgen.index import Wanted, open_index
    from envgen.solve import solve

    begun = time.perf_counter()
    busy = [plan for plan in plans if plan.todo]
    index, said = open_index(Wanted(ask.index_folder, ask.offline), layout, busy[0].project.channels, busy[0].project.platforms[0])
    if said:
        talk.say(said)
    for plan in busy:
        _decide(matrix, plan, index)
    todo = [plan.decided[name] for plan in busy for name in plan.todo]
    asked = [(resolution, render.requests(resolution)) for resolution in todo]
    requests = [request for _, group in asked for request in group]
    _known_packages(asked, index)
    with ThreadPoolExecutor(1) as aside:
        ready = aside.submit(pin.warm)  # conda_lock is imported in the shadow of the solves
        talk.begin("solving", len(requests))
        solutions = iter(solve(requests, index, ask.jobs, lambda request: talk.step(f"{request.environment} {request.platform}")))
        ready.result()
    talk.end()
    each = (time.perf_counter() - begun) / len(todo)
    solved = [(resolution, tuple(next(solutions) for _ in group)) for resolution, group in asked]
    return _pin_and_write(layout, plans, solved, each, talk)


def _decide(matrix: Matrix, plan: Plan, index: Index) -> None:
    """The index has the last word on the targets to do; the others keep what their locks hold, if that is possible."""
    from envgen.index import held_pythons

    project, minors = plan.project, minors_in(plan.project.python, matrix.pythons)
    remembered: dict[tuple[tuple[str, ...], Platform], frozenset[Version]] = {}

    def held(choice: Choice, target: Target, platform: Platform) -> frozenset[Version]:
        key = (render.spelled(choice, target), platform)
        if key not in remembered:
            remembered[key] = held_pythons(index, key[0], project.channels, platform, minors, project.exclude_newer)
        return remembered[key]

    kept = {name: plan.stamps[name] for name in plan.kept}
    try:
        found = resolve(matrix, project, as_locked(kept, held))
    except Clash:
        if not kept:
            raise
        found = resolve(matrix, project, held)
    plan.decided.update({resolution.target.name: resolution for resolution in found})


def _known_packages(asked: Sequence[tuple[Resolution, tuple[Request, ...]]], index: Index) -> None:
    """A dependency that no channel has is a spelling mistake more often than a conflict: say where it is written."""
    from envgen.index import unknown_packages

    for resolution, _ in asked:
        own = {dependency.name: dependency for dependency in resolution.dependencies}
        missing = unknown_packages(index, own, resolution.project.channels, resolution.platforms)
        for name, hint in missing.items():
            what = f"no channel of {', '.join(resolution.project.channels)} has a package `{name}`"
            raise BadInput(what, where=own[name].at, hint=hint)


def _pin_and_write(
    layout: Layout,
    plans: Sequence[Plan],
    solved: Sequence[tuple[Resolution, tuple[Solution, ...]]],
    seconds: float,
    talk: Talk,
) -> dict[tuple[str, str], Outcome]:
    by_name = {plan.project.name: plan for plan in plans}
    ready: list[tuple[Resolution, tuple[Solution, ...], tuple[RenderedFile, ...], float]] = []
    talk.begin("pinning", len(solved))
    for resolution, solutions in solved:
        begun = time.perf_counter()
        files = _verified_files(layout, by_name[resolution.project.name], resolution, solutions)
        ready.append((resolution, solutions, files, seconds + time.perf_counter() - begun))
        talk.step(render.environment_name(resolution))
    talk.end()
    outcomes = {}
    for resolution, solutions, files, spent in ready:
        key = (resolution.project.name, resolution.target.name)
        folder = layout.target(*key)
        state = "relocked" if (folder / LOCK).is_file() else "locked"
        write_files(folder, files, layout)
        downloads = {s.platform: (len(s.records), sum(record.size for record in s.records)) for s in solutions}
        notes = _changed_by_index(by_name[key[0]].wanted[key[1]], resolution)
        outcomes[key] = Outcome(resolution, state, downloads, spent, layout.shown(folder), notes)
    _record(layout, [solution for _, solutions, _, _ in ready for solution in solutions], talk)
    return outcomes


def _verified_files(layout: Layout, plan: Plan, resolution: Resolution, solutions: tuple[Solution, ...]) -> tuple[RenderedFile, ...]:
    from envgen import pin

    findings = verify.check(resolution, solutions)
    if findings:
        lines = "\n".join(f"  {f.rule}: {f.package} ({f.platform}): {f.text}" for f in findings)
        what = f"{render.environment_name(resolution)}: the solution is not what the target claims\n{lines}"
        raise CheckFailed(what, hint="nothing was written; the spelling in matrices/ may select too much")
    files = rendered(layout, resolution)
    wanted = plan.digests[resolution.target.name]
    locked = pin.pin(render.environment_name(resolution), files, solutions, resolution.target.virtual, wanted, chosen(resolution))
    shown = layout.shown(layout.target(resolution.project.name, resolution.target.name) / LOCK)
    if lockfile.stamp(locked.text, shown) is None or not lockfile.read_lock(locked.text, shown).packages:
        raise CheckFailed(f"{shown}: the new lock cannot be read back", hint="nothing was written; please report this")
    return (*files, locked)


def _changed_by_index(wanted: Resolution, decided: Resolution) -> tuple[str, ...]:
    """Where the index changed the choice that the matrices alone would have made, and why."""
    before, after = chosen(wanted), chosen(decided)
    releases = {choice.release.framework: choice.release.at for choice in wanted.choices}
    notes = []
    for name in (name for name in after if after[name] != before[name]):
        why = [reason.text for reason in decided.obstacles if reason.at == releases.get(name)]
        notes.append(f"{name} {after[name]}, not {before[name]}: {why[0] if why else 'so that all targets agree'}")
    lost = [dropped for dropped in decided.dropped if dropped.platform in wanted.platforms]
    return (*notes, *(f"{dropped.platform} dropped by the index: {dropped.because.text}" for dropped in lost))


def _record(layout: Layout, solutions: Iterable[Solution], talk: Talk) -> None:
    """Keep the full records of all packages that the locks under this root name, and no others."""
    from envgen.index import read_recorded, recorded_files

    urls = [url for path in layout.locks() for url in lockfile.urls(read(path, layout))]
    old = read_recorded(layout.index, (url.rsplit("/", 2)[0] for url in urls))
    files, unknown = recorded_files(urls, (record for solution in solutions for record in solution.records), old)
    for name, text in files.items():
        path = layout.index / name
        if not path.is_file() or read(path, layout) != text:
            write_files(path.parent, (RenderedFile(path.name, text),), layout)
    remove_files([path for path in layout.index.glob("**/repodata.json") if path.relative_to(layout.index).as_posix() not in files])
    if unknown:
        shown = layout.shown(layout.index)
        talk.say(f"{len(unknown)} locked packages have no record in {shown}, so `--offline` cannot solve with them: lock their projects with --update")
