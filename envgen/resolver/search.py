"""The exact search: which release of each framework, for each target, and one Python for all. Pure.

What matters, in this order: as few targets as can be differ from the reference (the CPU target, or the first) in the version of a
framework (`align:`), framework by framework; the newest framework; the newest CUDA of its build; the newest Python.

For one Python targets bind each other by `align:` alone. So each Python is searched by itself, framework by framework: every
release that the reference can still have is tried, once for each kind of release that the facts tell apart; every other target
takes the same release where it can be completed with it. What a target can still be completed with depends on few facts (`_State`)
and is remembered: the cost grows with the releases, not with their combinations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from packaging.version import Version

from envgen.matrix.constraints import Known
from envgen.model.facts import Reason, Release
from envgen.model.resolution import Choice
from envgen.resolver.candidates import Candidate, Candidates, named
from envgen.resolver.cells import Cell, pythons_left, violations

Cells = Mapping[str, tuple[Cell, ...]]  # the cells of each target, by its name
Combination = tuple[Candidate, ...]  # one option for each framework of the project, in its order


@dataclass(frozen=True, slots=True)
class Assignment:
    """A complete answer: the environment of every target, and the Python of all. A smaller `rank` is better."""

    environments: Mapping[str, Combination]
    python: Version
    rank: tuple[object, ...]  # how many targets are astray, then every choice's place from the newest


def best(offers: Candidates, targets: Cells) -> Assignment | None:
    """The best assignment for all targets together, or None. The index is asked about nothing but what would be chosen."""
    ordered = dict(sorted(targets.items(), key=lambda item: item[1][0].target.cuda is not None))  # the reference first
    while True:
        found = [answer for python in _newest_first(offers) if (answer := _one(offers, ordered, python).best())]
        if not found:
            return None
        first = min(found, key=lambda answer: answer.rank)  # of equals the first found: the newest python
        if _granted(offers, ordered, first):
            return first


def possible(offers: Candidates, cells: tuple[Cell, ...]) -> bool:
    """Whether any choice whatever serves these cells of one target."""
    targets = {cells[0].target.name: cells}
    for python in _newest_first(offers):
        while answer := _one(offers, targets, python).best():
            if _granted(offers, targets, answer):
                return True
    return False


def _newest_first(offers: Candidates) -> list[Version]:
    return sorted(offers.pythons, reverse=True)


def _one(offers: Candidates, targets: Cells, python: Version) -> _One:
    return _One(offers, targets, {name: offers.of(cells) for name, cells in targets.items()}, python)


def _granted(offers: Candidates, targets: Cells, answer: Assignment) -> bool:
    """Whether the index holds every option of an answer."""
    rows = [(targets[name], option) for name, row in answer.environments.items() for option in row]
    left = [offers.granted(cells, option) for cells, option in rows]  # of all at once, not up to the first that fails
    return all(answer.python in pythons for pythons in left)


def why_not(offers: Candidates, cells: tuple[Cell, ...]) -> Reason:
    """The most telling reason why no choice serves these cells: a framework without options, or two that do not go together."""
    name, at = cells[0].target.name, offers.project.at("python")
    if not offers.pythons:
        return Reason(f"python: nothing in {offers.project.python_text}", at)
    found = dict(zip((wish.framework for wish in offers.project.frameworks), offers.of(cells), strict=True))
    met = [obstacle for obstacle in offers.obstacles.values() if obstacle.target == name]
    for framework in (framework for framework, options in found.items() if not options):
        releases = {release.at for release in offers.matrix.frameworks[framework].releases}
        nothing = Reason(f"no release of {framework} has a build for {name} on {cells[0].platform}", cells[0].target.at)
        return next((row.reason for row in met if row.release in releases or row.release is None), nothing)
    pythons = [frozenset(chain.from_iterable(option.pythons for option in options)) for options in found.values()]
    if pythons and not frozenset.intersection(*pythons):
        listed = " and ".join(f"{one} (python {_listed(some)})" for one, some in zip(found, pythons, strict=True))
        return Reason(f"{listed}: no python is left", at)
    return met[-1].reason if met else Reason(f"no python in {offers.project.python_text} is left", at)


# --- one Python -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _State:
    """What the frameworks chosen so far mean for those that follow, in one target."""

    known: Known
    marks: tuple[tuple[bool, ...], ...]  # for each framework, which ranges of constraints it is in
    cudnn: tuple[frozenset[int] | None, ...]  # for each platform, the majors that all of them can link

    @property
    def key(self) -> object:
        """States with the same key have the same future."""
        return self.marks, self.cudnn


@dataclass(frozen=True, slots=True, kw_only=True)
class _Partial:
    """The reference's options so far; of every other target the states that are left, and for each framework if it is astray."""

    row: Combination
    state: _State
    others: Mapping[str, tuple[_State, ...]]
    astray: Mapping[str, tuple[bool, ...]]


