r"""What is different on Windows, told there by a faked platform: `Scripts\`, the shells' quoting, and no POSIX shell."""

from __future__ import annotations

import re
import sys
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tree_sitter_powershell
from conftest import REPO, some
from tree_sitter import Language, Parser

from envgen.cli.completion import script
from envgen.cli.main import main
from envgen.install import messages
from envgen.install import run as runner
from envgen.install.select import for_powershell, quoted
from envgen.model.errors import BadInput
from envgen.probe.interpreter import of_prefix, read_site


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")


@pytest.mark.usefixtures("windows")
def test_a_prefix_has_its_programs_where_conda_puts_them() -> None:
    found = of_prefix(Path("env"))
    assert found.python == Path("env/python.exe")
    assert {Path("env"), Path("env/Scripts"), Path("env/Library/bin")} == set(found.programs)
    variables, _ = runner.activated(Path("env"), {"PATH": "C:"}, frozenset)
    assert variables["PATH"].startswith("env") and "Scripts" in variables["PATH"]


@pytest.mark.usefixtures("windows")
def test_a_command_is_started_without_a_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[Any] = []

    def run(argv: list[str], **options: Any) -> SimpleNamespace:
        started.append((argv, options.get("shell", False)))
        return SimpleNamespace(returncode=3)

    monkeypatch.setattr(runner.shutil, "which", lambda name, **_: rf"C:\env\{name}.exe")
    monkeypatch.setattr(runner.subprocess, "run", run)
    assert runner.run(tmp_path, ["python", "a b.py"], {"PATH": ""}) == 3
    assert started == [([r"C:\env\python.exe", "a b.py"], False)]


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize(
    ("word", "shown"),
    [
        (r"C:\envs\a", r"C:\envs\a"),
        (r"C:\Program Files\a", r'"C:\Program Files\a"'),
        (r"C:\O'Brien\a", r'''"C:\O'Brien\a"'''),  # for PowerShell, ' begins a string
        (r"C:\R&D\a", r'"C:\R&D\a"'),  # for both, & ends a command
        (r"C:\a;b", r'"C:\a;b"'),
        (r"C:\$a\it's", r"'C:\$a\it''s'"),  # in PowerShell, $a is a variable within "..."
    ],
)
def test_a_path_is_quoted_as_cmd_and_powershell_read_it(word: str, shown: str) -> None:
    assert quoted(word) == shown


# --- what cmd.exe makes of a command that is typed -------------------------------------------------------------------------
# Percent signs first: the value of a variable in place of `%NAME%`, whatever is in quotes; on a command line `%NAME%` stays where there is
# no such variable. Then quotes: within them nothing else means anything (https://stackoverflow.com/questions/4094699, phases 1 and 2).
# The program splits its command line itself (https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments).
_PERCENT = re.compile(r"%([^%]+)%")
_PIECE = re.compile(r'"([^"]*)"|\^(.)|([&|<>()\n])|([\s,;=]+)|([^"^&|<>()\s,;=]+)')
ENDS = "<end of the command>"
VARIABLES = {"path": "P", "a": "A", "a b": "AB"}
PARTS = (
    "a",
    " ",
    "&",
    "|",
    "<",
    "^",
    "(",
    ")",
    "!a!",
    "%",
    "%a%",
    "%A B%",
    "%none%",
    "'",
    ",",
    ";",
    "=",
    "$a",
    "$(a)",
    "`a",
    "@",
    "#",
    "{",
    "~",
)
PARTS += ("é", "\u201c", "\u201d", "\u2018", "\u2019")


def read_by_cmd(line: str) -> list[str]:
    """The words that a batch file or a program gets from a line."""
    expanded = _PERCENT.sub(lambda found: VARIABLES.get(found[1].lower(), found[0]), line)
    words = [""]
    for inside, escaped, special, space, plain in _PIECE.findall(expanded):
        if special:
            return [*words, ENDS]
        words += [""] if space else []
        words[-1] += inside + escaped + plain
    return words


def read_by_powershell(word: str) -> str:
    """The value of one word without expansions; of one with any, a text that says so."""
    if word[0] == "'":
        return re.sub("(['\u2018-\u201b])\\1", r"\1", word[1:-1])
    return word.strip('"') if not re.search("[$`\u201c-\u201e]", word) else "expanded"


