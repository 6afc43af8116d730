"""The one spelling of a channel: what rattler makes of it, so that a channel has the same URL in records and in locks. Pure."""

from __future__ import annotations

import re
from functools import cache

from envgen.model.errors import BadInput

# Written in a URL; `$NAME` in their place is right. A folder `t` of a URL without a host, `file:///`, is not a token.
CREDENTIALS = r"://(?!\$)[^/@]+@|://[^/@:]*:(?!\$)[^/@]+@|^(?:[^:]|:(?!///))*/t/(?!\$)[^/]+"
HINT = "write conda-forge, or the URL of a channel"
_NAME = re.compile(r"(?!(?:.*/)?\.{1,2}(?:/|$))[A-Za-z0-9_.+-]+(?:/[A-Za-z0-9_.+-]+)*")
_VARIABLE = r"\$(?:\{\w+\}|\w+)"
# Spellings that rattler keeps: most URLs are, and rattler need not be imported for them.
_KEPT = re.compile(
    rf"https?://(?:{_VARIABLE}(?::{_VARIABLE})?@)?"
    r"(?!xn--|.*\.xn--)(?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*(?::(?!80(?:/|$)|443(?:/|$))[1-9][0-9]{1,3})?"
    rf"(?:/(?!\.{{1,2}}(?:/|$))(?:[A-Za-z0-9._~-]|{_VARIABLE})+)*",
    re.ASCII,
)


@cache
def canonical_channel(text: str) -> str:
    """A channel's name, or its URL with a lower-case host, without a default port, `.` and `..`, and with everything encoded.

    `$NAME` and `${NAME}` stay. Raises BadInput for what is neither a name nor a URL; the message does not repeat the text, which
    may have a password in it.
    """
    text = text.rstrip("/")
    if _KEPT.fullmatch(text) or _NAME.fullmatch(text):
        return text
    if "://" not in text or any(mark in text for mark in "?#\\") or not text.isprintable() or " " in text:
        raise BadInput("not a channel", hint=HINT)
    variables = re.findall(_VARIABLE, text, re.ASCII)
    marks = [f"envgen{number}variable" for number in range(len(variables))]  # of letters and digits: a URL keeps them everywhere
    for mark, variable in zip(marks, variables, strict=True):
        text = text.replace(variable, mark, 1)
    found = _as_url(text)
    for mark, variable in zip(marks, variables, strict=True):
        found = found.replace(mark, variable)
    return found


def _as_url(text: str) -> str:
    from rattler import Channel
    from rattler.exceptions import InvalidChannelError

    try:
        return Channel(text).base_url.rstrip("/")
    except InvalidChannelError as error:
        reason = str(error).splitlines()[-1].removeprefix("Caused by: ")
        raise BadInput(f"not a channel: {reason}", hint=HINT) from None
