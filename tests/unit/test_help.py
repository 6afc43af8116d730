"""The help: commands in the order of the work, each with two examples that the command line accepts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from conftest import REPO, some

from envgen import __version__
from envgen.cli.completion import SHELLS
from envgen.cli.flow import flowed
from envgen.cli.help_ import pages, section
from envgen.cli.main import main
from envgen.cli.man import man_pages
from envgen.cli.overview import SECTIONS
from envgen.model.errors import BadInput
from envgen.model.rules import Rule
from envgen.verify.check import RULES as VERIFY_RULES

DOCS = [*sorted((REPO / "docs").glob("*.md")), *sorted((REPO / "docs").glob("*/*.md"))]

WITHOUT_EXAMPLES = {"merge-driver"}  # git calls it
WITHOUT_JSON = {"export", "run", "merge-driver", "help", "completion"}  # they print a text of others, or nothing
EXAMPLES = [(name, row) for section in SECTIONS.values() for name, rows in section.items() for row in rows]


def leaves(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that is not a group, by its words."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


COMMANDS = dict(leaves(main))


def options(command: click.Command) -> set[str]:
    return {name for parameter in command.params if isinstance(parameter, click.Option) for name in parameter.opts}


ROWS = [row for section in SECTIONS.values() for row in section.items()]


def test_every_command_is_in_a_section_and_every_row_is_a_command() -> None:
    assert [name for title, found in main.sections() for name in found if title == "More"] == []
    assert {name for name, rows in ROWS if rows} == COMMANDS.keys() - WITHOUT_EXAMPLES


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - WITHOUT_EXAMPLES))
def test_the_help_of_a_command_has_two_examples_and_fits_80_columns(name: str) -> None:
    done = CliRunner().invoke(main, [*name.split(), "--help"], terminal_width=80)
    _, _, examples = done.stdout.partition("Examples:\n")
    assert len([line for line in examples.splitlines() if line.startswith(f"    envgen {name}")]) >= 2
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(("name", "row"), EXAMPLES)
def test_an_example_is_what_the_command_line_accepts(name: str, row: str) -> None:
    words, context, command = shlex.split(row)[1:], click.Context(main), main
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
        context = click.Context(command, parent=context)
    assert command is COMMANDS[name]
    with command.make_context(name, words, parent=context.parent) as made:
        assert not made.args


def test_the_commands_are_listed_in_the_order_of_the_work() -> None:
    text = CliRunner().invoke(main, ["--help"], terminal_width=80).stdout
    places = [text.index(f"\n  {name} ") for name in ("init", "lock", "install", "probe", "verify", "matrix", "plan")]
    assert places == sorted(places)
    assert max(map(len, text.splitlines())) <= 80


def test_what_one_command_has_all_have() -> None:
    assert all({"-q", "--quiet"} <= options(command) for command in COMMANDS.values())
    assert {name for name, command in COMMANDS.items() if "--root" not in options(command)} == {
        "merge-driver",
        "help",
        "completion",
    }
    assert {name for name, command in COMMANDS.items() if "--json" not in options(command)} == WITHOUT_JSON
    assert not any("-v" in options(command) for command in COMMANDS.values())
    assert CliRunner().invoke(main, ["-V"]).stdout == f"envgen, version {__version__}\n"


# --- help TOPIC -----------------------------------------------------------------------------------------------------------


def printed(*words: str) -> str:
    done = CliRunner().invoke(main, [*words], terminal_width=80, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_every_page_is_listed_and_printed_whole() -> None:
    listed = printed("help").splitlines()
    assert [line.split()[0] for line in listed if line.split()[0] in {path.stem for path in DOCS}] == [path.stem for path in DOCS]
    assert printed("help", "projects") == (REPO / "docs" / "projects.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", [*VERIFY_RULES][:3])
def test_a_rule_is_a_topic(rule: Rule) -> None:
    text = printed("help", rule.name)
    assert text.startswith(f"### {rule.name}\n") and text.count("\n### ") == 0
    assert text.rstrip() in (REPO / "docs" / "verify.md").read_text(encoding="utf-8")


PAGE = """\
# Title

A paragraph that was filled
to another width.

- an item that is long enough
  to go on
2. another

| key | meaning |
|---|---|
| `a\\|b` | what it is for, in words |

