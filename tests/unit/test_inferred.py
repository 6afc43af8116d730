"""What a platform seems to be for, what a resolution says that it is for, and what brought a package."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version
from unit.small import project_of, real_matrix, with_change, write_matrix
from unit.test_rules import CPU, NUMPY, conda
from unit.test_told import WITH, project_text, wider_matrix

from envgen.matrix.load import load_matrix
from envgen.model.packages import Lock, LockedPackage
from envgen.resolver.resolve import resolve
from envgen.verify.check import cases, claims_of, inferred
from envgen.verify.entries import is_source

FAISS = conda("faiss", "1.7.4", "py310h1234567_0_cuda")  # for some CUDA
TORCH = conda("pytorch", "2.7.0", "cuda126_mkl_py312_h30b5a27_300")


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ([FAISS], "cuda"),
        ([FAISS, conda("cuda-nvcc", "12.4.1"), conda("cuda-version", "12.6")], "cuda 12.6"),
        ([FAISS, conda("cuda-version", "12.6"), conda("cudatoolkit", "11.8")], "cuda 11.8"),
        ([TORCH, conda("cuda-version", "11.8"), conda("cuda-nvcc", "12.4.1")], "cuda 12.6"),
        ([conda("cuda-nvcc", "12.4.1"), conda("cuda-version", "12.6")], "cuda 12.6"),
        ([NUMPY], "none"),
    ],
)
def test_a_platform_is_for_the_cuda_that_its_packages_name(packages: list[LockedPackage], expected: str) -> None:
    assert str(inferred(real_matrix().catalogue, packages)) == expected


def test_a_resolution_says_what_each_platform_is_for() -> None:
    matrix = wider_matrix()
    text = project_text(
        WITH.replace("}}", "}, beta: '*'}"),
        "{cpu: , cu126: {virtual-packages: {__glibc: '2.31'}}}",
        more="driver: '>=560'\ngpus: [V100]",
    )
    cpu, cuda = (claims_of(row)["linux-64"] for row in resolve(matrix, project_of(text, matrix)))
    assert (cpu.kind, cpu.cuda, cpu.source, cpu.builds) == ("cpu", None, "target cpu", {})
    assert (cuda.kind, str(cuda.cuda), cuda.source) == ("cuda", "12.6", "target cu126")
    assert (cuda.frameworks, cuda.channels, str(cuda.driver)) == (("alpha", "beta"), ("conda-forge",), "560")
    assert ([gpu.name for gpu in cuda.gpus], cuda.virtual and cuda.virtual["__glibc"]) == (["V100"], "2.31")
    named = Version("12.6")
    assert cuda.builds == {"alpha": (named, True), "alphavision": (named, False), "betalib": (named, True)}


def test_a_spec_that_names_no_cuda_does_not_say_which_one_comes(tmp_path: Path) -> None:
    matrix = load_matrix(write_matrix(tmp_path, with_change("beta.yaml", "cuda{cu}*", "*_cuda")))
    (row,) = resolve(matrix, project_of(project_text("{beta: '*'}", "[cu126]"), matrix))
    assert claims_of(row)["linux-64"].builds == {"betalib": (Version("12.6"), False)}


@pytest.mark.parametrize(("count", "first"), [(3, 2), (20, 19), (30, 19)])
def test_of_a_long_way_the_part_next_to_the_package_is_told(count: int, first: int) -> None:
    rows = [conda(f"p{n}", "1", "0", *([f"p{n - 1}"] if n else [])) for n in range(count)]
    (case,) = cases(Lock(shown="l", format="", environment="", packages=tuple(rows)), {"linux-64": CPU}, real_matrix())
    assert case.way(rows[0]) == tuple(f"p{n}" for n in range(first, -1, -1))
    assert case.way(rows[-1]) == ()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", False),
        ("https://h.example/c/linux-64/a-1-0.conda", False),
        ("https://h.example/c/linux-64/a-1-0.tar.bz2#abc", False),
        ("git+https://h.example/a#abc.conda", True),
        ("./folder", True),
    ],
)
def test_a_package_that_is_built_here_has_the_url_of_its_source(url: str, expected: bool) -> None:
    assert is_source(conda("a", "1", "0", url=url).content) is expected
