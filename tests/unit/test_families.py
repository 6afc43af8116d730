"""The families of packages that people use beside frameworks: what a project with one of them requests, and what it cannot have."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from unit.small import project_of, real_matrix

from envgen.model.facts import Matrix
from envgen.resolver.resolve import Unsatisfiable, resolve
from envgen.resolver.specs import requests

PYTORCH = ("pytorch", "nvidia", "conda-forge")


@dataclass(frozen=True)
class Asked:
    """Frameworks of a project, its targets and platforms, and its channels."""

    frameworks: str
    targets: str
    platforms: str = "linux-64"
    channels: tuple[str, ...] = ("conda-forge",)


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    """The facts of this repository."""
    return real_matrix()


def specs(matrix: Matrix, asked: Asked) -> dict[str, tuple[str, ...]]:
    """For each cell what the solver is asked for, without Python."""
    text = (
        f'python: "*"\nframeworks: {asked.frameworks}\ntargets: [{asked.targets}]\nplatforms: [{asked.platforms}]\n'
        f"channels: [{', '.join(asked.channels)}]\n"
    )
    found = [(row, request) for row in resolve(matrix, project_of(text, matrix)) for request in requests(row)]
    return {f"{row.target.name} {request.platform}": request.specs[1:] for row, request in found}


RESOLVED = {
    "xgboost for every 12.x and 13.x, none for macOS": (
        Asked('{xgboost: "3.3"}', "cpu, cu122, cu131", "linux-64, osx-arm64"),
        {
            "cpu linux-64": ("libxgboost 3.3.0.* cpu_*", "py-xgboost 3.3.0.*"),
            "cpu osx-arm64": ("libxgboost 3.3.0.* cpu_*", "py-xgboost 3.3.0.*"),
            "cu122 linux-64": ("libxgboost 3.3.0.* cuda*", "py-xgboost 3.3.0.*", "cuda-version 12.2.*"),
            "cu131 linux-64": ("libxgboost 3.3.0.* cuda*", "py-xgboost 3.3.0.*", "cuda-version 13.1.*"),
        },
    ),
    "lightgbm without CUDA for Windows": (
        Asked('{lightgbm: "4.7"}', "cpu, cu129", "linux-64, win-64"),
        {
            "cpu linux-64": ("liblightgbm 4.7.0.* cpu_*", "lightgbm 4.7.0.*"),
            "cpu win-64": ("liblightgbm 4.7.0.* cpu_*", "lightgbm 4.7.0.*"),
            "cu129 linux-64": ("liblightgbm 4.7.0.* cuda129_*", "lightgbm 4.7.0.*", "cuda-version 12.9.*"),
        },
    ),
    "lightgbm whose builds do not name their CUDA": (
        Asked('{lightgbm: "4.6"}', "cu128"),
        {"cu128 linux-64": ("liblightgbm 4.6.0.* cuda*", "lightgbm 4.6.0.*", "cuda-version 12.8.*")},
    ),
    "faiss of both providers": (
        Asked('{faiss: "1.14"}', "cpu, cu130"),
        {
            "cpu linux-64": ("faiss 1.14.3.* *_cpu",),
            "cu130 linux-64": ("faiss 1.14.3.* *cuda130h*_cuda", "cuda-version 13.0.*"),
        },
    ),
    "faiss of the pytorch channel": (
        Asked('{faiss: {version: "1.7", provider: pytorch}}', "cpu, cu114", channels=PYTORCH),
        {
            "cpu linux-64": ("pytorch::faiss-cpu 1.7.4.* *_cpu",),
            "cu114 linux-64": ("pytorch::faiss-gpu 1.7.4.* *_cuda11.4", "cudatoolkit 11.4.*"),
        },
    ),
    "torchtext and torchdata for one release of pytorch, whatever the CUDA": (
        Asked("{torchtext: '*', torchdata: '*'}", "cpu, cu118", channels=PYTORCH),
        {
            "cpu linux-64": (
                "pytorch::pytorch 2.1.0.* *_cpu_*",
                "pytorch::cpuonly",
                "pytorch::torchtext 0.16.0.*",
                "pytorch::torchdata 0.7.0.*",
            ),
            "cu118 linux-64": (
                "pytorch::pytorch 2.1.0.* *_cuda11.8_*",
                "pytorch::pytorch-cuda 11.8.*",
                "pytorch::torchtext 0.16.0.*",
                "pytorch::torchdata 0.7.0.*",
            ),
        },
    ),
    "bitsandbytes in the release that has the CUDA": (
        Asked('{pytorch: "2.7", bitsandbytes: "*"}', "cu126"),
        {"cu126 linux-64": ("pytorch 2.7.1.* cuda126*", "cuda-version 12.6.*", "bitsandbytes 0.46.1.* cuda126_*")},
    ),
    "PyG for the newest pytorch that all of it goes with": (
        Asked("{torch-geometric: '*', torch-scatter: '*', torch-sparse: '*', torch-cluster: '*'}", "cu126"),
        {
            "cu126 linux-64": (
                "pytorch 2.7.1.* cuda126*",
                "cuda-version 12.6.*",
                "pytorch_geometric 2.7.0.*",
                "pytorch_scatter 2.1.2.* cuda126*",
                "pytorch_sparse 0.6.18.*",
                "pytorch_cluster 1.6.3.*",
            )
        },
    ),
    "PyG alone, which is Python alone, also for Windows": (
        Asked("{pytorch_geometric: '*', pytorch: '2.13'}", "cu130", "win-64"),
        {"cu130 win-64": ("pytorch 2.13.0.* cuda130*", "cuda-version 13.0.*", "pytorch_geometric 2.7.0.*")},
    ),
    "several beside one framework, of one CUDA": (
        Asked('{pytorch: "2.8", xgboost: "3.3", lightgbm: "4.7", faiss: "1.14"}', "cu129"),
        {
            "cu129 linux-64": (
                "pytorch 2.8.0.* cuda129*",
                "cuda-version 12.9.*",
                "libxgboost 3.3.0.* cuda*",
                "py-xgboost 3.3.0.*",
                "liblightgbm 4.7.0.* cuda129_*",
                "lightgbm 4.7.0.*",
                "faiss 1.14.3.* *cuda129h*_cuda",
            )
        },
    ),
    "the names of other tools": (
        Asked("{faiss-cpu: '1.14'}", "cpu"),
        {"cpu linux-64": ("faiss 1.14.3.* *_cpu",)},
    ),
}


@pytest.mark.parametrize("name", RESOLVED)
def test_a_project_with_a_family_requests_its_builds(matrix: Matrix, name: str) -> None:
    asked, expected = RESOLVED[name]
    assert specs(matrix, asked) == expected


REFUSED = {
    "xgboost before 3.0.5 has nothing for CUDA 13": Asked('{xgboost: "3.0.4"}', "cu130"),
    "xgboost has no CUDA 11 for Windows": Asked('{xgboost: "2.1"}', "cu118", "win-64"),
    "lightgbm has no CUDA for Windows": Asked('{lightgbm: "*"}', "cu129", "win-64"),
    "lightgbm 4.7 has nothing for CUDA older than 12.9": Asked('{lightgbm: "4.7"}', "cu126"),
    "faiss 1.10 has no CUDA for Windows": Asked('{faiss: "1.10"}', "cu129", "win-64"),
    "torchtext ends with pytorch 2.1": Asked('{pytorch: ">=2.2", torchtext: "*"}', "cpu", channels=PYTORCH),
    "torchdata ends with pytorch 2.1": Asked('{pytorch: ">=2.2", torchdata: "*"}', "cpu", channels=PYTORCH),
    "torchtext is not on conda-forge": Asked('{torchtext: "*"}', "cpu"),
    "bitsandbytes is for Linux alone": Asked('{bitsandbytes: "*"}', "cpu", "osx-arm64"),
    "bitsandbytes has nothing for CUDA 13": Asked('{bitsandbytes: "*"}', "cu130"),
    "pytorch_sparse ends with pytorch 2.7": Asked('{pytorch: ">=2.8", pytorch_sparse: "*"}', "cpu"),
    "pytorch_cluster has nothing for pytorch 2.8": Asked('{pytorch: "2.8", pytorch_cluster: "*"}', "cpu"),
    "pytorch_cluster has nothing for ARM": Asked('{pytorch_cluster: "*"}', "cu130", "linux-aarch64"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_family_does_not_have_is_refused(matrix: Matrix, name: str) -> None:
    with pytest.raises(Unsatisfiable):
        specs(matrix, REFUSED[name])


def test_a_word_of_another_tool_requests_its_cuda(matrix: Matrix) -> None:
    (found,) = resolve(
        matrix,
        project_of(
            'python: "3.12"\nframeworks: {faiss-gpu: "1.14"}\ntargets: [gpu]\nplatforms: [linux-64]\nchannels: [conda-forge]\n',
            matrix,
        ),
    )
    assert [(choice.release.framework, str(choice.variant)) for choice in found.choices] == [("faiss", "13.0")]
