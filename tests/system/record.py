"""Makes the recording of the tutorial about two environment files: its commands are run, and what they print is what is shown.

    PYTHONPATH=.:tests python -m system.record

The file is an asciicast, version 2 (docs.asciinema.org/manual/asciicast/v2): a header, then a row [seconds, "o", text] for each key and
each output. The README shows the same session, without the look into files. The packages come from the recorded index. Keys and outputs have fixed times, so that the file changes only where an output does.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from conftest import REPO, clean_environment
from system import forks, walkthrough

PAGE = REPO / "docs" / "tutorials" / "from-environment-files.md"
CAST = PAGE.with_suffix(".cast")
README = REPO / "README.md"
KEY, READING = 0.04, 1.5  # seconds: between two keys, and after an output
WIDTH, HEIGHT = 110, 32
Shown = tuple[str, str]  # a command, and what it prints


def tape(folder: Path, cache: Path) -> list[Shown]:
    """Do what the page says in a new folder below `folder`, with a folder for the cache; AssertionError where a command prints something else."""
    here = folder / "detector"
    here.mkdir()
    settings = {"ENVGEN_INDEX": str(REPO / "environments" / "index"), "ENVGEN_CACHE": str(cache), "COLUMNS": str(WIDTH)}
    environment = {**clean_environment(folder), **settings}
    found = []
    for step in walkthrough.steps(PAGE.read_text(encoding="utf-8")):
        if step.file:
            (here / step.file).write_text(step.text, encoding="utf-8")
            continue
        done = walkthrough.run(step.command, here, environment)
        assert walkthrough.matches(step.text, done.stdout), f"{step.command}\n{done.stdout}"
        assert done.returncode == step.status
        found.append((shlex.join(step.command), done.stdout))
    return found


def cast(shown: Sequence[Shown]) -> str:
    """A recording of commands and their outputs."""
    header = {"version": 2, "width": WIDTH, "height": HEIGHT, "title": "From two environment files to two verified locks"}
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in (header, *_events(shown)))


def _events(shown: Sequence[Shown]) -> Iterator[list[object]]:
    now = 0.0
    for command, printed in shown:
        for key in ("$ ", *command, "\r\n"):
            yield [round(now, 2), "o", key]
            now += KEY
        yield [round(now, 2), "o", printed.replace("\n", "\r\n")]
        now += READING
    yield [round(now, 2), "o", "$ "]


def readme(shown: Sequence[Shown]) -> str:
    """The block of the README about the session."""
    return "".join(f"$ {command}\n{printed.rstrip()}\n" for command, printed in shown if not command.startswith("cat "))


def _write(shown: Sequence[Shown]) -> None:
    CAST.write_text(cast(shown), encoding="utf-8")
    before, fence, rest = README.read_text(encoding="utf-8").partition("```console\n")
    README.write_text(before + fence + readme(shown) + rest[rest.index("```\n") :], encoding="utf-8")


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        _write(tape(Path(scratch), Path(scratch) / "cache"))
    forks.stop()
    sys.stdout.write(f"wrote {CAST.relative_to(REPO)}, {README.name}\n")
