"""The texts of a lock that another person may have written: none may pass for something else than a name, a version or a URL.

They end up on terminals, in the logs of workflows, in file names and in files that other tools read line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from envgen.model.errors import BadInput
from envgen.model.packages import Content, Lock
from envgen.model.text import shortened

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,199}")
_WORD = re.compile(r"(?:(?![/\\$])[!-~]){0,200}")
_OTHER_DIGIT = re.compile(r"(?![0-9])\d")
_LONGEST = 4_000  # characters; Python reads no number of more than 4300 digits
_HINT = "no tool writes this: restore the file from git, or create it again with the tool that made it"


def checked(lock: Lock, *, judged: bool = False) -> Lock:
    """The lock. Raises BadInput, with the line, for a text in it that cannot be what it stands for.

    `judged` says that `wrong_in` found nothing in its packages.
    """
    for package in lock.packages if not judged else ():
        for kind, text in wrong_in(package.content):
            raise BadInput(f"not the {kind} of a package: {shortened(text)}", where=package.at or lock.shown, hint=_HINT)
    names = (lock.environment, lock.machine)
    promises = (f"{name} {version}" for name, version in lock.promises.items())
    for kind, texts in (("channel", lock.channels), ("platform", lock.declared), ("name", names), ("virtual package", promises)):
        for text in texts:
            if not _is_line(text) or (kind == "channel" and not _is_url(text)):
                raise BadInput(f"not a {kind}: {shortened(text)}", where=lock.shown, hint=_HINT)
    return lock


@lru_cache(20_000)  # packages: those of the locks of a repository are the same again and again
def wrong_in(content: Content) -> tuple[tuple[str, str], ...]:
    """Each text of a package that cannot be what it stands for, and what that is."""
    return tuple(_wrong(content))


def _wrong(package: Content) -> Iterator[tuple[str, str]]:
    """What pip puts into an environment is named as its author likes."""
    if package.manager == "conda" or package.url:
        if not _NAME.fullmatch(package.name):
            yield "name", package.name
        words = (("version", package.version), ("build", package.build), ("platform", package.platform))
        yield from ((kind, word) for kind, word in words if not _WORD.fullmatch(word))
    texts = (("name", package.name), ("version", package.version), ("hash", package.md5 or ""), ("hash", package.sha256 or ""))
    needs = (("dependency", text) for text in (*package.depends, *package.constrains))
    yield from ((kind, text) for kind, text in (*texts, *needs, ("URL", package.url)) if not _is_line(text))
    yield from (("URL", text) for text in (package.url,) if not _is_url(text))


def _is_line(text: str) -> bool:
    """Whether a text can be printed on one line, is not endless, and has no digits but those of ASCII, which all tools read."""
    return text.isprintable() and len(text) <= _LONGEST and not (not text.isascii() and _OTHER_DIGIT.search(text))


def _is_url(text: str) -> bool:
    """Whether a URL can be taken apart, also into names that are shown decoded: `%0A` is a line break. A path or a name can."""
    try:
        return (urlsplit(text).port is None or True) and _is_line(unquote(text))
    except ValueError:  # a bracket that is not closed, a port that is not a number
        return False
