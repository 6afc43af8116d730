"""Cuts tests/records/ out of the snapshot of public channels: the genuine package records that tests need on any machine.

    PYTHONPATH=.:tests python -m system.sample ../shared/channels

They are the packages of every solution that test_advice and test_verify ask for; where an advised request ends with a CPU build, also those of
the CUDA build that it could have had, so that the solver has the choice. Run it again when a trial of advice.yaml or the grid of test_verify changes.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import zstandard
from conftest import SAMPLE, clean_environment, repository
from system import test_advice, test_verify
from unit import heard

from envgen.channels.index import FolderIndex
from envgen.model.platforms import PLATFORMS

File = tuple[str, str, str]  # channel, subdir, file name
CHANNELS = ("conda-forge", "nvidia", "pytorch")
SECTIONS = ("packages", "packages.conda")


def of_advice(snapshot: Path) -> Iterator[File]:
    """What the trials of advice.yaml get, and what they could get instead."""
    index = FolderIndex(snapshot, "snapshot", test_advice.MATRIX.withdrawn)
    for name, trial in [*test_advice.trials(), *test_advice.contraries()]:
        seen = replace(trial, virtual={})  # a machine that tells its driver
        forced = [
            replace(seen, specs=(*trial.specs, f"{package} * {build}"))
            for package in _frameworks(trial.specs)
            for build in ("*cuda*", "*cpu*")
        ]
        for asked in (trial, seen, *forced):
            for record in test_advice.solved(index, test_advice.MATRIX, heard.TOLD[name][0], asked) or ():
                channel, subdir, file = str(record.url).rsplit("/", 2)
                yield next(known for known in CHANNELS if channel.endswith(f"/{known}")), subdir, file


def _frameworks(specs: Iterable[str]) -> set[str]:
    names = {spec.split()[0].rpartition("::")[2] for spec in specs}
    return (names & test_advice.NAMES) | ({"jaxlib"} if "jax" in names else set())


def of_grid(snapshot: Path) -> Iterator[File]:
    """What the locks of test_verify's grid name."""
    with TemporaryDirectory() as folder:
        workspace = repository(Path(folder) / "repository", clean_environment(Path(folder)))
        for name in test_verify.GRID:
            test_verify.lock_grid(workspace, name, snapshot)
        recorded = workspace.root / "environments" / "index"
        for path in sorted(recorded.rglob("repodata.json")):
            data = json.loads(path.read_text(encoding="utf-8"))
            channel, subdir = path.parent.parent.relative_to(recorded).as_posix(), path.parent.name
            yield from ((channel, subdir, file) for section in SECTIONS for file in data[section])


def write(folder: Path, snapshot: Path, files: set[File]) -> None:
    """Every subdir of every channel, with a record on each line."""
    for channel in CHANNELS:
        for subdir in (*PLATFORMS, "noarch"):
            whole = repodata(snapshot / channel / subdir)
            kept = {
                section: {file: row for file, row in whole[section].items() if (channel, subdir, file) in files}
                for section in SECTIONS
            }
            path = folder / channel / subdir / "repodata.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_text(subdir, kept), encoding="utf-8")


def repodata(folder: Path) -> dict[str, Any]:
    """One repodata.json.zst."""
    with (folder / "repodata.json.zst").open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as stream:
        return {section: {} for section in SECTIONS} | json.loads(stream.read())


def _text(subdir: str, sections: dict[str, dict[str, Any]]) -> str:
    def lines(rows: dict[str, Any]) -> str:
        found = ",\n".join(f"  {json.dumps(file)}: {json.dumps(rows[file], sort_keys=True)}" for file in sorted(rows))
        return f"{{\n{found}\n }}" if rows else "{}"

    parts = [
        f' "info": {{"subdir": "{subdir}"}}',
        *(f' "{name}": {lines(rows)}' for name, rows in sections.items()),
        ' "repodata_version": 1',
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    os.environ.setdefault("ENVGEN_CACHE", str(Path.home() / ".cache" / "envgen"))
    source = Path(sys.argv[1]).resolve()
    write(SAMPLE, source, {*of_advice(source), *of_grid(source)})
