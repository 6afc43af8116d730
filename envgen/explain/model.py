"""The values of an explanation: what a conflict rests on, what would end it, why a pin is what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from envgen.explain.advice import AppliedAdvice
from envgen.model.constraint import Constraint
from envgen.model.facts import Reason
from envgen.model.project import Project
from envgen.model.resolution import Resolution
from envgen.resolver.resolve import Problem

RequirementKind = Literal[
    "target",
    "target platforms",
    "virtual packages",
    "framework",
    "provider",
    "version",
    "driver",
    "gpu",
    "platforms",
    "channels",
    "python",
    "dependency",
]
FactKind = Literal[
    "known",
    "needed channels",
    "needs",
    "built against",
    "newer minor",
    "cudnn",
    "code",
    "published",
    "pythons",
    "builds",
    "constraint",
    "bound",
    "described platforms",
    "default virtual package",
    "floor",
    "capabilities",
    "index",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A requirement of the project, or a fact, that a conflict may rest on.

    `reason` puts it into words, given a problem without what does not matter; `without` drops it. `has_default` says that
    dropping it puts something else in its place (other platforms, another provider), which may be harder to meet. `row` is the
    constraint or bound that it is: many of them are dropped at once.
    """

    kind: RequirementKind | FactKind
    name: str  # which of its kind: the target, the framework, the GPU
    reason: Callable[[Problem], Reason]
    without: Callable[[Problem], Problem]
    has_default: bool = False
    row: Constraint | None = None

    @property
    def is_requirement(self) -> bool:
        """Whether the project asks for it; a fact otherwise."""
        return self.kind in get_args(RequirementKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change to a project that may end a conflict; `cost` is how much it asks of a person, 1 being next to nothing.

    `path` is what is changed: a repair has at most one change of each. Of the changes of one path and one `way`, such as python
    downwards, the nearest that helps is enough. `gives_up` says that something requested is dropped, or another machine needed;
    `last_resort` that it makes another project of it (for CPU, for other machines): not worth saying where all can be kept.
    """

    path: tuple[str, ...]
    way: str = ""
    text: str
    cost: float
    apply: Callable[[Project], Project]
    gives_up: bool = False
    last_resort: bool = False


@dataclass(frozen=True, slots=True)
class Repair:
    """Changes that end a conflict, and what the project then resolves to."""

    changes: tuple[Change, ...]
    resolutions: tuple[Resolution, ...]

    @property
    def cost(self) -> float:
        """The cost of all changes together."""
        return sum(change.cost for change in self.changes)

    @property
    def gives_up(self) -> int:
        """How many things that are requested are dropped, or need another machine."""
        return sum(change.gives_up for change in self.changes)

    @property
    def last_resort(self) -> bool:
        """Whether one of the changes makes another project of it."""
        return any(change.last_resort for change in self.changes)

    @property
    def order(self) -> tuple[int, int, float]:
        """Smaller is nearer: what keeps most of what is requested, then fewer changes, then cheaper ones."""
        return self.gives_up, len(self.changes), self.cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Requirements and facts that cannot hold together; without any one of them the others can.

    `repairs`: the nearest first. `notes`: what is worth knowing but does not repair the conflict by itself (forward compatibility).
    """

    project: str
    requirements: tuple[Reason, ...]
    facts: tuple[Reason, ...]
    repairs: tuple[Repair, ...] = ()
    notes: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Alternative:
    """The next better choice for a pin, and what prevented it."""

    choice: str
    prevented_by: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One target with what explains it.

    `alternatives` are by the name of a pin; `drivers` says by which rule which driver runs it; `advice` is what goes wrong here;
    `specs` is what its frameworks are requested with.
    """

    resolution: Resolution
    alternatives: Mapping[str, Alternative]
    drivers: tuple[Reason, ...]
    advice: tuple[AppliedAdvice, ...]
    specs: tuple[str, ...]
