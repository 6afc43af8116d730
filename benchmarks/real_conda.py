"""The cells of the benchmark of locks, locked by the command of conda-lock with a real conda, beside `envgen lock`.

ENVGEN_BENCH_CONDA is the path of conda's executable. Its own settings say which solver it uses.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measure import REPO, Row

ROUNDS = 3


def conda_rows(root: Path, scratch: Path, environment: Mapping[str, str], files: Mapping[str, Path]) -> list[Row]:
    """The row on conda-lock and conda; none without a conda. `files` are the repodata of each subdir of conda-forge."""
    conda = os.environ.get("ENVGEN_BENCH_CONDA") or shutil.which("conda")
    if not conda:
        print("conda: skipped, because there is no conda; ENVGEN_BENCH_CONDA names its executable", file=sys.stderr)
        return []
    lock = [sys.executable, "-m", "envgen", "--root", str(root), "lock", "--update"]
    seconds(lock, REPO, environment)
    folders = specifications(root, scratch / "specifications", channel(scratch / "channel", files))
    rounds = [(by_conda_lock(conda, folders, environment), seconds(lock, REPO, environment)) for _ in range(ROUNDS + 1)][1:]
    ratio = statistics.median(theirs / ours for theirs, ours in rounds)
    theirs, ours = (statistics.median(column) for column in zip(*rounds, strict=True))
    return [
        (f"the 8 cells by {tools(conda)}, relative to `envgen lock`", f"{ratio:.0f}", "15 or more"),
        ("the same, seconds of both", f"{theirs:.1f} s, {ours:.2f} s", "-"),
    ]


def channel(folder: Path, files: Mapping[str, Path]) -> str:
    """A channel of these files, as a URL."""
    for subdir, file in files.items():
        (folder / subdir).mkdir(parents=True)
        (folder / subdir / "repodata.json").symlink_to(file)
    return folder.as_uri()


def specifications(root: Path, folder: Path, url: str) -> list[Path]:
    """Folders with the environment.yml and the virtual packages of each target, as envgen rendered them for another channel."""
    found = []
    for path in sorted(root.glob("environments/*/*/environment.yml")):
        copy = shutil.copytree(path.parent, folder / path.parent.parent.name / path.parent.name)
        text = re.sub(r"^( +- )conda-forge$", rf"\g<1>{url}", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        (copy / "environment.yml").write_text(text, encoding="utf-8")
        found.append(copy)
    return found


def by_conda_lock(conda: str, folders: list[Path], environment: Mapping[str, str]) -> float:
    """Seconds in which conda-lock locks these folders, one after the other, each without a lock before."""
    begun = time.perf_counter()
    for folder in folders:
        (folder / "conda-lock.yml").unlink(missing_ok=True)
        options = ["--conda", conda, "--file", "environment.yml", "--virtual-package-spec", "virtual-packages.yml"]
        seconds([str(Path(sys.executable).with_name("conda-lock")), "lock", *options], folder, environment)
    return time.perf_counter() - begun


def seconds(argv: list[str], cwd: Path, environment: Mapping[str, str]) -> float:
    """Seconds of one process. Raises SystemExit with its messages if it fails."""
    begun = time.perf_counter()
    done = subprocess.run(argv, cwd=cwd, env=dict(environment), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)} exited with {done.returncode}\n{done.stderr[-2000:]}")
    return time.perf_counter() - begun


def tools(conda: str) -> str:
    """Both tools with their versions, and conda's solver."""
    from importlib.metadata import version

    info = json.loads(subprocess.run([conda, "info", "--json"], capture_output=True, text=True, check=True).stdout)
    solver = next((word.partition("/")[2] for word in info["user_agent"].split() if word.startswith("solver/")), "unknown")
    return f"conda-lock {version('conda-lock')} with conda {info['conda_version']} (solver {solver})"
