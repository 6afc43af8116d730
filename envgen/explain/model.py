"""The nouns of an explanation: what a conflict rests on, what would end it, why a pin is what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from envgen.explain.advice import AppliedAdvice
from envgen.model.facts import Project, Reason
from envgen.model.resolution import Resolution
from envgen.resolver.resolve import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A demand of the project, or a fact, that a conflict may rest on.

    `tell` says it in words, in the light of a question of which all that does not matter was dropped; `without` drops it.
    """

    kind: str  # target, version, provider, python ...; for a fact the kind of fact
    name: str  # which of them: the target's name, the framework's, the GPU's
    tell: Callable[[Problem], Reason]
    without: Callable[[Problem], Problem]
    demand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change to a project that may end a conflict; `cost` is how much it asks of a person, 1 being next to nothing.

    Of the changes with one `path` the nearest that helps is enough: python downwards, a release upwards.
    """

    path: tuple[str, ...]
    text: str
    cost: float
    apply: Callable[[Project], Project]


@dataclass(frozen=True, slots=True)
class Repair:
    """Changes that end a conflict, and what the project then resolves to."""

    changes: tuple[Change, ...]
    gives: tuple[Resolution, ...]

    @property
    def cost(self) -> float:
        """The cost of all changes together."""
        return sum(change.cost for change in self.changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Demands of the project and facts that cannot hold together; without any one of them they could.

    `ways`: the nearest first. `beside`: what is no way out by itself, and worth knowing (forward compatibility).
    """

    project: str
    demands: tuple[Reason, ...]
    facts: tuple[Reason, ...]
    ways: tuple[Repair, ...] = ()
    beside: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Alternative:
    """The next better choice for a pin, and what stopped it."""

    better: str
    stopped: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One target with what explains it: the next better choice by the name of a pin, which driver runs it and by which rule,
    what of common advice goes wrong for it, and the specs that its frameworks are asked for with.
    """

    resolution: Resolution
    better: Mapping[str, Alternative]
    drivers: tuple[Reason, ...]
    advice: tuple[AppliedAdvice, ...]
    specs: tuple[str, ...]
