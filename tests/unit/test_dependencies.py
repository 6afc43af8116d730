"""Dependencies that need CUDA are for CUDA targets alone, and the report says which were left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from unit.small import FILES, project_of, real_matrix, write_matrix

from envgen.cli.lock_report import resolutions_json, resolutions_text
from envgen.matrix.load import load_matrix
from envgen.model.facts import Matrix
from envgen.resolver.dependencies import needs_cuda
from envgen.resolver.resolve import resolve
from envgen.resolver.specs import requests

PROJECT = """
python: "3.12"
frameworks: {pytorch: "2.7"}
targets: [cpu, cu126]
platforms: [linux-64]
channels: [conda-forge]
dependencies: [numpy, cudnn, "cuda-nvcc 12.*"]
"""


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    """The facts of this repository."""
    return real_matrix()


@pytest.mark.parametrize(
    "name", ["cudnn", "nccl", "cuda-nvcc", "cupy", "cudatoolkit-dev", "cuda-toolkit", "libcublas", "pycuda", "faiss-gpu"]
)
def test_packages_of_cuda_need_it(matrix: Matrix, name: str) -> None:
    assert needs_cuda(matrix, name)


@pytest.mark.parametrize("name", ["numpy", "pytorch", "onnxruntime", "cuda-pathfinder", "faiss-cpu", "triton", "no-such-package"])
def test_other_packages_and_those_that_are_also_built_for_the_cpu_do_not(matrix: Matrix, name: str) -> None:
    assert not needs_cuda(matrix, name)


def test_a_cpu_target_gets_none_and_says_so(matrix: Matrix) -> None:
    cpu, cuda = resolve(matrix, project_of(PROJECT, matrix))
    assert [row.name for row in cpu.dependencies] == ["numpy"]
    assert [row.name for row in cuda.dependencies] == ["numpy", "cudnn", "cuda-nvcc"]
    assert {"cudnn", "cuda-nvcc 12.*"}.isdisjoint(requests(cpu)[0].specs)
    assert {"cudnn", "cuda-nvcc 12.*"} <= set(requests(cuda)[0].specs)
    said = [str(reason) for reason in cpu.left_out]
    assert [text.partition(" (")[0] for text in said] == ["cudnn left out: it needs CUDA", "cuda-nvcc 12.* left out: it needs CUDA"]
    assert all(":7:" in text for text in said)
    assert [line.strip() for line in resolutions_text([cpu, cuda]).splitlines() if "left out" in line] == said
    assert [row["left_out"] for row in json.loads(resolutions_json([cpu, cuda]))] == [said, []]


def test_what_a_target_lists_itself_is_never_left_out(matrix: Matrix) -> None:
    text = PROJECT.replace("targets: [cpu, cu126]", "targets: {cpu: {dependencies: [cudnn]}, cu126: }").replace(
        "numpy, cudnn, ", ""
    )
    cpu, cuda = resolve(matrix, project_of(text, matrix))
    assert [row.name for row in cpu.dependencies] == ["cudnn"]
    assert [row.name for row in cuda.dependencies] == ["cuda-nvcc"]


DELTA = """
framework: delta
because: https://delta.example
providers:
  conda-forge:
    - releases: ">=1"
      channels: [conda-forge]
      newer-minor: true
      cpu: []
      cuda: ["delta {version}.* cuda{cu}*", "cuda-version {cuda}.*"]
      because: https://delta.example/feedstock
releases:
  - version: "1.0"
    builds:
      - {provider: conda-forge, variants: ["12.6"], platforms: [linux-64], python: "3.10-3.12"}
"""


@pytest.mark.parametrize("frameworks", ["{delta: '*', alpha: '>=2'}", "{alpha: '>=2', delta: '*'}", "{delta: '*'}"])
def test_a_cpu_target_goes_without_a_framework_that_has_builds_for_cuda_alone_and_says_so(tmp_path: Path, frameworks: str) -> None:
    small = load_matrix(write_matrix(tmp_path / "matrices", {**FILES, "delta.yaml": DELTA}))
    text = f'python: ">=3.9"\nframeworks: {frameworks}\ntargets: [cpu, cu126]\nplatforms: [linux-64]\nchannels: [conda-forge]\n'
    cpu, cuda = resolve(small, project_of(text, small))
    assert "delta" not in {choice.release.framework for choice in cpu.choices}
    assert [reason.text for reason in cpu.left_out] == ["delta left out: it needs CUDA"]
    assert "delta 1.0.* cuda126*" in requests(cuda)[0].specs
    assert not any("delta" in warning.text for warning in (*cpu.warnings, *cuda.warnings))
