"""GPUs as people and drivers name them, to the models of `matrices/gpus.yaml`. Pure.

A model is meant where its name stands in what was written, as whole words in a row: `Tesla V100-SXM2-32GB` is a V100.
"""

from __future__ import annotations

import re

from envgen.model.facts import Matrix

_CAPABILITY = re.compile(r"(?:(?:sm|compute|cc)[_ ]?)?(?P<major>\d{1,2})(?P<dot>\.)?(?P<minor>\d)[af]?")
_WORDS = re.compile(r"[a-z0-9]+")


def model_of(matrix: Matrix, text: str) -> str | None:
    """The model, or the compute capability as "7.0", that a text names; None where it names none, or several that differ."""
    plain = text.strip().lower()
    if plain in matrix.gpus:
        return matrix.gpus[plain].name
    number = _CAPABILITY.fullmatch(plain)
    if number and (number["dot"] or not plain[0].isdigit()):
        return f"{number['major']}.{number['minor']}"
    runs = {run: gpu for gpu in matrix.gpus.values() if (run := _run(_WORDS.findall(plain), _squeezed(gpu.name)))}
    longest = {run: gpu for run, gpu in runs.items() if not any(_within(run, other) for other in runs)}
    models = sorted(longest.values(), key=lambda gpu: gpu.name)
    return models[0].name if len({gpu.capability for gpu in models}) == 1 else None


def _squeezed(name: str) -> str:
    return "".join(_WORDS.findall(name.lower()))


def _run(words: list[str], name: str) -> tuple[int, int] | None:
    """Which words in a row make up a name: first, and behind the last."""
    spans = ((first, last) for first in range(len(words)) for last in range(first + 1, len(words) + 1))
    return next((span for span in spans if "".join(words[slice(*span)]) == name), None)


def _within(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one != other and other[0] <= one[0] and one[1] <= other[1]
