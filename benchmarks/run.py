"""`make bench`: measure envgen, print tables, and write them to benchmarks/RESULTS.md.

Processes that are compared run in turn, so a slow machine slows down both: compare ratios between machines, not times.
The index is the folder in ENVGEN_INDEX, or the snapshot of public channels beside the checkout, or the recorded index of this
repository. The recorded index holds few records, so solving from it is faster than from a real channel.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent))
from align import align_rows
from big_index import big_index
from choose import choose_rows
from foreign import foreign_rows
from fuzz import fuzz_rows
from pip_section import pip_rows
from real_conda import conda_rows
from records import records_rows
from resolver import Row, resolver_rows
from review import review_rows
from scale import scale_rows

if TYPE_CHECKING:
    from envgen.channels.index import FolderIndex
    from envgen.model.packages import SolveRequest

REPO = Path(__file__).parent.parent
ROUNDS = 9
HEAD = f"""\
# Benchmarks

Written by `make bench`: medians of up to {ROUNDS} rounds (next to `python -c pass`: minima), on {os.cpu_count()} processors. `make bench
ARGS="lock align"` measures some parts again. Other work on the machine makes the seconds longer, the ratios hardly; `resolve` and `review` are processor time.
"""
# 8 cells: four targets on two platforms. Two projects, because the snapshot has no one Python with builds for all of them.
PROJECTS = {
    "older": ("3.11", ["cpu", "cu126"]),
    "newer": ("3.12", ["cu128", "cu129"]),
}


@dataclass(frozen=True)
class Sample:
    """One run: elapsed seconds, seconds of a processor, and the peak memory in MiB (0 if not measured)."""

    seconds: float
    processor: float
    memory: float


def once(argv: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Sample:
    """Run one process to its end. Raises SystemExit if it fails."""
    begun = time.perf_counter()
    with open(os.devnull, "w") as null:
        child = os.posix_spawn(
            argv[0],
            list(argv),
            dict(environment),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, null.fileno(), 2),
            ],
        )
        _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(argv)} exited with {os.waitstatus_to_exitcode(status)} in {cwd}")
    return Sample(time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def timed(work: Callable[[], object]) -> Callable[[], Sample]:
    """A command that calls a function in this process."""

    def call() -> Sample:
        begun, used = time.perf_counter(), time.process_time()
        work()
        return Sample(time.perf_counter() - begun, time.process_time() - used, 0)

    return call


def in_turns(rounds: int, **commands: Callable[[], Sample]) -> dict[str, list[Sample]]:
    """The samples of each command, run as A, B, A, B ...; a first round warms up and is not counted."""
    samples: dict[str, list[Sample]] = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            samples[name].append(command())
    return {name: found[1:] for name, found in samples.items()}


def ratio(over: list[Sample], under: list[Sample]) -> float:
    """The median of the ratios of each round."""
    return statistics.median(a.seconds / b.seconds for a, b in zip(over, under, strict=True))


def median(samples: list[Sample]) -> float:
    """The median time, in seconds."""
    return statistics.median(sample.seconds for sample in samples)


def processor(samples: list[Sample]) -> float:
    """The median processor time, in seconds."""
    return statistics.median(sample.processor for sample in samples)


def workspace(
    folder: Path, projects: Mapping[str, tuple[str, list[str]]] = PROJECTS, platforms: str = "linux-64, linux-aarch64"
) -> Path:
    """Write a repository with the 8 cells, or others, into a folder, and return it."""
    for name in ("matrices", "templates"):
        shutil.copytree(REPO / name, folder / name)
    for name, (python, targets) in projects.items():
        path = folder / "environments" / name / "project.yaml"
        path.parent.mkdir(parents=True)
        lines = [
            f'python: "{python}"',
            'frameworks: {pytorch: "*"}',
            f"targets: {json.dumps(targets)}",
            f"platforms: [{platforms}]",
            "channels: [conda-forge]",
            "numerics: {may-differ: [pytorch]}",
            "dependencies: [numpy, pandas]",
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def requests_of(root: Path, index: Path) -> str:
    """Lock the 8 cells, and return the requests to the solver as the JSON that only_rattler.py reads."""
    from envgen.cli.console import Terminal
    from envgen.lock.pipeline import lock
    from envgen.machine.locked import best_here
    from envgen.model.layout import Layout
    from envgen.model.run import LockRequest
    from envgen.resolver.specs import requests

    outcomes = lock(Layout(root), LockRequest(index_folder=index, jobs=os.cpu_count() or 1), Terminal(), best_here).whole()
    requested = [asdict(request) for outcome in outcomes for request in requests(outcome.resolution)]
    files = plain_files(index, *(request["platform"] for request in requested))
    return json.dumps({"requests": requested, "files": files}, default=str)


def requests_apart(root: Path, index: Path) -> str:
    """The same from a process that ends: the peak memory of a process that is started counts that of this one at its start."""
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as executor:
        return executor.submit(requests_of, root, index).result()


def every_cell(scratch: Path, root: Path, index: Path) -> Sample:
    """Solve every cell of a repository once with rattler alone."""
    job = scratch / "every-cell.json"
    job.write_text(requests_apart(root, index), encoding="utf-8")
    return once([sys.executable, str(REPO / "benchmarks" / "only_rattler.py"), str(job)], REPO, dict(os.environ))


def plain_files(index: Path, *platforms: str) -> dict[str, Path]:
    """The repodata of conda-forge for some platforms and noarch."""
    return {subdir: plain_file(index / "conda-forge" / subdir) for subdir in ("noarch", *platforms)}


def plain_file(folder: Path) -> Path:
    """The repodata of a channel's subdir as plain JSON: in the index folder, or as envgen unpacked it into its cache."""
    from envgen.channels.cache import unpacked

    plain = folder / "repodata.json"
    return plain if plain.is_file() else unpacked(folder / "repodata.json.zst")


