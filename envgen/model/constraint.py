"""What a repository's constraints and bounds say: conditions on axes, and what must hold where they are met."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date

from packaging.specifiers import SpecifierSet

from envgen.model.address import Address


@dataclass(frozen=True, slots=True)
class Condition:
    """One axis of a constraint: `cuda: ">=13"`, `gpu: ">=7.5"`, `platform: [linux-64]`.

    `judged` holds what it was asked before: which values it admits. A search asks about the same few again and again.
    """

    axis: str
    versions: SpecifierSet | None = None
    names: frozenset[str] = frozenset()
    judged: dict[object, bool] = field(default_factory=dict, init=False, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """Where all of `when` holds, all of `need` must hold; `because` names the source."""

    when: tuple[Condition, ...]
    need: tuple[Condition, ...]
    because: str
    at: Address
    until: date | None = None  # from this day on it may be otherwise
    warn: bool = False  # worth saying, not worth refusing
    says: str = ""  # in words, where it is not written as a constraint but follows from another fact

    def is_about(self, providers: Collection[str]) -> bool:
        """Whether it applies to builds of some providers alone."""
        return any(one.axis == "provider" and one.names and one.names <= set(providers) for one in self.when)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound(Constraint):
    """Versions that other packages must have: each axis of `need` is a package, with a range; `breaks` is what fails otherwise."""

    breaks: str
    partly: bool = False  # whether the rest of the framework works all the same
    comes_with: tuple[str, ...] = ()  # frameworks and companions with any of which the packages are always there
