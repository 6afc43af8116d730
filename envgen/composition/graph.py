"""Which package of one cell needs which: from what is requested down to a package, and as a tree. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from packaging.utils import canonicalize_name

from envgen.formats.builds import applies, requirement_name
from envgen.formats.environment_yml import spec_name
from envgen.model.facts import Platform
from envgen.model.packages import LockedPackage

Chain = tuple[LockedPackage, ...]


@dataclass(frozen=True, kw_only=True)  # without slots: cached properties need a place
class CellGraph:
    """One platform of a lock. `requested` are the specs of its environment.yml: packages that are there for their own sake."""

    target: str
    platform: Platform
    packages: tuple[LockedPackage, ...]
    requested: tuple[str, ...]

    @cached_property
    def by_name(self) -> Mapping[str, LockedPackage]:
        """Every package; where conda and pip have one of the same name, conda's."""
        return {package.name: package for package in sorted(self.packages, key=lambda package: package.manager, reverse=True)}

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """The names that are requested and locked, in their order; then those that nothing needs: pip's, or of another tool."""
        asked = dict.fromkeys(name for spec in self.requested if (name := spec_name(spec)) in self.by_name)
        needed = {name for package in self.packages for name in self.needs(package)}
        return (*asked, *sorted(name for name in self.by_name if name not in asked and name not in needed))

    def needs(self, package: LockedPackage) -> tuple[str, ...]:
        """The names of the locked packages that a package needs, in order."""
        names = (_needed(need, package) for need in package.depends)
        return tuple(dict.fromkeys(name for name in names if name in self.by_name and name != package.name))

    def spec(self, package: LockedPackage, name: str) -> str:
        """How a package asks for another: `numpy >=1.23,<3`."""
        return next((need for need in package.depends if _needed(need, package) == name), name)

    @cached_property
    def needed_by(self) -> Mapping[str, tuple[str, ...]]:
        """Package -> those that need it, sorted."""
        found: dict[str, list[str]] = {}
        for package in sorted(self.packages, key=lambda package: package.name):
            for name in self.needs(package):
                found.setdefault(name, []).append(package.name)
        return {name: tuple(dict.fromkeys(names)) for name, names in found.items()}

    def chains(self, name: str) -> Iterator[Chain]:
        """The shortest way from each requested package down to this one; the shortest first."""
        found = sorted((self._shortest(name)), key=lambda chain: (len(chain), chain))
        yield from (tuple(self.by_name[each] for each in chain) for chain in found)

    def _shortest(self, name: str) -> Iterator[tuple[str, ...]]:
        roots, seen = set(self.roots), {name}
        ways: list[tuple[str, ...]] = [(name,)]
        for way in ways:  # grows while it is walked: breadth first
            if way[0] in roots:
                yield way
            above = [each for each in self.needed_by.get(way[0], ()) if each not in seen]
            seen.update(above)
            ways.extend((each, *way) for each in above)


def _needed(need: str, package: LockedPackage) -> str:
    """The package that a dependency names; "" for a virtual package, and for what is not needed on this platform."""
    if package.manager == "pip":
        return canonicalize_name(requirement_name(need)) if applies(need, package.platform) else ""
    name = need.partition(" ")[0]
    return "" if name.startswith("__") else name


@dataclass(frozen=True, slots=True)
class Branch:
    """A package in a tree: how it is asked for, and whether what it needs is shown elsewhere already."""

    depth: int
    package: LockedPackage
    seen: bool


def tree_of(graph: CellGraph, depth: int | None = None) -> Iterator[Branch]:
    """The packages below each requested one; what a package needs is shown where the package comes first."""
    seen: set[str] = set()
    waiting: list[tuple[int, str]] = [(0, name) for name in reversed(graph.roots)]
    while waiting:
        level, name = waiting.pop()
        package = graph.by_name[name]
        below = graph.needs(package) if depth is None or level < depth else ()
        yield Branch(level, package, bool(name in seen and below))
        if name not in seen:
            waiting += [(level + 1, each) for each in sorted(below, reverse=True)]
        seen.add(name)


def same_answer(graphs: Iterable[CellGraph], answers: Sequence[tuple[str, ...]]) -> list[tuple[list[CellGraph], tuple[str, ...]]]:
    """The cells with the same answer together, in the order of the first of each."""
    found: dict[tuple[str, ...], list[CellGraph]] = {}
    for graph, answer in zip(graphs, answers, strict=True):
        found.setdefault(answer, []).append(graph)
    return [(cells, answer) for answer, cells in found.items()]
