"""What a run has to do for one project, from its file, its locks and the matrices. Reads files; writes none and asks no index."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from envgen import targets
from envgen.channels.channel import locate
from envgen.formats import conda_lock
from envgen.lock import render
from envgen.lock.ask import Replays
from envgen.lock.hold import BUILD, held_choices
from envgen.lock.inputs import as_of, cell_digest, pip_digest
from envgen.lock.locked_cells import CellName, LockedCells
from envgen.model.dates import ExcludeNewer, of_channel
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, Platform
from envgen.model.layout import LOCK, Layout
from envgen.model.packages import SolveRequest
from envgen.model.project import Project, RequestedTarget
from envgen.model.resolution import RenderedFile, Resolution
from envgen.model.run import LockRequest, Reporter, Stamp
from envgen.model.target_names import named_cuda
from envgen.project.cached import cached_project, is_own_target
from envgen.resolver import specs
from envgen.resolver.pip_specs import pip_requests
from envgen.resolver.resolve import Problem, Unsatisfiable, chosen
from envgen.targets import MachineWord

MachineTarget = Callable[[MachineWord, Matrix, Project], tuple[str, str]]
"""The target of a project that a word means on this machine, and why."""


@dataclass(frozen=True, kw_only=True)  # without slots: a cached property needs a place
class Plan:
    """What one project needs.

    `problem` is what the matrices are asked, `requested` are the targets of this run. `stamps` are those of the locks, `locked`
    what these hold, `counting` the targets whose lock is to stay as far as it can, and `held` what those chose, where facts and
    project still allow it. `settled` are the cells of `held` whose lock answers what is asked today, `unchanged` the targets whose
    files all match, and `freed` the packages and frameworks that are to be the newest.
    """

    project: Project
    problem: Problem
    requested: tuple[str, ...]
    stamps: Mapping[str, Stamp]
    locked: LockedCells
    counting: frozenset[str]
    held: Mapping[str, Resolution]
    settled: frozenset[CellName]
    unchanged: frozenset[str]
    freed: frozenset[str] = frozenset()

    @cached_property
    def resolutions(self) -> Mapping[str, Resolution]:
        """What the matrices alone choose for every target. Raises Unsatisfiable where they choose nothing."""
        return {row.target.name: row for row in chosen(self.problem)}

    @property
    def todo(self) -> tuple[str, ...]:
        """The requested targets that need new files."""
        return tuple(name for name in self.requested if name not in self.unchanged)

    @property
    def is_locked(self) -> bool:
        """Whether the locks hold every package of what is to do, so that nothing has to be solved."""
        cells = ((name, platform) for name in self.todo if name in self.held for platform in self.held[name].platforms)
        return self.held.keys() >= set(self.todo) and all(cell in self.settled for cell in cells)


def plan(
    layout: Layout,
    matrix: Matrix,
    name: str,
    request: LockRequest,
    reporter: Reporter,
    machine_target: MachineTarget,
    replays: Replays | None = None,
) -> Plan | None:
    """The plan for one project, or None if it has none of the requested targets; `replays` are those of other projects."""
    project = cached_project(
        layout, matrix, name, reporter, afresh=request.update and not request.packages, edited=request.edited.get(name)
    )
    project = _dated(project, request)
    requested = _requested(layout, project, matrix, request, reporter, machine_target)
    if not requested:
        return None
    return _plan(layout, matrix, project, requested, request, replays)


def _dated(project: Project, request: LockRequest) -> Project:
    """The project with the dates of a run. Those of channels that it does not list are meant for other projects."""
    if not request.exclude_newer:
        return project
    own = {locate(channel).url: of_channel(channel) for channel in project.channels}
    wanted = ExcludeNewer(tuple(request.exclude_newer.items()))
    channels = {own[url]: date for channel, date in wanted.channels.items() if (url := locate(channel).url) in own}
    others = {key: date for key, date in request.exclude_newer.items() if not key or key in wanted.packages}
    return replace(project, exclude_newer=project.exclude_newer.overridden({**others, **channels}))


def older_plans(layout: Layout, matrix: Matrix, request: LockRequest, found: Plan) -> Iterator[Plan]:
    """The plan with an older target in the place of one that its project leaves open, newest first, where the facts allow it."""
    for row in found.project.targets:
        for name in row.others:
            instead = row.as_other(name)
            rows = tuple(instead if other == row else other for other in found.project.targets)
            if name not in {other.name for other in found.project.targets} and row.name in found.requested:
                requested = tuple(name if other == row.name else other for other in found.requested)
                yield from _if_possible(layout, matrix, replace(found.project, targets=rows), requested, request)


def _if_possible(
    layout: Layout, matrix: Matrix, project: Project, requested: tuple[str, ...], request: LockRequest
) -> tuple[Plan, ...]:
    try:
        return (_plan(layout, matrix, project, requested, request),)
    except Unsatisfiable:
        return ()


def _plan(
    layout: Layout,
    matrix: Matrix,
    project: Project,
    requested: tuple[str, ...],
    request: LockRequest,
    replays: Replays | None = None,
) -> Plan:
    problem = Problem(matrix, project)
    names = [row.name for row in project.targets]
    again = requested if request.update and not request.packages else ()
    stamps = {target: stamp for target in names if (stamp := _stamp(layout, project.name, target, broken=target in again))}
    counting = {target: stamp for target, stamp in stamps.items() if target not in again}
    held, locked = held_choices(matrix, project, counting, replays), LockedCells(layout, project.name, stamps)
    if not _shows_an_answer(matrix, project, held, counting):
        chosen(problem)
    freed = frozenset(request.packages)
    moving = _with_any(locked, counting, freed) & set(requested) if freed else set()
    asked = {(name, row.platform): row for name, found in held.items() if name not in moving for row in specs.requests(found)}
    settled = {cell for cell, row in asked.items() if _is_settled(counting[cell[0]], row)}
    unchanged = {
        name
        for name, found in held.items()
        if _is_unchanged(layout, found, counting[name], settled) and not resolved_for_other(matrix, found, counting[name], locked)
    }
    if not unchanged.issuperset(requested):
        settled = _answered(matrix, asked, settled, locked)
    return Plan(
        project=project,
        problem=problem,
        requested=requested,
        stamps=stamps,
        locked=locked,
        counting=frozenset(counting),
        held=held,
        settled=frozenset(settled),
        unchanged=frozenset(unchanged),
        freed=freed,
    )


def _shows_an_answer(matrix: Matrix, project: Project, held: Mapping[str, Resolution], stamps: Mapping[str, Stamp]) -> bool:
    """Whether what is held is a choice of the facts alone, too, so that they need not be searched to know that there is one.

    It is where every platform is held that a target may have, for just its CUDA: what is held was then found under limits of the
    same cells. A platform that is left out of a lock, or has a build for an older CUDA, could have no choice beside the others.
    """
    for row in project.targets:
        found, target = held.get(row.name), matrix.targets.get(row.name) or row.own
        if found is None or target is None:
            return False
        served = set(target.platforms) & set(row.platforms or project.platforms)
        if set(found.platforms) != served or any(BUILD in name for name in stamps[row.name].chosen):
            return False
    return True


def _with_any(locked: LockedCells, stamps: Mapping[str, Stamp], packages: frozenset[str]) -> set[str]:
    """The targets whose locks have one of some packages, or chose one of some frameworks."""
    return locked.targets_with(packages) | {name for name, stamp in stamps.items() if packages & stamp.chosen.keys()}


def _is_settled(stamp: Stamp, request: SolveRequest) -> bool:
    """Whether a lock answers what is asked for a cell."""
    return stamp.cells.get(request.platform) == cell_digest(request) and as_of(stamp.exclude_newer, request.exclude_newer)


def _answered(
    matrix: Matrix, asked: Mapping[CellName, SolveRequest], settled: Collection[CellName], locked: LockedCells
) -> set[CellName]:
    """The settled cells whose lock can be written again: all its records are there, and no build is wrong by the facts of today."""
    from envgen.lock.wrong import WrongBuilds

    wrong, there = WrongBuilds(matrix), {cell: row.solution(cell[1]) for cell in settled if (row := locked.of(cell))}
    return {cell for cell, found in there.items() if found and not wrong.among(asked[cell], found.records)}


def _is_unchanged(layout: Layout, found: Resolution, stamp: Stamp, settled: Collection[CellName]) -> bool:
    """Whether all files of a target are what its inputs make of them."""
    name = found.target.name
    if not all((name, platform) in settled for platform in found.platforms):
        return False
    files = rendered(layout, found)
    return stamp.wanted == render.digest(found, files, layout.templates) and _on_disk(layout, found, files)


def rendered(layout: Layout, resolution: Resolution) -> tuple[RenderedFile, RenderedFile]:
    """`environment.yml` and `virtual-packages.yml` of a target."""
    source = layout.shown(layout.project(resolution.project.name))
    return render.render(resolution, layout.templates, layout.shown(layout.templates), source)


# --- the requested targets ------------------------------------------------------------------------------------------------


def _requested(
    layout: Layout, project: Project, matrix: Matrix, request: LockRequest, reporter: Reporter, machine_target: MachineTarget
) -> tuple[str, ...]:
    """The targets of this run. A target that the project lacks is an error if the project was named, else it is skipped."""
    own = [target.name for target in project.targets]
    if not request.targets:
        return tuple(own)
    found: dict[str, None] = {}
    for word in request.targets:
        name, note = _target(layout, word, own, project, matrix, request, machine_target)
        if name:
            found.setdefault(name)
        elif request.projects:
            raise targets.lacking(project.name, word, own, matrix, project.at("targets"))
        if note:
            reporter.say(f"{project.name}: {note}")
    return tuple(found)


def _target(
    layout: Layout,
    word: str,
    own: Sequence[str],
    project: Project,
    matrix: Matrix,
    request: LockRequest,
    machine_target: MachineTarget,
) -> tuple[str | None, str]:
    """The target of a project that a word means, or None, and a note for the user or ""."""
    if word in own:
        return word, ""
    if targets.meaning(word, matrix) is None and is_own_target(layout, matrix, word):
        return None, f"has no target `{word}`, skipped"
    meaning = targets.in_command(word, matrix)
    if isinstance(meaning, targets.TargetRange):
        name = targets.newest_of(targets.required(meaning, word, matrix), own)
        return name, f"`{word}` is read as target {name}" if name else f"has no target `{word}`, skipped"
    if meaning is MachineWord.GPU and not request.projects and not any(map(_is_for_cuda, project.targets)):
        return None, "has no CUDA target, skipped"
    name, why = machine_target(meaning, matrix, project)
    return name, f"{name} ({why})"


def _is_for_cuda(requested: RequestedTarget) -> bool:
    return bool(requested.own.cuda if requested.own else named_cuda(requested.name))


# --- existing locks -------------------------------------------------------------------------------------------------------


def _stamp(layout: Layout, project: str, target: str, *, broken: bool) -> Stamp | None:
    """The stamp of a lock, None where there is none, or (`broken`) the lock cannot be read and will be replaced anyway."""
    path = layout.target(project, target) / LOCK
    try:
        return conda_lock.read_stamp(layout.read(path), layout.shown(path)) if path.is_file() else None
    except BadInput:
        if broken:
            return None
        raise


def resolved_for_other(matrix: Matrix, found: Resolution, stamp: Stamp, locked: LockedCells) -> tuple[Platform, ...]:
    """The platforms whose pip packages were resolved for something else than is asked now, as far as the records tell."""
    asked = pip_requests(found) if stamp.pip else {}
    cells = {platform: cell for platform in asked if (cell := locked.of((found.target.name, platform)))}
    there = {platform: solution.records for platform, cell in cells.items() if (solution := cell.solution(platform))}
    return tuple(
        platform
        for platform, records in there.items()
        if platform in stamp.pip
        and stamp.pip[platform] != pip_digest(asked[platform], records, cells[platform].wheels, matrix.catalogue)
    )


def _on_disk(layout: Layout, resolution: Resolution, files: Iterable[RenderedFile]) -> bool:
    folder = layout.target(resolution.project.name, resolution.target.name)
    return all((folder / file.name).is_file() and render.same_data(layout.read(folder / file.name), file.text) for file in files)
