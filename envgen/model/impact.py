"""What a change of the facts does to targets: what the facts make of each before and after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from envgen.model.address import Address
from envgen.model.facts import Platform

ImpactKind = Literal["lost", "gained", "moves", "solved-again", "rendered-again", "driver", "update"]
"""What happens to a target, the gravest first.

`lost`: it has no choice any more; `gained`: it has one now; `moves`: another choice than the one that is locked; `solved-again`:
the same choice, but the solver is asked for something else; `rendered-again`: only its files change; `driver`: only its driver
floor changes; `update`: only `envgen update` would take something else.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetState:
    """What some facts make of a target that a project requests at a place.

    `chosen` is what `lock` would choose as far as the facts decide, `newest` what `update` would; names and versions as in a stamp.
    `asked` is what the solver is asked for each platform, a spec or a limit in each text, `files` the digest of its two files, and
    `driver` its driver floor. Where it has no choice, `why` says why, and the rest is empty; a project that cannot be read has one
    state without a name.
    """

    at: Address
    name: str
    cuda: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict)
    newest: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[Platform, tuple[str, ...]] = field(default_factory=dict)
    files: str = ""
    driver: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Something that is another one than before: `python`, a framework, `CUDA`; "" for what was not there, or is gone."""

    what: str
    old: str
    new: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetImpact:
    """What a change does to one target. `moves` are the same for `lock` and `update`, by `kind`."""

    project: str
    target: str
    at: Address
    kind: ImpactKind
    moves: tuple[Move, ...] = ()
    why: str = ""

    @property
    def environment(self) -> str:
        """vision-cu126."""
        return f"{self.project}-{self.target}"


RowKind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """A row of the facts that is not as it was, and the environments that this changes alone.

    `line` counts from 1, in the newer text, or in the older one where the row was removed; `text` is the beginning of the row, ""
    for a whole file.
    """

    kind: RowKind
    line: int
    text: str
    file: str = ""
    environments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What a change of the facts does: the files that changed, every target that it changes, and how many targets there are.

    `rows` are the rows that change targets, where they were told apart.
    """

    base: str
    files: tuple[str, ...]
    targets: tuple[TargetImpact, ...]
    count: int
    rows: tuple[RowChange, ...] = ()

    @property
    def changed(self) -> tuple[TargetImpact, ...]:
        """The targets that it changes without a run of `update`."""
        return tuple(row for row in self.targets if row.kind != "update")
