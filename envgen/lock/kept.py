"""What the solver is to keep of the locks of a project, and the cells that need no solve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from envgen.lock.inputs import cell_digest
from envgen.lock.locked_cells import CellName, LockedCell
from envgen.lock.plan import Plan
from envgen.model.packages import SolveRequest
from envgen.model.resolution import Resolution
from envgen.resolver import specs


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The locked packages of each cell, the digests of cells whose lock is the answer, and the packages that are freed."""

    cells: Mapping[CellName, LockedCell] = field(default_factory=dict)
    settled: Mapping[CellName, str] = field(default_factory=dict)
    freed: frozenset[str] = frozenset()

    def of(self, resolution: Resolution, request: SolveRequest) -> LockedCell | None:
        """What is locked for a cell."""
        return self.cells.get((resolution.target.name, request.platform))

    def settles(self, resolution: Resolution, request: SolveRequest) -> bool:
        """Whether the lock of a cell answers what is asked."""
        return self.settled.get((resolution.target.name, request.platform)) == cell_digest(request)

    def asked(self, resolution: Resolution, request: SolveRequest) -> SolveRequest:
        """The request with the packages that are to be kept."""
        cell = self.of(resolution, request)
        urls = (url for name, url in sorted(cell.urls.items()) if name not in self.freed) if cell else ()
        return replace(request, kept=tuple(urls), kept_from=cell.channels if cell else ())


NOTHING = Kept()


def kept_of(plan: Plan) -> Kept:
    """What a plan keeps."""
    asked = {(name, row.platform): row for name, found in plan.held.items() for row in specs.requests(found)}
    return Kept(
        cells={name: cell for name, cell in plan.locked.cells.items() if name[0] in plan.counting},
        settled={cell: cell_digest(asked[cell]) for cell in plan.settled},
        freed=plan.freed,
    )
