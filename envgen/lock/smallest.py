"""The solution of a cell that changes least of what is locked: a package moves only where there is no solution without that."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from envgen.channels.kept import exactly, is_excluded, kept_records, split_url
from envgen.channels.versions import is_older
from envgen.lock.choose import Solver
from envgen.lock.locked import LockedCell
from envgen.model.packages import Solution, SolveRequest

if TYPE_CHECKING:
    from envgen.channels.kept import OfferedRecords


def smallest(request: SolveRequest, locked: LockedCell | None, freed: Collection[str], solver: Solver) -> Solution:
    """The solution for a request that has one: the newest of what is `freed`, and of the rest what is locked, if that is possible.

    The newest is what a solve without a lock takes. Which packages move is minimal: with any one of them as it was, and those that
    did not move, there is no solution.
    """
    if locked is None:
        return _found(request, solver)
    newest = _newest(request, locked, freed, solver)
    wanted = {**locked.urls, **newest}
    limits = tuple(exactly(url) for _, url in sorted(newest.items()))
    asked = replace(request, kept=tuple(url for _, url in sorted(wanted.items())), constraints=(*request.constraints, *limits))
    return _Fewest(asked, wanted, solver).solution()


def _found(request: SolveRequest, solver: Solver) -> Solution:
    found = solver.answer(request)
    if not isinstance(found, Solution):
        raise found
    return found


def _newest(request: SolveRequest, locked: LockedCell, freed: Collection[str], solver: Solver) -> Mapping[str, str]:
    """What a solve without a lock takes of the freed packages, where that is not older than what is locked."""
    if not any(name in locked.urls for name in freed):
        return {}
    scratch = [row for row in _found(replace(request, kept=()), solver).records if row.name in freed and row.name in locked.urls]
    return {row.name: row.url for row in scratch if not is_older(row.version, split_url(locked.urls[row.name])[1])}


@dataclass(frozen=True)
class _Fewest:
    """A request, the url that each package is to have, and the solver."""

    request: SolveRequest
    wanted: Mapping[str, str]
    solver: Solver

    def solution(self) -> Solution:
        """Move as few packages as the solver can prove necessary."""
        found = _found(self.request, self.solver)
        moved = self._moved(found)
        if not moved:
            return found
        there = self._there
        stay = {name: record for name, record in there.items() if name not in moved}
        doubtful = [name for name in moved if name in there and not is_excluded(there[name], self.request, stay, self.solver.index)]
        self.solver.solve([self._keeping(found, name) for name in doubtful])  # most have no solution, whatever else moves
        for name in doubtful:
            if name in self._moved(found):
                better = self.solver.answer(self._keeping(found, name))
                found = better if isinstance(better, Solution) else found
        return found

    @cached_property
    def _there(self) -> OfferedRecords:
        return kept_records(self.solver.index, self.request)

    def _moved(self, found: Solution) -> list[str]:
        return [record.name for record in found.records if self.wanted.get(record.name, record.url) != record.url]

    def _keeping(self, found: Solution, name: str) -> SolveRequest:
        """The request with all that did not move as it is, and one package more."""
        moved = self._moved(found)
        fixed = tuple(exactly(self.wanted[other]) for other in sorted(self._there) if other not in moved)
        return replace(
            self.request, specs=(*self.request.specs, exactly(self.wanted[name])), constraints=(*self.request.constraints, *fixed)
        )
