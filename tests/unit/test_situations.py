"""What people ask for, with the facts of this repository: the answer is true, says why, and says what to write instead."""

from __future__ import annotations

import pytest
from unit.small import project_of, real_matrix

from envgen.explain.explain import conflict
from envgen.explain.report import conflict_text
from envgen.formats.builds import cuda_of, tells_nothing
from envgen.formats.environment_file import read_environment_file
from envgen.resolver.resolve import Unsatisfiable, resolve

FORGE = 'python: "3.11"\nchannels: [conda-forge]\n'


def answer(text: str) -> str:
    """The releases and warnings of each target of a project, or what cannot hold together and what to do."""
    try:
        found = resolve(real_matrix(), project_of(text, real_matrix()))
    except Unsatisfiable as error:
        return conflict_text(conflict(error.problem))
    return "\n".join(
        f"{one.target.name}: {', '.join(f'{choice.release.framework} {choice.release.version}' for choice in one.choices)}"
        + "".join(f"\nwarning: {warning.text}" for warning in one.warnings)
        for one in found
    )


LINUX = FORGE + "platforms: [linux-64]\n"

SAID = {
    "FlashAttention 2 on a V100": (
        LINUX + 'frameworks: {pytorch: "*", flash-attn: "*"}\ntargets: [cu129]\ngpus: [V100]\n',
        ["flash-attn >=2 needs gpu >=8.0", "1. pytorch without flash-attn"],
    ),
    "FlashAttention 2 where only one of the GPUs is too old": (
        LINUX + 'frameworks: {pytorch: "*", flash-attn: "*"}\ntargets: [cu129]\ngpus: [T4, A100]\n',
        ["gpus T4 (compute capability 7.5)", "drop T4 from gpus:"],
    ),
    "torch.compile on a P100": (
        LINUX + 'frameworks: {pytorch: "2.5.1"}\ntargets: [cu126]\ngpus: [P100]\n',
        ["cu126: pytorch 2.5.1", "warning: pytorch >=2.0 needs gpu >=7.0, not gpu 6.0 (torch.compile;"],
    ),
}


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("jaxlib=*=*cuda*", "cuda"),
        ("pytorch=2.10=*cuda129*", "cuda 12.9"),
        ("pytorch=*=cuda12*", "cuda 12"),
        ("pytorch=*=*cpu*", "cpu"),
        ("pytorch=*=*mkl*", "cpu"),
    ],
)
def test_a_pattern_of_builds_says_cpu_or_cuda_as_a_build_does(spec: str, found: str) -> None:
    (package,) = read_environment_file(f"dependencies: ['{spec}']\n", "environment.yml").packages
    catalogue = real_matrix().catalogue
    cuda = cuda_of(catalogue, package)
    assert (f"cuda {cuda}".strip() if cuda is not None else "cpu") == found
    assert tells_nothing(catalogue, package) == ("mkl" in spec or cuda is not None)


@pytest.mark.parametrize("title", SAID)
def test_the_answer_says_what_is_true(title: str) -> None:
    text, said = SAID[title]
    found = answer(text)
    assert [line for line in said if line not in found] == [], found