def start_rows(run: Callable[..., Callable[[], Sample]]) -> list[Row]:
    """The rows on short commands, on this repository with nothing changed since the run before.

    Each is so many times what Python takes to start and end, in processor time, the least of all rounds: both depend on the
    machine in the same way.
    """
    goals = {"--help": 6, "list": 15, "resolve vision": 15, "verify --project vision": 30, "lock": 35, "matrix lint": 50}
    commands = {name: run("-m", "envgen", *name.split()) for name in goals}
    taken = in_turns(ROUNDS, python=run("-c", "pass"), **commands)
    explained = in_turns(ROUNDS, explain=run("-m", "envgen", "resolve", "both", "--explain"))
    least = {name: min(sample.processor for sample in samples) for name, samples in taken.items()}
    rows = [(name, f"{least[name] / least['python']:.1f}", f"below {goal}") for name, goal in goals.items()]
    return [
        ("python -c pass", f"{least['python'] * 1000:.0f} ms", "-"),
        *((f"envgen {name}, relative to that", figure, goal) for name, figure, goal in rows),
        (
            "envgen resolve of two frameworks with --explain, processor time",
            f"{processor(explained['explain']):.2f} s",
            "below 0.4 s",
        ),
        ("lock of all example projects, with nothing to do, processor time", f"{processor(taken['lock']):.2f} s", "below 0.5 s"),
    ]


