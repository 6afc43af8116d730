"""The packages of a decision: of each cell those of its lock, or a solution that changes least of it and agrees with the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envgen.channels.package_url import split_url
from envgen.lock.align import Aligner, Alignment, Packages, differing, packages_of, versions_of
from envgen.lock.align_cell import OpenCell
from envgen.lock.changes import changes_of
from envgen.lock.choose import cells_of
from envgen.lock.numerics import check_numerics
from envgen.lock.smallest import smallest
from envgen.model.alignment import Differing
from envgen.model.changes import CellChanges
from envgen.model.facts import Platform
from envgen.model.packages import Solution, SolveRequest
from envgen.model.resolution import Resolution
from envgen.resolver import specs

if TYPE_CHECKING:
    from envgen.lock.choose import Solver
    from envgen.lock.decide import Decision
    from envgen.lock.locked_cells import CellName, LockedCell
    from envgen.model.facts import Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class SolvedCells:
    """What a decision is solved to, cell by cell; what is asked for each; and the packages that differ between cells."""

    decision: Decision
    requests: Mapping[CellName, SolveRequest]
    solutions: Mapping[CellName, Solution]
    differing: tuple[Differing, ...]
    solver: Solver | None

    def of(self, resolution: Resolution) -> tuple[Solution, ...]:
        """The solutions of one target."""
        return tuple(self.solutions[resolution.target.name, platform] for platform in resolution.platforms)

    def _asked(self, name: CellName) -> SolveRequest:
        """What was asked for a cell, with the builds that no solution of it may have."""
        return self.solver.strict(self.requests[name]) if self.solver else self.requests[name]

    def changes(self, resolution: Resolution) -> dict[Platform, CellChanges]:
        """What they change in its lock, for the platforms that were locked before."""
        plan, index = self.decision.plan, self.solver.index if self.solver else None

        def changes(name: CellName, locked: LockedCell) -> CellChanges:
            chosen = specs.chosen(resolution, name[1])
            return changes_of(self._asked(name), locked, self.solutions[name], index, plan.freed, chosen)

        names = [(resolution.target.name, platform) for platform in resolution.platforms]
        return {name[1]: changes(name, locked) for name in names if (locked := plan.locked.of(name))}


def solved_cells(matrix: Matrix, decision: Decision, solver: Solver | None) -> SolvedCells:
    """Solve what the locks do not answer. Without a solver they answer everything."""
    kept = decision.kept
    cells = {(row.target.name, request.platform): (row, request) for row, request in cells_of(decision.resolutions, kept)}
    there = {name: _from_lock(decision, *cell) for name, cell in cells.items()}
    open_cells = [
        OpenCell(name=name, request=request, locked=kept.of(row, request), freed=kept.freed)
        for name, (row, request) in cells.items()
        if there[name] is None
    ]
    others = _others(decision, {name: found for name, found in there.items() if found})
    found = _solve(matrix, decision, solver, open_cells, others)
    solutions = {name: there[name] or found.solutions[name] for name in cells}
    every = {**others, **{name: packages_of(solution) for name, solution in solutions.items()}}
    different = _differing(matrix, decision, every, found)
    if decision.plan.project.align:
        check_numerics(matrix, decision.plan.project, _targets(decision), every, different, locked=bool(kept.cells))
    return SolvedCells(
        decision=decision,
        requests={name: request for name, (_, request) in cells.items()},
        solutions=solutions,
        differing=different,
        solver=solver,
    )


def _targets(decision: Decision) -> list[Resolution]:
    """The targets of the project: those that are locked now, and the others as their locks have them."""
    rows = {**decision.plan.held, **{row.target.name: row for row in decision.resolutions}}
    return [rows[row.name] for row in decision.plan.project.targets if row.name in rows]


def _from_lock(decision: Decision, resolution: Resolution, request: SolveRequest) -> Solution | None:
    locked = decision.kept.of(resolution, request)
    return locked.solution(request.platform) if locked and decision.kept.settles(resolution, request) else None


def _others(decision: Decision, there: Mapping[CellName, Solution]) -> dict[CellName, Packages]:
    """The packages of the cells that are not solved: those that the locks answer, and those of the project's other targets."""
    todo, plan = {row.target.name for row in decision.resolutions}, decision.plan
    if not plan.project.align:
        return {}
    rest = {name: _packages(cell) for name, cell in plan.locked.cells.items() if name[0] in plan.held.keys() - todo}
    return {**{name: packages_of(found) for name, found in there.items()}, **rest}


def _solve(
    matrix: Matrix,
    decision: Decision,
    solver: Solver | None,
    cells: list[OpenCell],
    others: Mapping[CellName, Packages],
) -> Alignment:
    if solver is None or not cells:
        return Alignment()
    if not decision.plan.project.align:
        return Alignment(solutions={cell.name: smallest(cell.request, cell.locked, cell.freed, solver) for cell in cells})
    implementations = tuple(row for row in matrix.catalogue.numerics if row.by_build)
    return Aligner(solver, others, _cudas_own(matrix), implementations).aligned(cells)


def _differing(
    matrix: Matrix,
    decision: Decision,
    every: Mapping[CellName, Packages],
    found: Alignment,
) -> tuple[Differing, ...]:
    if not decision.plan.project.align:
        return ()
    versions = {name: versions_of(packages) for name, packages in every.items()}
    reasons = {package: why for rows in found.reasons.values() for package, why in rows.items()}
    return differing(versions, _cudas_own(matrix), reasons)


def _cudas_own(matrix: Matrix) -> Callable[[str], bool]:
    """Whether a package is one of CUDA's, which every CUDA has a version of."""
    return lambda name: any(row.role == "cuda" for row in matrix.catalogue.named("conda", name))


def _packages(cell: LockedCell) -> Packages:
    return {name: split_url(url)[1:] for name, url in cell.urls.items()}
