"""The choice with the records: equal to the best of all choices of the facts, each tried with rattler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
import rattler
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from unit import oracle
from unit.made_up import MadeUpIndex, Row, channels, write_channel
from unit.small import examples, project_of, small_matrix
from unit.test_resolve import builds
from unit.worlds import PYTHONS, worlds

from envgen.channels.index import FolderIndex
from envgen.channels.solve import attempts
from envgen.lock.choose import Solver, choose, first_of
from envgen.lock.decide import Holdings
from envgen.model.facts import Matrix, Platform
from envgen.model.packages import Solution, SolveRequest
from envgen.model.project import Project, RequestedTarget
from envgen.model.resolution import Resolution
from envgen.resolver import specs
from envgen.resolver.resolve import Problem, answer, target_choices, with_choice
from envgen.resolver.target_choices import Refusal, TargetChoice

# --- what is refused ------------------------------------------------------------------------------------------------------


def every_choice(problem: Problem) -> list[TargetChoice]:
    """Everything that the facts let any target have."""
    return [found for target in problem.project.targets for found in all_choices(problem, target.name)]


def all_choices(problem: Problem, name: str) -> Iterator[TargetChoice]:
    """What a target may have, and then what it may have on the platforms with builds for its own CUDA alone, if others have not."""
    platforms = next((tuple(row) for row in oracle.kept(problem.matrix, problem.project, name)[1:]), ())
    yield from target_choices(problem, name)
    yield from target_choices(problem, name, among=platforms) if platforms else ()


def alike(world: tuple[Matrix, Project]) -> tuple[Matrix, Project]:
    """The world with the builds of the newest release for all, and a project that asks for little: only what is refused matters."""
    matrix, project = world
    frameworks = {
        name: replace(row, releases=tuple(replace(release, builds=row.releases[0].builds) for release in row.releases))
        for name, row in matrix.frameworks.items()
    }
    asked = tuple(replace(row, versions=SpecifierSet()) for row in project.frameworks)
    targets = tuple(RequestedTarget(name=name, at=project.at("")) for name in ("cpu", "cu126"))
    free = replace(project, align=True, driver=None, gpus=(), python=SpecifierSet(), frameworks=asked, targets=targets)
    return replace(matrix, frameworks=frameworks, constraints=matrix.constraints[:1]), free


@examples(300)
@given(
    st.one_of(worlds().map(alike), worlds(), worlds().map(alike), worlds(older=True), worlds(three=True)),
    st.randoms(use_true_random=False),
    st.sampled_from([0.2, 0.5, 0.8, 0.95]),
)
def test_without_what_is_refused_the_answer_is_the_oracles(world: tuple[Matrix, Project], dice: object, share: float) -> None:
    matrix, project = world
    problem = Problem(matrix, project)
    refused = frozenset(found.refusal for found in every_choice(problem) if dice.random() < share)  # type: ignore[attr-defined]

    def allowed(name: str, environment: oracle.Environment, python: Version) -> bool:
        return (name, python, tuple(environment[row.framework] for row in project.frameworks)) not in refused

    expected, found = oracle.best(matrix, project, allowed), answer(problem, refused)
    assert (found is None) == (expected is None)
    if found and expected:
        assert (builds(found), found[0].python) == (dict(expected.versions), expected.python)


@examples(100)
@given(worlds())
def test_the_choices_of_a_target_are_all_that_it_may_have_the_best_first(world: tuple[Matrix, Project]) -> None:
    """Each is the best once those before it are refused."""
    matrix, project = world
    alone = Problem(matrix, replace(project, targets=project.targets[:1]))
    refused: set[Refusal] = set()
    for choice in all_choices(alone, project.targets[0].name) if answer(alone) else ():
        found = answer(alone, frozenset(refused))
        assert found
        assert (found[0].python, found[0].choices) == (choice.python, choice.choices)
        refused.add(choice.refusal)
    assert answer(alone, frozenset(refused)) is None


# --- what solves ----------------------------------------------------------------------------------------------------------


class Tried:
    """What rattler says of every choice of every cell, each asked for by itself."""

    def __init__(self, problem: Problem, index: FolderIndex) -> None:
        found = answer(problem) or ()
        asked: dict[tuple[str, Platform, Refusal], SolveRequest] = {}
        for resolution in found:
            name = resolution.target.name
            for choice in all_choices(problem, name):
                other = with_choice(problem.matrix, resolution, choice)
                asked.update({(name, row.platform, choice.refusal): row for row in specs.requests(other)})
        self.asked = asked
        outcomes = attempts(list(asked.values()), index, 2)
        self.solved = {key for key, outcome in zip(asked, outcomes, strict=True) if isinstance(outcome, Solution)}
        self.project = problem.project

    def __call__(self, name: str, environment: oracle.Environment, python: Version) -> bool:
        refusal = name, python, tuple(environment[row.framework] for row in self.project.frameworks)
        keys = [key for key in self.asked if key[0] == name and key[2] == refusal]
        return bool(keys) and self.solved.issuperset(keys)


def assert_best(matrix: Matrix, project: Project, index: FolderIndex) -> tuple[Resolution, ...] | None:
    """The choice is the oracle's, with and without looking releases up in the index first."""
    facts = Problem(matrix, project)
    expected = oracle.best(matrix, project, Tried(facts, index))
    solver, first = Solver(index, 2), answer(facts)
    found = choose(facts, solver)
    assert (found is None) == (expected is None)
    if found and expected:
        assert (builds(found), found[0].python) == (dict(expected.versions), expected.python)
    looked_up = choose(replace(facts, availability=Holdings(matrix, index).of(project)), solver)
    if looked_up and {row.target.name: row.platforms for row in looked_up} == {
        row.target.name: row.platforms for row in first or ()
    }:
        assert found
        assert builds(looked_up) == builds(found)
    return found


