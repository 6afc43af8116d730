"""The inputs of a cell: what its solve and uv are asked, as digests, and whether a lock of some dates is valid for others. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from packaging.utils import canonicalize_name

from envgen.formats.builds import requirement_name
from envgen.model.catalogue import Catalogue
from envgen.model.dates import NO_LIMIT, ExcludeNewer
from envgen.model.packages import LockedPackage, Record, SolveRequest
from envgen.model.pip import PipRequest
from envgen.pip.provided import provided
from envgen.pip.question import name_of


def cell_digest(request: SolveRequest) -> str:
    """The sha256 of what the solver is asked for one cell: platform, specs, channels, virtual packages and constraints.

    Not the dates of `exclude-newer:`: a lock as of earlier dates stays valid as of later ones (`as_of`).
    """
    asked = [request.platform, request.specs, request.channels, sorted(request.virtual.items()), request.constraints]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def pip_digest(request: PipRequest, records: Iterable[Record], wheels: Iterable[LockedPackage], catalogue: Catalogue) -> str:
    """The sha256 of what pip packages were resolved for: all that uv is asked, apart from dates, and versions of conda packages.

    Of these the Python counts, and those that provide what is required or what one of the packages needs.
    """
    named = {name for package in wheels for name in (package.name, *map(requirement_name, package.depends))}
    relevant = {*map(canonicalize_name, named), *map(name_of, request.requirements)}
    there = tuple(records)
    conda = {name: version for name, version in provided(there, catalogue).items() if name in relevant}
    conda |= {row.name: row.version for row in there if row.name == "python"}
    indexes = [[index.url, index.packages] for index in request.indexes]
    lists = [request.requirements, request.constraints, indexes, request.repositories, request.find_links, request.build]
    return hashlib.sha256(json.dumps([*lists, sorted(request.virtual.items()), sorted(conda.items())]).encode()).hexdigest()


def as_of(locked: str, wanted: ExcludeNewer) -> bool:
    """Whether a lock that records these dates holds nothing that is too new for others. Other text counts as without a date."""
    return (ExcludeNewer.read(locked) or NO_LIMIT).within(wanted)
