"""GPUs are judged by the code of the build: what is refused, what is preferred, and what the target then promises and requests."""

from __future__ import annotations

import pytest
from packaging.version import Version
from unit.heard import VENDOR, Told, resolved
from unit.small import project_of, refused

from envgen.explain.explain import conflict
from envgen.matrix.gpu_code import build_code, capabilities, tegra
from envgen.model.facts import Matrix
from envgen.resolver.resolve import Unsatisfiable
from envgen.resolver.specs import groups, requests

AARCH = "linux-aarch64"
ORIN = "gpus: [Jetson AGX Orin]\n"


def wants(target: str, glibc: str) -> str:
    return f'{{{target}: {{virtual-packages: {{__glibc: "{glibc}"}}}}}}'


def refusal(real: Matrix, told: Told) -> str:
    with pytest.raises(Unsatisfiable) as caught:
        resolved(real, told)
    return "; ".join(f"{reason.text} ({reason.because})" for reason in conflict(caught.value.problem).facts)


def specs(real: Matrix, told: Told) -> list[str]:
    return [spec for group in groups(resolved(real, told)) for spec in group.specs]


# --- what the builds have code for ----------------------------------------------------------------------------------------

# Which GPUs the builds of a framework run on, by the lists of the build scripts; a driver that is new enough compiles PTX.
RUNS = [
    ("pytorch", "conda-forge", "2.13.0", "13.0", "linux-64", "7.5 8.0 8.6 8.9 9.0 10.0 10.3 11.0 12.0 12.1", "7.0 8.7 10.1"),
    ("pytorch", "conda-forge", "2.13.0", "13.0", AARCH, "7.5 8.7 9.0 11.0 12.1", "7.0 7.2 5.3"),
    ("pytorch", "conda-forge", "2.12.1", "13.0", AARCH, "7.5 8.6 9.0 11.0 12.1", "8.7"),
    ("pytorch", "conda-forge", "2.10.0", "12.9", AARCH, "5.0 7.0 8.7 9.0 12.1", "5.3 7.2 11.0"),
    ("pytorch", "conda-forge", "2.9.1", "12.9", AARCH, "5.0 7.0 9.0 12.1", "5.3 7.2 8.7"),
    ("pytorch", "conda-forge", "2.7.0", "12.6", "linux-64", "5.0 6.1 7.0 8.9 9.0 12.0", "3.5 3.7 6.2"),
    ("pytorch", "conda-forge", "2.1.2", "11.8", "linux-64", "3.5 3.7 5.0 7.0 8.9 9.0", "3.0 5.3"),
    ("pytorch", "conda-forge", "2.1.2", "11.2", "linux-64", "3.5 3.7 8.6 8.9 9.0", "3.0 7.2"),
    ("pytorch", "conda-forge", "1.10.2", "11.2", "linux-64", "3.5 5.2 7.0 8.6 9.0", "3.0 4.0"),
    ("pytorch", "pytorch", "2.1.2", "11.8", "linux-64", "3.7 5.0 7.0 8.9 9.0 12.0", "3.5"),
    ("pytorch", "pytorch", "2.1.2", "12.1", "win-64", "5.0 6.1 8.9 9.0", "3.5 3.7 10.0 12.0"),
    ("pytorch", "pytorch", "1.7.1", "9.2", "linux-64", "3.7 6.1 7.0 7.5", "3.5"),
    ("tensorflow", "conda-forge", "2.19.1", "12.9", "linux-64", "6.0 6.1 7.0 8.9 10.3 12.0", "5.2"),
    ("tensorflow", "conda-forge", "2.18.0", "12.6", "linux-64", "6.0 7.0 9.0 12.0", "5.2"),
    ("tensorflow", "conda-forge", "2.14.0", "11.8", "linux-64", "3.5 5.2 9.0", "3.0"),
    ("jax", "conda-forge", "0.9.2", "12.9", AARCH, "6.0 7.0 9.0 12.1", "5.2 8.7 11.0"),
    ("onnxruntime", "conda-forge", "1.26.0", "12.9", "win-64", "7.0 8.6 9.0", "6.1 12.0"),
    ("onnxruntime", "conda-forge", "1.26.0", "12.9", "linux-64", "7.0 8.6 9.0 12.0", "6.1"),
]


@pytest.mark.parametrize(("framework", "provider", "release", "cuda", "platform", "runs", "fails"), RUNS)
def test_the_builds_of_a_release_run_on_these_gpus(
    real: Matrix, framework: str, provider: str, release: str, cuda: str, platform: str, runs: str, fails: str
) -> None:
    row = build_code(real.frameworks[framework], Version(release), provider, Version(cuda), platform)
    assert row is not None and row.because
    found = capabilities(row, tegra(real), compiles=True)
    assert [text for text in runs.split() if text not in found] == []
    assert [text for text in fails.split() if text in found] == []


