"""The candidates of a project: for each framework and target the releases that can serve it, newest first.

A release that cannot serve a target yields an Obstacle instead of a candidate: the reason, as a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from packaging.version import Version

from envgen.matrix.constraints import Known, within
from envgen.matrix.gpu_code import BUILD, build_code, code_text, compiled_for
from envgen.model.facts import Build, Code, Matrix, Platform, Reason, Release, Target, Variant, variant_text
from envgen.model.project import Project, RequestedFramework
from envgen.model.requested import provider_of
from envgen.model.resolution import Choice, Obstacle
from envgen.resolver.cells import Cell, builds_for, minors_in, pythons_left, version_ranges, versions_of, violations

Availability = Callable[[Choice, Target, Platform], frozenset[Version] | None]
"""Which Python minors an index holds for a choice on one platform; None where no index was asked."""
_Key = tuple[str, tuple[Platform, ...], tuple[Variant, ...], str]  # what a table is for: target, platforms, variants, framework
_Row = tuple[Version, Variant]


def no_index(choice: Choice, target: Target, platform: Platform) -> None:
    """The Availability without any index: the facts alone decide."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A choice that serves all platforms of one target, the Pythons that it leaves, and the cuDNN majors that its builds link."""

    choice: Choice
    pythons: frozenset[Version]
    cudnn: Mapping[tuple[Platform, Version], frozenset[int]]  # by platform and Python; no entry where a build links none


class Candidates:
    """The candidates of one project, found when they are first asked for.

    The index is asked by `confirm` alone. What it answers is kept here, so that a search that begins again knows it.
    """

    def __init__(self, matrix: Matrix, project: Project, availability: Availability) -> None:
        self.matrix = matrix
        self.project = project
        self.availability = availability
        self.pythons = minors_in(project.python, matrix.pythons)
        self.requested = {requested.framework: requested_releases(matrix, requested) for requested in project.frameworks}
        self.places = {
            (name, release.version): place
            for name in matrix.frameworks
            for place, release in enumerate(matrix.frameworks[name].releases)
        }
        self._ranges = version_ranges(matrix, project)
        self._signatures: dict[tuple[str, Version], tuple[bool, ...]] = {}
        self._tables: dict[_Key, dict[_Row, Candidate | Obstacle | None]] = {}

    def of(self, cells: tuple[Cell, ...]) -> tuple[tuple[Candidate, ...], ...]:
        """For each framework of the project its candidates for one target, newest first."""
        tables = [self._table(requested, cells) for requested in self.project.frameworks]
        return tuple(tuple(row for row in table.values() if isinstance(row, Candidate)) for table in tables)

    def obstacles(self, cells: tuple[Cell, ...]) -> list[Obstacle]:
        """Why the other releases are not candidates for one target."""
        tables = [self._table(requested, cells) for requested in self.project.frameworks]
        return [row for table in tables for row in table.values() if isinstance(row, Obstacle)]

    def confirm(self, cells: tuple[Cell, ...], candidate: Candidate) -> frozenset[Version]:
        """The Pythons for which the index holds a candidate on all platforms of a target."""
        choice = candidate.choice
        table, row = self._tables[_key(cells, choice.release.framework)], (choice.release.version, choice.variant)
        for cell in cells:
            available = self.availability(choice, cell.target, cell.platform)
            left = candidate.pythons if available is None else candidate.pythons & available
            if not left:
                table[row] = _not_in_index(choice, cell)
                return left
            candidate = candidate if available is None else replace(candidate, pythons=left)
        table[row] = candidate
        return candidate.pythons

    def signature(self, release: Release) -> tuple[bool, ...]:
        """What constraints tell releases of one framework apart by: for each range that they name, whether it is inside."""
        key = (release.framework, release.version)
        if key not in self._signatures:
            self._signatures[key] = tuple(within(versions, release.version) for versions in self._ranges[release.framework])
        return self._signatures[key]

    def never_built(self, requested: RequestedFramework, cell: Cell) -> Reason | None:
        """That none of several requested releases was ever built for a cell; None where one was, or only one is requested."""
        provider = provider_of(self.matrix, self.project, requested)
        releases = self.requested[requested.framework]
        rows = [build for release in releases for build in release.builds if build.provider == provider]
        if len(releases) < 2 or any(cell.platform in row.platforms and row.variants.intersection(cell.variants) for row in rows):
            return None
        what = f"no release of {requested.framework} {requested.text} from {provider} has a {variant_text(cell.target.cuda)} build"
        return Reason(f"{what} for {cell.platform}", requested.at)

    def _table(self, requested: RequestedFramework, cells: tuple[Cell, ...]) -> Mapping[_Row, Candidate | Obstacle | None]:
        """A row for each requested release and variant, newest first."""
        key = _key(cells, requested.framework)
        if key not in self._tables:
            provider = provider_of(self.matrix, self.project, requested)
            self._tables[key] = {
                (release.version, variant): self._row(requested, provider, release, variant, cells)
                for release in self.requested[requested.framework]
                for variant in cells[0].variants
            }
        return self._tables[key]

    def _row(
        self, requested: RequestedFramework, provider: str, release: Release, variant: Variant, cells: tuple[Cell, ...]
    ) -> Candidate | Obstacle | None:
        choice = self._choice(requested, provider, release, variant, cells[0].target)
        if isinstance(choice, Reason):
            return Obstacle(reason=choice, target=cells[0].target.name, platform=None, release=choice.at)
        return self._candidate(choice, cells)

    def _choice(
        self, requested: RequestedFramework, provider: str, release: Release, variant: Variant, target: Target
    ) -> Choice | Reason:
        """The choice of a release, or why its provider cannot serve it to this project."""
        framework = requested.framework
        spelling = self.matrix.spellings.get((framework, provider, release.version))
        if spelling is None:
            return Reason(f"{framework} {release.version} is not published by {provider}", release.at)
        missing = [channel for channel in spelling.channels if channel not in self.project.channels]
        if missing:
            return Reason(f"{framework} from {provider} needs {', '.join(missing)} in channels:", self.project.at("channels"))
        for companion in requested.companions:
            if companion not in release.companions or companion not in spelling.companions:
                return Reason(f"{framework} {release.version} from {provider} has no {companion}", release.at)
        if variant != target.cuda and not spelling.newer_minor:
            what = f"{framework} {release.version} from {provider} can be requested only for its own CUDA, not for {target.cuda}"
            return Reason(what, release.at)
        return Choice(release=release, provider=provider, spelling=spelling, variant=variant, companions=requested.companions)

    def _candidate(self, choice: Choice, cells: tuple[Cell, ...]) -> Candidate | Obstacle | None:
        """The candidate, or the obstacle to it; None for an older minor that was never built, which is not worth reporting."""
        at, known = choice.release.at, _known(choice)
        left, majors = self.pythons, dict[tuple[Platform, Version], frozenset[int]]()
        for cell in cells:
            rows = builds_for(choice, cell)
            if not rows and choice.variant != cell.target.cuda:
                return None
            if not rows:
                reason = Reason(f"{named(choice)} has no {variant_text(choice.variant)} build for {cell.platform}", at)
                return Obstacle(reason=reason, target=cell.target.name, platform=cell.platform, release=at)
            mixed = self._no_common_code(choice, cell)
            if mixed:
                return Obstacle(reason=mixed, target=cell.target.name, platform=cell.platform, release=at)
            built = left.intersection(chain.from_iterable(row.pythons for row in rows))
            left = pythons_left(cell, known, built)
            if not left:
                reason = self._no_python(choice, cells, cell, built)
                return Obstacle(reason=reason, target=cell.target.name, platform=cell.platform, release=at)
            majors.update(_linked(rows, cell.platform))
        return Candidate(choice, left, majors)

    def _no_common_code(self, choice: Choice, cell: Cell) -> Reason | None:
        """That each GPU has a build, but no build has code for all; None where one has, or where a GPU has none at all."""
        code = code_of(self.matrix, choice, cell)
        if code is None or len(code.compiled) < 2 or compiled_for(code, cell.gpus):
            return None
        if not all(compiled_for(code, [gpu]) for gpu in cell.gpus):
            return None
        names = ", ".join(f"{gpu.name} ({gpu.capability})" for gpu in cell.gpus)
        says = code_text(choice.release.framework, code)
        return Reason(f"{says}, in different builds: none has code for all of {names} ({code.because})", code.at)

    def _no_python(self, choice: Choice, cells: tuple[Cell, ...], cell: Cell, built: Iterable[Version]) -> Reason:
        """Why a choice leaves no Python on one platform: the constraint that refuses those of its builds, or it has none."""
        known = _known(choice)
        what = f"no {_build_text(choice)} for {cell.platform} is for a Python in {self.project.python_text}"
        shared = " that the other platforms have" if len(cells) > 1 else ""
        return next(violations(cell, known, built), Reason(f"{what}{shared}", choice.release.at))


