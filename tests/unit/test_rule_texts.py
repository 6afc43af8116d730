"""What rules of `verify` say, and what they let pass, where the corpus has no lock of its own for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.version import Version
from unit.small import real_matrix
from unit.test_rules import CPU, CU118, CU126, NUMPY, TORCH, TORCH_CPU, conda, pip

from envgen.model.findings import Claim
from envgen.model.packages import Lock, LockedPackage
from envgen.verify.check import check

CU127 = replace(CU126, cuda=Version("12.7"), source="target own")
CU129 = replace(CU126, cuda=Version("12.9"), source="target cu129", virtual={"__cuda": "12.9", "__glibc": "2.28"})
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
    ("microarchitecture", promising(archspec="1 x86_64_v3"), (level("3"),), []),
    ("microarchitecture", promising(archspec="1 x86_64_v2"), (level("3"),), ["needs a processor of level x86_64_v3; target cu126 promises x86_64_v2"]),
    ("microarchitecture", promising(archspec="1 x86_64"), (level("2"),), ["needs a processor of level x86_64_v2; target cu126 promises x86_64"]),
    ("microarchitecture", promising(archspec="1 x86_64"), (level("1"),), []),
    ("unknown-cuda", CU127, (), ["CUDA 12.7 is none in matrices/cuda.yaml: the driver and the GPUs that it needs are not known"]),
    ("unknown-cuda", replace(CU127, kind="none"), (), []),
    ("unknown-cuda", CU126, (), []),
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
]  # fmt: skip


@pytest.mark.parametrize(("rule", "claim", "packages", "said"), SAID, ids=[f"{row[0]}-{number}" for number, row in enumerate(SAID)])
def test_a_rule_says_just_this(rule: str, claim: Claim, packages: tuple[LockedPackage, ...], said: list[str]) -> None:
    lock = Lock(shown="lock.yml", format="conda-lock 1", environment="", packages=packages or (NUMPY,))
    found = check(lock, {"linux-64": claim}, real_matrix())
    assert [row.text for row in found if row.rule == rule] == said
