"""Short commands, on this repository with nothing changed since the run before."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.measure import ROUNDS, Row, Sample, in_turns, processor


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
