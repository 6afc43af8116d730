"""What people ask for, with the facts of this repository: the answer is true, says why, and says what to write instead."""

from __future__ import annotations

import pytest
from unit.small import project_of, real_matrix, refused

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
        + "".join(f"\ndropped {row.platform}: {row.because.text}" for row in one.dropped)
        for one in found
    )


LINUX = FORGE + "platforms: [linux-64]\n"

WRITTEN = LINUX + 'frameworks: {pytorch: "*"}\ntargets: [cu126]\n'

MEANT = {
    "one target": (LINUX + "targets: gpu\n", "4:1: targets: expected target names", "write [gpu]"),
    "one platform": (FORGE + "platforms: linux-64\n", "3:1: platforms: expected a list", "write [linux-64]"),
    "one GPU": (WRITTEN + "gpus: RTX 4090\n", "6:1: gpus: expected a list", "write [RTX 4090]"),
    "one capability": (WRITTEN + "gpus: 8.0\n", "6:1: gpus: expected a list", 'write ["8.0"]'),
    "frameworks as a list": (
        LINUX + "frameworks: [pytorch, torchvision=0.20]\n",
        "4:1: frameworks: expected a mapping of frameworks to versions",
        'write {pytorch: "*", torchvision: "0.20"}',
    ),
    "one framework": (
        LINUX + "frameworks: pytorch\n",
        "4:1: frameworks: expected a mapping of frameworks to versions",
        'write {pytorch: "*"}',
    ),
    "a framework in no version": (
        LINUX + "frameworks: {pytorch: }\n",
        "4:14: frameworks.pytorch: expected a version range",
        'write "*" for any version',
    ),
    "the latest version": (
        LINUX + "frameworks: {pytorch: latest}\n",
        "'latest' is not a version range",
        'write "*": the newest that fits is taken',
    ),
    "the version of a wheel": (
        LINUX + "frameworks: {pytorch: 2.5.1+cu121}\n",
        "'2.5.1+cu121' is not a version range",
        'write "2.5.1": the target says whether it is a build for CUDA',
    ),
    "a GPU as a key": (
        WRITTEN + "gpu: true\n",
        "6:1: gpu: unknown key",
        "write `cuda: newest` for a CUDA target; `gpus:` lists models of GPUs",
    ),
    "the CUDA of PyTorch's channel as a key": (
        WRITTEN + "pytorch-cuda: 12.10\n",
        "6:1: pytorch-cuda: unknown key",
        "a package is listed under `dependencies:`, as in [pytorch-cuda=12.10]",
    ),
    "a library as a key": (
        WRITTEN + "cudnn: 8.9\n",
        "6:1: cudnn: unknown key",
        "a package is listed under `dependencies:`, as in [cudnn=8.9]",
    ),
    "the name of an environment": (
        "name: x\n" + WRITTEN,
        "1:1: name: unknown key",
        "remove it: a project is called as its folder is",
    ),
    "variables of an environment": (
        WRITTEN + "variables: {A: b}\n",
        "6:1: variables: unknown key",
        "it is a key of environment.yml: `envgen init --from FILE` reads such files",
    ),
    "a misspelled key": (WRITTEN + "target: cpu\n", "6:1: target: unknown key", "did you mean `targets`?"),
    "packages": (WRITTEN + "packages: [numpy]\n", "6:1: packages: unknown key", "packages are listed under `dependencies:`"),
    "pip as in environment.yml": (
        WRITTEN + "dependencies:\n- numpy\n- pip:\n  - einops\n",
        "8:3: dependencies[1]: not a conda spec",
        "requirements of pip are listed under the key `pip:` of the project",
    ),
    "a version as a value": (
        WRITTEN + "dependencies:\n- numpy: 1.26\n",
        "7:3: dependencies[0]: not a conda spec",
        'write it as one text, such as "numpy 1.26"',
    ),
    "a package that no matrix knows": (
        LINUX + 'frameworks: {pytorch-lightning: "2"}\n',
        "4:14: no framework `pytorch-lightning` in matrices/",
        "put `pytorch-lightning` under dependencies: instead, and the solver chooses its build",
    ),
    "a provider beside the framework": (
        LINUX + 'frameworks: {pytorch: "2.13", provider: conda-forge}\n',
        "4:1: frameworks: provider is a key of one framework",
        "write {pytorch: {version: ..., provider: ...}}",
    ),
    "a version with its letter": (LINUX + "frameworks: {pytorch: v2.7.1}\n", "'v2.7.1' is not a version range", 'write "2.7.1"'),
    "a version as programs are named": (
        LINUX.replace('"3.11"', "python3.12"),
        "'python3.12' is not a version range",
        'write "3.12"',
    ),
    "a caret": (LINUX + "frameworks: {pytorch: ^2.7}\n", "'^2.7' is not a version range", 'write ">=2.7,<3"'),
    "any release of a major": (LINUX + "frameworks: {pytorch: 2.x}\n", "'2.x' is not a version range", 'write "2.*"'),
    "bounds without a comma": (
        LINUX + "frameworks: {pytorch: '>=2.7 <3'}\n",
        "'>=2.7 <3' is not a version range",
        'write ">=2.7,<3"',
    ),
    "a text without a version": (
        LINUX + "frameworks: {pytorch: v}\n",
        "'v' is not a version range",
        'for example ">=2.5,<3" or "2.7.*"',
    ),
    "a number of GPUs": (
        WRITTEN + "gpus: [A100 x 4]\n",
        "`A100 x 4` is more than the name of a GPU",
        "write A100: how many there are makes no difference",
    ),
    "a number before a GPU": (
        WRITTEN + "gpus: [2x RTX 3090]\n",
        "`2x RTX 3090` is more than the name of a GPU",
        "write RTX 3090: how many there are makes no difference",
    ),
    "a CUDA as a number": (
        LINUX + "targets: {box: {cuda: 12.10}}\n",
        "targets.box.cuda: expected a string, got the number 12.1",
        'put it in quotes: "12.10"',
    ),
    "Windows": (
        FORGE + "platforms: [windows]\ntargets: [cpu]\n",
        "no target supports the platform `windows`",
        "did you mean `win-64`?",
    ),
    "a Mac": (
        FORGE + "platforms: [macos]\ntargets: [cpu]\n",
        "no target supports the platform `macos`",
        "did you mean `osx-arm64`?",
    ),
}