@pytest.mark.parametrize(
    ("driver", "fits"),
    [("", True), ('driver: ">=520.61.05"\n', True), ('driver: ">=470.42.01"\n', False), ('driver: ">=520"\n', True)],
)
def test_ptx_counts_where_the_driver_knows_the_cuda_of_the_build(real: Matrix, driver: str, fits: bool) -> None:
    """The build for CUDA 11.8 has binary code up to 8.9, and PTX that a driver of CUDA 11.8 compiles for an H100."""
    told = Told("pytorch: '2.1.2'", "cu118", more=f"gpus: [H100]\n{driver}")
    if fits:
        assert str(resolved(real, told).choices[0].variant) == "11.8"
    else:
        assert "has code for 3.5, 5.0, 6.0, 6.1, 7.0, 7.5, 8.0, 8.6, 8.9 and PTX of 8.9" in refusal(real, told)


def test_a_build_without_code_is_refused_with_its_source(real: Matrix) -> None:
    said = refusal(real, Told("pytorch: '2.1.2'", "cu118", channels=VENDOR, more="gpus: [Tesla K40c]\n"))
    assert "pytorch <2.6,>=2.0 from pytorch for CUDA <12,>=11.8 has code for 3.7, 5.0, 6.0, 6.1, 7.0, 7.5, 8.0, 8.6, 9.0" in said
    assert "https://github.com/pytorch/builder" in said


def test_the_newest_release_with_code_is_taken(real: Matrix) -> None:
    """K40: from conda-forge until its builds link cuDNN 9; 2.13 is the first for CUDA 13 with code for Orin."""
    found = resolved(real, Told("pytorch: '*'", "cu118", more="gpus: [K40]\n"))
    assert str(found.choices[0].release.version) == "2.4.0"
    with pytest.raises(Unsatisfiable):
        resolved(real, Told("pytorch: '<2.13'", "cu130", platforms=AARCH, more=ORIN))
    assert str(resolved(real, Told("pytorch: '*'", "cu130", platforms=AARCH, more=ORIN)).choices[0].release.version) == "2.13.0"


@pytest.mark.parametrize(
    ("gpu", "target"),
    [("Tesla K40c", "cu118"), ("Tesla K80", "cu118"), ("GeForce GTX 1080 Ti", "cu129"), ("NVIDIA A800-SXM4-80GB", "cu130")],
)
def test_the_newest_cuda_is_the_newest_with_a_build_for_the_gpus(real: Matrix, gpu: str, target: str) -> None:
    """Not 13.3, for which nothing was built."""
    more = f"cuda: newest\ngpus: [{gpu}]\n"
    project = project_of(Told("pytorch: '*'", "cpu", more=more).text(), real)
    assert [row.name for row in project.targets] == ["cpu", target]


@pytest.mark.parametrize("gpu", ["Jetson Nano", "Jetson Xavier NX", "Jetson TX2"])
@pytest.mark.parametrize("target", ["cu120", "cu126", "cu129"])
def test_nothing_has_code_for_the_older_jetsons(real: Matrix, gpu: str, target: str) -> None:
    with pytest.raises(Unsatisfiable):
        resolved(real, Told("pytorch: '*'", target, platforms=AARCH, more=f"gpus: [{gpu}]\n"))


# --- Jetson ---------------------------------------------------------------------------------------------------------------


def test_the_build_for_tegra_is_requested_for_orin(real: Matrix) -> None:
    told = Told("pytorch: '2.10.0'", wants("cu129", "2.34"), platforms=AARCH, more=ORIN)
    assert specs(real, told)[1:4] == ["pytorch 2.10.0.* cuda129*", "cuda-version 12.9.*", "arm-variant * tegra"]


def test_the_build_for_tegra_needs_a_newer_system(real: Matrix) -> None:
    said = refusal(real, Told("pytorch: '2.10.0'", "cu129", platforms=AARCH, more=ORIN))
    assert "pytorch >=2.10 with gpu ==8.7.* and cuda <13,>=12 and provider conda-forge needs glibc >=2.34" in said


