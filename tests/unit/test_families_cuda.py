"""Packages that are built for CUDA alone: CuPy, RAPIDS, FlashAttention, Triton, numba-cuda, OpenMM and xFormers."""

from __future__ import annotations

import re

import pytest
from conftest import some
from unit.small import project_of, real_matrix, refused

from envgen.explain.explain import conflict
from envgen.explain.report import conflict_text
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.resolver.dependencies import needs_cuda
from envgen.resolver.resolve import Unsatisfiable, resolve
from envgen.resolver.specs import requests


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    """The facts of this repository."""
    return real_matrix()


def project(frameworks: str, targets: str = "cpu, cu129", more: str = "") -> str:
    platforms = "" if "platforms:" in more else "platforms: [linux-64]\n"
    return f'python: "3.12"\nframeworks: {frameworks}\ntargets: [{targets}]\n{platforms}channels: [rapidsai, conda-forge]\n{more}'


SPECS = {
    "cupy": ("{cupy: '*'}", "cpu, cu126, cu130", {"cu126": ["cupy 14.1.1.*"], "cu130": ["cupy 14.1.1.*"]}),
    "the last cupy for CUDA 11": ("{cupy: '*'}", "cpu, cu118", {"cu118": ["cupy 13.6.0.*"]}),
    "cudf": ("{cudf: '26.02'}", "cpu, cu126, cu130", {"cu126": ["rapidsai::cudf 26.2.1.*"], "cu130": ["rapidsai::cudf 26.2.1.*"]}),
    "all of RAPIDS": (
        "{cuml: '25.12', cugraph: '*', cuvs: '*'}",
        "cpu, cu129",
        {
            "cu129": [
                "rapidsai::cudf 25.12.0.*",
                "rapidsai::cuml 25.12.0.*",
                "rapidsai::cugraph 25.12.*",
                "rapidsai::cuvs 25.12.*",
            ]
        },
    ),
    "cudf and the cupy that it admits": ("{cudf: '26.08', cupy: '14.1'}", "cu129", {"cu129": ["cupy 14.1.1.*"]}),
    "cudf and the numba-cuda that it admits": ("{cudf: '25.12', numba-cuda: '*'}", "cu129", {"cu129": ["numba-cuda 0.19.2.*"]}),
    "flash-attn": (
        "{pytorch: '2.8', flash-attn: '*'}",
        "cpu, cu129",
        {"cpu": ["pytorch 2.8.0.* cpu_*"], "cu129": ["pytorch 2.8.0.* cuda129*", "flash-attn ==2.8.3"]},
    ),
    "flash-attn for an older CUDA": ("{flash-attn: '2.7.4.post1'}", "cu126", {"cu126": ["flash-attn ==2.7.4.post1"]}),
    "triton": ("{pytorch: '2.10', triton: '*'}", "cpu, cu130", {"cu130": ["triton 3.6.0.* cuda130py*"]}),
    "xformers, which is built for the CPU too": (
        "{pytorch: '2.10', xformers: '*'}",
        "cpu, cu129",
        {"cpu": ["xformers ==0.0.35 cpu_*"], "cu129": ["xformers ==0.0.35 cuda_129py*"]},
    ),
    "xformers of old": ("{pytorch: '2.4', xformers: '0.0.27'}", "cu118", {"cu118": ["xformers ==0.0.27 cuda118py*"]}),
    "numba-cuda": ("{numba-cuda: '*'}", "cpu, cu126, cu130", {"cu126": ["numba-cuda 0.30.4.*"], "cu130": ["numba-cuda 0.30.4.*"]}),
    "openmm": ("{openmm: '8.4'}", "cu126", {"cu126": ["openmm 8.4.0.*"]}),
}


@pytest.mark.parametrize("name", SPECS)
def test_a_cuda_target_requests_the_build_and_pins_its_cuda(matrix: Matrix, name: str) -> None:
    frameworks, targets, expected = SPECS[name]
    for found in some(resolve(matrix, project_of(project(frameworks, targets), matrix))):
        specs = requests(found)[0].specs
        assert set(expected.get(found.target.name, ())) <= set(specs), specs
        assert [spec for spec in specs if spec.startswith("cuda-version ")] == (
            [f"cuda-version {found.target.cuda}.*"] if found.target.cuda else []
        )


