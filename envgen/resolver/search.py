"""The exact search: which release of each framework, for each target, and one Python for all.

What matters, in this order: as few targets as possible differ from the reference (the CPU target, or the first) in the version of
a framework (`align:`), framework by framework; the newest framework; the newest CUDA of its build; the newest Python.

For one Python, `align:` alone makes targets depend on each other. So each Python is searched by itself, framework by framework:
every release that the reference can still have is tried, once for each kind of release that the facts tell apart; every other
target takes the same release where it can be completed with it. What a target can still be completed with depends on few facts
(`_State`) and is remembered: the cost grows with the releases, not with their combinations. What is refused beside the facts, a
combination that does not solve, is part of the state while the releases taken so far are its own; a release that begins one is a
kind of its own.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from packaging.version import Version

from envgen.matrix.constraints import Known
from envgen.model.facts import Platform, Reason, Release
from envgen.model.resolution import Choice, Obstacle
from envgen.resolver.candidate import Candidate, named
from envgen.resolver.candidates import Candidates, Signature
from envgen.resolver.cells import Cell, both, pythons_left, violations
from envgen.resolver.target_choices import Refused, RefusedTree, trees

Cells = Mapping[str, tuple[Cell, ...]]  # the cells of each target, by its name
Combination = tuple[Candidate | None, ...]  # a candidate for each framework of the project, in its order; None for one left out


@dataclass(frozen=True, slots=True)
class Assignment:
    """A complete answer: the combination of every target, and the Python of all. A smaller `rank` is better."""

    combinations: Mapping[str, Combination]
    python: Version
    rank: tuple[object, ...]  # how many targets diverge, then every choice's place from the newest


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The best assignment, None where there is none, and what the search did not take and why."""

    assignment: Assignment | None
    obstacles: tuple[Obstacle, ...]


def best(candidates: Candidates, targets: Cells, refused: Refused = frozenset()) -> SearchResult:
    """The best assignment for all targets together without what is refused. The index is asked about what would be chosen alone."""
    ordered = dict(sorted(targets.items(), key=lambda item: item[1][0].target.cuda is not None))  # the reference first
    searches: list[_Search] = []
    while True:
        begun = list(_searches(candidates, ordered, refused))
        searches.extend(begun)
        found = [assignment for search in begun if (assignment := search.best())]
        first = min(found, key=lambda assignment: assignment.rank, default=None)  # of equals the first: the newest Python
        if first is None or _confirmed(candidates, ordered, first):
            return SearchResult(first, _obstacles(candidates, ordered, searches))


def serve(candidates: Candidates, cells: tuple[Cell, ...]) -> SearchResult:
    """Any assignment that serves some cells of one target; obstacles only where there is none."""
    targets = {cells[0].target.name: cells}
    searches: list[_Search] = []
    while True:
        found = None
        for search in _searches(candidates, targets):
            searches.append(search)
            found = search.best()
            if found:
                break
        if found is None:
            return SearchResult(None, _obstacles(candidates, targets, searches))
        if _confirmed(candidates, targets, found):
            return SearchResult(found, ())


def every(candidates: Candidates, cells: tuple[Cell, ...]) -> Iterator[Assignment]:
    """Every assignment that serves some cells of one target, the best first; the index is not asked."""
    targets = {cells[0].target.name: cells}
    streams = (search.every(cells[0].target.name) for search in _searches(candidates, targets))
    return heapq.merge(*streams, key=lambda assignment: assignment.rank)  # of equals the first: the newest Python


def _searches(candidates: Candidates, targets: Cells, refused: Refused = frozenset()) -> Iterator[_Search]:
    """A search for each Python, the newest first."""
    names = [requested.framework for requested in candidates.project.frameworks]
    found = {name: candidates.of(cells) for name, cells in targets.items()}
    rows = {target: [found[target].get(name, (None,)) for name in names] for target in targets}
    refusals = trees(refused)
    return (
        _Search(candidates, targets, rows, python, refusals.get(python, {})) for python in sorted(candidates.pythons, reverse=True)
    )