@pytest.mark.parametrize(
    ("gpus", "target", "platforms", "variant"),
    [
        ("GH200", "cu129", AARCH, "sbsa"),
        ("Jetson Thor", "cu130", AARCH, "sbsa"),  # CUDA 13 has one toolkit for both
        ("Jetson AGX Orin", "cu130", AARCH, "sbsa"),
        ("A100", "cu129", f"linux-64, {AARCH}", ""),  # a solver takes it by itself, and linux-64 has no such variants
        ("A100", "cu129", "linux-64", ""),
        ("", "cu129", AARCH, ""),
        ("GH200", "cpu", AARCH, ""),
    ],
)
def test_the_arm_variant_follows_from_the_gpus(real: Matrix, gpus: str, target: str, platforms: str, variant: str) -> None:
    told = Told("pytorch: '2.13.0'", target, platforms=platforms, more=f"gpus: [{gpus}]\n")
    found = [spec for spec in specs(real, told) if spec.startswith("arm-variant")]
    assert found == ([f"arm-variant * {variant}"] if variant else [])


@pytest.mark.parametrize("release", ["2.10.0", "2.11.0"])
def test_no_build_is_for_an_orin_and_a_gh200_at_once(real: Matrix, release: str) -> None:
    """PTX of 8.7 would be compiled for a GH200, but the builds for Tegra have the libraries of Tegra."""
    told = Told(f"pytorch: '{release}'", wants("cu129", "2.34"), platforms=AARCH, more="gpus: [GH200, Jetson AGX Orin]\n")
    assert "(with arm-variant * tegra), each in builds of its own" in refusal(real, told)


@pytest.mark.parametrize(("gpu", "key"), [("Jetson AGX Orin", "gpus"), ("'8.7'", "gpus"), ("GH200", "gpus"), ("DGX Spark", "cuda")])
def test_a_gpu_that_no_platform_of_the_project_has_is_a_mistake(real: Matrix, gpu: str, key: str) -> None:
    more = f"gpus: [{gpu}]\n" if key == "gpus" else f"cuda: {{gpus: [{gpu}]}}\n"
    error = refused(lambda: project_of(Told("pytorch: '*'", "cu129", platforms="linux-64, win-64", more=more).text(), real))
    name = gpu.strip("'")
    assert error is not None
    assert error.what == f"`{name}` is in linux-aarch64 machines alone, and platforms: has linux-64, win-64"
    assert error.hint == "add linux-aarch64 to platforms:, or remove the GPU"
    assert "project.yaml:" in str(error.where)


def test_the_platforms_of_a_target_count(real: Matrix) -> None:
    told = Told("pytorch: '2.13.0'", f"{{cu130: {{platforms: [{AARCH}]}}}}", platforms="linux-64", more=ORIN)
    assert resolved(real, told).platforms == (AARCH,)


def test_a_cuda_target_drops_the_platforms_that_have_none_of_the_gpus(real: Matrix) -> None:
    found = resolved(real, Told("pytorch: '2.13.0'", "cu130", platforms=f"linux-64, {AARCH}", more=ORIN))
    assert found.platforms == (AARCH,)
    assert found.dropped[0].because.text == (
        "no GPU of the project can be in a linux-64 machine: Jetson AGX Orin is in linux-aarch64 machines alone"
    )
    both = resolved(
        real, Told("pytorch: '2.13.0'", "cu130", platforms=f"linux-64, {AARCH}", more="gpus: [A100, Jetson AGX Orin]\n")
    )
    assert both.platforms == ("linux-64", AARCH)


# --- what the machine promises --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gpus", "target", "promised"),
    [("A100, V100", "cu129", "7.0"), ("RTX 5090", "cu129", "12.0"), ("", "cu129", None), ("A100", "cpu", None)],
)
def test_a_cuda_target_promises_the_lowest_capability_of_the_gpus(
    real: Matrix, gpus: str, target: str, promised: str | None
) -> None:
    """`__cuda_arch` of CEP 46."""
    found = resolved(real, Told("pytorch: '2.12.1'", target, more=f"gpus: [{gpus}]\n"))
    assert found.target.virtual["linux-64"].get("__cuda_arch") == promised
    assert requests(found)[0].virtual.get("__cuda_arch") == promised


def test_each_platform_promises_the_gpus_that_it_has(real: Matrix) -> None:
    more = "gpus: [RTX 4090, Jetson AGX Orin]\n"
    found = resolved(real, Told("pytorch: '2.13.0'", "cu130", platforms=f"linux-64, {AARCH}", more=more))
    assert {platform: row["__cuda_arch"] for platform, row in found.target.virtual.items() if platform != "win-64"} == {
        "linux-64": "8.9",
        AARCH: "8.7",
    }


def test_a_project_may_promise_another_capability(real: Matrix) -> None:
    told = Told("pytorch: '2.12.1'", '{cu129: {virtual-packages: {__cuda_arch: "8.0"}}}', more="gpus: [RTX 4090]\n")
    assert resolved(real, told).target.virtual["linux-64"]["__cuda_arch"] == "8.0"
