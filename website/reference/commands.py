"""The page of the commands: from click, in the order of `envgen --help`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import click

from envgen.cli.main import main
from envgen.cli.overview import SECTIONS
from website.reference.markdown import code, page, prose, table

_COMMON = {"quiet", "help"}  # of every command; said once
_INTRODUCTION = """\
Every command takes `-h`, `--help`, which prints what is below, and `-q`, `--quiet`, which prints results and errors and no
messages. `envgen -V` prints the version. Results go to stdout, everything else to stderr. See also the
[exit codes](exit-codes.md) and the [environment variables](environment-variables.md)."""


def commands_page() -> str:
    """The page."""
    sections = (part for title, names in main.sections() for part in (f"## {title}", *_section(title, names)))
    return page("# Commands", _INTRODUCTION, *sections)


def _section(title: str, names: list[str]) -> Iterator[str]:
    """The commands of a section; those of a group after it."""
    rows = SECTIONS.get(title) or dict.fromkeys(names, ())
    for name, examples in rows.items():
        yield from _command(name, examples)


def _command(name: str, examples: tuple[str, ...]) -> Iterator[str]:
    command: Any = main
    for word in name.split():
        command = command.commands[word]
    context = click.Context(command, info_name=f"envgen {name}")
    usage = filter(None, command.collect_usage_pieces(context))
    yield f"### envgen {name}"
    yield f"```text\n{' '.join((f'envgen {name}', *usage))}\n```"
    yield _text(command.help or "")
    if not isinstance(command, click.Group):
        yield _options(command, context)
    if examples:
        yield "\n".join(("```sh", *examples, "```"))


def _text(text: str) -> str:
    r"""A help text; what stands behind `\b` is printed as it is."""
    paragraphs = inspect.cleandoc(text).replace("\\b", "\b").split("\n\n")
    return "\n\n".join(f"```text\n{one[2:]}\n```" if one.startswith("\b\n") else prose(one) for one in paragraphs)


def _own(command: click.Command) -> list[click.Option]:
    return [option for option in command.params if isinstance(option, click.Option) and option.name not in _COMMON]


def _options(command: click.Command, context: click.Context) -> str:
    rows = [
        (code(record[0]), _meaning(option, record[1])) for option in _own(command) if (record := option.get_help_record(context))
    ]
    return table(("option", "meaning"), rows) if rows else ""


def _meaning(option: click.Option, text: str) -> str:
    """What an option does, and the variable that stands for it."""
    named = [option.envvar] if isinstance(option.envvar, str) else list(option.envvar or ())
    variables = " or ".join(map(code, named))
    return f"{prose(text)} Without it: {variables}." if variables else prose(text)
