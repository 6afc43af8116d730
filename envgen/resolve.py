"""Matrix + Project -> one Resolution per target, each pin with its reason; or the demands and facts that clash. Pure.

The search is exact. Choices are made in the order of what matters: newest framework, then newest Python that all targets
share; the first complete assignment of a depth-first walk in that order is therefore the best one. With `align:` the number
of different versions of a framework over the targets is first made as small as it can be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen import cell as facts
from envgen.cell import Cell
from envgen.errors import BadInput, Clash
from envgen.model import (
    Address,
    Choice,
    Conflict,
    Dropped,
    Machine,
    Matrix,
    Pin,
    Platform,
    Project,
    Reason,
    Resolution,
    Target,
    Wish,
    driver_text,
)

Held = Callable[[Choice, Target, Platform], frozenset[Version] | None]
"""Which Python minors the channel index holds a choice for, on one platform; None where nobody has asked an index."""


def unasked(choice: Choice, target: Target, platform: Platform) -> None:
    """The answer of no index at all: the matrix alone decides."""


@dataclass(frozen=True, slots=True)
class _Option:
    """A choice that serves all platforms of one target, the Pythons it leaves, and the cuDNN majors it can link."""

    choice: Choice
    pythons: frozenset[Version]
    cudnn: frozenset[int] | None  # None: says nothing


Slot = tuple[Wish, str]  # a framework of one target: what one step of the search decides


class _Search:
    """One project against one matrix; remembers each option, because the search comes back to them."""

    def __init__(self, matrix: Matrix, project: Project, held: Held) -> None:
        self.matrix = matrix
        self.project = project
        self.held = held
        self.pythons = facts.minors_in(project.python, matrix.pythons)
        self.obstacles: dict[Reason, None] = {}
        self._options: dict[tuple[str, tuple[Platform, ...], str, Version], _Option | None] = {}

    def candidates(self, wish: Wish, cells: tuple[Cell, ...]) -> Iterator[_Option]:
        """The options of a wish for one target, newest first."""
        for release in self.matrix.frameworks[wish.framework].releases:
            if release.version in wish.versions:
                key = (cells[0].target.name, tuple(c.platform for c in cells), wish.framework, release.version)
                if key not in self._options:
                    self._options[key] = self._option(self._choice(wish, key[-1]), cells)
                option = self._options[key]
                if option:
                    yield option

    def _choice(self, wish: Wish, version: Version) -> Choice | Reason:
        framework = self.matrix.frameworks[wish.framework]
        release = next(row for row in framework.releases if row.version == version)
        provider = wish.provider or self.default_provider(wish)
        spelling = next((row for row in framework.providers[provider] if version in row.releases), None)
        named = f"{wish.framework} {version}"
        if spelling is None:
            return Reason(f"{named} is not published by {provider}", release.at)
        missing = [channel for channel in spelling.channels if channel not in self.project.channels]
        if missing:
            return Reason(f"{named} from {provider} needs channel {', '.join(missing)} in channels:", self.project.at("channels"))
        for companion in wish.companions:
            if companion not in release.companions or companion not in spelling.companions:
                return Reason(f"{named} from {provider} has no {companion}", release.at)
        return Choice(release, provider, spelling, wish.companions)

    def default_provider(self, wish: Wish) -> str:
        """The first of the project's channels that publishes the framework."""
        known = self.matrix.frameworks[wish.framework].providers
        return next((channel for channel in self.project.channels if channel in known), next(iter(known)))

    def _option(self, choice: Choice | Reason, cells: tuple[Cell, ...]) -> _Option | None:
        if isinstance(choice, Reason):
            return self._refuse(choice)
        left, majors = self.pythons, None
        for where in cells:
            rows = facts.builds(choice.release, choice.provider, where)
            if not rows:
                return self._refuse(Reason(f"{_named(choice)} has no {_variant(where.target)} build for {where.platform}", choice.release.at))
            known = {choice.release.framework: (choice.release.version,), "provider": (choice.provider,)}
            built = frozenset(python for row in rows for python in row.pythons)
            left = facts.pythons(where, known, left & built)
            if left:
                held = self.held(choice, where.target, where.platform)
                left = left if held is None else left & held
                if not left:
                    text = f"the index holds no {_variant(where.target)} build of {_named(choice)} for {where.platform} that this project can use"
                    return self._refuse(Reason(text, choice.release.at))
            if not left:
                text = f"{_named(choice)}, {_variant(where.target)}, {where.platform}: no python in {self.project.python_text} is left"
                return self._refuse(Reason(text, choice.release.at))
            linked = frozenset(row.cudnn for row in rows if row.cudnn is not None)
            majors = (linked if majors is None else majors & linked) if linked else majors
        return _Option(choice, left, majors)

    def _refuse(self, reason: Reason) -> None:
        self.obstacles.setdefault(reason)

    def best(self, targets: Mapping[str, tuple[Cell, ...]]) -> tuple[dict[Slot, _Option], Version] | None:
        """The best assignment for all targets together, or None."""
        slots = [(wish, name) for wish in self.project.frameworks for name in targets]
        limits = {wish: len(targets) for wish in self.project.frameworks}
        found = self._walk(slots, targets, limits)
        if found is None or not self.project.align:
            return found
        for wish in self.project.frameworks:
            for limit in range(1, limits[wish]):
                fewer = self._walk(slots, targets, {**limits, wish: limit})
                if fewer:
                    limits[wish], found = limit, fewer
                    break
        return found

    def _walk(
        self, slots: list[Slot], targets: Mapping[str, tuple[Cell, ...]], limits: Mapping[Wish, int]
    ) -> tuple[dict[Slot, _Option], Version] | None:
        chosen: dict[Slot, _Option] = {}

        def step(depth: int, pythons: frozenset[Version]) -> Version | None:
            if depth == len(slots):
                return max(pythons)
            wish, name = slots[depth]
            versions = {chosen[slot].choice.release.version for slot in slots[:depth] if slot[0] is wish}
            for option in self.candidates(wish, targets[name]):
                if len(versions | {option.choice.release.version}) > limits[wish]:
                    continue
                chosen[slots[depth]] = option
                left = self._together(name, targets[name], [chosen[slot] for slot in slots[: depth + 1] if slot[1] == name], pythons)
                found = step(depth + 1, left) if left else None
                if found:
                    return found
                del chosen[slots[depth]]
            return None

        python = step(0, self.pythons) if self.pythons else None
        return (chosen, python) if python else None

    def _together(self, name: str, cells: tuple[Cell, ...], options: list[_Option], pythons: frozenset[Version]) -> frozenset[Version]:
        """The Pythons left when these options share one environment; none when their cuDNN majors differ."""
        majors = [option.cudnn for option in options if option.cudnn is not None]
        if majors and not frozenset.intersection(*majors):
            pair = ", ".join(f"{_named(o.choice)} (cuDNN {_listed(o.cudnn)})" for o in options if o.cudnn)
            self._refuse(Reason(f"{name}: {pair}: one environment can hold one cuDNN major", options[-1].choice.release.at))
            return frozenset()
        left = pythons.intersection(*(option.pythons for option in options))
        if pythons and not left:
            both = ", ".join(f"{_named(o.choice)} (python {_listed(o.pythons)})" for o in options)
            self._refuse(Reason(f"{name}: {both}: no python is left of {_listed(pythons)}", options[-1].choice.release.at))
        known: dict[str, tuple[Version | str, ...]] = {o.choice.release.framework: (o.choice.release.version,) for o in options}
        for where in cells:
            left = facts.pythons(where, known, left)
        return left


