"""Toolkits and cuDNNs that were found in several places: which of them are different versions, and what to call them. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from envgen.model.machine import SystemCuda


def distinct(found: Sequence[SystemCuda]) -> list[SystemCuda]:
    """The most precise of each version, in the order found. 12, 12.4 and 12.4.127 are one version; an unknown one may be any."""
    known = dict.fromkeys(map(_parts, found))
    precise = [parts for parts in known if not any(_is_less_precise(parts, other) for other in known)]
    best = (max((item for item in found if _parts(item) == parts), key=_precision) for parts in precise)
    return sorted(best, key=found.index)


def listed(found: Sequence[SystemCuda]) -> str:
    """Versions with their folders, as a list in words."""
    return " and ".join(f"{item.kind} {item.version or 'of unknown version'} ({item.folder})" for item in found)


def _precision(item: SystemCuda) -> int:
    return item.version.count(".")


def _parts(item: SystemCuda) -> tuple[str, ...]:
    """The major and minor of a version, as far as it is known."""
    return tuple(part for part in item.version.split(".")[:2] if part)


def _is_less_precise(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return len(one) < len(other) and other[: len(one)] == one
