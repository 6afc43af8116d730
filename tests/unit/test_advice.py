"""Advice: every row speaks where it applies and is silent close by, its holes are filled, a broken row is named."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import REPO, some
from hypothesis import assume, given
from hypothesis import strategies as st
from unit import heard
from unit.small import FILES, PROJECT, examples, project_of, write_matrix

from envgen.explain.advice import advice
from envgen.formats.environment_file import read_environment_file
from envgen.lock.render import render
from envgen.matrix.load import load_matrix
from envgen.model.advice import Trial
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.resolution import Resolution
from envgen.resolver.resolve import Unsatisfiable, resolve
from envgen.verify.check import check, claims_of


def test_every_trap_has_a_row_and_every_row_a_project(real: Matrix) -> None:
    names = heard.rows(real)
    assert {name.split("/")[0] for name in names} >= {f"G{number:02}" for number in range(1, 24)}
    assert set(names) == set(heard.TOLD)


@pytest.mark.parametrize("name", heard.TOLD)
def test_a_row_speaks_where_it_applies_and_is_silent_close_by(real: Matrix, name: str) -> None:
    here, close_by = heard.TOLD[name]
    line = heard.rows(real)[name]
    assert line in heard.given(real, here)
    assert line not in heard.given(real, close_by)


@pytest.mark.parametrize("name", heard.TOLD)
def test_what_is_said_is_whole_short_and_has_its_source(real: Matrix, name: str) -> None:
    found = heard.given(real, heard.TOLD[name][0])[heard.rows(real)[name]]
    for text in (found.heard, found.but, *(found.trial.specs if found.trial else ())):
        assert text == text.strip()
        assert not re.search(r"[{}\n]|  ", text)
        assert len(text) < 150
    assert found.because.strip()
    assert found.at.file == "matrices/advice.yaml"


def test_advice_stands_by_its_id_and_each_text_once(real: Matrix) -> None:
    for here, _ in some(heard.TOLD.values()):
        found = advice(real, heard.resolved(real, here))
        assert [item.id for item in found] == sorted(item.id for item in found)
        assert len({(item.heard, item.but) for item in found}) == len(found)


def test_it_says_which_platforms_are_meant(real: Matrix) -> None:
    found = {item.id: item for item in advice(real, heard.resolved(real, heard.TOLD["G13/1"][0]))}
    assert found["G13"].platforms == ("win-64",)
    assert found["G01"].platforms == ("linux-64", "win-64")
    assert heard.given(real, heard.TOLD["G14/1"][0])[heard.rows(real)["G14/1"]].platforms == ()  # the platform was dropped


def test_a_gpu_is_named_where_it_is_meant(real: Matrix) -> None:
    mixed = heard.Told("pytorch: '2.12.1'", "cu129", "3.14", more="gpus: [V100, A100, '6.1']\n")
    found = heard.given(real, mixed)[heard.rows(real)["G09/1"]]
    assert found.but.endswith("which have no code for V100, compute capability 6.1")


def test_several_frameworks_stand_in_one_piece_of_advice(real: Matrix) -> None:
    both = heard.Told("pytorch: '>=2.5', tensorflow: '>=2.17'", "cu126", "3.12")
    found = heard.given(real, both)[heard.rows(real)["G02/1"]]
    assert (
        found.heard == "conda install pytorch=2.6.0 tensorflow=2.18.0 -c conda-forge, on a login node, in CI or in a docker build"
    )
    assert found.trial
    assert found.trial.specs == ("pytorch 2.6.0.*", "tensorflow 2.18.0.*", "python 3.12.*")


def test_nothing_is_said_without_the_file(tmp_path: Path) -> None:
    matrix = load_matrix(write_matrix(tmp_path))
    assert matrix.advice == ()
    assert [advice(matrix, found) for found in resolve(matrix, project_of(PROJECT, matrix))] == [(), ()]


ROW = 'advice:\n  - {{id: A1, heard: "ask for {heard}", when: {{{when}}}, but: wrong, because: x{more}}}\n'


@pytest.mark.parametrize(
    ("when", "heard", "more", "message"),
    [
        ('alpha: ">=2"', "{alhpa}", "", "2:5: A1: {alhpa}: no such hole\n\nhint: here are {alpha}, {frameworks}, {platform}, {python}, {target}"),
        ("target: cpu", "{cuda}", "", "2:5: A1: {cuda}: nothing in `when` says what fills it\n\nhint: here are {platform}, {python}, {target}"),
        ('driver: ">=535"', "{gpu}", "", "2:5: A1: {gpu}: nothing in `when` says what fills it\n\nhint: here are {driver}, {platform}, {python}, {target}"),
        ("dropped: win-46", "it", "", "2:5: there is no platform `win-46`\n\nhint: did you mean `win-64`?"),
        ("driver: old", "it", "", "2:42: driver: 'old' is not a version range\n\nhint: write for instance \">=12.8\""),
        ('alpha: ">=2"', "it", ", trial: {specs: [\"alpha {alhpa}\"], channels: [conda-forge], gets: cpu}", "2:5: A1: {alhpa}: no such hole\n\nhint: here are {alpha}, {alphavision}, {beta}, {cu}, {cuda}, {driver}, {frameworks}, {gpu}, {major}, {platform}, {python}, {target}"),
        ('alpha: ">=2"', "it", ", trial: {specs: [], channels: [conda-forge], gets: cpu}", "2:89: advice[0].trial.specs: expected at least 1 item, not 0\n\nhint: add an item"),
    ],
)  # fmt: skip
def test_a_broken_row_is_named(tmp_path: Path, when: str, heard: str, more: str, message: str) -> None:
    text = ROW.format(when=when, heard=heard, more=more)
    with pytest.raises(BadInput) as caught:
        load_matrix(write_matrix(tmp_path, {**FILES, "advice.yaml": text}))
    assert str(caught.value) == f"matrices/advice.yaml:{message}"


@examples(40)
@given(st.data())
def test_advice_is_given_for_whatever_can_be_resolved(real: Matrix, data: st.DataObject) -> None:
    def some(name: str, *values: str) -> str:
        return data.draw(st.sampled_from(values), label=name)

    frameworks = some("frameworks", "pytorch: '*'", "pytorch: '<2.6'", "tensorflow: '*'", "jax: '*'", "pytorch: '*', tensorflow: '*'", "pytorch: {version: '*', with: [torchvision]}")  # fmt: skip
    told = heard.Told(
        frameworks,
        data.draw(st.sampled_from(sorted(real.targets)), label="target"),
        platforms=some("platforms", "linux-64", heard.AARCH, heard.WINDOWS, "linux-64, osx-arm64"),
        channels=some("channels", heard.FORGE, heard.VENDOR),
        more=some("more", "", heard.OLD, heard.V100, heard.B200, heard.H100 + heard.OLD),
    )
    project = project_of(told.text(), real)
    try:
        resolutions = resolve(real, project)
    except Unsatisfiable:
        assume(False)
    for found in (item for resolution in resolutions for item in advice(real, resolution)):
        assert not re.search(r"[{}]", found.heard + found.but)


# --- files that follow advice ---------------------------------------------------------------------------------------------

GETS = {"cpu": "request-gets-cpu", "nothing": "request-unsolvable"}
OF_A_FILE = {"platform", "cuda", "provider"}  # what an environment.yml tells, and the versions of what it asks for


def names(trial: Trial) -> set[str]:
    """The packages that a trial asks for."""
    return {spec.split()[0] for spec in trial.specs}


def asked(trial: Trial) -> str:
    """An environment.yml that asks for what a trial asks for."""
    specs = [f"  - {'='.join(spec.removesuffix('.*').split())}" for spec in trial.specs]
    return "\n".join((f"channels: [{', '.join(trial.channels)}]", "dependencies:", *specs, ""))


def findings(text: str, resolution: Resolution, matrix: Matrix) -> set[str]:
    """The rules that a file breaks which is meant to be the target of a resolution."""
    lock = read_environment_file(text, "environment.yml")
    claim = next(iter(claims_of(resolution).values()))
    return {found.rule for found in check(lock, dict.fromkeys(lock.platforms, replace(claim, frameworks=())), matrix)}


def test_verify_finds_in_a_file_what_came_of_the_trial_of_its_specs(real: Matrix) -> None:
    """Of every row whose trial has usual settings, and that is about what a file tells."""
    said = {}
    for name, (here, _) in heard.TOLD.items():
        item, axes = heard.given(real, here)[heard.rows(real)[name]], conditions(real, name)
        trial = item.trial
        if (
            trial
            and trial.gets in GETS
            and trial.strict
            and not trial.virtual
            and not trial.platform
            and axes <= {*OF_A_FILE, *names(trial)}
        ):
            said[name] = (GETS[trial.gets], findings(asked(trial), heard.resolved(real, here), real))
    assert len(said) > 10
    assert {name: found for name, (rule, found) in said.items() if not found & {rule, "never-published", "cpu-selector"}} == {}


def conditions(matrix: Matrix, name: str) -> set[str]:
    """What a row of advice looks at."""
    line = heard.rows(matrix)[name]
    return {condition.axis for rule, _ in matrix.advice if rule.at.line == line for condition in rule.when}


def test_verify_finds_nothing_of_that_in_what_envgen_asks_for(real: Matrix) -> None:
    """The environment.yml of every choice that advice is about."""
    judged = {*GETS.values(), "never-published", "never-built", "not-built", "newest-is-cpu", "not-in-channels", "cuda-named-twice"}
    judged |= {"stub-package", "no-such-extra"}
    told = [one for pair in heard.TOLD.values() for one in pair if not one.target.startswith("{")]
    for resolution in some([heard.resolved(real, one) for one in told], 80):
        file, _ = render(resolution, REPO / "templates", "templates", "project.yaml")
        assert not findings(file.text, resolution, real) & judged, file.text
