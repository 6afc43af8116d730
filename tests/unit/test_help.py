"""The help: commands in the order of the work, each with two examples that the command line accepts."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from envgen import __version__
from envgen.cli.main import main
from envgen.cli.overview import SECTIONS

WITHOUT_EXAMPLES = {"merge-driver"}  # git calls it
WITHOUT_JSON = {"run", "merge-driver"}  # what they print is another program's, or nothing
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
    assert {name for name, command in COMMANDS.items() if "--root" not in options(command)} == WITHOUT_EXAMPLES
    assert {name for name, command in COMMANDS.items() if "--json" not in options(command)} == WITHOUT_JSON
    assert not any("-v" in options(command) for command in COMMANDS.values())
    assert CliRunner().invoke(main, ["-V"]).stdout == f"envgen, version {__version__}\n"
