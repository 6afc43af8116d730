"""What a new lock changes on one platform: packages that came, went, or are another build than before."""

from __future__ import annotations

from dataclasses import dataclass

from envgen.model.catalogue import Manager


@dataclass(frozen=True, slots=True)
class Placed:
    """A package that was added or removed."""

    name: str
    version: str
    manager: Manager = "conda"


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedPackage:
    """A package that is another build than before; `because` is what forced it, "" where it was meant to change or none tells."""

    name: str
    old: str  # "2.2.6"; where the version is the same "2.2.6 py312_0", of a pip package with what differs of its file
    new: str
    because: str = ""
    manager: Manager = "conda"


@dataclass(frozen=True, slots=True)
class CellChanges:
    """The packages of one platform that are not as in its old lock, each by name."""

    added: tuple[Placed, ...] = ()
    removed: tuple[Placed, ...] = ()
    moved: tuple[MovedPackage, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.moved)
