"""What a target is called, and which CUDA its name stands for."""

from __future__ import annotations

import re

from packaging.version import Version

from envgen.model.facts import Variant

CPU = "cpu"
_CUDA = re.compile(r"cu([2-9]|[1-9][0-9])([0-9])")  # cu92 is CUDA 9.2; cu12 is not the name of a target


def target_name(variant: Variant) -> str:
    """The name of the target for a CUDA version, cu126 for 12.6; cpu for none."""
    return f"cu{variant.major}{variant.minor}" if variant else CPU


def named_cuda(target: str) -> Version | None:
    """The CUDA version that the name of a target stands for; None for cpu, and for what is not the name of a target."""
    digits = _CUDA.fullmatch(target)
    return Version(f"{digits[1]}.{digits[2]}") if digits else None
