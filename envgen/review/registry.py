"""What the rules of `check` look at, and their registries.

A rule is a short generator that yields where something disagrees, and what. `docs/review.md` has a section for each rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from packaging.utils import canonicalize_name

from envgen.model.address import Address
from envgen.model.errors import EnvgenError
from envgen.model.facts import Matrix, Platform
from envgen.model.findings import Finding
from envgen.model.layout import LOCK, SPEC
from envgen.model.packages import Lock, LockedPackage
from envgen.model.project import Project, RequestedTarget
from envgen.model.resolution import RenderedFile, Resolution
from envgen.model.rules import Registry
from envgen.model.run import Stamp

if TYPE_CHECKING:
    from envgen.channels.recorded import Records
    from envgen.composition.cells import RecordByUrl
    from envgen.composition.sizes import CellSize
    from envgen.lock.plan import Plan

FileKind = Literal["matrix", "project", "template", "lock", "index"]
RELOCK, CHECK_FIX = "envgen lock {project} --target {target}", "envgen check --fix"

Disagreements = Iterator[tuple[Address, str]]


@dataclass(frozen=True, kw_only=True)  # without slots: a cached property needs a place
class TargetCase:
    """A target whose files are not what its inputs make now.

    `texts` are its files that are there, by name. `rendered` are the files that its inputs make with the choice of its lock, and
    `wanted` their digest; () and "" where that choice is not allowed any more, or there is none.
    """

    matrix: Matrix
    plan: Plan
    name: str
    folder: str
    template: str
    texts: Mapping[str, str]
    rendered: tuple[RenderedFile, ...]
    wanted: str

    @property
    def stamp(self) -> Stamp | None:
        """The stamp of its lock; None where envgen wrote none."""
        return self.plan.stamps.get(self.name)

    @property
    def held(self) -> Resolution | None:
        """The choice of its lock, as a resolution of today; None where there is none, or it is not allowed any more."""
        return self.plan.held.get(self.name)

    @property
    def refused(self) -> Stamp | None:
        """The stamp of its lock, where what that chose is not allowed any more."""
        return None if self.held else self.stamp

    @property
    def requested(self) -> RequestedTarget:
        """What the project says of the target."""
        return next(row for row in self.plan.project.targets if row.name == self.name)

    @cached_property
    def is_settled(self) -> bool:
        """Whether nothing has to be solved: the solver is asked for what the lock answers."""
        held = self.held
        return held is not None and all((self.name, platform) in self.plan.settled for platform in held.platforms)

    @property
    def is_of_these_inputs(self) -> bool:
        """Whether the lock was made from what its inputs make now: then a file beside it was changed since."""
        return self.stamp is not None and self.stamp.wanted == self.wanted

    def in_lock(self, word: str) -> Address:
        """The line of the lock that has a word; its first line where none has."""
        return line_with(word, self.texts.get(LOCK, ""), f"{self.folder}/{LOCK}")

    def in_spec(self, word: str) -> Address:
        """The line of environment.yml that has a word; its first line where none has."""
        return line_with(word, self.texts.get(SPEC, ""), f"{self.folder}/{SPEC}")


@dataclass(frozen=True, kw_only=True)
class LockCase:
    """A lock that was read, with what is requested for each platform by the environment.yml beside it."""

    lock: Lock
    text: str
    stamp: Stamp
    specs: Mapping[Platform, tuple[str, ...]]
    pip: tuple[str, ...]
    channels: tuple[str, ...]

    @cached_property
    def conda(self) -> Mapping[Platform, Mapping[str, LockedPackage]]:
        """Platform -> name -> conda package."""
        found: dict[Platform, dict[str, LockedPackage]] = {platform: {} for platform in self.lock.platforms}
        for package in self.lock.packages:
            if package.manager == "conda":
                found[package.platform][package.name] = package
        return found

    @cached_property
    def wheels(self) -> Mapping[Platform, Mapping[str, LockedPackage]]:
        """Platform -> normalised name -> package of pip."""
        found: dict[Platform, dict[str, LockedPackage]] = {platform: {} for platform in self.lock.platforms}
        for package in self.lock.packages:
            if package.manager == "pip":
                found[package.platform][canonicalize_name(package.name)] = package
        return found

    def at(self, word: str) -> Address:
        """The line of the lock that has a word."""
        return line_with(word, self.text, self.lock.shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedHash:
    """The hashes of a conda package that a lock names, the file of that lock, and the place of the entry in its text."""

    file: str
    place: int
    md5: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryCase:
    """The files below environments/ as a whole.

    `texts` are those of the locks, by file. `locked` has each package of theirs by its key in the recorded index, once for each
    pair of hashes. `records` are those of the recorded index, `lines` the places of those that no lock names, and `unordered` the
    files of it that are not as envgen writes them. `orphans` are locks of projects that are gone, `leftovers` files of targets that
    are gone, `temporary` what killed runs left, `links` those that lead out of the repository.
    """

    texts: Mapping[str, str]
    locked: Mapping[str, tuple[LockedHash, ...]]
    records: Records
    lines: Mapping[str, Address]
    unordered: tuple[str, ...]
    orphans: tuple[str, ...]
    leftovers: tuple[str, ...]
    temporary: tuple[str, ...]
    links: tuple[str, ...]

    def at(self, package: LockedHash) -> Address:
        """The line of a package in its lock."""
        return Address(package.file, self.texts[package.file].count("\n", 0, package.place) + 1, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitCase:
    """A lock, what each of its platforms downloads, and what the recorded index says of its packages, by URL."""

    project: Project
    lock: Lock
    sizes: tuple[CellSize, ...]
    records: RecordByUrl


@dataclass(frozen=True, slots=True)
class ReadError:
    """A file that cannot be read, and what it is."""

    kind: FileKind
    error: EnvgenError


def is_fixable(found: Finding) -> bool:
    """Whether `check --fix` ends a finding."""
    return found.fix == CHECK_FIX


def line_with(word: str, text: str, shown: str) -> Address:
    """The first line of a text that has a word; line 1 where none has."""
    place = text.find(word)
    return Address(shown, text.count("\n", 0, place) + 1, 1) if place > 0 else Address(shown, 1, 1)


STALE: Registry[Callable[[TargetCase], Disagreements]] = Registry()
CONTENT: Registry[Callable[[LockCase], Disagreements]] = Registry()
LIMITS: Registry[Callable[[LimitCase], Disagreements]] = Registry()
REPOSITORY: Registry[Callable[[RepositoryCase], Disagreements]] = Registry()
READING: Registry[Callable[[ReadError], bool]] = Registry()
"""The rules about files that cannot be read: the first that says that an error is its own names it."""
