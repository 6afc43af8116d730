"""Packages in folders and in repositories: what is locked of them, what `install` does, and what it says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Workspace, clean_environment, repository
from system.channel import Server, serve
from system.stand_in import MINOR, SUBDIR, channel, pip_package, python_package

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the packages that run are made for Linux")

# A build backend in the folder itself, so that no index is asked for one.
BACKEND = """\
import pathlib, zipfile
NAME = "tinymine-1.0-py3-none-any.whl"
def made(folder, files):
    with zipfile.ZipFile(pathlib.Path(folder) / NAME, "w") as archive:
        info = "tinymine-1.0.dist-info"
        for file, text in files.items():
            archive.writestr(file, text)
        archive.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: tinymine\\nVersion: 1.0\\n")
        archive.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(info + "/RECORD", "")
    return NAME
def build_wheel(folder, config_settings=None, metadata_directory=None):
    return made(folder, {"tinymine.py": pathlib.Path("tinymine.py").read_text()})
def build_editable(folder, config_settings=None, metadata_directory=None):
    return made(folder, {"tinymine.pth": str(pathlib.Path.cwd())})
"""
PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "tinymine"
version = "1.0"
"""


def package(folder: Path) -> None:
    folder.mkdir(parents=True)
    for file, text in (("backend.py", BACKEND), ("pyproject.toml", PYPROJECT), ("tinymine.py", "value = 1\n")):
        (folder / file).write_text(text)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    channel(tmp_path / "www" / "c", (python_package(), pip_package()))
    with serve(tmp_path / "www") as found:
        yield found


@pytest.fixture
def site(tmp_path: Path) -> Workspace:
    return repository(tmp_path / "site", clean_environment(tmp_path))


def project(server: Server, *lines: str, more: str = "") -> str:
    head = f'python: "{MINOR}.*"\ntargets: [cpu]\nplatforms: [{SUBDIR}]\nchannels: ["{server.url("c")}"]\n'
    listed = ", ".join(f'"{line}"' for line in lines)
    return f"{head}pip: [{listed}]\n{more}"


def said(site: Workspace) -> str:
    """What the module of the environment says; without a .pyc, which would hide a change within a second."""
    command = [site.root / ".envs/p-cpu/bin/python", "-B", "-c", "import tinymine; print(tinymine.value)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(("line", "after"), [("-e ./mine", "2"), ("./mine", "1")])
def test_a_package_in_a_folder_is_installed_after_the_lock(line: str, after: str, site: Workspace, server: Server) -> None:
    package(site.root / "mine")
    site.project("p", project(server, line))
    locked = site.envgen("lock")
    assert locked.status == 0, locked.err
    assert f"environments/p/project.yaml:5:7: `{line}`, a" in locked.err
    assert "mine" not in (site.root / "environments/p/cpu/conda-lock.yml").read_text()
    done = site.envgen("install", "p", "--target", "cpu")
    assert done.status == 0, done.err
    assert f"installing `{line}`, which is not in the lock (environments/p/project.yaml:5:7)" in done.err
    assert said(site) == "1"
    (site.root / "mine/tinymine.py").write_text("value = 2\n")
    assert said(site) == after
    again = site.envgen("install", "p", "--target", "cpu")
    assert again.status == 0, again.err
    assert ("installing `" in again.err) == (line == "./mine")
    assert said(site) == "2"


def test_a_folder_without_a_package_is_an_error_with_its_line(site: Workspace, server: Server) -> None:
    site.project("p", project(server, "-e ./nowhere"))
    assert site.envgen("lock").status == 0
    done = site.envgen("install", "p", "--target", "cpu")
    assert done.status == 2
    assert done.err.splitlines()[-3].startswith(
        "error: environments/p/project.yaml:5:7: `-e ./nowhere`: no Python package in nowhere"
    )


def test_a_repository_is_pinned_to_a_commit(site: Workspace, server: Server, tmp_path: Path) -> None:
    """It is built, so the project says that it may be; the lock has the commit that the branch had."""
    folder = tmp_path / "repository"
    package(folder)
    git = ("git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.com")
    for words in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "first")):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    site.project("p", project(server, f"tinymine @ git+file://{folder}@main", more="pip-build: [tinymine]\n"))
    locked = site.envgen("lock")
    assert locked.status == 0, locked.err
    assert f"  url: git+file://{folder}@{commit}\n" in (site.root / "environments/p/cpu/conda-lock.yml").read_text()
    (folder / "tinymine.py").write_text("value = 3\n")
    subprocess.run([*git, "commit", "-q", "-a", "-m", "second"], check=True)
    done = site.envgen("install", "p", "--target", "cpu")
    assert done.status == 0, done.err
    assert said(site) == "1"


def copied(text: str, source: Path, folder: Path) -> list[str]:
    """Do what the COPY lines of a Dockerfile do before it installs; what the last stage takes from there."""
    kept = []
    for words in re.findall(r"^COPY (.*)$", text, re.MULTILINE):
        option, what, place = ["", *(json.loads(words) if words.startswith("[") else words.split(" "))][-3:]
        if option:
            kept.append(place)
        elif (source / what).is_dir():
            shutil.copytree(source / what, folder / place, dirs_exist_ok=True)
        else:
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / what, folder / place)
    return kept


@pytest.mark.parametrize(
    ("line", "kept"),
    [("-e ./packages/mine", ["/repository/packages/mine"]), ("./my own/mine", []), ("./dist/tinymine-1.0-py3-none-any.whl", [])],
)
def test_a_dockerfile_copies_all_that_install_reads(
    line: str, kept: list[str], site: Workspace, server: Server, tmp_path: Path
) -> None:
    """In a folder with nothing else `install` finds everything; the last stage takes along what the environment refers to."""
    path = site.root / line.removeprefix("-e ")
    package(path.parent / "mine")
    subprocess.run(
        [sys.executable, "-c", f"import backend; backend.build_wheel({str(path.parent)!r})"], cwd=path.parent / "mine", check=True
    )
    site.project("p", project(server, line))
    assert site.envgen("lock").status == 0
    done = site.envgen("export", "p", "--format", "dockerfile")
    assert (done.status, done.err) == (0, ""), done.err
    alone = tmp_path / "image" / "repository"
    alone.mkdir(parents=True)
    assert copied(done.out, site.root, alone) == ["/opt/env", *kept]
    installed = site.envgen("install", "p", "--target", "cpu", "--prefix", tmp_path / "env", "--root", alone)
    assert installed.status == 0, installed.err
    command = [tmp_path / "env/bin/python", "-c", "import tinymine; print(tinymine.__file__)"]
    where = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert [f"/{found.relative_to(alone.parent)}" for found in [Path(where).parent] if found.is_relative_to(alone)] == kept


def test_what_is_exported_without_a_package_in_a_folder_says_so(site: Workspace, server: Server) -> None:
    package(site.root / "mine")
    site.project("p", project(server, "-e ./mine", "./mine"))
    assert site.envgen("lock").status == 0
    done = site.envgen("export", "p", "--format", "explicit")
    note = "is not in the lock, and so not in what is exported; afterwards install it: pip install --no-deps"
    assert (done.status, done.talk.splitlines()) == (
        0,
        [
            f"environments/p/project.yaml:5:7: `-e ./mine` {note} -e ./mine",
            f"environments/p/project.yaml:5:20: `./mine` {note} ./mine",
        ],
    )
