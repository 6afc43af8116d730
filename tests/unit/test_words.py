"""Words that people bring: what each means wherever it stands, and that it is the project that envgen's own terms would make."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.small import FILES, data_of, examples, project_of, refused, write_matrix, yaml_of

from envgen.explain.explain import conflict
from envgen.matrix.gpu_names import gpu_named
from envgen.matrix.load import load_matrix
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.open_target import OpenTarget
from envgen.model.project import Project
from envgen.project.aliases import read_alias
from envgen.project.package_spec import conda_spec, pip_spec
from envgen.resolver.resolve import Problem, Unsatisfiable, resolve
from envgen.resolver.specs import groups
from envgen.targets import in_command

FILE = "environments/demo/project.yaml"
Words = dict[str, Any]


def text_of(words: Words) -> str:
    """A project file of a few keys; Python, platform and channel are always the same."""
    base = {"python": ">=3.9", "platforms": ["linux-64"], "channels": ["conda-forge"]}
    return yaml_of({**base, **words})


def read(matrix: Matrix, words: Words) -> Project:
    """The project that is read of it."""
    return project_of(text_of(words), matrix)


def meant(matrix: Matrix, words: Words) -> tuple[dict[str, tuple[str, str | None]], list[str]]:
    """What a project asks for: frameworks with version and provider, and targets."""
    project = read(matrix, words)
    frameworks = {wish.framework: (wish.text, wish.provider) for wish in project.frameworks}
    return frameworks, [wish.name for wish in project.targets]


def chosen(matrix: Matrix, words: Words) -> list[tuple[object, ...]]:
    """All of a project's Resolutions that reaches a file."""
    return [
        (r.target.name, r.target.virtual, r.platforms, r.python, r.choices, r.excluded, [group.specs for group in groups(r)], r.project.pip)
        for r in resolve(matrix, read(matrix, words))
    ]  # fmt: skip


def by_name(found: list[tuple[object, ...]]) -> dict[object, tuple[object, ...]]:
    """Resolutions by their target, whatever the order of targets."""
    return {row[0]: row for row in found}