# --- the project as a whole -----------------------------------------------------------------------------------------------


def resolve(matrix: Matrix, project: Project, held: Held = unasked) -> tuple[Resolution, ...]:
    """The best choice for every target of the project, in the project's order.

    Raises Clash with the smallest set of the project's demands that cannot be met together.
    """
    search = _Search(matrix, project, held)
    served = _served(search)
    found = search.best({name: cells for name, (cells, _) in served.items()}) if all(cells for cells, _ in served.values()) else None
    if found is None:
        raise _clash(matrix, project, held)
    chosen, python = found
    return tuple(_resolution(search, wish.name, *served[wish.name], chosen, python) for wish in project.targets)


def _served(search: _Search) -> dict[str, tuple[tuple[Cell, ...], tuple[Dropped, ...]]]:
    """For each target the cells that some choice can serve, and the platforms that none can."""
    matrix, project = search.matrix, search.project
    result = {}
    for wish in project.targets:
        target = facts.with_overrides(matrix.targets[wish.name], wish)
        cells, dropped = [], []
        for platform in wish.platforms or project.platforms:
            reason = _unserved(search, target, platform)
            if reason:
                dropped.append(Dropped(platform, reason))
            else:
                cells.append(facts.cell(matrix, project, target, platform))
        result[wish.name] = (tuple(cells), tuple(dropped))
    return result


