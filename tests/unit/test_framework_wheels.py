"""Frameworks from wheels: which releases a target gets, and what its pip section asks for."""

from __future__ import annotations

import pytest
from packaging.version import Version
from unit.small import FILES, project_of, refused

from envgen.matrix.load import matrix_of_texts
from envgen.model.facts import Matrix, Platform
from envgen.model.resolution import Resolution
from envgen.resolver.pip_specs import pip_request
from envgen.resolver.resolve import Unsatisfiable, resolve
from envgen.resolver.specs import constraints, groups
from envgen.resolver.spelling import spelled
from envgen.resolver.wheels import FromWheels, from_wheels

WHEELS = "https://download.pytorch.org/whl"


def resolved(matrix: Matrix, text: str) -> dict[str, Resolution]:
    """The resolutions of a project, by target."""
    return {row.target.name: row for row in resolve(matrix, project_of(text, matrix))}


def asked(resolution: Resolution, platform: Platform) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """The requirements on one platform, and the packages of each index."""
    found = from_wheels(resolution, platform)
    return found.requirements, {index.url: index.packages for index in found.indexes}


PYTORCH = """\
python: "3.12"
frameworks:
  pytorch: {version: "2.14.*", provider: pypi}
  torchvision: "*"
targets: [cpu, cu126, cu130]
platforms: [linux-64, linux-aarch64, osx-arm64, win-64]
channels: [conda-forge]
"""


def test_pytorch_comes_from_the_index_of_each_target(real: Matrix) -> None:
    found = resolved(real, PYTORCH.replace("linux-aarch64, ", ""))
    assert asked(found["cpu"], "osx-arm64") == (
        ("torch==2.14.1", "torchvision==0.29.2"),
        {f"{WHEELS}/cpu": ("torch", "torchvision")},
    )
    for target in ("cu126", "cu130"):
        expected = (f"torch==2.14.1+{target}", f"torchvision==0.29.2+{target}"), {f"{WHEELS}/{target}": ("torch", "torchvision")}
        assert asked(found[target], "linux-64") == expected
        assert found[target].platforms == ("linux-64", "win-64")
    assert "pip" in [spec for group in groups(found["cu130"]) for spec in group.specs]
    assert not [spec for row in found.values() for choice in row.choices for spec in spelled(choice, row.target, "linux-64")]


def test_what_an_old_gpu_needs_of_cudnn_bounds_the_wheel_where_wheels_bring_it(real: Matrix) -> None:
    """cuDNN of conda beside the wheel would be a second one."""
    text = 'python: "3.12"\nplatforms: [linux-64]\nchannels: [conda-forge]\ntargets: [cpu, cu129]\ngpus: [V100]\n'
    wheels = resolved(real, text + 'frameworks: {tensorflow: {version: "*", provider: pypi}}\n')
    assert from_wheels(wheels["cu129"], "linux-64").constraints == ("nvidia-cudnn-cu12<9.11",)
    assert from_wheels(wheels["cpu"], "linux-64").constraints == ()
    conda = resolved(real, text + 'frameworks: {tensorflow: "*"}\n')
    assert from_wheels(conda["cu129"], "linux-64") == FromWheels()
    both = resolved(real, text + 'frameworks: {pytorch: "2.8.*", jax: {version: "*", provider: pypi}}\n')
    assert "nvidia-cudnn-cu12<9.11" in from_wheels(both["cu129"], "linux-64").constraints
    written = ["cudnn <9.11" in [spec for group in groups(row["cu129"]) for spec in group.specs] for row in (wheels, conda, both)]
    assert written == [False, True, True]


@pytest.mark.parametrize(
    ("own", "left"),
    [
        ("[torch, torchvision]", {"mirror": ("torch", "torchvision")}),
        ("['torch*']", {"mirror": ("torch*",)}),
        ("[torchvision]", {"mirror": ("torchvision",), "pytorch-cu126": ("torch",)}),
        ("[other]", {"mirror": ("other",), "pytorch-cu126": ("torch", "torchvision")}),
    ],
)
def test_an_index_of_the_project_comes_before_that_of_the_facts(own: str, left: dict[str, tuple[str, ...]], real: Matrix) -> None:
    mirror = f"pip-indexes: {{mirror: {{url: https://mirror.example/simple, packages: {own}}}}}\npip: [torch, torchvision, other]\n"
    request = pip_request(resolved(real, PYTORCH + mirror)["cu126"], "linux-64")
    assert request
    assert {index.name: index.packages for index in request.indexes} == left
    assert all(index.at for index in request.indexes)


