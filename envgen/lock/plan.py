"""What a run has to do for one project, from its file, its locks and the matrices. Reads files; writes none and asks no index."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.version import Version

from envgen import targets
from envgen.formats import conda_lock
from envgen.lock import render
from envgen.model.errors import BadInput, closest
from envgen.model.facts import Matrix, Platform, Target
from envgen.model.layout import LOCK, Layout
from envgen.model.project import Project, RequestedTarget
from envgen.model.resolution import Choice, RenderedFile, Resolution
from envgen.model.run import LockRequest, Reporter, Stamp
from envgen.model.target_names import named_cuda
from envgen.project.cached import cached_project, is_own_target
from envgen.resolver.candidates import Availability
from envgen.resolver.resolve import Unsatisfiable, resolve
from envgen.targets import MachineWord

_BUILD = "-build"  # `pytorch-build 12.6` in a stamp, or `pytorch-build-win-64 12.8` where that differs by platform
MachineTarget = Callable[[MachineWord, Matrix, Project], tuple[str, str]]
"""The target of a project that a word means on this machine, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one project needs.

    `requested` are the targets of this run. `resolutions` is what the matrices alone choose for every target, `digests` their
    digests. `stamps` are those of the existing locks; `unchanged` are the targets whose lock and files already match.
    """

    project: Project
    requested: tuple[str, ...]
    resolutions: Mapping[str, Resolution]
    digests: Mapping[str, str]
    stamps: Mapping[str, Stamp]
    unchanged: Mapping[str, Resolution]

    @property
    def todo(self) -> tuple[str, ...]:
        """The requested targets that need a new lock."""
        return tuple(name for name in self.requested if name not in self.unchanged)


def plan(
    layout: Layout, matrix: Matrix, name: str, request: LockRequest, reporter: Reporter, machine_target: MachineTarget
) -> Plan | None:
    """The plan for one project, or None if it has none of the requested targets."""
    project = cached_project(layout, matrix, name, reporter, afresh=request.update)
    requested = _requested(layout, project, matrix, request, reporter, machine_target)
    if not requested:
        return None
    return _plan(layout, matrix, project, requested, request)


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


def _plan(layout: Layout, matrix: Matrix, project: Project, requested: tuple[str, ...], request: LockRequest) -> Plan:
    resolutions = {resolution.target.name: resolution for resolution in resolve(matrix, project)}
    digests = {target: render.digest(found, rendered(layout, found), layout.templates) for target, found in resolutions.items()}
    ignored = requested if request.update else ()
    stamps = {target: stamp for target in resolutions if (stamp := _stamp(layout, project.name, target, broken=target in ignored))}
    current = {target: stamp for target, stamp in stamps.items() if stamp.wanted == digests[target] and target not in ignored}
    return Plan(
        project=project,
        requested=requested,
        resolutions=resolutions,
        digests=digests,
        stamps=stamps,
        unchanged=_unchanged(layout, matrix, project, current),
    )


def rendered(layout: Layout, resolution: Resolution) -> tuple[RenderedFile, RenderedFile]:
    """`environment.yml` and `virtual-packages.yml` of a target."""
    source = layout.shown(layout.project(resolution.project.name))
    return render.render(resolution, layout.templates, layout.shown(layout.templates), source)


def versions(resolution: Resolution) -> dict[str, str]:
    """The versions that the search chose: `python` and each framework."""
    frameworks = {choice.release.framework: str(choice.release.version) for choice in resolution.choices}
    return {"python": str(resolution.python), **frameworks}


def stamped(resolution: Resolution) -> dict[str, str]:
    """What was chosen as a stamp records it: the versions, and the CUDA of builds that are for an older minor than the target's."""
    older = {name: text for choice in resolution.choices for name, text in _older(resolution, choice).items()}
    return {**versions(resolution), **older}


def _older(resolution: Resolution, choice: Choice) -> dict[str, str]:
    name, target = f"{choice.release.framework}{_BUILD}", resolution.target
    if not (choice.elsewhere or target.by_platform):
        return {name: str(choice.variant)} if choice.variant != target.cuda else {}
    older = (platform for platform in resolution.platforms if choice.on(platform) != target.on(platform).cuda)
    return {f"{name}-{platform}": str(choice.on(platform)) for platform in older}


def locked_only(stamps: Mapping[str, Stamp], otherwise: Availability | None = None) -> Availability:
    """Availability that allows exactly what the stamps record; for targets without a stamp, what `otherwise` says."""

    def availability(choice: Choice, target: Target, platform: Platform) -> frozenset[Version] | None:
        stamp = stamps.get(target.name)
        if stamp is None:
            return otherwise(choice, target, platform) if otherwise else None
        name = choice.release.framework
        build = stamp.chosen.get(f"{name}{_BUILD}-{platform}", stamp.chosen.get(f"{name}{_BUILD}", str(target.on(platform).cuda)))
        same = (stamp.chosen.get(name), build) == (str(choice.release.version), str(choice.on(platform)))
        return frozenset({Version(stamp.chosen["python"])}) if same else frozenset()

    return availability


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
            raise BadInput(f"{project.name} has no target `{word}`", where=project.at("targets"), hint=closest(word.lower(), own))
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


def _unchanged(layout: Layout, matrix: Matrix, project: Project, current: Mapping[str, Stamp]) -> dict[str, Resolution]:
    """The targets whose files match what their locks chose, where the matrices still allow that choice."""
    if not current:
        return {}
    try:
        resolutions = resolve(matrix, project, locked_only(current))
    except Unsatisfiable:
        return {}
    here = (found for found in resolutions if found.target.name in current and _on_disk(layout, found))
    return {found.target.name: found.with_moved(current[found.target.name].moved) for found in here}


def _on_disk(layout: Layout, resolution: Resolution) -> bool:
    folder = layout.target(resolution.project.name, resolution.target.name)
    return all(
        (folder / file.name).is_file() and render.same_data(layout.read(folder / file.name), file.text)
        for file in rendered(layout, resolution)
    )
