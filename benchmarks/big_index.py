"""An index with as many records as conda-forge has for one platform: those of a small one, again and again under other names."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard

RECORDS = 455_000  # those of conda-forge for linux-64 and noarch (2026)


def big_index(small: Path, folder: Path) -> int:
    """Write the records of conda-forge for linux-64 and noarch into a folder, so often that there are enough, and return how many."""
    read = {subdir: repodata(small / "conda-forge" / subdir) for subdir in ("linux-64", "noarch")}
    turns = -(-RECORDS // sum(len(data[kind]) for data in read.values() for kind in KINDS))
    for subdir, data in read.items():
        path = folder / "conda-forge" / subdir / "repodata.json"
        path.parent.mkdir(parents=True)
        rows = {kind: dict(sorted(renamed(data[kind], turns))) for kind in KINDS}
        path.write_text(json.dumps({"info": {"subdir": subdir}, **rows}, separators=(",", ":")), encoding="utf-8")
    return turns * sum(len(data[kind]) for data in read.values() for kind in KINDS)


KINDS = ("packages", "packages.conda")


def repodata(folder: Path) -> dict[str, Any]:
    """The records of a subdir, packed or not."""
    plain = folder / "repodata.json"
    if plain.is_file():
        return dict(json.loads(plain.read_text(encoding="utf-8")))
    with (folder / "repodata.json.zst").open("rb") as file:
        return dict(json.load(io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")))


def renamed(records: dict[str, dict[str, Any]], turns: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The records as they are, and so many times less one under other names."""
    yield from records.items()
    for turn in range(1, turns):
        yield from ((f"x{turn}-{file}", {**record, "name": f"x{turn}-{record['name']}"}) for file, record in records.items())
