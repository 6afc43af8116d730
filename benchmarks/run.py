"""`make bench`: whole processes, measured in turns in one run; the ratios are what to quote.

Prints a table and writes it to benchmarks/RESULTS.md. Solves against an index folder: ENVGEN_INDEX, or the snapshot of public
channels beside the checkout, or the recorded index of this repository (whose few records make solving cheaper than it is).
"""

from __future__ import annotations

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from resolver import resolver_rows

REPO = Path(__file__).parent.parent
ROUNDS = 9
PROJECTS = {  # 8 cells: cpu, cu126, cu128, cu129 x linux-64, linux-aarch64; two pythons, because no snapshot has one for all
    "older": ("3.11", ["cpu", "cu126"]),
    "newer": ("3.12", ["cu128", "cu129"]),
}


@dataclass(frozen=True)
class Sample:
    """One finished process: seconds on the clock, MiB at its peak."""

    seconds: float
    memory: float


def once(argv: Sequence[str], cwd: Path, environment: Mapping[str, str]) -> Sample:
    """Run one process and ask the operating system what it took."""
    begun = time.perf_counter()
    with open(os.devnull, "w") as nowhere:
        child = os.posix_spawn(
            argv[0],
            list(argv),
            dict(environment),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, nowhere.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, nowhere.fileno(), 2),
            ],
        )
        _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(argv)} ended with status {os.waitstatus_to_exitcode(status)} in {cwd}")
    return Sample(time.perf_counter() - begun, usage.ru_maxrss / 1024)


def in_turns(rounds: int, **commands: Callable[[], Sample]) -> dict[str, list[Sample]]:
    """A, B, A, B ...: a machine that slows down slows both; the first round only warms up."""
    samples: dict[str, list[Sample]] = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            samples[name].append(command())
    return {name: found[1:] for name, found in samples.items()}


def ratio(over: list[Sample], under: list[Sample]) -> float:
    """The median of the ratios round by round."""
    return statistics.median(a.seconds / b.seconds for a, b in zip(over, under, strict=True))


def median(samples: list[Sample]) -> float:
    """Seconds."""
    return statistics.median(sample.seconds for sample in samples)