# A project in the words of people, and the same in envgen's own terms.
SAME: dict[str, tuple[Words, Words]] = {
    # dependencies
    "cpuonly": ({"dependencies": ["pytorch=2.5", "cpuonly"]}, {"frameworks": {"pytorch": "2.5"}, "targets": ["cpu"]}),
    "cpuonly alone": ({"dependencies": ["cpuonly=2.0"]}, {"frameworks": {"pytorch": "*"}, "targets": ["cpu"]}),
    "cudatoolkit=11.8": (
        {"frameworks": {"pytorch": "2.*"}, "dependencies": ["numpy", "cudatoolkit=11.8"]},
        {"frameworks": {"pytorch": "2.*"}, "dependencies": ["numpy"], "targets": ["cu118"]},
    ),
    "cudatoolkit as it is exported": (
        {"frameworks": {"pytorch": "2.*"}, "dependencies": ["cudatoolkit=11.8.0=h37601d7_11"]},
        {"frameworks": {"pytorch": "2.*"}, "targets": ["cu118"]},
    ),
    "cudatoolkit beside cpu": (
        {"frameworks": {"pytorch": "2.*"}, "dependencies": ["cudatoolkit=11.8"], "targets": ["cpu"]},
        {"frameworks": {"pytorch": "2.*"}, "targets": ["cpu", "cu118"]},
    ),
    "cudatoolkit that is there": (
        {"frameworks": {"pytorch": "2.*"}, "dependencies": ["cudatoolkit=11.8"], "targets": ["cpu", "cu118"]},
        {"frameworks": {"pytorch": "2.*"}, "targets": ["cpu", "cu118"]},
    ),
    "cudatoolkit that never was": (
        {"frameworks": {"pytorch": "*"}, "dependencies": ["cudatoolkit=12.1"]},
        {"frameworks": {"pytorch": "*"}, "targets": ["cu121"]},
    ),
    "cudatoolkit of no version": (
        {"frameworks": {"pytorch": "*"}, "dependencies": ["cudatoolkit"]},
        {"frameworks": {"pytorch": "*"}, "targets": ["cu130"]},
    ),
    "cpuonly for cpu and CUDA": (
        {"frameworks": {"pytorch": "*"}, "dependencies": ["cpuonly"], "targets": ["cpu", "cu126"]},
        {"frameworks": {"pytorch": "*"}, "targets": ["cpu", "cu126"]},
    ),
    "cpuonly beside CUDA": (
        {"frameworks": {"pytorch": "*"}, "dependencies": ["cpuonly"], "targets": ["cu126"]},
        {"frameworks": {"pytorch": "*"}, "targets": ["cpu", "cu126"]},
    ),
    "both commands of the install page": (
        {"dependencies": ["pytorch", "cpuonly", "pytorch-cuda=12.1"]},
        {"frameworks": {"pytorch": "*"}, "targets": ["cpu", "cu121"]},
    ),
    "the command of the install page": (
        {
            "channels": ["pytorch", "nvidia", "conda-forge"],
            "dependencies": ["pytorch==2.1.0", "torchvision==0.16.0", "torchaudio==2.1.0", "pytorch-cuda=12.1"],
        },
        {
            "channels": ["pytorch", "nvidia", "conda-forge"],
            "frameworks": {"pytorch": {"version": "==2.1.0", "with": ["torchvision", "torchaudio"]}},
            "targets": ["cu121"],
        },
    ),
    "pytorch::pytorch-cuda": (
        {"channels": ["conda-forge", "pytorch", "nvidia"], "dependencies": ["pytorch::pytorch-cuda=12.1"]},
        {
            "channels": ["conda-forge", "pytorch", "nvidia"],
            "frameworks": {"pytorch": {"provider": "pytorch"}},
            "targets": ["cu121"],
        },
    ),
    "conda-forge::pytorch": (
        {"channels": ["pytorch", "conda-forge"], "dependencies": ["conda-forge::pytorch-gpu=2.5"]},
        {
            "channels": ["pytorch", "conda-forge"],
            "frameworks": {"pytorch": {"version": "2.5", "provider": "conda-forge"}},
            "targets": ["cu129"],
        },
    ),
    "cuda-version=12": (
        {"frameworks": {"pytorch": "*"}, "dependencies": ["cuda-version=12"]},
        {"frameworks": {"pytorch": "*"}, "targets": ["cu129"]},
    ),
    "cuda-version as a range": (
        {"frameworks": {"pytorch": "*"}, "dependencies": ["cuda-version >=12,<12.7"]},
        {"frameworks": {"pytorch": "*"}, "targets": ["cu126"]},
    ),
    "cuda-version without a framework": ({"dependencies": ["cuda-version=12.6"]}, {"targets": ["cu126"]}),
    "tensorflow-gpu": (
        {"dependencies": ["tensorflow-gpu=2.10"]},
        {"frameworks": {"tensorflow": "2.10"}, "targets": ["cu112"]},
    ),
    "tensorflow==2.15.*": (
        {"dependencies": ["tensorflow==2.15.*"], "targets": ["cpu"]},
        {"frameworks": {"tensorflow": "==2.15.*"}, "targets": ["cpu"]},
    ),
    "jaxlib by its build": (
        {"dependencies": ["jax", "jaxlib=*=*cuda12*"]},
        {"frameworks": {"jax": "*"}, "targets": ["cu129"]},
    ),
    "pytorch by its build": (
        {"dependencies": ["pytorch=2.5.1=cpu_mkl_py312_h60fbbf7_110"]},
        {"frameworks": {"pytorch": "2.5.1"}, "targets": ["cpu"], "python": "3.12"},
    ),
    "torchvision says which pytorch": (
        {"dependencies": ["torchvision=0.20"], "targets": ["cpu"]},
        {"frameworks": {"pytorch": {"version": ">=2.5.0,<2.6", "with": ["torchvision"]}}, "targets": ["cpu"]},
    ),
    "a build in brackets": (
        {
            "python": ">=3.8,<3.9",
            "channels": ["pytorch", "nvidia", "conda-forge"],
            "dependencies": ["pytorch::pytorch==1.13.0[build=py3.8_cuda11.6*]", "cudatoolkit=11.6"],
        },
        {
            "python": ">=3.8,<3.9",
            "channels": ["pytorch", "nvidia", "conda-forge"],
            "frameworks": {"pytorch": {"version": "==1.13.0", "provider": "pytorch"}},
            "targets": ["cu116"],
        },
    ),
    "everything in brackets": (
        {"channels": ["pytorch", "conda-forge"], "dependencies": ["pytorch[version='>=2.1,<2.4', build='*cuda*', channel=conda-forge]"]},
        {
            "channels": ["pytorch", "conda-forge"],
            "frameworks": {"pytorch": {"version": ">=2.1,<2.4", "provider": "conda-forge"}},
            "targets": ["cu129"],
        },
    ),
    "CUDA in brackets": (
        {"frameworks": {"pytorch": "*"}, "dependencies": ['cuda-version[version="12.6"]']},
        {"frameworks": {"pytorch": "*"}, "targets": ["cu126"]},
    ),
    "brackets after a version": (
        {"dependencies": ["pytorch 2.5.*[build=cpu*]"]},
        {"frameworks": {"pytorch": "2.5.*"}, "targets": ["cpu"]},
    ),
    # pip
    "tensorflow[and-cuda]": (
        {"pip": ["tensorflow[and-cuda]==2.15", "einops"]},
        {"frameworks": {"tensorflow": "==2.15"}, "targets": ["cu129"], "pip": ["einops"]},
    ),
    "jax[cuda12]": ({"pip": ["jax[cuda12]"]}, {"frameworks": {"jax": "*"}, "targets": ["cu129"]}),
    "jax[cuda12_pip]": ({"pip": ["jax[cuda12_pip] >=0.6"]}, {"frameworks": {"jax": ">=0.6"}, "targets": ["cu129"]}),
    "jax[cuda]": ({"pip": ["jax[cuda]"]}, {"frameworks": {"jax": "*"}, "targets": ["cu129"]}),
    "torch==": (
        {"pip": ["torch==2.5.1", "torchvision"], "targets": ["cpu"]},
        {"frameworks": {"pytorch": {"version": "==2.5.1", "with": ["torchvision"]}}, "targets": ["cpu"]},
    ),
    "torch with a label": (
        {"pip": ["torch==2.5.1+cu118"]},
        {"frameworks": {"pytorch": "==2.5.1"}, "targets": ["cu118"]},
    ),
    "torch with the label of CPU": ({"pip": ["torch==2.5.1+cpu"]}, {"frameworks": {"pytorch": "==2.5.1"}, "targets": ["cpu"]}),
    "torch in conda's spelling": ({"pip": ["torch=2.5"], "targets": ["cpu"]}, {"frameworks": {"pytorch": "2.5"}, "targets": ["cpu"]}),
    "tensorflow-cpu": ({"pip": ["tensorflow-cpu"]}, {"frameworks": {"tensorflow": "*"}, "targets": ["cpu"]}),
    # frameworks
    "a key that is a word": (
        {"frameworks": {"tensorflow-gpu": "2.10"}, "targets": ["cpu"]},
        {"frameworks": {"tensorflow": "2.10"}, "targets": ["cpu", "cu112"]},
    ),
    "a key with an extra": ({"frameworks": {"tensorflow[and-cuda]": "2.18"}}, {"frameworks": {"tensorflow": "2.18"}, "targets": ["cu129"]}),
    "a key with more to it": (
        {"frameworks": {"torch": {"version": "2.5", "with": ["torchvision"]}}, "targets": ["cpu"]},
        {"frameworks": {"pytorch": {"version": "2.5", "with": ["torchvision"]}}, "targets": ["cpu"]},
    ),
    "the order of keys": (
        {"frameworks": {"torch": "2.5", "tensorflow": "2.18"}, "targets": ["cpu"]},
        {"frameworks": {"pytorch": "2.5", "tensorflow": "2.18"}, "targets": ["cpu"]},
    ),
    "a wish and a word": (
        {"frameworks": {"pytorch": "2.5.*"}, "dependencies": ["pytorch-cuda=12.1"]},
        {"frameworks": {"pytorch": "2.5.*"}, "targets": ["cu121"]},
    ),
    "two wishes": (
        {"frameworks": {"pytorch": ">=2.3"}, "dependencies": ["torchvision", "pytorch <2.6"], "targets": ["cpu"]},
        {"frameworks": {"pytorch": {"version": ">=2.3,<2.6", "with": ["torchvision"]}}, "targets": ["cpu"]},
    ),
    # targets, cuda
    "target cuda": ({"frameworks": {"pytorch": "*"}, "targets": ["cpu", "cuda"]}, {"frameworks": {"pytorch": "*"}, "targets": ["cpu", "cu130"]}),
    "target GPU": ({"frameworks": {"jax": "*"}, "targets": ["CPU", "GPU"]}, {"frameworks": {"jax": "*"}, "targets": ["cpu", "cu129"]}),
    "target cuda-version=12": ({"frameworks": {"pytorch": "*"}, "targets": ["cuda-version=12"]}, {"frameworks": {"pytorch": "*"}, "targets": ["cu129"]}),
    "target cuda12": ({"frameworks": {"pytorch": "*"}, "targets": ["cuda12"]}, {"frameworks": {"pytorch": "*"}, "targets": ["cu129"]}),
    "target cuda12.1": ({"frameworks": {"pytorch": "*"}, "targets": ["cuda12.1"]}, {"frameworks": {"pytorch": "*"}, "targets": ["cu121"]}),
    "target cuda121": ({"frameworks": {"pytorch": "*"}, "targets": ["cuda121"]}, {"frameworks": {"pytorch": "*"}, "targets": ["cu121"]}),
    "target 12.6": ({"frameworks": {"pytorch": "*"}, "targets": ["12.6"]}, {"frameworks": {"pytorch": "*"}, "targets": ["cu126"]}),
    "target with overrides": (
        {"frameworks": {"pytorch": "*"}, "targets": {"cpu": None, "cuda": {"virtual-packages": {"__glibc": "2.35"}}}},
        {"frameworks": {"pytorch": "*"}, "targets": {"cpu": None, "cu130": {"virtual-packages": {"__glibc": "2.35"}}}},
    ),
    "a target and its newest": (
        {"frameworks": {"pytorch": "*"}, "targets": ["cuda", "cu126", "cu130"]},
        {"frameworks": {"pytorch": "*"}, "targets": ["cu130", "cu126"]},
    ),
    "a target, narrowed": (
        {"frameworks": {"pytorch": "*"}, "targets": ["cuda"], "dependencies": ["cuda-version=12"]},
        {"frameworks": {"pytorch": "*"}, "targets": ["cu129"]},
    ),
    "words below targets": (
        {"targets": {"cpu": {"dependencies": ["tensorflow-cpu"]}, "cu126": {"dependencies": ["tensorflow-gpu", "cuda-version=12.6"]}}},
        {"frameworks": {"tensorflow": "*"}, "targets": ["cpu", "cu126"]},
    ),
    "cuda newest": (
        {"frameworks": {"pytorch": "*"}, "targets": ["cpu"], "cuda": "newest"},
        {"frameworks": {"pytorch": "*"}, "targets": ["cpu", "cu130"]},
    ),
    "cuda 12": ({"frameworks": {"pytorch": "*"}, "cuda": "12"}, {"frameworks": {"pytorch": "*"}, "targets": ["cu129"]}),
    "cuda 12.1": ({"frameworks": {"pytorch": "*"}, "cuda": "12.1"}, {"frameworks": {"pytorch": "*"}, "targets": ["cu121"]}),
    "cuda driver": (
        {"frameworks": {"pytorch": "*"}, "cuda": {"driver": "535"}},
        {"frameworks": {"pytorch": "*"}, "driver": "535", "targets": ["cu129"]},
    ),
    "cuda driver and gpus": (
        {"frameworks": {"pytorch": "*"}, "cuda": {"driver": "580", "gpus": ["Tesla V100-SXM2-32GB"]}},
        {"frameworks": {"pytorch": "*"}, "driver": "580", "gpus": ["V100"], "targets": ["cu129"]},
    ),
    "two frameworks share a CUDA": (
        {"pip": ["jax[cuda12]", "tensorflow-gpu==2.18.*"]},
        {"frameworks": {"jax": "*", "tensorflow": "==2.18.*"}, "targets": ["cu129"]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("words", SAME)
def test_words_make_the_project_that_own_terms_make(words: str, real: Matrix) -> None:
    brought, own = SAME[words]
    assert chosen(real, brought) == chosen(real, own)
    assert [wish.host for wish in read(real, brought).frameworks] == [wish.host for wish in read(real, own).frameworks]
    assert read(real, brought).notes
    assert not read(real, own).notes


@pytest.mark.parametrize("words", SAME)
def test_what_a_note_says_to_write_is_the_same_project_without_notes(words: str, real: Matrix) -> None:
    """Every word goes, and what the notes name takes its place."""
    brought = deepcopy(SAME[words][0])
    project = read(real, brought)
    rest = {key: value for key, value in brought.items() if key not in ("cuda", "dependencies", "pip", "frameworks", "gpus")}
    rest |= {"dependencies": [d.spec for d in project.dependencies], "pip": list(project.pip)}
    rest["frameworks"] = {key: value for key, value in brought.get("frameworks", {}).items() if key in real.frameworks}
    if isinstance(brought.get("targets"), dict):
        rest["targets"] = {name: brought["targets"].get(name) for name in [wish.name for wish in project.targets]}
        if "cuda" in brought["targets"]:
            rest["targets"]["cu130"] = brought["targets"]["cuda"]
        for row in rest["targets"].values():
            (row or {}).pop("dependencies", None)
    elif "targets" in brought:
        rest["targets"] = [name for name in brought["targets"] if name in real.targets]
    for note in project.notes:
        for line in re.findall(r"`(\w+: [^`]*)`", note.text.rpartition("; ")[2]):
            said = data_of(line)
            if not ("targets" in said and isinstance(rest.get("targets"), dict)):
                rest |= {key: {**rest.get(key, {}), **value} if isinstance(value, dict) else value for key, value in said.items()}
    names = [wish.framework for wish in project.frameworks]
    rest["frameworks"] = {name: rest["frameworks"][name] for name in names if name in rest["frameworks"]}  # as they stood
    assert read(real, rest).notes == ()
    assert by_name(chosen(real, rest)) == by_name(chosen(real, SAME[words][0]))


@pytest.mark.parametrize(
    ("line", "version", "value"),
    [
        ("torch==2.5.1+cu118", "==2.5.1", '"==2.5.1"'),
        ("jax[cuda12]", "*", '"*"'),
    ],
)
def test_a_requirement_as_only_wheels_are_spelled_says_how_to_have_them(line: str, version: str, value: str, real: Matrix) -> None:
    """The channels of the project decide; with the provider of the note there is nothing to say."""
    project = read(real, {"pip": [line]})
    (row,) = project.frameworks
    (target,) = [wish.name for wish in project.targets]
    (note,) = project.notes
    assert row.provider is None
    assert note.text.rpartition("; ")[2] == (
        f"write `frameworks: {{{row.framework}: {value}}}` and `targets: [{target}]` instead, "
        f"or give {row.framework} the value `{{version: {value}, provider: pypi}}` for its wheels"
    )
    wheels = read(real, {"frameworks": {row.framework: {"version": version, "provider": "pypi"}}, "targets": [target]})
    assert (wheels.notes, wheels.frameworks[0].provider) == ((), "pypi")


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("pytorch-cuda=11.8=h7e8668a_5", "cu118"),
        ("cudatoolkit=11.3.1=h9edb442_11", "cu113"),
        ("cuda-version=12.6=h7480c83_3", "cu126"),
        ("cpuonly=2.0=0", "cpu"),
        ("tensorflow-gpu=2.14.0=hb2a4a4a_0", "cu118"),
    ],
)
def test_the_build_of_an_exported_environment_need_not_say_what_its_name_or_version_does(
    line: str, target: str, real: Matrix
) -> None:
    project = read(real, {"frameworks": {"pytorch": "*"} if "tensorflow" not in line else {}, "dependencies": [line]})
    assert [row.name for row in project.targets] == [target]


@pytest.mark.parametrize("line", ["jax=0.4.23=pyhd8ed1ab_0", "pytorch_geometric=2.7.0=pyh1234567_1", "xgboost=2.1.4=py_0"])
def test_the_build_of_a_package_without_compiled_code_says_nothing(line: str, real: Matrix) -> None:
    assert [row.name for row in read(real, {"targets": ["cpu", "cu126"], "dependencies": [line]}).targets] == ["cpu", "cu126"]


@pytest.mark.parametrize("line", ["tensorflow[and-cuda]==2.13.1", "torch==1.13.1+cu117"])
def test_wheels_that_the_matrices_do_not_list_are_not_offered(line: str, real: Matrix) -> None:
    (note,) = read(real, {"pip": [line]}).notes
    assert "wheels" not in note.text


@pytest.mark.parametrize("targets", [["cpu", "{word}"], {"{word}": None}])
@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("mps", "not a separate target"),
        ("Metal", "not a separate target"),
        ("rocm6.2", "for CPU or CUDA"),
        ("tpu", "for CPU or CUDA"),
    ],
)
def test_a_word_for_what_computes_without_cuda_is_refused_with_what_to_write(
    word: str, what: str, targets: Any, real: Matrix
) -> None:
    named = (
        {key.format(word=word): None for key in targets}
        if isinstance(targets, dict)
        else [one.format(word=word) for one in targets]
    )
    with pytest.raises(BadInput, match=f"no target `{word}`") as error:
        read(real, {"targets": named})
    assert what in error.value.hint
    with pytest.raises(BadInput, match=f"no target `{word}`") as error:
        in_command(word, real)
    assert what in error.value.hint


