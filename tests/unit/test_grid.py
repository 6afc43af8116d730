"""The grid against the resolver: whatever the matrices, the question and the cell, both say the same."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from unit.odd import odd_matrix
from unit.small import assert_none, examples, refused, small_matrix

from envgen.curate.show import table
from envgen.curate.show.axes import cuts, spans
from envgen.curate.show.grid import GridCell, grid, judge
from envgen.curate.show.groups import BuildGroup, build_groups
from envgen.curate.show.page import html
from envgen.curate.show.query import Query, branch_note, parse_query
from envgen.matrix.hardware import latest_driver
from envgen.model.address import Address
from envgen.model.constraint import Condition
from envgen.model.dates import ExcludeNewer
from envgen.model.facts import Matrix, Target
from envgen.model.gpu import Gpu
from envgen.model.project import Project, RequestedFramework, RequestedTarget
from envgen.model.ranges import version_range
from envgen.model.resolution import Resolution
from envgen.resolver.resolve import Unsatisfiable, resolve

HERE = Address("project.yaml", 1, 1)
DRIVERS = (
    None,
    "390",
    "450.80.02",
    "470.42.01",
    "525",
    "525.60.12",
    "525.60.13",
    "530",
    "535.104.05",
    "560.28.03",
    "575.51.03",
    "999",
)


def alone(site: BuildGroup, question: Query) -> Project:
    """The project that asks for one cell of the grid and nothing else."""
    name = site.target.name if site.target else ""
    version = SpecifierSet(f"=={site.release.version}")
    return Project(
        name="one",
        python=SpecifierSet(f"=={question.python}.*" if question.python else ""),
        python_text=str(question.python or "any"),
        frameworks=(
            RequestedFramework(
                framework=site.release.framework,
                versions=version,
                text=str(version),
                provider=site.provider,
                at=HERE,
            ),
        ),
        targets=(RequestedTarget(name=name, at=HERE),),
        platforms=(site.platform,),
        channels=site.spelling.channels if site.spelling else (),
        dependencies=(),
        pip=(),
        driver=question.driver,
        gpus=question.gpus,
        align=True,
        exclude_newer=ExcludeNewer(),
        template="",
        addresses={"": HERE},
    )


def resolved(matrix: Matrix, site: BuildGroup, question: Query) -> Resolution | None:
    """What the resolver makes of a cell: None where it refuses it, or takes another build than the cell's."""
    if site.target is None:
        return None
    try:
        found = resolve(matrix, alone(site, question))[0]
    except Unsatisfiable:
        return None
    return found if found.choices[0].variant == site.variant else None


def questions(matrix: Matrix) -> st.SearchStrategy[Query]:
    capabilities = [Gpu(name=f"compute capability {text}", capability=Version(text)) for text in ("2.0", "5.2", "11.0", "99.0")]
    pythons = [*sorted(matrix.pythons), Version("2.7"), Version("3.99")]
    return st.builds(
        Query,
        frameworks=st.just(tuple(matrix.frameworks)),
        driver=st.sampled_from(DRIVERS).map(lambda text: Version(text) if text else None),
        gpus=st.lists(st.sampled_from([*matrix.gpus.values(), *capabilities]), max_size=2, unique=True).map(tuple),
        python=st.none() | st.sampled_from(pythons),
    ).map(lambda query: replace(query, latest=latest_driver(matrix, query.driver) if query.driver else None))


@pytest.fixture(scope="module")
def groups(real: Matrix) -> list[BuildGroup]:
    """Every group of builds of the facts."""
    return list(build_groups(real, real.frameworks))


@pytest.mark.parametrize("kind", ["real", "small", "odd"])
@pytest.mark.thorough
def test_a_cell_is_in_exactly_when_the_resolver_takes_its_build(kind: str, real: Matrix, groups: list[BuildGroup]) -> None:
    matrix = {"real": real, "small": small_matrix(), "odd": odd_matrix()}[kind]
    everywhere = groups if matrix is real else list(build_groups(matrix, matrix.frameworks))

    @examples(500)
    @given(st.sampled_from(everywhere), questions(matrix))
    def law(site: BuildGroup, question: Query) -> None:
        cell, found = judge(site, question), resolved(matrix, site, question)
        assert (cell.verdict != "out") == bool(cell.pythons) == (found is not None)
        if found:
            assert found.python == cell.pythons[-1]
            assert {result.constraint.rule.at for result in cell.results if result.status == "warn"} == {
                said.at for said in found.warnings
            }

    law()