def lock_of(count: int) -> str:
    """The text of a lock with `count` packages for one platform: those of vision for linux-64, repeated under other names."""
    text = (REPO / "environments" / "vision" / "cu126" / "conda-lock.yml").read_text(encoding="utf-8")
    head, _, body = text.partition("package:\n")
    entries = [entry for entry in re.split(r"^(?=- name: )", body, flags=re.MULTILINE) if "platform: linux-64" in entry]
    repeated = (again(entry, turn) if turn else entry for turn in range(count // len(entries) + 1) for entry in entries)
    declared = head.replace("  - win-64\n", "")
    return f"{declared}package:\n{''.join(itertools.islice(repeated, count))}"


def again(entry: str, turn: int) -> str:
    """The entry of a package under another name, with the same dependencies."""
    name = entry.split("\n", 1)[0].removeprefix("- name: ")
    return entry.replace(f"- name: {name}\n", f"- name: {name}-x{turn}\n", 1).replace(f"/{name}-", f"/{name}-x{turn}-", 1)


def verify_rows() -> list[Row]:
    """The rows on `envgen verify`: its corpus, and the time for one lock in this process."""
    import yaml

    from envgen.formats.conda_lock import read_lock
    from envgen.matrix.load import load_matrix
    from envgen.verify.check import check

    sys.path.insert(0, str(REPO / "tests"))
    from verify.corpus import score

    matrix, text = load_matrix(REPO / "matrices"), lock_of(970)

    def verify() -> None:
        lock = read_lock(text, "lock")
        if len(lock.packages) != 970 or [found for found in check(lock, {}, matrix) if found.rule != "edited"]:
            raise SystemExit("the lock of 970 packages does not verify")

    taken = in_turns(ROUNDS, verify=timed(verify), yaml=timed(lambda: yaml.load(text, Loader=yaml.CSafeLoader)))
    missed, false, locks = score(matrix)
    return [
        (f"verify, corpus of {locks} locks: misses / false alarms", f"{missed} / {false}", "0 / 0"),
        ("verify, one lock of 970 packages, without start-up", f"{median(taken['verify']) * 1000:.0f} ms", "below 100 ms"),
        (
            "the same, relative to loading its YAML with PyYAML's C loader",
            f"{ratio(taken['verify'], taken['yaml']):.2f}",
            "below 1",
        ),
    ]


def sources() -> set[str]:
    """Every source that the matrices name: each text of a `because:` once."""
    import yaml

    def walk(value: object) -> Iterator[str]:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
            if key == "because":
                yield str(inner)
            yield from walk(inner)

    files = sorted((REPO / "matrices").glob("*.yaml"))
    return {text for path in files for text in walk(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))}


def facts_rows(index: Path) -> list[Row]:
    """The rows on `envgen matrix verify` for this repository's matrices, compared with the same solves by rattler alone."""
    import gc

    from envgen.channels.index import FolderIndex, IndexOptions
    from envgen.channels.solve import attempts
    from envgen.cli.console import Terminal
    from envgen.curate.records import solve
    from envgen.curate.records.compare import compare
    from envgen.curate.request import CurateRequest
    from envgen.model.layout import Layout

    jobs = os.cpu_count() or 1
    verify = partial(compare, Layout(REPO), CurateRequest(index=IndexOptions(index)), Terminal(), solve=True, jobs=jobs)
    gc.disable()  # as the command line does
    with patch.object(solve, "attempts", wraps=attempts) as recorded:
        comparison = verify()
        requests = recorded.call_args.args[0]
        taken = in_turns(
            1,
            verify=timed(verify),
            rattler=timed(lambda: asyncio.run(solve_alone(requests, FolderIndex(index, "bench"), jobs))),
        )
    gc.enable()
    found = Counter(item.verdict for item in comparison.facts)
    missing = sum(len(item.builds) for item in comparison.unclaimed if item.reason == "unknown")
    gone = sum(len(item.builds) for item in comparison.withdrawn)
    seconds = median(taken["verify"])
    return [
        ("matrices: facts about builds / sources", f"{found.total()} / {len(sources())}", "-"),
        ("matrix verify: facts confirmed / undecidable", f"{found['confirmed']} / {found['undecidable']}", "-"),
        ("matrix verify: facts refuted / builds missing from the matrices", f"{found['refuted']} / {missing}", "0 / 0"),
        ("matrix verify: builds in the records that their channel withdrew", str(gone), "-"),
        (f"matrix verify, with {len(requests)} solves", f"{seconds:.0f} s", "below 120 s"),
        ("the same, facts per second", f"{found.total() / seconds:.0f}", "-"),
        ("the same, relative to these solves with rattler alone", f"{ratio(taken['verify'], taken['rattler']):.2f}", "below 2"),
    ]


async def solve_alone(requests: Sequence[SolveRequest], index: FolderIndex, jobs: int) -> None:
    """Solve requests with rattler, `jobs` at a time."""
    from rattler import ChannelPriority, Gateway, GenericVirtualPackage, MatchSpec, PackageName, Version, solve
    from rattler.package.build_string import BuildString

    from envgen.channels.channel import locate

    gate, gateway = asyncio.Semaphore(jobs), Gateway()

    def virtual_package(name: str, value: str) -> GenericVirtualPackage:
        version, _, build = value.partition(" ")
        return GenericVirtualPackage(PackageName(name), Version(version), BuildString(build or "0"))

    async def one(request: SolveRequest) -> None:
        async with gate:
            with contextlib.suppress(Exception):  # no solution is a valid outcome
                await solve(
                    sources=index.sources([locate(channel) for channel in request.channels], request.platform),
                    specs=[MatchSpec(spec, strict=False) for spec in request.specs],
                    gateway=gateway,
                    platforms=[request.platform, "noarch"],  # type: ignore[list-item]
                    virtual_packages=[virtual_package(name, value) for name, value in request.virtual.items()],
                    channel_priority=ChannelPriority.Strict,
                    constraints=list(request.constraints),
                )

    await asyncio.gather(*(one(request) for request in requests))


def cell_rows(root: Path, scratch: Path, environment: Mapping[str, str], index: Path) -> list[Row]:
    """The rows on a lock of 8 cells beside the same solves with rattler alone, both compiled, with one gateway."""
    apart = shutil.copytree(root, scratch / "apart")  # the same without alignment
    for path in apart.glob("environments/*/project.yaml"):
        rest = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("numerics:")]
        path.write_text("\n".join((*rest, "align: false\n")), encoding="utf-8")
    lock = [sys.executable, "-m", "envgen", "--root", str(root), "lock", "--update"]

    def rattler(folder: Path) -> Callable[[], Sample]:
        job = folder / "job.json"
        job.write_text(requests_apart(folder, index), encoding="utf-8")
        return partial(once, [sys.executable, str(REPO / "benchmarks" / "only_rattler.py"), str(job)], REPO, environment)

    cells = in_turns(
        ROUNDS,
        envgen=partial(once, lock, REPO, environment),
        conda_lock=partial(once, [*lock, "--pin-with", "conda-lock"], REPO, environment),
        rattler=rattler(root),
        apart=partial(once, [str(apart) if word == str(root) else word for word in lock], REPO, environment),
        rattler_apart=rattler(apart),
    )

    def processor(over: list[Sample], under: list[Sample]) -> float:
        return statistics.median(a.processor / b.processor for a, b in zip(over, under, strict=True))

    peak = statistics.median(sample.memory for sample in cells["envgen"])
    return [
        (
            "lock of 8 cells, relative to the same solves with rattler alone",
            f"{ratio(cells['envgen'], cells['rattler']):.1f}",
            "below 1.5",
        ),
        ("the same, in processor time", f"{processor(cells['envgen'], cells['rattler']):.1f}", "below 1.2"),
        ("the same with align: false, which solves nothing else", f"{ratio(cells['apart'], cells['rattler_apart']):.1f}", "-"),
        ("the same, in processor time", f"{processor(cells['apart'], cells['rattler_apart']):.1f}", "-"),
        ("the same with --pin-with conda-lock, relative to without", f"{ratio(cells['conda_lock'], cells['envgen']):.1f}", "-"),
        ("lock of 8 cells", f"{median(cells['envgen']):.2f} s", "-"),
        ("the same solves with rattler alone", f"{median(cells['rattler']):.2f} s", "-"),
        ("lock of 8 cells, peak memory", f"{peak:.0f} MiB", "-"),
    ]


