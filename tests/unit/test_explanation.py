"""What the solver says of why there is no solution: rattler tells it in words alone, and these are read in the version that is here."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.made_up import MadeUpIndex, Row, write_channel

from envgen.channels.explanation import blocking_package, not_promised
from envgen.channels.solve import Unsolvable, solve
from envgen.model.packages import SolveRequest

ROWS = [
    Row("python", "3.11.0"),
    Row("jaxlib", "0.4.28", "cuda120_py312_0", ("python >=3.12,<3.13.0a0",)),
    Row("jaxlib", "0.4.28", "cuda120_py311_0", ("python >=3.11,<3.12.0a0", "cuda-nvtx >=12.0.76,<13.0a0")),
    Row("cuda-nvtx", "12.9.19", "0", ("cuda-version >=12.9,<12.10.0a0",)),
    Row("cuda-nvtx", "12.9.79", "0", ("cuda-version >=12.9,<12.10.0a0",)),
    Row("cuda-nvtx", "12.1.105", "0", ("cuda-version >=12.1,<12.2.0a0",)),
    Row("cuda-version", "12.6"),
    Row("beta", "1.0", "0", ("libmissing >=1",)),
    Row("level", "3", "0", ("__archspec 1 x86_64_v3",)),
    Row("fast", "1.0", "0", ("level >=3",)),
    Row("new", "1.0", "0", ("__glibc >=2.28,<3.0.a0",)),
    Row("gpu", "1.0", "0", ("__cuda",)),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> MadeUpIndex:
    return write_channel(Path(tmp_path_factory.mktemp("index")), ROWS)


@pytest.mark.parametrize(
    ("specs", "blocking", "lacking"),
    [
        (("python 3.7.*",), "python 3.7.*", ""),
        (("nothing",), "nothing *", ""),
        (("jaxlib 0.4.28.* cuda120*",), "cuda-nvtx", ""),
        (("python 3.11.*", "jaxlib", "cuda-version 12.6.*"), "cuda-nvtx", ""),
        (("python", "beta 1.*"), "libmissing", ""),
        (("python", "fast"), "level", "__archspec ==1 x86_64_v3"),
        (("new",), "__glibc", "__glibc >=2.28,<3.0.a0"),
        (("gpu", "python"), "__cuda", "__cuda *"),
    ],
)
def test_what_is_in_the_way_is_read_in_the_words_of_this_rattler(
    index: MadeUpIndex, specs: tuple[str, ...], blocking: str, lacking: str
) -> None:
    virtual = {"__glibc": "2.17", "__archspec": "1 x86_64"}
    request = SolveRequest(environment="x", platform="linux-64", specs=specs, channels=("conda-forge",), virtual=virtual)
    with pytest.raises(Unsolvable) as caught:
        solve([request], index, 1)
    said = caught.value.explanation
    assert (blocking_package(said), not_promised(said)) == (blocking, lacking), said


@pytest.mark.parametrize(
    ("said", "package"),
    [
        ("Cannot solve the request because of: beta 1.* cannot be installed because there are no viable options:\n", "beta"),
        ("in other words", "something"),
        ("", "something"),
    ],
)
def test_an_explanation_without_a_tree_names_what_it_begins_with(said: str, package: str) -> None:
    assert (blocking_package(said), not_promised(said)) == (package, "")