def _unserved(search: _Search, target: Target, platform: Platform) -> Reason | None:
    if platform not in target.platforms:
        return Reason(f"target {target.name} is not for {platform}", target.at)
    where = facts.cell(search.matrix, search.project, target, platform)
    if where.dead:
        search.obstacles.setdefault(where.dead)
        return where.dead
    before = set(search.obstacles)
    if search._walk([(wish, target.name) for wish in search.project.frameworks], {target.name: (where,)}, _no_limit(search.project)):
        return None
    fresh = [reason for reason in search.obstacles if reason not in before] or list(search.obstacles)
    return fresh[0] if fresh else Reason(f"python: nothing in {search.project.python_text}", search.project.at("python"))


def _no_limit(project: Project) -> dict[Wish, int]:
    return {wish: len(project.targets) for wish in project.frameworks}


def _resolution(
    search: _Search,
    name: str,
    cells: tuple[Cell, ...],
    dropped: tuple[Dropped, ...],
    chosen: Mapping[Slot, _Option],
    python: Version,
) -> Resolution:
    project, matrix, target = search.project, search.matrix, cells[0].target
    choices = tuple(option.choice for (_, owner), option in chosen.items() if owner == name)
    wish = next(row for row in project.targets if row.name == name)
    known = {choice.release.framework: (choice.release.version,) for choice in choices}
    said = dict.fromkeys(reason for where in cells for reason in facts.warnings(matrix, where, {**known, "python": (python,)}))
    return Resolution(
        project=project,
        target=target,
        platforms=tuple(where.platform for where in cells),
        dropped=dropped,
        python=python,
        choices=choices,
        pins=tuple(_pins(search, target, choices, chosen, python)),
        dependencies=(*project.dependencies, *wish.dependencies),
        warnings=tuple(said),
    )


def _pins(
    search: _Search, target: Target, choices: tuple[Choice, ...], chosen: Mapping[Slot, _Option], python: Version
) -> Iterator[Pin]:
    project, matrix = search.project, search.matrix
    shared = f"newest python that {', '.join(wish.name for wish in project.targets)} share within {project.python_text}"
    yield Pin("python", str(python), (Reason(shared, project.at("python")),))
    for choice in choices:
        wish = next(row for row in project.frameworks if row.framework == choice.release.framework)
        yield Pin(choice.release.framework, str(choice.release.version), tuple(_why(search, target, wish, choice, chosen)))
        for name in choice.companions:
            reason = Reason(f"the {name} of {_named(choice)}", choice.release.at)
            yield Pin(name, choice.release.companions[name], (reason,))
    if target.cuda:
        toolkit = matrix.toolkits[target.cuda]
        yield Pin("cuda", str(target.cuda), (Reason(f"target {target.name}", target.at),))
        floor = ", ".join(f"{driver_text(version)} ({kind})" for kind, version in toolkit.floor.items())
        yield Pin("driver", f">={floor}", (Reason(f"driver floor of CUDA {target.cuda}: {toolkit.because}", toolkit.at),))
    bound = facts.cudnn_pin(matrix, project, target)
    if bound:
        yield Pin("cudnn", bound[0], (bound[1],))


def _why(search: _Search, target: Target, wish: Wish, choice: Choice, chosen: Mapping[Slot, _Option]) -> Iterator[Reason]:
    """The demand behind a choice, and what stopped the next newer release."""
    yield Reason(f"newest of {wish.framework} {wish.text} from {choice.provider} for {target.name}", wish.at)
    newer = [r for r in search.matrix.frameworks[wish.framework].releases if r.version > choice.release.version]
    if not newer:
        return
    following = newer[-1]
    if following.version not in wish.versions:
        yield Reason(f"{wish.framework} {following.version} is outside {wish.text}", wish.at)
        return
    stopped = [reason for reason in search.obstacles if reason.at == following.at]
    if stopped:
        yield stopped[0]
        return
    same = [name for (other, name), option in chosen.items() if other is wish and option.choice.release is choice.release]
    others = ", ".join(name for name in same if name != target.name)
    because = f"{others} cannot follow to {following.version} (align: true)" if others else "no python is shared with the other targets"
    yield Reason(f"{wish.framework} {following.version}: {because}", search.project.at("align"))


# --- conflicts ------------------------------------------------------------------------------------------------------------