def test_pytorch_for_cuda_on_arm(real: Matrix) -> None:
    text = PYTORCH.replace('  torchvision: "*"\n', "")
    found = resolved(real, text)
    assert asked(found["cu130"], "linux-aarch64") == (("torch==2.14.1+cu130",), {f"{WHEELS}/cu130": ("torch",)})
    assert found["cpu"].platforms == ("linux-64", "linux-aarch64", "osx-arm64", "win-64")


def test_the_newest_release_is_chosen_that_has_wheels_for_every_target(real: Matrix) -> None:
    text = PYTORCH.replace('version: "2.14.*", ', "").replace('  torchvision: "*"\n', "")
    versions = {name: row.choices[0].release.version for name, row in resolved(real, text).items()}
    assert set(versions.values()) == {Version("2.14.1")}
    only = text.replace("[cpu, cu126, cu130]", "[cu132]").replace("osx-arm64, win-64", "osx-arm64")
    found = resolved(real, only)["cu132"]
    assert found.choices[0].release.version == Version("2.15.0")
    assert found.platforms == ("linux-64", "linux-aarch64")


def test_cuda_of_conda_packages_beside_wheels_is_bounded_not_requested(real: Matrix) -> None:
    found = resolved(real, PYTORCH)["cu130"]
    assert "cuda-version 13.0.*" in constraints(found, "linux-64")
    assert not [spec for group in groups(found) for spec in group.specs if spec.startswith("cuda-version")]


JAX = """\
python: "3.12"
frameworks:
  jax: {version: "0.12.*", provider: pypi}
targets: [cpu, cu129, cu130]
platforms: [linux-64, linux-aarch64, win-64]
channels: [conda-forge]
"""


def test_jax_gets_the_minor_of_the_target(real: Matrix) -> None:
    found = resolved(real, JAX)
    assert from_wheels(found["cpu"], "win-64") == FromWheels(requirements=("jax==0.12.0.1",))
    for target, major, minor in (("cu129", 12, "12.9"), ("cu130", 13, "13.0")):
        for platform in ("linux-64", "linux-aarch64"):
            wheels = from_wheels(found[target], platform)
            jax, toolkit = wheels.requirements
            assert jax == f"jax[cuda{major}]==0.12.0.1"
            assert toolkit.startswith("cuda-toolkit[")
            assert toolkit.endswith(f"]=={minor}.*")
            assert f"nvidia-nvvm=={minor}.*" in wheels.constraints
            assert not wheels.indexes
        assert found[target].platforms == ("linux-64", "linux-aarch64")


TENSORFLOW = """\
python: "3.11"
frameworks:
  tensorflow: {version: "VERSION", provider: pypi}
targets: [cpu, TARGET]
platforms: [linux-64, osx-arm64]
channels: [conda-forge]
"""


@pytest.mark.parametrize(
    ("version", "target", "bounded"),
    [("2.21.0", "cu129", True), ("2.20.0", "cu126", True), ("2.19.1", "cu125", False), ("2.17.1", "cu123", False)],
)
def test_tensorflow_bounds_cuda_where_its_wheel_leaves_it_open(real: Matrix, version: str, target: str, bounded: bool) -> None:
    found = resolved(real, TENSORFLOW.replace("VERSION", version).replace("TARGET", target))
    own, *more = from_wheels(found[target], "linux-64").requirements
    assert own == f"tensorflow[and-cuda]=={version}"
    assert [text.partition("==")[2] for text in more] == ([f"{target[2:4]}.{target[4]}.*"] if bounded else [])
    assert from_wheels(found["cpu"], "osx-arm64").requirements == (f"tensorflow=={version}",)


def test_a_wheel_is_for_its_own_cuda_alone(real: Matrix) -> None:
    text = TENSORFLOW.replace("VERSION", "2.19.1").replace("TARGET", "cu129")
    with pytest.raises(Unsatisfiable):
        resolved(real, text)


