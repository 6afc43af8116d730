"""Licences, as the records of channels state them: SPDX expressions, or words that people wrote before there were any. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product

from envgen.model.limits import LicenseLimits

UNKNOWN = "unknown"
_TOKEN = re.compile(r"\(|\)|[^\s()]+")
_WITH = " with "
_MOST = 1_000  # ways to read one expression


@dataclass(frozen=True, slots=True)
class Licensed:
    """A package, and its licence as its record states it."""

    name: str
    version: str
    license: str


def alternatives(expression: str) -> tuple[frozenset[str], ...]:
    """The ways to meet an SPDX expression: each a set of licences that all apply. Any other text is one licence.

    `A OR B AND C` is {A} or {B, C}; `A WITH exception` is one licence.
    """
    tokens = _TOKEN.findall(expression)
    try:
        found, rest = _either(tokens)
    except (IndexError, ValueError):
        return (frozenset({" ".join(expression.split())}),)
    return tuple(dict.fromkeys(found)) if not rest else (frozenset({" ".join(expression.split())}),)


Ways = list[frozenset[str]]


def _either(tokens: Sequence[str]) -> tuple[Ways, Sequence[str]]:
    found, tokens = _all(tokens)
    while tokens and tokens[0].upper() == "OR":
        more, tokens = _all(tokens[1:])
        found = found + more
    return found, tokens


def _all(tokens: Sequence[str]) -> tuple[Ways, Sequence[str]]:
    found, tokens = _one(tokens)
    while tokens and tokens[0].upper() == "AND":
        more, tokens = _one(tokens[1:])
        if len(found) * len(more) > _MOST:
            raise ValueError("too many ways to read it")
        found = [one | other for one, other in product(found, more)]
    return found, tokens


def _one(tokens: Sequence[str]) -> tuple[Ways, Sequence[str]]:
    if tokens[0] == "(":
        found, rest = _either(tokens[1:])
        if not rest or rest[0] != ")":
            raise ValueError("a bracket is not closed")
        return found, rest[1:]
    if tokens[0].upper() in (")", "OR", "AND", "WITH"):
        raise ValueError("a licence is missing")
    if len(tokens) > 2 and tokens[1].upper() == "WITH":
        return [frozenset({f"{tokens[0]} WITH {tokens[2]}"})], tokens[3:]
    return [frozenset({tokens[0]})], tokens[1:]


def is_allowed(expression: str, limits: LicenseLimits) -> bool:
    """Whether a licence can be met with what is allowed, and with nothing that is denied. Case does not matter in globs.

    An exception only adds permissions: what allows a licence allows it with any exception, and what denies it does not.
    """
    return any(all(_allows(each.lower(), limits) for each in way) for way in alternatives(expression or UNKNOWN))


def _allows(name: str, limits: LicenseLimits) -> bool:
    plain = name.partition(_WITH)[0]
    allowed = not limits.allow or any(fnmatchcase(each, glob.lower()) for glob in limits.allow for each in (name, plain))
    return allowed and not any(
        fnmatchcase(name, glob.lower()) for glob in limits.deny if (_WITH in name) <= (_WITH in glob.lower())
    )


def refused(packages: Iterable[Licensed], limits: LicenseLimits) -> Iterator[Licensed]:
    """The packages whose licence a project does not allow."""
    return (package for package in packages if not is_allowed(package.license, limits))
