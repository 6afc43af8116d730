"""The grid against the resolver: whatever the matrices, the question and the cell, both say the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from unit.small import examples, small_matrix, with_change, write_matrix

from envgen.errors import BadInput, Clash
from envgen.facts.grid import Site, grid, judge, sites, span
from envgen.facts.question import Question, asked
from envgen.matrix import load_matrix
from envgen.model import Address, Gpu, Matrix, Project, Resolution, TargetWish, Wish
from envgen.resolve import resolve

HERE = Address("project.yaml", 1, 1)
DRIVERS = (
    None,
    "390",
    "450.80.02",
    "470.42.01",
    "525.60.12",
    "525.60.13",
    "530",
    "535.104.05",
    "560.28.03",
    "575.51.03",
    "580",
    "999",
)


def alone(site: Site, question: Question) -> Project:
    """The project that asks for one cell of the grid and nothing else."""
    version = f"=={site.release.version}"
    name = site.target.name if site.target else ""
    return Project(
        name="one",
        python=SpecifierSet(f"=={question.python}.*" if question.python else ""),
        python_text=str(question.python or "any"),
        frameworks=(Wish(site.release.framework, SpecifierSet(version), version, site.provider, (), HERE),),
        targets=(TargetWish(name, HERE),),
        platforms=(site.platform,),
        channels=site.spelling.channels if site.spelling else (),
        dependencies=(),
        pip=(),
        driver=question.driver,
        gpus=tuple(gpu.name.removeprefix("compute capability ") for gpu in question.gpus),
        align=True,
        exclude_newer=None,
        template="",
        addresses={"": HERE},
    )


def resolved(matrix: Matrix, site: Site, question: Question) -> Resolution | None:
    """What the resolver makes of a cell: None where it refuses it, or takes another build than the cell's."""
    if site.target is None:
        return None
    try:
        found = resolve(matrix, alone(site, question))[0]
    except Clash:
        return None
    return found if found.choices[0].variant == site.variant else None


def questions(matrix: Matrix) -> st.SearchStrategy[Question]:
    capabilities = [Gpu(f"compute capability {text}", Version(text)) for text in ("2.0", "5.2", "11.0", "99.0")]
    pythons = [*sorted(matrix.pythons), Version("2.7"), Version("3.99")]
    return st.builds(
        Question,
        frameworks=st.just(tuple(matrix.frameworks)),
        driver=st.sampled_from(DRIVERS).map(lambda text: Version(text) if text else None),
        gpus=st.lists(st.sampled_from([*matrix.gpus.values(), *capabilities]), max_size=2, unique=True).map(tuple),
        python=st.none() | st.sampled_from(pythons),
    )


def agree(matrix: Matrix, site: Site, question: Question) -> None:
    cell, found = judge(site, question), resolved(matrix, site, question)
    assert (cell.verdict != "out") == (found is not None), (site.release.version, site.provider, site.variant, site.platform)
    assert bool(cell.pythons) == (cell.verdict != "out")
    if found:
        assert found.python == cell.pythons[-1]
        warned = {(row.demand.constraint.at) for row in cell.told if row.status == "warn"}
        assert warned == {reason.at for reason in found.warnings}


# Facts that the real matrices do not have, but might: each axis of a question in `when` and in `need`, alone and together.
ODD = """\
constraints:
  - {when: {python: "3.11", alpha: ">=2"}, need: {driver: ">=530,<570", gpu: "!=8.0"}, because: odd}
  - {when: {gpu: ">=8"}, need: {python: ">=3.10"}, because: odd}
  - {when: {driver: "525.*"}, need: {python: "<3.12"}, warn: true, because: odd}
  - {when: {provider: vendor}, need: {archspec: x86_64_v3}, because: odd}
  - {need: {driver: "!=560.28.3"}, because: odd}
  - {when: {cuda: "12.6", python: "3.10"}, need: {platform: linux-64}, because: odd}
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    files = with_change("alpha.yaml", "releases:\n", f"{ODD}releases:\n")
    files["alpha.yaml"] = files["alpha.yaml"].replace('variants: ["12.6"]', 'variants: ["12.6", "11.4"]', 1)
    files["alpha.yaml"] = files["alpha.yaml"].replace(
        "channels: [conda-forge]", "channels: [conda-forge]\n      newer-minor: true", 1
    )
    return load_matrix(write_matrix(tmp_path_factory.mktemp("odd"), files))


@pytest.mark.parametrize("kind", ["real", "small", "odd"])
def test_a_cell_is_in_exactly_when_the_resolver_takes_its_build(kind: str, real: Matrix, odd: Matrix) -> None:
    matrix = {"real": real, "small": small_matrix(), "odd": odd}[kind]
    everywhere = list(sites(matrix, matrix.frameworks))

    @examples(400)
    @given(st.data())
    def law(data: st.DataObject) -> None:
        agree(matrix, data.draw(st.sampled_from(everywhere)), data.draw(questions(matrix)))

    law()