def test_a_provider_of_wheels_is_never_chosen_silently(real: Matrix) -> None:
    conda = resolved(real, PYTORCH.replace('{version: "2.14.*", provider: pypi}', '"*"').replace("cu126, ", ""))
    assert {choice.provider for row in conda.values() for choice in row.choices} == {"conda-forge"}
    assert from_wheels(conda["cu130"], "linux-64") == FromWheels()
    with pytest.raises(Unsatisfiable):
        resolved(real, PYTORCH.replace('{version: "2.14.*", provider: pypi}', '"2.14.*"'))


def test_the_newest_cuda_of_wheels_counts_only_where_a_project_asks_for_wheels(real: Matrix) -> None:
    text = PYTORCH.replace("targets: [cpu, cu126, cu130]", "targets: [newest]").replace("linux-aarch64, osx-arm64, ", "")
    assert list(resolved(real, text)) == ["cu132"]
    assert list(resolved(real, text.replace('{version: "2.14.*", provider: pypi}', '"*"'))) == ["cu130"]


def test_facts_of_packages_have_no_builds_and_no_constraints_of_wheels(real: Matrix) -> None:
    packages = real.of_packages
    assert {build.provider for row in real.frameworks["pytorch"].releases for build in row.builds} == {
        "conda-forge",
        "pytorch",
        "pypi",
    }
    for name, framework in packages.frameworks.items():
        wheels = [build for row in framework.releases for build in row.builds if real.frameworks[name].is_of_wheels(build.provider)]
        assert not wheels
        assert framework.releases
    assert any(row.is_about(["pypi"]) for row in real.constraints)
    assert not any(row.is_about(["pypi"]) for row in packages.constraints)
    assert packages.digest == ""  # nothing that is remembered of the facts is about these


def test_a_companion_of_conda_does_not_go_with_a_framework_from_wheels(real: Matrix) -> None:
    mixed = PYTORCH.replace("2.14.*", "2.13.*").replace('torchvision: "*"', "torchvision: {provider: conda-forge}")
    with pytest.raises(Unsatisfiable):
        resolved(real, mixed)


def test_an_older_glibc_than_that_of_the_wheels_is_refused(real: Matrix) -> None:
    text = PYTORCH.replace("targets: [cpu, cu126, cu130]", 'targets:\n  cpu: {virtual-packages: {__glibc: "2.17"}}').replace(
        "[linux-64, linux-aarch64, osx-arm64, win-64]", "[linux-64]"
    )
    with pytest.raises(Unsatisfiable):
        resolved(real, text)
    older = resolved(real, text.replace("2.14.*", "2.5.*").replace("3.12", "3.11"))["cpu"]
    assert from_wheels(older, "linux-64").requirements[0] == "torch==2.5.1"


# --- how it is written in the matrices ------------------------------------------------------------------------------------


def _with_wheels(row: str) -> dict[str, str]:
    text = FILES["alpha.yaml"].replace("\nreleases:", f"\n  pypi:\n{row}\nreleases:", 1)
    assert text != FILES["alpha.yaml"]
    return {**FILES, "alpha.yaml": text}


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ('    - {releases: ">=2", cpu: [a], cuda: [a], because: x}', "neither `channels:` nor `index:`"),
        ('    - {releases: ">=2", channels: [conda-forge], index: public, cpu: [a], cuda: [a], because: x}', "in one row"),
        ('    - {releases: ">=2", index: public, newer-minor: true, cpu: [a], cuda: [a], because: x}', "newer-minor"),
        ('    - {releases: ">=2", index: "https://x.test/{cu}", cpu: [a], cuda: [a], because: x}', "no hole {cu}"),
        ('    - {releases: ">=2", index: "https://me:secret@x.test", cpu: [a], cuda: [a], because: x}', "not the index of wheels"),
    ],
)
def test_a_wrong_row_of_wheels_is_refused(row: str, what: str) -> None:
    found = refused(lambda: matrix_of_texts(_with_wheels(row)))
    assert found is not None
    assert what in str(found)
    assert "secret" not in str(found)
