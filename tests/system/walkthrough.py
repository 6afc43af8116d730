"""Runs the pages of README and docs: files are written, commands are run, and what they print is compared with the page.

In a page, a `yaml` or `text` block whose first line is `# path` is a file; in a `console`
block a line that begins with `$ ` is a command and what follows is what it prints, stdout and stderr together. `...` stands for
anything. A command may set variables in front: `CUDA_VISIBLE_DEVICES=1 envgen ...`.
The exit status is in a line `(exit 1)`; without one it is 0.

A block that cannot be run comes after a line `<!-- not run: REASON -->`. Blocks that are indented, or have no language, count as
console blocks if they begin with `$ `. `test_pages` finds every block and says which test runs it.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conftest import WARNINGS
from system import forks

_NOT_RUN = re.compile(r"^<!-- not run: (.+?) -->\n+(?:```\w*\n(?:.*\n)*?```$|(?:    .*\n|\n(?=    ))+)", re.MULTILINE)
_BLOCK = re.compile(r"^```(console|yaml|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OTHER = re.compile(r"^(?:```\w*\n|\n    )\$ .+$", re.MULTILINE)
_FILE = re.compile(r"\A# (\S+/?\S*\.\w+)\n")
_EXIT = re.compile(r"\(exit (\d+)\)")
_SET = re.compile(r"[A-Z_]+=.*")


@dataclass(frozen=True)
class Step:
    """A file to write, or a command to run and what it prints."""

    file: str
    text: str
    command: tuple[str, ...] = ()
    status: int = 0


def steps(page: str) -> list[Step]:
    """The files and commands of a page, in order."""
    found: list[Step] = []
    for kind, text in _BLOCK.findall(_NOT_RUN.sub("", page)):
        if kind == "console":
            found.extend(_commands(text))
        elif named := _FILE.match(text):
            found.append(Step(named[1], text))
    return found


def reasons(page: str) -> list[str]:
    """Why blocks of a page are not run, one for each of them."""
    return _NOT_RUN.findall(page)


def unmarked(page: str) -> list[str]:
    """Blocks that look like a console and are neither `console` blocks nor marked: the first line of each."""
    rest = _BLOCK.sub("", _NOT_RUN.sub("", page))
    return [found.strip() for found in _OTHER.findall(rest)]


def _commands(text: str) -> list[Step]:
    found = []
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        status = _EXIT.search(printed)
        found.append(Step("", _EXIT.sub("", printed).strip("\n"), tuple(shlex.split(command)), int(status[1]) if status else 0))
    return found


def play(page: Path, folder: Path, environment: Mapping[str, str]) -> int:
    """Do what a page says in a folder; AssertionError where it prints something else. Returns how many commands were run."""
    commands = 0
    for step in steps(page.read_text(encoding="utf-8")):
        if step.file:
            path = folder / step.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text, encoding="utf-8")
            continue
        words = list(step.command)
        settings = {}
        while _SET.fullmatch(words[0]):
            name, _, value = words.pop(0).partition("=")
            settings[name] = _with_library_path(name, value.replace("$PWD", str(folder)), environment)
        done = run(words, folder, {**environment, **settings})
        shown = f"{page.name}: $ {shlex.join(step.command)}"
        assert matches(step.text, done.stdout), f"{shown}\n--- the page says\n{step.text}\n--- it prints\n{done.stdout}"
        assert done.returncode == step.status, f"{shown}\nexit status {done.returncode}\n{done.stdout}"
        commands += 1
    return commands


def run(words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command; what it prints on stdout and stderr together is its `stdout`. `envgen` is forked where it can be."""
    if words[0] == "envgen" and forks.forkable(environment, {**environment, "PYTHONWARNINGS": WARNINGS}):
        return forks.run(words[1:], folder, environment, timeout=300, together=True)
    return subprocess.run(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False
    )


def _with_library_path(name: str, value: str, environment: Mapping[str, str]) -> str:
    """A page's LD_LIBRARY_PATH comes before the one that leads to the made-up driver."""
    return ":".join(filter(None, (value, environment.get(name)))) if name == "LD_LIBRARY_PATH" else value


def matches(expected: str, printed: str) -> bool:
    """Whether a command's output is what a page says; where lines are broken depends on the length of paths, so it does not count."""
    parts = [re.escape(part.strip()) for part in _squeezed(expected).split("...")]
    return re.fullmatch(r"\s?.*?\s?".join(parts), _squeezed(printed)) is not None


def _squeezed(text: str) -> str:
    return re.sub(r"[\s─]+", " ", text).strip()