@pytest.mark.parametrize("text", ["R535", ">=R535", ">= r535.104"])
def test_a_branch_of_drivers_as_nvidia_calls_it(text: str, real: Matrix) -> None:
    project = read(real, {"targets": ["cpu"], "driver": text})
    assert (project.driver, project.notes) == (read(real, {"targets": ["cpu"], "driver": text.lower().replace("r", "")}).driver, ())


def test_a_requirement_as_conda_packages_are_spelled_too_says_nothing_of_wheels(real: Matrix) -> None:
    for line in ("torch==2.5.1", "tensorflow-gpu"):
        (note,) = [row for row in read(real, {"pip": [line], "targets": ["cpu"]}).notes if line in row.text]
        assert "wheels" not in note.text.rpartition("; ")[2]


PAIRS = {  # what is requested beside each other, and does not go together -> what is said
    ("pytorch==1.12", "torchvision==0.12"): "torchvision ==0.12 goes with pytorch 1.11.0, but pytorch ==1.12 is requested at FILE:9:3\n\nhint: pytorch ==1.12 has torchvision 0.13.0: ",
    ("torchvision==0.13", "pytorch==1.11"): "torchvision ==0.13 goes with pytorch 1.12.0 to 1.12.1, but pytorch ==1.11 is requested at FILE:10:3\n\nhint: pytorch ==1.11 has torchvision 0.11.3 to 0.12.0: ",
    ("torch==2.1", "torchvision>=0.20"): "torchvision >=0.20 goes with pytorch 2.5.0 to ",
    ("torchaudio==2.2", "pytorch=2.1"): "torchaudio ==2.2 goes with pytorch 2.2.0, but pytorch 2.1 is requested at FILE:10:3\n\nhint: pytorch 2.1 has torchaudio 2.1.0 to 2.1.2: ",
    ("torchvision=0.3", "pytorch=1.1"): "torchvision 0.3 goes with no release of pytorch, but pytorch 1.1 is requested at FILE:10:3\n\nhint: the matrices have no torchvision 0.3, only 0.8.0 to ",
}  # fmt: skip


