"""Parts of CUDA that CPU builds alone bring: what is one of them, against every set that could be."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.small import examples, real_matrix

from envgen.model.packages import LockedPackage
from envgen.verify.brought import of_cpu_builds

CPU = ("torchaudio", "pytorch")
PARTS = ("cuda-cudart", "cuda-version", "libcublas", "cudnn")
OTHERS = ("cupy", "numpy")
NAMES = (*CPU, *PARTS, *OTHERS)


def package(name: str, *depends: str) -> LockedPackage:
    build = "cpu_py312h1234567_0" if name in CPU else "h1234567_0"
    return LockedPackage(name=name, version="12.6", build=build, manager="conda", platform="linux-64", depends=depends)


def brought(needs: Mapping[str, tuple[str, ...]]) -> set[str]:
    """The names of the parts that CPU builds alone bring."""
    packages = [package(name, *(f"{need} >=12" for need in below)) for name, below in needs.items()]
    found = of_cpu_builds(real_matrix().catalogue, packages)
    return {row.name for row in packages if id(row) in found}


def expected(needs: Mapping[str, tuple[str, ...]]) -> set[str]:
    """All of the sets of parts that need nobody but CPU builds and each other, and that are reached from a CPU build."""
    above = {name: {other for other, below in needs.items() if name in below} for name in needs}
    parts = [name for name in needs if name in PARTS]
    sets = chain.from_iterable(combinations(parts, size) for size in range(len(parts) + 1))
    closed = [set(some) for some in sets if all(above[name] <= {*some, *CPU} for name in some)]
    return set().union(*(some for some in closed if some == _reached(above, some)))


def _reached(above: Mapping[str, set[str]], some: set[str]) -> set[str]:
    found = {name for name in some if above[name] & set(CPU)}
    while more := {name for name in some - found if above[name] & found}:
        found |= more
    return found


@examples(150)
@given(st.fixed_dictionaries({name: st.lists(st.sampled_from(NAMES), max_size=3, unique=True).map(tuple) for name in NAMES}))
def test_what_cpu_builds_alone_bring_is_every_set_that_nothing_else_needs(needs: dict[str, tuple[str, ...]]) -> None:
    assert brought(needs) == expected(needs)


AUDIO = {"torchaudio": ("pytorch", "cuda-cudart"), "pytorch": (), "cuda-cudart": ("cuda-version",), "cuda-version": ()}


@pytest.mark.parametrize(
    ("more", "left"),
    [
        ({}, {"cuda-cudart", "cuda-version"}),
        ({"cupy": ("cuda-version",)}, {"cuda-cudart"}),  # cupy is no CPU build: somebody wants CUDA
        ({"cupy": ("cuda-cudart",)}, set()),
        ({"libcublas": ("cuda-version",)}, {"cuda-cudart"}),  # which nothing needs: it was requested
        ({"libcublas": ("cuda-version",), "pytorch": ("libcublas",)}, {"cuda-cudart", "cuda-version", "libcublas"}),
    ],
)
def test_what_torchaudio_brings_counts_as_soon_as_anything_else_needs_it(more: dict[str, tuple[str, ...]], left: set[str]) -> None:
    assert brought({**AUDIO, **more}) == left
