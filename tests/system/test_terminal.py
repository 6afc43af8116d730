"""What a person sees on a terminal of 80, 100 or 120 columns: lines that fit, whole words, and colour where it is asked for."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import sys
import termios

import click
import pytest
from conftest import REPO, clean_environment

from envgen.cli.main import main
from envgen.cli.man import man_pages

COMMANDS = (
    ("lock", "--dry-run", "--offline", "vision", "transition"),
    ("list",),
    ("doctor", "vision"),
    ("verify", "environments/vision/cu126/conda-lock.yml", "environments/legacy/cu116/conda-lock.yml"),
    ("size", "vision"),
    ("why", "vision", "mkl"),
    ("licenses", "vision"),
    ("resolve", "vision", "--explain"),
    ("matrix", "show", "--driver", "470"),
    ("lock", "--target", "cu999"),
    ("why", "vision", "no-such-package"),
)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {**clean_environment(tmp_path_factory.mktemp("terminal")), "TERM": "xterm", "LANG": "C.UTF-8"}


def on_terminal(words: tuple[str, ...], columns: int, environment: dict[str, str]) -> str:
    """What a command prints on a terminal of so many columns."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    argv = [sys.executable, "-m", "envgen", *words]
    with subprocess.Popen(argv, cwd=REPO, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        printed = b""
        try:
            while part := os.read(ours, 65536):
                printed += part
        except OSError:  # the terminal is closed
            pass
        process.wait(60)
    os.close(ours)
    return printed.decode().replace("\r\n", "\n")


def piped(words: tuple[str, ...], environment: dict[str, str]) -> str:
    argv = [sys.executable, "-m", "envgen", *words]
    done = subprocess.run(argv, cwd=REPO, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout


CASES = [*((words, 80) for words in COMMANDS), *((COMMANDS[place], columns) for place in (0, 3) for columns in (100, 120))]


@pytest.mark.parametrize(("words", "columns"), CASES)
def test_lines_fit_and_words_are_whole(words: tuple[str, ...], columns: int, environment: dict[str, str]) -> None:
    shown = click.unstyle(on_terminal(words, columns, {**environment, "NO_COLOR": "1"}).split("\x1b[?25h")[-1])
    wide = [line for line in shown.splitlines() if len(line) > columns and len(line.split()) > 1]
    assert wide == []
    whole = set(piped(words, environment).replace("─", " ").split())
    left_out = {"(compiling,", "(compiling:", "(where:", "packages:", "in", "a", "wider", "terminal,", "or", "with", "--json)"}
    assert set(shown.replace("─", " ").split()) - whole <= left_out | {"release"}


def test_an_error_is_red_and_its_hint_cyan_on_a_terminal_and_nothing_is_in_a_pipe(environment: dict[str, str]) -> None:
    words = ("lock", "nothing")
    shown = on_terminal(words, 80, environment)
    assert "\x1b[31m\x1b[1merror\x1b[0m: " in shown and "\x1b[36m\x1b[1mhint\x1b[0m: " in shown
    plain = piped(words, environment)
    assert "\x1b" not in plain and click.unstyle(shown).split() == plain.split()
    assert "\x1b" not in on_terminal(words, 80, {**environment, "NO_COLOR": "1"})
    assert piped(words, {**environment, "FORCE_COLOR": "1"}).startswith("\x1b[31m\x1b[1merror")


def test_json_has_no_colour_and_no_broken_line_on_a_terminal(environment: dict[str, str]) -> None:
    words = ("resolve", "vision", "--json")
    assert on_terminal(words, 80, environment) == piped(words, environment)


def test_quiet_leaves_results_and_errors(environment: dict[str, str]) -> None:
    words = ("lock", "--dry-run", "--offline", "vision")
    both = piped(words, environment)
    quiet = piped((*words, "--quiet"), environment)
    assert quiet == piped(("-q", *words), environment)
    assert both.startswith(quiet) and "Nothing to do" in both.removeprefix(quiet)
    assert "error: " in piped(("lock", "nothing", "-q"), environment)


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff here")
def test_groff_sets_the_pages_without_a_warning() -> None:
    text = "".join(man_pages(main).values())
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "") and "envgen matrix show" in done.stdout
