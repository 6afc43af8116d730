"""Files that are spoiled at random: each is read, or refused by its name; nothing else is raised, and none takes long.

A few hundred cases by default; `make fuzz SECONDS=600` goes on for as long, from a new seed, and prints what it tried.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from unit.small import small_matrix

from envgen.formats.conda_lock import content_hashes, read_stamp
from envgen.formats.reading import read_any
from envgen.install.judge import judge
from envgen.install.locked import of_platform
from envgen.install.records import from_lock
from envgen.matrix.load import load_matrix
from envgen.model.errors import EnvgenError
from envgen.model.facts import Matrix
from envgen.model.packages import Lock
from envgen.model.project import Project
from envgen.project.load import project_of
from envgen.verify.check import check
from envgen.verify.verify import claims_for, requested_target
from envgen.yamlfile.document import parse

REPO = Path(__file__).parents[2]
SECONDS = float(os.environ.get("ENVGEN_FUZZ", "0"))
CASES = 300  # without a time
SLOW = 5  # seconds for one file
TOKENS = (
    *("http://[x/y", "http://h:port/x", "http://h/a.conda", "file:///x.conda", "x-y-z.conda", "１２", "٣.٤", "²", "é", "\u202e"),
    *("\x00", "\x1b[2J", "::error::x", '"\\n::error::x"', "'", '"', "{}", "[]", "[1,2]", "{a: b}", "? [a]\n: b", "&a", "*a", "<<"),
    *("null", "~", "true", "", "3.10", "1e400", ".inf", "0x1g", "2026-13-45", "!!float x", "!!timestamp 1", "!!int x", "9" * 5000),
    *("$HOME", "${X}", "../..", "//", "#", "@", ":", "-", "%", "sha256:", "\n", "\t", "  ", "a" * 300, "[" * 3000, "- " * 3000),
    *(">=", ">=1,<", "=*=", "==", "1!1!1", "__cuda", "conda-forge::", "cuda126_", "cu１２"),
)


def spoiled(text: str, chance: random.Random) -> str:
    """A text with one to three lines changed, removed, repeated or cut."""
    lines = text.split("\n")
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        n, token, way = chance.randrange(len(lines)), chance.choice(TOKENS), chance.random()
        line = lines[n]
        at = chance.randrange(len(line) + 1)
        if way < 0.35 and ": " in line:
            lines[n] = f"{line.partition(': ')[0]}: {token}"
        elif way < 0.7:
            lines[n] = line[:at] + token + line[at + chance.randrange(3) :]
        elif way < 0.8:
            lines = [*lines[:n], *lines[n + 1 :]] or [""]
        elif way < 0.9:
            lines.insert(n, chance.choice(lines))
        else:
            lines = (
                lines[: n + 1] if chance.random() < 0.3 else [*lines[:n], " " * chance.randrange(8) + line.strip(), *lines[n + 1 :]]
            )
    return "\n".join(lines)


def cases(texts: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """The name of a file, its text spoiled, and what repeats the case."""
    seed = time.time_ns() if SECONDS else 1
    end, count = time.monotonic() + SECONDS, 0
    while time.monotonic() < end if SECONDS else count < CASES:
        count += 1
        chance = random.Random(f"{seed}:{count}")
        name = chance.choice(sorted(texts))
        yield name, spoiled(texts[name], chance), f"{seed}:{count} {name}"
    print(f"{count} files")


def survived(texts: dict[str, str], read: Callable[[str, str], None]) -> None:
    """Every case is read or refused, soon."""
    for name, text, told in cases(texts):
        begun = time.monotonic()
        try:
            read(name, text)
        except EnvgenError:
            pass
        except Exception as error:
            raise AssertionError(f"{told}: {type(error).__name__}: {error}") from error
        assert time.monotonic() - begun < SLOW, told


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return load_matrix(REPO / "matrices")


def test_spoiled_locks(tmp_path: Path, matrix: Matrix) -> None:
    """Of every format: read, verified, and judged as before an installation."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in (REPO / "tests/verify/locks").iterdir() if path.is_file()}
    project = project_of(parse(PROJECT, "project.yaml"), "p", small_matrix())

    def read(name: str, text: str) -> None:
        (tmp_path / name).write_text(text, encoding="utf-8", errors="replace")
        for lock in read_any(tmp_path / name, name):
            claims = claims_for(lock, requested_target("cu126", matrix)) if len(text) % 2 else {}
            findings = check(lock, claims, matrix)
            assert all(finding.text.isprintable() for finding in findings), findings
            judged(lock, project, matrix)
        if name.endswith(".yml"):
            read_stamp(text, name)
            content_hashes(text, name)

    survived(texts, read)


def judged(lock: Lock, project: Project, matrix: Matrix) -> None:
    """Judge each platform of a lock, and make the records with which it would be fetched."""
    for platform in lock.platforms if lock.hashed else ():
        judge(lock, platform, project, matrix, {package.name for package in lock.packages})
        for package in of_platform(lock, platform).conda.values():
            from_lock(package)


PROJECT = """\
python: ">=3.9"
frameworks:
  alpha: {version: ">=2", with: [alphavision]}
targets: {cpu: {dependencies: [numpy]}, cu126: null}
platforms: [linux-64, win-64]
channels: [conda-forge, "https://h/t/$TOKEN/c"]
dependencies: [numpy, "pandas >=2", "conda-forge::zlib 1.3.* *_0"]
pip: [einops, "x @ https://x.example/x.whl"]
driver: ">=535"
gpus: [V100, "8.0"]
exclude-newer: 2026-06-01
"""


def test_spoiled_projects() -> None:
    small = small_matrix()
    survived({"project.yaml": PROJECT}, lambda name, text: void(project_of(parse(text, name), "p", small)))


def void(_: object) -> None:
    """Take what was read."""
