"""What the resolver costs: the whole matrix, an explained conflict, and how the cost grows with the number of releases."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from packaging.version import Version

from envgen.explain.explain import conflict
from envgen.matrix.load import load_matrix
from envgen.model.facts import Framework, Matrix, Project
from envgen.project.load import load_project
from envgen.resolver.resolve import Problem, Unsatisfiable, answer, possible

REPO = Path(__file__).parent.parent
ROUNDS = 5
THREE = '{pytorch: "*", tensorflow: "*", jax: "*"}'


def project(matrix: Matrix, frameworks: str, targets: str, python: str) -> Project:
    """A project for linux-64."""
    head = f'python: "{python}"\nframeworks: {frameworks}\ntargets: [{targets}]\n'
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench" / "project.yaml"
        path.parent.mkdir()
        path.write_text(f"{head}platforms: [linux-64]\nchannels: [conda-forge, pytorch, nvidia]\n", encoding="utf-8")
        return load_project(path, "bench", matrix)


def best_of(do: Callable[[], object]) -> float:
    """Seconds, the median of some rounds, on one core."""
    taken = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        do()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def more_releases(framework: Framework, times: int) -> Framework:
    """So many times the releases: each again as 2.7.1.post1, 2.7.1.post2, which every range takes for 2.7.1."""
    releases = [
        replace(row, version=Version(f"{row.version}.post{place}")) if place else row
        for row in framework.releases
        for place in reversed(range(times))
    ]
    return replace(framework, releases=tuple(releases))


def resolver_rows() -> list[tuple[str, str, str]]:
    """What is measured, what it gave, what it should give."""
    matrix = load_matrix(REPO / "matrices")
    every = [
        Problem(matrix, project(matrix, f'{{{framework}: "*"}}', target, str(python)))
        for framework in matrix.frameworks
        for target in matrix.targets
        for python in sorted(matrix.pythons)
    ]
    whole = best_of(lambda: [possible(question) for question in every])
    three = [(times, _grown(matrix, times)) for times in (1, 2, 4, 8)]
    taken = [(times, best_of(lambda question=question: answer(question))) for times, question in three]
    growth = math.log(taken[-1][1] / taken[0][1]) / math.log(taken[-1][0])
    clash = Problem(matrix, project(matrix, '{pytorch: ">=2.9", tensorflow: "2.18.*"}', "cpu, cu126", ">=3.9"))
    return [
        (f"resolve: {len(every)} questions, every framework x target x python, one core", f"{whole:.2f} s", "below 1 s"),
        ("resolve: three frameworks, four targets", f"{taken[0][1] * 1000:.0f} ms", "-"),
        ("the same with 8 times the releases: cost grows as releases to the power of", f"{growth:.2f}", "at most 1"),
        ("a conflict of two frameworks: smallest set and ways out", f"{best_of(lambda: conflict(clash)) * 1000:.0f} ms", "-"),
    ]


def _grown(matrix: Matrix, times: int) -> Problem:
    grown = replace(matrix, frameworks={name: more_releases(row, times) for name, row in matrix.frameworks.items()})
    try:
        return Problem(grown, project(grown, THREE, "cpu, cu118, cu126, cu129", ">=3.9"))
    except Unsatisfiable as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    for what, value, aim in resolver_rows():
        print(f"{what}: {value} (aim: {aim})")
