r"""What is different on Windows, told there by a faked platform: `Scripts\`, the shells' quoting, and no POSIX shell."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tree_sitter_powershell
from conftest import REPO, some
from tree_sitter import Language, Parser

from envgen.cli.completion import script
from envgen.cli.main import main
from envgen.install import run as runner
from envgen.install.select import quoted
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