def code_of(matrix: Matrix, choice: Choice, cell: Cell) -> Code | None:
    """What the CUDA builds of a choice have code for; None where the facts do not say."""
    release, cuda = choice.release, choice.variant
    return build_code(matrix.frameworks[release.framework], release.version, choice.provider, cuda, cell.platform) if cuda else None


def _known(choice: Choice) -> Known:
    """The axes that one choice decides by itself."""
    build: Known = {BUILD: (choice.variant,)} if choice.variant else {}
    return {**versions_of(choice), **build}


def requested_releases(matrix: Matrix, requested: RequestedFramework) -> tuple[Release, ...]:
    """The releases of a framework in the range that a project requests, newest first."""
    return tuple(row for row in matrix.frameworks[requested.framework].releases if within(requested.versions, row.version))


def _key(cells: tuple[Cell, ...], framework: str) -> _Key:
    return cells[0].target.name, tuple(cell.platform for cell in cells), cells[0].variants, framework


def _linked(rows: Iterable[Build], platform: Platform) -> dict[tuple[Platform, Version], frozenset[int]]:
    """The cuDNN majors of builds, for each Python that they are for; no entry where one of the builds links none."""
    found: dict[tuple[Platform, Version], set[int | None]] = {}
    for row in rows:
        for python in row.pythons:
            found.setdefault((platform, python), set()).add(row.cudnn)
    return {place: frozenset(major for major in majors if major) for place, majors in found.items() if None not in majors}


def _not_in_index(choice: Choice, cell: Cell) -> Obstacle:
    what = f"the index holds no {_build_text(choice)} for {cell.platform} that this project can use"
    at = choice.release.at
    return Obstacle(reason=Reason(what, at), target=cell.target.name, platform=cell.platform, release=at, index=True)


def requirement_text(requested: RequestedFramework) -> str:
    """`pytorch 2.7.*`, or `pytorch` where any version will do."""
    return f"{requested.framework} {requested.text}" if requested.versions else requested.framework


def named(choice: Choice) -> str:
    """`pytorch 2.7.1`."""
    return f"{choice.release.framework} {choice.release.version}"


def _build_text(choice: Choice) -> str:
    companions = f" with {', '.join(choice.companions)}" if choice.companions else ""
    return f"{variant_text(choice.variant)} build of {named(choice)}{companions}"
