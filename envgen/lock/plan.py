"""What a run has to do for one project, from its file, its locks and the matrices. Reads files; writes none and asks no index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from packaging.version import Version

from envgen import targets
from envgen.formats import conda_lock
from envgen.lock import render
from envgen.model.errors import BadInput, closest
from envgen.model.facts import Matrix, Platform, Project, Target
from envgen.model.layout import LOCK, Layout
from envgen.model.resolution import Choice, RenderedFile, Resolution
from envgen.model.run import LockRequest, Reporter, Stamp
from envgen.model.target_names import named_cuda
from envgen.project.cached import cached_project
from envgen.resolver.candidates import Availability
from envgen.resolver.resolve import Unsatisfiable, resolve
from envgen.targets import MachineWord

_BUILD = "-build"  # `pytorch-build 12.6` in a stamp
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
    project = cached_project(layout, matrix, name, reporter)
    requested = _requested(project, matrix, request, reporter, machine_target)
    if not requested:
        return None
    resolutions = {resolution.target.name: resolution for resolution in resolve(matrix, project)}
    digests = {target: render.digest(found, rendered(layout, found), layout.templates) for target, found in resolutions.items()}
    ignored = requested if request.update else ()
    stamps = {target: stamp for target in resolutions if (stamp := _stamp(layout, name, target, broken=target in ignored))}
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
    older = (choice for choice in resolution.choices if choice.variant != resolution.target.cuda)
    return {**versions(resolution), **{f"{choice.release.framework}{_BUILD}": str(choice.variant) for choice in older}}


def locked_only(stamps: Mapping[str, Stamp], otherwise: Availability | None = None) -> Availability:
    """Availability that allows exactly what the stamps record; for targets without a stamp, what `otherwise` says."""

    def availability(choice: Choice, target: Target, platform: Platform) -> frozenset[Version] | None:
        stamp = stamps.get(target.name)
        if stamp is None:
            return otherwise(choice, target, platform) if otherwise else None
        name = choice.release.framework
        build = stamp.chosen.get(f"{name}{_BUILD}", str(choice.variant))
        same = (stamp.chosen.get(name), build) == (str(choice.release.version), str(choice.variant))
        return frozenset({Version(stamp.chosen["python"])}) if same else frozenset()

    return availability


# --- the requested targets ------------------------------------------------------------------------------------------------


def _requested(
    project: Project, matrix: Matrix, request: LockRequest, reporter: Reporter, machine_target: MachineTarget
) -> tuple[str, ...]:
    """The targets of this run. A target that the project lacks is an error if the project was named, else it is skipped."""
    own = [target.name for target in project.targets]
    if not request.targets:
        return tuple(own)
    found: dict[str, None] = {}
    for word in request.targets:
        name, note = _target(word, own, project, matrix, request, machine_target)
        if name:
            found.setdefault(name)
        elif request.projects:
            raise BadInput(f"{project.name} has no target `{word}`", where=project.at("targets"), hint=closest(word.lower(), own))
        if note:
            reporter.say(f"{project.name}: {note}")
    return tuple(found)


def _target(
    word: str, own: Sequence[str], project: Project, matrix: Matrix, request: LockRequest, machine_target: MachineTarget
) -> tuple[str | None, str]:
    """The target of a project that a word means, or None, and a note for the user or ""."""
    meaning = targets.in_command(word, matrix)
    if isinstance(meaning, targets.TargetRange):
        name = targets.newest_of(targets.required(meaning, word, matrix), own)
        return name, "" if name == word else f"`{word}` is read as target {name}" if name else f"has no target `{word}`, skipped"
    if meaning is MachineWord.GPU and not request.projects and not any(map(named_cuda, own)):
        return None, "has no CUDA target, skipped"
    name, why = machine_target(meaning, matrix, project)
    return name, f"{name} ({why})"


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
