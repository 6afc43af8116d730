"""The exact search: which release of each framework, for each target, and one Python for all. Pure.

Choices are made in the order of what matters: newest framework, newest CUDA of its build, newest Python that all targets share;
the first complete assignment of a depth-first walk in that order is therefore the best one. With `align:` as few targets as can
be differ from the reference (the CPU target, or the first) in the version of a framework; that comes before newest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from packaging.version import Version

from envgen import cell as facts
from envgen.cell import Cell
from envgen.model import Address, Build, Choice, Matrix, Obstacle, Platform, Project, Reason, Release, Target, Variant, Wish

Held = Callable[[Choice, Target, Platform], frozenset[Version] | None]
"""Which Python minors the channel index holds a choice for, on one platform; None where nobody has asked an index."""


def unasked(choice: Choice, target: Target, platform: Platform) -> None:
    """The answer of no index at all: the matrix alone decides."""


@dataclass(frozen=True, slots=True)
class Option:
    """A choice that serves all platforms of one target, the Pythons it leaves, and the cuDNN majors that its builds link."""

    choice: Choice
    pythons: frozenset[Version]
    cudnn: Mapping[tuple[Platform, Version], frozenset[int]]  # by platform and Python; nothing is known where one is missing


Slot = tuple[Wish, str]  # a framework of one target: what one step of the search decides


@dataclass(frozen=True, slots=True)
class Assignment:
    """A complete answer: an option for every slot, and the Python of all targets."""

    options: Mapping[Slot, Option]
    python: Version


class Search:
    """One project against one matrix; remembers each option, because the search comes back to them."""

    def __init__(self, matrix: Matrix, project: Project, held: Held) -> None:
        self.matrix = matrix
        self.project = project
        self.held = held
        self.pythons = facts.minors_in(project.python, matrix.pythons)
        self.obstacles: dict[Reason, Obstacle] = {}
        self._options: dict[tuple[str, tuple[Platform, ...], str, Version, Variant], Option | None] = {}

    def candidates(self, wish: Wish, cells: tuple[Cell, ...]) -> Iterator[Option]:
        """The options of a wish for one target, newest first."""
        for release in self.matrix.frameworks[wish.framework].releases:
            if release.version in wish.versions:
                for variant in cells[0].variants:
                    option = self._remembered(wish, release, variant, cells)
                    if option:
                        yield option

    def _remembered(self, wish: Wish, release: Release, variant: Variant, cells: tuple[Cell, ...]) -> Option | None:
        key = (cells[0].target.name, tuple(where.platform for where in cells), wish.framework, release.version, variant)
        if key not in self._options:
            self._options[key] = self._option(self._choice(wish, release, variant, cells[0].target), cells)
        return self._options[key]

    def _choice(self, wish: Wish, release: Release, variant: Variant, target: Target) -> Choice | Reason:
        framework, version = self.matrix.frameworks[wish.framework], release.version
        provider = facts.provider(self.matrix, self.project, wish)
        spelling = next((row for row in framework.providers[provider] if version in row.releases), None)
        named = f"{wish.framework} {version}"
        if spelling is None:
            return Reason(f"{named} is not published by {provider}", release.at)
        missing = [channel for channel in spelling.channels if channel not in self.project.channels]
        if missing:
            what = f"{wish.framework} from {provider} needs channel {', '.join(missing)} in channels:"
            return Reason(what, self.project.at("channels"))
        for companion in wish.companions:
            if companion not in release.companions or companion not in spelling.companions:
                return Reason(f"{named} from {provider} has no {companion}", release.at)
        if variant != target.cuda and not spelling.newer_minor:
            return Reason(f"{named} from {provider} cannot be asked for beside another CUDA {target.cuda} than its own", release.at)
        return Choice(release, provider, spelling, variant, wish.companions)

    def never_built(self, wish: Wish, where: Cell) -> Reason | None:
        """That no release of a wish was ever built for a cell, when there are several: one of them would be named at random."""
        provider = facts.provider(self.matrix, self.project, wish)
        asked = [release for release in self.matrix.frameworks[wish.framework].releases if release.version in wish.versions]
        rows = [build for release in asked for build in release.builds if build.provider == provider]
        if len(asked) < 2 or any(where.platform in row.platforms and row.variants.intersection(where.variants) for row in rows):
            return None
        what = f"no release of {wish.framework} {wish.text} from {provider} has a {_variant(where.target.cuda)} build"
        return Reason(f"{what} for {where.platform}", wish.at)

    def _option(self, choice: Choice | Reason, cells: tuple[Cell, ...]) -> Option | None:
        target = cells[0].target.name
        if isinstance(choice, Reason):
            return self.refuse(choice, target, choice.at)
        left, majors = self.pythons, dict[tuple[Platform, Version], frozenset[int]]()
        for where in cells:
            rows = facts.builds(choice, where)
            if not rows:
                what = f"{named(choice)} has no {_variant(choice.variant)} build for {where.platform}"
                exact = choice.variant == where.target.cuda  # of the many older minors nobody wants to hear
                return self.refuse(Reason(what, choice.release.at), target, choice.release.at) if exact else None
            known: facts.Known = {choice.release.framework: (choice.release.version,), "provider": (choice.provider,)}
            left = left.intersection(python for row in rows for python in row.pythons)
            fit = facts.pythons(where, known, left)
            held = self.held(choice, where.target, where.platform) if fit else None
            left, before = (fit if held is None else fit & held), left
            if not left:
                return self.refuse(self._nothing_left(choice, where, known, before, bool(fit)), target, choice.release.at)
            majors.update(_linked(rows, where.platform))
        return Option(choice, left, majors)

    def _nothing_left(self, choice: Choice, where: Cell, known: facts.Known, before: frozenset[Version], fit: bool) -> Reason:
        """Why no python is left: the index, a constraint, or the platforms between them."""
        company = f" with {', '.join(choice.companions)}" if choice.companions else ""
        what = f"{_variant(choice.variant)} build of {named(choice)}{company} for {where.platform}"
        if fit:
            return Reason(f"the index holds no {what} that this project can use", choice.release.at)
        broken = next(facts.broken(where, known, before), None)
        return broken or Reason(
            f"no {what} is for a python in {self.project.python_text} that the other platforms have", choice.release.at
        )

    def refuse(self, reason: Reason, target: str, release: Address | None = None) -> Option | None:
        """Remember why, the first time; the answer is always None."""
        self.obstacles.setdefault(reason, Obstacle(reason, target, release))
        return None

    def best(self, targets: Mapping[str, tuple[Cell, ...]]) -> Assignment | None:
        """The best assignment for all targets together, or None."""
        ordered = dict(sorted(targets.items(), key=lambda item: item[1][0].target.cuda is not None))  # the reference first
        wishes = self.project.frameworks
        strays = dict.fromkeys(wishes, len(ordered) - 1)
        found = self.walk(ordered, strays)
        if found is None or not self.project.align:
            return found
        for wish in wishes:
            for fewer in range(strays[wish]):
                better = self.walk(ordered, {**strays, wish: fewer})
                if better:
                    strays[wish], found = fewer, better
                    break
        return found

    def walk(self, targets: Mapping[str, tuple[Cell, ...]], strays: Mapping[Wish, int]) -> Assignment | None:
        """The first complete assignment in the order of preference.

        `strays` is how many targets may have another version of a framework than the first target has.
        """
        slots = [(wish, name) for wish in self.project.frameworks for name in targets]
        chosen: dict[Slot, Option] = {}

        def step(depth: int, pythons: frozenset[Version]) -> Version | None:
            if depth == len(slots):
                return max(pythons)
            wish, name = slots[depth]
            for option in self.candidates(wish, targets[name]):
                chosen[slots[depth]] = option
                if _strays(chosen, wish) <= strays[wish]:
                    left = self._together(targets[name], [chosen[slot] for slot in chosen if slot[1] == name], pythons)
                    found = step(depth + 1, left) if left else None
                    if found:
                        return found
                del chosen[slots[depth]]
            return None

        python = step(0, self.pythons) if self.pythons else None
        return Assignment(chosen, python) if python else None

    def _together(self, cells: tuple[Cell, ...], options: list[Option], pythons: frozenset[Version]) -> frozenset[Version]:
        """The Pythons left when these options share one environment; none when versions or cuDNN majors exclude each other."""
        at, name = options[-1].choice.release.at, cells[0].target.name
        left = pythons.intersection(*(option.pythons for option in options))
        if not left:
            both = " and ".join(f"{named(o.choice)} (python {_listed(o.pythons)})" for o in options)
            self.refuse(Reason(f"{name}: {both}: no python is left of {_listed(pythons)}", at), name, at)
        agreed = frozenset(python for python in left if all(_agree(options, where.platform, python) for where in cells))
        if left and not agreed:
            pair = " and ".join(
                f"{named(o.choice)} (cuDNN {_listed(frozenset().union(*o.cudnn.values()))})" for o in options if o.cudnn
            )
            self.refuse(Reason(f"{name}: {pair}: one environment holds one cuDNN major", at), name, at)
        left = agreed
        known: dict[str, tuple[Version | str, ...]] = {o.choice.release.framework: (o.choice.release.version,) for o in options}
        known["provider"] = tuple(dict.fromkeys(option.choice.provider for option in options))
        for where in cells:
            before, left = left, facts.pythons(where, known, left)
            if before and not left:
                broken = next(facts.broken(where, known, before), None)
                self.refuse(broken or Reason(f"{name}, {where.platform}: no python is left", at), name, at)
        return left


def _linked(rows: Iterable[Build], platform: Platform) -> dict[tuple[Platform, Version], frozenset[int]]:
    """The cuDNN majors of builds, for each Python that they are for."""
    found: dict[tuple[Platform, Version], frozenset[int]] = {}
    for row in rows:
        for python in row.pythons if row.cudnn is not None else ():
            found[platform, python] = found.get((platform, python), frozenset()) | {row.cudnn or 0}
    return found


def _agree(options: Iterable[Option], platform: Platform, python: Version) -> bool:
    """Whether there is a cuDNN major that all of these can link."""
    majors = [option.cudnn[platform, python] for option in options if (platform, python) in option.cudnn]
    return not majors or bool(frozenset.intersection(*majors))


def _strays(chosen: Mapping[Slot, Option], wish: Wish) -> int:
    versions = [option.choice.release.version for slot, option in chosen.items() if slot[0] is wish]
    return sum(version != versions[0] for version in versions)


def named(choice: Choice) -> str:
    """`pytorch 2.7.1`."""
    return f"{choice.release.framework} {choice.release.version}"


def _variant(variant: Variant) -> str:
    return f"CUDA {variant}" if variant else "CPU"


def _listed(values: Iterable[object] | None) -> str:
    return ", ".join(map(str, sorted(values or (), key=lambda value: Version(str(value)))))
