"""The cells of the locks of one project, and what the recorded index says of their packages. Reads files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from envgen.channels.recorded import key_of, read_recorded
from envgen.composition.graph import CellGraph
from envgen.composition.licenses import UNKNOWN, Licensed
from envgen.composition.sizes import CellSize, cell_size
from envgen.formats.conda_lock import read_lock
from envgen.formats.environment_yml import read_specs
from envgen.model.errors import BadInput, closest
from envgen.model.layout import LOCK, SPEC, Layout
from envgen.model.packages import LockedPackage

RecordByUrl = Mapping[str, Mapping[str, Any]]


def locked_cells(layout: Layout, project: str, targets: Iterable[str] = (), platforms: Iterable[str] = ()) -> tuple[CellGraph, ...]:
    """The cells of a project's locks, all or those of some targets and platforms. Raises BadInput where there is none."""
    layout.known_project(project)
    names = layout.locked_targets(project)
    if not names:
        raise BadInput(f"{project} has no lock", where=layout.shown(layout.project(project)), hint=f"run `envgen lock {project}`")
    for target in targets:
        if target not in names:
            raise BadInput(f"{project} has no locked target `{target}`", hint=closest(target, names))
    cells = [cell for name in names if name in set(targets or names) for cell in _of_lock(layout, project, name)]
    known = dict.fromkeys(cell.platform for cell in cells)
    for platform in platforms:
        if platform not in known:
            raise BadInput(f"{project} is not locked for {platform}", hint=closest(platform, known))
    wanted = set(platforms or known)
    return tuple(cell for cell in cells if cell.platform in wanted)


def _of_lock(layout: Layout, project: str, target: str) -> Iterator[CellGraph]:
    folder = layout.target(project, target)
    path, spec = folder / LOCK, folder / SPEC
    lock = read_lock(layout.read(path), layout.shown(path))
    asked = layout.read(spec) if spec.is_file() else ""
    for platform in lock.platforms:
        yield CellGraph(
            target=target,
            platform=platform,
            packages=tuple(package for package in lock.packages if package.platform == platform),
            requested=read_specs(asked, layout.shown(spec), platform) if asked else (),
        )


def records_of_cells(layout: Layout, cells: Iterable[CellGraph]) -> RecordByUrl:
    """What the recorded index says of the conda packages of some cells, by url. What it lacks is left out."""
    urls = {package.url for cell in cells for package in cell.packages if package.manager == "conda"}
    keys = {url: key for url in urls if (key := _key(url))}
    found = read_recorded(layout.index, layout.shown(layout.index), {key.rpartition("/")[0] for key in keys.values()})
    return {url: found[key] for url, key in keys.items() if key in found}


def _key(url: str) -> str:
    try:
        return key_of(url)
    except BadInput:
        return ""


def sizes_of(cells: Sequence[CellGraph], records: RecordByUrl) -> tuple[CellSize, ...]:
    """What each cell downloads."""
    sizes = {url: size for url, record in records.items() if isinstance(size := record.get("size"), int)}
    return tuple(cell_size(cell.target, cell.platform, cell.packages, sizes) for cell in cells)


def licensed(packages: Iterable[LockedPackage], records: RecordByUrl) -> tuple[Licensed, ...]:
    """Packages with their licences; those of pip are not in the index, and unknown."""
    return tuple(
        Licensed(package.name, package.version, str(records.get(package.url, {}).get("license") or UNKNOWN)) for package in packages
    )
