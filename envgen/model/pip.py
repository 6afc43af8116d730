"""The pip section of a target, frozen: what is asked for on one platform, where it may come from, and what it is locked to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from packaging.utils import canonicalize_name

from envgen.model.address import Address
from envgen.model.dates import NO_LIMIT, ExcludeNewer
from envgen.model.facts import Platform


@dataclass(frozen=True, slots=True, kw_only=True)
class PipIndex:
    """An index with a purpose: `packages` come from it and from nowhere else, and nothing else comes from it.

    `packages` are names in PyPI's normal form, which may contain `*`. The URL may have `$NAME` in place of a credential.
    """

    name: str
    url: str
    packages: tuple[str, ...]
    at: Address | None = None

    def serves(self, package: str) -> bool:
        """Whether a package comes from this index."""
        return any(fnmatchcase(canonicalize_name(package), glob) for glob in self.packages)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPackage:
    """A package in a folder, which is not locked: `envgen install` installs it after the lock.

    `path` is relative to the folder that has matrices/. `extras` are as written, `[dev]`; the project lists what they need.
    """

    path: str
    editable: bool
    at: Address
    extras: str = ""

    def __str__(self) -> str:
        return f"{'-e ' if self.editable else ''}{self.path}{self.extras}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipRequest:
    """What uv is asked for one platform of a target.

    `requirements` and `constraints` are PEP 508. `repositories` stand in place of the public index, in order; each of `indexes`
    has the packages that it names, and `find_links` are pages or folders of files that count beside the indexes. `build` names
    the packages that may come as a source distribution.
    """

    environment: str  # vision-cu126
    platform: Platform
    requirements: tuple[str, ...]
    constraints: tuple[str, ...] = ()
    indexes: tuple[PipIndex, ...] = ()
    repositories: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    build: tuple[str, ...] = ()
    virtual: Mapping[str, str] = field(default_factory=dict)  # what the machine promises: __glibc, __osx
    exclude_newer: ExcludeNewer = NO_LIMIT

    @property
    def place(self) -> str:
        """Which pip section it is, for messages."""
        return f"pip section of {self.environment}, {self.platform}"

    @property
    def work(self) -> str:
        """What is done for it, for who waits."""
        return f"resolving wheels of {self.environment}, {self.platform}"
