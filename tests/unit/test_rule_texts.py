"""What rules of `verify` say, and what they let pass, where the corpus has no lock of its own for it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from packaging.version import Version
from unit.small import real_matrix
from unit.test_rules import CHANNEL_TORCH, CPU, CU118, CU126, CU130, CUDNN, MKL_2026, NUMPY, TORCH, TORCH_CPU, conda, pip

from envgen.matrix.conditions import condition
from envgen.model.address import Address
from envgen.model.constraint import Bound, Constraint
from envgen.model.findings import Claim
from envgen.model.gpu import Gpu
from envgen.model.packages import Lock, LockedPackage
from envgen.verify.check import check

LINE = re.compile(r"\.yaml:\d+:\d+")  # where a fact is written, which moves
CU127 = replace(CU126, cuda=Version("12.7"), source="target own")
CU129 = replace(CU126, cuda=Version("12.9"), source="target cu129", virtual={"__cuda": "12.9", "__glibc": "2.28"})
PROMISING_CPU = replace(CPU, virtual={**(CPU.virtual or {}), "__cuda": "12.6"})
CAPABILITIES = {"K40": "3.5", "P100": "6.0", "V100": "7.0", "B200": "10.0"}
K40, P100, V100, B200 = (Gpu(name=name, capability=Version(capability)) for name, capability in CAPABILITIES.items())
CUDF = conda("cudf", "25.8.0", "cuda12_py312_250801_0")
TORCH_CU129 = conda("pytorch", "2.9.1", "cuda129_mkl_py312_h30b5a27_300")
TORCH_CU130 = conda("pytorch", "2.9.1", "cuda130_mkl_py312_h30b5a27_300")
FAISS = conda("faiss", "1.7.4", "py310h1234567_0_cpu", url="faiss-1.7.4-py310h1234567_0_cpu.conda")
MKL = "pytorch <2.1 with provider pytorch and platform linux-64 needs mkl <2024.1, or `import torch` ends in `undefined symbol: iJIT_NotifyEvent`; see https://github.com/pytorch/pytorch/issues/123097 (matrices/pytorch.yaml)"  # fmt: skip
AT = Address("matrices/own.yaml", 1, 1)
ANY_CUDA = Claim(kind="cuda", cuda=None, source="inferred")


def promising(**virtual: str) -> Claim:
    """A target that promises this, too."""
    return replace(CU126, virtual={**(CU126.virtual or {}), **{f"__{name}": value for name, value in virtual.items()}})


def wheel(tag: str) -> LockedPackage:
    return pip("tool", url=f"https://wheels.example/tool-1.0-cp312-cp312-{tag}.whl")


def level(number: str) -> LockedPackage:
    return conda("_x86_64-microarch-level", number, f"{number}_x86_64_v{number}")


SAID: list[tuple[str, Claim, tuple[LockedPackage, ...], list[str]]] = [
    ("virtual-package", CU126, (conda("a", "1", "0", "__foo"),), ["needs __foo, which target cu126 does not promise"]),
    ("virtual-package", CU126, (conda("a", "1", "0", "__foo >=2 *_0"),), ["needs __foo >=2, which target cu126 does not promise"]),
    ("virtual-package", CU126, (conda("a", "1", "0", "__linux", "__unix", "__glibc >=2.17"),), []),
    ("virtual-package", CU126, (conda("a", "1", "0", "__win"),), ["needs __win, which target cu126 does not promise"]),
    ("virtual-package", replace(CU126, virtual=None), (conda("a", "1", "0", "__foo"),), []),
    ("wheel-glibc", CU126, (wheel("manylinux_2_28_x86_64"),), []),
    ("wheel-glibc", CU126, (wheel("manylinux_2_34_x86_64"),), ["needs __glibc >=2.34; target cu126 promises 2.28"]),
    ("wheel-glibc", CU126, (wheel("manylinux_2_17_x86_64.manylinux_2_34_x86_64"),), []),
    ("wheel-glibc", CU126, (wheel("manylinux2014_x86_64.manylinux_2_34_x86_64"),), []),
    ("wheel-glibc", CU126, (wheel("musllinux_1_2_x86_64"),), []),
    ("url-mismatch", CPU, (conda("python", "3.12.9"), wheel("manylinux_2_28_x86_64")), []),
    ("url-mismatch", CPU, (conda("python", "3.11.9"), wheel("manylinux_2_28_x86_64")), ["its url is for another Python than 3.11: tool-1.0-cp312-cp312-manylinux_2_28_x86_64.whl"]),
    ("url-mismatch", CPU, (wheel("manylinux_2_28_x86_64"),), []),
    ("url-mismatch", CPU, (conda("python", "3.13.0"), pip("tool", url="https://w.example/tool-1.0-cp39-abi3-win_amd64.whl")), ["its url is for another platform: tool-1.0-cp39-abi3-win_amd64.whl"]),
    ("url-mismatch", CPU, (conda("python", "3.13.0"), pip("tool", url="https://w.example/tool-1.0-py2.py3-none-any.whl")), []),
    ("framework-twice", CPU, (pip("faiss-cpu", "1.10.0"), pip("faiss-gpu-cu12", "1.10.0")), ["faiss-gpu-cu12 and faiss-cpu 1.10.0 install the same files and overwrite each other's"]),
    ("framework-twice", CPU, (pip("tensorflow", "2.18.0"), pip("tensorflow-cpu", "2.18.0")), ["tensorflow and tensorflow-cpu 2.18.0 install the same files and overwrite each other's"]),
    ("framework-twice", CPU, (pip("tensorflow-gpu", "2.4.0"), pip("tensorflow", "2.4.0")), ["tensorflow-gpu and tensorflow 2.4.0 install the same files and overwrite each other's"]),
    ("framework-twice", CPU, (pip("tensorflow", "2.15.0"), pip("tensorflow-intel", "2.15.0"), pip("tensorflow-macos", "2.15.0")), []),
    ("framework-twice", CPU, (pip("xgboost", "3.0.0"), pip("xgboost-cpu", "3.0.0")), ["xgboost-cpu and xgboost 3.0.0 install the same files and overwrite each other's"]),
    ("microarchitecture", promising(archspec="1 x86_64_v3"), (level("3"),), []),
    ("microarchitecture", promising(archspec="1 x86_64_v2"), (level("3"),), ["needs a processor of level x86_64_v3; target cu126 promises x86_64_v2"]),
    ("microarchitecture", promising(archspec="1 x86_64"), (level("2"),), ["needs a processor of level x86_64_v2; target cu126 promises x86_64"]),
    ("microarchitecture", promising(archspec="1 x86_64"), (level("1"),), []),
    ("unknown-cuda", CU127, (), ["CUDA 12.7 is none in matrices/cuda.yaml: the driver and the GPUs that it needs are not known"]),
    ("unknown-cuda", replace(CU127, kind="none"), (), []),
    ("unknown-cuda", CU126, (), []),
    ("cuda-in-cpu", CPU, (replace(TORCH, platform="osx-64"),), ["a CUDA build in a CPU target"]),
    ("cuda-in-cpu", Claim(kind="cpu", cuda=None, source="inferred", stated=False), (replace(TORCH, platform="osx-64"),), []),
    ("missing-dependency", CPU, (conda("a", "1", "0", "b", "numpy[version='>=1']", "c; if x"),), ["needs b, which is not in the lock"]),
    ("unmet-dependency", CPU, (pip("a", "1.0", "numpy >=3", url=""), NUMPY), []),
    ("unmet-dependency", CPU, (conda("a", "1.0", "0", "numpy >=3", url="git+https://h.example/a@1234567"), NUMPY), []),
    ("unmet-dependency", CPU, (conda("a", "1.0", "0", "numpy >=3"), NUMPY), ["needs numpy >=3; numpy 2.2.6 py312h1234567_0 is locked"]),
    ("known-broken", CPU, (conda("libxgboost", "3.2.0", "cpu_h2ebb00f_1", url="libxgboost-3.2.0-cpu_h2ebb00f_1.conda"),), []),
    ("cpu-sibling", CPU, (conda("libxgboost", "3.2.0", "cpu_h2ebb00f_1"),), []),
    ("silent-cpu", CPU, (TORCH_CPU,), []),
    ("two-cuda-minors", CU118, (conda("cudatoolkit", "11.3.1"), pip("torch", "1.12.1+cu102")), []),
    ("two-cuda-minors", CU118, (conda("cudatoolkit", "11.3.1"), pip("torch", "1.12.1+cu113")), []),
    ("cudnn-for-cuda", ANY_CUDA, (conda("cudnn", "9.13.0.50", "hbcb9cd8_0"),), []),
    ("other-cuda", CU118, (conda("cuda-version", "11.7"),), ["CUDA 11.7 in a target for CUDA 11.8"]),
    ("cpu-build", replace(CU126, builds={"torchvision": (Version("12.6"), False)}), (TORCH, conda("torchvision", "0.22.0", "cuda126_py312_0")), []),
    ("cpu-build", replace(CU126, builds={"tool": (Version("12.6"), False)}), (TORCH, conda("tool")), ["not a CUDA build, but one for CUDA 12.6 was chosen"]),
    ("cpu-build", replace(CU126, frameworks=("jax",)), (TORCH_CPU,), ["a CPU build of pytorch in a target for CUDA 12.6: another package brings it; request pytorch under `frameworks:` to get a CUDA build"]),
    ("cpu-build", CU129, (TORCH_CPU, conda("cuda-version", "12.9")), ["a CPU build of pytorch in a target for CUDA 12.9"]),
    ("package-twice", CPU, (NUMPY, NUMPY, NUMPY), ["is in the lock 3 times (2.2.6, 2.2.6, 2.2.6)"]),
    ("cpu-sibling", PROMISING_CPU, (conda("libxgboost", "3.2.0", "cpu_h2ebb00f_1"),), ["a CPU build of xgboost on a machine with __cuda 12.6; request xgboost under `frameworks:` to get a CUDA build"]),
    ("cpu-sibling", CU126, (TORCH, conda("libxgboost", "3.2.0", "cpu_h2ebb00f_1")), ["a CPU build of xgboost in an environment for CUDA 12.6; request xgboost under `frameworks:` to get a CUDA build"]),
    ("cpu-sibling", CU126, (TORCH, TORCH_CPU), []),
    ("metapackage-mismatch", CU126, (TORCH_CPU, conda("pytorch-gpu", "2.7.0", "cuda126_mkl_py312_h30b5a27_300")), ["names CUDA 12.6; pytorch is built for no CUDA"]),
    ("metapackage-mismatch", CU126, (TORCH, conda("pytorch-cpu", "2.7.0", "cpu_mkl_py312_h6a7998d_100")), ["names no CUDA; pytorch is built for CUDA 12.6"]),
    ("metapackage-mismatch", CU126, (TORCH, conda("pytorch-gpu", "2.7.0", "cuda118_mkl_py312_h30b5a27_300")), ["names CUDA 11.8; pytorch is built for CUDA 12.6"]),
    ("metapackage-mismatch", CU126, (TORCH, conda("pytorch-gpu", "2.7.0", "cuda126_mkl_py312_h30b5a27_300")), []),
    ("framework-missing", replace(CU126, frameworks=("pytorch", "jax"), builds={"torchvision": (Version("12.6"), False)}), (TORCH,), ["the project requests jax, which is not in the lock", "torchvision was chosen, but is not in the lock"]),
    ("silent-cpu", CPU, (TORCH_CPU, conda("cuda-version", "12.6")), ["a CPU build of pytorch beside cuda-version 12.6: the silent CPU build"]),
    ("silent-cpu", PROMISING_CPU, (TORCH_CPU,), ["a CPU build of pytorch beside __cuda 12.6 of target cpu: the silent CPU build"]),
    ("silent-cpu", PROMISING_CPU, (TORCH_CPU, conda("cpuonly", "2.0", "0")), []),
    ("silent-cpu", CPU, (TORCH_CPU, CUDNN), ["a CPU build of pytorch beside libcudnn 9.10.1.4: the silent CPU build"]),
    ("cuda-in-cpu", CPU, (CUDNN,), ["a part of CUDA in a CPU target"]),
    ("cuda-in-cpu", CPU, (TORCH,), ["a CUDA build in a CPU target"]),
    ("cuda-in-cpu", CPU, (conda("cupy", "13.4.0", "py312h78400a1_0"),), ["a package without CPU builds in a CPU target"]),
    ("cuda-in-cpu", CPU, (conda("tool", "1", "0", "__cuda"),), ["needs a GPU driver (`__cuda`) in a CPU target"]),
    ("cuda-promise", promising(cuda="11.8"), (TORCH,), ["needs a driver for CUDA 12; target cu126 promises __cuda 11.8"]),
    ("cuda-promise", promising(cuda="12.4"), (TORCH,), []),
    ("cuda-promise", promising(cuda="12.2"), (CUDNN, conda("cuda-version", "12.6")), []),
    ("cuda-promise", promising(cuda="12.0"), (conda("cuda-version", "13.0"),), ["needs a driver for CUDA 13; target cu126 promises __cuda 12.0"]),
    ("driver-too-old", replace(CU126, driver=Version("520")), (TORCH,), ["CUDA 12.6 needs driver 525.60.13 or newer; the oldest is 520"]),
    ("driver-too-old", replace(CU126, driver=Version("525")), (TORCH,), []),
    ("driver-too-old", replace(CU126, driver=Version("525.60.13")), (TORCH,), []),
    ("driver-too-old", replace(CU126, driver=Version("525.60.12")), (TORCH,), ["CUDA 12.6 needs driver 525.60.13 or newer; the oldest is 525.60.12"]),
    ("run-time-compilation", replace(CU126, driver=Version("535")), (TORCH, conda("triton", "3.3.0", "cuda126py312h_0")), ["code compiled at run time (Triton) needs driver 560.28.03 or newer; the oldest is 535"]),
    ("run-time-compilation", replace(CU126, driver=Version("560")), (TORCH, conda("triton", "3.3.0", "cuda126py312h_0")), []),
    ("run-time-compilation", replace(CU126, driver=Version("525")), (TORCH, conda("triton", "3.3.0", "cuda126py312h_0")), ["code compiled at run time (Triton) needs driver 560.28.03 or newer; the oldest is 525"]),
    ("run-time-compilation", replace(CU126, driver=Version("520")), (TORCH, conda("triton", "3.3.0", "cuda126py312h_0")), []),
    ("gpu-without-code", replace(CU126, gpus=(K40,)), (TORCH,), ["CUDA 12.6 has code for compute capability 5.0 to 9.0, not for K40 (3.5)"]),
    ("gpu-without-code", replace(CU126, gpus=(B200,)), (TORCH,), ["CUDA 12.6 has code for compute capability 5.0 to 9.0, not for B200 (10.0)"]),
    ("gpu-without-code", replace(CU126, gpus=(V100,)), (TORCH,), []),
    ("gpu-without-code", CU126, (TORCH,), []),
    ("cudnn-without-code", replace(CU126, gpus=(V100,)), (conda("libcudnn", "9.12.0.46", "hf7e9902_1"),), ["has code from compute capability 7.5 on, not for V100 (7.0)"]),
    ("cudnn-without-code", replace(CU126, gpus=(V100,)), (CUDNN,), []),
    ("other-cuda", CU126, (conda("cuda-version", "12.4"),), ["CUDA 12.4 in a target for CUDA 12.6"]),
    ("other-cuda", CU126, (conda("cuda-version", "12.6"),), []),
    ("two-cuda-majors", CU126, (TORCH, pip("nvidia-cublas-cu11", "11.11.3.6")), ["CUDA 11 (nvidia-cublas-cu11 11.11.3.6) beside pytorch 2.7.0"]),
    ("two-cuda-minors", CU126, (conda("cuda-version", "12.4"), TORCH), []),
    ("two-cuda-minors", CU126, (pip("torch", "2.7.0+cu126"), pip("torchvision", "0.22.0+cu124")), []),
    ("cudnn-for-cuda", CU126, (conda("cudnn", "8.9.7.29", "h092f7fd_3"),), []),
    ("cudnn-for-cuda", CU118, (conda("cudnn", "9.13.0.50", "hbcb9cd8_0"),), ["built for CUDA 12 and 13, in an environment for CUDA 11.8"]),
    ("cudnn-for-cuda", CPU, (conda("cudnn", "9.13.0.50", "hbcb9cd8_0"),), []),
    ("missing-dependency", CU126, (conda("a", "1", "0", "b >=2"),), ["needs b >=2, which is not in the lock"]),
    ("missing-dependency", CU126, (conda("a", "1", "0", "b >=2"), conda("b", "1.0")), []),
    ("missing-dependency", CU126, (pip("a", "1", "b>=2"),), []),
    ("missing-dependency", CU126, (pip("a", "1", "b>=2"), pip("b", "1.0")), []),
    ("credentials", CU126, (conda("a", url="https://user:pw@h.example/c/linux-64/a-1.0-h1234567_0.conda"),), ["its url contains a password or a token: https://***@h.example/c/linux-64/a-1.0-h1234567_0.conda"]),
    ("credentials", CU126, (conda("a", url="https://h.example/t/abc-123/c/linux-64/a-1.0-h1234567_0.conda"),), ["its url contains a password or a token: https://h.example/t/***/c/linux-64/a-1.0-h1234567_0.conda"]),
    ("fact", promising(glibc="2.17"), (CUDF,), ["cudf >=25.8 needs glibc >=2.28, not glibc 2.17 (https://docs.nvidia.com/datascience/platform-support/) (matrices/cudf.yaml)"]),
    ("fact", promising(glibc="2.28"), (CUDF,), []),
    ("fact", promising(glibc="any"), (CUDF,), []),
    ("fact", replace(CU126, virtual=None), (CUDF,), []),
    ("fact", replace(CU126, gpus=(P100,)), (CUDF,), ["cudf >=25.8 with cuda <13,>=12 needs gpu >=7.0, not gpu 6.0 (https://docs.nvidia.com/datascience/platform-support/) (matrices/cudf.yaml)"]),
    ("fact", replace(CU126, gpus=(V100, P100)), (CUDF,), ["cudf >=25.8 with cuda <13,>=12 needs gpu >=7.0, not gpu 6.0 (https://docs.nvidia.com/datascience/platform-support/) (matrices/cudf.yaml)"]),
    ("fact", replace(CPU, gpus=(P100,)), (CUDF,), []),
    ("fact", replace(CU130, virtual={"__cuda": "13.0", "__glibc": "2.17"}), (TORCH_CU130,), ["cuda >=13 with provider conda-forge needs glibc >=2.28, not glibc 2.17 (https://github.com/conda-forge/conda-forge-pinning-feedstock recipe/migrations/cuda130.yaml) (matrices/cuda.yaml)"]),
    ("fact", replace(CU130, virtual={"__cuda": "13.0", "__glibc": "2.17"}), (NUMPY,), []),
    ("gpu-without-code", replace(CU130, gpus=(V100,)), (TORCH_CU130,), ["CUDA 13.0 has code for compute capability 7.5 to 12.1, not for V100 (7.0)"]),
    ("gpu-without-code", replace(CU129, gpus=(V100, K40)), (conda("pytorch", "2.9.1", "cuda129_mkl_py312_h30b5a27_300"),), ["CUDA 12.9 has code for compute capability 5.0 to 12.1, not for K40 (3.5)"]),
    ("fact", replace(CU129, gpus=(V100, K40)), (conda("pytorch", "2.9.1", "cuda129_mkl_py312_h30b5a27_300"),), []),
    # what is of one kind alone, or of none
    ("other-cuda", replace(CU126, kind="cpu"), (conda("cuda-version", "12.4"),), []),
    ("two-cuda-majors", CU126, (conda("cuda-cudart", "11.8.89"), conda("libcublas", "12.6.4.1")), ["CUDA 11 (cuda-cudart 11.8.89) beside libcublas 12.6.4.1"]),
    ("two-cuda-minors", CU118, (conda("cudatoolkit", "11.8.0"), conda("pytorch", "2.1.2", "cuda112_py311h13fee9e_301")), []),
    ("cudnn-for-cuda", ANY_CUDA, (CUDNN, conda("cudnn", "8.9.7.29", "h092f7fd_3")), []),
    ("run-time-compilation", replace(CU126, driver=Version("525.60.13")), (TORCH, conda("triton", "3.3.0", "cuda126py312h_0")), ["code compiled at run time (Triton) needs driver 560.28.03 or newer; the oldest is 525.60.13"]),
    ("cuda-in-cpu", replace(CPU, stated=False), (CUDNN,), ["a part of CUDA in a CPU target"]),
    ("metapackage-mismatch", CU126, (TORCH, conda("pytorch-gpu", "2.7.0", "cuda_mkl_py312_h30b5a27_300")), []),
    ("silent-cpu", PROMISING_CPU, (TORCH_CPU, conda("pytorch-cpu", "2.7.0", "cpu_mkl_py312_h6a7998d_100")), []),
    ("silent-cpu", PROMISING_CPU, (TORCH_CPU, conda("pytorch-gpu", "2.7.0", "cuda126_mkl_py312_h30b5a27_300")), ["a CPU build of pytorch beside __cuda 12.6 of target cpu: the silent CPU build"]),
    ("package-twice", CPU, tuple(conda("numpy", f"1.{number}") for number in range(11)), ["is in the lock 11 times (1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, ...)"]),
    # where the second half of a condition decides
    ("cuda-promise", promising(cuda="13.5"), (TORCH,), []),
    ("run-time-compilation", replace(CU126, driver=Version("560")), (TORCH_CU129, conda("triton", "3.3.0", "cuda126py312h_0")), ["code compiled at run time (Triton) needs driver 575.51.03 or newer; the oldest is 560"]),
    ("two-cuda-minors", CU118, (pip("torch", "2.0.1+cu117"), pip("nvidia-cuda-nvrtc-cu11", "11.8.89")), []),
    ("cuda-minor-open", CU126, (pip("nvidia-cuda-runtime", "13.0.96"),), []),
    ("known-broken", CPU, (pip("torch", "1.12.1", url="https://m.example/pytorch/linux-64/torch-1.12.1-cp310-cp310-linux_x86_64.whl"), MKL_2026), []),
    ("known-broken", CPU, (CHANNEL_TORCH, MKL_2026), [MKL]),
    ("known-broken", CPU, (replace(CHANNEL_TORCH, url="pytorch-1.12.1-py3.10_cpu_0.tar.bz2"), MKL_2026), [MKL]),
    ("known-broken", CPU, (replace(CHANNEL_TORCH, url=CHANNEL_TORCH.url.replace("/pytorch/", "/ours/")), MKL_2026), []),
    ("known-broken", CPU, (replace(CHANNEL_TORCH, url="https://h.example/linux-64/pytorch-1.12.1-py3.10_cpu_0.tar.bz2"), MKL_2026), []),
    ("known-broken", CPU, (conda("paddlepaddle", "2.6.2", "cpu_py310_0", url="paddlepaddle-2.6.2-cpu_py310_0.conda"), MKL_2026), []),
    ("framework-twice", CU118, (pip("mxnet-cu112", "1.9.1"), pip("mxnet-cu110", "1.9.1")), ["mxnet-cu112 and mxnet-cu110 1.9.1 install the same files and overwrite each other's"]),
    ("cpu-build", CU126, (pip("tensorflow", "2.18.0+cpu"),), ["a CPU build of tensorflow in a target for CUDA 12.6: the packages that make it a CUDA build are not locked; request tensorflow[and-cuda] (2.14 or newer)"]),
    ("cpu-build", CU126, (pip("tensorflow", "2.18.0"),), ["tensorflow, which loads CUDA 12, in a target for CUDA 12.6: the packages that make it a CUDA build are not locked; request tensorflow[and-cuda] (2.14 or newer)"]),
    ("cpu-build", CU118, (TORCH_CPU, conda("cuda-version", "11.8")), ["a CPU build of pytorch in a target for CUDA 11.8; provider conda-forge has no build of it for cuda-version 11.8"]),
    ("metapackage-mismatch", CU126, (conda("pytorch", "2.7.0", "cuda_mkl_py312_h30b5a27_300"), conda("pytorch-cpu", "2.7.0", "cpu_mkl_py312_h6a7998d_100")), ["names no CUDA; pytorch is built for CUDA"]),
    ("metapackage-mismatch", CU126, (TORCH_CPU, conda("pytorch-gpu", "2.7.0", "cuda_mkl_py312_h6a7998d_100")), ["names CUDA; pytorch is built for no CUDA"]),
    ("foreign-channel", replace(CPU, channels=("https://[h/c",)), (NUMPY,), ["comes from https://conda.anaconda.org/conda-forge, not from https://[h/c"]),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "claim", "packages", "said"), SAID, ids=[f"{row[0]}-{number}" for number, row in enumerate(SAID)])
def test_a_rule_says_just_this(rule: str, claim: Claim, packages: tuple[LockedPackage, ...], said: list[str]) -> None:
    lock = Lock(shown="lock.yml", format="conda-lock 1", environment="", packages=packages or (NUMPY,))
    found = check(lock, dict.fromkeys(lock.platforms, claim), real_matrix())
    assert [LINE.sub(".yaml", row.text) for row in found if row.rule == rule] == said


BOUNDED: list[tuple[dict[str, str | list[str]], Claim, tuple[LockedPackage, ...], list[str]]] = [
    ({"cuda": ">=12"}, CU126, (TORCH, NUMPY), ["numpy"]),
    ({"cuda": ">=13"}, CU126, (TORCH, NUMPY), []),
    ({"cuda": ">=12"}, CPU, (TORCH_CPU, NUMPY), []),
    ({"provider": ["conda-forge"]}, CPU, (replace(FAISS, version="1.8.0"), NUMPY), ["numpy"]),
    ({"provider": ["pytorch"]}, CPU, (FAISS, NUMPY), []),
    ({"provider": ["pip"]}, CPU, (pip("torch", "2.7.0"), NUMPY), ["numpy"]),
]


@pytest.mark.parametrize(("when", "claim", "packages", "refused"), BOUNDED)
def test_a_bound_applies_to_the_cuda_and_the_provider_that_it_names(
    when: dict[str, str | list[str]], claim: Claim, packages: tuple[LockedPackage, ...], refused: list[str]
) -> None:
    applies = tuple(condition(axis, value, AT) for axis, value in when.items())
    bound = Bound(when=applies, need=(condition("numpy", "<2", AT),), because="x", at=AT, breaks="it fails")
    matrix = replace(real_matrix(), bounds=(bound,))
    lock = Lock(shown="lock.yml", format="conda-lock 1", environment="", packages=packages)
    found = check(lock, dict.fromkeys(lock.platforms, claim), matrix)
    assert [row.package.split(" ")[0] for row in found if row.rule == "known-broken"] == refused


@pytest.mark.parametrize(
    ("promised", "said"), [("x86_64_v3", []), ("x86_64", ["everything needs archspec x86_64_v3, not archspec x86_64 (x)"])]
)
def test_a_fact_about_processors_is_held_against_the_promised_one(promised: str, said: list[str]) -> None:
    fact = Constraint(when=(), need=(condition("archspec", ["x86_64_v3"], AT),), because="x", at=AT)
    lock = Lock(shown="lock.yml", format="conda-lock 1", environment="", packages=(TORCH,))
    found = check(
        lock, dict.fromkeys(lock.platforms, promising(archspec=f"1 {promised}")), replace(real_matrix(), constraints=(fact,))
    )
    assert [row.text.rpartition(" (")[0] for row in found if row.rule == "fact"] == said


@pytest.mark.parametrize(
    ("overrules", "said"), [("libcublas", []), ("tool", ["CUDA 11 (cuda-cudart 11.8.89) beside libcublas 12.6.4.1"])]
)
def test_a_package_that_is_overruled_is_no_second_cuda(overrules: str, said: list[str]) -> None:
    matrix = real_matrix()
    rows = [replace(row, overrules=frozenset({overrules})) if row.overrules else row for row in matrix.catalogue.packages]
    packages = (conda("cuda-cudart", "11.8.89"), conda("pytorch-cuda", "11.8"), conda("libcublas", "12.6.4.1"))
    lock = Lock(shown="lock.yml", format="conda-lock 1", environment="", packages=packages)
    found = check(lock, {"linux-64": CU118}, replace(matrix, catalogue=replace(matrix.catalogue, packages=tuple(rows))))
    assert [row.text for row in found if row.rule == "two-cuda-majors"] == said


@pytest.mark.parametrize("url", ["https://user:pw@h.example/c", "https://h.example/t/abc-123", "https://h.example/t/abc-123/c"])
def test_a_channel_with_a_password_is_said_once_for_all_platforms(url: str) -> None:
    packages = (NUMPY, replace(NUMPY, platform="osx-64", url=NUMPY.url.replace("linux-64", "osx-64")))
    lock = Lock(shown="lock.yml", format="conda-lock 1", environment="", packages=packages, channels=(url,))
    found = check(lock, dict.fromkeys(lock.platforms, CPU), real_matrix())
    hidden = url.replace("user:pw", "***").replace("abc-123", "***")
    said = [(row.platform, row.text) for row in found if row.rule == "credentials"]
    assert said == [("linux-64", f"the url of a channel contains a password or a token: {hidden}")]