@pytest.mark.parametrize("lines", PAIRS)
def test_a_companion_of_another_release_is_a_contradiction_that_names_the_pair(lines: tuple[str, ...], real: Matrix) -> None:
    error = refused(lambda: read(real, {"targets": ["cpu"], "channels": ["pytorch"], "dependencies": list(lines)}))
    assert re.sub(r"environments/\w+/project.yaml", "FILE", str(error)).partition(": ")[2].startswith(PAIRS[lines]), error


def test_a_companion_that_goes_with_a_release_of_another_provider_has_an_explanation_that_names_the_pair(real: Matrix) -> None:
    channels = ["pytorch", "nvidia", "conda-forge"]
    project = read(real, {"targets": ["cpu"], "channels": channels, "dependencies": ["pytorch==1.11", "torchvision==0.11.3"]})
    found = conflict(Problem(real, project))
    said = "torchvision ==0.11.3 from pytorch goes with pytorch 1.10.2, and pytorch ==1.11 with torchvision 0.12.0"
    assert any(reason.text.startswith(said) for reason in found.facts), found.facts


def test_a_companion_alone_requests_its_framework_in_any_version_and_says_so(real: Matrix) -> None:
    project = read(real, {"targets": ["cpu"], "dependencies": ["torchvision=0.20"]})
    assert [(row.framework, row.text, row.host) for row in project.frameworks] == [
        ("pytorch", "any version", ""),
        ("torchvision", "0.20", "pytorch"),
    ]
    assert any(note.text.startswith("pytorch is requested in any version, because torchvision ") for note in project.notes)
    (found,) = resolve(real, project)
    assert [str(choice.release.version) for choice in found.choices] == ["2.5.1", "0.20.1"]


