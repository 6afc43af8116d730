"""The gate before a lock is written: judged by build strings."""

from __future__ import annotations

import pytest
from unit.small import PROJECT, project_of, small_matrix

from envgen.model import Finding, Record, Resolution, Solution
from envgen.resolve import resolve
from envgen.verify import built_for, check


def record(name: str, version: str, build: str, *depends: str) -> Record:
    """A package as the solver would have chosen it."""
    file = f"{name}-{version}-{build}.conda"
    return Record(
        name,
        version,
        build,
        "https://c.example",
        "linux-64",
        file,
        f"https://c.example/linux-64/{file}",
        None,
        None,
        1,
        depends,
        {},
    )


def resolution(target: str, text: str = PROJECT) -> Resolution:
    """One target of a project on the small matrix."""
    return next(r for r in resolve(small_matrix(), project_of(text)) if r.target.name == target)


def findings(target: str, *records: Record, text: str = PROJECT) -> list[tuple[str, str, str]]:
    """What the gate says about these packages."""
    found = check(resolution(target, text), [Solution("linux-64", records)])
    assert all(isinstance(item, Finding) and item.platform == "linux-64" for item in found)
    return [(item.rule, item.package, item.text) for item in found]


@pytest.mark.parametrize(
    ("build", "cuda"),
    [
        ("cuda126_mkl_py312_h1234567_300", "12.6"),
        ("cuda129_generic_py313_h0_303", "12.9"),
        ("cuda126py312h1234567_0", "12.6"),
        ("cuda112py310he33e0d6_1", "11.2"),
        ("cuda130_py314_h0_0", "13.0"),
        ("py3.10_cuda11.6_cudnn8.3.2_0", "11.6"),
        ("py3.12_cuda12.4_cudnn9.1.0_0", "12.4"),
        ("py3.7_cuda10.2_cudnn7.6.5_0", "10.2"),
        ("py310_cu116", "11.6"),
        ("py39_cu102", "10.2"),
        ("cuda12_h0_0", "12"),
        ("py38_cu92", "9.2"),
        ("cuda_py312_h592d7cb_2", ""),
        ("cpu_mkl_py312_hf535c18_300", None),
        ("cpu_generic_py312_h0_0", None),
        ("py3.10_cpu_0", None),
        ("py310_cpu", None),
        ("h0123456_0", None),
        ("pyhd8ed1ab_0", None),
        ("cudnn_0", None),
    ],
)
def test_a_build_string_says_for_which_cuda_it_was_built(build: str, cuda: str | None) -> None:
    assert built_for(record("x", "1", build)) == cuda


GOOD = (
    record("alpha", "2.1.0", "cuda126_py312_0"),
    record("cuda-version", "12.6", "h0_3"),
    record("libcublas", "12.6.4.1", "h0_0"),
)


def test_a_cuda_target_with_its_own_builds_passes() -> None:
    assert findings("cu126", *GOOD) == []


def test_a_cpu_target_with_cpu_builds_passes() -> None:
    assert findings("cpu", record("alpha", "2.1.0", "cpu_py312_0"), record("numpy", "2.3", "py312_0")) == []


def test_a_cpu_build_in_a_cuda_target_is_found() -> None:
    assert findings("cu126", record("alpha", "2.1.0", "cpu_py312_0"), *GOOD[1:]) == [
        ("framework-build", "alpha 2.1.0 cpu_py312_0", "a CPU build, where one for CUDA 12.6 was chosen")
    ]


@pytest.mark.parametrize(
    ("build", "cuda"), [("cuda118_py312_0", "11.8"), ("cuda124_py312_0", "12.4"), ("cuda130_py312_0", "13.0"), ("cuda_py312_0", "")]
)
def test_a_build_for_another_cuda_is_found(build: str, cuda: str) -> None:
    assert findings("cu126", record("alpha", "2.1.0", build), *GOOD[1:]) == [
        ("framework-build", f"alpha 2.1.0 {build}", f"built for CUDA {cuda}, where one for 12.6 was chosen")
    ]


WITH = PROJECT.replace('">=2"', '{version: ">=2", with: [alphavision]}')


@pytest.mark.parametrize("build", ["cuda126_py312_0", "cuda124_py312_0", "cuda_py312_0"])
def test_a_companion_may_be_built_for_another_minor_of_the_same_cuda(build: str) -> None:
    assert findings("cu126", *GOOD, record("alphavision", "0.21", build), text=WITH) == []


@pytest.mark.parametrize("build", ["cuda118_py312_0", "cpu_py312_0", "py312_0"])
def test_a_companion_for_another_major_or_for_cpu_is_found(build: str) -> None:
    assert [(rule, package) for rule, package, _ in findings("cu126", *GOOD, record("alphavision", "0.21", build), text=WITH)] == [
        ("framework-build", f"alphavision 0.21 {build}")
    ]


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (record("alpha", "2.1.0", "cuda126_py312_0"), "a CUDA build in a CPU target"),
        (record("other", "1", "cuda_h0_0"), "a CUDA build in a CPU target"),
        (record("cudatoolkit", "11.8.0", "h0_0"), "a CUDA package in a CPU target"),
        (record("cuda-version", "12.6", "h0_0"), "a CUDA package in a CPU target"),
        (record("libcudnn", "9.10.2.21", "h0_0"), "a CUDA package in a CPU target"),
        (record("nccl", "2.27", "h0_0"), "a CUDA package in a CPU target"),
        (record("secret", "1", "h0_0", "python", "__cuda >=11"), "a CUDA package in a CPU target"),
    ],
)
def test_cuda_in_a_cpu_target_is_found(found: Record, text: str) -> None:
    assert findings("cpu", found) == [("no-cuda-in-cpu", f"{found.name} {found.version} {found.build}", text)]


@pytest.mark.parametrize(
    ("name", "version"), [("cuda-version", "12.9"), ("cuda-version", "11.8"), ("cudatoolkit", "11.8.0"), ("pytorch-cuda", "11.8")]
)
def test_another_cuda_beside_the_targets_is_found(name: str, version: str) -> None:
    found = findings("cu126", *GOOD, record(name, version, "h0_0"))
    assert found == [("one-cuda", f"{name} {version} h0_0", f"CUDA {version} in a target for CUDA 12.6")]


def test_every_platform_is_judged() -> None:
    solutions = [Solution(platform, (record("alpha", "2.1.0", "cpu_py312_0"),)) for platform in ("linux-64", "win-64")]
    assert [finding.platform for finding in check(resolution("cu126"), solutions)] == ["linux-64", "win-64"]
