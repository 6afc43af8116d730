"""How a text for people looks on a terminal: lines that fit it, and one style each for errors, hints, paths and specs. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import Any

import click

_STYLES: Mapping[str, dict[str, Any]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "hint": {"fg": "cyan", "bold": True},
    "good": {"fg": "green", "bold": True},
    "spec": {"bold": True},
    "path": {"fg": "bright_blue"},
}
_PARTS = re.compile(
    r"(?P<error>(?<![\w-])[Ee]rror(?=:)|^ +error(?= )|(?<= )[0-9]+ errors?$)"
    r"|(?P<warning>(?<![\w-])warning(?=:)|^ +warning(?= )|(?<= )[0-9]+ warnings?$)"
    r"|(?P<hint>^ *(?:hint|fix|next|note)(?=:)|^ *->(?= ))"
    r"|(?P<good>(?<=  )ok$)"
    r"|(?P<spec>`[^`]{1,200}`)"
    r"|(?P<path>[\w./\\~-]+\.(?:ya?ml|txt|lock|toml|j2|json|md)\b(?::[0-9]+){0,2})",
    re.MULTILINE,
)


def styled(text: str) -> str:
    """The text with colours, as escape sequences."""
    return _PARTS.sub(lambda found: click.style(found[0], **_STYLES[str(found.lastgroup)]), text)


def wrapped(text: str, width: int) -> str:
    """The text with its longer lines broken between words; what continues a line is indented. No word is broken."""
    return "\n".join(line if len(line) <= width else _broken(line, width) for line in text.split("\n"))


def _broken(line: str, width: int) -> str:
    indent = " " * (len(line) - len(line.lstrip(" ")))
    found = textwrap.wrap(
        line.lstrip(" "),
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(found)


def coloured(environ: Mapping[str, str], *, terminal: bool) -> bool:
    """Whether a stream gets colours: NO_COLOR (https://no-color.org) and FORCE_COLOR (https://force-color.org), else what it is."""
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or (terminal and environ.get("TERM") != "dumb")
