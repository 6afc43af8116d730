"""The story in order; the only writer into the repository.

matrices + project -> resolve -> render -> solve -> verify -> pin -> write. The disk is read at the head and written at the
end, when every target of the run has been solved and verified and every lock has been read back.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from packaging.version import Version

from envgen import gpu, lockfile, render, verify
from envgen.cell import minors_in
from envgen.errors import BadInput, CheckFailed, Clash, closest
from envgen.layout import LOCK, Layout
from envgen.matrix import load_matrix
from envgen.model import Choice, Matrix, Outcome, Platform, Project, RenderedFile, Request, Resolution, Solution, Stamp, Target
from envgen.project import load_project
from envgen.resolve import Held, best_for, resolve
from envgen.writing import remove_files, write_files

if TYPE_CHECKING:
    from envgen.index import Index

AUTO = "auto"  # as a target name: the newest CUDA target that this machine can run


class Talk(Protocol):
    """What the story says while it goes on; the command line decides what that looks like."""

    def say(self, text: str) -> None:
        """One thing worth knowing."""

    def begin(self, what: str, steps: int) -> None:
        """Long work starts."""

    def step(self, what: str) -> None:
        """One step of it is done."""

    def end(self) -> None:
        """It is done."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What one `envgen lock` is asked. No projects: all; no targets: all of each project."""

    projects: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    index_folder: Path | None = None
    offline: bool = False
    jobs: int = 1
    update: bool = False  # solve again although nothing changed


@dataclass(slots=True)
class _Plan:
    """One project of a run: what it wants, what its locks say, and which targets are to be done."""

    project: Project
    wanted: Mapping[str, Resolution]  # by the matrix alone
    digests: Mapping[str, str]
    stamps: Mapping[str, Stamp]
    kept: Mapping[str, Resolution]  # targets whose files say what is wanted
    asked: tuple[str, ...]
    decided: dict[str, Resolution] = field(default_factory=dict)

    @property
    def todo(self) -> tuple[str, ...]:
        return tuple(name for name in self.asked if name not in self.kept)


def lock(layout: Layout, ask: Ask, talk: Talk) -> tuple[Outcome, ...]:
    """Lock the asked targets of the asked projects; nothing is solved or written where inputs are unchanged."""
    matrix = load_matrix(layout.matrices, layout.shown(layout.matrices))
    plans = [plan for name in _project_names(layout, ask) if (plan := _plan(layout, matrix, name, ask, talk))]
    done: dict[tuple[str, str], Outcome] = {}
    if any(plan.todo for plan in plans):
        done = _lock_all(layout, matrix, plans, ask, talk)
    outcomes = [done.get((plan.project.name, name)) or _unchanged(layout, plan, name) for plan in plans for name in plan.asked]
    return tuple(outcomes)


def resolve_project(layout: Layout, name: str) -> tuple[Resolution, ...]:
    """What the matrices alone choose for a project: no records, no network."""
    matrix = load_matrix(layout.matrices, layout.shown(layout.matrices))
    return resolve(matrix, _load(layout, matrix, name))


def _load(layout: Layout, matrix: Matrix, name: str) -> Project:
    path = layout.known_project(name)
    return load_project(path, layout.shown(path), matrix)


def _project_names(layout: Layout, ask: Ask) -> tuple[str, ...]:
    names = ask.projects or layout.projects()
    if not names:
        where = layout.shown(layout.environments)
        raise BadInput("there is no project", where=where, hint="write environments/NAME/project.yaml, or run `envgen init --project NAME`")
    return tuple(dict.fromkeys(names))


# --- what is there to do --------------------------------------------------------------------------------------------------


def _plan(layout: Layout, matrix: Matrix, name: str, ask: Ask, talk: Talk) -> _Plan | None:
    project = _load(layout, matrix, name)
    asked = _targets(project, matrix, ask, talk)
    if not asked:
        return None
    wanted = {resolution.target.name: resolution for resolution in resolve(matrix, project)}
    digests = {target: _digest(layout, resolution) for target, resolution in wanted.items()}
    stamps = {target: found for target in wanted if (found := _stamp(layout, name, target, ask, asked))}
    fresh = {target: stamp for target, stamp in stamps.items() if stamp.wanted == digests[target]}
    return _Plan(project, wanted, digests, stamps, _kept(layout, matrix, project, fresh), asked)


def _targets(project: Project, matrix: Matrix, ask: Ask, talk: Talk) -> tuple[str, ...]:
    """The targets that this run is about; a target that only some projects have is skipped in the others, unless named."""
    known = [wish.name for wish in project.targets]
    found: list[str] = []
    for name in ask.targets or known:
        if name == AUTO and (ask.projects or any(matrix.targets[target].cuda for target in known)):
            name, why = best_for(gpu.inspect(), matrix, project)
            talk.say(f"{project.name}: {name} ({why})")
        if name in known:
            found.append(name)
        elif ask.projects:
            raise BadInput(f"{project.name} has no target `{name}`", where=project.at("targets"), hint=closest(name, known))
    if not found and len(ask.targets) == 1 and ask.targets[0] not in (*matrix.targets, AUTO):
        raise BadInput(f"no target `{ask.targets[0]}`", hint=closest(ask.targets[0], known))
    return tuple(dict.fromkeys(found))


def _files(layout: Layout, resolution: Resolution) -> tuple[RenderedFile, RenderedFile]:
    source = layout.shown(layout.project(resolution.project.name))
    return render.render(resolution, layout.templates, layout.shown(layout.templates), source)


