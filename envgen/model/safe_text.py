"""Text as it may be shown: without secrets; what comes from files steers no terminal and gives no orders to a workflow."""

from __future__ import annotations

import re

_SECRETS: dict[str, str] = {}  # the value of an environment variable that was read, in each of its spellings -> `$NAME`

# What workflows read as orders: `::` that begins a line (GitHub), and `##[`, `##vso[`, `##teamcity[` (Azure, TeamCity).
_ORDER = re.compile(r"^(?P<blank>[^\S\n]*):(?=:)|(?<=#)#(?=\w*\[)", re.MULTILINE)


def safe(text: str, *, orders: bool = False) -> str:
    r"""`text` without secrets, and with `\u001b` for each character that cannot be printed, apart from line breaks and tabs.

    The beginning of what a workflow would read as an order is written in the same way, unless the text consists of `orders`. Both
    are right in a string of JSON, too.
    """
    text = without_secrets(text)
    if not text.replace("\n", " ").replace("\t", " ").isprintable():
        text = "".join(letter if letter.isprintable() or letter in "\n\t" else _escaped(letter) for letter in text)
    return text if orders else _ORDER.sub(lambda found: f"{found['blank'] or ''}{_escaped(found[0][-1])}", text)


def remember_secret(name: str, value: str) -> None:
    """From now on `safe` and `without_secrets` show `$NAME` in the place of the value of this environment variable."""
    from urllib.parse import quote

    _SECRETS.update(dict.fromkeys((value, quote(value, safe=""), quote(value)), f"${name}"))


def without_secrets(text: str) -> str:
    """`text` with `$NAME` for each secret that is remembered.

    One of fewer than four characters is only replaced where it is a whole part of a URL: elsewhere it says nothing.
    """
    for value in sorted(_SECRETS, key=len, reverse=True):
        if value in text:
            whole = re.escape(value) if len(value) > 3 else rf"(?<=[/:@]){re.escape(value)}(?=[/:@?#]|$)"
            text = re.sub(whole, _SECRETS[value].replace("\\", r"\\"), text)
    return text


def _escaped(letter: str) -> str:
    number = ord(letter)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
