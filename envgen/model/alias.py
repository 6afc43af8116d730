"""Words that people bring from other tools, and what they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from packaging.specifiers import SpecifierSet

from envgen.model.address import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A word that people bring, and what it asks for: `cpu`, or a range of `cuda`; `version` is what its version is one of."""

    framework: str  # "" for none
    cpu: bool
    cuda: SpecifierSet | None  # None: says nothing of CUDA
    version: Literal["framework", "cuda", "none"]
    because: str
    at: Address