def _confirmed(candidates: Candidates, targets: Cells, found: Assignment) -> bool:
    """Whether the index holds every candidate of an assignment."""
    rows = [(targets[name], candidate) for name, row in found.combinations.items() for candidate in row if candidate]
    left = [candidates.confirm(cells, candidate) for cells, candidate in rows]  # all at once, not up to the first that fails
    return all(found.python in pythons for pythons in left)


def _obstacles(candidates: Candidates, targets: Cells, searches: Iterable[_Search]) -> tuple[Obstacle, ...]:
    """Each obstacle once: those of single releases, then those between releases; none where nobody reads them."""
    alone = chain.from_iterable(candidates.obstacles(cells) for cells in targets.values() if candidates.told)
    together = chain.from_iterable(search.obstacles for search in searches if candidates.told)
    found: dict[tuple[Reason, Platform | None], Obstacle] = {}
    for obstacle in chain(alone, together):
        found.setdefault((obstacle.reason, obstacle.platform), obstacle)
    return tuple(found.values())


# --- one Python -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What the frameworks chosen so far mean for those that follow, in one target."""

    known: Known
    chosen: Mapping[str, Choice]
    signatures: tuple[Signature, ...]  # for each framework, which ranges it is in, and the CUDA of its build where that matters
    cudnn: tuple[frozenset[int] | None, ...]  # for each platform, the majors that all of them can link
    refused: RefusedTree | None  # what of the releases that follow is refused; None where nothing is

    @property
    def key(self) -> object:
        """States with the same key have the same future."""
        return self.signatures, self.cudnn, None if self.refused is None else id(self.refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Partial:
    """The reference's candidates so far; of every other target the states left, and for each framework whether it diverges."""

    row: Combination
    state: _State
    others: Mapping[str, tuple[_State, ...]]
    diverging: Mapping[str, tuple[bool, ...]]


class _Search:
    """The search for one Python. `obstacles` are the combinations that it refused on its way."""

    def __init__(
        self,
        source: Candidates,
        targets: Cells,
        rows: Mapping[str, Sequence[Sequence[Candidate | None]]],
        python: Version,
        refused: Mapping[str, RefusedTree],
    ) -> None:
        self.source = source
        self.targets = targets
        self.python = python
        self.candidates = {
            name: [[row for row in framework if row is None or python in row.pythons] for framework in found]
            for name, found in rows.items()
        }
        self.depth = len(source.project.frameworks)
        self.start = {
            name: _State(
                known={"python": (python,)}, chosen={}, signatures=(), cudnn=(None,) * len(cells), refused=refused.get(name)
            )
            for name, cells in targets.items()
        }
        self._completable: dict[tuple[str, int, object], bool] = {}
        self._excluded: dict[tuple[str, tuple[Signature, ...]], Obstacle | None] = {}
        self._linked: dict[tuple[str, object, Version], Obstacle] = {}
        self._by_version: dict[tuple[str, int], dict[Version, frozenset[object]]] = {}

    @property
    def obstacles(self) -> tuple[Obstacle, ...]:
        """What kept frameworks from going together."""
        return (*self._linked.values(), *filter(None, self._excluded.values()))

    def best(self) -> Assignment | None:
        """The best assignment with this Python."""
        start = self.start
        if not all(self._possible(name) and self._completable_from(name, 0, state) for name, state in start.items()):
            return None
        if not self.source.project.align or len(start) < 2:
            return self._assignment({name: self._newest(name, state) for name, state in start.items()}, ())
        reference, *others = start
        begun = {name: (start[name],) for name in others}
        found = [_Partial(row=(), state=start[reference], others=begun, diverging=dict.fromkeys(others, ()))]
        divergences: list[int] = []
        for depth in range(self.depth):
            steps = [step for partial in found for step in self._steps(reference, depth, partial)]
            counts = [sum(row[-1] for row in step.diverging.values()) for step in steps]
            divergences.append(min(counts))
            found = [step for step, count in zip(steps, counts, strict=True) if count == divergences[-1]]
        complete = [self._assignment(self._combinations(reference, partial), tuple(divergences)) for partial in found]
        return min(complete, key=lambda assignment: assignment.rank)

    def every(self, name: str) -> Iterator[Assignment]:
        """Every assignment of one target with this Python, the best first."""
        if self._possible(name):
            yield from (self._assignment({name: row}, ()) for row in self._every_from(0, name, self.start[name]))

    def _every_from(self, depth: int, name: str, state: _State) -> Iterator[Combination]:
        if depth == self.depth:
            yield ()
            return
        for candidate, after in self._following(name, depth, state):
            yield from ((candidate, *rest) for rest in self._every_from(depth + 1, name, after))

    def _possible(self, name: str) -> bool:
        """Whether a target can have this Python at all, before any framework."""
        return all(pythons_left(cell, {}, (self.python,)) for cell in self.targets[name])

    def _steps(self, reference: str, depth: int, partial: _Partial) -> Iterator[_Partial]:
        """Every kind of release that the reference can take next, the newest of each kind, and what the others make of it."""
        done: set[object] = set()
        for candidate, state in self._following(reference, depth, partial.state):
            version, built = candidate.choice.build if candidate else (None, None)
            alone = version if version and _is_refused_partly(version, partial) else None
            kind = (built, alone, *(self._kinds(name, depth, version) for name in self.targets if version))
            if kind in done:
                continue
            done.add(kind)
            others, diverging = {}, {}
            for name, states in partial.others.items():
                reached = [reach for old in states for reach in self._following(name, depth, old)]
                same = [after for row, after in reached if _agrees(row, version)]
                others[name] = tuple({after.key: after for after in same or [after for _, after in reached]}.values())
                diverging[name] = (*partial.diverging[name], not same)
            yield _Partial(row=(*partial.row, candidate), state=state, others=others, diverging=diverging)

    def _combinations(self, reference: str, partial: _Partial) -> dict[str, Combination]:
        versions = [candidate.choice.release.version if candidate else None for candidate in partial.row]
        rest = {name: list(zip(versions, rows, strict=True)) for name, rows in partial.diverging.items()}
        return {reference: partial.row, **{name: self._newest(name, self.start[name], bound) for name, bound in rest.items()}}

    def _newest(self, name: str, state: _State, bound: Sequence[tuple[Version | None, bool]] = ()) -> Combination:
        """The newest combination of one target; `bound` says for each framework which version it has or (diverging) has not."""
        return self._newest_from(0, name, state, bound) or ()

    def _newest_from(
        self, depth: int, name: str, state: _State, bound: Sequence[tuple[Version | None, bool]]
    ) -> Combination | None:
        """The newest combination of the frameworks from one on."""
        if depth == self.depth:
            return ()
        for candidate, after in self._following(name, depth, state):
            fits = not bound or _agrees(candidate, bound[depth][0]) != bound[depth][1]
            if fits and (rest := self._newest_from(depth + 1, name, after, bound)) is not None:
                return (candidate, *rest)
        return None

    def _assignment(self, combinations: Mapping[str, Combination], divergences: tuple[int, ...]) -> Assignment:
        chosen = [(name, combinations[name][depth]) for depth in range(self.depth) for name in self.targets]
        places = (self._place(name, candidate.choice) for name, candidate in chosen if candidate)
        return Assignment(combinations, self.python, (*divergences, *places))

    def _place(self, name: str, choice: Choice) -> tuple[int, ...]:
        """Smaller is newer: by release, then by the CUDA of the build, platform by platform."""
        place = self.source.matrix.frameworks[choice.release.framework].places[choice.release.version]
        return (place, *(-part for cell in self.targets[name] if (cuda := choice.on(cell.platform)) for part in cuda.release))

    def _following(self, name: str, depth: int, state: _State) -> Iterator[tuple[Candidate | None, _State]]:
        """The candidates for the next framework with which the target can be completed, newest first; None if it is left out."""
        for candidate in self.candidates[name][depth]:
            after = self._after(name, state, candidate) if candidate else state
            if after and self._completable_from(name, depth + 1, after):
                yield candidate, after

    def _completable_from(self, name: str, depth: int, state: _State) -> bool:
        """Whether the frameworks from `depth` on can be added to a target in this state."""
        key = (name, depth, state.key)
        if key not in self._completable:
            following = self._following(name, depth, state) if depth < self.depth else ()
            self._completable[key] = state.refused is None if depth == self.depth else any(True for _ in following)
        return self._completable[key]

    def _kinds(self, name: str, depth: int, version: Version) -> frozenset[object]:
        """What the facts tell the builds of one release from those of another by, for one target."""
        if (name, depth) not in self._by_version:
            kinds: dict[Version, set[object]] = {}
            for row in filter(None, self.candidates[name][depth]):
                needs = tuple(row.needs.get((cell.platform, self.python)) for cell in self.targets[name])
                kind = (row.choice.built, self.source.signature(row.choice), self._majors(name, row), needs)
                kinds.setdefault(row.choice.release.version, set()).add(kind)
            self._by_version[name, depth] = {version: frozenset(found) for version, found in kinds.items()}
        return self._by_version[name, depth].get(version, frozenset())

    def _majors(self, name: str, candidate: Candidate) -> tuple[frozenset[int] | None, ...]:
        return tuple(candidate.cudnn.get((cell.platform, self.python)) for cell in self.targets[name])

    def _after(self, name: str, state: _State, candidate: Candidate) -> _State | None:
        """The state with one more framework; None where versions, builds or cuDNN majors exclude each other."""
        release = candidate.choice.release
        if not all(candidate.goes_with((cell.platform, self.python), state.known, state.chosen) for cell in self.targets[name]):
            self._refuse_needs(name, candidate)
            return None
        cudnn = tuple(both(old, new) for old, new in zip(state.cudnn, self._majors(name, candidate), strict=True))
        if frozenset() in cudnn:
            self._refuse_cudnn(self.targets[name][cudnn.index(frozenset())], state, candidate)
            return None
        signatures = (*state.signatures, self.source.signature(candidate.choice))
        after = _State(
            known={**state.known, release.framework: (release.version,)},
            chosen={**state.chosen, release.framework: candidate.choice},
            signatures=signatures,
            cudnn=cudnn,
            refused=None if state.refused is None else state.refused.get(candidate.choice.build),
        )
        return after if self._agree(name, after, release) else None

    def _refuse_cudnn(self, cell: Cell, state: _State, candidate: Candidate) -> None:
        release, name = candidate.choice.release, cell.target.name
        others = " and ".join(f"{axis} {values[0]}" for axis, values in state.known.items() if axis != "python")
        what = f"{named(candidate.choice)} links another cuDNN major than {others}; one environment can hold only one"
        obstacle = Obstacle(reason=Reason(what, release.at), target=name, platform=cell.platform, release=release.at)
        self._linked.setdefault((name, others, release.version), obstacle)

    def _refuse_needs(self, name: str, candidate: Candidate) -> None:
        release = candidate.choice.release
        if (key := (name, release.framework, release.version)) not in self._linked:
            reason = Reason(f"{named(candidate.choice)} goes with {candidate.needed}", release.at)
            self._linked[key] = Obstacle(reason=reason, target=name, platform=None, release=release.at)

    def _agree(self, name: str, state: _State, release: Release) -> bool:
        """Whether constraints let the frameworks share an environment. Those on one alone were asked with its candidates."""
        if len(state.signatures) < 2:
            return True
        key = (name, state.signatures)
        if key not in self._excluded:
            facts = ((cell, reason) for cell in self.targets[name] for reason in violations(cell, state.known, (self.python,)))
            broken = (Obstacle(reason=reason, target=name, platform=cell.platform, release=release.at) for cell, reason in facts)
            self._excluded[key] = next(broken, None)
        return self._excluded[key] is None


def _agrees(candidate: Candidate | None, version: Version | None) -> bool:
    """Whether a target has the version of the reference, or one of the two goes without the framework."""
    return candidate is None or version is None or candidate.choice.release.version == version


def _is_refused_partly(version: Version, partial: _Partial) -> bool:
    """Whether some release, after those taken so far, begins what is refused in any target."""
    states = chain((partial.state,), *partial.others.values())
    return any(version == release for state in states for release, _ in state.refused or ())
