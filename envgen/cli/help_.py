"""The command `help`: the pages of docs/, which come with envgen, the help of a command, or a section of a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import click

from envgen.cli.console import echo, table_width, tell
from envgen.cli.flow import flowed
from envgen.table import UNBOUNDED

_READABLE = 100  # columns of a paragraph, however wide a terminal is
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


@click.command("help", short_help="Print a page of the documentation, or explain a rule.")
@click.argument("topic", nargs=-1)
@click.option(
    "--man", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Write pages for man(1) into DIR instead."
)
@click.pass_context
def help_(context: click.Context, topic: tuple[str, ...], man: Path | None) -> None:
    """Print the page of TOPIC; or the help of a command; or the section of that name, such as a rule of `verify`.

    Without TOPIC, list the pages. `--man ~/.local/share/man/man1` writes a page for each command, as man(1) reads it.
    """
    if man:
        from envgen.cli.man import write_pages

        main = context.find_root().command
        assert isinstance(main, click.Group)  # noqa: S101 - the group of all commands
        echo(f"wrote {write_pages(main, man)} pages into {man}", people=True)
        return
    if not topic:
        width = max(map(len, pages()))
        echo("\n".join(f"{name:<{width}}  {title(text)}" for name, text in pages().items()), people=True)
        tell("\nnext: envgen help TOPIC; a rule or another heading is a topic, too")
        return
    words = " ".join(topic)
    text = pages().get(words.lower()) or _of_command(context, topic) or section(words)
    if text is None:
        from envgen.model.errors import BadInput, closest

        known = {*pages(), *(heading for page in pages().values() for heading in headings(page))}
        raise BadInput(f"no page, section or command `{words}`", hint=closest(words, known))
    width = table_width()
    echo((text if width == UNBOUNDED or "Usage: " in text[:10] else flowed(text, min(width, _READABLE))).rstrip("\n"), people=True)


@cache
def pages() -> Mapping[str, str]:
    """Every page of docs/, by the name of its file without `.md`; the pages of docs/scenarios/ too."""
    from envgen.model import layout

    found = (path for pattern in ("*.md", "*/*.md") for path in sorted(layout.pages().glob(pattern)))
    return {path.stem: path.read_text(encoding="utf-8") for path in found}


def title(page: str) -> str:
    """The first heading of a page."""
    return page.partition("\n")[0].lstrip("# ")


def headings(page: str) -> dict[str, int]:
    """The headings of a page, without backticks, and where each begins; lines of examples are not headings."""
    plain = _FENCE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), page)
    return {found[2].replace("`", ""): found.start() for found in _HEADING.finditer(plain)}


def section(name: str) -> str | None:
    """The first section of this name in any page, up to the next heading of its level."""
    for page in pages().values():
        found = {heading.lower(): start for heading, start in headings(page).items()}
        if (start := found.get(name.lower())) is not None:
            level = len(page[start:]) - len(page[start:].lstrip("#"))
            ends = (end for end in sorted(found.values()) if end > start and re.match(rf"#{{1,{level}}} ", page[end:]))
            return page[start : next(ends, len(page))]
    return None


def _of_command(context: click.Context, words: tuple[str, ...]) -> str | None:
    """The help of a command."""
    found = context.find_root()
    for word in words:
        command = found.command.get_command(found, word) if isinstance(found.command, click.Group) else None
        if command is None:
            return None
        found = click.Context(command, info_name=word, parent=found)
    return found.get_help()