LEFT_OUT = ["cupy", "cudf", "cuvs", "numba-cuda"]


@pytest.mark.parametrize("name", LEFT_OUT)
def test_a_cpu_target_goes_without_and_says_so(matrix: Matrix, name: str) -> None:
    cpu, cuda = resolve(matrix, project_of(project(f"{{{name}: '*'}}"), matrix))
    assert ([reason.text for reason in cpu.left_out], cpu.choices) == ([f"{name} left out: it needs CUDA"], ())
    assert [choice.release.framework for choice in cuda.choices] == [name]


def test_a_companion_for_cuda_alone_leaves_the_cpu_build_of_its_framework(matrix: Matrix) -> None:
    for name in ("flash-attn", "triton"):
        cpu, cuda = resolve(matrix, project_of(project(f"{{{name}: '*'}}"), matrix))
        assert [choice.release.framework for choice in cpu.choices] == ["pytorch"]
        assert [reason.text for reason in cpu.left_out] == [f"{name} left out: it needs CUDA"]
        assert [choice.release.framework for choice in cuda.choices] == ["pytorch", name]


def test_a_dependency_of_rapids_is_of_the_release_of_cudf_and_for_cuda_alone(matrix: Matrix) -> None:
    text = project("{cudf: '25.12'}", more="dependencies: [dask-cuda]\n")
    cpu, cuda = resolve(matrix, project_of(text, matrix))
    assert [reason.text for reason in cpu.left_out] == ["cudf left out: it needs CUDA", "dask-cuda left out: it needs CUDA"]
    assert "dask-cuda 25.12.*" in requests(cuda)[0].specs


def test_openmm_for_macos_is_a_cpu_build(matrix: Matrix) -> None:
    cpu, cuda = resolve(matrix, project_of(project("{openmm: '*'}", more="platforms: [linux-64, osx-arm64]\n"), matrix))
    assert ("openmm 8.6.0.* *_khronos" in requests(cpu)[0].specs, cpu.left_out) == (True, ())
    assert [dropped.platform for dropped in cpu.dropped] == ["linux-64"]
    assert [dropped.platform for dropped in cuda.dropped] == ["osx-arm64"]


@pytest.mark.parametrize(
    ("frameworks", "driver", "text"),
    [
        ("{cudf: '*'}", ">=535 (linux)", "cudf >=25.8 with cuda <13,>=12 needs driver >=535"),
        ("{cupy: '*'}", ">=525.60.13 (linux), 528.33 (windows)", "driver floor of CUDA 12.9"),
    ],
)
def test_the_driver_that_a_framework_needs_beyond_its_cuda_is_said(matrix: Matrix, frameworks: str, driver: str, text: str) -> None:
    (found,) = resolve(matrix, project_of(project(frameworks, "cu129"), matrix))
    pin = next(pin for pin in found.pins if pin.name == "driver")
    assert pin.version.startswith(driver)
    assert pin.because[0].text.startswith(text)


