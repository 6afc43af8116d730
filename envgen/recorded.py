"""The recorded index: full records of all packages that the committed locks name, in the layout of any other index.

It is what `--offline` solves from, and what a clone without any channel has.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from envgen.channel import place
from envgen.model import Record

_KEPT_ELSEWHERE = {"fn", "url", "channel"}


def recorded_files(
    urls: Iterable[str], fresh: Iterable[Record], old: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, str], list[str]]:
    """The files of the recorded index, `<channel>/<subdir>/repodata.json` -> text, for all packages that locks name.

    One record a line, sorted. With them the urls of which no record is known.
    """
    known = {**old, **{record.url: record.source for record in fresh}}
    subdirs: dict[str, dict[str, Mapping[str, Any]]] = {}
    wanted = sorted(set(urls))
    for url in filter(known.__contains__, wanted):
        base, subdir, file = url.rsplit("/", 2)
        subdirs.setdefault(f"{place(base).folder}/{subdir}", {})[file] = known[url]
    files = {f"{folder}/repodata.json": _repodata(folder.rsplit("/", 1)[1], records) for folder, records in sorted(subdirs.items())}
    return files, [url for url in wanted if url not in known]


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


def read_recorded(folder: Path, channels: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """The recorded index as url -> record; `channels` are the canonical urls that locks use."""
    found: dict[str, Mapping[str, Any]] = {}
    for base in set(channels):
        for path in sorted((folder / place(base).folder).glob("*/repodata.json")):
            data = json.loads(path.read_text(encoding="utf-8"))
            for section in ("packages", "packages.conda"):
                found.update({f"{base}/{path.parent.name}/{file}": record for file, record in data.get(section, {}).items()})
    return found