@pytest.mark.thorough
def test_every_build_of_the_matrices_has_its_cell_and_nothing_else_has_one(real: Matrix, groups: list[BuildGroup]) -> None:
    built = {
        (release.framework, release.version, build.provider, variant, platform)
        for framework in real.frameworks.values()
        for release in framework.releases
        for build in release.builds
        for variant in build.variants
        for platform in build.platforms
    }
    found = [(s.release.framework, s.release.version, s.provider, s.variant, s.platform) for s in groups]
    assert len(found) == len(set(found))
    assert set(found) == built


@pytest.mark.thorough
def test_a_build_serves_exactly_the_newer_targets_that_the_resolver_gives_it(real: Matrix, groups: list[BuildGroup]) -> None:
    built = [site for site in groups if site.variant]
    pairs = [(site, target) for site in built for target in real.targets.values() if target.cuda and target.cuda > site.variant]

    @examples(200)
    @given(st.sampled_from(pairs))
    def law(pair: tuple[BuildGroup, Target]) -> None:
        site, target = pair
        try:
            found = resolve(
                real, replace(alone(site, Query(frameworks=())), targets=(RequestedTarget(name=target.name, at=HERE),))
            )[0]
        except Unsatisfiable:
            assert target.name not in site.serves or any(
                result.status == "out" for result in judge(site, Query(frameworks=())).results
            )
        else:
            assert (found.choices[0].variant == site.variant) == (target.name in site.serves)

    law()


def test_the_figures_of_a_cell(real: Matrix) -> None:
    def site(framework: str, release: str, cuda: str, platform: str = "linux-64") -> BuildGroup:
        return next(
            s for s in build_groups(real, [framework], platform) if str(s.release.version) == release and str(s.variant) == cuda
        )

    minor = site("pytorch", "2.7.1", "12.6")
    assert (str(minor.floor), str(minor.native), str(minor.compiling)) == ("525.60.13", "560.28.3", "560.28.3")
    assert "it runs every CUDA 12.x; 12.6 itself came with 560.28.03" in minor.constraints[1].text
    own = site("tensorflow", "2.9.1", "10.2")
    assert own.floor == own.native == Version("440.33")
    assert own.constraints[1].text == "CUDA 10.2 needs driver 440.33 or newer: the driver that it came with"
    assert site("pytorch", "2.13.0", "13.0", "win-64").floor == Version("580")
    assert site("pytorch", "2.5.1", "12.0").serves == ("cu121", "cu122", "cu123", "cu124", "cu125")
    assert site("pytorch", "1.7.1", "9.2").target == real.targets["cu92"]


# --- places on an axis ----------------------------------------------------------------------------------------------------


def place(version: Version, axis: tuple[Version, ...]) -> int:
    """What the page's script does."""
    below = sum(cut < version for cut in axis)
    return 2 * below + (version in axis)


