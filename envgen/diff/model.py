"""Two sets of locks, and what changes between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from envgen.model.facts import Platform
from envgen.model.packages import Lock
from envgen.model.run import Download

ChangeKind = Literal[
    "flip",  # a CPU build in the place of a CUDA build, or the reverse
    "cuda",  # another CUDA, of an environment or of a framework's build
    "driver",  # another oldest driver
    "cudnn",
    "hash",  # another content, or no hash any more, at the same version
    "source",  # another channel, index or manager
    "python",  # another minor
    "framework",  # another release, or one that came or went
    "apart",  # a version that now differs between CPU and CUDA
    "downgrade",
    "removed",
    "added",
    "upgrade",
    "rebuild",  # another file of the same version
    "address",  # the same content from another URL
]
KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)


@dataclass(frozen=True, slots=True, order=True)
class CellPlace:
    """A platform of one lock, by the lock's path below what is compared; `environment` is one of a pixi.lock, else ""."""

    lock: str
    environment: str
    platform: Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class LockChange:
    """Something that is not as it was, and every cell where that is so.

    `old` is "" for what came, `new` for what went; `detail` is what a person should know beside it.
    """

    kind: ChangeKind
    name: str
    old: str
    new: str
    detail: str = ""
    cells: tuple[CellPlace, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSummary:
    """What a cell that came or went is: `claim` is what its packages make of it, `driver` the oldest one that runs it, or ""."""

    place: CellPlace
    claim: str
    packages: int
    driver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resized:
    """What a cell downloads before and after, in bytes; None where its lock does not say."""

    place: CellPlace
    old: int | None
    new: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One side of a comparison: its name, and the locks of each file by its path.

    `names` are all files of it; `locks` those that were read, because they or what is beside them differ. `unread` says why a file
    cannot be read, `downloads` what the platforms of a file download.
    """

    name: str
    names: frozenset[str]
    locks: Mapping[str, tuple[Lock, ...]]
    unread: Mapping[str, str] = field(default_factory=dict)
    downloads: Mapping[str, Mapping[Platform, Download]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changes from one set of locks to another: first what matters.

    `compared` counts the files of both sides; `known` are the cells that were read, on either side. `unread` holds the name of a
    side, a file, and why it cannot be read.
    """

    base: str
    head: str
    compared: int
    changed: tuple[CellPlace, ...]
    known: tuple[CellPlace, ...]
    changes: tuple[LockChange, ...]
    came: tuple[CellSummary, ...] = ()
    went: tuple[CellSummary, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    resized: tuple[Resized, ...] = ()
    unread: tuple[tuple[str, str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes or self.came or self.went or self.renamed or self.unread)

    @property
    def unread_in_head(self) -> bool:
        """Whether a lock of the newer side cannot be read."""
        return any(side == self.head for side, _, _ in self.unread)

    def of(self, *kinds: ChangeKind) -> tuple[LockChange, ...]:
        """The changes of some kinds, in the order of the kinds."""
        return tuple(change for kind in kinds for change in self.changes if change.kind == kind)