def test_a_build_for_one_python_requests_it_and_says_so(real: Matrix) -> None:
    channels = ["pytorch", "nvidia", "conda-forge"]
    for python, said in ((">=3.8", True), ("3.10", False)):
        project = read(real, {"python": python, "channels": channels, "dependencies": ["pytorch=2.1=py3.10_cuda11.8*"]})
        assert {str(minor) for minor in real.pythons if minor in project.python} == {"3.10"}
        assert (
            any(note.text.startswith("`pytorch=2.1=py3.10_cuda11.8*` is read as python 3.10 (") for note in project.notes) is said
        )


NOTES = {
    "cpuonly": (
        {"frameworks": {"pytorch": "*"}, "dependencies": ["cpuonly"], "targets": ["cpu", "cu126"]},
        "is read as pytorch for target cpu (",
        "; remove it: the rest of the file says the same",
    ),
    "cudatoolkit=11.8": (
        {"frameworks": {"pytorch": "*"}, "dependencies": ["cudatoolkit=11.8"], "targets": ["cpu"]},
        "is read as target cu118 (",
        "; write `targets: [cpu, cu118]` instead",
    ),
    "cuda: newest": ({"frameworks": {"jax": "*"}, "cuda": "newest"}, "is read as target cu129 (", "; write `targets: [cu129]` instead"),
    'cuda: {driver: "535"}': (
        {"frameworks": {"jax": "*"}, "cuda": {"driver": "535"}},
        "is read as target cu129 (",
        '; write `driver: ">=535"` and `targets: [cu129]` instead',
    ),
    "Tesla V100-SXM2-32GB": (
        {"frameworks": {"jax": "*"}, "targets": ["cpu"], "gpus": ["Tesla V100-SXM2-32GB"]},
        "is read as V100 (compute capability 7.0)",
        "; write `gpus: [V100]` instead",
    ),
    "sm_90": ({"targets": ["cpu"], "gpus": ["sm_90"]}, "is read as compute capability 9.0", '; write `gpus: ["9.0"]` instead'),
    "tensorflow-gpu": (
        {"pip": ["tensorflow-gpu"], "targets": ["cu126", "cu128"]},
        "is read as tensorflow for targets cu126 and cu128 (",
        '; write `frameworks: {tensorflow: "*"}` instead',
    ),
}  # fmt: skip


@pytest.mark.parametrize("word", NOTES)
def test_a_note_says_what_was_read_why_and_what_to_write(word: str, real: Matrix) -> None:
    words, middle, end = NOTES[word]
    (note,) = read(real, words).notes
    assert note.text.startswith(f"`{word}` {middle}")
    assert note.text.endswith(end)
    assert str(note.at).startswith(f"{FILE}:")


WRONG: dict[str, tuple[Words, str]] = {
    "two CUDAs": (
        {"dependencies": ["cudatoolkit=11.8", "pytorch-cuda=12.1"]},
        "8:3: `pytorch-cuda=12.1` and `cudatoolkit=11.8` (environments/demo/project.yaml:7:3) request two CUDA versions",
    ),
    "another CUDA than the target": (
        {"dependencies": ["cudatoolkit=11.8"], "targets": ["cu126"]},
        "`cudatoolkit=11.8` is for another CUDA version than target cu126",
    ),
    "two versions": (
        {"frameworks": {"pytorch": "2.5.*"}, "dependencies": ["pytorch=2.1"], "targets": ["cpu"]},
        "pytorch 2.1 is requested here, and 2.5.* at environments/demo/project.yaml:",
    ),
    "one build by its number": ({"dependencies": ["pytorch[build_number=3]"], "targets": ["cpu"]}, "7:3: `pytorch[build_number=3]` selects a build by its build_number, but"),
    "one platform": ({"dependencies": ["conda-forge/linux-64::pytorch"], "targets": ["cpu"]}, "7:3: `conda-forge/linux-64::pytorch` is for linux-64 alone, but"),
    "brackets that do not close": ({"dependencies": ["pytorch[build=cpu*"], "targets": ["cpu"]}, "7:3: `pytorch[build=cpu*` cannot be parsed: "),
    "one version or another": ({"dependencies": ["pytorch 2.1|2.3"], "targets": ["cpu"]}, "7:3: `pytorch 2.1|2.3` is one version or another, which"),
    "a build for another Python": (
        {"python": "3.9", "dependencies": ["pytorch=2.1=py3.10_cuda11.8*"]},
        "`pytorch=2.1=py3.10_cuda11.8*` requests python 3.10, but 3.9 is requested at environments/demo/project.yaml:1:1",
    ),
    "two providers": (
        {"dependencies": ["pytorch::pytorch", "conda-forge::pytorch"], "targets": ["cpu"]},
        "pytorch provider conda-forge is requested here, and provider pytorch at environments/demo/project.yaml:",
    ),
    "no such provider": ({"dependencies": ["defaults::pytorch"], "targets": ["cpu"]}, "pytorch has no provider `defaults`"),
    "CUDA 99": ({"dependencies": ["cuda-version=99"]}, "`cuda-version=99`: no target has this CUDA version"),
    "CUDA without a target": ({"dependencies": ["cudatoolkit=12.7"]}, "`cudatoolkit=12.7`: no target has this CUDA version"),
    "CUDA and a release from before the matrices, on Windows": (
        {"platforms": ["win-64"], "dependencies": ["tensorflow=2.3.0", "cudatoolkit=10.3", "cudnn=7.6.5"]},
        "the nearest are cu101, cu102, cu110; the matrices have no tensorflow 2.3.0, only 2.4.0 to 2.21.0",
    ),
    "no CUDA": ({"cuda": "maybe"}, "6:1: cuda: 'maybe' is not a CUDA version"),
    "no driver": ({"cuda": {"driver": "abc"}}, "cuda.driver: not a driver version"),
    "nothing": ({"cuda": {}}, "6:1: cuda: is empty"),
    "a number": ({"cuda": 12.1}, "cuda: expected a string, got the number 12.1"),
    "two drivers": ({"cuda": {"driver": "535"}, "driver": ">=550"}, "cuda.driver: 535, but driver: is 550 at environments/demo/project.yaml:"),
    "an unknown key": ({"cuda": {"drivers": "535"}}, "cuda.drivers: unknown key"),
    "jax and jaxlib": (
        {"dependencies": ["jax=0.4.20", "jaxlib=0.4.23"], "targets": ["cpu"]},
        "`jaxlib=0.4.23` is read as jax 0.4.23, and 0.4.20 is requested at environments/demo/project.yaml:",
    ),
    "jax twice": ({"dependencies": ["jax=0.4.20"], "frameworks": {"jax": "0.4.23"}, "targets": ["cpu"]}, "jax 0.4.20 is requested here, and 0.4.23 at "),
    "a virtual package": ({"dependencies": ["__cuda>=12"], "targets": ["cpu"]}, "dependencies[0]: a virtual package is what a machine has, not a dependency"),
    "no targets": ({"frameworks": {"pytorch": "*"}}, "1:1: targets is missing\n\nhint: write for example `targets: [cpu]`, or `cuda: newest`"),
    "no targets by a word": ({"pip": ["torch"]}, "1:1: targets is missing"),
    "a marker": (
        {"pip": ['tensorflow[and-cuda]; platform_system == "Linux"']},
        '`tensorflow[and-cuda]; platform_system == "Linux"` has an environment marker, but a framework is for the whole project',
    ),
    "an unknown extra": ({"pip": ["tensorflow[and-cuda,foo]"]}, "envgen does not know the extra `foo` of tensorflow"),
    "an extra of a framework": ({"pip": ["torch[opt-einsum]"]}, "envgen does not know the extra `opt-einsum` of torch"),
    "a build that tells nothing": ({"dependencies": ["pytorch=2.1=py310_0"]}, "`pytorch=2.1=py310_0` names a build, and it does not say CPU or CUDA"),
    "CUDA and none": ({"dependencies": ["pytorch-gpu=2.1=cpu_py310"]}, "`pytorch-gpu=2.1=cpu_py310` requests a CPU build and a CUDA build"),
    "no range": ({"dependencies": ["cudatoolkit=eleven"]}, "`cudatoolkit=eleven`: "),
    "not readable": ({"dependencies": ["cudatoolkit ?11.8"]}, "`cudatoolkit ?11.8` cannot be parsed"),
    "an empty range": ({"frameworks": {"torch": ">=3,<2"}}, "frameworks.torch: no version is in the range '>=3,<2'"),
    "a framework for one target": (
        {"targets": {"cpu": None, "cu126": {"dependencies": ["tensorflow-gpu"]}}},
        "`tensorflow-gpu` is listed under one target, but all targets of a project share its frameworks",
    ),
    "cpuonly below CUDA": (
        {"frameworks": {"pytorch": "*"}, "targets": {"cu126": {"dependencies": ["cpuonly"]}}},
        "`cpuonly` is listed under target cu126, and is for another",
    ),
    "CUDA below cpu": (
        {"frameworks": {"pytorch": "*"}, "targets": {"cpu": {"dependencies": ["cudatoolkit=11.8"]}}},
        "`cudatoolkit=11.8` is listed under target cpu, and is for another",
    ),
    "a target with overrides twice": (
        {"frameworks": {"pytorch": "*"}, "targets": {"cuda": {"platforms": ["linux-64"]}, "cu130": {"platforms": ["win-64"]}}},
        "target cu130 is changed here, and at environments/demo/project.yaml:",
    ),
    "a GPU that is none": ({"targets": ["cpu"], "gpus": ["Tesla V1000"]}, "no GPU `Tesla V1000` in matrices/gpus.yaml"),
}  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_what_cannot_be_meant_is_an_error_with_an_address_and_a_next_step(words: str, real: Matrix) -> None:
    error = refused(lambda: read(real, WRONG[words][0]))
    assert error is not None
    assert re.match(rf"{FILE}:\d+:\d+: ", str(error))
    assert WRONG[words][1] in str(error)
    assert error.hint


