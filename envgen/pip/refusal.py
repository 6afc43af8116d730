"""What uv says when it refuses, as one of our errors: recognized by its text. Pure."""

from __future__ import annotations

import re

from envgen.model.errors import NoSolution
from envgen.pip.question import Question

_NOISE = re.compile(r"^(?:warning: .*|Resolved \d+.*|Using CPython.*)$", re.MULTILINE)
_HINTS = (
    (
        r"Failed to fetch|error sending request|Request failed|timed? ?out|Connection refused|dns error|[Ss]tatus code",
        "check the connection to the index, and its URL; nothing was written",
    ),
    (
        r"invalid package format|invalid metadata",
        "the file in the index is damaged, or another package's: require another version, and tell whoever runs the index",
    ),
    (r"matching (?:platform|Python|ABI|implementation)", "no wheel is for this Python or platform: require another version"),
    (
        r"does not satisfy Python",
        "the package is for another Python: require another version of it, or change `python:`",
    ),
    (
        r"filtered by `exclude-newer`(?!.*published at)",
        "the index gives no dates, which exclude-newer: needs: write `exclude-newer: {packages: {NAME: none}}`",
    ),
    (
        r"filtered by `exclude-newer`",
        "what is required is newer than exclude-newer: require an older version, or give the package a date of its own",
    ),
    (r"not found in the package registry|was not found in", "check the name, or say where it comes from with `pip-indexes:`"),
    (r"yanked", "the version was withdrawn from the index: require another one"),
    (
        r"building from source is disabled|no usable wheels|has no wheels|Building source distributions",
        "building one runs code from it: require a version with a wheel, or list the package under `pip-build:`",
    ),
    (r"[Ff]ailed to (?:build|prepare)", "its build failed: require a version with a wheel"),
)
_LONGEST = 4000  # letters
_OTHERWISE = "loosen the requirement, or take the package from a conda channel"


def refusal(text: str, question: Question) -> NoSolution:
    """The error for what uv wrote; the text has no credentials."""
    request = question.request
    told = "\n".join(line.rstrip() for line in _NOISE.sub("", text).splitlines() if line.strip()).removeprefix("error: ")
    for name, version in question.provided.items():
        told = re.sub(rf"\b{re.escape(name)} @ file:\S+", f"{name}=={version} of conda", told)
    hint = next((hint for pattern, hint in _HINTS if re.search(pattern, told)), _OTHERWISE)
    what = f"{request.place}: {told[:_LONGEST] or 'uv gives no reason'}"
    return NoSolution(what, hint=hint)
