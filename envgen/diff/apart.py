"""SideVersions that now differ between the CPU and the CUDA cells of a project: what a laptop tests is not what a server runs. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from envgen.diff.model import CellPlace, LockChange
from envgen.diff.places import group_of
from envgen.verify.registry import Case

SideVersions = Mapping[tuple[str, str], tuple[frozenset[str], frozenset[str]]]  # (platform, package) -> in CPU cells, in CUDA cells
_LOCAL = re.compile(r"\+.*")  # 2.7.1+cpu and 2.7.1+cu126 are one version


def newly_apart(old: Mapping[CellPlace, Case], new: Mapping[CellPlace, Case]) -> Iterator[LockChange]:
    """A change for each package that has another version in CUDA cells than in CPU cells, and did not have before."""
    groups: dict[str, list[CellPlace]] = {}
    for place in sorted(new):
        groups.setdefault(group_of(place), []).append(place)
    for places in groups.values():
        if all(place in old and old[place].packages is new[place].packages for place in places):
            continue
        before, after = ({place: cases[place] for place in places if place in cases} for cases in (old, new))
        yield from _of_group(places, before, after)


def _of_group(places: list[CellPlace], old: Mapping[CellPlace, Case], new: Mapping[CellPlace, Case]) -> Iterator[LockChange]:
    before, after = _versions(old), _versions(new)
    found: dict[tuple[str, str, str], list[str]] = {}
    for (platform, name), (cpu, cuda) in sorted(after.items()):
        if _differ(cpu, cuda) and not _differ(*before.get((platform, name), (frozenset(), frozenset()))):
            found.setdefault((name, _text(cpu), _text(cuda)), []).append(platform)
    for (name, of_cpu, of_cuda), platforms in found.items():
        cells = tuple(place for place in places if place.platform in platforms and name in _names(new[place]))
        yield LockChange(kind="apart", name=name, old=of_cpu, new=of_cuda, cells=cells)


def _versions(cases: Mapping[CellPlace, Case]) -> SideVersions:
    cpu: dict[tuple[str, str], set[str]] = {}
    cuda: dict[tuple[str, str], set[str]] = {}
    for place, case in cases.items():
        for_cuda = case.claim.kind in ("cuda", "mixed")
        for package in case.packages:
            found = cuda if for_cuda else cpu
            found.setdefault((place.platform, package.name), set()).add(_LOCAL.sub("", package.version))
    return {key: (frozenset(cpu.get(key, ())), frozenset(cuda.get(key, ()))) for key in cpu.keys() | cuda.keys()}


def _differ(cpu: frozenset[str], cuda: frozenset[str]) -> bool:
    return bool(cpu and cuda) and cpu != cuda


def _text(versions: frozenset[str]) -> str:
    return ", ".join(sorted(versions))


def _names(case: Case) -> set[str]:
    return {package.name for package in case.packages}
