"""Packages as facts: the rows of the matrices answer for a manager and a name, by their conditions and in their order."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.small import FILES, real_matrix, refused, small_matrix, write_matrix

from envgen.matrix.load import load_matrix
from envgen.model.catalogue import Catalogue, KnownPackage, Manager, WheelMarks, fits
from envgen.model.packages import LockedPackage

KNOWN = real_matrix().catalogue
SMALL = small_matrix().catalogue


def package(manager: Manager, name: str, version: str = "1", platform: str = "linux-64", build: str = "0") -> LockedPackage:
    return LockedPackage(name=name, version=version, build=build, manager=manager, platform=platform)


@pytest.mark.parametrize(
    ("manager", "name", "role", "framework"),
    [
        ("conda", "libtorch", "framework", "pytorch"),
        ("pip", "torch", "framework", "pytorch"),
        ("conda", "torch", None, ""),
        ("conda", "tensorflow-base", "framework", "tensorflow"),
        ("pip", "cupy-cuda12x", "framework", "cupy"),
        ("conda", "torchvision", "companion", "pytorch"),
        ("pip", "jax-cuda13-plugin", "plugin", "jax"),
        ("conda", "cpuonly", "selector", "pytorch"),
        ("conda", "pytorch-cuda", "cuda", "pytorch"),
        ("conda", "libcublas", "cuda", ""),
        ("pip", "nvidia-cublas-cu12", "cuda", ""),
        ("pip", "some-tool-cu13", "user", ""),
        ("conda", "numpy", None, ""),
    ],
)
def test_a_package_is_known_by_manager_and_name(manager: Manager, name: str, role: str | None, framework: str) -> None:
    found = KNOWN.of(package(manager, name))
    assert (found.role if found else None, found.framework if found else "") == (role, framework)


@pytest.mark.parametrize(
    ("name", "version", "platform", "only", "stub"),
    [
        ("tensorflow", "2.18.0", "linux-64", "", False),
        ("tensorflow", "2.18.0", "osx-arm64", "cpu", False),
        ("tensorflow", "2.10.1", "win-64", "", False),
        ("tensorflow", "2.11.0", "win-64", "cpu", False),
        ("tensorflow-gpu", "2.11.0", "linux-64", "", False),
        ("tensorflow-gpu", "2.12.0", "linux-64", "", True),
        ("tensorflow", "broken!", "win-64", "", False),
    ],
)
def test_the_first_row_whose_conditions_hold_counts(name: str, version: str, platform: str, only: str, stub: bool) -> None:
    found = KNOWN.of(package("pip", name, version, platform))
    assert found
    assert (found.only, found.stub) == (only, stub)


def test_a_row_may_be_about_some_builds_alone() -> None:
    assert KNOWN.of(package("conda", "pytorch-mutex", build="cpu"))
    assert KNOWN.of(package("conda", "pytorch-mutex", build="cuda")) is None


def test_what_a_version_was_built_with_holds_up_to_the_next_row() -> None:
    wheel = KNOWN.named("pip", "tensorflow")[-1]
    told = [
        (found.cuda, str(found.cudnn)) if (found := wheel.made_with(version)) else None for version in ("2.17.1", "2.18", "2.0")
    ]
    assert told == [("12", "8.9"), ("12", "9.3"), None]


def test_what_names_the_cuda_of_an_environment_is_ranked() -> None:
    assert KNOWN.namers == ("pytorch-cuda", "cudatoolkit", "cuda-version", "cuda-toolkit")


def test_the_libraries_of_a_package_have_the_major_of_its_version_or_one_of_their_own() -> None:
    assert KNOWN.named("conda", "libcublas")[0].brings == {"cublas": "", "cublasLt": ""}
    assert KNOWN.named("pip", "nvidia-cufile-cu12")[0].brings == {"cufile": "0"}
    assert KNOWN.bringing("cudnn", "conda") == ("cudnn", "libcudnn")


def test_the_package_that_speaks_for_a_framework_is_the_first_of_its_rows() -> None:
    there = [package("conda", name) for name in ("tensorflow", "libtensorflow_cc", "tensorflow-base", "numpy")]
    found = KNOWN.speaker("tensorflow", there)
    assert found
    assert found.name == "tensorflow-base"
    assert KNOWN.speaker("jax", there) is None
    assert KNOWN.speaker("cupy", [package("pip", "cupy-cuda12x")])


def test_a_framework_is_imported_under_its_own_name_unless_its_file_says_otherwise() -> None:
    assert {"pytorch": "torch", "jax": "jax", "cupy": "cupy"}.items() <= KNOWN.frameworks.items()
    assert {name: framework.import_name for name, framework in small_matrix().frameworks.items()} == {
        "alpha": "alpha",
        "alphavision": "alphavision",
        "beta": "beta",
    }


def test_what_spellings_ask_for_is_known_without_a_row() -> None:
    alpha, beta = SMALL.of(package("conda", "alpha")), SMALL.of(package("conda", "betalib"))
    assert alpha == KnownPackage(
        role="framework",
        conda=("alpha",),
        framework="alpha",
        cpu_builds=("cpu_*", "*_cpu_*"),
        cuda_builds=("cuda{cu}*", "*_cuda{cuda}_*"),
    )
    assert beta
    assert (beta.role, beta.framework) == ("framework", "beta")
    companion = SMALL.of(package("conda", "alphavision"))
    assert companion
    assert companion.role == "companion"
    assert SMALL.of(package("conda", "beta")) is None  # the same for every variant


def test_a_repository_without_the_file_takes_the_one_that_came_with_envgen() -> None:
    assert "packages.yaml" not in FILES
    assert SMALL.namers == ("cudatoolkit", "cuda-version", "cuda-toolkit")


def test_a_file_without_wheels_takes_those_that_came_with_envgen(tmp_path_factory: pytest.TempPathFactory) -> None:
    files = {**FILES, "packages.yaml": "because: https://x.example\n"}
    assert load_matrix(write_matrix(tmp_path_factory.mktemp("old"), files)).catalogue.wheels == SMALL.wheels
    assert "*+cpu" in SMALL.wheels.cpu_versions
    files["packages.yaml"] += "wheels: {cpu: {versions: ['*+none']}}\n"
    own = load_matrix(write_matrix(tmp_path_factory.mktemp("own"), files)).catalogue.wheels
    assert (own.cpu_versions, own.extras) == (("*+none",), SMALL.wheels.extras)  # which is a newer key than the others
    files["packages.yaml"] = files["packages.yaml"].replace("wheels: {", "wheels: {extras: [npu], ")
    assert load_matrix(write_matrix(tmp_path_factory.mktemp("words"), files)).catalogue.wheels.extras == ("npu",)


def test_a_framework_without_releases_is_known_and_cannot_be_resolved(tmp_path_factory: pytest.TempPathFactory) -> None:
    text = "framework: gamma\nbecause: https://gamma.example\nimport: gamma.core\npackages:\n  - {conda: [gamma], only: cuda}\n"
    matrix = load_matrix(write_matrix(tmp_path_factory.mktemp("gamma"), {**FILES, "gamma.yaml": text}))
    assert "gamma" not in matrix.frameworks
    assert matrix.catalogue.frameworks["gamma"] == "gamma.core"
    error = refused(
        lambda: load_matrix(write_matrix(tmp_path_factory.mktemp("bare"), {**FILES, "gamma.yaml": text.partition("packages:")[0]}))
    )
    assert error
    assert "no releases and no packages" in str(error)


def test_an_empty_catalogue_knows_nothing() -> None:
    assert Catalogue().of(package("conda", "pytorch")) is None


@pytest.mark.parametrize(
    ("written", "called"), [("*-cu{cu}", "some-cu12"), ("*.for.{cu}", "some.for.12"), ("cuda{cu}-*", "cuda12-some")]
)
def test_how_wheels_of_cuda_are_named_stands_in_the_matrices(written: str, called: str) -> None:
    row = KnownPackage(role="cuda", pip=("some",), brings={"any": "version"})
    found = Catalogue(packages=(row,), wheels=WheelMarks(cuda_names=(written, "*-other{cu}")))
    assert found.wheels_for(12, found.bringing("any", "pip")) == (called,)
    assert (found.named("pip", called), found.named("pip", "some")) == ((row,), (row,))
    assert (found.named("conda", called), found.named("pip", f"{called}x"), found.named("pip", "some-other12")) == ((), (), ())


@given(st.text("ab*?[]!-", max_size=6), st.text("ab*[", max_size=4))
def test_a_name_fits_a_glob_as_fnmatch_says(glob: str, name: str) -> None:
    assert fits(name, glob) == fnmatchcase(name, glob)
