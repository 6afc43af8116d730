"""What a rule about the matrices is, and what it looks at: all facts, how they are written, and what day it is.

A rule is a generator over Facts, a few lines long: it yields where, what is wrong there, and what to do about it. `@rule` puts
it into REGISTRY; `docs/matrices.md` has a row for every id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from packaging.version import Version

from envgen.matrix.hardware import driver_os
from envgen.model.facts import Address, Build, Matrix, Platform, Release, Spelling, Target, Toolkit
from envgen.model.rules import Registry
from envgen.yamlfile.document import Document
from envgen.yamlfile.nodes import KeyPath


@dataclass(frozen=True, slots=True)
class Reach:
    """A row of builds that a target can be served with on one platform."""

    release: Release
    build: Build


@dataclass(frozen=True, slots=True)
class Location:
    """A target on one platform, its toolkit (None: CPU), and all rows that can serve it for some project."""

    target: Target
    platform: Platform
    toolkit: Toolkit | None
    rows: tuple[Reach, ...]

    @property
    def floor(self) -> Version | None:
        """The oldest driver that runs its CUDA, where there is a figure."""
        return self.toolkit.floor.get(driver_os(self.platform)) if self.toolkit else None


@dataclass(frozen=True)
class Facts:
    """All facts. Not slotted: what several rules ask is worked out once.

    `documents` and `heads` map a file name to the file as written and to its first line; `schemas` maps the path of a schema file
    below the root to whether it says what this envgen would write.
    """

    matrix: Matrix
    documents: Mapping[str, Document]
    heads: Mapping[str, str]
    schemas: Mapping[str, bool]
    today: date

    @cached_property
    def spots(self) -> tuple[Location, ...]:
        """Every target on each of its platforms."""
        return tuple(self._spot(target, platform) for target in self.matrix.targets.values() for platform in target.platforms)

    def _spot(self, target: Target, platform: Platform) -> Location:
        rows = tuple(
            Reach(release, build)
            for release, build in self.builds
            if platform in build.platforms and self.serves(release, build, target)
        )
        return Location(target, platform, self.matrix.toolkits[target.cuda] if target.cuda else None, rows)

    @cached_property
    def builds(self) -> tuple[tuple[Release, Build], ...]:
        """Every row of builds, and what it is a row of."""
        return tuple(
            (release, build)
            for framework in self.matrix.frameworks.values()
            for release in framework.releases
            for build in release.builds
        )

    @cached_property
    def spellings(self) -> Mapping[tuple[Address, str], Spelling]:
        """(where a release is written, provider) -> the row that says how it is asked for there."""
        return {
            (release.at, provider): row
            for framework in self.matrix.frameworks.values()
            for provider, rows in framework.providers.items()
            for row in rows
            for release in framework.releases
            if release.version in row.releases
        }

    def serves(self, release: Release, build: Build, target: Target) -> bool:
        """Whether a row has builds for a target's CUDA: for just that, or for an older minor where the dialect allows it."""
        spelling, cuda = self.spellings.get((release.at, build.provider)), target.cuda
        if spelling is None or cuda in build.variants or cuda is None:
            return spelling is not None and cuda in build.variants
        older = (variant for variant in build.variants if variant and variant.major == cuda.major and variant < cuda)
        return spelling.newer_minor and any(older)

    @cached_property
    def items(self) -> Mapping[Address, tuple[Document, KeyPath]]:
        """Every item of every list by its address: its file and its path of keys."""
        return {
            document.at(*path): (document, path)
            for document in self.documents.values()
            for path in document.marks
            if path and isinstance(path[-1], int)
        }

    def at(self, item: Address, *path: str | int) -> Address:
        """Where a part of an item is written."""
        document, keys = self.items[item]
        return document.at(*keys, *path)


LintResults = Iterator[tuple[Address, str, str]]
LintCheck = Callable[[Facts], LintResults]


@dataclass(frozen=True, slots=True)
class LintFinding:
    """Something that a rule found in the matrices: where, what, and what to do."""

    rule: str
    severity: str
    at: Address
    text: str
    hint: str


REGISTRY: Registry[LintCheck] = Registry()
rule = REGISTRY.rule
