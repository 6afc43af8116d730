"""A plan searches for the newest choices only where somebody needs them, or where no lock shows that there is a choice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from envgen.channels.package_url import split_url
from envgen.cli.options import best_here
from envgen.lock import plan as planning
from envgen.lock.plan import Plan, plan
from envgen.matrix.cached import cached_matrix
from envgen.model.facts import Matrix
from envgen.model.layout import Layout
from envgen.model.resolution import Resolution
from envgen.model.run import LockRequest
from envgen.project.cached import cached_project
from envgen.resolver.resolve import Problem, Unsatisfiable, resolve

LAYOUT = Layout(Path(__file__).parents[2])


class Quiet:
    """A reporter that shows nothing."""

    def say(self, text: str) -> None: ...
    def begin(self, what: str, steps: int) -> None: ...
    def step(self, what: str) -> None: ...
    def end(self) -> None: ...


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return cached_matrix(LAYOUT)


def planned(matrix: Matrix) -> Plan:
    found = plan(LAYOUT, matrix, "vision", LockRequest(projects=("vision",)), Quiet(), best_here)
    assert found
    return found


def test_a_locked_project_is_not_searched_for_newer_choices(matrix: Matrix, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[Problem] = []

    def counted(problem: Problem) -> tuple[Resolution, ...]:
        searched.append(problem)
        return resolve(problem.matrix, problem.project)

    monkeypatch.setattr(planning, "chosen", counted)
    found = planned(matrix)
    assert not found.todo
    assert not searched
    assert found.resolutions == {row.target.name: row for row in resolve(matrix, found.project)}
    assert len(searched) == 1


def test_what_a_lock_leaves_out_shows_no_answer(matrix: Matrix) -> None:
    project = cached_project(LAYOUT, matrix, "vision")
    found = planned(matrix)
    first = project.targets[0].name
    shows = planning._shows_an_answer
    assert shows(matrix, project, found.held, found.stamps)
    fewer = {**found.held, first: replace(found.held[first], platforms=found.held[first].platforms[:-1])}
    assert not shows(matrix, project, fewer, found.stamps)
    older = replace(found.stamps[first], chosen={**found.stamps[first].chosen, "pytorch-build": "12.6"})
    assert not shows(matrix, project, found.held, {**found.stamps, first: older})
    missing = {name: row for name, row in found.held.items() if name != first}
    assert not shows(matrix, project, missing, found.stamps)


def test_a_project_without_a_choice_is_refused_when_it_is_planned(matrix: Matrix) -> None:
    path = LAYOUT.project("vision")
    text = path.read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("python:"))
    request = LockRequest(projects=("vision",), edited={"vision": text.replace(row, 'python: "3.8.*"')})
    with pytest.raises(Unsatisfiable, match="vision: no choice meets every requirement"):
        plan(LAYOUT, matrix, "vision", request, Quiet(), best_here)


def test_packages_that_are_read_without_parsing_are_those_of_the_lock(matrix: Matrix) -> None:
    found = planned(matrix)
    plain = {name: {package: split_url(url)[1:] for package, url in cell.urls.items()} for name, cell in found.locked.cells.items()}
    assert plain
    assert found.locked.packages(found.held) == plain