def test_the_nearest_targets_are_named(real: Matrix) -> None:
    error = refused(lambda: read(real, {"dependencies": ["cuda-version=12.7"]}))
    assert error is not None
    assert error.hint == "the nearest are cu126, cu128, cu129"


def test_where_no_target_goes_with_the_rest_the_target_is_open(real: Matrix) -> None:
    """It may be any of those that the word allows, and none of them is to blame."""
    for words, allowed in (({"cuda": "newest"}, "cu"), ({"cuda": "12"}, "cu12"), ({"targets": ["gpu"]}, "cu")):
        with pytest.raises(Unsatisfiable) as caught:
            read(real, {"frameworks": {"tensorflow": "*"}, "platforms": ["win-64"], **words})
        (target,) = caught.value.problem.project.targets
        assert isinstance(target, OpenTarget)
        built = [name for name, row in real.targets.items() if row.cuda in real.built and name.startswith(allowed)]
        assert list(target.any_of) == built[::-1]
        assert target.name in ("cuda: newest", "cuda: 12", "gpu")


@pytest.mark.parametrize(
    "line",
    ["numpy", "cudnn=8.9", "cuda-nvcc=12.1", "cuda-toolkit", "cuda", "pytorch-lightning", "tensorflow-datasets", "jaxtyping", "nccl", "x[version='>=2']"],
)  # fmt: skip
def test_other_packages_are_left_alone(line: str, real: Matrix) -> None:
    project = read(real, {"targets": ["cpu"], "dependencies": [line]})
    assert ([d.spec for d in project.dependencies], project.notes, project.frameworks) == ([line], (), ())


@pytest.mark.parametrize(
    "line",
    ["einops>=0.8", 'einops; python_version < "3.11"', "torch @ https://host.example/torch.whl", "torchmetrics", "flax[testing]"],
)  # fmt: skip
def test_other_requirements_are_left_alone(line: str, real: Matrix) -> None:
    project = read(real, {"targets": ["cpu"], "pip": [line]})
    assert (project.pip, project.notes) == ((line,), ())


@pytest.mark.parametrize(
    ("line", "kind"), [("-e .", "an editable package"), ("./torch", "a package in a folder"), ("../torch", "a package in a folder")]
)
def test_a_folder_is_installed_after_the_lock(line: str, kind: str, real: Matrix) -> None:
    project = read(real, {"targets": ["cpu"], "pip": [line]})
    assert project.pip == ()
    assert [note.text for note in project.notes] == [
        f"`{line}`, {kind}, is not locked: `envgen install` installs it after the lock, without dependencies"
    ]


def test_the_extras_of_a_folder_are_for_the_project_to_list(real: Matrix) -> None:
    project = read(real, {"targets": ["cpu"], "pip": ["--editable=.[dev]"]})
    ((path, extras, editable),) = [(row.path, row.extras, row.editable) for row in project.local]
    assert (path, extras, editable, project.pip) == (".", "[dev]", True, ())
    (note,) = project.notes
    assert note.text.startswith("`-e .[dev]`, an editable package, is not locked: ")
    assert note.text.endswith("; list what [dev] needs under `pip:`")


