"""Choosing with the records: the best choice with which every cell of a project solves.

The best choice of the facts is solved first. Where a cell has no solution, the solver says which of the cell's other choices it can
have first (`channels.alternatives`); what is before that is refused for its target, and the search begins again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import dropwhile, islice
from typing import TYPE_CHECKING

from envgen.channels.alternatives import AlternativeSpecs, first_solvable
from envgen.channels.solve import Unsolvable, attempts
from envgen.lock.kept import NOTHING, Kept
from envgen.lock.wrong import finding_line
from envgen.model.errors import EnvgenError
from envgen.model.packages import Solution, SolveRequest
from envgen.resolver import specs
from envgen.resolver.resolve import Problem, answer, target_choices, with_choice
from envgen.resolver.target_choices import Refusal, TargetChoice, refusal_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from envgen.channels.index import Index
    from envgen.lock.wrong import WrongBuilds
    from envgen.model.facts import Matrix
    from envgen.model.resolution import Resolution

CellRequest = tuple["Resolution", SolveRequest]  # one target on one platform, with what the solver is asked for it
_Key = tuple[object, ...]
_INSTEAD = "`envgen help verify` explains each rule and how to fix it"
_FIRST, _GROWTH = 1000, 8  # choices of a cell that the solver is asked about at first; and how many times more each time after


class Solver:
    """The solver over one index. The same request is asked once. No solution has a build that is `wrong` in its cell."""

    def __init__(self, index: Index, jobs: int, wrong: WrongBuilds | None = None) -> None:
        self.index = index
        self._jobs = jobs
        self._wrong = wrong
        self._found: dict[_Key, Solution | EnvgenError] = {}
        self._first: dict[_Key, int | None] = {}
        self._strict: dict[_Key, SolveRequest] = {}

    def solve(self, requests: Sequence[SolveRequest], done: Callable[[SolveRequest], None] = lambda _: None) -> None:
        """Solve requests at the same time. Raises what is not about their specs: a channel that cannot be reached, bad input."""
        new = {_key(request): request for request in requests if _key(request) not in self._found}
        if new:
            self._found.update(zip(new, attempts(list(new.values()), self.index, self._jobs, done), strict=True))
        again = {key: stricter for key, request in new.items() if (stricter := self._stricter(request))}
        self._strict.update(again)
        if again:
            self.solve(tuple(again.values()))
            self._found.update({key: self._without_wrong(new[key]) for key in again})
        for key in map(_key, requests):
            self._answer(key)

    def answer(self, request: SolveRequest) -> Solution | Unsolvable:
        """The solution of a request, or the error that says why it has none. Raises as `solve` does."""
        self.solve((request,))
        return self._answer(_key(request))

    def _answer(self, key: _Key) -> Solution | Unsolvable:
        found = self._found[key]
        if isinstance(found, EnvgenError) and not isinstance(found, Unsolvable):
            raise found
        return found

    def strict(self, request: SolveRequest) -> SolveRequest:
        """A request that was solved, with all wrong builds of the packages whose builds were wrong in its solutions."""
        stricter = self._strict.get(_key(request))
        return self.strict(stricter) if stricter else request

    def first(self, request: SolveRequest, alternatives: Sequence[AlternativeSpecs]) -> int | None:
        """The place of the first alternative with which a request has a solution; None where it has none."""
        key = (*_key(request), tuple(alternatives))
        if key not in self._first:
            self._first[key] = first_solvable(request, alternatives, self.index)
        return self._first[key]

    def _stricter(self, request: SolveRequest) -> SolveRequest | None:
        """Where the solution of a request has wrong builds, the request with all wrong builds of these packages."""
        found = self._found[_key(request)]
        names = self._wrong.among(request, found.records) if self._wrong and isinstance(found, Solution) else ()
        wrong = self._wrong.offered(request, names, self.index) if self._wrong and names else frozenset()
        return replace(request, wrong=request.wrong | wrong) if wrong - request.wrong else None

    def _without_wrong(self, request: SolveRequest) -> Solution | Unsolvable:
        """The solution without wrong builds; where there is none, why not, and what is wrong with the one that there is."""
        before, found = self._found[_key(request)], self._answer(_key(self._strict[_key(request)]))
        if isinstance(found, Solution) or not self._wrong or not isinstance(before, Solution):
            return found
        lines = [finding_line(row) for row in self._wrong.findings(request, before)]
        what = "\n".join(
            (f"{request.environment} on {request.platform}: no solution without a build that `verify` refuses", *lines)
        )
        return Unsolvable(what, explanation="\n".join(lines), requests=(request,), hint=_INSTEAD)


def _key(request: SolveRequest) -> _Key:
    virtual = tuple(sorted(request.virtual.items()))
    asked = (request.platform, request.specs, request.channels, virtual, request.constraints, request.exclude_newer, request.kept)
    return (*asked, request.cuda, request.wrong)


def choose(
    problem: Problem, solver: Solver, kept: Kept = NOTHING, older: frozenset[str] = frozenset()
) -> tuple[Resolution, ...] | None:
    """The best choice with which every cell solves, or None where there is none. What is `kept` need not be solved again.

    Where builds for just the CUDA of a target do not solve, builds for an older minor count: it is one of `older` then.
    """
    refused: set[Refusal] = set()
    while found := answer(problem, frozenset(refused), older):
        cells = [cell for cell in cells_of(found, kept) if not kept.settles(*cell)]
        if not refused:
            solver.solve([request for _, request in cells])
        failed = next((cell for cell in cells if isinstance(solver.answer(cell[1]), Unsolvable)), None)
        if failed is None:
            return found
        refused.update(_refused(problem, older, *failed, solver))
    failing = {name for name, *_ in refused if problem.matrix.targets[name].cuda} - older
    return choose(problem, solver, kept, older | failing) if failing else None


def cells_of(resolutions: Iterable[Resolution], kept: Kept = NOTHING) -> list[CellRequest]:
    """The cells of some targets, each with what it is to keep."""
    return [(resolution, kept.asked(resolution, request)) for resolution in resolutions for request in specs.requests(resolution)]


def _refused(
    problem: Problem, older: Collection[str], resolution: Resolution, request: SolveRequest, solver: Solver
) -> Iterator[Refusal]:
    """The choice of a cell that has no solution, and what is after it in the order of preference up to the first that has one.

    Targets share a Python, so the first that the cell can have with this Python is looked for as well.
    """
    own, request = refusal_of(resolution), solver.strict(request)
    yield own

    def later() -> Iterator[TargetChoice]:
        """What is after its choice, from the beginning each time."""
        every = target_choices(problem, resolution.target.name, older, resolution.platforms)
        return islice(dropwhile(lambda choice: choice.refusal != own, every), 1, None)

    yield from _before_first(problem.matrix, later(), resolution, request, solver)
    if len(problem.project.targets) > 1:
        same = (choice for choice in later() if choice.python == resolution.python)
        yield from _before_first(problem.matrix, same, resolution, request, solver)


def _before_first(
    matrix: Matrix, choices: Iterator[TargetChoice], resolution: Resolution, request: SolveRequest, solver: Solver
) -> Iterator[Refusal]:
    """The choices before the first with which a cell has a solution; all where it has none with any."""
    size, place = _FIRST, None
    while place is None and (some := list(islice(choices, size))):
        place = first_of(matrix, some, resolution, request, solver)
        yield from (choice.refusal for choice in some[:place])
        size *= _GROWTH


def first_of(
    matrix: Matrix, choices: Sequence[TargetChoice], resolution: Resolution, request: SolveRequest, solver: Solver
) -> int | None:
    """The place of the first choice with which a cell has a solution; None where it has none with any."""
    asked = [specs.request(with_choice(matrix, resolution, choice), request.platform) for choice in choices]
    if not asked:
        return None
    shared, bound = (_in_all(texts) for texts in ([row.specs for row in asked], [row.constraints for row in asked]))
    alternatives = [AlternativeSpecs(_without(row.specs, shared), _without(row.constraints, bound)) for row in asked]
    return solver.first(replace(request, specs=shared, constraints=bound), alternatives)


def _in_all(rows: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    common = set(rows[0]).intersection(*rows)
    return tuple(text for text in rows[0] if text in common)


def _without(texts: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(text for text in texts if text not in others)
