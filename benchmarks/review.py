"""How long `envgen check`, `impact` and `diff` take on many locks.

The examples are copied 45 times, which makes 810 locks; each copy is locked under its own name from its own locks, without a solve. Then
each lock gets a range of its own on every platform, so that no two hold the same. Times are seconds of a processor, of all processes
together, but for those that are said to have elapsed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

from benchmarks.measure import REPO, Row, Sample, once
from envgen.model.platforms import PLATFORMS

_ROUNDS = 3  # of what decides: of one, a machine that does something else besides makes a fifth more
EXAMPLES = sorted(path.parent.name for path in (REPO / "environments").glob("*/project.yaml"))


def copied(root: Path, copies: int) -> None:
    """A repository with the examples under other names, each with locks that agree."""
    for folder in ("matrices", "templates", "schemas", "environments/index"):
        shutil.copytree(REPO / folder, root / folder)
    for number in range(copies):
        for name in EXAMPLES:
            new = f"{name}{number:03}"
            shutil.copytree(REPO / "environments" / name, root / "environments" / new)
            for path in (root / "environments" / new).glob("*/*.yml"):
                head, body, rest = path.read_text(encoding="utf-8").partition("\npackage:")
                named = (
                    head.replace(f"{name}-", f"{new}-").replace(f"/{name}/", f"/{new}/").replace(f"lock {name}`", f"lock {new}`")
                )
                path.write_text(named + body + rest, encoding="utf-8")
    run(root, "lock", "--offline")


def make_different(root: Path) -> None:
    """Give one package of each platform of each lock a range that no other project has, and each lock the stamp that goes with it."""
    for path in root.glob("environments/*/*/conda-lock.yml"):
        head, _, body = path.read_text(encoding="utf-8").partition("\npackage:")
        own = body
        for platform in PLATFORMS:
            ranges = rf"(\n  platform: {platform}\n  dependencies:\n    [\w.-]+: '>=[0-9.]+)'"
            own = re.sub(ranges, rf"\1,<999{path.parent.parent.name[-3:]}'", own, count=1)
        path.write_text(f"{head.replace(sealed(body), sealed(own))}\npackage:{own}", encoding="utf-8")


def sealed(body: str) -> str:
    """What the stamp says of the packages of a lock."""
    return hashlib.sha256(f"package:{body}".encode()).hexdigest()


def run(root: Path, *words: str, afresh: bool = False) -> Sample:
    """One run of a command, its processes together; `afresh` with an empty cache.

    That is another folder: where thousands of files were just removed, a file system takes longer to make new ones.
    """
    caches = sorted(root.parent.glob("cache-*"))
    cache = root.parent / f"cache-{len(caches)}" if afresh or not caches else caches[-1]
    cache.mkdir(exist_ok=True)
    environment = {**os.environ, "ENVGEN_CACHE": str(cache), "PYTHONPATH": str(REPO)}
    return once([sys.executable, "-m", "envgen", "--root", str(root), *words], root, environment)


def spent(root: Path, *words: str, afresh: bool = False) -> str:
    """The seconds of a processor that a command takes."""
    return f"{run(root, *words, afresh=afresh).processor:.2f} s"


def review_rows(folder: Path, copies: int) -> list[Row]:
    """The rows on many locks: a check with an empty cache, each command as it comes, and again."""
    root, base = folder / "repository", folder / "base"
    copied(root, copies)
    for name in ("matrices", "templates"):
        shutil.copytree(root / name, base / name)
    locks = len(list(root.glob("environments/*/*/conda-lock.yml")))
    path = root / "matrices" / "pytorch.yaml"
    deleted = re.sub(
        r'\n  - version: "2\.6\.0"\n.*?(?=\n  - version:)', "", path.read_text(encoding="utf-8"), count=1, flags=re.DOTALL
    )
    found = [(f"check of {locks} locks, {copies} copies of {locks // copies}", spent(root, "check", afresh=True), "-")]
    make_different(root)
    first = min((run(root, "check", afresh=True) for _ in range(_ROUNDS)), key=lambda one: one.processor)
    elapsed = f"the same, elapsed on {os.cpu_count()} processors, and the most memory of a process"
    found += [
        (f"check of {locks} locks that all differ", f"{first.processor:.2f} s", "below 2 s"),
        (elapsed, f"{first.seconds:.2f} s, {first.memory:.0f} MiB", "-"),
        (f"check of {locks} locks that all differ, again", spent(root, "check"), "below 2 s"),
    ]
    path.write_text(deleted, encoding="utf-8")
    found += [(f"impact of a deleted release on them{after}", spent(root, "impact", str(base)), "-") for after in ("", ", again")]
    changed = folder / "changed"
    shutil.copytree(root / "environments", changed)
    for lock in changed.glob("*/*/conda-lock.yml"):
        lock.write_text(lock.read_text(encoding="utf-8").replace("version: 3.4", "version: 3.5"), encoding="utf-8")
    return [
        *found,
        (
            f"diff of two times {locks} locks, all changed",
            spent(root, "diff", str(root / "environments"), str(changed)),
            "below 2 s",
        ),
    ]
