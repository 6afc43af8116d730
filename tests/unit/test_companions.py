"""Companions: for which release, platform, Python and CUDA there is none, and that the answer takes that into account."""

from __future__ import annotations

import pytest
from unit.small import FILES, project_of, real_matrix, refused, with_change, write_matrix

from envgen.matrix.load import load_matrix
from envgen.model.facts import Framework, Matrix
from envgen.resolver.resolve import Unsatisfiable, resolve
from envgen.resolver.specs import requests


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    """The facts of this repository."""
    return real_matrix()


def answer(matrix: Matrix, frameworks: str, target: str, platform: str, channels: str = "conda-forge") -> dict[str, str]:
    """What one cell gets: framework -> release and CUDA of its build; nothing where there is no answer."""
    head = f"frameworks: {frameworks}\ntargets: [{target}]\nplatforms: [{platform}]\nchannels: [{channels}]\n"
    try:
        (found,) = resolve(matrix, project_of(f'python: "*"\n{head}', matrix))
    except Unsatisfiable:
        return {}
    return {choice.release.framework: f"{choice.release.version} {choice.variant or 'cpu'}" for choice in found.choices}


HOLES = {
    "no torchaudio on conda-forge before 2.4.1": ("{pytorch: {version: '2.3', with: [torchaudio]}}", "cpu", "linux-64"),
    "no torchaudio for Windows": ("{pytorch: {version: '2.5', with: [torchaudio]}}", "cpu", "win-64"),
    "no torchaudio for pytorch 2.11 and later": ("{pytorch: {version: '>=2.11', with: [torchaudio]}}", "cpu", "linux-64"),
    "no CUDA torchvision on ARM for pytorch 2.1": ("{pytorch: {version: '2.1', with: [torchvision]}}", "cu120", "linux-aarch64"),
    "no CUDA torchvision on ARM for pytorch 2.3": ("{pytorch: {version: '2.3', with: [torchvision]}}", "cu120", "linux-aarch64"),
    "no torchvision for 12.8 and pytorch 2.8": ("{pytorch: {version: '2.8', with: [torchvision]}}", "cu128", "win-64"),
    "no torchvision for 12.8 and pytorch 2.12": ("{pytorch: {version: '2.12', with: [torchvision]}}", "cu128", "win-64"),
}


@pytest.mark.parametrize("name", HOLES)
def test_where_there_is_no_companion_there_is_no_answer(matrix: Matrix, name: str) -> None:
    frameworks, target, platform = HOLES[name]
    assert answer(matrix, frameworks, target, platform) == {}
    alone = frameworks.partition(", with")[0] + "}}"
    assert answer(matrix, alone, target, platform)


THERE = {
    "CPU torchvision on ARM": (
        ("{pytorch: {version: '2.3', with: [torchvision]}}", "cpu", "linux-aarch64"),
        {"pytorch": "2.3.1 cpu", "torchvision": "0.18.1 cpu"},
    ),
    "a target for the CUDA of torchvision": (
        ("{pytorch: {version: '2.12.1', with: [torchvision]}}", "cu129", "win-64"),
        {"pytorch": "2.12.1 12.8", "torchvision": "0.28.0 12.9"},
    ),
    "the newest pytorch that has torchaudio": (
        ("{pytorch: {with: [torchaudio]}}", "cu130", "linux-64"),
        {"pytorch": "2.10.0 13.0", "torchaudio": "2.11.0 13.0"},
    ),
    "the build for the same CUDA": (
        ("{pytorch: {version: '2.5', with: [torchvision]}}", "cu124", "linux-64"),
        {"pytorch": "2.5.1 12.0", "torchvision": "0.20.1 12.0"},
    ),
    "both for 12.6, because none goes with the build for 12.8": (
        ("{pytorch: {version: '2.7.1', with: [torchvision]}}", "cu128", "win-64"),
        {"pytorch": "2.7.1 12.6", "torchvision": "0.22.0 12.6"},
    ),
    "a companion alone": (("{torchvision: '0.18'}", "cpu", "linux-64"), {"pytorch": "2.3.1 cpu", "torchvision": "0.18.1 cpu"}),
    "a companion that one release of is built for each pytorch": (
        ("{pytorch: '2.6', pytorch_scatter: '*'}", "cu126", "linux-64"),
        {"pytorch": "2.6.0 12.6", "pytorch_scatter": "2.1.2 12.6"},
    ),
}


@pytest.mark.parametrize("name", THERE)
def test_a_framework_takes_the_newest_release_that_its_companions_go_with(matrix: Matrix, name: str) -> None:
    asked, expected = THERE[name]
    assert answer(matrix, *asked) == expected


def test_a_companion_has_the_provider_of_its_framework(matrix: Matrix) -> None:
    text = (
        'python: "3.10"\nframeworks: {pytorch: {version: "2.1.0", provider: pytorch, with: [torchvision]}}\n'
        "targets: [cu121]\nplatforms: [linux-64]\nchannels: [conda-forge, pytorch, nvidia]\n"
    )
    (found,) = resolve(matrix, project_of(text, matrix))
    assert [choice.provider for choice in found.choices] == ["pytorch", "pytorch"]
    assert "pytorch::torchvision 0.16.0.* *_cu121" in requests(found)[0].specs


# --- the provider whose builds a companion was compiled against -------------------------------------------------------------