def test_cmd_is_read_as_it_reads() -> None:
    for line, words in (
        ('x "a b" c^&d', ["x", "a b", "c&d"]),
        ("x %PATH% %none%", ["x", "P", "%none%"]),
        ('x "%a%^" 50%', ["x", "A^", "50%"]),
        ("x a & b", ["x", "a", "", ENDS]),
        ("x a=b;c", ["x", "a", "b", "c"]),
    ):
        assert read_by_cmd(line) == words


@pytest.mark.usefixtures("windows")
def test_both_shells_read_the_path_that_is_meant_or_it_is_said_which_does() -> None:
    paths = [rf"C:\x{one}{other}y\env" for one, other in product(PARTS, PARTS)]
    told = [path for path in paths if for_powershell(f"conda activate {quoted(path)}")]
    assert {path for path in paths if read_by_powershell(quoted(path)) != path} == set()
    wrong = {path for path in paths if read_by_cmd(f"conda activate {quoted(path)}") != ["conda", "activate", path]}
    assert wrong <= set(told) and len(wrong) > 100
    assert {path for path in set(told) - wrong if "%" not in path} == set()  # else only what another variable would change
    assert for_powershell(r"conda activate C:\x") == ""
    assert for_powershell(r'conda activate "C:\%a%"') == " (in PowerShell: cmd.exe reads another path)"


@pytest.mark.usefixtures("windows")
def test_what_is_said_after_an_installation_names_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "activation", lambda *_: r'conda activate "C:\%a%"')
    monkeypatch.setattr(messages, "commands", lambda *_: (r"mamba create --prefix C:\a", "mamba create --prefix 'C:\\$a'"))
    remark = " (in PowerShell: cmd.exe reads another path)"
    nothing: Any = None
    assert messages.usage_text(nothing, nothing).splitlines() == [
        rf'  conda activate "C:\%a%"{remark}',
        "to create the same environment with other tools:",
        r"  mamba create --prefix C:\a",
        rf"  mamba create --prefix 'C:\$a'{remark}",
    ]


@pytest.mark.usefixtures("windows")
def test_a_hint_names_the_python_of_this_system() -> None:
    with pytest.raises(BadInput) as caught:
        read_site(" ")
    assert caught.value.hint == r"give its path, for example .venv\Scripts\python.exe"


def test_no_module_assumes_a_posix_shell_or_layout() -> None:
    texts = {path.relative_to(REPO).as_posix(): path.read_text(encoding="utf-8") for path in (REPO / "envgen").rglob("*.py")}
    assert [name for name, text in texts.items() if "/bin/sh" in text] == ["envgen/install/run.py"]  # what replaces a POSIX process
    assert [name for name, text in texts.items() if re.search(r"\.venv/bin", text) and name != "envgen/cli/overview.py"] == []


def powershell_errors(text: str) -> str:
    """The first part of a text that PowerShell's grammar does not have; "" for none."""
    root = Parser(Language(tree_sitter_powershell.language())).parse(text.encode()).root_node
    left = [root]
    while left:
        node = left.pop()
        if node.is_missing or node.type == "ERROR":
            return text.encode()[node.start_byte : node.start_byte + 60].decode()
        left += node.children
    return ""


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize("path", [r"C:\O'Brien\a", r"C:\R&D\(a)", r"C:\$a\it's", r"C:\a;b,c", r"C:\Program Files\@x", r"C:\{a}`n"])
def test_powershell_reads_a_quoted_path_as_one_word(path: str) -> None:
    text = f"conda activate {quoted(path)}"
    assert powershell_errors(text) == ""
    root, words = Parser(Language(tree_sitter_powershell.language())).parse(text.encode()).root_node, []
    left = [root]
    while left:
        node = left.pop()
        words += [node.text.decode()] if node.type in ("string_literal", "generic_token") else []
        left += [] if node.type == "string_literal" else node.children
    assert sorted(words) == sorted(["activate", quoted(path)])
    assert "variable" not in str(root) and "sub_expression" not in str(root)


def test_the_completion_and_the_pages_are_powershell() -> None:
    pages = [path.read_text(encoding="utf-8") for path in (REPO / "docs").rglob("*.md")]
    blocks = [block for page in pages for block in re.findall(r"^```powershell\n(.*?)^```", page, re.MULTILINE | re.DOTALL)]
    for text in some([script("powershell", main), *blocks], 2):
        assert powershell_errors(text) == ""
    assert powershell_errors("if ($true) { 'a ") != ""
