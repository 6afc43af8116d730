"""What the facts offer a project: for each framework and target the choices that serve it, newest first. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from packaging.version import Version

from envgen.matrix.constraints import Known, within
from envgen.model.facts import (
    Address,
    Build,
    Matrix,
    Platform,
    Project,
    Reason,
    Release,
    RequestedFramework,
    Target,
    Variant,
    variant_text,
)
from envgen.model.resolution import Choice, Obstacle
from envgen.resolver.cells import Cell, builds_for, minors_in, provider_of, pythons_left, version_ranges, violations

Availability = Callable[[Choice, Target, Platform], frozenset[Version] | None]
"""Which Python minors the channel index holds a choice for, on one platform; None where nobody has asked an index."""
_Key = tuple[str, tuple[Platform, ...], str, Version, Variant]  # target, platforms, framework, release, build


def unasked(choice: Choice, target: Target, platform: Platform) -> None:
    """The answer of no index at all: the matrix alone decides."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A choice that serves all platforms of one target, the Pythons it leaves, and the cuDNN majors that its builds link."""

    choice: Choice
    pythons: frozenset[Version]
    cudnn: Mapping[tuple[Platform, Version], frozenset[int]]  # by platform and Python; nothing is known where one is missing


class Candidates:
    """One project against one matrix; remembers each option, because the search comes back to them."""

    def __init__(self, matrix: Matrix, project: Project, held: Availability) -> None:
        self.matrix = matrix
        self.project = project
        self.held = held
        self.pythons = minors_in(project.python, matrix.pythons)
        self.obstacles: dict[Reason, Obstacle] = {}
        self._ranges = version_ranges(matrix, project)
        self._marks: dict[tuple[str, Version], tuple[bool, ...]] = {}
        self.asked = {
            wish.framework: tuple(row for row in matrix.frameworks[wish.framework].releases if within(wish.versions, row.version))
            for wish in project.frameworks
        }
        self._options: dict[_Key, Candidate | None] = {}
        self.places = {
            (name, release.version): place
            for name in matrix.frameworks
            for place, release in enumerate(matrix.frameworks[name].releases)
        }

    def marks(self, release: Release) -> tuple[bool, ...]:
        """What constraints tell one release from another by: for each range that they name, whether it is inside."""
        key = (release.framework, release.version)
        if key not in self._marks:
            self._marks[key] = tuple(within(versions, release.version) for versions in self._ranges[release.framework])
        return self._marks[key]

    def granted(self, cells: tuple[Cell, ...], option: Candidate) -> frozenset[Version]:
        """The Pythons of an option that the index holds; what it says is remembered in the options."""
        left = option.pythons
        for where in cells:
            held = self.held(option.choice, where.target, where.platform)
            left, before = (left if held is None else left & held), left
            if before and not left:
                what = f"the index holds no {_company(option.choice)} for {where.platform} that this project can use"
                self.refuse(Reason(what, option.choice.release.at), where.target.name, option.choice.release.at, index=True)
        self._options[_key(cells, option.choice.release, option.choice.variant)] = replace(option, pythons=left) if left else None
        return left

    def of(self, cells: tuple[Cell, ...]) -> tuple[tuple[Candidate, ...], ...]:
        """For each framework of the project its options for one target, newest first."""
        return tuple(self._offered(wish, cells) for wish in self.project.frameworks)

    def _offered(self, wish: RequestedFramework, cells: tuple[Cell, ...]) -> tuple[Candidate, ...]:
        """The options of a wish for one target, newest first."""
        found = []
        for release in self.asked[wish.framework]:
            for variant in cells[0].variants:
                key = _key(cells, release, variant)
                if key not in self._options:
                    self._options[key] = self._option(self._choice(wish, release, variant, cells[0].target), cells)
                found.append(self._options[key])
        return tuple(option for option in found if option)

    def _choice(self, wish: RequestedFramework, release: Release, variant: Variant, target: Target) -> Choice | Reason:
        provider, version = provider_of(self.matrix, self.project, wish), release.version
        spelling = self.matrix.spellings.get((wish.framework, provider, version))
        if spelling is None:
            return Reason(f"{wish.framework} {version} is not published by {provider}", release.at)
        missing = [channel for channel in spelling.channels if channel not in self.project.channels]
        if missing:
            what = f"{wish.framework} from {provider} needs channel {', '.join(missing)} in channels:"
            return Reason(what, self.project.at("channels"))
        for companion in wish.companions:
            if companion not in release.companions or companion not in spelling.companions:
                return Reason(f"{wish.framework} {version} from {provider} has no {companion}", release.at)
        if variant != target.cuda and not spelling.newer_minor:
            what = f"{wish.framework} {version} from {provider} cannot be asked for beside another CUDA {target.cuda} than its own"
            return Reason(what, release.at)
        return Choice(release=release, provider=provider, spelling=spelling, variant=variant, companions=wish.companions)

    def never_built(self, wish: RequestedFramework, where: Cell) -> Reason | None:
        """That no release of a wish was ever built for a cell, when there are several: one of them would be named at random."""
        provider = provider_of(self.matrix, self.project, wish)
        asked = self.asked[wish.framework]
        rows = [build for release in asked for build in release.builds if build.provider == provider]
        if len(asked) < 2 or any(where.platform in row.platforms and row.variants.intersection(where.variants) for row in rows):
            return None
        what = f"no release of {wish.framework} {wish.text} from {provider} has a {variant_text(where.target.cuda)} build"
        return Reason(f"{what} for {where.platform}", wish.at)

    def _option(self, choice: Choice | Reason, cells: tuple[Cell, ...]) -> Candidate | None:
        target = cells[0].target.name
        if isinstance(choice, Reason):
            return self.refuse(choice, target, choice.at)
        left, majors = self.pythons, dict[tuple[Platform, Version], frozenset[int]]()
        for where in cells:
            rows = builds_for(choice, where)
            if not rows:
                what = f"{named(choice)} has no {variant_text(choice.variant)} build for {where.platform}"
                exact = choice.variant == where.target.cuda  # of the many older minors nobody wants to hear
                return self.refuse(Reason(what, choice.release.at), target, choice.release.at) if exact else None
            before = left = left.intersection(chain.from_iterable(row.pythons for row in rows))
            known: Known = {choice.release.framework: (choice.release.version,)}
            left = pythons_left(where, known, left)
            if not left:
                broken = next(violations(where, known, before), None)
                what = f"no {_company(choice)} for {where.platform} is for a python in {self.project.python_text}"
                nothing = Reason(f"{what} that the other platforms have", choice.release.at)
                return self.refuse(broken or nothing, target, choice.release.at)
            majors.update(_linked(rows, where.platform))
        return Candidate(choice, left, majors)

    def refuse(self, reason: Reason, target: str, release: Address | None = None, *, index: bool = False) -> Candidate | None:
        """Remember why, the first time; the answer is always None."""
        self.obstacles.setdefault(reason, Obstacle(reason=reason, target=target, release=release, index=index))
        return None


def _key(cells: tuple[Cell, ...], release: Release, variant: Variant) -> _Key:
    return cells[0].target.name, tuple(where.platform for where in cells), release.framework, release.version, variant


def _linked(rows: Iterable[Build], platform: Platform) -> dict[tuple[Platform, Version], frozenset[int]]:
    """The cuDNN majors of builds, for each Python that they are for; nothing where one of the builds links none."""
    found: dict[tuple[Platform, Version], set[int | None]] = {}
    for row in rows:
        for python in row.pythons:
            found.setdefault((platform, python), set()).add(row.cudnn)
    return {place: frozenset(major for major in majors if major) for place, majors in found.items() if None not in majors}


def named(choice: Choice) -> str:
    """`pytorch 2.7.1`."""
    return f"{choice.release.framework} {choice.release.version}"


def _company(choice: Choice) -> str:
    company = f" with {', '.join(choice.companions)}" if choice.companions else ""
    return f"{variant_text(choice.variant)} build of {named(choice)}{company}"
