"""One cell with the versions that other cells have: all that it can have, and the reason for each that it cannot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from envgen.channels.certain import Refusals
from envgen.channels.counted import AllowedVersions
from envgen.channels.kept import because_not_version, exactly, offered_versions
from envgen.lock.choose import Solver
from envgen.lock.hold import PYTHON
from envgen.lock.locked_cells import CellName, LockedCell
from envgen.model.packages import Solution, SolveRequest

LOCKED = "it was locked so; `envgen update` aligns it"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCell:
    """A cell that is solved: what is asked, what is locked of it, and what of that is freed."""

    name: CellName
    request: SolveRequest
    locked: LockedCell | None
    freed: frozenset[str]

    def kept(self, found: Solution) -> dict[str, str]:
        """Package -> url, of what is in a solution as it is locked: it does not move to agree with other cells."""
        locked = {name: url for name, url in (self.locked.urls if self.locked else {}).items() if name not in self.freed}
        return {row.name: row.url for row in found.records if locked.get(row.name) == row.url}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignedCell:
    """A cell with versions of other cells: its solution, and why it has another version of some packages."""

    solution: Solution
    reasons: Mapping[str, str]


class CellAligner:
    """Aligns one cell at a time, with one solver."""

    def __init__(self, solver: Solver) -> None:
        self._solver = solver
        self._refusals = Refusals(solver.index)
        self._offered: dict[tuple[CellName, str, str], frozenset[str]] = {}

    def offered(self, cell: OpenCell, found: Solution, name: str) -> frozenset[str]:
        """The versions of a package that there are for the platform of a cell, and for the Python of a solution of it."""
        python = next((row.version for row in found.records if row.name == PYTHON), "")
        key = (cell.name, name, python)
        if key not in self._offered:
            self._offered[key] = offered_versions(self._solver.index, cell.request, name, python)
        return self._offered[key]

    def aligned(self, cell: OpenCell, first: Solution, allowed: AllowedVersions, doubted: Collection[str] = ()) -> AlignedCell:
        """A cell with allowed versions, from a solution without them on. It lets go of packages: of any one less it cannot.

        Other cells had to let go of what is `doubted`. That changes the order of the questions, not their answer.
        """
        kept, off = cell.kept(first), _off(first, allowed)
        hopeless = {name for name in off if name in kept or not allowed[name] & self.offered(cell, first, name)}
        wanted = {name: versions for name, versions in allowed.items() if name not in kept and name not in hopeless}
        stay = replace(cell.request, constraints=(*cell.request.constraints, *map(exactly, kept.values())))
        solution = self._with_most(stay, first, wanted, doubtful=bool(hopeless) or not set(doubted).isdisjoint(off))
        reasons = {name: self._because(cell, name, allowed[name], solution, kept) for name in _off(solution, allowed)}
        return AlignedCell(solution=solution, reasons=reasons)

    def _with_most(self, request: SolveRequest, first: Solution, wanted: AllowedVersions, *, doubtful: bool) -> Solution:
        """The solution that has the wanted versions of as many packages as `first` can be given; what it has already stays.

        All are tried at once, unless that is doubtful. Where that has no solution, what the records do not refuse is tried at once,
        then by halves.
        """
        off = _off(first, wanted)
        had = {name: versions for name, versions in wanted.items() if name not in off}

        def solution(names: Collection[str]) -> Solution | None:
            limits = tuple(_limit(name, wanted[name]) for name in sorted({*had, *names}))
            answer = self._solver.answer(replace(request, constraints=(*request.constraints, *limits)))
            return answer if isinstance(answer, Solution) else None

        whole = None if doubtful and off else solution(off) if off else first
        if whole:
            return whole
        there = [row.name for row in first.records]
        refused = self._refusals.refused(request, there, had, {name: wanted[name] for name in off})
        taken = most([name for name in off if name not in refused], lambda names: solution(names) is not None)
        return (solution(taken) if taken else None) or first

    def _because(self, cell: OpenCell, name: str, allowed: frozenset[str], taken: Solution, kept: Collection[str]) -> str:
        if name in kept:
            return LOCKED
        return because_not_version(self._solver.index, cell.request, name, allowed, taken.records)


def most(names: Sequence[str], possible: Callable[[Sequence[str]], bool], before: Sequence[str] = ()) -> Sequence[str]:
    """As many names as are possible together, and with those before; each that is left out is impossible with those returned.

    What is possible must be possible with fewer names. Few questions are asked where few names are impossible.
    """
    if not names or possible([*before, *names]):
        return [*before, *names]
    if len(names) == 1:
        return before
    half = len(names) // 2
    return most(names[half:], possible, most(names[:half], possible, before))


def _limit(name: str, versions: frozenset[str]) -> str:
    return f"{name} {'|'.join(f'=={version}' for version in sorted(versions))}"


def _off(found: Solution, allowed: AllowedVersions) -> list[str]:
    return [row.name for row in found.records if row.name in allowed and row.version not in allowed[row.name]]
