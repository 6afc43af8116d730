"""Processor time of the resolver: the whole matrix, an explained conflict, and the growth with the number of releases."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from packaging.version import Version

from benchmarks.measure import REPO, Row
from envgen.explain.explain import conflict
from envgen.matrix.load import load_matrix
from envgen.model.facts import Framework, Matrix
from envgen.model.project import Project
from envgen.project.load import load_project
from envgen.resolver.resolve import Problem, Unsatisfiable, answer, possible

ROUNDS = 5
THREE = ("pytorch", "tensorflow", "jax")


def project(matrix: Matrix, frameworks: str, targets: str, python: str) -> Project:
    """A project for linux-64, read from a file as `envgen` reads one."""
    head = f'python: "{python}"\nframeworks: {frameworks}\ntargets: [{targets}]\n'
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench" / "project.yaml"
        path.parent.mkdir()
        path.write_text(f"{head}platforms: [linux-64]\nchannels: [conda-forge, pytorch, nvidia]\n", encoding="utf-8")
        return load_project(path, "bench", matrix)


def median_seconds(do: Callable[[], object]) -> float:
    """The median time of ROUNDS calls, in seconds of the processor: other work on the machine hardly changes it."""
    taken = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        do()
        taken.append(time.process_time() - begun)
    return statistics.median(taken)


def more_releases(framework: Framework, times: int) -> Framework:
    """The framework with `times` as many releases: 2.7.1 is repeated as 2.7.1.post1, 2.7.1.post2 and so on.

    A range that admits a release admits its copies.
    """
    releases = [
        replace(row, version=Version(f"{row.version}.post{copy}")) if copy else row
        for row in framework.releases
        for copy in reversed(range(times))
    ]
    return replace(framework, releases=tuple(releases))


def _answer(problem: Problem) -> None:
    """Answer a problem that nobody has asked before: one keeps its answer."""
    answer(replace(problem))


def resolver_rows() -> list[Row]:
    """The rows on the resolver."""
    matrix = load_matrix(REPO / "matrices")
    every = [
        Problem(matrix, project(matrix, f'{{{framework}: "*"}}', target, str(python)))
        for framework in matrix.frameworks
        for target in matrix.targets
        for python in sorted(matrix.pythons)
    ]
    whole = median_seconds(lambda: [possible(problem) for problem in every])
    three = [(times, _grown(matrix, times)) for times in (1, 2, 4, 8)]
    taken = [(times, median_seconds(partial(_answer, problem))) for times, problem in three]
    growth = math.log(taken[-1][1] / taken[0][1]) / math.log(taken[-1][0])
    contradiction = Problem(matrix, project(matrix, '{pytorch: ">=2.9", tensorflow: "2.18.*"}', "cpu, cu126", ">=3.9"))
    explained = median_seconds(lambda: conflict(replace(contradiction)))
    return [
        (f"resolve: {len(every)} problems (each framework, target and Python), one core", f"{whole:.2f} s", "below 1 s"),
        ("resolve: three frameworks, four targets", f"{taken[0][1] * 1000:.0f} ms", "-"),
        ("the same with 8 times the releases: time grows with the releases to the power of", f"{growth:.2f}", "at most 1"),
        ("explain a conflict of two frameworks, with repairs", f"{explained * 1000:.0f} ms", "-"),
    ]


def _grown(matrix: Matrix, times: int) -> Problem:
    """Three frameworks for four targets, with `times` as many releases of these."""
    more = {name: more_releases(matrix.frameworks[name], times) for name in THREE}
    grown, asked = replace(matrix, frameworks={**matrix.frameworks, **more}), ", ".join(f'{name}: "*"' for name in THREE)
    try:
        return Problem(grown, project(grown, f"{{{asked}}}", "cpu, cu118, cu126, cu129", ">=3.9"))
    except Unsatisfiable as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    for what, value, goal in resolver_rows():
        print(f"{what}: {value} (goal: {goal})")