```console
$ an example stays as it is, however long
```
"""


def test_a_page_fills_a_terminal() -> None:
    assert flowed(PAGE, 30) == (
        "# Title\n\nA paragraph that was filled to\nanother width.\n\n- an item that is long enough\n  to go on\n2. another\n\n"
        "key\n    meaning\n`a|b`\n    what it is for, in words\n\n```console\n$ an example stays as it is, however long\n```"
    )
    assert flowed(PAGE, 90).splitlines()[2] == "A paragraph that was filled to another width."
    assert "| key | meaning |" in flowed(PAGE, 90)


def test_every_page_flows_without_losing_a_word() -> None:
    for name, page in some(pages().items(), 20):
        told = flowed(page, 80)
        plain = (set(re.sub(r"^\|[-|: ]+$|[|\\]", " ", text, flags=re.MULTILINE).split()) for text in (page, told))
        assert set.symmetric_difference(*plain) == set(), name
        prose = (line for line in _without_examples(told).splitlines() if not line.startswith(("#", "    ", "![", "<!--")))
        assert [line for line in prose if len(line) > 80 and len(line.split()) > 1] == [], name


def _without_examples(page: str) -> str:
    return re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)


def test_help_is_filled_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, printed("help", "bring-in").splitlines())) <= 80


def test_a_command_is_shown_before_a_section_of_that_name() -> None:
    assert printed("help", "lock").startswith("Usage: ") and section("lock")


def test_a_command_that_no_page_is_named_after_shows_its_help() -> None:
    assert "Usage: " in printed("help", "why") and "Usage: main matrix show" in printed("help", "matrix", "show")


def test_a_topic_that_is_not_known_names_the_nearest() -> None:
    with pytest.raises(BadInput) as caught:
        main.main(["help", "projcets"], standalone_mode=False)
    assert caught.value.hint == "did you mean `projects`?"


def test_every_topic_that_a_message_names_is_one() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (REPO / "envgen").rglob("*.py")]
    named = {word for text in texts for word in re.findall(r"`envgen help ([a-z-]+)`", text)}
    assert len(named) > 5 and named <= pages().keys()
    assert not [text for text in texts if re.search(r"hint=.*docs/\w+\.md", text)]


# --- pages of man(1) -------------------------------------------------------------------------------------------------------


def test_every_command_has_a_page_of_man(tmp_path: Path) -> None:
    assert printed("help", "--man", str(tmp_path)).startswith("wrote ")
    groups = {name.partition(" ")[0] for name in COMMANDS if " " in name}
    names = {f"envgen-{name.replace(' ', '-')}.1" for name in (*COMMANDS, *groups)} | {"envgen.1"}
    assert {path.name for path in tmp_path.iterdir()} == names
    page = (tmp_path / "envgen-run.1").read_text(encoding="utf-8")
    assert (
        page.startswith('.TH "ENVGEN-RUN" "1" "" "envgen ')
        and ".SH EXAMPLES\n.nf\nenvgen run vision \\-\\- python train.py\n" in page
    )


def test_a_page_of_man_says_what_the_help_says_and_has_only_known_orders() -> None:
    for name, page in some(man_pages(main).items(), 30):
        orders = {line.split()[0] for line in page.splitlines() if line.startswith(".")}
        assert orders <= {".TH", ".SH", ".B", ".TP", ".PP", ".nf", ".fi"}, name
        assert not re.search(r"\\(?![-e&])|^'", page, re.MULTILINE), name


# --- completion -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script(shell: str) -> None:
    text = printed("completion", shell)
    assert "_ENVGEN_COMPLETE" in text and "envgen" in text


def completed(*words: str) -> list[str]:
    """What the shell offers for the last word."""
    found = ShellComplete(main, {}, "envgen", "_ENVGEN_COMPLETE").get_completions([*words[:-1]], words[-1])
    return [item.value for item in found]


def test_commands_options_projects_and_targets_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPO)
    assert completed("mat") == ["matrix"]
    assert "--dry-run" in completed("lock", "--d")
    assert completed("lock", "vis") == ["vision"]
    assert completed("install", "vision", "--target", "cu12") == ["cu121", "cu126", "cu129"]


def test_outside_of_a_repository_no_project_is_offered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert completed("lock", "v") == []
