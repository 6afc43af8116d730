"""The real `conda-lock` command and envgen agree: the same packages from the same records, and nothing left to do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import REPO, Workspace, clean_environment
from rattler import LockFile

HERE = Path(__file__).parent
LOCKS = sorted((REPO / "environments").glob("*/*/conda-lock.yml"))
IDS = ["-".join(path.parts[-3:-1]) for path in LOCKS]
# One of each spelling, and one target of several platforms. `both` is left out: its solve excludes cudatoolkit by a
# constraint of rattler, and an environment.yml has no words for "must not be there".
CELLS = [
    ("vision", "cpu"),  # conda-forge, cpu_* builds; three platforms
    ("vision", "cu126"),  # conda-forge, CUDA 12: cuda126* and cuda-version
    ("legacy", "cpu"),  # pytorch channel, cpuonly
    ("legacy", "cu116"),  # pytorch channel, cudatoolkit
    ("transition", "cu121"),  # pytorch and nvidia channels, pytorch-cuda
    ("jax", "cu129"),  # conda-forge, the CUDA is in the build of jaxlib
    ("tensorflow", "cpu"),  # another architecture
]
NOWHERE = "http://127.0.0.1:9/nothing"  # the discard port: refused at once
# The command's own entry point, many times in one process, because importing it is most of its time.
MANY = """
import json, os, sys
from click.testing import CliRunner
from conda_lock.conda_lock import main
said = []
for folder, words in json.load(sys.stdin):
    os.chdir(folder)
    run = CliRunner().invoke(main, words)
    said.append([run.exit_code, run.output])
print(json.dumps(said))
"""


def conda(folder: Path, line: str) -> Path:
    """An executable in the place of conda."""
    path = folder / "conda"
    path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def lock_words(conda: Path, lockfile: str, *more: str) -> list[str]:
    files = ["-f", "environment.yml", "--virtual-package-spec", "virtual-packages.yml", "--lockfile", lockfile]
    return ["lock", *files, "--conda", str(conda), "--pypi_to_conda_lookup_file", NOWHERE, *more]


def parts(path: Path) -> tuple[dict[str, Any], str]:
    """The metadata of a lock that conda-lock made, and its package list as written."""
    head, mark, body = path.read_text(encoding="utf-8").partition("\npackage:")
    assert mark
    metadata = yaml.safe_load(head)["metadata"]
    return {key: metadata[key] for key in ("content_hash", "channels", "platforms", "sources")}, body


@pytest.mark.parametrize(("project", "target"), CELLS)
def test_conda_lock_writes_the_same_package_list(
    workspace: Workspace, repo: Path, records: Path, project: str, target: str
) -> None:
    """Byte for byte, with another solver process, another index instance and no network."""
    text = (repo / "environments" / project / "project.yaml").read_text(encoding="utf-8")
    alone = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("numerics:"))
    workspace.project(project, f"{alone}\nalign: false\n")  # conda-lock solves each platform by itself
    made = workspace.envgen("lock", project, "--target", target, "--index", records)
    assert made.status == 0, made.err
    folder = workspace.root / "environments" / project / target
    shim = conda(workspace.root, f'exec "{sys.executable}" "{HERE / "conda_shim.py"}" "$@"')
    words = lock_words(shim, "theirs.yml")
    variables = {**workspace.environment, "ENVGEN_TEST_INDEX": str(records), "PYTHONWARNINGS": "default"}
    theirs = subprocess.run(
        [sys.executable, "-m", "conda_lock", *words], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert theirs.returncode == 0, theirs.stderr
    assert parts(folder / "conda-lock.yml") == parts(folder / "theirs.yml")
    assert "\n- name: python\n" in parts(folder / "theirs.yml")[1]


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """Every committed lock -> a copy of its target's folder."""
    top = tmp_path_factory.mktemp("copies")
    return {lock: Path(shutil.copytree(lock.parent, top / name)) for lock, name in zip(LOCKS, IDS, strict=True)}


