"""The candidates of a project: for each framework and target the releases that can serve it, newest first.

A release that cannot serve a target yields an Obstacle instead of a candidate: the reason, as a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, product

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.matrix.constraints import Known, within
from envgen.matrix.gpu_code import BUILD, build_code, code_text, compiled_for
from envgen.model.facts import Code, Matrix, Need, Platform, Reason, Release, Target, Variant, variant_text
from envgen.model.project import Project, RequestedFramework
from envgen.model.requested import host_provider, is_left_out, provider_of
from envgen.model.resolution import Built, Choice, Obstacle
from envgen.resolver.availability import Availability, Counts, every_release, lacking_text, no_index
from envgen.resolver.candidate import Candidate, build_text, named
from envgen.resolver.cells import (
    Cell,
    Place,
    builds_for,
    linked,
    minors_in,
    needed,
    pythons_left,
    version_ranges,
    versions_of,
    violations,
    with_glibc,
)
from envgen.resolver.companions import is_for_same_cuda, made_for_others, without_companion

_Key = tuple[str, tuple[tuple[Platform, tuple[Variant, ...]], ...], str]  # target, variants of each platform, framework
_Row = tuple[Version, Built]
Signature = tuple[tuple[bool, ...], Built | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _InCell:
    """What a choice has for one cell: the Pythons of its builds, those that no constraint refuses, and as for a Candidate."""

    built: frozenset[Version]
    pythons: frozenset[Version]
    cudnn: Mapping[Place, frozenset[int]]
    needs: Mapping[Place, frozenset[tuple[Need, ...]]]


class Candidates:
    """The candidates of one project, found when they are first asked for.

    The index is asked by `confirm` alone. What it answers is kept here for a search that begins again. `told` says whether anyone
    reads why something is not possible; what does not count is not looked at.
    """

    def __init__(
        self, matrix: Matrix, project: Project, availability: Availability, counts: Counts = every_release, *, told: bool = True
    ) -> None:
        self.told, self.matrix, self.project = told, matrix, project
        self.availability, self._counts = availability, counts
        self.pythons = minors_in(project.python, matrix.pythons)
        self.requested = {requested.framework: self._requested(requested) for requested in project.frameworks}
        self._providers = {row.framework: provider_of(matrix, project, row) for row in project.frameworks}
        self._host_providers = {row.framework: host_provider(matrix, project, row) for row in project.frameworks}
        self._told_by_build = {requested.host for requested in project.frameworks if is_for_same_cuda(matrix, project, requested)}
        self._signatures: dict[tuple[str, Version], tuple[bool, ...]] = {}
        self._of_targets: dict[str, tuple[RequestedFramework, ...]] = {}
        self._tables: dict[_Key, dict[_Row, Candidate | Obstacle]] = {}
        self._cells: dict[tuple[str, Platform, Variant, str, Version], _InCell | Reason] = {}

    def _requested(self, requested: RequestedFramework) -> tuple[Release, ...]:
        """The requested releases, newest first; where nothing is told, without those that have no build for a requested Python."""
        found = requested_releases(self.matrix, requested)
        if self.told:
            return found
        return tuple(row for row in found if any(not self.pythons.isdisjoint(build.pythons) for build in row.builds))

    @cached_property
    def _ranges(self) -> Mapping[str, tuple[SpecifierSet, ...]]:
        return version_ranges(self.matrix, self.project)

    def frameworks(self, target: Target) -> tuple[RequestedFramework, ...]:
        """The frameworks of the project that a target gets."""
        if target.name not in self._of_targets:
            rows = self.project.frameworks
            found = tuple(row for row in rows if not is_left_out(self.matrix, self.project, row, target))
            self._of_targets[target.name] = found
        return self._of_targets[target.name]

    def of(self, cells: tuple[Cell, ...]) -> dict[str, tuple[Candidate, ...]]:
        """The candidates of each framework that a target gets, newest first."""
        tables = {requested.framework: self._table(requested, cells) for requested in self.frameworks(cells[0].target)}
        return {name: tuple(row for row in table.values() if isinstance(row, Candidate)) for name, table in tables.items()}

    def lacks_any(self, cells: tuple[Cell, ...]) -> bool:
        """Whether a framework has no candidate for a target at all. Those with the fewest releases are looked at first."""
        rows = sorted(self.frameworks(cells[0].target), key=lambda row: len(self.requested[row.framework]))
        return not all(any(isinstance(found, Candidate) for _, found in self._found(row, cells)) for row in rows)

    def any_serves(self, target: Target) -> bool:
        """Whether each candidate serves a target: it has a single framework, which nothing excludes and no index can lack."""
        return len(self.frameworks(target)) == 1 and self.availability is no_index

    def obstacles(self, cells: tuple[Cell, ...]) -> list[Obstacle]:
        """Why the other releases are not candidates for one target, and which candidates no companion goes with."""
        frameworks = self.frameworks(cells[0].target)
        rows = chain.from_iterable(self._table(requested, cells).values() for requested in frameworks)
        return [*(row for row in rows if isinstance(row, Obstacle)), *without_companion(frameworks, self.of(cells), cells)]

    def confirm(self, cells: tuple[Cell, ...], candidate: Candidate) -> frozenset[Version]:
        """The Pythons for which the index holds a candidate on all platforms of a target."""
        choice = candidate.choice
        table, row = self._tables[_key(cells, choice.release.framework)], choice.build
        for cell in cells:
            available = self.availability(choice, cell.target, cell.platform)
            left = candidate.pythons if available is None else candidate.pythons & available
            if not left:
                table[row] = _not_in_index(choice, cell, available or frozenset())
                return left
            candidate = candidate if available is None else replace(candidate, pythons=left)
        table[row] = candidate
        return candidate.pythons

    def signature(self, choice: Choice) -> Signature:
        """What constraints and companions tell the choices of one framework apart by: which ranges it is in, and its CUDA where
        companions go with builds for the same CUDA alone.
        """
        release = choice.release
        key = (release.framework, release.version)
        if key not in self._signatures:
            self._signatures[key] = tuple(within(versions, release.version) for versions in self._ranges[release.framework])
        return self._signatures[key], choice.built if release.framework in self._told_by_build else None

    def never_built(self, requested: RequestedFramework, cell: Cell) -> Reason | None:
        """That none of several requested releases was ever built for a cell; None where one was, or only one is requested."""
        provider = self._providers[requested.framework]
        releases = self.requested[requested.framework]
        rows = [build for release in releases for build in release.builds if build.provider == provider]
        if len(releases) < 2 or any(cell.platform in row.platforms and row.variants.intersection(cell.variants) for row in rows):
            return None
        what = f"no release of {requested} from {provider} has a {variant_text(cell.target.cuda)} build"
        return Reason(f"{what} for {cell.platform}", requested.at)

    def _table(self, requested: RequestedFramework, cells: tuple[Cell, ...]) -> Mapping[_Row, Candidate | Obstacle]:
        """A row for each requested release that counts and the variants of its builds, newest first."""
        key = _key(cells, requested.framework)
        if key not in self._tables:
            self._tables[key] = dict(self._found(requested, cells))
        return self._tables[key]

    def _found(self, requested: RequestedFramework, cells: tuple[Cell, ...]) -> Iterator[tuple[_Row, Candidate | Obstacle]]:
        provider = self._providers[requested.framework]
        for release in self.requested[requested.framework]:
            if self._counts(cells[0].target, release):
                for built in _builts(release, provider, cells):
                    yield (release.version, built), self._row(requested, provider, release, built, cells)

    def _row(
        self, requested: RequestedFramework, provider: str, release: Release, built: Built, cells: tuple[Cell, ...]
    ) -> Candidate | Obstacle:
        choice = self._choice(requested, provider, release, built, cells)
        if isinstance(choice, Reason):
            return Obstacle(reason=choice, target=cells[0].target.name, platform=None, release=release.at)
        return self._candidate(choice, cells)

    def _choice(
        self, requested: RequestedFramework, provider: str, release: Release, built: Built, cells: tuple[Cell, ...]
    ) -> Choice | Reason:
        """The choice of a release, or why its provider cannot serve it to this project."""
        framework = requested.framework
        spelling = self.matrix.frameworks[framework].spellings.get((provider, release.version))
        if spelling is None:
            return Reason(f"{framework} {release.version} is not published by {provider}", release.at)
        host = self._host_providers[framework]
        foreign = made_for_others(self.matrix.frameworks[requested.host], host, spelling) if host else ""
        if foreign:
            return Reason(f"{framework} {release.version} from {provider} {foreign}", release.at)
        needed = spelling.channels_of((built[0], *(variant for _, variant in built[1])))
        missing = [channel for channel in needed if channel not in self.project.channels]
        if missing:
            return Reason(f"{framework} from {provider} needs {', '.join(missing)} in channels:", self.project.at("channels"))
        choice = Choice(release=release, provider=provider, spelling=spelling, variant=built[0], elsewhere=built[1])
        older = next((cell.target for cell in cells if choice.on(cell.platform) != cell.target.cuda), None)
        if older and not spelling.newer_minor:
            what = f"{framework} {release.version} from {provider} can be requested only for its own CUDA, not for {older.cuda}"
            return Reason(what, release.at)
        return choice

    def _candidate(self, choice: Choice, cells: tuple[Cell, ...]) -> Candidate | Obstacle:
        """The candidate, or the obstacle to it."""
        left, majors, needs = self.pythons, dict[Place, frozenset[int]](), dict[Place, frozenset[tuple[Need, ...]]]()
        for cell in cells:
            here = self._in_cell(choice, cell)
            if isinstance(here, _InCell) and not left & here.pythons:
                here = self._no_python(choice, cells, cell, left & here.built)
            if isinstance(here, Reason):
                return Obstacle(reason=here, target=cell.target.name, platform=cell.platform, release=choice.release.at)
            left &= here.pythons
            majors.update(here.cudnn)
            needs.update(here.needs)
        return Candidate(choice=choice, pythons=left, cudnn=majors, needs=needs)

    def _in_cell(self, choice: Choice, cell: Cell) -> _InCell | Reason:
        """What a choice has for one cell, or why no build of it serves the cell; worked out once."""
        framework, version = choice.release.framework, choice.release.version
        key = (cell.target.name, cell.platform, choice.on(cell.platform), framework, version)
        if key not in self._cells:
            self._cells[key] = self._found_in_cell(choice, cell)
        return self._cells[key]

    def _found_in_cell(self, choice: Choice, cell: Cell) -> _InCell | Reason:
        rows = builds_for(choice, cell)
        if not rows:
            what = f"{named(choice)} has no {variant_text(choice.on(cell.platform))} build for {cell.platform}"
            return Reason(what, choice.release.at)
        rows, older = with_glibc(rows, cell)
        if older:
            return Reason(f"{named(choice)} from {choice.provider} needs {older.text}", older.at)
        mixed = self._no_common_code(choice, cell)
        if mixed:
            return mixed
        built = self.pythons.intersection(chain.from_iterable(row.pythons for row in rows))
        return _InCell(
            built=built,
            pythons=pythons_left(cell, _known(choice, cell), built),
            cudnn=linked(rows, cell.platform),
            needs=needed(rows, cell.platform),
        )

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
        known = _known(choice, cell)
        what = f"no {_of_build(choice, cell)} for {cell.platform} is for a Python in {self.project.python_text}"
        shared = " that the other platforms have" if len(cells) > 1 else ""
        return next(violations(cell, known, built), Reason(f"{what}{shared}", choice.release.at))


def code_of(matrix: Matrix, choice: Choice, cell: Cell) -> Code | None:
    """What the CUDA builds of a choice have code for; None where the facts do not say."""
    release, cuda = choice.release, choice.on(cell.platform)
    return build_code(matrix.frameworks[release.framework], release.version, choice.provider, cuda, cell.platform) if cuda else None


def _known(choice: Choice, cell: Cell) -> Known:
    """The axes that one choice decides by itself in a cell."""
    variant = choice.on(cell.platform)
    build: Known = {BUILD: (variant,)} if variant else {}
    return {**versions_of(choice), **build}


def requested_releases(matrix: Matrix, requested: RequestedFramework) -> tuple[Release, ...]:
    """The releases of a framework in the range that a project requests, newest first."""
    return tuple(row for row in matrix.frameworks[requested.framework].releases if within(requested.versions, row.version))


def _key(cells: tuple[Cell, ...], framework: str) -> _Key:
    return cells[0].target.name, tuple((cell.platform, cell.variants) for cell in cells), framework


def _builts(release: Release, provider: str, cells: tuple[Cell, ...]) -> Iterator[Built]:
    """The variants that the builds of a release may have in some cells, newest first. An older minor that was never built for a
    cell is left out; the target's own CUDA is not: that there is no build for it is worth reporting.
    """
    there = [(row.platforms, row.variants) for row in release.builds if row.provider == provider]
    for variants in product(*(tuple(_variants(cell, there)) for cell in cells)):
        others = ((cell.platform, variant) for cell, variant in zip(cells, variants, strict=True) if variant != variants[0])
        yield variants[0], tuple(others)


def _variants(cell: Cell, there: Sequence[tuple[frozenset[Platform], frozenset[Variant]]]) -> Iterator[Variant]:
    built = frozenset[Variant]().union(*(variants for platforms, variants in there if cell.platform in platforms))
    return (variant for variant in cell.variants if variant == cell.target.cuda or variant in built)


def _not_in_index(choice: Choice, cell: Cell, available: frozenset[Version]) -> Obstacle:
    what, at = lacking_text(choice, cell.platform, available), choice.release.at
    return Obstacle(reason=Reason(what, at), target=cell.target.name, platform=cell.platform, release=at, index=True)


def _of_build(choice: Choice, cell: Cell) -> str:
    return build_text(named(choice), choice.on(cell.platform))
