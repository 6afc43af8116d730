"""Why a choice is what it is: the next better one and what stopped it, drivers, advice; in words and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from conftest import some
from hypothesis import assume, given
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from unit import oracle
from unit.small import examples, project_of
from unit.test_resolve import REAL_PROJECTS, project_text
from unit.test_why import problem_of, row
from unit.worlds import PLATFORMS, PYTHONS, worlds

from envgen.explain.alternatives import explained
from envgen.explain.explain import conflict
from envgen.explain.model import Explained
from envgen.explain.report import explained_data, explained_text
from envgen.model.facts import Matrix
from envgen.model.project import Project
from envgen.resolver.resolve import Problem, answer, possible, resolve

Explain = Callable[[str], dict[str, Explained]]


@pytest.fixture(scope="module")
def explain(real: Matrix) -> Explain:
    """What explains a project, by target; each project is worked out once."""

    @cache
    def found(text: str) -> dict[str, Explained]:
        project = project_of(text, real)
        return {one.resolution.target.name: one for one in explained(Problem(real, project), resolve(real, project))}

    return found


def stopped(one: Explained, pin: str) -> tuple[str, list[str]]:
    """What would be better for a pin, and the words of what stopped it."""
    alternative = one.alternatives[pin]
    return alternative.choice, [reason.text for reason in alternative.prevented_by]


# --- laws -----------------------------------------------------------------------------------------------------------------


NOTHING_BETTER = {"jax", "thirteen", "alone"}  # they have the newest of everything


@pytest.mark.thorough
@pytest.mark.parametrize("name", REAL_PROJECTS)
def test_what_would_be_better_is_refused_by_the_oracle_too(explain: Explain, name: str) -> None:
    """A better release for one target is either outside of the wish, or impossible, or costs something that counts more."""
    explained = explain(REAL_PROJECTS[name]).values()
    assert any(one.alternatives for one in explained) == (name not in NOTHING_BETTER)
    for one in explained:
        for pin, better in one.alternatives.items():
            assert better.prevented_by
            version = Version(better.choice.split(" ")[1])
            if pin == "python":
                assert version > one.resolution.python
            else:
                chosen = next(c.release.version for c in one.resolution.choices if c.release.framework == pin)
                assert version > chosen


@examples(40)
@given(worlds(platforms=("linux-64",)))
def test_a_release_that_facts_stop_is_impossible_alone(world: tuple[Matrix, Project]) -> None:
    """Where the reasons are facts and not the other targets, the oracle finds no answer with that release for that target."""
    matrix, project = world
    found = answer(Problem(matrix, project))
    assume(found is not None)
    assert found is not None
    for one in explained(Problem(matrix, project), found):
        target = tuple(row for row in project.targets if row.name == one.resolution.target.name)
        for wish in project.frameworks:
            better = one.alternatives.get(wish.framework)
            if (
                better is None
                or better.prevented_by[0].text.startswith(("outside", "the targets", "without it"))
                or "count more" in better.prevented_by[0].text
            ):
                continue
            pinned = replace(wish, versions=SpecifierSet(f"=={better.choice.split(' ')[1]}"))
            alone = replace(project, targets=target, frameworks=tuple(pinned if w is wish else w for w in project.frameworks))
            assert oracle.best(matrix, alone) is None


@examples(150)
@given(worlds())
def test_few_releases_are_searched_at_once_as_cell_by_cell(world: tuple[Matrix, Project]) -> None:
    """A search in which not every release counts, as for what locks chose, begins with all cells; what it finds is the same."""
    matrix, project = world
    found = answer(Problem(matrix, project), counts=lambda _target, _release: True)
    assert found == answer(Problem(matrix, project))


def test_targets_that_need_not_agree_and_share_a_python_are_explained() -> None:
    """Alone, cpu could have alpha 2.0 with Python 3.10; cu126 has no alpha 2.0 at all, and needs Python 3.11."""
    alpha = {"2.0": (row("", PLATFORMS, PYTHONS[0]),), "1.0": (row("", PLATFORMS, PYTHONS[1]), row("12.6", PLATFORMS, PYTHONS[1]))}
    problem = problem_of({"alpha": alpha}, {"alpha": ""}, ("cpu", "cu126"), ("linux-64",))
    problem = replace(problem, project=replace(problem.project, align=False))
    found = answer(problem)
    assert found is not None
    cpu = explained(problem, found)[0].alternatives["alpha"]
    assert (cpu.choice, [reason.text for reason in cpu.prevented_by]) == (
        "alpha 2.0",
        ["without it, the targets share python 3.11"],
    )


@pytest.mark.parametrize("targets", ["cpu, cu129", "cu129, cpu", "cu129"])
def test_a_price_is_of_the_targets_that_have_the_framework(explain: Explain, targets: str) -> None:
    """A CPU target leaves out CuPy and cuDF; cuDF 26.6 needs another CuPy than the newest that is requested."""
    text = project_text("{cupy: '<=14.1.0', cudf: '*'}", targets).replace("[conda-forge]", "[rapidsai, conda-forge]")
    found = explain(text)
    price = "cu129 would have cupy 14.0.1 instead of 14.1.0: earlier frameworks count more"
    assert stopped(found["cu129"], "cudf") == ("cudf 26.6.1", [price])
    assert not found.get("cpu") or not found["cpu"].alternatives.keys() & {"cudf", "cupy"}


@pytest.mark.parametrize("targets", [("cpu",), ("cu126",), ("cpu", "cu126")])
def test_frameworks_whose_candidates_do_not_go_together_are_no_choice(targets: tuple[str, ...]) -> None:
    """Each of them serves each target alone, and no Python is one of both."""
    builds = {
        name: {"1.0": (row("", PLATFORMS, python), row("12.6", PLATFORMS, python))}
        for name, python in zip(("alpha", "beta"), PYTHONS, strict=False)
    }
    problem = problem_of(builds, {"alpha": "", "beta": ""}, targets, ("linux-64",))
    alone = [replace(problem, project=replace(problem.project, frameworks=(one,))) for one in problem.project.frameworks]
    assert [(possible(one), answer(one) is not None) for one in (*alone, problem)] == [(True, True), (True, True), (False, False)]


# --- what a person reads --------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_newer_release_without_a_build_is_stopped_by_its_builds_and_the_cpu_target_by_align(explain: Explain) -> None:
    found = explain(REAL_PROJECTS["vision"])
    built = "pytorch 2.8.0 from conda-forge is built for CUDA 12.8, 12.9; CUDA 12.6 builds end with 2.7.1"
    assert stopped(found["cu126"], "pytorch") == ("pytorch 2.8.0", [built])
    assert stopped(found["cpu"], "pytorch")[1][:2] == ["the targets share one version (align: true)", built]
    assert stopped(found["cu126"], "python") == ("python 3.13", ["outside 3.12"])


def test_a_newer_python_is_stopped_by_the_builds_that_lack_it(explain: Explain) -> None:
    found = explain(project_text("{tensorflow: '2.18'}", "cpu, cu126"))
    better, why = stopped(found["cpu"], "python")
    assert better == "python 3.13"
    assert why == ["the CPU builds of tensorflow are for python 3.6-3.12"]


@pytest.mark.thorough
def test_a_framework_that_binds_another_is_named_with_its_source(explain: Explain) -> None:
    found = explain(REAL_PROJECTS["both"])
    better, why = stopped(found["cu126"], "pytorch")
    assert better == "pytorch 2.7.0"
    assert any(text.startswith("tensorflow ==2.18.* with provider conda-forge needs pytorch <2.7,>=2.4.1") for text in why)


def test_the_driver_is_explained_by_its_rule_and_advice_by_where_it_goes_wrong(explain: Explain) -> None:
    found = explain(project_text("{pytorch: '2.7.1'}", "cpu, cu126", 'driver: ">=535"\n'))
    assert found["cpu"].drivers == ()
    (note,) = found["cu126"].drivers
    assert "driver 535 runs CUDA 12.6 by minor-version compatibility" in note.text
    assert {"G01", "G02", "G08"} <= {piece.id for piece in found["cu126"].advice}
    assert found["cu126"].specs == ("pytorch 2.7.1.* cuda126*", "cuda-version 12.6.*")


@pytest.mark.parametrize("name", REAL_PROJECTS)
@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.thorough
def test_the_page_fits_a_terminal_and_json_says_as_much(explain: Explain, name: str, width: int) -> None:
    found = list(explain(REAL_PROJECTS[name]).values())
    page = explained_text(found, width)
    for line in some(page.splitlines()):
        words = line.split()
        assert len(line) <= width or max(map(len, words)) > width / 2 or line.startswith("  cu"), (
            line
        )  # urls and specs are never cut
    for one in found:
        data = json.loads(json.dumps(explained_data(one)))
        for pin, better in data["next_better"].items():
            assert better["choice"] == one.alternatives[pin].choice
            assert f"not {better['choice']}:" in page
            assert [row["text"] for row in better["stopped_by"]] == [reason.text for reason in one.alternatives[pin].prevented_by]
        assert all(piece["id"] in page for piece in data["advice"])
        assert data["specs"] == list(one.specs)


@pytest.mark.parametrize(("gpus", "said"), [("A100", True), ("V100, A100", False), ("RTX 4090", False), ("", False)])
def test_forward_compatibility_is_mentioned_only_where_it_applies(real: Matrix, gpus: str, said: bool) -> None:
    text = project_text("{pytorch: '>=2.10'}", "cu130", f'driver: ">=535"\ngpus: [{gpus}]\n', python=">=3.10")
    found = conflict(Problem(real, project_of(text, real)))
    assert bool(found.notes) is said
    assert all("cuda-compat" in note.text and "error 804" in note.text for note in found.notes)
