"""The solution of a cell that changes least of what is locked: a package moves only where there is no solution without that."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from envgen.channels.kept import exactly, is_excluded, kept_records
from envgen.channels.package_url import split_url
from envgen.channels.query import match_spec, name_of
from envgen.channels.versions import is_older
from envgen.lock.choose import Solver
from envgen.lock.locked_cells import LockedCell
from envgen.model.packages import Solution, SolveRequest

if TYPE_CHECKING:
    from envgen.channels.kept import OfferedRecords

_PACKAGE = re.compile(r"[\s\[=<>!~;].*")  # what follows the name in a dependency


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
    found = _found(asked, solver)
    return _Moves(request=solver.strict(asked), wanted=wanted, solver=solver).fewest(found)


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


@dataclass(frozen=True, kw_only=True)
class _Moves:
    """What moves in the solutions of a request: the packages that do not have the url that they are to have (`wanted`)."""

    request: SolveRequest
    wanted: Mapping[str, str]
    solver: Solver

    def fewest(self, found: Solution) -> Solution:
        """A solution with as few moves as the solver can prove necessary, from one in which it prefers what is wanted."""
        doubtful = self._doubtful(found)
        self.solver.solve([self._with_one_back(found, name) for name in doubtful])  # most have no solution, whatever else moves
        for name in doubtful:
            if name in self._moved(found):
                better = self.solver.answer(self._with_one_back(found, name))
                found = _only_needed(self.request, better) if isinstance(better, Solution) else found
        return found

    @cached_property
    def _there(self) -> OfferedRecords:
        """What is wanted and the index still offers."""
        return kept_records(self.solver.index, self.request)

    def _moved(self, found: Solution) -> list[str]:
        return [record.name for record in found.records if self.wanted.get(record.name, record.url) != record.url]

    def _doubtful(self, found: Solution) -> list[str]:
        """What moved and may not have had to: there is no quick proof that it could not stay beside what did not move."""
        moved = self._moved(found)
        stay = {name: record for name, record in self._there.items() if name not in moved}
        there = (name for name in moved if name in self._there)
        return [name for name in there if not is_excluded(self._there[name], self.request, stay, self.solver.index)]

    def _with_one_back(self, found: Solution, name: str) -> SolveRequest:
        """The request with all that did not move as it is, and one package more."""
        moved = self._moved(found)
        fixed = tuple(exactly(self.wanted[other]) for other in sorted(self._there) if other not in moved)
        return replace(
            self.request, specs=(*self.request.specs, exactly(self.wanted[name])), constraints=(*self.request.constraints, *fixed)
        )


def _only_needed(request: SolveRequest, found: Solution) -> Solution:
    """A solution without what is neither requested nor needed by that: a package that is put back may not be needed any more.

    What extras bring (CEP 44) is not among the dependencies of a record: with extras nothing is left out.
    """
    depends = {record.name: record.depends for record in found.records}
    if any("extras" in text for texts in (request.specs, *depends.values()) for text in texts):
        return found
    needed = [name_of(match_spec(spec)) for spec in request.specs]
    for name in needed:  # grows while it is walked
        others = (_PACKAGE.sub("", text) for text in depends.get(name, ()))
        needed += [other for other in others if other in depends and other not in needed]
    return replace(found, records=tuple(record for record in found.records if record.name in needed))