def kind(first: tuple[Resolution, ...] | None, found: tuple[Resolution, ...] | None) -> str:
    """What became of the first choice of the facts."""
    if found is None:
        return "nothing solves" if first else "no choice"
    return (
        "the first choice" if first and first[0].python == found[0].python and builds(first) == builds(found) else "another choice"
    )


def made(folder: str, rows: Iterable[Row]) -> MadeUpIndex:
    return write_channel(Path(folder), list(rows))


@pytest.mark.thorough
def test_the_choice_is_the_best_of_all_that_solve_on_made_up_channels() -> None:
    seen: Counter[str] = Counter()

    @examples(60, least=40)
    @given(channels())
    def look(world: tuple[Matrix, Project, list[Row]]) -> None:
        with TemporaryDirectory() as folder:
            found = assert_best(*world[:2], made(folder, world[2]))
        seen[kind(answer(Problem(*world[:2])), found)] += 1

    look()
    assert all(seen[kind] >= 3 for kind in ("the first choice", "another choice", "nothing solves")), seen


def test_targets_that_can_share_no_python_are_found_out_in_few_solves(tmp_path: Path) -> None:
    """However many releases there are: what one target cannot have with a Python is asked about at once."""
    found = small_matrix()
    (newest, *_) = found.frameworks["alpha"].releases
    releases = tuple(replace(newest, version=Version(f"2.{minor}.0")) for minor in range(40, 0, -1))
    matrix = replace(found, frameworks={"alpha": replace(found.frameworks["alpha"], releases=releases)}, constraints=())
    targets = (
        "targets: {cpu: {dependencies: [one]}, cu126: {dependencies: [two]}}\nplatforms: [linux-64]\nchannels: [conda-forge]\n"
    )
    project = project_of(f'python: ">=3.10"\nframeworks: {{alpha: "*"}}\n{targets}', matrix)
    rows = [
        *(Row("python", f"{python}.0") for python in PYTHONS),
        Row("cuda-version", "12.6"),
        *(
            Row("alpha", str(release.version), f"{flavour}_{python.minor}_0", (f"python {python}.*",), "linux-64")
            for release in releases
            for flavour in ("cpu", "cuda126")
            for python in PYTHONS
        ),
        Row("one", "1.0", depends=("python 3.10.*",)),
        Row("two", "1.0", depends=("python 3.12.*",)),
    ]
    with patch("envgen.channels.solve.rattler_solve", wraps=rattler.solve) as counted:
        assert choose(Problem(matrix, project), Solver(write_channel(tmp_path, rows), 2)) is None
    assert counted.call_count <= 20


def test_the_first_alternative_that_solves_is_found() -> None:
    """Each alternative asked for by itself says the same."""
    seen: list[int | None] = []
    examples(25, least=10)(given(channels())(lambda world: seen.extend(_firsts(world))))()
    assert len(seen) >= 5


def _firsts(world: tuple[Matrix, Project, list[Row]]) -> Iterator[int | None]:
    """The place of the first alternative that solves, for each target."""
    matrix, project, rows = world
    with TemporaryDirectory() as folder:
        index = made(folder, rows)
        for resolution in answer(Problem(matrix, project)) or ():
            request = specs.requests(resolution)[0]
            every = list(target_choices(Problem(matrix, project), resolution.target.name))
            alone = attempts([specs.request(with_choice(matrix, resolution, row), request.platform) for row in every], index, 2)
            expected = next((place for place, found in enumerate(alone) if isinstance(found, Solution)), None)
            assert first_of(matrix, every, resolution, request, Solver(index, 1)) == expected
            yield expected