def workspace(folder: Path) -> Path:
    """A repository with the 8 cells."""
    for name in ("matrices", "templates"):
        shutil.copytree(REPO / name, folder / name)
    for name, (python, targets) in PROJECTS.items():
        path = folder / "environments" / name / "project.yaml"
        path.parent.mkdir(parents=True)
        lines = [
            f'python: "{python}"',
            'frameworks: {pytorch: "*"}',
            f"targets: {json.dumps(targets)}",
            "platforms: [linux-64, linux-aarch64]",
            "channels: [conda-forge]",
            "dependencies: [numpy, pandas]",
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def requests_of(root: Path, index: Path) -> str:
    """What the 8 cells ask the solver, as JSON for the process that only solves."""
    from envgen.channels.index import cache_folder
    from envgen.cli.console import Terminal
    from envgen.lock.pipeline import lock
    from envgen.model.layout import Layout
    from envgen.model.run import LockRequest
    from envgen.resolver.specs import requests

    outcomes = lock(Layout(root), LockRequest(index_folder=index, jobs=os.cpu_count() or 1), Terminal())
    asked = [asdict(request) for outcome in outcomes for request in requests(outcome.resolution)]
    unpacked = sorted(str(path) for path in (cache_folder() / "repodata").glob("*.json"))
    return json.dumps({"requests": asked, "index": str(index), "cache": unpacked}, default=str)


def lock_of(count: int) -> str:
    """A lock of one platform with so many packages: the committed linux-64 ones of vision, again with a suffix to their names."""
    text = (REPO / "environments" / "vision" / "cu126" / "conda-lock.yml").read_text(encoding="utf-8")
    head, _, body = text.partition("package:\n")
    entries = [entry for entry in re.split(r"^(?=- name: )", body, flags=re.MULTILINE) if "platform: linux-64" in entry]
    repeated = (again(entry, turn) if turn else entry for turn in range(count // len(entries) + 1) for entry in entries)
    declared = head.replace("  - win-64\n", "")
    return f"{declared}package:\n{''.join(itertools.islice(repeated, count))}"


def again(entry: str, turn: int) -> str:
    """The entry of a package under another name; its dependencies are the first one's."""
    name = entry.split("\n", 1)[0].removeprefix("- name: ")
    return entry.replace(f"- name: {name}\n", f"- name: {name}-x{turn}\n", 1).replace(f"/{name}-", f"/{name}-x{turn}-", 1)


def verify_rows() -> list[tuple[str, str, str]]:
    """`envgen verify` in one process, after start-up, and its corpus."""
    import yaml

    from envgen.formats.conda_lock import read_lock
    from envgen.matrix.load import load_matrix
    from envgen.verify.check import check

    sys.path.insert(0, str(REPO / "tests"))
    from verify.corpus import score

    matrix, text = load_matrix(REPO / "matrices"), lock_of(970)

    def timed(work: Callable[[], object]) -> Callable[[], Sample]:
        def once() -> Sample:
            begun = time.perf_counter()
            work()
            return Sample(time.perf_counter() - begun, 0)

        return once

    def judge() -> None:
        lock = read_lock(text, "lock")
        if len(lock.packages) != 970 or [found for found in check(lock, {}, matrix) if found.rule != "edited"]:
            raise SystemExit("the lock of 970 packages is not what it was meant to be")

    taken = in_turns(ROUNDS, verify=timed(judge), yaml=timed(lambda: yaml.load(text, Loader=yaml.CSafeLoader)))
    missed, false, judged = score(matrix)
    return [
        (f"verify corpus: misses / false alarms of {judged}", f"{missed} / {false}", "0 / 0"),
        ("verify, one lock of 970 packages after start-up", f"{median(taken['verify']) * 1000:.0f} ms", "below 100 ms"),
        ("the same / loading its YAML with PyYAML's C loader", f"{ratio(taken['verify'], taken['yaml']):.2f}", "below 1"),
    ]


def facts_rows(index: Path) -> list[tuple[str, str, str]]:
    """`envgen matrix verify` on this repository's matrices, in one process, against the same solves with rattler alone."""
    import asyncio
    import gc

    from rattler import ChannelPriority, Gateway, GenericVirtualPackage, MatchSpec, PackageName, Version
    from rattler import solve as rattler_solve
    from rattler.package.build_string import BuildString

    from envgen.channels.channel import place
    from envgen.channels.index import FolderIndex, IndexOptions
    from envgen.cli.console import Terminal
    from envgen.curate.records import solve
    from envgen.curate.records.verify import verified
    from envgen.curate.request import CurateRequest
    from envgen.model.layout import Layout

    jobs, asked, whole = os.cpu_count() or 1, [], solve.attempts

    def kept(requests, *rest):
        asked[:] = requests
        return whole(requests, *rest)

    solve.attempts = kept

    def verify() -> Sample:
        begun = time.perf_counter()
        found.append(verified(Layout(REPO), CurateRequest(IndexOptions(index)), Terminal(), solve=True, jobs=jobs))
        return Sample(time.perf_counter() - begun, 0)

    async def all_solves(records: FolderIndex) -> None:
        gate, gateway = asyncio.Semaphore(jobs), Gateway()

        async def one(request) -> None:
            async with gate:
                with contextlib.suppress(Exception):  # no solution is an answer, too
                    await rattler_solve(
                        sources=records.sources([place(channel) for channel in request.channels], request.platform),
                        specs=[MatchSpec(spec, strict=False) for spec in request.specs],
                        gateway=gateway,
                        platforms=[request.platform, "noarch"],
                        virtual_packages=[
                            GenericVirtualPackage(
                                PackageName(name), Version(value.split()[0]), BuildString((*value.split(), "0")[1])
                            )
                            for name, value in request.virtual.items()
                        ],
                        channel_priority=ChannelPriority.Strict,
                        constraints=[f"{name} <0a0" for name in request.excluded],
                    )

        await asyncio.gather(*(one(request) for request in asked))

    def alone() -> Sample:
        begun = time.perf_counter()
        asyncio.run(all_solves(FolderIndex(index, "bench")))
        return Sample(time.perf_counter() - begun, 0)

    found: list = []
    gc.disable()  # as the command line does
    taken = in_turns(2, verify=verify, rattler=alone)
    gc.enable()
    solve.attempts = whole
    verdicts = [item.verdict for item in found[-1].judged]
    told = {verdict: verdicts.count(verdict) for verdict in ("confirmed", "refuted", "undecidable")}
    seconds = median(taken["verify"])
    return [
        ("matrix verify: confirmed / claimed facts", f"{told['confirmed']} / {len(verdicts)}", "-"),
        (
            "matrix verify: refuted facts / unknown builds",
            f"{told['refuted']} / {sum(u.why is None for u in found[-1].unclaimed)}",
            "0 / 0",
        ),
        (f"matrix verify, {len(asked)} solves", f"{seconds:.0f} s", "below 120 s"),
        ("the same, facts a second", f"{len(verdicts) / seconds:.0f}", "-"),
        ("the same / the same solves with rattler alone", f"{ratio(taken['verify'], taken['rattler']):.2f}", "below 2"),
    ]


def rows(index: Path, scratch: Path) -> list[tuple[str, str, str]]:
    """What is measured, what it gave, what it should give."""
    os.environ["ENVGEN_CACHE"] = str(scratch / "cache")
    environment = {**os.environ, "ENVGEN_INDEX": str(index)}
    root = workspace(scratch / "cells")
    asked = scratch / "asked.json"
    asked.write_text(requests_of(root, index), encoding="utf-8")
    python, envgen = sys.executable, [sys.executable, "-m", "envgen"]
    run = lambda *argv: lambda: once(argv, REPO, environment)  # noqa: E731

    start = in_turns(ROUNDS, help=run(*envgen, "--help"), python=run(python, "-c", "pass"))
    again = in_turns(ROUNDS, nothing=run(*envgen, "--root", str(REPO), "lock"))["nothing"]
    cells = in_turns(
        ROUNDS,
        envgen=run(*envgen, "--root", str(root), "lock", "--update"),
        rattler=run(python, str(REPO / "benchmarks" / "only_rattler.py"), str(asked)),
    )
    peak = statistics.median(sample.memory for sample in cells["envgen"])
    return [
        ("envgen --help / python -c pass", f"{ratio(start['help'], start['python']):.1f}", "below 6"),
        ("nothing to do, all example projects", f"{median(again):.2f} s", "below 0.5 s"),
        ("lock of 8 cells / the same solves with rattler alone", f"{ratio(cells['envgen'], cells['rattler']):.1f}", "below 2"),
        ("lock of 8 cells", f"{median(cells['envgen']):.2f} s", "-"),
        ("rattler alone", f"{median(cells['rattler']):.2f} s", "-"),
        ("lock of 8 cells, peak memory", f"{peak:.0f} MiB", "-"),
        *verify_rows(),
        *facts_rows(index),
        *resolver_rows(),
    ]


def main() -> None:
    """Measure, print, keep."""
    beside = REPO.parent / "shared" / "channels"
    index = Path(os.environ.get("ENVGEN_INDEX") or (beside if beside.is_dir() else REPO / "environments" / "index"))
    with tempfile.TemporaryDirectory() as scratch:
        found = rows(index, Path(scratch))
    lines = ["| measured | median | aim |", "|---|---:|---|", *(f"| {what} | {value} | {aim} |" for what, value, aim in found)]
    print("\n".join(lines))
    head = f"# Benchmarks\n\nWritten by `make bench`; medians of {ROUNDS} rounds, whole processes in turns, {os.cpu_count()} processors.\n\n"
    (REPO / "benchmarks" / "RESULTS.md").write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
