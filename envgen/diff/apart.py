"""Versions that now differ between the CPU and the CUDA cells of a project: what a laptop tests is not what a server runs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from envgen.diff.cell import differing_packages
from envgen.diff.cells import ComparedCell, ComparedCells
from envgen.diff.model import CellPlace, LockChange
from envgen.diff.places import group_of

SideVersions = Mapping[tuple[str, str], tuple[frozenset[str], frozenset[str]]]  # (platform, package) -> in CPU cells, in CUDA cells


def newly_apart(old: ComparedCells, new: ComparedCells) -> Iterator[LockChange]:
    """A change for each package that has another version in CUDA cells than in CPU cells, and did not have before."""
    groups: dict[str, list[CellPlace]] = {}
    for place in sorted(new):
        groups.setdefault(group_of(place), []).append(place)
    for places in groups.values():
        before, after = ({place: cells[place] for place in places if place in cells} for cells in (old, new))
        names = _names_that_may_be(before, after)
        if names is None or names:
            yield from _of_group(places, before, after, names)


def _names_that_may_be(old: ComparedCells, new: ComparedCells) -> set[str] | None:
    """The packages that can be newly apart: those that change, or any (None) where a cell comes, or is for something else now."""
    if any(place not in old or _is_for_cuda(old[place]) != _is_for_cuda(cell) for place, cell in new.items()):
        return None
    differing = (differing_packages(old[place], cell) for place, cell in new.items() if old[place] is not cell)
    return {name for _, after in differing for _, name in after}


def _is_for_cuda(cell: ComparedCell) -> bool:
    return cell.case.claim.kind in ("cuda", "mixed")


def _of_group(places: list[CellPlace], old: ComparedCells, new: ComparedCells, names: set[str] | None) -> Iterator[LockChange]:
    before, after = _versions(old, names), _versions(new, names)
    found: dict[tuple[str, str, str], list[str]] = {}
    for (platform, name), (cpu, cuda) in sorted(after.items()):
        if _differ(cpu, cuda) and not _differ(*before.get((platform, name), (frozenset(), frozenset()))):
            found.setdefault((name, _text(cpu), _text(cuda)), []).append(platform)
    for (name, of_cpu, of_cuda), platforms in found.items():
        cells = tuple(place for place in places if place.platform in platforms and name in _names(new[place]))
        yield LockChange(kind="apart", name=name, old=of_cpu, new=of_cuda, cells=cells)


def _versions(cells: ComparedCells, names: set[str] | None) -> SideVersions:
    cpu: dict[tuple[str, str], set[str]] = {}
    cuda: dict[tuple[str, str], set[str]] = {}
    for place, cell in cells.items():
        found = cuda if _is_for_cuda(cell) else cpu
        for package in cell.packages:
            if names is None or package.name in names:
                # 2.7.1+cpu and 2.7.1+cu126 are one version
                found.setdefault((place.platform, package.name), set()).add(package.version.partition("+")[0])
    return {key: (frozenset(cpu.get(key, ())), frozenset(cuda.get(key, ()))) for key in cpu.keys() | cuda.keys()}


def _differ(cpu: frozenset[str], cuda: frozenset[str]) -> bool:
    return bool(cpu and cuda) and cpu != cuda


def _text(versions: frozenset[str]) -> str:
    return ", ".join(sorted(versions))


def _names(cell: ComparedCell) -> set[str]:
    return {package.name for package in cell.packages}