CHANNELS = "pytorch, nvidia, conda-forge"
FOREIGN = {
    "flash-attn of conda-forge": "{pytorch: {version: '2.3', provider: pytorch, with: [flash-attn]}}",
    "xformers of conda-forge, by the order of channels": "{pytorch: {version: '2.5', with: [xformers]}}",
    "PyG's extensions of conda-forge": "{pytorch: {version: '2.3', provider: pytorch, with: [pytorch_scatter, pytorch_geometric]}}",
    "torchvision that is asked for from elsewhere": "{pytorch: {version: '2.3', provider: pytorch}, torchvision: {provider: conda-forge}}",
    "torchtext of the pytorch channel": "{pytorch: {version: '2.1', provider: conda-forge, with: [torchtext]}}",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_was_compiled_against_builds_of_another_provider_is_no_answer(matrix: Matrix, name: str) -> None:
    """With the framework from the other provider there is one."""
    assert answer(matrix, FOREIGN[name], "cu118", "linux-64", CHANNELS) == {}
    here, there = ("conda-forge", "pytorch") if "provider: conda-forge, with" in FOREIGN[name] else ("pytorch", "conda-forge")
    moved = (
        FOREIGN[name].replace(f"provider: {here}", f"provider: {there}").replace("'2.5', with", f"'2.5', provider: {there}, with")
    )
    assert answer(matrix, moved, "cu118", "linux-64", CHANNELS)


def test_a_companion_without_compiled_parts_goes_with_every_provider_of_packages(matrix: Matrix) -> None:
    free = [name for name, row in matrix.frameworks.items() if row.companion_of == "pytorch" and not compiled(row)]
    assert "pytorch_geometric" in free
    for provider in ("pytorch", "conda-forge"):
        asked = f"{{pytorch: {{version: '2.5', provider: {provider}, with: [pytorch_geometric]}}}}"
        assert answer(matrix, asked, "cu118", "linux-64", CHANNELS)["pytorch_geometric"]


def compiled(framework: Framework) -> bool:
    """Whether its rows name the providers that it was compiled against."""
    return all(row.built_against for rows in framework.providers.values() for row in rows)


def test_linked_says_for_every_companion_of_the_facts_whose_builds_it_goes_with(matrix: Matrix) -> None:
    linked = {name for row in matrix.catalogue.packages if row.linked for name in row.conda}
    companions = {name: row for name, row in matrix.frameworks.items() if row.companion_of}
    assert {name for name, row in companions.items() if compiled(row)} == linked & companions.keys()
    for row in companions.values():
        for provider, spellings in row.providers.items():
            assert all(spelling.built_against in ((), (provider,)) for spelling in spellings)


TEAM = """
  team:
    - releases: ">=0.2"
      channels: [team]
      built-against: [conda-forge]
      cpu: ["team::alphavision {version}.* cpu_*"]
      cuda: ["team::alphavision {version}.* cuda{cu}*"]
      because: https://team.example
releases:"""
BY_TEAM = '- {provider: team, variants: [cpu, "12.6"], platforms: [linux-64], python: "3.10-3.12"}'


def of_a_team(built_against: str = "[conda-forge]") -> dict[str, str]:
    """The small matrix, in which a team publishes its own build of the companion, which is compiled."""
    text = FILES["alphavision.yaml"].replace("\nreleases:", TEAM.replace("[conda-forge]", built_against, 1), 1)
    text = text.replace("    builds:\n", f"    builds:\n      {BY_TEAM}\n", 1)
    return {
        **FILES,
        "alphavision.yaml": text.replace("providers:", "packages:\n  - {conda: [alphavision], linked: true}\nproviders:", 1),
    }


@pytest.mark.parametrize(("channels", "provider"), [("team, conda-forge", "conda-forge"), ("team, vendor", None)])
def test_a_row_says_against_whose_builds_a_channel_of_a_team_compiles(
    tmp_path_factory: pytest.TempPathFactory, channels: str, provider: str | None
) -> None:
    small = load_matrix(write_matrix(tmp_path_factory.mktemp("team") / "matrices", of_a_team()))
    rest = f'python: "*"\ntargets: [cpu]\nplatforms: [linux-64]\nchannels: [{channels}]\n'
    asked = f"{rest}frameworks: {{alpha: '*', alphavision: {{provider: team}}}}\n"
    if provider is None:
        with pytest.raises(Unsatisfiable):
            resolve(small, project_of(asked, small))
        return
    (found,) = resolve(small, project_of(asked, small))
    assert [choice.provider for choice in found.choices] == [provider, "team"]
    (found,) = resolve(small, project_of(f"{rest}frameworks: {{alpha: '*', alphavision: '*'}}\n", small))
    assert [choice.provider for choice in found.choices] == [provider, provider]


def test_a_provider_that_the_framework_does_not_have_is_refused_at_its_row(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = write_matrix(tmp_path_factory.mktemp("unknown") / "matrices", of_a_team("[conda-forgery]"))
    error = refused(lambda: load_matrix(folder))
    assert error is not None
    assert str(error).startswith("matrices/alphavision.yaml:15:7: built-against: alpha has no provider `conda-forgery`")


WRONG = {
    "of a framework that is not there": ("companion-of: alpha", "companion-of: alfa", "companion-of: `alfa` is not a framework with releases, or"),
    "of itself": ("companion-of: alpha", "companion-of: alphavision", "companion-of: `alphavision` is not a framework"),
    "of none": ("companion-of: alpha\n", "", "needs: alphavision is not a companion of `alpha`"),
    "with a need of another framework": ('needs: {alpha: "2.1.*"}', 'needs: {beta: "3.*"}', "needs: alphavision is not a companion of `beta`"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_file_of_a_companion_that_cannot_be_meant_is_refused_at_its_place(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    old, new, message = WRONG[name]
    folder = write_matrix(tmp_path_factory.mktemp("wrong") / "matrices", with_change("alphavision.yaml", old, new))
    error = refused(lambda: load_matrix(folder))
    assert error is not None
    assert str(error).startswith("matrices/alphavision.yaml:")
    assert message in str(error)