@pytest.mark.parametrize(("line", "hint"), [
    ("--no-binary torch", "write `pip-build: [torch]`"),
    ("-r more.txt", "write the lines of more.txt as items of `pip:`"),
    ("--extra-index-url https://host.example/simple", "write `pip-indexes: {NAME: {url: https://host.example/simple, packages: [PACKAGE]}}`"),
    ("-e git+https://h.example/x/y.git", 'name the package: "y @ git+https://h.example/x/y.git"'),
    ("-e ssh://h.example/x", "write a folder, such as `-e .` or `-e ./packages/mine`"),
    ("--unheard-of", "remove it: options of pip do not belong to `pip:`; `envgen help pip` has the keys that there are"),
])  # fmt: skip
def test_an_option_of_pip_is_refused_with_the_key_to_write(line: str, hint: str, real: Matrix) -> None:
    with pytest.raises(BadInput, match="is an option of pip, not a requirement") as error:
        read(real, {"targets": ["cpu"], "pip": [line]})
    assert error.value.hint == hint


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("-e git+https://h.example/x/y.git@main#egg=Z", 'name the package: "Z @ git+https://h.example/x/y.git@main"'),
        ("git+https://h.example/x/y@v1#subdirectory=a&egg=Z.z", 'name the package: "Z.z @ git+https://h.example/x/y@v1"'),
        ("git+https://h.example/x/y.git@v1?a=b#subdirectory=a", 'name the package: "y @ git+https://h.example/x/y.git@v1?a=b"'),
        ("y @ git+https://h.example/x/y.git#subdirectory=a", 'for example "einops >=0.8"'),
        ("einops # the newest", 'for example "einops >=0.8"'),
    ],
)
def test_a_repository_in_the_spelling_of_pip_is_named(line: str, hint: str, real: Matrix) -> None:
    with pytest.raises(BadInput, match="not a requirement") as error:
        read(real, {"targets": ["cpu"], "pip": [line]})
    assert error.value.hint == hint


@pytest.mark.parametrize("name", ["mine-1.0-py3-none-any.whl", "Mine.zip", "mine.tar.gz"])
def test_the_name_of_a_file_is_not_that_of_a_package(name: str, real: Matrix) -> None:
    with pytest.raises(BadInput) as error:
        read(real, {"targets": ["cpu"], "pip": [name]})
    assert (error.value.what, error.value.hint) == (
        f"`{name}` is the name of a file, not of a package",
        f"write its path, such as ./{name}",
    )
    read(real, {"targets": ["cpu"], "pip": [f"./{name}", f"{name} @ https://h.example/{name}"]})


# --- any spelling ---------------------------------------------------------------------------------------------------------


def _cased(text: str, choices: list[bool]) -> str:
    return "".join(letter.upper() if up else letter for letter, up in zip(text, choices, strict=False)) + text[len(choices) :]


SPELLINGS = st.tuples(
    st.sampled_from(["cudatoolkit", "cuda-version", "pytorch-cuda"]),
    st.lists(st.booleans(), max_size=14),
    st.sampled_from(["=", "==", " ", " =", " ==", " = ", "~="]),
    st.sampled_from(["11.8", "11.8.*", "11.8.0", "11.8.89"]),
    st.sampled_from(["", " "]),
)


@examples(200)
@given(SPELLINGS)
def test_any_case_and_spacing_of_an_exact_version_is_its_target(real: Matrix, parts: tuple[str, list[bool], str, str, str]) -> None:
    name, cases, sign, version, space = parts
    if (sign.strip(), version) == ("~=", "11.8.*") or (sign, version) == ("~=", "11.8"):
        return  # no such range, and one of every 11.x from 11.8 on
    spec = conda_spec(f"{space}{_cased(name, cases)}{sign}{version}{space}")
    alias = read_alias(real, spec, next(iter(real.targets.values())).at)
    assert alias and alias.target
    assert [target.name for target in real.targets.values() if target.cuda in alias.target] == ["cu118"]


@examples(300)
@given(st.text(alphabet="tensorflow-gpu[]cud12_.=<>!~*, :;@+'\"", max_size=40) | st.text(max_size=30))
def test_any_text_is_a_word_no_word_or_bad_input(real: Matrix, text: str) -> None:
    at = next(iter(real.targets.values())).at
    for spec in (conda_spec(text), pip_spec(text)):
        error = refused(lambda spec=spec: read_alias(real, spec, at))  # type: ignore[misc]
        assert error is None or (error.where == at and error.hint)


VALUES = st.sampled_from(["cuda", "gpu", "newest", "12", "12.1", "cu118", "cpu", "cpuonly", "cudatoolkit", "cudatoolkit=11.8", "jax[cuda12]", "torch", "pytorch=2.5", "cuda-version>=12", "tensorflow-gpu", "numpy", "", "=", "pytorch-cuda=12.1"])  # fmt: skip
PROJECTS = st.fixed_dictionaries(
    {},
    optional={
        "targets": st.lists(VALUES, min_size=1, max_size=2, unique=True),
        "dependencies": st.lists(VALUES, max_size=3),
        "pip": st.lists(VALUES, max_size=2),
        "frameworks": st.dictionaries(VALUES, st.sampled_from(["*", "2.5", ">=2"]), max_size=2),
        "cuda": VALUES | st.just({"driver": "535"}),
    },
)


@examples(150)
@given(PROJECTS)
def test_any_mixture_is_a_project_whose_own_terms_are_the_same_project(real: Matrix, words: Words) -> None:
    """Translation is idempotent: what was read, written down in envgen's own terms, is read as itself, without a note."""
    found: list[Project] = []
    try:
        error = refused(lambda: found.append(read(real, words)))
    except Unsatisfiable:
        return
    assert error is None or (re.match(rf"{FILE}:\d+:\d+: .", str(error)) and error.hint)
    for project in found:
        own = {
            "frameworks": {
                wish.framework: {
                    "version": "*" if wish.text == "any version" else wish.text,
                    **({"provider": wish.provider} if wish.provider else {}),
                }
                for wish in project.frameworks
            },
            "targets": [wish.name for wish in project.targets],
            "dependencies": [d.spec for d in project.dependencies],
            "pip": list(project.pip),
        }
        again = read(real, own)
        assert again.notes == ()
        plain = replace(again, notes=(), addresses={})
        assert [(w.framework, w.versions, w.host) for w in plain.frameworks] == [
            (w.framework, w.versions, w.host) for w in project.frameworks
        ]
        assert [w.name for w in plain.targets] == [w.name for w in project.targets]


