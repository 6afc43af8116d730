"""What one target may have as a whole, and what of that is refused. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from packaging.version import Version

from envgen.model.facts import Variant
from envgen.model.resolution import Choice


@dataclass(frozen=True, slots=True)
class TargetChoice:
    """A Python, and a choice for each framework of a project in its order: all that is chosen for one target."""

    target: str
    python: Version
    choices: tuple[Choice, ...]

    @property
    def builds(self) -> Builds:
        """The releases and the CUDA of their builds."""
        return tuple(choice.build for choice in self.choices)

    @property
    def refusal(self) -> Refusal:
        """What refuses this and nothing else."""
        return self.target, self.python, self.builds


Builds = tuple[tuple[Version, Variant], ...]
Refusal = tuple[str, Version, Builds]  # target, Python, builds
Refused = frozenset[Refusal]
RefusedTree = dict[tuple[Version, Variant], Any]  # the next build of what is refused -> what follows it, down to an empty tree


def trees(refused: Iterable[Refusal]) -> dict[Version, dict[str, RefusedTree]]:
    """What is refused by Python and target, with what begins alike together."""
    found: dict[Version, dict[str, RefusedTree]] = {}
    for target, python, builds in refused:
        tree = found.setdefault(python, {}).setdefault(target, {})
        for build in builds:
            tree = tree.setdefault(build, {})
    return found
