"""The cost of a choice that the records change: solves and seconds, beside a project whose first choice solves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.counted_lock import Counted, counted_lock
from benchmarks.measure import Row

if TYPE_CHECKING:
    from envgen.model.resolution import Resolution

ROUNDS = 3
HEAD = 'python: ">=3.10"\ntargets: [{target}]\nplatforms: [linux-64]\nchannels: [conda-forge]\nframeworks: {{{frameworks}}}\n'
FIRST = ("cpu, cu126", 'pytorch: "2.7.1"', "dependencies: [numpy, pandas]\n")
MOVED = (
    ("pytorch with flash-attn for cu129", "cu129", 'pytorch: "*"', "dependencies: [flash-attn]\n"),
    ("pytorch with xformers for cu118", "cu118", 'pytorch: "*"', "dependencies: [xformers]\n"),
    ("jax with tensorflow for cpu and cu126", "cpu, cu126", 'jax: "*", tensorflow: "*"', ""),
)


def choose_rows(root: Path, index: Path) -> list[Row]:
    """The rows on choices that the records change; none where the index holds too little for them."""
    from envgen.model.errors import EnvgenError

    try:
        first = _fastest(root, index, *FIRST)
        return [
            (
                "lock of pytorch, numpy, pandas for cpu and cu126, whose first choice solves: solves for 2 cells, and one to align them",
                str(first.solves),
                "3",
            ),
            *(row for moved in MOVED for row in _moved_rows(root, index, *moved)),
        ]
    except EnvgenError as error:
        print(f"not measured in this index: {error.what.splitlines()[0]}")
        return []


def _moved_rows(root: Path, index: Path, what: str, target: str, frameworks: str, rest: str) -> list[Row]:
    """The rows on one project, beside the same with what was chosen written into it."""
    moved = _fastest(root, index, target, frameworks, rest)
    chosen, python = _chosen(moved.resolution), moved.resolution.python
    pinned = ", ".join(f'{name}: "{version}"' for name, version in chosen.items())
    alone = _fastest(root, index, target, pinned, rest)
    cells = len(target.split(","))
    told = ", ".join((*(f"{name} {version}" for name, version in chosen.items()), f"python {python}"))
    seconds = moved.sample.seconds - alone.sample.seconds
    return [
        (
            f"lock of {what}, moved to {told}: solves beyond the {cells} of its cells, with the reason",
            str(moved.solves - cells),
            "-",
        ),
        ("the same, seconds more than with these releases written in the project", f"{seconds:.2f} s", "below 5 s"),
    ]


def _fastest(root: Path, index: Path, target: str, frameworks: str, rest: str) -> Counted:
    text = HEAD.format(target=target, frameworks=frameworks) + rest
    return min((counted_lock(root, "bench", text, index) for _ in range(ROUNDS)), key=lambda run: run.sample.seconds)


def _chosen(resolution: Resolution) -> dict[str, str]:
    """Framework to version, of the first target."""
    return {choice.release.framework: str(choice.release.version) for choice in resolution.choices}
