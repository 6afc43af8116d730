"""The cells of one side: the packages of each, and those of them that say what the cell is for. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from envgen.diff.model import CellPlace, Snapshot
from envgen.formats.builds import cuda_of
from envgen.model.facts import Matrix, Platform
from envgen.model.findings import Claim
from envgen.model.packages import Lock, LockedPackage
from envgen.verify.check import inferred
from envgen.verify.registry import Case


@dataclass(frozen=True, slots=True)
class ComparedCell:
    """One platform of a lock: all its packages, and the Case of those that the matrices know or that name a CUDA."""

    packages: tuple[LockedPackage, ...]
    case: Case


ComparedCells = Mapping[CellPlace, ComparedCell]


class CellReader:
    """Makes cells from locks. What several locks share is judged once: a package, and the telling packages of a cell."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix
        self._telling: dict[int, bool] = {}  # by the identity of a package; the locks keep them
        self._claims: dict[tuple[int, ...], Claim] = {}
        self._cells: dict[int, tuple[Lock, Mapping[Platform, ComparedCell]]] = {}

    def cells(self, side: Snapshot, names: Mapping[str, str]) -> ComparedCells:
        """Every cell of a side by its place, a renamed lock by its new name."""
        return {
            CellPlace(names.get(path, path), _environment(lock, locks), lock.machine or platform): cell
            for path, locks in side.locks.items()
            for lock in locks
            for platform, cell in self._of_lock(lock).items()
        }

    def _of_lock(self, lock: Lock) -> Mapping[Platform, ComparedCell]:
        if id(lock) not in self._cells:
            self._cells[id(lock)] = lock, dict(self._made(lock))
        return self._cells[id(lock)][1]

    def _made(self, lock: Lock) -> Iterator[tuple[Platform, ComparedCell]]:
        by_platform: dict[Platform, list[LockedPackage]] = {}
        for package in lock.packages:
            by_platform.setdefault(package.platform, []).append(package)
        for platform, packages in by_platform.items():
            telling = tuple(package for package in packages if self._is_telling(package))
            key = tuple(map(id, telling))
            claim = self._claims.get(key) or self._claims.setdefault(key, inferred(self._matrix.catalogue, telling))
            case = Case(lock=lock, platform=platform, claim=claim, matrix=self._matrix, packages=telling)
            yield platform, ComparedCell(tuple(packages), case)

    def _is_telling(self, package: LockedPackage) -> bool:
        key = id(package)
        if key not in self._telling:
            catalogue = self._matrix.catalogue
            self._telling[key] = catalogue.of(package) is not None or cuda_of(catalogue, package) is not None
        return self._telling[key]


def _environment(lock: Lock, locks: tuple[Lock, ...]) -> str:
    """The name of an environment where a file has several; that of envgen's own locks is in their path."""
    return lock.environment if len(locks) > 1 or lock.format.startswith("pixi") else ""
