"""Many runs at once on a busy machine: `make attack`. Each ends as it does alone, with the same output and the same bytes."""

from __future__ import annotations

import os
import random
import re
import shutil
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from conftest import Run, Workspace, clean_environment, repository
from system.channel import PROJECT

ROUNDS = int(os.environ.get("ENVGEN_ROUNDS", "50"))
SEED = os.environ.get("ENVGEN_SEED", "1")
AT_ONCE = 4 * (os.cpu_count() or 1)
FRESH = 5  # one run in so many is a new interpreter, the others are forks of one that has imported everything
COMMANDS = ("lock --update", "lock --check", "lock", "verify", "verify --json", "list --json", "resolve p --json", "doctor --json")


def plain(text: str) -> str:
    """A text without the seconds that a run took, and the width that they give to a table."""
    return re.sub(r"─+|  +", " ", re.sub(r"\d+\.\d s\b|\d+ ms\b", "SECONDS", text))


def test_runs_under_load(tmp_path: Path, index: Path) -> None:
    made = repository(tmp_path / "alone", clean_environment(tmp_path))
    made.project("p", PROJECT)
    assert made.envgen("lock", "--index", index).status == 0
    files = made.files()
    variables = {"ENVGEN_INDEX": str(index)}

    def run(site: Workspace, command: str, *, fresh: bool) -> Run:
        done = site.envgen(*command.split(), fresh=fresh, **variables)
        return Run(done.status, *(plain(text.replace(str(site.root), "ROOT")) for text in (done.out, done.err)))

    alone = {command: run(made, command, fresh=False) for command in COMMANDS}
    assert all(row.status in (0, 1) for row in alone.values()), alone
    chance = random.Random(SEED)
    jobs = [(chance.choice(COMMANDS), number % FRESH == 0, number) for number in range(ROUNDS)]
    seen, begun = Counter[str](), time.monotonic()

    def one(job: tuple[str, bool, int]) -> None:
        command, fresh, number = job
        site = Workspace(tmp_path / f"site{number}", made.environment)
        shutil.copytree(made.root, site.root)
        done = run(site, command, fresh=fresh)
        assert done == alone[command], (command, fresh, done)
        assert site.files() == files, command
        shutil.rmtree(site.root)
        seen[command] += 1

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, jobs))
    rows = ", ".join(f"{command} {number}" for command, number in sorted(seen.items()))
    fresh = sum(row[1] for row in jobs)
    print(
        f"\nload: {ROUNDS} runs, {AT_ONCE} at once, {fresh} in new interpreters, {time.monotonic() - begun:.0f} s, 0 differ\n  {rows}"
    )