# --- GPUs -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("v100", "V100"), ("NVIDIA V100", "V100"), ("Tesla V100", "V100"), ("Tesla V100-SXM2-32GB", "V100"),
        ("A100-SXM4-80GB", "A100"), ("NVIDIA A100 80GB PCIe", "A100"), ("a100-40gb", "A100"), ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", "A100"),
        ("RTX 4090", "RTX 4090"), ("GeForce RTX 4090", "RTX 4090"), ("rtx4090", "RTX 4090"), ("rtx-4090", "RTX 4090"), ("NVIDIA GeForce RTX 4090 Laptop GPU", "RTX 4090"),
        ("NVIDIA GeForce RTX 2080 Ti", "RTX 2080 Ti"), ("RTX A6000", "RTX A6000"), ("NVIDIA RTX 6000 Ada Generation", "RTX 6000 Ada"),
        ("NVIDIA H100 80GB HBM3", "H100"), ("NVIDIA GH200 480GB", "GH200"), ("NVIDIA L40S", "L40S"), ("Tesla T4", "T4"), ("NVIDIA A10G", "A10G"),
        ("7.0", "7.0"), ("sm_70", "7.0"), ("sm70", "7.0"), ("SM_90a", "9.0"), ("sm_120", "12.0"), ("compute_86", "8.6"), ("cc 8.6", "8.6"),
        ("V1000", None), ("RTX", None), ("", None), ("80", None), ("RTX 6000", None), ("RTX 4090 and V100", None), ("T41", None), ("Radeon VII", None),
    ],
)  # fmt: skip
def test_a_gpu_is_known_by_the_names_that_people_and_drivers_give_it(text: str, model: str | None, real: Matrix) -> None:
    found = gpu_named(real, text)
    assert (found and found.written) == model


@examples(100)
@given(st.data())
def test_every_model_is_found_in_what_nvml_would_call_it(real: Matrix, data: st.DataObject) -> None:
    gpu = data.draw(st.sampled_from(sorted(real.gpus.values(), key=lambda gpu: gpu.name)))
    before, behind = (
        data.draw(st.sampled_from(["", "NVIDIA ", "nvidia-"])),
        data.draw(st.sampled_from(["", " 80GB", "-SXM4-40GB", " PCIe"])),
    )
    found = gpu_named(real, f"{before}{gpu.name}{behind}")
    assert found is not None and (found.name, found.capability) == (gpu.name, gpu.capability)


# --- words.yaml -----------------------------------------------------------------------------------------------------------


def words_of(tmp_path: Path, *rows: str) -> Matrix:
    """The small matrix with a file of words."""
    text = "because: https://words.example\nwords:\n" + "".join(f"  - {row}\n" for row in rows)
    return load_matrix(write_matrix(tmp_path / "matrices", {**FILES, "words.yaml": text}))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{word: gamma, version: framework, because: x}", "3:5: `gamma` has the version of a framework, but names none"),
        ("{word: gamma, version: cuda}", "3:5: words[0].because is missing"),
        ("{word: gamma, because: x}", "3:5: words[0].version is missing"),
        ("{word: 'a b', version: cuda, because: x}", "3:6: words[0].word: not a word"),
        ("{word: gamma, cuda: maybe, version: none, because: x}", "3:19: words[0].cuda: not a CUDA request"),
        ("{word: gamma, cuda: 12.1, version: none, because: x}", "3:19: words[0].cuda: expected a string, got the number 12.1"),
        ("{word: gamma, version: kuda, because: x}", "3:19: words[0].version: expected 'framework', 'cuda' or 'none'"),
    ],
)
def test_a_wrong_row_is_named_with_its_place(tmp_path: Path, row: str, message: str) -> None:
    error = refused(lambda: words_of(tmp_path, row))
    assert error is not None
    assert str(error).startswith(f"matrices/words.yaml:{message}")


def test_a_word_that_is_written_twice_is_refused_however_it_is_spelled(tmp_path: Path) -> None:
    error = refused(
        lambda: words_of(tmp_path, "{word: al_gpu, version: cuda, because: x}", "{word: AL-gpu, version: cuda, because: x}")
    )
    assert error is not None and error.what == "the word al-gpu is written twice"


def test_a_word_of_another_matrix_works_without_a_line_of_code(tmp_path: Path) -> None:
    matrix = words_of(tmp_path, "{word: 'alef[gpu]', framework: alpha, cuda: newest, version: framework, because: x}")
    assert meant(matrix, {"pip": ["alef[gpu]>=2"]}) == ({"alpha": (">=2", None)}, ["cu126"])
    assert read(matrix, {"pip": ["alef"], "targets": ["cpu"]}).pip == ("alef",)


def test_without_words_only_the_names_of_frameworks_are_words() -> None:
    project = project_of(text_of({"dependencies": ["cudatoolkit=11.8", "alpha=2.0", "alphavision"], "targets": ["cpu"]}))
    assert [d.spec for d in project.dependencies] == ["cudatoolkit=11.8"]
    assert [(w.framework, w.text, w.host) for w in project.frameworks] == [
        ("alpha", "2.0", ""),
        ("alphavision", "any version", "alpha"),
    ]


# --- the page -------------------------------------------------------------------------------------------------------------


def test_the_page_about_projects_has_a_row_for_every_word_and_means_the_same(repo: Path) -> None:
    rows = data_of((repo / "matrices" / "words.yaml").read_text(encoding="utf-8"))["words"]
    cuda = {None: "", "none": "none: the CPU build", "newest": "the newest"}
    version = {"framework": "of the framework", "cuda": "the CUDA", "none": "nothing"}
    told = [
        (f"`{r['word']}`", r.get("framework", ""), cuda.get(r.get("cuda"), f"the newest {r.get('cuda')}"), version[r["version"]])
        for r in rows
    ]
    page = (repo / "docs" / "projects.md").read_text(encoding="utf-8")
    table = page.partition("| alias | framework | CUDA | its version is |\n|---|---|---|---|\n")[2].partition("\n\n")[0]
    assert [tuple(part.strip() for part in line.strip("|").split("|")) for line in table.splitlines()] == told


def test_the_example_on_the_page_prints_what_the_page_says(repo: Path, real: Matrix) -> None:
    page = (repo / "docs" / "projects.md").read_text(encoding="utf-8").partition("## Aliases")[2]
    project = project_of(page.partition("```yaml\n")[2].partition("```")[0].partition("\n")[2], real, name="vision")
    printed = [f"    {note.at}: {note.text}" for note in project.notes]
    shown = [line for line in page.splitlines() if line.startswith("    environments/")]
    assert shown == [re.sub(r":(\d+):", lambda found: f":{int(found[1]) + 1}:", line, count=1) for line in printed[1:]]
