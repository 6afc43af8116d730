"""What a lint rule is, and what it looks at: the facts, the files as written, and the date.

A rule is a short generator over a LintContext: it yields where something is wrong, what is wrong, and what to do. `@rule` puts it
into REGISTRY; `docs/matrices.md` has a row for every rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from packaging.version import Version

from envgen.matrix.hardware import driver_os, has_code, runs_with
from envgen.model.address import Address
from envgen.model.constraint import Constraint
from envgen.model.facts import Build, Framework, Matrix, Platform, Release, Spelling, Target, Variant
from envgen.model.rules import Registry
from envgen.model.toolkit import Toolkit
from envgen.yamlfile.document import Document
from envgen.yamlfile.nodes import KeyPath


@dataclass(frozen=True, slots=True)
class ReleaseBuild:
    """A row of `builds`, with its release."""

    release: Release
    build: Build


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """A row of `providers`, and the releases that it is for: in its range, with builds by its provider; newest first."""

    framework: Framework
    provider: str
    spelling: Spelling
    releases: tuple[Release, ...]


@dataclass(frozen=True, slots=True)
class Offered:
    """What can be chosen for a target with one Python: the versions of each framework, and the providers of any."""

    versions: Mapping[str, frozenset[Version]]
    providers: frozenset[str]


@dataclass(frozen=True, kw_only=True)  # without slots: a cached property needs a place
class TargetCell:
    """A target on one platform, its toolkit (None for CPU) with the GPUs that it has code for, and every row that can serve it."""

    target: Target
    platform: Platform
    toolkit: Toolkit | None
    capabilities: frozenset[Version]
    rows: tuple[ReleaseBuild, ...]

    @property
    def floor(self) -> Version | None:
        """The oldest driver that runs its CUDA; None where none is known."""
        return self.toolkit.floor.get(driver_os(self.platform)) if self.toolkit else None

    @cached_property
    def offered(self) -> Mapping[Version, Offered]:
        """What can be chosen with each Python that a row is for."""
        rows: dict[Version, list[ReleaseBuild]] = {}
        for row in self.rows:
            for python in row.build.pythons:
                rows.setdefault(python, []).append(row)
        return {python: _offered(found) for python, found in rows.items()}


def _offered(rows: Iterable[ReleaseBuild]) -> Offered:
    versions: dict[str, set[Version]] = {}
    providers: set[str] = set()
    for row in rows:
        versions.setdefault(row.release.framework, set()).add(row.release.version)
        providers.add(row.build.provider)
    return Offered({name: frozenset(found) for name, found in versions.items()}, frozenset(providers))


@dataclass(frozen=True, kw_only=True)  # without slots: a cached property needs a place
class LintContext:
    """The facts and how they are written.

    `documents` and `first_lines` are by file name. `schemas` maps the path of each schema file to whether it is up to date.
    `satisfied` is what was found of conditions, which several rules ask for.
    """

    matrix: Matrix
    documents: Mapping[str, Document]
    first_lines: Mapping[str, str]
    schemas: Mapping[str, bool]
    today: date
    satisfied: dict[object, bool] = field(default_factory=dict)

    @cached_property
    def cells(self) -> tuple[TargetCell, ...]:
        """Every target on each of its platforms."""
        return tuple(self._cell(target, platform) for target in self.matrix.targets.values() for platform in target.platforms)

    def _cell(self, target: Target, platform: Platform) -> TargetCell:
        rows = (row for row in self.builds if platform in row.build.platforms)
        toolkit = self.matrix.toolkits[target.cuda] if target.cuda else None
        return TargetCell(
            target=target,
            platform=platform,
            toolkit=toolkit,
            capabilities=frozenset(gpu.capability for gpu in self.matrix.gpus.values() if toolkit and has_code(toolkit, gpu)),
            rows=tuple(row for row in rows if self.serves(row.release, row.build.provider, row.build.variants, target)),
        )

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """Every constraint and every bound."""
        return (*self.matrix.constraints, *self.matrix.bounds)

    @property
    def releases(self) -> Iterator[Release]:
        """Every release of every framework."""
        return (release for framework in self.matrix.frameworks.values() for release in framework.releases)

    @cached_property
    def builds(self) -> tuple[ReleaseBuild, ...]:
        """Every row of builds."""
        return tuple(ReleaseBuild(release, build) for release in self.releases for build in release.builds)

    @cached_property
    def spellings(self) -> tuple[ProviderRow, ...]:
        """Every row of `providers`."""
        return tuple(
            ProviderRow(framework=framework, provider=provider, spelling=row, releases=_covered(framework, provider, row))
            for framework in self.matrix.frameworks.values()
            for provider, rows in framework.providers.items()
            for row in rows
        )

    def spelling(self, release: Release, provider: str) -> Spelling | None:
        """How a release is requested from a provider; None if no row covers it."""
        return self.matrix.frameworks[release.framework].spellings.get((provider, release.version))

    def serves(self, release: Release, provider: str, variants: frozenset[Variant], target: Target) -> bool:
        """Whether builds for some variants can serve a target: made for its CUDA, or for an older minor if the spelling allows."""
        spelling, cuda = self.spelling(release, provider), target.cuda
        if spelling is None or cuda in variants or cuda is None:
            return spelling is not None and cuda in variants
        older = (variant for variant in variants if variant and runs_with(variant, cuda))
        return spelling.newer_minor and any(older)

    @cached_property
    def _items(self) -> Mapping[Address, tuple[Document, KeyPath]]:
        """Every item of every list by its address: its file and its path of keys."""
        return {
            document.at(*path): (document, path)
            for document in self.documents.values()
            for path in document.marks
            if path and isinstance(path[-1], int)
        }

    def at(self, item: Address, *path: str | int) -> Address:
        """Where a part of a list item is written."""
        document, keys = self._items[item]
        return document.at(*keys, *path)


def _covered(framework: Framework, provider: str, spelling: Spelling) -> tuple[Release, ...]:
    in_range = (release for release in framework.releases if release.version in spelling.releases)
    return tuple(release for release in in_range if any(build.provider == provider for build in release.builds))


LintResults = Iterator[tuple[Address, str, str]]  # where, what is wrong, what to do
LintCheck = Callable[[LintContext], LintResults]


REGISTRY: Registry[LintCheck] = Registry()
rule = REGISTRY.rule
