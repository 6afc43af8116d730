"""The recorded index: full records of all packages in the committed locks, laid out like any other index folder.

`--offline` solves from it, and so does a clone that reaches no channel.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from envgen.channels.channel import locate, redacted
from envgen.model.errors import BadInput
from envgen.model.packages import Record

Records = Mapping[str, Mapping[str, Any]]  # `<channel>/<subdir>/<file>` -> record
_LINE = re.compile(r'^"([^"]+\.(?:conda|tar\.bz2))": \{".*$', re.MULTILINE)  # not the line of a section, such as `packages.conda`
_FILE = "repodata.json"
_KEPT_ELSEWHERE = {"fn", "url", "channel"}


def recorded_names(folder: Path) -> set[str]:
    """The keys of all packages in the index. Cheap: there is one record per line."""
    return set(recorded_lines(folder))


def recorded_lines(folder: Path) -> dict[str, str]:
    """The line of each package in the index by its key, without the comma at its end; nothing is parsed."""
    found: dict[str, str] = {}
    for path in (path for path in folder.glob(f"**/{_FILE}") if path.is_file()):
        place_of, text = path.parent.relative_to(folder).as_posix(), path.read_text(encoding="utf-8", errors="replace")
        found.update((f"{place_of}/{line[1]}", line[0].rstrip(",")) for line in _LINE.finditer(text))
    return found


def recorded_files(records: Records) -> dict[str, str]:
    """The files of an index of these records, `<channel>/<subdir>/repodata.json` -> text, with one sorted record per line."""
    subdirs: dict[str, dict[str, Mapping[str, Any]]] = {}
    for key, record in records.items():
        folder, file = key.rsplit("/", 1)
        subdirs.setdefault(folder, {})[file] = record
    return {f"{folder}/{_FILE}": _repodata(folder.rsplit("/", 1)[1], subdirs[folder]) for folder in sorted(subdirs)}


def key_of(url: str) -> str:
    """The key of a package in the index: `conda-forge/linux-64/numpy-2.2.6-py312h72c5963_0.conda`. Raises BadInput."""
    base, subdir, file = url.rsplit("/", 2) if url.count("/") > 2 else ("", "", "")
    if not (base and subdir and file):
        raise BadInput(f"not the URL of a conda package: {redacted(url)}", hint="run `envgen lock --update`")
    return f"{locate(base).folder}/{subdir}/{file}"


def record_of(url: str, source: Mapping[str, Any]) -> Record:
    """The record of a locked package, from its URL and what the index holds of it."""
    channel, subdir, file = url.rsplit("/", 2)
    return Record(
        name=source["name"],
        version=source["version"],
        build=source["build"],
        channel=channel,
        subdir=subdir,
        file=file,
        url=url,
        md5=source.get("md5"),
        sha256=source.get("sha256"),
        size=source.get("size"),
        depends=tuple(source.get("depends", ())),
        source=source,
    )


def _repodata(subdir: str, records: Mapping[str, Mapping[str, Any]]) -> str:
    sections = {"packages": ".tar.bz2", "packages.conda": ".conda"}
    lines = [f'"info": {{"subdir": "{subdir}"}}']
    for section, suffix in sections.items():
        rows = [f"{json.dumps(file)}: {line_of(record)}" for file, record in sorted(records.items()) if file.endswith(suffix)]
        lines.append(f'"{section}": {{\n' + ",\n".join(rows) + "\n}" if rows else f'"{section}": {{}}')
    return "{\n" + ",\n".join(lines) + ',\n"repodata_version": 1\n}\n'


def line_of(record: Mapping[str, Any]) -> str:
    """A record as the index has it."""
    kept = {key: value for key, value in record.items() if key not in _KEPT_ELSEWHERE}
    return json.dumps(kept, sort_keys=True, ensure_ascii=False, separators=(", ", ": "))


def read_recorded(folder: Path, shown: str, subdirs: Iterable[str] | None = None) -> Records:
    """The records of the index, all or those of some `<channel>/<subdir>`. Raises BadInput that names a file it cannot read."""
    found: dict[str, Mapping[str, Any]] = {}
    paths = folder.glob(f"**/{_FILE}") if subdirs is None else (folder / subdir / _FILE for subdir in subdirs)
    for path in sorted(path for path in paths if path.is_file()):
        place_of = path.parent.relative_to(folder).as_posix()
        status = path.stat()
        found.update(_read(path, place_of, f"{shown}/{place_of}/{path.name}", (status.st_mtime_ns, status.st_size, status.st_ino)))
    return found


@lru_cache(maxsize=64)
def _read(path: Path, place_of: str, shown: str, _: tuple[int, int, int]) -> Records:
    """The records of one file; read once, until its time, its size or the file itself changes."""
    return {f"{place_of}/{file}": record for records in _sections(path, shown) for file, record in records.items()}


def _sections(path: Path, shown: str) -> Iterator[Mapping[str, Mapping[str, Any]]]:
    hint = "restore it from git, or delete it and run `envgen lock --update`"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadInput(f"not repodata: {error}", where=shown, hint=hint) from None
    for section in ("packages", "packages.conda"):
        records = data.get(section, {}) if isinstance(data, dict) else None
        if not isinstance(records, dict):
            raise BadInput("not repodata: expected a mapping of records", where=shown, hint=hint)
        yield records
