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
from envgen.channels.versions import NEWER
from envgen.model.errors import BadInput
from envgen.model.packages import Record
from envgen.model.text import shortened

Records = Mapping[str, Mapping[str, Any]]  # `<channel>/<subdir>/<file>` -> record
_LINE = re.compile(r'^"([^"]+\.(?:conda|tar\.bz2))": \{".*$', re.MULTILINE)  # not the line of a section, such as `packages.conda`
_FILE, _NEW = "repodata.json", '"v3": {'
_KEPT_ELSEWHERE = {"fn", "url", "channel"}


def recorded_names(folder: Path) -> set[str]:
    """The keys of all packages in the index. Cheap: there is one record per line."""
    return set(recorded_lines(folder))


def recorded_lines(folder: Path) -> dict[str, str]:
    """The line of each package in the index by its key, without the comma at its end; nothing is parsed."""
    found: dict[str, str] = {}
    for path in sorted(path for path in folder.glob(f"**/{_FILE}") if path.is_file()):
        place_of, text = path.parent.relative_to(folder).as_posix(), path.read_text(encoding="utf-8", errors="replace")
        if _NEW in text:  # the names there lack a part: read them
            rows = (row for section in _sections(path, str(path)) for row in section.items())
            found.update((f"{place_of}/{name}", line_of(record)) for name, record in rows)
        else:
            found.update((f"{place_of}/{line[1]}", line[0].rstrip(",")) for line in _LINE.finditer(text))
    return found


def recorded_files(records: Records, empty: Iterable[str] = ()) -> dict[str, str]:
    """The files of an index of these records, `<channel>/<subdir>/repodata.json` -> text, with one sorted record per line.

    `empty` are `<channel>/<subdir>` that have a file even without a record.
    """
    subdirs: dict[str, dict[str, Mapping[str, Any]]] = {folder: {} for folder in empty}
    for key, record in records.items():
        folder, file = key.rsplit("/", 1)
        subdirs.setdefault(folder, {})[file] = record
    return {f"{folder}/{_FILE}": _repodata(folder.rsplit("/", 1)[1], subdirs[folder]) for folder in sorted(subdirs)}


def key_of(url: str) -> str:
    """The key of a package in the index: `conda-forge/linux-64/numpy-2.2.6-py312h72c5963_0.conda`. Raises BadInput."""
    parts = url.rsplit("/", 2)
    if url.count("/") < 4 or "" in parts:
        raise BadInput(f"not the URL of a conda package: {redacted(url)}", hint="run `envgen lock --update`")
    base, subdir, file = parts
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
    """The text of a repodata. What older tools would misread is where they do not look: CEP 48 has it below `v3`."""
    old = {file: record for file, record in records.items() if not _is_new(record)}
    lines = [f'"info": {{"subdir": "{subdir}"}}']
    lines += [_section(name, old, suffix, suffix) for name, suffix in (("packages", ".tar.bz2"), ("packages.conda", ".conda"))]
    if new := {file: record for file, record in records.items() if file not in old}:
        rows = ",\n".join(_section(suffix[1:], new, suffix, "") for suffix in (".tar.bz2", ".conda"))
        lines.append(f"{_NEW}\n{rows}\n}}")
    return "{\n" + ",\n".join(lines) + ',\n"repodata_version": 1\n}\n'


def _section(name: str, records: Mapping[str, Mapping[str, Any]], suffix: str, kept: str) -> str:
    """The records of files with a suffix; `kept` is what their keys have of it."""
    files = sorted(file for file in records if file.endswith(suffix))
    rows = [f"{json.dumps(file.removesuffix(suffix) + kept)}: {line_of(records[file])}" for file in files]
    return f'"{name}": {{\n' + ",\n".join(rows) + "\n}" if rows else f'"{name}": {{}}'


def _is_new(record: Mapping[str, Any]) -> bool:
    """Whether a record has conditions, extras or flags (CEP 43 to 45): a tool that knows none would ignore them."""
    specs = [str(spec) for key in ("depends", "constrains") for spec in record.get(key) or ()]
    return bool(record.get("extra_depends") or record.get("flags") or any(map(NEWER.search, specs)))


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
    except (OSError, ValueError, RecursionError) as error:  # also of nesting and numbers without end
        raise BadInput(f"not repodata: {error}", where=shown, hint=hint) from None
    for records, suffix in _parts(data):
        if not isinstance(records, dict):
            raise BadInput("not repodata: expected a mapping of records", where=shown, hint=hint)
        for file, record in records.items():
            if not _is_record(record):
                raise BadInput(f"not repodata: not a record of a package: {shortened(file)}", where=shown, hint=hint)
        yield {f"{file}{suffix}": record for file, record in records.items()}


def _parts(data: Any) -> Iterator[tuple[object, str]]:
    """Each mapping of records in a repodata, and the suffix of files that its keys lack; None in the place of what is not one."""
    new = data.get("v3", {}) if isinstance(data, dict) else None
    if not isinstance(new, dict):
        yield None, ""
        return
    yield from ((data.get(section, {}), "") for section in ("packages", "packages.conda"))
    yield from ((records, f".{kind}") for kind, records in new.items())


def _is_record(record: object) -> bool:
    """Whether a value has what a record must have, and no hash, size or dependency that cannot be one."""
    if not isinstance(record, dict):
        return False
    texts = [record.get(key) for key in ("name", "version", "build")]
    texts += [record[key] for key in ("md5", "sha256") if record.get(key) is not None]
    depends, size = record.get("depends", []), record.get("size", 0)
    return (
        all(isinstance(text, str) for text in texts)
        and isinstance(depends, list)
        and all(isinstance(text, str) for text in depends)
        and isinstance(size, int | None)
    )
