"""Names of cells, and of many cells in few words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from envgen.diff.model import CellPlace
from envgen.model.layout import lock_name, lock_project

_MOST = 4


def lock_text(place: CellPlace) -> str:
    """A lock as people call it: `vision/cu126`, `pixi.lock [gpu]`, else its path."""
    name = lock_name(place.lock)
    return f"{name} [{place.environment}]" if place.environment and name == place.lock else name


def cell_text(place: CellPlace) -> str:
    """A cell as people call it: `vision/cu126 linux-64`."""
    return f"{lock_text(place)} {place.platform}"


def group_of(place: CellPlace) -> str:
    """The locks that belong together: those of one project, the environments of one pixi.lock, the locks of one folder."""
    return lock_project(place.lock) or (place.lock if place.environment else place.lock.rpartition("/")[0])


def cells_text(
    cells: Collection[CellPlace], changed: Collection[CellPlace], known: Collection[CellPlace], most: int = _MOST
) -> str:
    """Where something is: "" where only one cell changes, `in all 14 cells`, or the projects, locks and platforms."""
    if len(changed) == 1:
        return ""
    if set(cells) == set(changed):
        return f"in all {len(cells)} cells" if set(changed) == set(known) else f"in all {len(cells)} cells that change"
    parts = list(_parts(sorted(cells), known))
    shown = parts if len(parts) <= most + 1 else parts[:most]
    more = f" and {len(parts) - most} more" if len(shown) < len(parts) else ""
    return f"in {', '.join(shown)}{more}"


def _parts(cells: Sequence[CellPlace], known: Iterable[CellPlace]) -> Iterator[str]:
    """A project as a whole, a lock as a whole, or a lock and some of its platforms."""
    groups, locks = _by(cells, group_of), _by(cells, lock_text)
    whole, all_of_lock = _by(known, group_of), _by(known, lock_text)
    told: set[str] = set()
    for cell in cells:
        group, lock = group_of(cell), lock_text(cell)
        if lock_project(cell.lock) and groups[group] == whole[group] and len({lock_text(one) for one in whole[group]}) > 1:
            key = group
        elif locks[lock] == all_of_lock[lock]:
            key = lock
        else:
            key = f"{lock} ({', '.join(sorted(one.platform for one in locks[lock]))})"
        if key not in told:
            told.add(key)
            yield key


def _by(cells: Iterable[CellPlace], key: Callable[[CellPlace], str]) -> dict[str, set[CellPlace]]:
    found: dict[str, set[CellPlace]] = {}
    for cell in cells:
        found.setdefault(key(cell), set()).add(cell)
    return found