numbers = st.lists(st.integers(0, 12), min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
ranges = st.lists(
    st.tuples(st.sampled_from([">=", "<=", ">", "<", "!=", "=="]), numbers).map("".join)
    | numbers.map(lambda text: f"=={text}.*")
    | numbers.filter(lambda text: "." in text).map(lambda text: f"~={text}"),
    min_size=1,
    max_size=3,
).map(",".join)


@examples(400)
@given(st.lists(ranges, min_size=1, max_size=3), st.lists(numbers, min_size=1, max_size=8))
def test_a_version_is_in_a_range_exactly_when_its_place_is(texts: list[str], versions: list[str]) -> None:
    def condition(text: str) -> Condition | None:
        try:
            return Condition("driver", version_range(text))
        except ValueError:  # an empty range
            return None

    found = [made for text in texts if (made := condition(text))]
    axes = cuts(found)
    for made in found:
        for text in versions:
            inside = any(first <= place(Version(text), axes["driver"]) <= last for first, last in spans(made, axes))
            assert inside == (Version(text) in (made.versions or ())), (made, text)


# --- words ----------------------------------------------------------------------------------------------------------------


def query(matrix: Matrix, *frameworks: str, **words: object) -> Query:
    given = {"driver": None, "gpus": (), "python": None, "platform": "linux-64", **words}
    return parse_query(matrix, frameworks, **given)  # type: ignore[arg-type]


def ask(matrix: Matrix, *frameworks: str, **words: object) -> tuple[tuple[GridCell, ...], Query]:
    question = query(matrix, *frameworks, **words)
    return grid(matrix, question), question


def test_what_cannot_be_asked_is_said_with_a_suggestion(real: Matrix) -> None:
    for words, message in (
        ({"gpus": ("V10O",)}, "did you mean `V100` (7.0)?"),
        ({"driver": "r535"}, "535.104.05"),
        ({"python": "3.12.4"}, "3.12"),
        ({"platform": "linux64"}, "did you mean `linux-64`?"),
    ):
        error = refused(lambda words=words: query(real, **words))
        assert error is not None and message in error.hint
    error = refused(lambda: query(real, "pytorhc"))
    assert error is not None and error.hint == "did you mean `pytorch`?"


def test_a_model_is_known_in_any_case_and_a_capability_as_well(real: Matrix) -> None:
    question = query(real, gpus=("rtx 4090", "7.0", "RTX 4090"))
    assert [(gpu.name, str(gpu.capability)) for gpu in question.gpus] == [("RTX 4090", "8.9"), ("compute capability 7.0", "7.0")]


@pytest.mark.thorough
def test_a_table_is_as_wide_as_the_terminal_and_has_every_mark(real: Matrix) -> None:
    wrong: list[object] = []
    for words in ({}, {"driver": "535", "gpus": ("V100",), "python": "3.11"}, {"driver": "340"}):
        cells, question = ask(real, **words)
        for everything in (False, True):
            every = marks(table.grid_text(cells, question, 1000, everything=everything))
            for width in (60, 80, 100, 120, 200):
                text = table.grid_text(cells, question, width, everything=everything)
                long = [line for line in text.splitlines() if len(line) > width and max(map(len, line.split())) <= width - 13]
                wrong += [(words, everything, width, line) for line in long]
                wrong += [(words, everything, width, "other marks")] if marks(text) != every else []
    assert_none(wrong)


def marks(text: str) -> Counter[str]:
    """What stands in the cells of the tables."""
    return Counter(re.findall(r" (3\.\d+(?:-3\.\d+)?!?|x \w+)(?= |$)", text.partition("\n  3.10-3.13   a build")[0], re.MULTILINE))


def test_a_table_says_what_is_left_and_why_the_rest_is_not() -> None:
    text = table.grid_text(*ask(small_matrix(), "alpha", driver="470.42.01", gpus=("K40",)), 100, everything=False)
    assert (
        text
        == """\
driver 470.42.01, K40 (3.5), any python

alpha from conda-forge on linux-64: release by CUDA
 release   cpu
 ───────────────────
 2.1.0     3.10-3.12
 2.0.0     3.9-3.11
  nothing is left of CUDA 12.6, CUDA 11.8 (--all shows them)

alpha from vendor on linux-64: release by CUDA
 release   cpu
 ──────────────────
 1.9.0     3.9-3.10
  nothing is left of CUDA 11.8 (--all shows them)

  3.10-3.13   a build that fits, with these Pythons
  3.10-3.13!  a build that fits, with a warning: see below
  x driver    a build that does not fit, because of this

why the rest does not fit
  x driver   CUDA 12.6 needs driver 525.60.13 or newer: it runs every CUDA 12.x; 12.6 itself came
             with 560.28.03
             for alpha 2.1.0 CUDA 12.6 and 1 more
             given: driver 470.42.01
             source: https://cuda.example/compatibility (matrices/cuda.yaml:5:5)
             -> driver 525.60.13 or newer
  x gpu      CUDA 12.6 has code for compute capability 5.0 to 9.0
             for alpha 2.1.0 CUDA 12.6 and 1 more
             given: K40 (3.5)
             source: https://cuda.example (matrices/cuda.yaml:5:5)
             -> a GPU of compute capability 5.0 to 9.0
  x driver   CUDA 11.8 needs driver 520.61.05 or newer: the driver that it came with
             for alpha 2.0.0 CUDA 11.8 and 1 more
             given: driver 470.42.01
             source: https://cuda.example (matrices/cuda.yaml:6:5)
             -> driver 520.61.05 or newer"""
    )


def test_with_all_the_cells_that_are_out_say_by_what() -> None:
    text = table.grid_text(*ask(small_matrix(), "alpha", "beta", gpus=("B200",), driver="550"), 100, everything=True)
    assert " 2.1.0     3.10-3.12   x gpu\n" in text
    assert " 1.9.0     3.9-3.10   x gpu\n" in text
    warned = table.grid_text(*ask(small_matrix(), "beta", driver="550"), 100, everything=False)
    assert " 3.1.0     3.11-3.12   3.11-3.12!\n" in warned
    assert "  ! driver   cuda 12.6 with beta >=3 needs driver >=560\n" in warned


def test_above_the_builds_of_a_companion_is_whose_builds_they_go_with(real: Matrix) -> None:
    cells, question = ask(real, "torchvision", "pytorch_geometric")
    text = table.grid_text(cells, question, 100, everything=False)
    assert "torchvision from pytorch on linux-64, built against pytorch from pytorch: release by CUDA\n" in text
    assert "torchvision from conda-forge on linux-64, built against pytorch from conda-forge: release by CUDA\n" in text
    assert "pytorch_geometric from conda-forge on linux-64: release by CUDA\n" in text
    told = {
        (cell["framework"], cell["provider"], *cell["built_against"])
        for cell in json.loads(table.grid_json(cells, question))["cells"]
    }
    assert told >= {("torchvision", "pytorch", "pytorch"), ("pytorch_geometric", "conda-forge")}


def test_a_framework_without_a_build_for_a_platform_is_named(real: Matrix) -> None:
    text = table.grid_text(*ask(real, "cudf", "cugraph", platform="win-64"), 80, everything=False)
    assert "cudf has no builds for win-64\n\ncugraph has no builds for win-64\n" in text


def test_a_bare_branch_is_any_driver_of_it(real: Matrix) -> None:
    assert branch_note(query(real, driver="580")) == "driver 580 is read as any driver 580.x of its branch"
    assert branch_note(query(real, driver="580.65.06")) is None
    assert branch_note(query(real)) is None


@pytest.mark.thorough
def test_json_holds_every_cell_with_its_reasons_and_their_sources(real: Matrix) -> None:
    cells, question = ask(real, platform=None, driver="470.42.01", gpus=("V100",))
    found = json.loads(table.grid_json(cells, question))
    assert found["question"]["gpus"] == [{"name": "V100", "capability": "7.0"}]
    assert len(found["cells"]) == len(list(build_groups(real, real.hosts)))
    for cell in found["cells"]:
        statuses = [reason["status"] for reason in cell["reasons"]]
        assert cell["verdict"] == ("out" if "out" in statuses else "warn" if "warn" in statuses else "in")
        assert (cell["pythons"] == []) == (cell["verdict"] == "out")
        assert all(reason["text"] and reason["at"].startswith("matrices/") for reason in cell["reasons"])
        assert all(
            reason["given"] and reason["unlock"]
            for reason in cell["reasons"]
            if reason["status"] in ("out", "warn") and reason["axis"] in ("driver", "gpu")
        )
    assert {cell["verdict"] for cell in found["cells"]} == {"in", "warn", "out"}


@pytest.mark.thorough
def test_the_page_is_small_and_the_same_each_time(real: Matrix) -> None:
    question = parse_query(real, (), None, (), None, None)
    page = html(real, question)
    assert page == html(real, question)
    assert len(page.encode()) < 430_000
    assert "{{" not in page.split('id="facts">')[0]


def test_what_a_matrix_says_stays_in_its_place_of_the_page() -> None:
    page = html(odd_matrix(), parse_query(odd_matrix(), (), None, (), None, None))
    assert page.count("<script") == page.count("</script>") == 2
    assert "onerror" in page and "<img" not in page and "\u2028" not in page and "<!--" not in page