REFUSED = {
    "RAPIDS for Windows": (
        ("{cudf: '*'}", "cu129", "platforms: [win-64]\n"),
        ["cudf from rapidsai has no build for win-64, only for linux-64, linux-aarch64", "for Windows: in WSL2"],
    ),
    "RAPIDS without CUDA 11": (("{cudf: '25.08'}", "cu118"), ["cudf from rapidsai is built for CUDA 12.0 to 12.9, 13.0 to 13.5"]),
    "an older driver": (("{cuvs: '*'}", "cu126", "driver: '525.60.13'\n"), ["cuvs >=25.8 with cuda <13,>=12 needs driver >=535"]),
    "a GPU before Volta": (("{cudf: '*'}", "cu126", "gpus: [P100]\n"), ["needs gpu >=7.0"]),
    "releases of RAPIDS that do not go together": (
        ("{cudf: '26.02', cuvs: '25.12'}", "cu129"),
        ["cuvs ==25.12.* needs cudf ==25.12.*"],
    ),
    "FlashAttention for Windows": (
        ("{pytorch: '*', flash-attn: '*'}", "cu129", "platforms: [win-64]\n"),
        ["flash-attn from conda-forge has no build for win-64, only for linux-64, linux-aarch64"],
    ),
    "FlashAttention for a PyTorch that has none": (
        ("{pytorch: '2.13', flash-attn: '*'}", "cu129"),
        ["flash-attn from conda-forge goes with pytorch"],
    ),
    "OpenMM for Linux without CUDA": (("{openmm: '*'}", "cpu"), ["openmm from conda-forge is built on linux-64 for CUDA 11.8,"]),
    "the CuPy after CUDA 11": (("{cupy: '14'}", "cu118"), ["cupy 14 from conda-forge is built for CUDA", "end with 13.6.0"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_had_is_explained_and_no_repair_goes_without_it(matrix: Matrix, name: str) -> None:
    asked, says = REFUSED[name]
    with pytest.raises(Unsatisfiable) as error:
        resolve(matrix, project_of(project(*asked), matrix))
    text = re.sub(r"\s+", " ", conflict_text(conflict(error.value.problem)))
    for words in says:
        assert words in text
    host = "pytorch" in asked[0]
    assert ("-> cpu" in text) <= host, "a CPU target without all that was requested is no repair"


def test_cuml_of_another_release_than_cudf_is_a_contradiction(matrix: Matrix) -> None:
    with pytest.raises(BadInput, match=r"cuml 25\.12 goes with cudf 25\.12\.0, but cudf 26\.02 is requested at"):
        project_of(project("{cudf: '26.02', cuml: '25.12'}", "cu129"), matrix)


@pytest.mark.parametrize(
    ("alias", "framework", "target"),
    [
        ("cupy-cuda12x", "cupy", "cu129"),
        ("cupy-cuda11x", "cupy", "cu118"),
        ("cudf-cu13", "cudf", "cu130"),
        ("cuml-cu12", "cuml", "cu129"),
        ("numba-cuda[cu12]", "numba-cuda", "cu129"),
        ("flash_attn", "flash-attn", "cu129"),
    ],
)
def test_the_names_of_wheels_are_aliases(matrix: Matrix, alias: str, framework: str, target: str) -> None:
    text = f'python: "3.12"\npip: ["{alias}"]\ntargets: [cpu, {target}]\nplatforms: [linux-64]\nchannels: [rapidsai, conda-forge]\n'
    found = resolve(matrix, project_of(text, matrix))
    assert {choice.release.framework for choice in found[1].choices} >= {framework}
    assert f"{framework} left out: it needs CUDA" in [reason.text for reason in found[0].left_out]


def test_what_has_cuda_builds_alone_may_be_listed_below_all_cuda_targets(matrix: Matrix) -> None:
    text = "targets: {cpu: , cu126: {dependencies: [cupy]}, cu129: {dependencies: [cupy]}}"
    head = 'python: "3.12"\nframeworks: {pytorch: "*"}\nplatforms: [linux-64]\nchannels: [conda-forge]\n'
    found = resolve(matrix, project_of(head + text, matrix))
    assert [[choice.release.framework for choice in one.choices] for one in found] == [["pytorch"], *[["pytorch", "cupy"]] * 2]
    error = refused(lambda: project_of(head + text.replace("cu126: {dependencies: [cupy]}", "cu126: "), matrix))
    assert "`cupy` is listed under one target" in str(error)
    assert "give target cu126 a project of its own" in str(error)


@pytest.mark.parametrize("name", ["cupy", "cudf", "rapids", "cudf-polars", "rmm", "dask-cuda", "flash-attn", "numba-cuda"])
def test_a_package_that_is_built_for_cuda_alone_needs_it(matrix: Matrix, name: str) -> None:
    assert needs_cuda(matrix, name)


def test_probe_imports_them_by_the_name_that_python_knows(matrix: Matrix) -> None:
    found = matrix.catalogue.frameworks
    expected = {
        "cupy": "cupy",
        "cudf": "cudf",
        "cuvs": "cuvs",
        "numba-cuda": "numba_cuda",
        "openmm": "openmm",
    }
    assert expected.items() <= found.items()
    assert {"flash-attn", "triton", "xformers", "cuml", "cugraph"}.isdisjoint(found)
