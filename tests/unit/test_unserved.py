"""Why nothing serves a target on a platform: each reason, with its place in the project."""

from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.specifiers import SpecifierSet
from unit.small import project_of
from unit.test_told import because, project_text, wider_matrix

from envgen.model.facts import Reason
from envgen.model.resolution import Obstacle
from envgen.resolver.availability import no_index
from envgen.resolver.candidates import Candidates
from envgen.resolver.cells import cell_of, known_of_choices
from envgen.resolver.resolve import Problem, _targets, _why_unserved, answer, resolve, target_choices
from envgen.resolver.target_choices import Refusal, refusal_of

PLACE = "environments/demo/project.yaml:2:1"  # of `python:`, below a line that says nothing
OBSTACLES = tuple(
    Obstacle(reason=Reason(text, None), target="cpu", platform="linux-64", release=None) for text in ("the first", "the last")
)


def reason(text: str, obstacles: tuple[Obstacle, ...] = (), python: str = "") -> str:
    """Why nothing serves the first target of a project on its first platform; `python` is a range that no facts have."""
    matrix = wider_matrix()
    project = project_of(f"# a project\n{text}", matrix)
    project = replace(project, python=SpecifierSet(python), python_text=python) if python else project
    problem = Problem(matrix, project)
    target, platforms = next(_targets(problem))
    cell = cell_of(problem.matrix, problem.project, target.on(platforms[0]), platforms[0])
    return because(_why_unserved(Candidates(problem.matrix, problem.project, no_index), (cell,), obstacles))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            project_text("{alpha: '>=2.1'}", targets="[cu118]"),
            "no release of alpha has a build for cu118 on linux-64 [targets.yaml]",
        ),
        (
            project_text("{delta: '1.*', gamma: '1.1'}", targets="[cpu]"),
            f"no python is in all of delta (python 3.9, 3.10) and gamma (python 3.11) [{PLACE}]",
        ),
        (project_text("{}", targets="[cpu]"), f"no python in >=3.9 is left [{PLACE}]"),
    ],
)
def test_the_reason_names_what_excludes_each_other(text: str, said: str) -> None:
    assert reason(text) == said


def test_no_known_python_is_a_reason_by_itself() -> None:
    assert reason(project_text("{}", targets="[cpu]"), OBSTACLES, python="==2.7.*") == f"python: nothing in ==2.7.* [{PLACE}]"


def test_the_last_obstacle_is_the_reason_where_no_framework_lacks_candidates() -> None:
    assert reason(project_text("{}", targets="[cpu]"), OBSTACLES).startswith("the last [")


def test_the_first_obstacle_of_a_framework_without_candidates_is_its_reason() -> None:
    assert reason(project_text("{alpha: '>=2.1'}", targets="[cu118]"), OBSTACLES).startswith("the first [")


def test_what_is_refused_is_not_answered_again() -> None:
    matrix = wider_matrix()
    problem = Problem(matrix, project_of(project_text("{alpha: '*'}", targets="[cpu]"), matrix))
    every = [(row.python, row.choices) for row in target_choices(problem, "cpu")]
    found, refused = [], set[Refusal]()
    while answered := answer(problem, frozenset(refused)):
        found.append((answered[0].python, answered[0].choices))
        refused.add(refusal_of(answered[0]))
    assert found == every
    assert len(found) > 3


def test_what_is_chosen_is_known_with_its_providers() -> None:
    matrix = wider_matrix()
    (row,) = resolve(matrix, project_of(project_text("{alpha: '*', beta: '*'}", targets="[cpu]"), matrix))
    known = known_of_choices(row.choices, row.python)
    assert {axis: list(map(str, values)) for axis, values in known.items()} == {
        "alpha": ["2.1.0"],
        "beta": ["3.1.0"],
        "python": ["3.12"],
        "provider": ["conda-forge", "conda-forge"],
    }
