"""Runs the walk-throughs of `docs/scenarios/`: files are written, commands are run, and what they print is held against the page.

In a page, a `yaml` or `text` block whose first line is `# path` is a file; in a `console`
block a line that begins with `$ ` is a command and what follows is what it prints, stdout and stderr together. `...` stands for
anything. A command may set variables in front: `CUDA_VISIBLE_DEVICES=1 envgen ...`.
The exit status stands in a line `(exit 1)`; without one it is 0.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(console|yaml|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
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
    for kind, text in _BLOCK.findall(page):
        if kind == "console":
            found.extend(_commands(text))
        elif named := _FILE.match(text):
            found.append(Step(named[1], text))
    return found


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
        done = subprocess.run(
            words,
            cwd=folder,
            env={**environment, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        shown = f"{page.name}: $ {shlex.join(step.command)}"
        assert matches(step.text, done.stdout), f"{shown}\n--- the page says\n{step.text}\n--- it prints\n{done.stdout}"
        assert done.returncode == step.status, f"{shown}\nexit status {done.returncode}\n{done.stdout}"
        commands += 1
    return commands


def _with_library_path(name: str, value: str, environment: Mapping[str, str]) -> str:
    """A page's LD_LIBRARY_PATH comes before the one that leads to the made-up driver."""
    return ":".join(filter(None, (value, environment.get(name)))) if name == "LD_LIBRARY_PATH" else value


def matches(expected: str, printed: str) -> bool:
    """Whether a command's output is what a page says; where lines are broken depends on the length of paths, so it does not count."""
    parts = [re.escape(part.strip()) for part in _squeezed(expected).split("...")]
    return re.fullmatch(r"\s?.*?\s?".join(parts), _squeezed(printed)) is not None


def _squeezed(text: str) -> str:
    return re.sub(r"[\s─]+", " ", text).strip()