def _clash(matrix: Matrix, project: Project, held: Held) -> Clash:
    """Drop demands one by one; those that cannot be dropped without making the project solvable are the conflict."""
    needed = []
    for reason, without in _demands(project):
        smaller = without(project)
        if _feasible(matrix, smaller, held):
            needed.append(reason)
        else:
            project = smaller
    search = _Search(matrix, project, held)
    if all(cells for cells, _ in _served(search).values()):
        search.best({name: cells for name, (cells, _) in _served(search).items()})
    conflict = Conflict(project.name, tuple(needed), tuple(search.obstacles)[:6])
    return Clash(
        f"{project.name}: no choice meets every demand",
        conflict=conflict,
        where=project.at(""),
        hint="change or drop one of these demands",
    )


def _feasible(matrix: Matrix, project: Project, held: Held) -> bool:
    search = _Search(matrix, project, held)
    served = _served(search)
    return all(cells for cells, _ in served.values()) and search.best({name: cells for name, (cells, _) in served.items()}) is not None


Without = Callable[[Project], Project]


def _demands(project: Project) -> Iterable[tuple[Reason, Without]]:
    """Everything that a project could give up, and the project that gave it up."""
    for target in project.targets:
        yield Reason(f"target {target.name}", target.at), lambda p, t=target: replace(p, targets=tuple(x for x in p.targets if x is not t))
    for wish in project.frameworks:
        if wish.companions:
            what = f"{wish.framework} with {', '.join(wish.companions)}"
            yield Reason(what, wish.at), lambda p, w=wish: _with_wish(p, w, companions=())
        yield Reason(f"{wish.framework} {wish.text}", wish.at), lambda p, w=wish: _with_wish(p, w, versions=SpecifierSet(), text="any version")
    if project.driver:
        yield Reason(f"driver {project.driver}", project.at("driver")), lambda p: replace(p, driver=None)
    if project.gpus:
        yield Reason(f"gpus {', '.join(project.gpus)}", project.at("gpus")), lambda p: replace(p, gpus=())
    yield Reason(f"python {project.python_text}", project.at("python")), lambda p: replace(p, python=SpecifierSet(), python_text="any")


def _with_wish(project: Project, old: Wish, **changes: object) -> Project:
    """The wish is found by its address: an earlier change may have replaced it."""
    wishes = tuple(replace(w, **changes) if w.at == old.at else w for w in project.frameworks)
    return replace(project, frameworks=wishes)


# --- choosing among targets -----------------------------------------------------------------------------------------------


def best_for(machine: Machine, matrix: Matrix, project: Project) -> tuple[str, str]:
    """The project's newest CUDA target that this machine's driver and GPUs can run, and why; without a driver its newest.

    Raises BadInput when the project has no CUDA target or none fits.
    """
    targets = [matrix.targets[wish.name] for wish in project.targets]
    newest = sorted((t for t in targets if t.cuda), key=lambda t: t.cuda or Version("0"), reverse=True)
    if not newest:
        raise BadInput(f"{project.name} has no CUDA target", where=project.at("targets"), hint="add one, for instance cu126")
    if machine.driver is None:
        return newest[0].name, f"{machine.note or 'no NVIDIA driver here'}: the project's newest CUDA target"
    for target in newest:
        here = replace(project, driver=machine.driver, gpus=())
        reason = facts.cell(matrix, here, target, target.platforms[0]).dead or _too_old(machine, matrix, target)
        if reason is None:
            return target.name, f"newest CUDA target that driver {driver_text(machine.driver)} can run"
    raise BadInput(
        f"driver {driver_text(machine.driver)} can run no CUDA target of {project.name}: {reason.text if reason else ''}",
        where=project.at("targets"),
        hint="update the driver, add an older CUDA target, or use `make env-cpu`",
    )


def _too_old(machine: Machine, matrix: Matrix, target: Target) -> Reason | None:
    """Whether the toolkit has code for every GPU of this machine."""
    toolkit = matrix.toolkits[target.cuda] if target.cuda else None
    low = toolkit.capabilities[0] if toolkit else Version("0")
    gpu = next((gpu for gpu in machine.gpus if gpu.capability < low), None)
    return Reason(f"CUDA {target.cuda} has no code for {gpu.name} ({gpu.capability})", target.at) if gpu else None


# --- words ----------------------------------------------------------------------------------------------------------------


def _named(choice: Choice) -> str:
    return f"{choice.release.framework} {choice.release.version}"


def _variant(target: Target) -> str:
    return f"CUDA {target.cuda}" if target.cuda else "CPU"


def _listed(values: Iterable[object] | None) -> str:
    return ", ".join(map(str, sorted(values or (), key=lambda value: Version(str(value)))))


def where_written(reasons: Iterable[Reason]) -> tuple[Address, ...]:
    """The addresses behind reasons, each once, in order."""
    return tuple(dict.fromkeys(reason.at for reason in reasons if reason.at))
