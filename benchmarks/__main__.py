"""`make bench`: measure envgen, print tables, and write them to benchmarks/RESULTS.md.

Processes that are compared run in turn, so a slow machine slows down both: compare ratios between machines, not times.
The index is the folder in ENVGEN_INDEX, or the snapshot of public channels beside the checkout, or the recorded index of this
repository. The recorded index holds few records, so solving from it is faster than from a real channel.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.align import align_rows
from benchmarks.cells import plain_files, workspace
from benchmarks.choose import choose_rows
from benchmarks.facts import facts_rows
from benchmarks.foreign import foreign_rows
from benchmarks.fuzz import fuzz_rows
from benchmarks.lock import cell_rows, index_rows
from benchmarks.measure import REPO, ROUNDS, Row, once
from benchmarks.pip_section import pip_rows
from benchmarks.real_conda import conda_rows
from benchmarks.records import records_rows
from benchmarks.resolver import resolver_rows
from benchmarks.review import review_rows
from benchmarks.scale import scale_rows
from benchmarks.start import start_rows
from benchmarks.verify import verify_rows

HEAD = f"""\
# Benchmarks

Written by `make bench`: medians of up to {ROUNDS} rounds (next to `python -c pass`: minima), on {os.cpu_count()} processors. `make bench
ARGS="lock align"` measures some parts again. Other work on the machine makes the seconds longer, the ratios hardly; `resolve` and `review` are processor time.
"""


def parts(index: Path, scratch: Path) -> Mapping[str, Callable[[], list[Row]]]:
    """Each part of the table, and how it is measured."""
    environment = {**os.environ, "ENVGEN_INDEX": str(index)}
    python = sys.executable
    return {
        "start": lambda: start_rows(lambda *argv: partial(once, [python, *argv], REPO, environment)),
        "lock": lambda: cell_rows(workspace(scratch / "cells"), scratch, environment, index),
        "index": lambda: index_rows(scratch, {**os.environ, "ENVGEN_INDEX": str(scratch / "big")}, index),
        "conda": lambda: conda_rows(
            workspace(scratch / "conda"), scratch, environment, plain_files(index, "linux-64", "linux-aarch64")
        ),
        "align": lambda: align_rows(scratch / "align", index),
        "pip": lambda: pip_rows(scratch / "pip", index),
        "choose": lambda: choose_rows(workspace(scratch / "choose"), index),
        "many": lambda: [*records_rows(), *scale_rows(scratch, 200)],
        "review": lambda: review_rows(scratch / "review", 45),
        "verify": lambda: [*verify_rows(), *foreign_rows(scratch)],
        "resolve": resolver_rows,
        "facts": lambda: facts_rows(index),
        "fuzz": lambda: fuzz_rows(scratch / "fuzz"),
    }


def written(text: str) -> dict[str, str]:
    """The tables of RESULTS.md by part."""
    return dict(re.findall(r"^## (\w+)\n\n((?:\|.*\n)+)", text, re.MULTILINE))


def main() -> None:
    """Measure all parts, or those that are named; print their tables, and write them to RESULTS.md, where the others stay."""
    beside = REPO.parent / "shared" / "channels"
    index = Path(os.environ.get("ENVGEN_INDEX") or (beside if beside.is_dir() else REPO / "environments" / "index"))
    path = REPO / "benchmarks" / "RESULTS.md"
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["ENVGEN_CACHE"] = str(Path(scratch) / "cache")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # both sides are compiled, in the round that warms up
        every = parts(index, Path(scratch))
        options = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
        options.add_argument("parts", nargs="*", choices=[[], *every], metavar="PART", help=", ".join(every))
        tables = written(path.read_text(encoding="utf-8"))
        for name in options.parse_args().parts or every:
            rows = [f"| {what} | {value} | {goal} |\n" for what, value, goal in every[name]()]
            if not rows:
                continue
            tables[name] = "".join(["| measured | median | goal |\n", "|---|---:|---|\n", *rows])
            print(f"## {name}\n\n{tables[name]}", flush=True)
            body = "".join(f"\n## {name}\n\n{tables[name]}" for name in every if name in tables)
            path.write_text(f"{HEAD}{body}", encoding="utf-8")


if __name__ == "__main__":
    main()