class _One:
    """The search for one Python."""

    def __init__(self, source: Candidates, targets: Cells, offered: Mapping[str, Sequence[Combination]], python: Version) -> None:
        self.source = source
        self.targets = targets
        self.python = python
        self.offers = {
            name: [[row for row in wished if python in row.pythons] for wished in rows] for name, rows in offered.items()
        }
        self.depth = len(source.project.frameworks)
        self._completable: dict[tuple[str, int, object], bool] = {}
        self._agreed: dict[tuple[str, tuple[tuple[bool, ...], ...]], bool] = {}
        self._by_version: dict[tuple[str, int], dict[Version, frozenset[object]]] = {}

    def best(self) -> Assignment | None:
        """The best answer with this Python, or None."""
        start = {name: _State({"python": (self.python,)}, (), (None,) * len(cells)) for name, cells in self.targets.items()}
        if not all(self._bare(name) and self._completable_from(name, 0, state) for name, state in start.items()):
            return None
        if not self.source.project.align or len(start) < 2:
            return self._answer({name: self._newest(name, state) for name, state in start.items()}, ())
        reference, *others = start
        found = [
            _Partial(
                row=(), state=start[reference], others={name: (start[name],) for name in others}, astray=dict.fromkeys(others, ())
            )
        ]
        strays: list[int] = []
        for depth in range(self.depth):
            steps = [step for partial in found for step in self._steps(reference, depth, partial)]
            counts = [sum(row[-1] for row in step.astray.values()) for step in steps]
            strays.append(min(counts))
            found = [step for step, count in zip(steps, counts, strict=True) if count == strays[-1]]
        answers = [self._answer(self._environments(reference, partial, start), tuple(strays)) for partial in found]
        return min(answers, key=lambda answer: answer.rank)

    def _bare(self, name: str) -> bool:
        """Whether this Python is possible at all, before any framework."""
        return all(pythons_left(where, {}, (self.python,)) for where in self.targets[name])

    def _steps(self, reference: str, depth: int, partial: _Partial) -> Iterator[_Partial]:
        """Every kind of release that the reference can take next, the newest of each kind, and what the others make of it."""
        seen: set[object] = set()
        for option, state in self._following(reference, depth, partial.state):
            version = option.choice.release.version
            kind = (option.choice.variant, *(self._kinds(name, depth, version) for name in self.targets))
            if kind in seen:
                continue
            seen.add(kind)
            others, astray = {}, {}
            for name, states in partial.others.items():
                reached = [reach for old in states for reach in self._following(name, depth, old)]
                same = [after for row, after in reached if row.choice.release.version == version]
                others[name] = tuple({after.key: after for after in same or [after for _, after in reached]}.values())
                astray[name] = (*partial.astray[name], not same)
            yield _Partial(row=(*partial.row, option), state=state, others=others, astray=astray)

    def _environments(self, reference: str, partial: _Partial, start: Mapping[str, _State]) -> dict[str, Combination]:
        versions = [option.choice.release.version for option in partial.row]
        rest = {name: list(zip(versions, rows, strict=True)) for name, rows in partial.astray.items()}
        return {reference: partial.row, **{name: self._newest(name, start[name], bound) for name, bound in rest.items()}}

    def _newest(self, name: str, state: _State, bound: Sequence[tuple[Version, bool]] = ()) -> Combination:
        """The newest environment of one target; `bound` says for each framework which version it has or (astray) has not."""

        def walk(depth: int, state: _State) -> Combination | None:
            if depth == self.depth:
                return ()
            for option, after in self._following(name, depth, state):
                if not bound or (option.choice.release.version != bound[depth][0]) == bound[depth][1]:
                    rest = walk(depth + 1, after)
                    if rest is not None:
                        return (option, *rest)
            return None

        return walk(0, state) or ()

    def _answer(self, environments: Mapping[str, Combination], strays: tuple[int, ...]) -> Assignment:
        chosen = [environments[name][depth].choice for depth in range(self.depth) for name in self.targets]
        return Assignment(environments, self.python, (*strays, *map(self._place, chosen)))

    def _place(self, choice: Choice) -> tuple[int, ...]:
        """Smaller is newer: by release, then by the CUDA of the build."""
        place = self.source.places[choice.release.framework, choice.release.version]
        return (place, *(-part for part in (choice.variant.release if choice.variant else ())))

    def _following(self, name: str, depth: int, state: _State) -> Iterator[tuple[Candidate, _State]]:
        """The options for the next framework with which the target can be completed, newest first."""
        for option in self.offers[name][depth]:
            after = self._after(name, state, option)
            if after and self._completable_from(name, depth + 1, after):
                yield option, after

    def _completable_from(self, name: str, depth: int, state: _State) -> bool:
        """Whether the frameworks from `depth` on can be added to a target in this state."""
        key = (name, depth, state.key)
        if key not in self._completable:
            self._completable[key] = depth == self.depth or any(True for _ in self._following(name, depth, state))
        return self._completable[key]

    def _kinds(self, name: str, depth: int, version: Version) -> frozenset[object]:
        """What the facts tell the builds of one release from those of another by, for one target."""
        if (name, depth) not in self._by_version:
            kinds: dict[Version, set[object]] = {}
            for row in self.offers[name][depth]:
                kind = (row.choice.variant, self.source.marks(row.choice.release), self._majors(name, row))
                kinds.setdefault(row.choice.release.version, set()).add(kind)
            self._by_version[name, depth] = {version: frozenset(found) for version, found in kinds.items()}
        return self._by_version[name, depth].get(version, frozenset())

    def _majors(self, name: str, option: Candidate) -> tuple[frozenset[int] | None, ...]:
        return tuple(option.cudnn.get((where.platform, self.python)) for where in self.targets[name])

    def _after(self, name: str, state: _State, option: Candidate) -> _State | None:
        """The state with one more framework; None where versions or cuDNN majors exclude each other."""
        release = option.choice.release
        cudnn = tuple(_both(old, new) for old, new in zip(state.cudnn, self._majors(name, option), strict=True))
        if frozenset() in cudnn:
            others = " and ".join(f"{axis} {values[0]}" for axis, values in state.known.items() if axis != "python")
            what = f"{named(option.choice)} links another cuDNN major than {others}: one environment holds one"
            self.source.refuse(Reason(what, release.at), name, release.at)
            return None
        after = _State({**state.known, release.framework: (release.version,)}, (*state.marks, self.source.marks(release)), cudnn)
        return after if self._agree(name, after, release) else None

    def _agree(self, name: str, state: _State, release: Release) -> bool:
        """Whether constraints let the frameworks share an environment; what concerns one alone was asked with its options."""
        if len(state.marks) < 2:
            return True
        if (name, state.marks) not in self._agreed:
            cells = self.targets[name]
            broken = next((why for where in cells for why in violations(where, state.known, (self.python,))), None)
            self._agreed[name, state.marks] = broken is None
            if broken:
                self.source.refuse(broken, name, release.at)
        return self._agreed[name, state.marks]


def _both(one: frozenset[int] | None, other: frozenset[int] | None) -> frozenset[int] | None:
    return other if one is None else one if other is None else one & other


def _listed(values: Iterable[Version]) -> str:
    return ", ".join(map(str, sorted(values)))
