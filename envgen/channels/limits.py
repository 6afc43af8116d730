"""How long envgen waits for a server, and how much it takes from one. `docs/channels.md` states these limits."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from envgen.model.errors import BadInput

TIMEOUT, SIZE = "ENVGEN_TIMEOUT", "ENVGEN_MAX_SIZE"
FLOOR = 1000  # bytes a second; a server that sends less for the whole time-out counts as silent


@dataclass(frozen=True, slots=True)
class Limits:
    """`timeout` is in seconds without progress, `size` in bytes of one index as it is unpacked."""

    timeout: float = 30
    size: int = 2_000_000_000


def limits() -> Limits:
    """The limits of this process: the defaults, or what `ENVGEN_TIMEOUT` (seconds) and `ENVGEN_MAX_SIZE` (MB) say.

    Raises BadInput where they are not positive numbers.
    """
    return Limits(_number(TIMEOUT, Limits().timeout), int(_number(SIZE, Limits().size / 10**6) * 10**6))


def _number(variable: str, default: float) -> float:
    text = os.environ.get(variable, "")
    try:
        found = float(text) if text else default
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise BadInput(f"{variable} is not a positive number: {text!r}", hint=f"for example {variable}={default:g}")
    return found
