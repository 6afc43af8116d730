"""How long `envgen check` and `envgen impact` take on many locks: `python benchmarks/review.py [COPIES]`.

The examples are copied COPIES (45) times, which makes 810 locks; each copy is locked under its own name from its own locks, without a
solve. Times are seconds of a processor, children included: the first run of each command has an empty cache, the second its cache.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPO = Path(__file__).parent.parent
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
    spent(root, "lock", "--offline")


def spent(root: Path, *words: str) -> tuple[float, str]:
    """The seconds of a processor that a command takes, and the last line that it prints on stderr or stdout."""
    environment = {**os.environ, "ENVGEN_CACHE": str(root.parent / "cache"), "PYTHONPATH": str(REPO)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    argv = [sys.executable, "-m", "envgen", "--root", str(root), *words]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, (done.stderr.splitlines() or done.stdout.splitlines() or [""])[-1]


def main(copies: int) -> None:
    """Print a line for each command and run."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "repository"
        copied(root, copies)
        base = Path(folder) / "base"
        for name in ("matrices", "templates"):
            shutil.copytree(root / name, base / name)
        path = root / "matrices" / "pytorch.yaml"
        text = path.read_text(encoding="utf-8")
        for words in (("check",), ("list",), ("impact", str(base))):
            if words[0] == "impact":
                deleted = re.sub(r'\n  - version: "2\.6\.0"\n.*?(?=\n  - version:)', "", text, count=1, flags=re.DOTALL)
                path.write_text(deleted, encoding="utf-8")
            for run in ("first run", "again"):
                seconds, said = spent(root, *words)
                print(f"{words[0]}, {run}: {seconds:.2f} s   {said}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 45)
