"""The recorded index: full records of all packages in the committed locks, laid out like any other index folder.

`--offline` solves from it, and so does a clone that reaches no channel.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from envgen.channels.channel import locate
from envgen.model.errors import BadInput
from envgen.model.packages import Record

Records = Mapping[str, Mapping[str, Any]]  # `<channel>/<subdir>/<file>` -> record
_LINE = re.compile(r'^"([^"]+\.(?:conda|tar\.bz2))": \{', re.MULTILINE)
_KEPT_ELSEWHERE = {"fn", "url", "channel"}


def names_of(urls: Iterable[str]) -> set[str]:
    """The keys of these URLs in the index: `conda-forge/linux-64/numpy-2.2.6-py312h72c5963_0.conda`."""
    return {_key(url) for url in urls}


def recorded_names(folder: Path) -> set[str]:
    """The keys of all packages in the index. Cheap: there is one record per line."""
    found: set[str] = set()
    for path in folder.glob("**/repodata.json"):
        place_of = path.parent.relative_to(folder).as_posix()
        found.update(f"{place_of}/{name}" for name in _LINE.findall(path.read_text(encoding="utf-8", errors="replace")))
    return found


def recorded_files(urls: Iterable[str], fresh: Iterable[Record], old: Records) -> tuple[dict[str, str], list[str]]:
    """The files of the recorded index, `<channel>/<subdir>/repodata.json` -> text, and the URLs without a known record.

    The files have one sorted record per line. Records come from `fresh` (a solve) or `old` (the index so far).
    """
    known = {**old, **{_key(record.url): record.source for record in fresh}}
    subdirs: dict[str, dict[str, Mapping[str, Any]]] = {}
    wanted = {_key(url): url for url in sorted(set(urls))}
    for key in sorted(filter(known.__contains__, wanted)):
        folder, file = key.rsplit("/", 1)
        subdirs.setdefault(folder, {})[file] = known[key]
    files = {f"{folder}/repodata.json": _repodata(folder.rsplit("/", 1)[1], records) for folder, records in subdirs.items()}
    return files, [url for key, url in wanted.items() if key not in known]


def _key(url: str) -> str:
    base, subdir, file = url.rsplit("/", 2)
    return f"{locate(base).folder}/{subdir}/{file}"


def _repodata(subdir: str, records: Mapping[str, Mapping[str, Any]]) -> str:
    sections = {"packages": ".tar.bz2", "packages.conda": ".conda"}
    lines = [f'"info": {{"subdir": "{subdir}"}}']
    for section, suffix in sections.items():
        rows = [f"{json.dumps(file)}: {_line(record)}" for file, record in sorted(records.items()) if file.endswith(suffix)]
        lines.append(f'"{section}": {{\n' + ",\n".join(rows) + "\n}" if rows else f'"{section}": {{}}')
    return "{\n" + ",\n".join(lines) + ',\n"repodata_version": 1\n}\n'


def _line(record: Mapping[str, Any]) -> str:
    kept = {key: value for key, value in record.items() if key not in _KEPT_ELSEWHERE}
    return json.dumps(kept, sort_keys=True, ensure_ascii=False, separators=(", ", ": "))


def read_recorded(folder: Path, shown: str) -> Records:
    """All records of the index. Raises BadInput that names the file that cannot be read."""
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(folder.glob("**/repodata.json")):
        place_of = path.parent.relative_to(folder).as_posix()
        for records in _sections(path, f"{shown}/{place_of}/{path.name}"):
            found.update({f"{place_of}/{file}": record for file, record in records.items()})
    return found


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
