"""Servers with a random fault at a random request: `make attack`. A named error in time or a lock, and the next good answer is enough."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from conftest import Workspace
from system import faulty
from system.channel import build
from system.faulty import Handler
from system.test_faults import PROJECT, SIZE, size_of

ROUNDS = int(os.environ.get("ENVGEN_ROUNDS", "50"))
SEED = os.environ.get("ENVGEN_SEED", "1")
FAULTS = {
    name: getattr(faulty, name)
    for name in ("silent", "stuck", "drip", "endless", "bomb", "garbage", "short", "long", "redirected_for_ever", "cut_zstd")
} | {str(code): faulty.status(code) for code in (400, 403, 404, 429, 500, 503)}
STATED = 30


def test_rounds_of_faults(workspace: Workspace, tmp_path: Path) -> None:
    chance, seen, slowest = random.Random(SEED), Counter[tuple[str, int]](), 0.0
    build(tmp_path / "channels" / "mychannel")
    faulty.bombed(1 << 28)
    for number in range(ROUNDS):
        cache = tmp_path / f"cache{number}"
        limits = {"ENVGEN_TIMEOUT": "2", "ENVGEN_MAX_SIZE": str(SIZE), "ENVGEN_CACHE": str(cache)}
        site = replace(workspace, environment={**workspace.environment, **limits})
        name, first, left = chance.choice(list(FAULTS)), chance.randrange(12), [True]
        count = [0]

        def fault(handler: Handler, path: str) -> bool:
            count[0] += 1
            return bool(left[0] and count[0] > first and FAULTS[name](handler, path))

        with faulty.faulty(tmp_path / "channels", fault) as server:
            site.project("p", PROJECT.format(channel=server.url("mychannel"), own="numpy, einops"))
            before, begun = site.files(), time.monotonic()
            done = site.envgen("lock", "--update")
            slowest = max(slowest, time.monotonic() - begun)
            assert time.monotonic() - begun < STATED, (name, first)
            assert done.status in (0, 2, 4), (name, first, done.err)  # 2: a channel that lies may lack a package
            assert "Traceback" not in done.err, (name, first)
            assert done.status == 0 or site.files() == before, (name, first)
            assert size_of(cache) < 2 * SIZE * 10**6
            left[0] = False
            again = site.envgen("lock", "--update")
            assert again.status == 0, (name, first, again.err)
            seen[name, done.status] += 1
        (site.root / "environments" / "p" / "cpu" / "conda-lock.yml").unlink()
    rows = ", ".join(f"{name} {status}: {number}" for (name, status), number in sorted(seen.items()))
    print(f"\nfaulty servers: {ROUNDS} rounds, slowest {slowest:.1f} s, each healed by the next good answer\n  {rows}")
