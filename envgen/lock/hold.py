"""What of the choices in the locks stays: their Python, all of some targets, some frameworks of the others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.lock.ask import Replays
from envgen.model.facts import Matrix, Platform, Release, Target
from envgen.model.project import Project
from envgen.model.resolution import Choice, Resolution
from envgen.model.run import Stamp
from envgen.resolver.availability import Availability, no_index
from envgen.resolver.resolve import Problem, Searched, answer_of, search

BUILD = "-build"  # `pytorch-build 12.6` in a stamp, or `pytorch-build-win-64 12.8` where that differs by platform
PYTHON = "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """The choices of the locks that stay. `stamps` are those of the locks, by target; without any, everything is free.

    `whole` are targets that keep all that was chosen for them, `frameworks` what the other targets keep.
    """

    stamps: Mapping[str, Stamp]
    python: bool = False
    whole: frozenset[str] = frozenset()
    frameworks: frozenset[str] = frozenset()

    def problem(self, matrix: Matrix, project: Project, otherwise: Availability = no_index) -> Problem:
        """The problem of a project with this held; `otherwise` says what an index has of what is free."""
        held = project
        if self.python and self.stamps:
            minor = next(iter(self.stamps.values())).chosen[PYTHON]
            held = replace(project, python=project.python & SpecifierSet(f"=={minor}"))
        return Problem(matrix, held, self._availability(otherwise) if self.stamps else otherwise)

    def _availability(self, otherwise: Availability) -> Availability:
        def availability(choice: Choice, target: Target, platform: Platform) -> frozenset[Version] | None:
            stamp, name = self.stamps.get(target.name), choice.release.framework
            whole = target.name in self.whole
            if stamp is None or not (whole or name in self.frameworks):
                return otherwise(choice, target, platform)
            if not is_chosen(stamp, choice, target, platform) or (whole and platform in stamp.dropped):
                return frozenset()
            return frozenset({Version(stamp.chosen[PYTHON])}) if self.python else otherwise(choice, target, platform)

        return availability

    def with_more(self, other: Hold) -> Hold:
        """What this holds and another does, of the same locks."""
        return replace(
            self,
            python=self.python or other.python,
            whole=self.whole | other.whole,
            frameworks=self.frameworks | other.frameworks,
        )

    def keeps(self, target: str, name: str) -> bool:
        """Whether a target keeps its Python, or its version of a framework."""
        if target not in self.stamps:
            return False
        return self.python if name == PYTHON else target in self.whole or framework_of(name) in self.frameworks


def held_choices(
    matrix: Matrix, project: Project, stamps: Mapping[str, Stamp], replays: Replays | None = None
) -> dict[str, Resolution]:
    """What the locks chose, by target, where the facts and the project still allow it; all with the Python of the first.

    Each is a resolution of today: its specs and its reasons are those that the project and the facts have now. `replays` are of
    other projects, by the same facts.
    """
    replayed = partial(_replayed, matrix, replays)
    allowed = of_one_python(project, stamps)
    found = replayed(project, allowed)
    if found is None:
        allowed = {name: stamp for name, stamp in allowed.items() if replayed(_only(project, {name}), {name: stamp})}
        found = replayed(project, allowed) or replayed(_only(project, allowed), allowed)
    return {row.target.name: _told(project, row, allowed[row.target.name]) for row in found or () if row.target.name in allowed}


def of_one_python(project: Project, stamps: Mapping[str, Stamp]) -> dict[str, Stamp]:
    """The stamps with the Python of the first, in the order of the project's targets."""
    named = [row.name for row in project.targets if row.name in stamps]
    python = stamps[named[0]].chosen[PYTHON] if named else ""
    return {name: stamps[name] for name in named if stamps[name].chosen[PYTHON] == python}


def _replayed(
    matrix: Matrix, replays: Replays | None, project: Project, stamps: Mapping[str, Stamp]
) -> Sequence[Resolution] | None:
    """What the locks chose, for all targets, or None. The releases of no lock are not looked at: most of a search is about them."""
    locked = {(name, version) for stamp in stamps.values() for name, version in stamp.chosen.items()}

    def counts(target: Target, release: Release) -> bool:
        return target.name not in stamps or (release.framework, str(release.version)) in locked

    hold = Hold(stamps=stamps, python=True, whole=frozenset(stamps))

    def searched(asked: Project) -> Searched:
        return search(hold.problem(matrix, asked), counts=counts)

    if not stamps:
        return None
    found = replays.of(project, stamps, searched) if replays else searched(project)
    return answer_of(hold.problem(matrix, project), found)


def _only(project: Project, names: Iterable[str]) -> Project:
    return replace(project, targets=tuple(row for row in project.targets if row.name in set(names)))


def _told(project: Project, row: Resolution, stamp: Stamp) -> Resolution:
    return replace(row, project=project.for_target(row.target.name)).with_moved(stamp.moved)


def versions(resolution: Resolution) -> dict[str, str]:
    """The versions that the search chose: `python` and each framework."""
    frameworks = {choice.release.framework: str(choice.release.version) for choice in resolution.choices}
    return {PYTHON: str(resolution.python), **frameworks}


def stamped(resolution: Resolution) -> dict[str, str]:
    """What was chosen as a stamp records it: the versions, and the CUDA of builds that are for an older minor than the target's."""
    older = {name: text for choice in resolution.choices for name, text in _older(resolution, choice).items()}
    return {**versions(resolution), **older}


def _older(resolution: Resolution, choice: Choice) -> dict[str, str]:
    name, target = f"{choice.release.framework}{BUILD}", resolution.target
    if not (choice.elsewhere or target.by_platform):
        return {name: str(choice.variant)} if choice.variant != target.cuda else {}
    older = (platform for platform in resolution.platforms if choice.on(platform) != target.on(platform).cuda)
    return {f"{name}-{platform}": str(choice.on(platform)) for platform in older}


def framework_of(name: str) -> str:
    """The framework, or `python`, that a name in a stamp is about."""
    return name.partition(BUILD)[0]


def is_chosen(stamp: Stamp, choice: Choice, target: Target, platform: Platform) -> bool:
    """Whether a choice is the one that a stamp records for its framework, on one platform of a target."""
    name = choice.release.framework
    build = stamp.chosen.get(f"{name}{BUILD}-{platform}", stamp.chosen.get(f"{name}{BUILD}", str(target.on(platform).cuda)))
    return (stamp.chosen.get(name), build) == (str(choice.release.version), str(choice.on(platform)))
