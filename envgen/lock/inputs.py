"""The inputs of a cell: what its solve is asked, as a digest, and whether a lock as of some dates is valid as of others. Pure."""

from __future__ import annotations

import hashlib
import json

from envgen.model.dates import NO_LIMIT, ExcludeNewer
from envgen.model.packages import SolveRequest


def cell_digest(request: SolveRequest) -> str:
    """The sha256 of what the solver is asked for one cell: platform, specs, channels, virtual packages and constraints.

    Not the dates of `exclude-newer:`: a lock as of earlier dates stays valid as of later ones (`as_of`).
    """
    asked = [request.platform, request.specs, request.channels, sorted(request.virtual.items()), request.constraints]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def as_of(locked: str, wanted: ExcludeNewer) -> bool:
    """Whether a lock that records these dates holds nothing that is too new for others. Other text counts as without a date."""
    return (ExcludeNewer.read(locked) or NO_LIMIT).within(wanted)