@pytest.mark.parametrize("title", MEANT)
def test_what_is_written_in_another_way_is_refused_with_what_to_write(title: str) -> None:
    text, what, hint = MEANT[title]
    error = refused(lambda: project_of(text, real_matrix()))
    assert error is not None
    assert (str(error).partition("\n\nhint: ")[0].endswith(what), error.hint) == (True, hint), str(error)


SAID = {
    "FlashAttention 2 on a V100": (
        LINUX + 'frameworks: {pytorch: "*", flash-attn: "*"}\ntargets: [cu129]\ngpus: [V100]\n',
        ["flash-attn >=2 needs gpu >=8.0", "1. pytorch without flash-attn"],
    ),
    "FlashAttention 2 where only one of the GPUs is too old": (
        LINUX + 'frameworks: {pytorch: "*", flash-attn: "*"}\ntargets: [cu129]\ngpus: [T4, A100]\n',
        ["gpus T4 (compute capability 7.5)", "drop T4 from gpus:"],
    ),
    "CUDA on Linux, Windows and a Mac": (
        FORGE + 'platforms: [linux-64, osx-arm64, win-64]\nframeworks: {pytorch: "2.10.0"}\ntargets: [cu130]\n',
        [
            "cu130: pytorch 2.10.0",
            "dropped osx-arm64: target cu130 is not for osx-arm64: macOS has no CUDA; add a target cpu for it",
        ],
    ),
    "JAX with CUDA on Windows": (
        FORGE + 'platforms: [win-64]\nframeworks: {jax: "*"}\ntargets: [cu129]\n',
        [
            "jax from conda-forge has no build for win-64",
            "1. add platform linux-64: WSL2 on Windows runs the environments of linux-64",
        ],
    ),
    "TensorFlow with CUDA on a Jetson": (
        FORGE + 'platforms: [linux-aarch64]\nframeworks: {tensorflow: "*"}\ncuda: newest\ngpus: [Jetson AGX Orin]\n',
        ["tensorflow from conda-forge is built on linux-aarch64 without CUDA"],
    ),
    "torch.compile on a P100": (
        LINUX + 'frameworks: {pytorch: "2.5.1"}\ntargets: [cu126]\ngpus: [P100]\n',
        ["cu126: pytorch 2.5.1", "warning: pytorch >=2.0 needs gpu >=7.0, not gpu 6.0 (torch.compile;"],
    ),
}


def test_an_option_of_pip_after_a_requirement_is_told_where_to_go() -> None:
    text = "dependencies:\n- python=3.8\n- pip:\n  - mmcv-full==1.4.0 -f https://w.example/torch1.9.0/index.html\n"
    error = refused(lambda: read_environment_file(text, "environment.yml"))
    assert error is not None
    assert (str(error.where), error.hint) == (
        "environment.yml:4:5",
        "put `-f https://w.example/torch1.9.0/index.html` on a line of its own, before this one",
    )


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