def _digest(layout: Layout, resolution: Resolution) -> str:
    return render.digest(resolution, _files(layout, resolution), layout.templates)


def _stamp(layout: Layout, project: str, target: str, ask: Ask, asked: Sequence[str]) -> Stamp | None:
    path = layout.target(project, target) / LOCK
    if not path.is_file() or (ask.update and target in asked):
        return None
    return lockfile.stamp(_read(path, layout), layout.shown(path))


def _read(path: Path, layout: Layout) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot be read: {error}", where=layout.shown(path), hint="take it from git again, or delete it") from None


def _kept(layout: Layout, matrix: Matrix, project: Project, fresh: Mapping[str, Stamp]) -> dict[str, Resolution]:
    """The targets whose files on disk say what their locks say was chosen, and whose choice the matrix still allows."""
    try:
        resolutions = resolve(matrix, project, _as_locked(fresh))
    except Clash:
        return {}
    return {r.target.name: r for r in resolutions if r.target.name in fresh and _on_disk(layout, r)}


def _as_locked(stamps: Mapping[str, Stamp], otherwise: Held | None = None) -> Held:
    """An index that holds just what the locks hold; of targets without a lock it says what `otherwise` says."""

    def held(choice: Choice, target: Target, platform: Platform) -> frozenset[Version] | None:
        stamp = stamps.get(target.name)
        if stamp is None:
            return otherwise(choice, target, platform) if otherwise else None
        same = stamp.chosen.get(choice.release.framework) == str(choice.release.version)
        return frozenset({Version(stamp.chosen["python"])}) if same else frozenset()

    return held


def _on_disk(layout: Layout, resolution: Resolution) -> bool:
    folder = layout.target(resolution.project.name, resolution.target.name)
    return all(
        (folder / file.name).is_file() and render.same_data(_read(folder / file.name, layout), file.text) for file in _files(layout, resolution)
    )


def _chosen(resolution: Resolution) -> dict[str, str]:
    versions = {choice.release.framework: str(choice.release.version) for choice in resolution.choices}
    return {"python": str(resolution.python), **versions}


def _unchanged(layout: Layout, plan: _Plan, target: str) -> Outcome:
    path = layout.shown(layout.target(plan.project.name, target))
    return Outcome(plan.kept[target], "unchanged", plan.stamps[target].downloads, 0.0, path)


# --- doing it -------------------------------------------------------------------------------------------------------------


def _lock_all(layout: Layout, matrix: Matrix, plans: Sequence[_Plan], ask: Ask, talk: Talk) -> dict[tuple[str, str], Outcome]:
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


def _decide(matrix: Matrix, plan: _Plan, index: Index) -> None:
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
        found = resolve(matrix, project, _as_locked(kept, held))
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
    plans: Sequence[_Plan],
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
    _record(layout, [solution for _, solutions, _, _ in ready for solution in solutions])
    return outcomes


def _verified_files(layout: Layout, plan: _Plan, resolution: Resolution, solutions: tuple[Solution, ...]) -> tuple[RenderedFile, ...]:
    from envgen import pin

    findings = verify.check(resolution, solutions)
    if findings:
        lines = "\n".join(f"  {f.rule}: {f.package} ({f.platform}): {f.text}" for f in findings)
        what = f"{render.environment_name(resolution)}: the solution is not what the target claims\n{lines}"
        raise CheckFailed(what, hint="nothing was written; the spelling in matrices/ may select too much")
    files = _files(layout, resolution)
    wanted = plan.digests[resolution.target.name]
    locked = pin.pin(render.environment_name(resolution), files, solutions, resolution.target.virtual, wanted, _chosen(resolution))
    shown = layout.shown(layout.target(resolution.project.name, resolution.target.name) / LOCK)
    if lockfile.stamp(locked.text, shown) is None or not lockfile.read_lock(locked.text, shown).packages:
        raise CheckFailed(f"{shown}: the new lock cannot be read back", hint="nothing was written; please report this")
    return (*files, locked)


def _changed_by_index(wanted: Resolution, decided: Resolution) -> tuple[str, ...]:
    """Where the index changed the choice that the matrices alone would have made, and why."""
    before, after = _chosen(wanted), _chosen(decided)
    reasons = {pin.name: "; ".join(reason.text for reason in pin.because[1:]) for pin in decided.pins}
    notes = [f"{name} {after[name]}, not {before[name]}: {reasons.get(name) or 'by the index'}" for name in after if before[name] != after[name]]
    lost = [d for d in decided.dropped if d.platform not in {other.platform for other in wanted.dropped}]
    return (*notes, *(f"{dropped.platform} dropped: {dropped.because.text}" for dropped in lost))


def _record(layout: Layout, solutions: Iterable[Solution]) -> None:
    """Keep the full records of all packages that the locks under this root name, and no others."""
    from envgen.index import read_recorded, recorded_files

    urls = [url for path in layout.locks() for url in lockfile.urls(_read(path, layout))]
    old = read_recorded(layout.index, (url.rsplit("/", 2)[0] for url in urls))
    files = recorded_files(urls, (record for solution in solutions for record in solution.records), old)
    for name, text in files.items():
        path = layout.index / name
        if not path.is_file() or _read(path, layout) != text:
            write_files(path.parent, (RenderedFile(path.name, text),), layout)
    remove_files([path for path in layout.index.glob("**/repodata.json") if path.relative_to(layout.index).as_posix() not in files])
