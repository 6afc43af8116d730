"""Globs with holes for a CUDA, in build strings, and in the versions, names, labels and indexes of wheels. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from envgen.formats.wheel_files import file_name, variant_label
from envgen.model.catalogue import Catalogue
from envgen.model.packages import LockedPackage

_HOLES = {
    r"\{cu\}": r"([0-9]{2,3})(?!\.?[0-9])",
    r"\{cuda\}": r"([0-9]+\.[0-9]+)",
    r"\{version\}": r".*",
    r"\*": r".*",
    r"\?": r".",
}


def dotted(digits: str) -> str:
    """The version in digits of a build string: 126 is 12.6, 118 is 11.8, 92 is 9.2, 10.0.130 is 10.0; 12 and 11.6 stay."""
    if "." in digits:
        return minor_of(digits)
    if len(digits) < 2 or digits in ("11", "12", "13", "14"):
        return digits
    return f"{digits[:-1]}.{digits[-1]}"


def minor_of(version: str) -> str:
    """Major and minor of a version: 12.6.77 is 12.6."""
    return ".".join(version.split(".")[:2])


@cache
def pattern(glob: str) -> re.Pattern[str]:
    """A glob of build strings with the holes of a spelling, as a regular expression."""
    text = re.escape(glob)
    for hole, pattern in _HOLES.items():
        text = text.replace(hole, pattern)
    return re.compile(text)


def matches(glob: str, build: str) -> bool:
    """Whether a build string is one of a glob, which may hold the holes of a spelling."""
    return pattern(glob).fullmatch(build) is not None


def any_of(globs: Iterable[str], build: str) -> bool:
    """Whether a build string is one of some globs."""
    return any(matches(glob, build) for glob in globs)


# --- a wheel --------------------------------------------------------------------------------------------------------------


def mark_in(globs: Iterable[str], text: str) -> str | None:
    """The CUDA in the first glob that fits a text, "" for one that names none; None where no glob fits."""
    found = next((match for glob in globs if (match := pattern(glob).fullmatch(text))), None)
    return dotted(found[1]) if found and found.groups() else None if found is None else ""


def labelled(globs: Iterable[str], package: LockedPackage) -> str | None:
    """The CUDA in the label of a variant wheel; None where no glob fits."""
    label = variant_label(file_name(package.url))
    return mark_in(globs, label) if label else None


def indexed(catalogue: Catalogue, globs: Iterable[str], package: LockedPackage) -> str | None:
    """The CUDA in the index or the URL of a framework's wheel; None where no glob fits.

    An index that the matrices know as that of other frameworks says nothing: a list names it for their sake.
    """
    known = catalogue.of(package)
    if known and package.index and catalogue.is_index_of_others(package.index, known.framework):
        return mark_in(globs, package.url.partition("#")[0]) if package.url else None
    told = (mark_in(globs, text) for text in (package.index.rstrip("/"), package.url.partition("#")[0]) if text)
    return next((cuda for cuda in told if cuda is not None), None)
