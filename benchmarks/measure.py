"""How a command or a function is measured: processes in turns, so that a slow machine slows down all that is compared."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).parent.parent
ROUNDS = 9
Row = tuple[str, str, str]  # what is measured, the measured value, the goal


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


def processor_ratio(over: list[Sample], under: list[Sample]) -> float:
    """The median of the ratios of each round, in processor time."""
    return statistics.median(a.processor / b.processor for a, b in zip(over, under, strict=True))


def median(samples: list[Sample]) -> float:
    """The median time, in seconds."""
    return statistics.median(sample.seconds for sample in samples)


def processor(samples: list[Sample]) -> float:
    """The median processor time, in seconds."""
    return statistics.median(sample.processor for sample in samples)
