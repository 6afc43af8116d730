"""Packages: as records in a channel, as a request to the solver, as entries of a lock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from envgen.model.address import Address
from envgen.model.catalogue import Manager
from envgen.model.dates import NO_LIMIT, ExcludeNewer
from envgen.model.facts import Platform, Variant


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One package record of a channel index, as the solver chose it. `size` is in bytes, where it is known; hashes are hex."""

    name: str
    version: str
    build: str
    channel: str  # canonical url of the channel, no credentials
    subdir: str
    file: str
    url: str
    md5: str | None
    sha256: str | None
    size: int | None
    depends: tuple[str, ...]
    source: Mapping[str, object]  # the record as the index holds it


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveRequest:
    """What the solver is asked for one cell. `virtual` maps virtual package -> "version" or "version build"."""

    environment: str  # vision-cu126
    platform: Platform
    specs: tuple[str, ...]
    channels: tuple[str, ...]
    virtual: Mapping[str, str]
    constraints: tuple[str, ...] = ()  # specs that a package must meet if it is in the solution
    exclude_newer: ExcludeNewer = NO_LIMIT
    kept: tuple[str, ...] = ()  # urls of locked packages that are preferred where they are in any solution
    kept_from: tuple[str, ...] = ()  # the channels of their lock, in its order
    cuda: Variant = None  # the CUDA of the target
    wrong: frozenset[str] = frozenset()  # builds that no solution may have: "name version build"


@dataclass(frozen=True, slots=True)
class Solution:
    """The packages of one cell."""

    platform: Platform
    records: tuple[Record, ...]


class Content(NamedTuple):
    """What an entry says of a package, without its place: the same in many locks, so that judgements are kept by it."""

    name: str
    version: str
    build: str
    manager: Manager
    platform: Platform
    url: str
    md5: str | None
    sha256: str | None
    depends: tuple[str, ...]
    constrains: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """One package of a lock, a list or an installed environment. Hashes are hex; what its source does not tell is "" or None.

    `depends` are conda specs for a conda package, requirements (PEP 508) for a pip package.
    """

    name: str
    version: str
    build: str
    manager: Manager
    platform: Platform
    url: str = ""
    md5: str | None = None
    sha256: str | None = None
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()  # a conda-lock.yml does not have them
    damaged: tuple[str, ...] = ()  # its files that are missing or changed, in an installed environment
    asked: str = ""  # the spec or requirement as written, in a file that a person wrote
    index: str = ""  # the index of wheels that it comes from, where its URL does not tell
    variants: tuple[str, ...] = ()  # the labels of its files, "" for none, where the machine decides which of them is installed
    at: Address | None = None

    @property
    def content(self) -> Content:
        """What its entry says."""
        return Content(
            self.name,
            self.version,
            self.build,
            self.manager,
            self.platform,
            self.url,
            self.md5,
            self.sha256,
            self.depends,
            self.constrains,
        )


@dataclass(frozen=True, kw_only=True)  # without slots: a cached property needs a place
class Lock:
    """What one file, or one installed environment, holds.

    `linked` says whether it tells what depends on what, `hashed` whether it tells urls and hashes, `complete` whether it has every
    package that will be there; `intact` is False when its stamp says that packages were changed after envgen wrote them.
    `content_hashes` are those of what each platform of a lock of envgen's was made from, and `of_other_run` the platforms for which
    that is not what the files beside it say. `machine` is the name that it has for its one platform, where that is another one;
    `promises` are the virtual packages that it says this machine has.
    """

    shown: str  # its path, as a person reads it
    format: str  # "conda-lock 1", "pixi 6", "explicit", "conda list", "prefix"
    environment: str  # vision-cu126, or the name of an environment in a pixi.lock; "" where nothing says
    packages: tuple[LockedPackage, ...]
    channels: tuple[str, ...] = ()  # those that it declares
    linked: bool = True
    hashed: bool = True
    complete: bool = True
    intact: bool = True
    machine: str = ""
    promises: Mapping[str, str] = field(default_factory=dict)
    declared: tuple[Platform, ...] = ()  # the platforms that it says it is for
    content_hashes: Mapping[Platform, str] = field(default_factory=dict)
    of_other_run: tuple[Platform, ...] = ()

    @cached_property
    def platforms(self) -> tuple[Platform, ...]:
        """Every platform that it has packages for, in their order."""
        return tuple({package.platform: None for package in self.packages})