def together(runs: list[tuple[Path, list[str]]], home: Path) -> list[tuple[int, str]]:
    """Status and words of `conda-lock WORDS` in each folder."""
    sent = json.dumps([(str(folder), words) for folder, words in runs])
    variables = {**clean_environment(home), "PYTHONWARNINGS": "default"}
    done = subprocess.run([sys.executable, "-c", MANY], input=sent, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [(status, said) for status, said in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def checked(copies: dict[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[Path, tuple[int, str]]:
    """What `conda-lock lock --check-input-hash` says about each lock, with a conda that tells its version and no more."""
    top = tmp_path_factory.mktemp("checked")
    refuses = conda(top, f'echo "$@" >> "{top}/calls"; [ "$1" = --version ] && echo conda 25.1.1')
    runs = [(folder, lock_words(refuses, "conda-lock.yml", "--check-input-hash")) for folder in copies.values()]
    said = dict(zip(copies, together(runs, top), strict=True))
    assert set((top / "calls").read_text(encoding="utf-8").splitlines()) <= {"--version"}
    return said


@pytest.fixture(scope="module")
def explicit(copies: dict[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[Path, tuple[int, str]]:
    """What `conda-lock render --kind explicit` says about each lock; the files lie in the copies."""
    runs = [(folder, ["render", "--kind", "explicit", "conda-lock.yml"]) for folder in copies.values()]
    return dict(zip(copies, together(runs, tmp_path_factory.mktemp("explicit")), strict=True))


def rows(lock: Path) -> dict[str, list[dict[str, Any]]]:
    """Platform -> package entries of a lock, every promised platform included."""
    data = yaml.load(lock.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return {platform: [row for row in data["package"] if row["platform"] == platform] for platform in data["metadata"]["platforms"]}


def test_there_are_committed_locks() -> None:
    """The laws below speak of all of them."""
    assert {"vision-cpu", "legacy-cu116", "transition-cu121", "both-cu126"} <= set(IDS)


@pytest.mark.parametrize("lock", LOCKS, ids=IDS)
def test_conda_lock_finds_nothing_to_do(copies: dict[Path, Path], checked: dict[Path, tuple[int, str]], lock: Path) -> None:
    """The input hash in each committed lock is the one that conda-lock computes from the files beside it."""
    status, said = checked[lock]
    assert status == 0, said
    platforms = sorted(rows(lock))
    assert f"Spec hash already locked for {platforms}. Skipping solve." in said
    assert "Locking dependencies" not in said
    assert (copies[lock] / "conda-lock.yml").read_bytes() == lock.read_bytes()


@pytest.mark.parametrize("lock", LOCKS, ids=IDS)
def test_conda_lock_renders_every_url_with_its_hash(
    copies: dict[Path, Path], explicit: dict[Path, tuple[int, str]], lock: Path
) -> None:
    """An explicit file for each platform, package for package what the lock says."""
    status, said = explicit[lock]
    assert status == 0, said
    for platform, packages in rows(lock).items():
        text = (copies[lock] / f"conda-{platform}.lock").read_text(encoding="utf-8")
        urls = [line for line in text.splitlines() if line and not line.startswith(("#", "@"))]
        assert sorted(urls) == sorted(f"{row['url']}#{row['hash']['md5']}" for row in packages) != []


@pytest.mark.parametrize("lock", LOCKS, ids=IDS)
def test_rattler_reads_the_same_packages(lock: Path) -> None:
    """Another tool's parser of the format finds the same packages on each platform."""
    environment = LockFile.from_path(lock).default_environment()
    assert environment is not None
    found = {
        str(platform): [str(package.location) for package in environment.packages(platform) or ()]
        for platform in environment.platforms()
    }
    assert {p: sorted(urls) for p, urls in found.items()} == {
        p: sorted(row["url"] for row in packages) for p, packages in rows(lock).items()
    }
