"""The inputs of a cell: what its solve is asked, as a digest, and whether a lock as of one date is valid as of another. Pure."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from envgen.model.packages import SolveRequest


def cell_digest(request: SolveRequest) -> str:
    """The sha256 of what the solver is asked for one cell: platform, specs, channels, virtual packages and constraints.

    Not the date of the channels' state: a lock as of an earlier date stays valid as of a later one (`as_of`).
    """
    asked = [request.platform, request.specs, request.channels, sorted(request.virtual.items()), request.constraints]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def date_text(moment: datetime | None) -> str:
    """A date of the channels' state as a lock records it; "" for no date."""
    return moment.isoformat() if moment else ""


def as_of(locked: str, wanted: datetime | None) -> bool:
    """Whether a lock with this recorded date holds nothing that is too new for another date."""
    return wanted is None or (bool(locked) and datetime.fromisoformat(locked) <= wanted)
