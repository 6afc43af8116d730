"""One version of every package that the cells of a project share, where that has a solution.

A package that would differ is limited to the versions that every cell has. Then the cells are solved one after the other; each must
have the versions of those before it, except for packages that it has to let go (`lock.align_cell`). What such a cell takes instead
is proposed to all in a second round: it may be that the others can have it, too. What is locked and did not have to move is not
moved for the sake of alignment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from envgen.channels.counted import AllowedVersions
from envgen.lock.align_cell import LOCKED, CellAligner, OpenCell
from envgen.lock.choose import Solver
from envgen.lock.locked_cells import CellName
from envgen.lock.smallest import smallest
from envgen.model.alignment import Differing
from envgen.model.catalogue import Numeric
from envgen.model.packages import Solution

Packages = Mapping[str, tuple[str, str]]
"""Package -> its version and build."""

Versions = Mapping[str, str]
"""Package -> its version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """The solution of each cell, and the reasons for packages that have another version in it than in a cell before it."""

    solutions: Mapping[CellName, Solution] = field(default_factory=dict)
    reasons: Mapping[CellName, Mapping[str, str]] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """The packages that differ."""
        return frozenset(name for rows in self.reasons.values() for name in rows)

    @property
    def instead(self) -> Versions:
        """The version of each package that differs in the last cell that let it go."""
        return {
            row.name: row.version for cell, rows in self.reasons.items() for row in self.solutions[cell].records if row.name in rows
        }


class Aligner:
    """Aligns the cells of one project.

    `fixed` are cells that do not change; packages for which `is_own` is true need not agree. `implementations` are libraries that
    have builds for several implementations, which targets should share on a platform.
    """

    def __init__(
        self,
        solver: Solver,
        fixed: Mapping[CellName, Packages],
        is_own: Callable[[str], bool],
        implementations: Sequence[Numeric] = (),
    ) -> None:
        self._solver = solver
        self._fixed = [versions_of(packages) for packages in fixed.values()]
        self._is_own = is_own
        self._cell = CellAligner(solver)
        self._implementations = implementations
        self._taken = {
            (platform, row.name): value
            for (_, platform), some in fixed.items()
            for row in implementations
            if (value := row.value(some))
        }

    def aligned(self, cells: Sequence[OpenCell]) -> Alignment:
        """A solution for each cell, with as few differences as this finds."""
        first = {cell.name: smallest(cell.request, cell.locked, cell.freed, self._solver) for cell in cells}
        order = sorted(cells, key=lambda cell: -len(first[cell.name].records))
        order = [self._with_implementations(cell, first) for cell in order]
        limits = self._everywhere(cells, first)
        best = self._in_turn(order, first, limits)
        proposed = {name: frozenset({version}) for name, version in best.instead.items() if name in limits}
        if not proposed:
            return best
        return self._in_turn(order, first, {**limits, **proposed}, before=best)

    def _with_implementations(self, cell: OpenCell, first: dict[CellName, Solution]) -> OpenCell:
        """The cell, asked for the implementations that other targets have on its platform, where that has a solution."""
        for row in self._implementations:
            value = row.value(packages_of(first[cell.name]))
            wanted = self._taken.setdefault((cell.request.platform, row.name), value) if value else ""
            if value == wanted or cell.kept(first[cell.name]).keys() & set(row.conda):
                continue
            limits = tuple(f"{name} * *{wanted}" for name in row.conda)
            asked = replace(cell, request=replace(cell.request, constraints=(*cell.request.constraints, *limits)))
            answer = self._solver.answer(asked.request)
            if isinstance(answer, Solution) and row.value(packages_of(answer)) == wanted:
                cell, first[cell.name] = asked, answer
        return cell

    def _everywhere(self, cells: Sequence[OpenCell], first: Mapping[CellName, Solution]) -> AllowedVersions:
        """For each package that differs, the versions that all cells have that have it; nothing where there is none."""
        found: dict[str, list[OpenCell]] = {}
        versions: dict[str, set[str]] = {name: {version} for rows in self._fixed for name, version in rows.items()}
        for cell in cells:
            for row in first[cell.name].records:
                found.setdefault(row.name, []).append(cell)
                versions.setdefault(row.name, set()).add(row.version)
        differing = [name for name, some in versions.items() if len(some) > 1 and not self._is_own(name)]
        offered = {
            name: frozenset.intersection(*(self._cell.offered(cell, first[cell.name], name) for cell in found[name]))
            for name in differing
        }
        return {name: some for name, some in offered.items() if some}

    def _in_turn(
        self,
        order: Sequence[OpenCell],
        first: Mapping[CellName, Solution],
        limits: AllowedVersions,
        before: Alignment | None = None,
    ) -> Alignment:
        """Each cell with the versions of those before it; the alignment `before`, unless fewer packages differ than in that."""
        agreed: dict[str, str] = {}
        for versions in self._fixed:
            agreed = {**versions, **agreed}
        solutions: dict[CellName, Solution] = {}
        reasons: dict[CellName, Mapping[str, str]] = {}
        let_go = set(before.names if before else ())
        for cell in order:
            same = {name: frozenset({version}) for name, version in agreed.items() if not self._is_own(name)}
            found = self._cell.aligned(cell, first[cell.name], {**limits, **same}, let_go)
            solutions[cell.name], reasons[cell.name] = found.solution, found.reasons
            if before and len(Alignment(reasons=reasons).names) >= len(before.names):
                return before
            let_go.update(found.reasons)
            agreed = {**{row.name: row.version for row in found.solution.records}, **agreed}
        return Alignment(solutions=solutions, reasons=reasons)


def packages_of(found: Solution) -> Packages:
    """The packages of a solution."""
    return {row.name: (row.version, row.build) for row in found.records}


def versions_of(packages: Packages) -> Versions:
    """Their versions alone."""
    return {name: version for name, (version, _) in packages.items()}


def differing(
    cells: Mapping[CellName, Versions], is_own: Callable[[str], bool], reasons: Mapping[str, str]
) -> tuple[Differing, ...]:
    """The packages that do not have one version in all cells that have them, by name."""
    found: dict[str, dict[str, str]] = {}
    for (target, platform), versions in cells.items():
        for name, version in versions.items():
            found.setdefault(name, {})[f"{target}/{platform}"] = version
    return tuple(
        Differing(name, versions, reasons.get(name, LOCKED))
        for name, versions in sorted(found.items())
        if len(set(versions.values())) > 1 and not is_own(name)
    )
