"""One version of every package that the cells of a project share, where that has a solution.

A package that would differ is limited to the versions that every cell has. Then the cells are solved one after the other; each must
have the versions of those before it. Where that has no solution, packages are let go: with any one of them less there is none. What
such a cell takes instead is proposed to all in a second round: it may be that the others can follow it. What is locked and did not
have to move is not moved for the sake of alignment.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from envgen.channels.counted import AllowedVersions
from envgen.channels.kept import because_not_version, exactly, offered_versions, url_of_version
from envgen.lock.choose import Solver
from envgen.lock.hold import PYTHON
from envgen.lock.locked import CellName, LockedCell
from envgen.lock.smallest import smallest
from envgen.model.alignment import Differing
from envgen.model.packages import Solution, SolveRequest

Versions = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCell:
    """A cell that is solved: what is asked, and what is locked of it."""

    name: CellName
    request: SolveRequest
    locked: LockedCell | None
    freed: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """The solution of each cell, and the reasons for packages that have another version in it than in a cell before it."""

    solutions: Mapping[CellName, Solution] = field(default_factory=dict)
    reasons: Mapping[CellName, Mapping[str, str]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many packages differ."""
        return len({name for rows in self.reasons.values() for name in rows})

    @property
    def instead(self) -> Versions:
        """The version of each package that differs in the last cell that let it go."""
        return {
            row.name: row.version for cell, rows in self.reasons.items() for row in self.solutions[cell].records if row.name in rows
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Aligner:
    """The solver, the versions of cells that do not change, and which packages need not agree."""

    solver: Solver
    fixed: Sequence[Versions]
    is_own: Callable[[str], bool]

    def aligned(self, cells: Sequence[OpenCell]) -> Alignment:
        """A solution for each cell, with as few differences as this finds."""
        first = {cell.name: smallest(cell.request, cell.locked, cell.freed, self.solver) for cell in cells}
        order = sorted(cells, key=lambda cell: -len(first[cell.name].records))
        limits = self._everywhere(cells, first)
        best = self._followed(order, first, limits)
        if not best.count:
            return best
        proposed = {name: frozenset({version}) for name, version in best.instead.items() if name in limits}
        found = self._followed(order, first, {**limits, **proposed})
        return min(best, found, key=lambda alignment: alignment.count)

    def _everywhere(self, cells: Sequence[OpenCell], first: Mapping[CellName, Solution]) -> AllowedVersions:
        """For each package that differs, the versions that all cells have that have it; nothing where there is none."""
        found: dict[str, list[OpenCell]] = {}
        versions: dict[str, set[str]] = {name: {version} for rows in self.fixed for name, version in rows.items()}
        for cell in cells:
            for row in first[cell.name].records:
                found.setdefault(row.name, []).append(cell)
                versions.setdefault(row.name, set()).add(row.version)
        differing = (name for name, some in versions.items() if len(some) > 1 and not self.is_own(name) and name in found)
        common = {name: frozenset.intersection(*(self._has(cell, first, name) for cell in found[name])) for name in differing}
        return {name: some for name, some in common.items() if some}

    def _has(self, cell: OpenCell, first: Mapping[CellName, Solution], name: str) -> frozenset[str]:
        """The versions of a package that there are for the platform and the Python of a cell."""
        return offered_versions(self.solver.index, cell.request, name, _python_of(first[cell.name]))

    def _followed(self, order: Sequence[OpenCell], first: Mapping[CellName, Solution], everywhere: AllowedVersions) -> Alignment:
        """Each cell with the versions of those before it."""
        agreed: dict[str, str] = {}
        for versions in self.fixed:
            agreed = {**versions, **agreed}
        solutions: dict[CellName, Solution] = {}
        reasons = {}
        for cell in order:
            same = {name: frozenset({version}) for name, version in agreed.items() if not self.is_own(name)}
            solutions[cell.name], reasons[cell.name] = self._following(cell, first, {**everywhere, **same})
            agreed = {**{row.name: row.version for row in solutions[cell.name].records}, **agreed}
        return Alignment(solutions=solutions, reasons=reasons)

    def _following(
        self, cell: OpenCell, first: Mapping[CellName, Solution], allowed: AllowedVersions
    ) -> tuple[Solution, Mapping[str, str]]:
        """A cell with versions that it may have to let go, and why for each that it let go."""
        found = first[cell.name]
        locked = {name: url for name, url in (cell.locked.urls if cell.locked else {}).items() if name not in cell.freed}
        kept = {row.name: row.url for row in found.records if locked.get(row.name) == row.url}
        stay = replace(cell.request, constraints=(*cell.request.constraints, *map(exactly, kept.values())))
        off = _off(found, allowed)
        impossible = {name for name in off if name in kept or not allowed[name] & self._has(cell, first, name)}
        wanted = {name: versions for name, versions in allowed.items() if name not in kept and name not in impossible}

        def asked(let_go: Collection[str]) -> SolveRequest:
            limits = tuple(_limit(name, versions) for name, versions in sorted(wanted.items()) if name not in let_go)
            return replace(stay, constraints=(*stay.constraints, *limits))

        taken = self._solved(asked(())) if any(name in wanted for name in off) else found
        taken = taken or self._letting_go(asked, self._nearest(stay, first[cell.name], wanted), wanted)
        return taken, {name: self._because(cell, name, allowed[name], taken, kept) for name in _off(taken, allowed)}

    def _solved(self, request: SolveRequest) -> Solution | None:
        answer = self.solver.answer(request)
        return answer if isinstance(answer, Solution) else None

    def _nearest(self, request: SolveRequest, found: Solution, wanted: AllowedVersions) -> Solution:
        """A solution in which rattler prefers the versions that are wanted."""
        python = _python_of(found)
        there = {row.name for row in found.records}
        urls = (url_of_version(self.solver.index, request, name, wanted[name], python) for name in sorted(wanted.keys() & there))
        return self._solved(replace(request, kept=(*request.kept, *filter(None, urls)))) or found

    def _letting_go(self, asked: Callable[[Collection[str]], SolveRequest], found: Solution, wanted: AllowedVersions) -> Solution:
        """Let go of what is off in a solution, as far as there is none with it."""
        let_go = _off(found, wanted)
        self.solver.solve([asked([other for other in let_go if other != name]) for name in let_go])  # most have no solution
        for name in tuple(let_go):
            fewer = [other for other in let_go if other != name]
            better = self._solved(asked(fewer))
            let_go, found = (fewer, better) if better else (let_go, found)
        return self._solved(asked(let_go)) or found

    def _because(self, cell: OpenCell, name: str, allowed: frozenset[str], taken: Solution, kept: Mapping[str, str]) -> str:
        if name in kept:
            return LOCKED
        return because_not_version(self.solver.index, cell.request, name, allowed, taken.records)


LOCKED = "it was locked so; `envgen update` aligns it"


def _python_of(found: Solution) -> str:
    return next((row.version for row in found.records if row.name == PYTHON), "")


def _limit(name: str, versions: frozenset[str]) -> str:
    return f"{name} {'|'.join(f'=={version}' for version in sorted(versions))}"


def _off(found: Solution, allowed: AllowedVersions) -> list[str]:
    return [row.name for row in found.records if row.name in allowed and row.version not in allowed[row.name]]


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