def index_rows(scratch: Path, environment: Mapping[str, str], index: Path) -> list[Row]:
    """The rows on a lock of one cell from an index of the size of conda-forge, beside the same solve with rattler alone."""
    root, job, big = workspace(scratch / "one", {"one": ("3.11", ["cu126"])}, "linux-64"), scratch / "one.json", scratch / "big"
    count = big_index(index, big)
    job.write_text(requests_apart(root, big), encoding="utf-8")
    taken = in_turns(
        ROUNDS,
        envgen=partial(once, [sys.executable, "-m", "envgen", "--root", str(root), "lock", "--update"], REPO, environment),
        rattler=partial(once, [sys.executable, str(REPO / "benchmarks" / "only_rattler.py"), str(job)], REPO, environment),
    )
    processor = {name: statistics.median(sample.processor for sample in samples) for name, samples in taken.items()}
    relative = f"{ratio(taken['envgen'], taken['rattler']):.2f}"
    return [
        (f"lock of one cell from {count} records, relative to the same solve with rattler alone", relative, "below 1.15"),
        ("the same, processor time of both", f"{processor['envgen']:.2f} s, {processor['rattler']:.2f} s", "-"),
    ]


def parts(index: Path, scratch: Path) -> Mapping[str, Callable[[], list[Row]]]:
    """Each part of the table, and how it is measured."""
    environment = {**os.environ, "ENVGEN_INDEX": str(index)}
    offline = {name: value for name, value in os.environ.items() if name != "ENVGEN_INDEX"}
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
        "many": lambda: [
            *records_rows(),
            *scale_rows(
                lambda words: once([python, "-m", "envgen", *words], REPO, offline), partial(every_cell, scratch), scratch, 200
            ),
        ],
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
        options = argparse.ArgumentParser(description=__doc__)
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
