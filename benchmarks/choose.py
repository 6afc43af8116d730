"""The cost of a choice that the records change: solves and seconds, beside a project whose first choice solves."""

from __future__ import annotations

import os
import time
from pathlib import Path
from unittest.mock import patch

Row = tuple[str, str, str]  # what is measured, the measured value, the goal
ROUNDS = 3
HEAD = 'python: ">=3.10"\ntargets: [{target}]\nplatforms: [linux-64]\nchannels: [conda-forge]\n'
FIRST = (
    "pytorch, numpy, pandas for cpu and cu126",
    "cpu, cu126",
    'frameworks: {pytorch: "2.7.1"}\ndependencies: [numpy, pandas]\n',
)
MOVED = (
    ("pytorch with flash-attn for cu129", "cu129", 'frameworks: {pytorch: "*"}\ndependencies: [flash-attn]\n'),
    ("pytorch with xformers for cu118", "cu118", 'frameworks: {pytorch: "*"}\ndependencies: [xformers]\n'),
    ("jax with tensorflow for cpu and cu126", "cpu, cu126", 'frameworks: {jax: "*", tensorflow: "*"}\n'),
)


def locked(root: Path, target: str, text: str, index: Path) -> tuple[int, float, list[str]]:
    """Solves and seconds of one lock, and the choice of its first target."""
    import rattler

    from envgen.cli.console import Terminal
    from envgen.lock.pipeline import lock
    from envgen.machine.locked import best_here
    from envgen.model.layout import Layout
    from envgen.model.run import LockRequest

    path = root / "environments" / "bench" / "project.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD.format(target=target) + text, encoding="utf-8")
    request = LockRequest(projects=("bench",), index_folder=index, jobs=os.cpu_count() or 1, update=True)
    begun = time.perf_counter()
    with patch("envgen.channels.solve.rattler_solve", wraps=rattler.solve) as counted:
        outcomes = lock(Layout(root), request, Terminal(), best_here).whole()
    resolution = outcomes[0].resolution
    chosen = [f"{choice.release.framework} {choice.release.version}" for choice in resolution.choices]
    return counted.call_count, time.perf_counter() - begun, [*chosen, f"python {resolution.python}"]


def pinned(chosen: list[str], text: str) -> str:
    """The project with the releases of the choice written into it."""
    rows = ", ".join('{}: "{}"'.format(*row.split(" ")) for row in chosen[:-1])
    rest = [line for line in text.splitlines(keepends=True) if not line.startswith("frameworks:")]
    return "".join((f"frameworks: {{{rows}}}\n", *rest))


def choose_rows(root: Path, index: Path) -> list[Row]:
    """The rows on choices that the records change; none where the index holds too little for them."""
    from envgen.model.errors import EnvgenError

    found: list[Row] = []
    try:
        count, _, _ = min((locked(root, *FIRST[1:], index) for _ in range(ROUNDS)), key=lambda row: row[1])
        found.append((f"lock of {FIRST[0]}, whose first choice solves: solves for 2 cells, and one to align them", str(count), "3"))
        for what, target, text in MOVED:
            runs = [locked(root, target, text, index) for _ in range(ROUNDS)]
            count, seconds, chosen = min(runs, key=lambda row: row[1])
            cells = len(target.split(","))
            alone = min(locked(root, target, pinned(chosen, text), index)[1] for _ in range(ROUNDS))
            label = f"lock of {what}, moved to {', '.join(chosen)}: solves beyond the {cells} of its cells, with the reason"
            found.append((label, str(count - cells), "-"))
            found.append(
                ("the same, seconds more than with these releases written in the project", f"{seconds - alone:.2f} s", "below 5 s")
            )
    except EnvgenError as error:
        print(f"not measured in this index: {error.what.splitlines()[0]}")
    return found
