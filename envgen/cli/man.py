"""The pages of man(1), from the help of the commands: `envgen help --man DIR` writes them. Pure but for the writing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from envgen import __version__


def write_pages(main: click.Group, folder: Path) -> int:
    """Write a page for each command into a folder; returns how many there are. Raises BadInput if it cannot be written to."""
    from envgen.files import write_files
    from envgen.model.layout import Layout
    from envgen.model.resolution import RenderedFile

    found = man_pages(main)
    write_files(folder.absolute(), [RenderedFile(name, text) for name, text in found.items()], Layout(folder.absolute()))
    return len(found)


def man_pages(main: click.Group) -> Mapping[str, str]:
    """The page of every command by the name of its file: `envgen-matrix-show.1`."""
    return {
        f"{context.command_path.replace(' ', '-')}.1": _page(context)
        for context in _contexts(click.Context(main, info_name="envgen"))
    }


def _contexts(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            yield from _contexts(click.Context(context.command.commands[name], info_name=name, parent=context))


def _page(context: click.Context) -> str:
    """What the help of a command has, in the sections that pages of man(1) have."""
    command, path = context.command, context.command_path
    text = (command.help or "").replace("\b", "").strip()
    short = command.get_short_help_str(limit=200).rstrip(".")
    sections = [
        ("NAME", rf"{_plain(path.replace(' ', '-'))} \- {_plain(short)}"),
        ("SYNOPSIS", f".B {_plain(path)}\n{_plain(' '.join(command.collect_usage_pieces(context)))}"),
        ("DESCRIPTION", "\n.PP\n".join(_paragraph(part) for part in text.split("\n\n"))),
        ("OPTIONS", "\n".join(_options(context))),
        ("COMMANDS", "\n".join(_commands(context))),
        ("EXAMPLES", "\n".join(_examples(command))),
    ]
    head = f'.TH "{path.replace(" ", "-").upper()}" "1" "" "envgen {__version__}" "envgen"'
    return "\n".join((head, *(f".SH {title}\n{body}" for title, body in sections if body.strip()), ""))


def _paragraph(text: str) -> str:
    """A paragraph; one that is laid out in lines keeps them."""
    lines = text.strip("\n").splitlines()
    drawn = any("  " in line.strip() for line in lines)
    body = "\n".join(_plain(line if drawn else line.strip()) for line in lines)
    return f".nf\n{body}\n.fi" if drawn else body


def _options(context: click.Context) -> Iterator[str]:
    for option in context.command.get_params(context):
        if record := option.get_help_record(context):
            yield f".TP\n.B {_plain(record[0])}\n{_plain(record[1])}"


def _commands(context: click.Context) -> Iterator[str]:
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            short = context.command.commands[name].get_short_help_str(limit=200)
            yield f".TP\n.B {_plain(f'{context.command_path} {name}')}\n{_plain(short)}"


def _examples(command: click.Command) -> Iterator[str]:
    rows = [line.strip() for line in (command.epilog or "").splitlines() if line.startswith("  ")]
    if rows:
        yield "\n".join((".nf", *map(_plain, rows), ".fi"))


def _plain(text: str) -> str:
    """A text in which roff reads no orders."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped
