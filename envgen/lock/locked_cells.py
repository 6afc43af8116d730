"""What the locks of a project hold: the packages of each cell, and which of their records the repository has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from envgen.channels.package_url import split_url
from envgen.channels.recorded import key_of, read_recorded, record_of
from envgen.formats import conda_lock
from envgen.model.facts import Platform
from envgen.model.layout import LOCK, Layout
from envgen.model.packages import LockedPackage, Record, Solution

CellName = tuple[str, Platform]
"""A target, and a platform of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedCell:
    """One platform of a lock: conda package -> url, the records of these that the repository has, pip packages, the channels."""

    urls: Mapping[str, str]
    records: Mapping[str, Record]
    wheels: tuple[LockedPackage, ...] = ()
    channels: tuple[str, ...] = ()  # in the order of the lock

    @property
    def names(self) -> set[str]:
        """Every package of the cell, those of pip with them."""
        return {*self.urls, *(package.name for package in self.wheels)}

    def solution(self, platform: Platform) -> Solution | None:
        """The packages as a solution; None where a record is missing."""
        whole = self.records.keys() == self.urls.keys()
        return Solution(platform, tuple(self.records[name] for name in sorted(self.records))) if whole else None


class LockedCells:
    """The cells of the locks of one project, read when they are asked for."""

    def __init__(self, layout: Layout, project: str, targets: Iterable[str]) -> None:
        self._layout = layout
        self._paths = {target: layout.target(project, target) / LOCK for target in targets}

    def of(self, name: CellName) -> LockedCell | None:
        """What is locked for a cell; None where nothing is."""
        return self.cells.get(name)

    def targets_with(self, packages: Iterable[str]) -> set[str]:
        """The targets that have one of these packages on any platform."""
        wanted = set(packages)
        return {target for (target, _), cell in self.cells.items() if wanted & cell.names}

    @cached_property
    def cells(self) -> Mapping[CellName, LockedCell]:
        """Every cell of the locks."""
        urls, wheels, channels = self._read()
        keys = {url: key_of(url) for found in urls.values() for url in found.values()}
        subdirs = {key.rpartition("/")[0] for key in keys.values()}
        recorded = read_recorded(self._layout.index, self._layout.shown(self._layout.index), subdirs)
        records = {url: record_of(url, recorded[key]) for url, key in keys.items() if key in recorded}
        return {
            name: LockedCell(
                urls=found,
                records={package: records[url] for package, url in found.items() if url in records},
                wheels=tuple(wheels.get(name, ())),
                channels=channels[name[0]],
            )
            for name, found in urls.items()
        }

    def packages(self, targets: Iterable[str]) -> dict[CellName, dict[str, tuple[str, str]]]:
        """The version and the build of each conda package in the locks of some targets, by cell; nothing is parsed."""
        texts = {target: self._layout.read(self._paths[target]) for target in targets}
        found = ((target, *row) for target, text in texts.items() for row in conda_lock.urls_by_platform(text).items())
        return {
            (target, platform): {name: (version, build) for name, version, build in map(split_url, urls)}
            for target, platform, urls in found
        }

    def _read(
        self,
    ) -> tuple[Mapping[CellName, Mapping[str, str]], Mapping[CellName, Sequence[LockedPackage]], Mapping[str, tuple[str, ...]]]:
        """The url of each conda package, and the pip packages, by cell, and the channels by target. Reads every lock whole."""
        channels: dict[str, tuple[str, ...]] = {}
        urls: dict[CellName, dict[str, str]] = {}
        wheels: dict[CellName, list[LockedPackage]] = {}
        for target, path in self._paths.items():
            lock = conda_lock.read_lock(self._layout.read(path), self._layout.shown(path))
            channels[target] = lock.channels
            for package in lock.packages:
                if package.manager == "conda":
                    urls.setdefault((target, package.platform), {})[package.name] = package.url
                else:
                    wheels.setdefault((target, package.platform), []).append(package)
        return urls, wheels, channels
