"""Parts of CUDA that say nothing of what an environment is for, because CPU builds alone bring them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from envgen.formats.builds import is_cpu_build, requirement_name
from envgen.model.catalogue import Catalogue
from envgen.model.packages import LockedPackage

_Needing = Mapping[tuple[str, str], Sequence[LockedPackage]]  # manager and name of a package -> those that need it


def of_cpu_builds(catalogue: Catalogue, packages: Iterable[LockedPackage]) -> frozenset[int]:
    """The ids of the parts of CUDA that CPU builds need, by themselves or by way of other parts, and that nothing else needs.

    What nothing needs was requested, or left behind: it is none of them.
    """
    found = tuple(packages)
    needing = needed_by(found)
    parts = [package for package in found if (known := catalogue.of(package)) and known.role == "cuda"]
    on_cpu = {id(package) for package in found if is_cpu_build(catalogue, package)}
    brought = _reached(parts, needing, on_cpu)
    while wanted := {id(part) for part in parts if id(part) in brought and _is_wanted(part, needing, on_cpu | brought)}:
        brought -= wanted
    return frozenset(brought)


def needed_by(packages: Iterable[LockedPackage]) -> _Needing:
    """For each package, by manager and name, those that need it."""
    found: dict[tuple[str, str], list[LockedPackage]] = {}
    for package in packages:
        for need in package.depends:
            found.setdefault((package.manager, requirement_name(need)), []).append(package)
    return found


def _above(package: LockedPackage, needing: _Needing) -> Sequence[LockedPackage]:
    return needing.get((package.manager, package.name), ())


def _is_wanted(part: LockedPackage, needing: _Needing, passed_over: set[int]) -> bool:
    """Whether a package that is not passed over needs a part."""
    return any(id(row) not in passed_over for row in _above(part, needing))


def _reached(parts: Sequence[LockedPackage], needing: _Needing, start: set[int]) -> set[int]:
    """The parts that are needed from `start`, by way of parts alone."""
    reached, last = set[int](), start
    while last:
        last = {id(part) for part in parts if id(part) not in reached and any(id(row) in last for row in _above(part, needing))}
        reached |= last
    return reached
