"""A folder for a site without network: the packages of committed locks, and an index of them.

`<channel>/<subdir>/` has the packages beside a `repodata.json` that lists just these, `pip/` has the wheels. `lock --index` solves
from it, `install --index` installs from it, and any web server makes a mirror of it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envgen.cache import keep
from envgen.channels.recorded import Records, read_recorded, recorded_files
from envgen.formats.conda_lock import read_lock
from envgen.install import platform_lock
from envgen.install.archives import Archive, archive
from envgen.install.judge import judge
from envgen.install.prefixes import lock_text
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix, Platform
from envgen.model.layout import LOCK, Layout
from envgen.model.run import Reporter

if TYPE_CHECKING:
    from envgen.install.platform_lock import PlatformLock

MARK = "envgen-index.json"
_MARK_TEXT = json.dumps({"made-by": "envgen index export", "version": 1}) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What is exported: all projects, targets or platforms where none is named. `targets` may be target words."""

    projects: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    platforms: tuple[Platform, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What a folder has now of the requested locks, and how many of these files were fetched. `size` is in bytes."""

    folder: Path
    locks: tuple[str, ...]
    packages: int
    wheels: int
    size: int
    fetched: int


def export(layout: Layout, folder: Path, request: ExportRequest, reporter: Reporter) -> Exported:
    """Bring the packages of locks into a folder, which is new or of an earlier export. What it has is checked and kept.

    Raises BadInput for a lock that must not be installed, for packages without a record, and for a folder that has something
    else or too little room; and what `fetch` raises.
    """
    cells = list(_cells(layout, request, reporter))
    records = _records(layout, cells)
    archives = _archives(cells, records)
    _check_folder(folder)
    missing = [one for one in archives if not one.is_at(folder / one.place)]
    _check_room(folder, missing)
    if missing:
        from envgen.install.fetch import fetch

        size = _size(missing)
        reporter.say(f"fetching {len(missing)} of {len(archives)} files ({size / 1e6:,.0f} MB) into {folder}")
        channels = tuple(dict.fromkeys(channel for cell in cells for channel in cell.lock.channels))
        fetch(missing, folder, channels, reporter)
    _write_index(folder, records, cells)
    wheels = sum(one.place.startswith("pip/") for one in archives)
    return Exported(
        folder=folder,
        locks=tuple(dict.fromkeys(cell.name for cell in cells)),
        packages=len(archives) - wheels,
        wheels=wheels,
        size=sum((folder / one.place).stat().st_size for one in archives),
        fetched=len(missing),
    )


# --- what is requested ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cell:
    name: str  # vision-cu126
    shown: str
    lock: PlatformLock


def _cells(layout: Layout, request: ExportRequest, reporter: Reporter) -> Iterator[_Cell]:
    """The locks that are requested, platform by platform, each judged as before an installation."""
    from envgen.matrix.cached import cached_matrix
    from envgen.project.cached import cached_project

    matrix, found = cached_matrix(layout), False
    for project in dict.fromkeys(request.projects or layout.projects()):
        layout.known_project(project)
        names = _targets(layout, matrix, project, request.targets)
        for target in names:
            shown = layout.shown(layout.target(project, target) / LOCK)
            lock = read_lock(lock_text(layout, project, target), shown)
            for platform in (one for one in lock.platforms if not request.platforms or one in request.platforms):
                found = True
                known = cached_project(layout, matrix, project)
                judge(lock, platform, known, matrix, [package.name for package in lock.packages])  # nothing is built here
                yield _Cell(f"{project}-{target}", shown, platform_lock.of_platform(lock, platform))
        if not names:
            reporter.say(f"{project}: skipped, none of these targets is locked")
    if not found:
        hint = "run `envgen lock` first; `envgen list` shows what is locked"
        raise BadInput("nothing that is requested is locked", where=layout.shown(layout.environments), hint=hint)


def exported_locks(layout: Layout, request: ExportRequest) -> tuple[tuple[str, str], ...]:
    """The locks that are requested: (project, target)."""
    from envgen.matrix.cached import cached_matrix

    matrix = cached_matrix(layout)
    projects = dict.fromkeys(request.projects or layout.projects())
    for project in projects:
        layout.known_project(project)
    return tuple((project, name) for project in projects for name in _targets(layout, matrix, project, request.targets))


def _targets(layout: Layout, matrix: Matrix, project: str, words: Sequence[str]) -> tuple[str, ...]:
    from envgen import targets

    names, why = layout.locked_targets(project), "the folder is for other machines"
    found = (targets.named(word, names, matrix, why) for word in words)
    return tuple(dict.fromkeys(filter(None, found))) if words else names


def _records(layout: Layout, cells: Sequence[_Cell]) -> Records:
    """The records of the conda packages, from the recorded index, each with the hash of its lock."""
    wanted = [archive(package) for cell in cells for package in cell.lock.conda.values()]
    shown = layout.shown(layout.index)
    there = read_recorded(layout.index, shown, {one.place.rpartition("/")[0] for one in wanted})
    found = {one.place: there[one.place] for one in wanted if there.get(one.place, {}).get(one.kind) == one.digest}
    missing = [one for one in wanted if one.place not in found]
    if missing:
        what = f"no record with the hash of the lock for {len(missing)} packages, the first of them {missing[0].place}"
        raise BadInput(what, where=shown, hint="run `envgen lock`, which completes the recorded index, and commit it")
    return found


def _archives(cells: Sequence[_Cell], records: Records) -> tuple[Archive, ...]:
    """Each file once, in the order of their places. Raises BadInput where locks have different files for one place."""
    found: dict[str, Archive] = {}
    for cell in cells:
        for package in (*cell.lock.conda.values(), *cell.lock.pip):
            one = archive(package)
            size = records.get(one.place, {}).get("size")
            if found.setdefault(one.place, archive(package, size if isinstance(size, int) else None)).digest != one.digest:
                hint = "lock the projects again: a channel has replaced the file"
                raise BadInput(f"other locks have another hash for {one.place}", where=package.at or cell.shown, hint=hint)
    return tuple(found[place] for place in sorted(found))


# --- the folder -----------------------------------------------------------------------------------------------------------


def _check_folder(folder: Path) -> None:
    """Take an empty folder or one of an earlier export, which a mark tells: another may be an index of its own."""
    mark = folder / MARK
    try:
        if folder.is_dir() and any(folder.iterdir()) and not mark.is_file():
            hint = "choose a new or an empty folder, or one of an earlier export"
            raise BadInput("this folder is not empty, and envgen did not export it", where=folder, hint=hint)
        keep(mark, [_MARK_TEXT.encode()])
    except OSError as error:
        raise _unwritable(folder, error) from None


def _check_room(folder: Path, missing: Sequence[Archive]) -> None:
    free, needed = shutil.disk_usage(folder).free, _size(missing)
    if needed > free:
        what = f"{needed / 1e6:,.0f} MB are to be fetched, and {free / 1e6:,.0f} MB are free"
        raise BadInput(what, where=folder, hint="free some space, or choose another folder")


def _size(archives: Iterable[Archive]) -> int:
    return sum(one.size or 0 for one in archives)


def _write_index(folder: Path, records: Records, cells: Sequence[_Cell]) -> None:
    """Write a `repodata.json` for every channel and platform, with the packages that lie beside it."""
    subdirs = {
        f"{channel.folder}/{subdir}"
        for cell in cells
        for channel in cell.lock.channels
        for subdir in ("noarch", cell.lock.platform)
    }
    subdirs |= {key.rpartition("/")[0] for key in records}
    old = read_recorded(folder, str(folder), subdirs)
    there = {key: record for key, record in {**old, **records}.items() if (folder / key).is_file()}
    try:
        for name, text in recorded_files(there, subdirs).items():
            keep(folder / name, [text.encode()])
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(folder: Path, error: OSError) -> BadInput:
    hint = "free some space, or choose another folder; what was fetched is kept"
    return BadInput(f"cannot be written: {error.strerror or error}", where=folder, hint=hint)
