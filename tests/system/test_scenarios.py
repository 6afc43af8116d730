"""The walk-throughs of docs/scenarios, done as they are written: every command is run, and prints what the page says.

What a page only reads are this repository's own locks and facts. What it installs comes from a channel of stand-ins: the index
is a folder of theirs, and their packages come over loopback, by way of a mirror.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import REPO, clean_environment
from nvml.build import FakeNvml, changes
from system import forks, frameworks, stand_in, walkthrough
from system.channel import serve

PAGES = sorted((REPO / "docs" / "scenarios").glob("[0-9]*.md"))
A100, V100, T4 = "NVIDIA A100-SXM4-40GB:8.0", "Tesla V100-SXM2-16GB:7.0", "Tesla T4:7.5"
MACHINES = {  # the page -> driver, CUDA, GPUs of the machine that it is told on
    "1": ("560.35.05", 12060, T4),
    "4": ("580.95.05", 13000, f"{A100},{V100}"),
    "5": ("575.57.08", 12090, A100),
}

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() != "x86_64", reason="the pages are told on linux-64"
)


@pytest.fixture(scope="module")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index folder and its packages: TensorFlow and PyTorch as conda-forge builds them, PyTorch as its own channel does."""
    folder = tmp_path_factory.mktemp("channels")
    both = [*frameworks.tensorflow("2.18.0"), *frameworks.tensorflow("2.18.0", "12.6"), *frameworks.torch("2.10.0", "12.9")]
    stand_in.channel(folder / "conda-forge", [stand_in.python_package(), *both])
    own = [*frameworks.vendor_torch("2.5.1", None, "0.20.1"), *frameworks.vendor_torch("2.5.1", "11.8", "0.20.1")]
    stand_in.channel(folder / "pytorch", own)
    stand_in.channel(folder / "nvidia", ())
    return folder


@pytest.fixture
def mirror(channels: Path) -> Iterator[str]:
    with serve(channels) as server:
        yield server.url("").rstrip("/")


def command(folder: Path) -> Path:
    """A folder with the command `envgen` of this checkout."""
    script = folder / "commands" / "envgen"
    script.parent.mkdir()
    forks.program(script)
    return script.parent


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_walk_through_is_true(page: Path, tmp_path: Path, nvml: FakeNvml, channels: Path, mirror: str) -> None:
    for folder in ("matrices", "templates", "environments"):
        shutil.copytree(REPO / folder, tmp_path / "repository" / folder)
    for cuda in ("11.8", "12.1") if page.name[0] == "5" else ():  # two toolkits that somebody installed by hand
        frameworks.cudart(tmp_path / "repository" / "toolkits" / f"cuda-{cuda}" / "lib64", cuda)
    driver, cuda, gpus = MACHINES.get(page.name[0], ("560.35.05", 12060, T4))
    environment = {
        **clean_environment(tmp_path),
        **changes(nvml(driver=driver, cuda=cuda, gpus=gpus)),
        "PATH": os.pathsep.join((str(command(tmp_path)), os.environ["PATH"])),
        "ENVGEN_INDEX": str(channels),
        "ENVGEN_MIRROR": mirror,
    }
    del environment["PYTHONPATH"]  # a user has none
    assert walkthrough.play(page, tmp_path / "repository", environment) >= 3


def test_there_is_a_page_for_each_of_the_five() -> None:
    assert [page.name[0] for page in PAGES] == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("page", "printed", "same"),
    [
        ("a\n...\nb", "a b", True),
        ("a\n...\nb", "a x\ny b", True),
        ("...\na", "x a", True),
        ("a\n...", "a", True),
        ("at (...) [x]", "at (/tmp/q) [x]", True),
        ("a b", "a\n   b\n", True),
        ("a", "a b", False),
        ("a b", "ab", False),
        ("a\n...\nb", "b a", False),
        ("a.c", "abc", False),
    ],
)
def test_a_page_can_be_wrong(page: str, printed: str, same: bool) -> None:
    assert walkthrough.matches(page, printed) == same
