"""The tutorials that install, done as they are written: every command is run, and prints what the page says.

What is installed comes from a channel of stand-ins, on a machine that is made up, and `.venv` is there already.
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
from system import frameworks, stand_in, walkthrough
from system.channel import serve
from system.test_scenarios import A100, command

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() != "x86_64", reason="the pages are told on linux-64"
)
TUTORIALS = REPO / "docs" / "tutorials"
VISION = """\
python: ">=3.10"
frameworks: {pytorch: "2.10.*"}
targets: [cpu, cu129]
platforms: [linux-64]
channels: [conda-forge]
"""


@pytest.fixture(scope="module")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("channels")
    packages = [*frameworks.torch("2.10.0"), *frameworks.torch("2.10.0", "12.9"), stand_in.python_package()]
    stand_in.channel(folder / "conda-forge", packages)
    return folder


@pytest.fixture
def environment(tmp_path: Path, channels: Path, nvml: FakeNvml) -> Iterator[dict[str, str]]:
    """That of a user of a machine with an A100, and `envgen` on PATH."""
    with serve(channels) as server:
        found = {
            **clean_environment(tmp_path),
            **changes(nvml(driver="575.57.08", cuda=12090, gpus=A100)),
            "PATH": os.pathsep.join((str(command(tmp_path)), os.environ["PATH"])),
            "ENVGEN_INDEX": str(channels),
            "ENVGEN_MIRROR": server.url("").rstrip("/"),
        }
        del found["PYTHONPATH"]
        yield found


def test_from_the_clone_to_the_gpu(tmp_path: Path, environment: dict[str, str]) -> None:
    clone = tmp_path / "clone"
    for folder in ("matrices", "templates"):
        shutil.copytree(REPO / folder, clone / folder)
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "envgen/__init__.py"):
        (clone / name).parent.mkdir(exist_ok=True)
        shutil.copy(REPO / name, clone / name)
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "envgen").symlink_to(tmp_path / "commands" / "envgen")
    (clone / ".venv" / ".ready").touch()
    project = clone / "environments" / "vision" / "project.yaml"
    project.parent.mkdir(parents=True)
    project.write_text(VISION, encoding="utf-8")
    ready = tmp_path / "ready.md"
    ready.write_text("```console\n$ envgen lock\n...\n```\n")
    assert walkthrough.play(ready, clone, environment) == 1
    assert walkthrough.play(TUTORIALS / "quickstart.md", clone, environment) == 3


def test_in_your_own_repository(tmp_path: Path, environment: dict[str, str]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert walkthrough.play(TUTORIALS / "own-repository.md", empty, environment) == 5


@pytest.fixture
def vision(tmp_path: Path, environment: dict[str, str]) -> Path:
    """A repository with a project that is locked, beside a program and a toolkit that somebody installed by hand."""
    folder = tmp_path / "vision"
    for name in ("matrices", "templates"):
        shutil.copytree(REPO / name, folder / name)
    for name, text in (("environments/vision/project.yaml", VISION), ("train.py", "import torch\n"), ("envs/.keep", "")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    toolkit = folder / "toolkits" / "cuda-11.2" / "lib64" / "libcudart.so.11.0"
    toolkit.parent.mkdir(parents=True)
    toolkit.touch()
    environment["CONDA_ENVS_PATH"] = str(folder / "envs")
    ready = tmp_path / "ready.md"
    ready.write_text("```console\n$ envgen lock\n...\n```\n", encoding="utf-8")
    assert walkthrough.play(ready, folder, environment) == 1
    return folder


@pytest.mark.parametrize(("page", "commands"), [("install", 7), ("channels", 1)])
def test_the_pages_about_installing_and_channels(page: str, commands: int, vision: Path, environment: dict[str, str]) -> None:
    assert walkthrough.play(REPO / "docs" / f"{page}.md", vision, environment) == commands


def test_the_readme_shows_what_the_tutorials_show() -> None:
    quickstart, own, readme = (
        commands(path) for path in (TUTORIALS / "quickstart.md", TUTORIALS / "own-repository.md", REPO / "README.md")
    )
    assert readme[-7:] == [*quickstart, *own[:4]]


def commands(page: Path) -> list[walkthrough.Step]:
    return [step for step in walkthrough.steps(page.read_text(encoding="utf-8")) if step.command]


def test_on_a_site_without_network(tmp_path: Path, environment: dict[str, str]) -> None:
    site = tmp_path / "site"
    for folder in ("matrices", "templates"):
        shutil.copytree(REPO / folder, site / folder)
    project = site / "environments" / "vision" / "project.yaml"
    project.parent.mkdir(parents=True)
    project.write_text(VISION, encoding="utf-8")
    assert walkthrough.play(REPO / "docs" / "how-to" / "install-without-network.md", site, environment) == 3
