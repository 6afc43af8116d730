"""Bounds: versions that other packages must have reach the solver, environment.yml and the search, and never bring a package along."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from rattler import MatchSpec, PackageName, PackageRecord
from rattler.package.build_string import BuildString
from unit.small import FILES, PROJECT, examples, project_of, with_change, write_matrix
from unit.worlds import constraints, worlds

from envgen.cli.lock_report import resolutions_json, resolutions_text
from envgen.explain.explain import conflict
from envgen.explain.report import conflict_text
from envgen.lock.inputs import cell_digest
from envgen.lock.render import render
from envgen.matrix.load import load_matrix
from envgen.model.address import Address
from envgen.model.constraint import Bound, Condition, Constraint
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.project import Dependency, Project
from envgen.model.resolution import Resolution
from envgen.resolver.resolve import Problem, Unsatisfiable, answer, resolve
from envgen.resolver.specs import Group, groups, request, requested_versions, requests

REPO = Path(__file__).parents[2]
SOURCE = "environments/demo/project.yaml"
ROW = '{when: {alpha: "<2.1"}, need: {gamma: "<2"}, breaks: it fails, because: https://alpha.example/1}'
REASON = "alpha <2.1 needs gamma <2, or it fails; see https://alpha.example/1"


def bounded(folder: Path, *rows: str) -> Matrix:
    """The small matrix with rows of bounds in the file of alpha."""
    text = "".join(f"  - {row}\n" for row in rows)
    return load_matrix(write_matrix(folder, {**FILES, "alpha.yaml": f"{FILES['alpha.yaml']}bounds:\n{text}"}))


def project_text(alpha: str = "2.0.*", dependencies: str = "", more: str = "") -> str:
    """A project with one framework for CPU on one platform, and some dependencies."""
    changed = PROJECT.replace('">=2"', f'"{alpha}"').replace("[cpu, cu126]", "[cpu]")
    return f"{changed}dependencies: [{dependencies}]\n{more}"


def resolved(matrix: Matrix, text: str) -> Resolution:
    return resolve(matrix, project_of(text, matrix))[0]


def written(resolution: Resolution) -> list[Group]:
    """The groups of environment.yml apart from Python and the framework."""
    return list(groups(resolution))[2:]


# --- environment.yml and the solver ---------------------------------------------------------------------------------------


def test_a_bound_on_a_package_that_nothing_requests_is_a_remark_and_a_constraint(tmp_path: Path) -> None:
    """conda has no spec that allows a package without requesting it."""
    one = resolved(bounded(tmp_path, ROW), project_text())
    assert written(one) == [Group((), f"if anything brings gamma: {REASON}")]
    (request,) = requests(one)
    assert request.constraints == ("gamma <2",)
    assert not [spec for spec in request.specs if "gamma" in spec]


@pytest.mark.parametrize(
    ("spec", "narrowed"),
    [
        ("gamma", "gamma <2"),
        ("conda-forge::gamma", "conda-forge::gamma <2"),
        ("gamma >=1.5", "gamma >=1.5,<2"),
        ("gamma>=1.5,!=1.7", "gamma>=1.5,!=1.7,<2"),
        ("gamma <3", "gamma <3,<2"),
    ],
)
def test_the_projects_own_spec_is_narrowed(tmp_path: Path, spec: str, narrowed: str) -> None:
    """One spec for one package: conda-lock takes the last of two."""
    one = resolved(bounded(tmp_path, ROW), project_text(dependencies=f'"{spec}", delta'))
    assert written(one) == [Group((narrowed,), REASON), Group(("delta",), "the project's own dependencies")]
    assert requests(one)[0].constraints == ("gamma <2",)


@pytest.mark.parametrize("spec", ["gamma 1.5", "gamma 1.*", "gamma =1.5", "gamma=1.5=h0_0", "gamma >=1,<1.9", "gamma ~=1.2"])
def test_a_spec_within_the_bound_stays_as_it_is(tmp_path: Path, spec: str) -> None:
    one = resolved(bounded(tmp_path, ROW), project_text(dependencies=f'"{spec}"'))
    assert written(one) == [Group((spec,), "the project's own dependencies")]


@pytest.mark.parametrize("spec", ["gamma 1.*|2.*", "gamma[version='>=1']", "gamma * py312*", "gamma >=1 h0_0"])
def test_a_spec_that_is_more_than_a_range_is_left_to_the_solver(tmp_path: Path, spec: str) -> None:
    one = resolved(bounded(tmp_path, ROW), project_text(dependencies=f'"{spec}"'))
    assert written(one) == [Group((), f"if anything brings gamma: {REASON}"), Group((spec,), "the project's own dependencies")]
    assert requests(one)[0].constraints == ("gamma <2",)


def test_a_package_that_always_comes_is_requested(tmp_path: Path) -> None:
    """With the framework, or with a companion that the project has."""
    with_alpha = resolved(bounded(tmp_path, ROW.replace("breaks", "comes-with: [alpha], breaks")), project_text())
    assert written(with_alpha) == [Group(("gamma <2",), REASON)]
    matrix = bounded(tmp_path, ROW.replace("breaks", "comes-with: [alphavision], breaks"))
    assert written(resolved(matrix, project_text())) == [Group((), f"if anything brings gamma: {REASON}")]
    companion = project_text().replace('alpha: "2.0.*"', 'alpha: {version: "2.0.*", with: [alphavision]}')
    assert Group(("gamma <2",), REASON) in groups(resolved(matrix, companion))


def test_any_version_of_what_always_comes_is_requested_without_a_range(tmp_path: Path) -> None:
    row = '{when: {alpha: "<2.1"}, need: {gamma: "*"}, comes-with: [alpha], breaks: it fails, because: https://alpha.example/1}'
    one = resolved(bounded(tmp_path, row), project_text())
    assert [group.specs for group in written(one)] == [("gamma",)]
    assert requests(one)[0].constraints == ()


def test_of_several_bounds_on_a_package_the_narrowest_is_written_and_all_are_explained(tmp_path: Path) -> None:
    other = '{when: {alpha: "2.0"}, need: {gamma: "<1.5"}, partly: true, breaks: a part fails, because: https://alpha.example/2}'
    one = resolved(bounded(tmp_path, ROW, other), project_text(dependencies="gamma"))
    (group,) = written(one)
    assert group.specs == ("gamma <1.5",)
    assert group.because == f"{REASON}; alpha ==2.0.* needs gamma <1.5, or a part fails; see https://alpha.example/2"
    assert requests(one)[0].constraints == ("gamma <2", "gamma <1.5")


def test_a_bound_for_one_platform_is_a_constraint_there_alone(tmp_path: Path) -> None:
    """environment.yml is the same for all platforms, so it can only remark on it."""
    row = ROW.replace('alpha: "<2.1"', 'alpha: "<2.1", platform: linux-64')
    text = project_text(dependencies="gamma").replace("[linux-64]", "[linux-64, osx-arm64]")
    one = resolved(bounded(tmp_path, row), text)
    assert {request.platform: request.constraints for request in requests(one)} == {"linux-64": ("gamma <2",), "osx-arm64": ()}
    remark, own = written(one)
    assert (remark.specs, own.specs) == ((), ("gamma",))
    assert remark.because.startswith("if anything brings gamma on linux-64: alpha <2.1 with platform linux-64 needs gamma <2")


def test_a_bound_that_does_not_apply_is_nowhere(tmp_path: Path) -> None:
    matrix = bounded(tmp_path, ROW)
    one = resolved(matrix, project_text("2.1.*", "gamma"))
    assert (one.bounds, requests(one)[0].constraints) == ((), ())
    assert written(one) == [Group(("gamma",), "the project's own dependencies")]


@pytest.mark.parametrize(("version", "applies"), [("<0.21", True), ("<0.20", False), ("0.20", True)])
def test_a_bound_may_be_about_a_companion(tmp_path: Path, version: str, applies: bool) -> None:
    matrix = bounded(tmp_path, ROW.replace('alpha: "<2.1"', f'alphavision: "{version}"'))
    companion = project_text().replace('alpha: "2.0.*"', 'alpha: {version: "2.0.*", with: [alphavision]}')
    assert bool(resolved(matrix, companion).bounds) is applies
    assert resolved(matrix, project_text()).bounds == ()


def test_what_is_written_passes_the_check_of_the_template_and_the_digest_of_a_cell_follows_the_bound(tmp_path: Path) -> None:
    one = resolved(bounded(tmp_path / "one", ROW), project_text())
    other = resolved(bounded(tmp_path / "other", ROW.replace("<2", "<3", 2).replace('"<3.1"', '"<2.1"')), project_text())
    files = [render(each, REPO / "templates", "templates", SOURCE) for each in (one, other)]
    assert f"  # if anything brings gamma: {REASON}\n" in files[0][0].text
    assert [yaml.safe_load(each[0].text) for each in files[1:]] == [yaml.safe_load(files[0][0].text)]
    digests = {cell_digest(request(each, "linux-64")) for each in (one, other, replace(one, bounds=()))}
    assert len(digests) == 3


# --- the search -----------------------------------------------------------------------------------------------------------


def test_a_dependency_that_contradicts_a_bound_is_explained_with_both_lines(tmp_path: Path) -> None:
    matrix = bounded(tmp_path, ROW)
    with pytest.raises(Unsatisfiable) as caught:
        resolved(matrix, project_text("2.0.*", '"gamma >=2"'))
    text = conflict_text(conflict(caught.value.problem))
    assert "environments/demo/project.yaml:6:16: dependencies gamma >=2" in text
    assert "matrices/alpha.yaml:33:5: alpha <2.1 needs gamma <2, or it fails\n      because: https://alpha.example/1" in text
    assert "dependencies gamma >=2 -> gamma\n" in text
    assert "alpha 2.0.* -> 2.1.0\n" in text


def test_the_search_takes_a_release_that_the_dependency_allows(tmp_path: Path) -> None:
    """Also where the newest is the one that the bound is about, and where the dependency is that of one target."""
    newest = '{when: {alpha: ">=2.1"}, need: {gamma: "<2"}, breaks: it fails, because: https://alpha.example/1}'
    matrix = bounded(tmp_path, newest)
    assert str(resolved(matrix, project_text(">=2")).choices[0].release.version) == "2.1.0"
    assert str(resolved(matrix, project_text(">=2", '"gamma >=2"')).choices[0].release.version) == "2.0.0"
    own = project_text(">=2").replace("[cpu]", '{cpu: {dependencies: ["gamma 3.*"]}}')
    assert str(resolved(matrix, own).choices[0].release.version) == "2.0.0"


def test_two_specs_for_a_package_count_together(tmp_path: Path) -> None:
    """Each by itself has a version below the bound, both together have none."""
    text = project_text("2.0.*", '"gamma >=1"').replace("[cpu]", '{cpu: {dependencies: ["gamma !=1.*"]}}')
    with pytest.raises(Unsatisfiable):
        resolved(bounded(tmp_path, ROW), text)


NEEDS = {"<2": SpecifierSet("<2"), ">=2": SpecifierSet(">=2"), "<1": SpecifierSet("<1")}
CONTRADICTED = {"gamma": set[str](), "gamma >=2": {"<2", "<1"}, "gamma 1.*": {">=2", "<1"}, "gamma <1": {">=2"}}


@examples(60)
@given(
    worlds(),
    st.lists(st.tuples(constraints(), st.sampled_from(sorted(NEEDS))), min_size=1, max_size=3),
    st.sampled_from(sorted(CONTRADICTED)),
)
def test_a_contradicted_bound_is_a_constraint_that_nothing_meets(
    world: tuple[Matrix, Project], drawn: list[tuple[Constraint, str]], spec: str
) -> None:
    """And any other bound changes no choice. The search with constraints is compared with an oracle elsewhere."""
    matrix, demo = world
    project = replace(demo, dependencies=(Dependency(spec, "gamma", demo.at("")),))
    never, found, impossible = Condition("platform", names=frozenset()), list[Bound](), list[Constraint]()
    for line, (row, need) in enumerate(drawn, 1):
        at = Address("b.yaml", line, 1)
        found.append(Bound(when=row.when, need=(Condition("gamma", NEEDS[need]),), because="x", at=at, breaks="it fails"))
        if need in CONTRADICTED[spec]:
            impossible.append(Constraint(when=row.when, need=(never,), because="x", at=at))
    bounded = replace(matrix, bounds=tuple(found))
    constrained = replace(matrix, constraints=(*matrix.constraints, *impossible))
    assert chosen(bounded, project) == chosen(constrained, project)


def chosen(matrix: Matrix, project: Project) -> object:
    """What each target gets, None where there is no answer."""
    answers = answer(Problem(matrix, project))
    return answers and [(one.target.name, one.platforms, one.python, one.choices) for one in answers]


@pytest.mark.parametrize(
    ("spec", "versions"),
    [
        ("gamma", ""),
        ("gamma *", ""),
        ("gamma 1.5", "==1.5"),
        ("gamma 1.5.*", "==1.5.*"),
        ("gamma =1.5", "==1.5.*"),
        ("gamma=1.5", "==1.5.*"),
        ("gamma==1.5", "==1.5"),
        ("gamma=1.5=py310*", "==1.5"),
        ("gamma 1.5 py310h0_0", "==1.5"),
        ("conda-forge::gamma >= 1.5 , <2", ">=1.5,<2"),
        ("gamma >=1.*", ">=1"),
        ("gamma ~=1.5", "~=1.5"),
        ("gamma !=1.5", "!=1.5"),
    ],
)
def test_the_versions_of_a_spec_are_read_as_conda_reads_them(spec: str, versions: str) -> None:
    assert requested_versions(spec) == SpecifierSet(versions, prereleases=True)


@pytest.mark.parametrize("spec", ["gamma 1.*|2.*", "gamma[version='>=1']", "gamma (>=1)", "gamma >=one"])
def test_versions_that_are_not_one_range_are_unknown(spec: str) -> None:
    assert requested_versions(spec) is None


VERSIONS = st.sampled_from(["0.9", "1", "1.2", "1.5", "1.5.3", "2", "2.1", "3"])
RANGES = st.builds(
    "{}{}{}".format, st.sampled_from(["", " "]), st.sampled_from(["", "=", "==", ">=", "<", "<=", ">", "!="]), VERSIONS
)


@examples(200)
@given(RANGES, VERSIONS)
def test_a_range_of_a_spec_holds_what_conda_lets_pass(text: str, version: str) -> None:

    if text.strip()[0] not in "=<>!" and not text.startswith(" "):
        text = f" {text}"
    name, build = PackageName("gamma"), BuildString("0")
    record = PackageRecord(name=name, version=version, build=build, build_number=0, subdir="noarch")
    found = requested_versions(f"gamma{text}")
    assert found is not None
    assert (Version(version) in found) == MatchSpec(f"gamma{text}", strict=False).matches(record)


# --- reports --------------------------------------------------------------------------------------------------------------


def test_a_report_has_each_bound_with_its_reason_its_place_and_its_source(tmp_path: Path) -> None:
    one = resolved(bounded(tmp_path, ROW), project_text())
    text = resolutions_text([one])
    assert "  gamma <2, if anything brings it\n      alpha <2.1 needs gamma <2, or it fails (matrices/alpha.yaml:33:5)" in text
    (row,) = json.loads(resolutions_json([one]))
    assert row["bounds"] == [
        {
            "package": "gamma",
            "versions": "<2",
            "platforms": ["linux-64"],
            "always": False,
            "because": "alpha <2.1 needs gamma <2, or it fails (matrices/alpha.yaml:33:5)",
            "source": "https://alpha.example/1",
        }
    ]


# --- the files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (ROW.replace("alpha:", "alhpa:"), "there is no axis `alhpa`"),
        (ROW.replace('"<2.1"', '"<2.1", provider: nobody'), "there is no provider `nobody`"),
        (ROW.replace("gamma", "beta"), "envgen chooses `beta` itself, so nothing can bound it"),
        (ROW.replace("gamma", "alphavision"), "envgen chooses `alphavision` itself, so nothing can bound it"),
        (ROW.replace("gamma", "python"), "envgen chooses `python` itself, so nothing can bound it"),
        (ROW.replace("breaks", "comes-with: [gamma], breaks"), "comes-with: `gamma` is not the name of a framework or companion"),
        (ROW.replace('"<2"', '">=2,<2"'), "no version is in the range '>=2,<2'"),
        (ROW.replace('"<2"', "2"), "expected a string, got the number 2"),
        (ROW.replace("gamma", "Gamma"), "not the name of a conda package"),
        (ROW.replace('{gamma: "<2"}', "{}"), "need"),
        (ROW.replace('{alpha: "<2.1"}', "{}"), "when"),
        (ROW.replace(", because: https://alpha.example/1", ""), "because"),
        (ROW.replace("breaks: it fails, ", ""), "breaks"),
        (ROW.replace("breaks", "brakes"), "brakes"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused_at_its_place(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        bounded(tmp_path, row)
    assert said in str(caught.value)
    assert str(caught.value.where).startswith("matrices/alpha.yaml:33:")


def test_a_bound_belongs_into_the_file_of_a_framework(tmp_path: Path) -> None:
    files = with_change("cuda.yaml", "constraints:", f"bounds:\n  - {ROW}\nconstraints:")
    with pytest.raises(BadInput, match="bounds"):
        load_matrix(write_matrix(tmp_path, files))
