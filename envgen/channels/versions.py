"""Conda's versions and ranges, as rattler reads them. Pure."""

from __future__ import annotations

import re
from functools import cache

NEWER = re.compile(r"\[(?:.*[,\s])?(when|extras|flags)\s*=", re.DOTALL)  # what older tools do not read in a spec


@cache
def admits(versions: str, version: str) -> bool | None:
    """Whether a conda range such as `>=3.9,<3.10.0a0` contains a version; None where one of them cannot be read."""
    from rattler import Version, VersionSpec
    from rattler.exceptions import InvalidVersionError, InvalidVersionSpecError

    if versions in ("", "*"):
        return True
    try:
        return VersionSpec(versions).matches(Version(version))
    except (InvalidVersionSpecError, InvalidVersionError):
        return None


def is_older(version: str, other: str) -> bool:
    """Whether conda sorts a version before another."""
    from rattler import Version

    return bool(Version(version) < Version(other))
