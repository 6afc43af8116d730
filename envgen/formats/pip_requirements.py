"""What conda-lock keeps of a requirement of pip, without conda-lock: of the usual spellings. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from envgen.formats.conda_specs import NotCovered

_USUAL = re.compile(r"(?:==|!=|<=|>=|<|>)[0-9]+(?:\.[0-9]+)*|==[0-9]+(?:\.[0-9]+)*\.\*")


@dataclass(frozen=True, slots=True)
class ReadRequirement:
    """What conda-lock keeps of a requirement; `version` is `*` without a range."""

    name: str
    version: str
    extras: tuple[str, ...]


@cache
def read_requirement(text: str) -> ReadRequirement:
    """A requirement such as `einops >=0.7` or `jax[cuda12]==0.7.2`.

    Raises NotCovered for one with a URL, with a marker, or with a range that conda-lock may write in another way.
    """
    try:
        found = Requirement(text)
    except InvalidRequirement:
        raise NotCovered(text) from None
    ranges = sorted(filter(None, str(found.specifier).split(",")))
    if found.url or found.marker or not all(map(_USUAL.fullmatch, ranges)):
        raise NotCovered(text)
    return ReadRequirement(canonicalize_name(found.name), ",".join(ranges) or "*", tuple(sorted(found.extras)))
