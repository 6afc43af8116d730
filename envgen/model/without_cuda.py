"""A platform on which there is no CUDA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envgen.model.facts import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutCuda:
    """That a platform has no CUDA, and for a framework what its CPU target computes with there."""

    what: str
    instead: Mapping[str, str]
    because: str
    at: Address
