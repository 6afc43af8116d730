"""The real `conda-lock` command and envgen agree: the same packages from the same records, and nothing left to do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import REPO, clean_environment, made_once, repository
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


def together(runs: list[tuple[Path, list[str]]], home: Path, **more: str) -> list[tuple[int, str]]:
    """Status and words of `conda-lock WORDS` in each folder."""
    sent = json.dumps([(str(folder), words) for folder, words in runs])
    variables = {**clean_environment(home), "PYTHONWARNINGS": "default", **more}
    done = subprocess.run([sys.executable, "-c", MANY], input=sent, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [(status, said) for status, said in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def cells(unpacked_cache: Path, records: Path) -> Path:
    """A repository with CELLS, locked by envgen and then by conda-lock, and said.json: how each run of conda-lock ended."""

    def make(top: Path) -> None:
        workspace = repository(top, {**clean_environment(top), "ENVGEN_CACHE": str(unpacked_cache)})
        for project, target in CELLS:
            text = (REPO / "environments" / project / "project.yaml").read_text(encoding="utf-8")
            alone = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("numerics:"))
            workspace.project(project, f"{alone}\nalign: false\n")  # conda-lock solves each platform by itself
            made = workspace.envgen("lock", project, "--target", target, "--index", records)
            assert made.status == 0, made.err
        shim = conda(top, f'exec "{sys.executable}" "{HERE / "conda_shim.py"}" "$@"')
        runs = [(top / "environments" / project / target, lock_words(shim, "theirs.yml")) for project, target in CELLS]
        (top / "said.json").write_text(json.dumps(together(runs, top, ENVGEN_TEST_INDEX=str(records))), encoding="utf-8")

    return made_once("conda-lock", make)


@pytest.mark.parametrize(("project", "target"), CELLS)
def test_conda_lock_writes_the_same_package_list(cells: Path, project: str, target: str) -> None:
    """Byte for byte, with another solver process, another index instance and no network."""
    status, said = json.loads((cells / "said.json").read_text(encoding="utf-8"))[CELLS.index((project, target))]
    assert status == 0, said
    folder = cells / "environments" / project / target
    assert parts(folder / "conda-lock.yml") == parts(folder / "theirs.yml")
    assert "\n- name: python\n" in parts(folder / "theirs.yml")[1]


@dataclass(frozen=True)
class Asked:
    """A copy of a committed lock's folder, and what conda-lock says of it: the status and words of each of two commands."""

    folder: Path
    checked: tuple[int, str]
    rendered: tuple[int, str]


@pytest.fixture(scope="module")
def asked() -> dict[Path, Asked]:
    """Of every committed lock: `conda-lock lock --check-input-hash`, with a conda that tells its version and no more, and `render`."""

    def make(top: Path) -> None:
        folders = [Path(shutil.copytree(lock.parent, top / name)) for lock, name in zip(LOCKS, IDS, strict=True)]
        refuses = conda(top, f'echo "$@" >> "{top}/calls"; [ "$1" = --version ] && echo conda 25.1.1')
        check = lock_words(refuses, "conda-lock.yml", "--check-input-hash")
        render = ["render", "--kind", "explicit", "conda-lock.yml"]
        said = together([(folder, words) for words in (check, render) for folder in folders], top)
        (top / "said.json").write_text(json.dumps(said), encoding="utf-8")
        assert set((top / "calls").read_text(encoding="utf-8").splitlines()) <= {"--version"}

    top = made_once("committed-locks", make)
    said = json.loads((top / "said.json").read_text(encoding="utf-8"))
    each = zip(LOCKS, IDS, said[: len(LOCKS)], said[len(LOCKS) :], strict=True)
    return {lock: Asked(top / name, tuple(checked), tuple(rendered)) for lock, name, checked, rendered in each}


@cache
def rows(lock: Path) -> dict[str, list[dict[str, Any]]]:
    """Platform -> package entries of a lock, every promised platform included."""
    data = yaml.load(lock.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return {platform: [row for row in data["package"] if row["platform"] == platform] for platform in data["metadata"]["platforms"]}


def test_there_are_committed_locks() -> None:
    """The laws below speak of all of them."""
    assert {"vision-cpu", "legacy-cu116", "transition-cu121", "both-cu126"} <= set(IDS)


@pytest.mark.parametrize("lock", LOCKS, ids=IDS)
def test_conda_lock_finds_nothing_to_do(asked: dict[Path, Asked], lock: Path) -> None:
    """The input hash in each committed lock is the one that conda-lock computes from the files beside it."""
    status, said = asked[lock].checked
    assert status == 0, said
    platforms = sorted(rows(lock))
    assert f"Spec hash already locked for {platforms}. Skipping solve." in said
    assert "Locking dependencies" not in said
    assert (asked[lock].folder / "conda-lock.yml").read_bytes() == lock.read_bytes()


@pytest.mark.parametrize("lock", LOCKS, ids=IDS)
def test_conda_lock_renders_every_url_with_its_hash(asked: dict[Path, Asked], lock: Path) -> None:
    """An explicit file for each platform, package for package what the lock says."""
    status, said = asked[lock].rendered
    assert status == 0, said
    for platform, packages in rows(lock).items():
        text = (asked[lock].folder / f"conda-{platform}.lock").read_text(encoding="utf-8")
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
