"""Common advice: what it says, what goes wrong with it, and how a solver can show that.

They know nothing of the facts that say where the advice goes wrong: those are constraints (`model.Matrix.advice`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

HOLE = re.compile(r"\{(\w+)\}")


def filled(text: str, holes: Mapping[str, str]) -> str:
    """A text with its holes filled."""
    return HOLE.sub(lambda hole: holes[hole[1]], text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A solve that shows how a piece of advice goes wrong, and its result.

    `specs` and `gets` have holes, like the texts of the advice. `virtual` replaces virtual packages of the target; None
    removes one. `gets` is "cpu", "nothing" (no solution), "cuda12.9", or a conda spec that some package meets.
    """

    specs: tuple[str, ...]
    channels: tuple[str, ...]
    platform: str | None  # None: the one that the advice is given for
    virtual: Mapping[str, str | None]
    strict: bool  # whether the order of the channels is binding
    gets: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One piece of advice: `heard` as people give it, `but` what comes of it; both with holes, such as `{pytorch}` and `{cuda}`."""

    id: str
    heard: str
    but: str
    trial: Trial | None = None
