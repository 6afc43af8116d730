"""A conflict says so where a framework as wheels would meet all that is requested, with the line to write."""

from __future__ import annotations

import json

import pytest
from unit.small import project_of

from envgen.explain.explain import conflict
from envgen.explain.model import Conflict
from envgen.explain.report import conflict_json, conflict_text, unsolvable_text
from envgen.explain.unsolvable import unsolvable
from envgen.model.facts import Matrix
from envgen.model.resolution import Resolution
from envgen.resolver.resolve import Problem, answer

HEAD = 'python: "3.12"\nplatforms: [linux-64]\nchannels: [conda-forge]\n'
HELD = "(cpu: pytorch 2.8.0, torchvision 0.23.0, python 3.12; cu128: pytorch 2.8.0, torchvision 0.23.0, python 3.12)"
NEWEST = "(cu132: pytorch 2.15.0, python 3.12)"


def conflict_of(matrix: Matrix, rest: str) -> Conflict:
    """The conflict of a project, which must have one."""
    problem = Problem(matrix, project_of(HEAD + rest, matrix))
    assert answer(problem) is None
    return conflict(problem)


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        (
            'frameworks: {pytorch: "2.8.0", torchvision: "*"}\ntargets: [cpu, cu128]\n',
            f'wheels of pytorch meet all of it: write `pytorch: {{version: "2.8.0", provider: pypi}}` {HELD}',
        ),
        (
            "frameworks: {pytorch: {version: '2.15.*', provider: conda-forge}}\ntargets: [cu132]\n",
            f'wheels of pytorch meet all of it: write `pytorch: {{version: "2.15.*", provider: pypi}}` {NEWEST}',
        ),
    ],
)
def test_a_conflict_that_wheels_would_end_ends_with_the_line_to_write(real: Matrix, rest: str, said: str) -> None:
    found = conflict_of(real, rest)
    assert [note.text for note in found.notes] == [said]
    assert conflict_text(found).endswith(f"\n  note: {said}")
    assert [row["text"] for row in json.loads(conflict_json(found))["besides"]] == [said]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "rest",
    [
        'frameworks: {pytorch: "2.5.*"}\ntargets: [cu132]\n',  # no wheels of it are for this CUDA
        'frameworks: {pytorch: {version: "2.8.*", provider: pypi}}\ntargets: [cu132]\n',  # they are asked for already
        "frameworks: {pytorch: '>=2.12.1', tensorflow: '>=2.17'}\ntargets: [cu129]\n",  # CUDA's libraries would be there twice
        "frameworks: {xgboost: '3.0.*'}\ntargets: [cu132]\ngpus: [V100]\n",  # it has none
    ],
)
def test_other_conflicts_say_nothing_of_wheels(real: Matrix, rest: str) -> None:
    assert conflict_of(real, rest).notes == ()


def test_a_choice_that_has_no_solution_says_so_too(real: Matrix) -> None:
    """As `lock` asks: the facts allow a choice, and the channels have no solution for its packages."""

    def solved(problem: Problem) -> tuple[Resolution, ...] | None:
        found = answer(problem)
        of_conda = any(choice.spelling.manager == "conda" for one in found or () for choice in one.choices)
        return None if of_conda else found

    problem = Problem(real, project_of(f"{HEAD}frameworks: {{pytorch: '2.7.*'}}\ntargets: [cu126]\n", real))
    text = unsolvable_text(unsolvable(problem, solved), "an index")
    assert text.endswith(
        '\n  note: wheels of pytorch meet all of it: write `pytorch: {version: "2.7.*", provider: pypi}`'
        " (cu126: pytorch 2.7.1, python 3.12)"
    )
    assert "note" not in unsolvable_text(unsolvable(problem, solved, repaired=False), "an index")
