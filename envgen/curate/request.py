"""What `matrix verify` and `matrix refresh` are asked, and what both read: the matrix and an index of package records."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from envgen.channels.index import Index, IndexOptions, open_index
from envgen.curate.published import BuildIndex
from envgen.matrix.cached import cached_matrix
from envgen.model.errors import BadInput, closest
from envgen.model.facts import Matrix, Platform
from envgen.model.layout import Layout
from envgen.model.platforms import PLATFORMS


@dataclass(frozen=True, slots=True, kw_only=True)
class CurateRequest:
    """Which records to read, and of which frameworks and platforms; none means all.

    `complete` says that a folder of records holds every published build. Live channels always do.
    """

    index: IndexOptions
    frameworks: tuple[str, ...] = ()
    platforms: tuple[Platform, ...] = ()
    complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The matrix, the package records, and what of both is meant. `complete`: the index holds every published build."""

    matrix: Matrix
    builds: BuildIndex
    frameworks: tuple[str, ...]
    platforms: tuple[Platform, ...]
    complete: bool

    @property
    def index(self) -> Index:
        """The index that the records come from."""
        return self.builds.index


def open_inputs(layout: Layout, request: CurateRequest) -> Inputs:
    """Read the matrix and open the index.

    Raises BadInput about an unknown framework or platform, NoSolution where a live channel cannot be reached.
    """
    matrix = cached_matrix(layout)
    _check_names("framework", request.frameworks, matrix.frameworks)
    _check_names("platform", request.platforms, PLATFORMS)
    platforms = request.platforms or PLATFORMS
    index, _ = open_index(request.index, layout, matrix.channels, platforms[0], matrix.withdrawn)
    return Inputs(
        matrix=matrix,
        builds=BuildIndex(index, matrix.catalogue, sorted(matrix.pythons)),
        frameworks=request.frameworks or tuple(matrix.frameworks),
        platforms=platforms,
        complete=request.complete or index.gateway is not None,
    )


def _check_names(kind: str, names: tuple[str, ...], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise BadInput(f"there is no {kind} `{name}`", hint=closest(name, known))
