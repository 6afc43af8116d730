"""What a run has to do: wishes, locks and files held against each other. Reads, never writes; asks no index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

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
from envgen.project.load import load
from envgen.resolver.candidates import Availability
from envgen.resolver.resolve import Unsatisfiable, resolve
from envgen.targets import MachineWord

Best = Callable[[MachineWord, Matrix, Project], tuple[str, str]]  # the target that a word means on this machine, and why


@dataclass(slots=True, kw_only=True)
class Plan:
    """One project of a run. `wanted` is what the matrices alone choose, `kept` the targets whose files say just that already."""

    project: Project
    wanted: Mapping[str, Resolution]
    digests: Mapping[str, str]
    stamps: Mapping[str, Stamp]
    kept: Mapping[str, Resolution]
    asked: tuple[str, ...]
    decided: dict[str, Resolution] = field(default_factory=dict)  # by the index, for the targets to do

    @property
    def todo(self) -> tuple[str, ...]:
        """The asked targets that need a new lock."""
        return tuple(name for name in self.asked if name not in self.kept)


def plan(layout: Layout, matrix: Matrix, name: str, ask: LockRequest, talk: Reporter, best: Best) -> Plan | None:
    """The plan of one project; None when none of the asked targets is one of its own."""
    project = load(layout, matrix, name, talk)
    asked = _targets(project, matrix, ask, talk, best)
    if not asked:
        return None
    wanted = {resolution.target.name: resolution for resolution in resolve(matrix, project)}
    digests = {
        target: render.digest(resolution, rendered(layout, resolution), layout.templates) for target, resolution in wanted.items()
    }
    stamps = {target: found for target in wanted if (found := _stamp(layout, name, target, ask, asked))}
    fresh = {target: stamp for target, stamp in stamps.items() if stamp.wanted == digests[target]}
    return Plan(
        project=project, wanted=wanted, digests=digests, stamps=stamps, kept=_kept(layout, matrix, project, fresh), asked=asked
    )


def rendered(layout: Layout, resolution: Resolution) -> tuple[RenderedFile, RenderedFile]:
    """The two files of a target that are rendered."""
    source = layout.shown(layout.project(resolution.project.name))
    return render.render(resolution, layout.templates, layout.shown(layout.templates), source)


def chosen(resolution: Resolution) -> dict[str, str]:
    """The versions that the search decided, as a lock's stamp keeps them."""
    versions = {choice.release.framework: str(choice.release.version) for choice in resolution.choices}
    return {"python": str(resolution.python), **versions}


def as_locked(stamps: Mapping[str, Stamp], otherwise: Availability | None = None) -> Availability:
    """An index that holds just what the locks hold; of targets without a lock it says what `otherwise` says."""

    def held(choice: Choice, target: Target, platform: Platform) -> frozenset[Version] | None:
        stamp = stamps.get(target.name)
        if stamp is None:
            return otherwise(choice, target, platform) if otherwise else None
        same = stamp.chosen.get(choice.release.framework) == str(choice.release.version)
        return frozenset({Version(stamp.chosen["python"])}) if same else frozenset()

    return held


def _targets(project: Project, matrix: Matrix, ask: LockRequest, talk: Reporter, best: Best) -> tuple[str, ...]:
    """The targets that this run is about. One that a project lacks is an error where the project was named, else it is skipped."""
    known = [wish.name for wish in project.targets]
    if not ask.targets:
        return tuple(known)
    found: dict[str, None] = {}
    for word in ask.targets:
        name, why = _target(word, known, project, matrix, ask, best)
        if name:
            found.setdefault(name)
        elif ask.projects:
            raise BadInput(f"{project.name} has no target `{word}`", where=project.at("targets"), hint=closest(word.lower(), known))
        if why:
            talk.say(f"{project.name}: {why}")
    return tuple(found)


def _target(
    word: str, known: Sequence[str], project: Project, matrix: Matrix, ask: LockRequest, best: Best
) -> tuple[str | None, str]:
    """The target of a project that a word means, None where it has none; and what to say of that."""
    meant = targets.in_command(word, matrix)
    if isinstance(meant, targets.TargetRange):
        name = targets.newest_of(targets.required(meant, word, matrix), known)
        return name, "" if name == word else f"`{word}` is read as target {name}" if name else f"has no target `{word}`, skipped"
    if meant is MachineWord.GPU and not ask.projects and not any(map(named_cuda, known)):
        return None, "has no CUDA target, skipped"
    name, why = best(meant, matrix, project)
    return name, f"{name} ({why})"


def _stamp(layout: Layout, project: str, target: str, ask: LockRequest, asked: Sequence[str]) -> Stamp | None:
    path = layout.target(project, target) / LOCK
    if not path.is_file() or (ask.update and target in asked):
        return None
    return conda_lock.read_stamp(layout.read(path), layout.shown(path))


def _kept(layout: Layout, matrix: Matrix, project: Project, fresh: Mapping[str, Stamp]) -> dict[str, Resolution]:
    """The targets whose files on disk say what their locks say was chosen, and whose choice the matrix still allows."""
    if not fresh:
        return {}
    try:
        resolutions = resolve(matrix, project, as_locked(fresh))
    except Unsatisfiable:
        return {}
    return {r.target.name: r for r in resolutions if r.target.name in fresh and _on_disk(layout, r)}


def _on_disk(layout: Layout, resolution: Resolution) -> bool:
    folder = layout.target(resolution.project.name, resolution.target.name)
    return all(
        (folder / file.name).is_file() and render.same_data(layout.read(folder / file.name), file.text)
        for file in rendered(layout, resolution)
    )
