"""What one target may have as a whole, and what of that is refused. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from packaging.version import Version

from envgen.model.resolution import Built, Choice, Resolution
from envgen.resolver.cells import Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetChoice:
    """A Python, and a choice for each framework of a project in its order: all that is chosen for the cells of one target."""

    target: str
    python: Version
    choices: tuple[Choice, ...]
    cells: tuple[Cell, ...]

    @property
    def refusal(self) -> Refusal:
        """What refuses this and nothing else."""
        return self.target, self.python, tuple(choice.build for choice in self.choices)


Builds = tuple[tuple[Version, Built], ...]
Refusal = tuple[str, Version, Builds]  # target, Python, builds
Refused = frozenset[Refusal]
RefusedTree = dict[tuple[Version, Built], Any]  # the next build of what is refused -> what follows it, down to an empty tree


def refusal_of(resolution: Resolution) -> Refusal:
    """What refuses the choice of a target and nothing else."""
    return resolution.target.name, resolution.python, tuple(choice.build for choice in resolution.choices)


def trees(refused: Iterable[Refusal]) -> dict[Version, dict[str, RefusedTree]]:
    """What is refused by Python and target, with what begins alike together."""
    found: dict[Version, dict[str, RefusedTree]] = {}
    for target, python, builds in refused:
        tree = found.setdefault(python, {}).setdefault(target, {})
        for build in builds:
            tree = tree.setdefault(build, {})
    return found
