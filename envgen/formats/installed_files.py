"""The files of an installed environment: what its records list, and which of these files are damaged.

A file is damaged if it is not there or has another size than its record says; with `hashes`, also if its content is another one.
Bytecode does not count, because Python removes and compiles it as it likes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from envgen.formats.installed import META, Wheel, read_manifest
from envgen.formats.json_text import UNREADABLE
from envgen.model.errors import BadInput
from envgen.model.packages import Lock, LockedPackage

_AGAIN = "remove this environment and install it again"
_IN_PACKAGE = ("site-packages/", "python-scripts/")
_BYTECODE = (".pyc", ".pyo")
_BLOCK = 1 << 20  # bytes that are read at a time

InstalledRecords = Mapping[str, Mapping[str, Any]]  # name-version-build -> the package's record
ListedFiles = Mapping[str, Mapping[str, Any]]  # path, relative to the prefix and with forward slashes -> what is said of it


def read_records(prefix: Path) -> InstalledRecords:
    """The record of every conda package in an environment. Raises BadInput if one is not readable, or not what its name says."""
    found = {path.name.removesuffix(".json"): read_record(path) for path in sorted((prefix / META).glob("*.json"))}
    for dist, record in found.items():
        said = f"{record.get('name')}-{record.get('version')}-{record.get('build')}"
        if said != dist:
            raise BadInput(f"is the record of {said}", where=prefix / META / f"{dist}.json", hint=_AGAIN)
    return found


def read_record(path: Path) -> Mapping[str, Any]:
    """One record of `conda-meta/`. Raises BadInput if it is not readable."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except UNREADABLE as error:
        raise BadInput(f"cannot be read: {error}", where=path, hint=_AGAIN) from None
    if not isinstance(record, dict):
        raise BadInput("cannot be read: it is not a package record", where=path, hint=_AGAIN)
    return record


def listed_files(record: Mapping[str, Any]) -> ListedFiles:
    """The files of a conda package."""
    found = {str(entry["_path"]): entry for entry in _entries(located(record))}
    return found or {str(path): {} for path in items_of(record, "files")}


def items_of(record: Mapping[str, Any], key: str) -> list[Any]:
    """A list in a record; empty where there is none."""
    found = record.get(key)
    return found if isinstance(found, list) else []


def located(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """A record whose paths are below the prefix.

    Of a noarch Python package conda describes the files by their place in the package, below `site-packages/` and
    `python-scripts/`, and lists beside that where they are.
    """
    entries = _entries(record)
    if not any(str(entry["_path"]).startswith(_IN_PACKAGE) for entry in entries):
        return record
    ends = {_end(str(file)): str(file) for file in items_of(record, "files")}
    paths = [{**entry, "_path": ends.get(_end(str(entry["_path"])), entry["_path"])} for entry in entries]
    return {**record, "paths_data": {**record["paths_data"], "paths": paths}}


def _entries(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    data = record.get("paths_data")
    entries = data.get("paths") if isinstance(data, dict) else None
    return [entry for entry in entries if isinstance(entry, dict) and "_path" in entry] if isinstance(entries, list) else []


def _end(path: str) -> str:
    """What a path in a noarch package has in common with its place in an environment: all behind the folder that differs."""
    return re.sub(r"^([Ll]ib/([\w.]+/)?)?(?=site-packages/)|^(bin|Scripts|python-scripts)/", "", path)


def wheel_files(prefix: Path, wheel: Wheel) -> ListedFiles:
    """The files of a pip package that envgen installed, as its RECORD lists them."""
    info = prefix / wheel.info
    try:
        rows = list(csv.reader(io.StringIO((info / "RECORD").read_text(encoding="utf-8"))))
    except (OSError, ValueError, csv.Error):
        return {f"{wheel.info}/RECORD": {}}
    found = {os.path.relpath(info.parent / row[0], prefix).replace(os.sep, "/"): row for row in rows if len(row) == 3}
    return {path: {"size_in_bytes": int(row[2])} if row[2].isdecimal() else {} for path, row in found.items()}


def damage(prefix: Path, *, hashes: bool = False) -> dict[str, tuple[str, ...]]:
    """Package -> its damaged files: name-version-build for a conda package, its name for a pip package that envgen installed.

    A package without damaged files is left out. A record that is not readable is a damaged file itself.
    """
    owners: dict[str, ListedFiles] = {}
    broken: dict[str, tuple[str, ...]] = {}
    for path in sorted((prefix / META).glob("*.json")):
        try:
            owners[path.stem] = listed_files(read_record(path))
        except BadInput:
            broken[path.stem] = (f"{META}/{path.name}",)
    manifest = read_manifest(prefix)
    wheels = {name: wheel_files(prefix, wheel) for name, wheel in (manifest.pip if manifest else {}).items()}
    return {**damaged_files(prefix, {**owners, **wheels}, hashes=hashes), **broken}


def with_damage(lock: Lock, prefix: Path, *, hashes: bool = False) -> Lock:
    """What an environment holds, with the damaged files of each package."""
    found = damage(prefix, hashes=hashes)
    packages = (replace(package, damaged=found[key]) if (key := _owner(package)) in found else package for package in lock.packages)
    return replace(lock, packages=tuple(packages)) if found else lock


def _owner(package: LockedPackage) -> str:
    return f"{package.name}-{package.version}-{package.build}" if package.manager == "conda" else package.name


def damaged_files(prefix: Path, owners: Mapping[str, ListedFiles], *, hashes: bool = False) -> dict[str, tuple[str, ...]]:
    """Package -> its damaged files; a package without any is left out.

    A path that several packages list holds the file of one of them, so it only has to be there.
    """
    base = f"{prefix}{os.sep}"
    found = {owner: tuple(_damaged(base, files, hashes)) for owner, files in owners.items()}
    if not any(found.values()):
        return {}
    shared = set(_shared(owners))
    real = {owner: tuple(p for p in paths if p not in shared or not os.path.lexists(base + p)) for owner, paths in found.items()}
    return {owner: paths for owner, paths in real.items() if paths}


def _damaged(base: str, files: ListedFiles, hashes: bool) -> Iterator[str]:
    for path, entry in files.items():
        if not path.endswith(_BYTECODE) and not _is_intact(base + path, entry, hashes):
            yield path


def _is_intact(file: str, entry: Mapping[str, Any], hashes: bool) -> bool:
    """Whether a file is what its record says. A link only has to be there: tools record it differently, and conda copies some."""
    try:
        found = os.lstat(file)
    except OSError:
        return False
    if entry.get("path_type") == "directory":
        return stat.S_ISDIR(found.st_mode)
    if entry.get("path_type") == "softlink" or not stat.S_ISREG(found.st_mode):
        return not stat.S_ISDIR(found.st_mode)
    named = entry.get("prefix_placeholder")  # tools record the size before or after the prefix is written into the file
    size = None if named else entry.get("size_in_bytes")
    wanted = entry.get("sha256_in_prefix") or (None if named else entry.get("sha256"))
    return (size is None or size == found.st_size) and (not hashes or not wanted or _sha256(file) == wanted)


def _sha256(file: str) -> str:
    digest = hashlib.sha256()
    with Path(file).open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _shared(owners: Mapping[str, ListedFiles]) -> Iterator[str]:
    seen: set[str] = set()
    for files in owners.values():
        yield from seen & files.keys()
        seen |= files.keys()
