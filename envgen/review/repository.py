"""Reads what the rules about the whole of environments/ look at: all locked packages, the recorded index, what is left over."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from envgen.channels.recorded import Records, key_of, read_recorded, recorded_files
from envgen.files import leftovers
from envgen.formats import conda_lock
from envgen.model.address import Address
from envgen.model.layout import LOCK, SPEC, VIRTUAL, Layout
from envgen.model.regular import real
from envgen.review.registry import LockedHash, RepositoryCase, line_with

_HASHED = re.compile(
    r"\n  url: (\S+\.(?:conda|tar\.bz2))\n  hash:\n(?:    md5: '?([0-9a-f]+)'?\n)?(?:    sha256: '?([0-9a-f]+)'?\n)?"
)
_BETWEEN = "\n- name: "  # where an entry ends and the next begins
_OURS, _FILE = "Made by envgen", "repodata.json"


def repository_case(layout: Layout, locks: Mapping[Path, str]) -> RepositoryCase:
    """The files below environments/; `locks` are the texts of all locks. Raises BadInput if the recorded index cannot be read."""
    shown = layout.shown(layout.index)
    records = read_recorded(layout.index, shown)
    locked = _locked(layout, locks)
    return RepositoryCase(
        texts={layout.shown(path): text for path, text in locks.items()},
        locked=locked,
        records=records,
        lines=dict(_lines(layout, records.keys() - locked.keys())),
        unordered=tuple(_unordered(layout, records)),
        orphans=tuple(layout.shown(path) for path in _orphans(layout, locks)),
        leftovers=tuple(layout.shown(path) for path in left_over(layout)),
        temporary=tuple(layout.shown(path) for path in sorted(leftovers(layout.environments))),
        links=tuple(layout.shown(path) for path in _links(layout)),
    )


def _locked(layout: Layout, locks: Mapping[Path, str]) -> Mapping[str, tuple[LockedHash, ...]]:
    """Each package of the locks, once for each pair of hashes, where the first lock has it. Raises BadInput."""
    found: dict[tuple[str, str, str], tuple[str, int]] = {}
    seen: set[str] = set()  # entries: locks share most of theirs
    for path, text in locks.items():
        file, place = layout.shown(path), 0
        for entry in text.split(_BETWEEN):
            for match in _HASHED.finditer(f"{entry}\n") if entry not in seen else ():
                found.setdefault((match[1], match[2] or "", match[3] or ""), (file, place + match.start() + 1))
            seen.add(entry)
            place += len(entry) + len(_BETWEEN)
    by_key: dict[str, list[LockedHash]] = {}
    for (url, md5, sha256), (file, place) in found.items():
        key = key_of(url)
        by_key.setdefault(key, []).append(LockedHash(file=file, place=place, md5=md5, sha256=sha256))
    return {key: tuple(rows) for key, rows in by_key.items()}


def _lines(layout: Layout, keys: Iterable[str]) -> Iterator[tuple[str, Address]]:
    """Where records are in the recorded index."""
    texts: dict[str, str] = {}
    for key in sorted(keys):
        folder, _, name = key.rpartition("/")
        path = layout.index / folder / _FILE
        text = texts.setdefault(folder, layout.read(path))
        yield key, line_with(json.dumps(name), text, layout.shown(path))


def _unordered(layout: Layout, records: Records) -> Iterator[str]:
    """The files of the recorded index that are not as envgen writes them."""
    made = recorded_files(records)
    for path in sorted(layout.index.glob(f"**/{_FILE}")):
        name = path.relative_to(layout.index).as_posix()
        if name in made and layout.read(path) != made[name]:
            yield layout.shown(path)


def _orphans(layout: Layout, locks: Mapping[Path, str]) -> Iterator[Path]:
    """Locks of envgen's in a folder without a project."""
    names = set(layout.projects())
    for path, text in locks.items():
        if path.parent.parent.name not in names and conda_lock.is_ours(text):
            yield path


def left_over(layout: Layout) -> tuple[Path, ...]:
    """What envgen made for targets that are gone: each virtual-packages.yml of its own without a lock, and what is beside it."""
    found = (path.parent for path in sorted(layout.environments.glob(f"*/*/{VIRTUAL}")) if not (path.parent / LOCK).exists())
    ours = (folder for folder in found if not folder.is_symlink() and _OURS in layout.read(folder / VIRTUAL).partition("\n")[0])
    return tuple(folder / name for folder in ours for name in (SPEC, VIRTUAL) if (folder / name).is_file())


def _links(layout: Layout) -> Iterator[Path]:
    """Symbolic links below environments/ that lead out of the repository; folders that are links are not entered."""
    root = real(layout.root)
    for folder, folders, names in os.walk(layout.environments):
        folders.sort()  # the order in which they are entered, else the file system's
        for path in (Path(folder, name) for name in sorted((*folders, *names))):
            if path.is_symlink() and not real(path).is_relative_to(root):
                yield path
