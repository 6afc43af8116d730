"""Versions and ranges of versions as people write them in project files, in the matrices and on the command line. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from envgen.model.text import shortened

# Versions are PEP 440 without epochs and local parts. A number has at most nine digits; longer ones are mistakes.
VERSION = r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,7}(?:(?:a|b|rc)[0-9]{1,9})?(?:\.post[0-9]{1,9})?(?:\.dev[0-9]{1,9})?"
RANGE = rf"^(?!,)(?:(?:^|,) *(?:\*|(?:==?|!=|<=|>=|<|>|~=)? *{VERSION}(?:\.\*)?) *)+$"


@lru_cache(2_000)  # ranges: the files of a repository say the same few again and again
def version_range(text: str) -> SpecifierSet:
    """A range such as ">=2,<3", "2.7.*", or "2.7" for every 2.7.x. Raises ValueError for other text and for an empty range."""
    if not re.fullmatch(RANGE, text):
        raise ValueError(f"{shortened(text)} is not a version range")
    try:
        found = SpecifierSet(",".join(_specifier(part.strip()) for part in text.split(",")), prereleases=True)
    except InvalidSpecifier:
        raise ValueError(f"{text!r} is not a version range") from None
    if found.is_unsatisfiable():
        raise ValueError(f"no version is in the range {text!r}")
    return found


def _specifier(part: str) -> str:
    """One comma-separated part in PEP 440 spelling; in conda's, `2.7`, `=2.7` and `2.7.*` all mean 2.7.x, `2.7.post1` only that."""
    if part[:1] in ("<", ">", "!", "~") or part.startswith("=="):
        return part
    version = part.lstrip("= ")
    return "" if part == "*" else f"=={version}" if re.search("[a-z]", version) else f"=={version.removesuffix('.*')}.*"


def range_text(versions: SpecifierSet) -> str:
    """A range as conda writes it: `2.10.*`, not `==2.10.*`."""
    return ",".join(part.removeprefix("==") if part.endswith(".*") else part for part in str(versions).split(","))
