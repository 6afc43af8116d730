"""What a person sees on a terminal of 80, 100 or 120 columns: lines that fit, whole words, and colour where it is asked for."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import struct
import subprocess
import sys
import termios
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import click
import pytest
from conftest import REPO, clean_environment, some

from envgen.cli.main import _status, main
from envgen.cli.man import man_pages
from envgen.cli.overview import SECTIONS

LISTS = (
    "lock --dry-run --offline vision transition",
    "lock --target cu999",
    "lock --help",
    "init --help",
    "resolve jax --explain",
    "resolve transition",
    "resolve nothing",
    "list",
    "doctor vision",
    "install vision --dry-run --target cpu",
    "verify environments/vision/cu126/conda-lock.yml environments/legacy/cu116/conda-lock.yml",
    "size vision",
    "why vision mkl",
    "why vision no-such-package",
    "tree vision --depth 1 --target cu126 --platform linux-64",
    "licenses vision",
    "diff environments/vision/cpu/conda-lock.yml environments/vision/cu126/conda-lock.yml",
    "ci-matrix",
    "matrix show --framework pytorch --driver 535 --gpu A100",
    "matrix show --framework cupy --driver 470",
    "matrix verify --framework torchtext --index tests/records",
    "facts status",
    "help",
    "--help",
)
"""Commands that print a table, a list or an error on this repository, and change nothing."""
EDITED = (
    "update legacy --dry-run --offline",
    "add legacy cupy --dry-run --offline",
    "add legacy no-such-package --dry-run --offline",
    "remove legacy numpy --dry-run --offline",
    "lock --check",
    "plan",
    "check legacy",
    f"impact {REPO}",
    "diff before environments",
    "matrix lint --root few",
    "matrix refresh --framework jax --offline",
    "init --from environment-cpu.yml environment-gpu.yml --overwrite --root new",
)
"""The same on a repository that was edited, in which each has something to say."""
ELSEWHERE = {
    "facts update": "prints what facts status prints",
    "probe": "needs an environment: test_probe_page",
    **dict.fromkeys(("run", "export", "completion", "matrix schemas", "index export", "merge-driver"), "print no table"),
    **dict.fromkeys(("matrix", "facts", "index"), "groups"),
}
LEFT_OUT = re.compile(r"^\(no room for \S.*: a wider terminal or --json shows more\)$", re.MULTILINE)
"""The line that says which columns a table has no room for."""
GONE = {"jax": "0.10.2", "pytorch": "2.7.1"}
"""The releases that the edited facts lack."""
FEW = ("cuda", "cudnn", "gpus", "packages", "pytorch", "targets", "torchaudio", "torchvision", "words")
VARIES = re.compile(r"\b[0-9.]+ s\b|^[0-9a-f]{12}(?= )", re.MULTILINE)
"""The seconds of a solve, and the key of a plan."""


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


def shown(words: str, folder: Path = REPO, **variables: str) -> str:
    """What a command prints on stdout and stderr, neither of which is a terminal."""
    printed = StringIO()
    with redirect_stdout(printed), redirect_stderr(printed), pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("sys.argv", ["envgen", *words.split()])
        for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
            patch.delenv(name, raising=False)
        for name, value in variables.items():
            patch.setenv(name, value)
        _status()
    return printed.getvalue()


def test_each_command_is_looked_at_or_said_to_print_no_table() -> None:
    names = {name for rows in SECTIONS.values() for name in rows}
    looked_at = {name for name in names if any(f"{words} ".startswith(f"{name} ") for words in (*LISTS, *EDITED))}
    assert names - looked_at == {name for name in ELSEWHERE if name not in looked_at}


@pytest.fixture(scope="module")
def at_any_width() -> dict[str, str]:
    """What each of the commands prints where lines may have any length."""
    return {words: shown(words) for words in LISTS}


def test_only_the_errors_are_errors(at_any_width: dict[str, str]) -> None:
    failed = {words for words, text in at_any_width.items() if re.search(r"^(error|Error|Usage: .*\nTry)\b", text, re.MULTILINE)}
    assert failed == {"lock --target cu999", "resolve nothing", "why vision no-such-package"}


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_lines_fit_and_words_are_whole(columns: int, at_any_width: dict[str, str]) -> None:
    for words, whole in some(at_any_width.items(), 20):
        assert_fits(words, shown(words, COLUMNS=str(columns)), whole, columns)


def assert_fits(words: str, text: str, whole: str, columns: int) -> None:
    """No line of a text is wider than the terminal, and it has no word that the text without limits has not."""
    printed = LEFT_OUT.sub("", text)
    patch = words.startswith("matrix refresh")  # what `patch` reads stays as it is
    lines = [line for line in printed.splitlines() if not (patch and line[0] in "-+ @")]
    wide = [line for line in lines if len(line) > columns and (len(line.split()) > 1 or "─" in line)]
    assert (words, wide) == (words, [])
    assert (words, parts(printed) - parts(whole)) == (words, set())


def parts(text: str) -> set[str]:
    return set(VARIES.sub("", text).replace("─", " ").split())


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in which everything has changed: facts, projects and locks; `before` has the locks as they were."""
    folder = tmp_path_factory.mktemp("edited") / "repository"
    for part in ("matrices", "templates", "schemas", "environments/legacy", "environments/jax", "environments/index"):
        shutil.copytree(REPO / part, folder / part)
    legacy = folder / "environments" / "legacy"
    shutil.copytree(legacy, folder / "before" / "legacy")
    shutil.copy(legacy / "cpu" / "conda-lock.yml", legacy / "cu113" / "conda-lock.yml")
    few = folder / "few" / "matrices"
    few.mkdir(parents=True)
    (folder / "new").mkdir()
    for path in sorted((folder / "matrices").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        if path.stem in GONE:
            before, release, rest = text.partition(f'  - version: "{GONE[path.stem]}"\n')
            assert release
            text = before + rest[rest.index("  - version:") :]
            path.write_text(text, encoding="utf-8")
        if path.stem in FEW:
            (few / path.name).write_text(text, encoding="utf-8")
    for name, words in (
        ("cpu", ("cpuonly", "python=3.10.4")),
        ("gpu", ("cudatoolkit=11.3", "python=3.10", "no-such=1=h1234567_0")),
    ):
        lines = (
            f"name: a-rather-long-name-of-an-environment-for-{name}",
            "dependencies:",
            *(f"  - {word}" for word in (*words, "pytorch=1.12.1")),
        )
        (folder / f"environment-{name}.yml").write_text("\n".join((*lines, "prefix: /somewhere", "")), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def edited_at_any_width(edited: Path) -> dict[str, str]:
    return {words: shown(words, edited) for words in EDITED}


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_what_is_said_of_edits_fits(columns: int, edited: Path, edited_at_any_width: dict[str, str]) -> None:
    for words, whole in some(edited_at_any_width.items(), 10):
        assert len(whole.splitlines()) > 1, words
        assert_fits(words, shown(words, edited, COLUMNS=str(columns)), whole, columns)


@pytest.mark.parametrize("words", ["verify environments/legacy/cu116/conda-lock.yml environments/jax/cu129/conda-lock.yml"])
def test_a_terminal_is_asked_for_its_columns(words: str, environment: dict[str, str]) -> None:
    on_80 = on_terminal(tuple(words.split()), 80, {**environment, "NO_COLOR": "1"})
    assert on_80 == shown(words, COLUMNS="80") != shown(words)


def test_an_error_is_red_and_its_hint_cyan_on_a_terminal_and_nothing_is_in_a_pipe(environment: dict[str, str]) -> None:
    words = "lock nothing"
    on_one = on_terminal(tuple(words.split()), 80, environment)
    assert "\x1b[31m\x1b[1merror\x1b[0m: " in on_one and "\x1b[36m\x1b[1mhint\x1b[0m: " in on_one
    plain = shown(words)
    assert "\x1b" not in plain and click.unstyle(on_one).split() == plain.split()
    assert "\x1b" not in on_terminal(tuple(words.split()), 80, {**environment, "NO_COLOR": "1"})
    assert shown(words, FORCE_COLOR="1").startswith("\x1b[31m\x1b[1merror")


def test_json_has_no_broken_line_on_a_terminal() -> None:
    words = "resolve vision --json"
    assert shown(words, COLUMNS="80", FORCE_COLOR="1") == shown(words)


def test_quiet_leaves_results_and_errors() -> None:
    words = "lock --dry-run --offline vision"
    both, quiet = shown(words), shown(f"{words} --quiet")
    assert quiet == shown(f"-q {words}")
    assert both.startswith(quiet) and "Nothing to do" in both.removeprefix(quiet)
    assert "error: " in shown("lock nothing -q")


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff here")
def test_groff_sets_the_pages_without_a_warning() -> None:
    text = "".join(man_pages(main).values())
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "") and "envgen matrix show" in done.stdout
