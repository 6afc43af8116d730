"""What a run about the facts is asked, and what it reads: the matrix, and an index of package records."""

from __future__ import annotations

from dataclasses import dataclass

from envgen.channels.index import Index, IndexOptions, open_index
from envgen.curate.claims import channels_of
from envgen.matrix.load import load_matrix
from envgen.model.errors import BadInput, closest
from envgen.model.facts import PLATFORMS, Matrix, Platform
from envgen.model.layout import Layout


@dataclass(frozen=True, slots=True)
class CurateRequest:
    """Which records a run reads, and of which frameworks and platforms (none: all).

    `complete` says that a folder holds every published build; live channels do by themselves.
    """

    wanted: IndexOptions
    frameworks: tuple[str, ...] = ()
    platforms: tuple[Platform, ...] = ()
    complete: bool = False


def opened(layout: Layout, asked: CurateRequest) -> tuple[Matrix, Index]:
    """The matrix and the index of a run; BadInput about a framework or a platform that there is not."""
    matrix = load_matrix(layout.matrices, layout.shown(layout.matrices))
    for kind, names, known in (("framework", asked.frameworks, matrix.frameworks), ("platform", asked.platforms, PLATFORMS)):
        for name in names:
            if name not in known:
                raise BadInput(f"there is no {kind} `{name}`", hint=closest(name, known))
    platform = next(iter(asked.platforms or PLATFORMS))
    index, _ = open_index(asked.wanted, layout, channels_of(matrix), platform)
    return matrix, index
