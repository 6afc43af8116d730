"""`envgen verify` on the locks of others: the kinds that people reported, and the time beside that of the C YAML loader."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import yaml

from benchmarks.measure import REPO, Row

ROUNDS = 3
SIZE = 1_700_000  # characters


def foreign_rows(scratch: Path) -> list[Row]:
    """The rows on kinds that are caught and missed, and on the time for one large lock that another tool wrote."""
    sys.path.insert(0, str(REPO / "tests"))
    from verify.corpus import seen

    from envgen.matrix.load import load_matrix

    found = seen(load_matrix(REPO / "matrices"))
    counted = f"{found.caught} / {found.kinds - found.caught} / {found.alarms}"
    path = large_lock(scratch)
    return [
        (
            f"verify, {found.kinds} reported kinds and {found.sound} sound locks: caught / missed / false alarms",
            counted,
            "30 or more / - / 0",
        ),
        ("verify, a lock of 1.7 MB: time beside that of the C YAML loader", f"{ratio(path):.1f}", "below 2"),
    ]


def large_lock(scratch: Path) -> Path:
    """A lock with the packages of a committed one, again and again under other names, with keys in the order of the alphabet."""
    source = max((REPO / "environments").glob("*/*/conda-lock.yml"), key=lambda path: path.stat().st_size)
    data = yaml.load(source.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    packages = list(data["package"])
    turns = SIZE // source.stat().st_size + 1
    data["package"] = [renamed(package, turn) for turn in range(turns) for package in packages]
    path = scratch / "large.yml"
    path.write_text(yaml.dump(data, Dumper=yaml.CSafeDumper, sort_keys=True, width=10**6), encoding="utf-8")
    return path


def renamed(package: dict[str, object], turn: int) -> dict[str, object]:
    """A package of a lock with another name; the first turn keeps it."""
    return {**package, "name": f"{package['name']}-{turn}"} if turn else package


def ratio(path: Path) -> float:
    """How many times the time of the C YAML loader `verify` takes for a lock, as the median of some rounds."""
    from envgen.matrix.load import load_matrix
    from envgen.verify.verify import VerifyRequest, verified

    def no_project(name: str) -> None:
        raise AssertionError(name)

    matrix = load_matrix(REPO / "matrices")
    asked = VerifyRequest(paths=(path,), target=None, project=None, virtual=None, hashes=False)
    found = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        loaded = time.process_time()
        _, errors = verified(None, matrix, no_project, asked)  # type: ignore[arg-type]
        found.append((time.process_time() - loaded) / (loaded - begun))
        if errors:
            raise errors[0]
    return statistics.median(found)
