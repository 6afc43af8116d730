"""`envgen matrix verify` on the matrices of this repository, beside the same solves by rattler alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from benchmarks.measure import REPO, Row, in_turns, median, ratio, timed

if TYPE_CHECKING:
    from envgen.channels.index import FolderIndex
    from envgen.model.packages import SolveRequest


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
