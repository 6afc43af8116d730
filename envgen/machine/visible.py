"""Which GPUs CUDA_VISIBLE_DEVICES leaves to a CUDA program. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from envgen.model.gpu import Gpu


def selected(gpus: Sequence[Gpu], visible: str | None) -> tuple[int, ...]:
    """The places of the GPUs that the variable selects, in its order; all if it is None, which is not set.

    It is read as CUDA does: numbers and prefixes of UUIDs, up to the first that selects no GPU; none if it names one twice (an H100
    with driver 580.159.04: `0,0` ends in error 101, invalid device ordinal).
    """
    if visible is None:
        return tuple(range(len(gpus)))
    words = [word.strip() for word in visible.split(",")]
    found = list(takewhile(bool, ([place for place, gpu in enumerate(gpus) if _selects(word, place, gpu)] for word in words)))
    named = [place for word in words[: len(found)] for place, gpu in enumerate(gpus) if _names(word, place, gpu)]
    return tuple(dict.fromkeys(place for places in found for place in places)) if len(named) == len(set(named)) else ()


def _selects(word: str, place: int, gpu: Gpu) -> bool:
    """Whether a word selects a GPU. The name of a MIG instance does not tell its GPU: it selects every GPU with instances.

    Nor is anything known of a GPU that did not tell its UUID: any UUID may be its own.
    """
    if word.startswith("MIG-"):
        return bool(gpu.mig)
    return _names(word, place, gpu) or (word.startswith("GPU-") and not gpu.uuid)


def _names(word: str, place: int, gpu: Gpu) -> bool:
    """Whether a word is the number of a GPU, or the beginning of its UUID."""
    return word == str(place) or (word.startswith("GPU-") and gpu.uuid.startswith(word))
