"""A GPU as people and drivers name it, to a Gpu: for `gpus:` of a project, `matrix show --gpu` and the GPUs of a machine. Pure."""

from __future__ import annotations

import re

from packaging.version import Version

from envgen.model.errors import BadInput, closest
from envgen.model.facts import Gpu, Matrix

_CAPABILITY = re.compile(r"(?:(?:sm|compute|cc)[_ ]?)?(?P<major>\d{1,2})(?P<dot>\.)?(?P<minor>\d)[af]?")
_WORDS = re.compile(r"[a-z0-9]+")
_HINT = '(a compute capability such as "8.0" is fine, too)'


def gpu_named(matrix: Matrix, text: str) -> Gpu | None:
    """The model of gpus.yaml, or the bare compute capability, that a text names.

    A text names a model in any case of letters (`v100`), as NVML prints it (`Tesla V100-SXM2-32GB`: whole words of the text, in a
    row, spell the model, and the longest such model counts), or a compute capability (`7.0`, `sm_70`, `compute_70`). None where it
    names none, or models of different capabilities.
    """
    plain = text.strip().lower()
    if plain in matrix.gpus:
        return matrix.gpus[plain]
    number = _CAPABILITY.fullmatch(plain)
    if number and (number["dot"] or not plain[0].isdigit()):
        return Gpu.bare(Version(f"{number['major']}.{number['minor']}"))
    runs = {run: gpu for gpu in matrix.gpus.values() if (run := _run(_WORDS.findall(plain), _squeezed(gpu.name)))}
    longest = {run: gpu for run, gpu in runs.items() if not any(_within(run, other) for other in runs)}
    models = sorted(longest.values(), key=lambda gpu: gpu.name)
    return models[0] if len({gpu.capability for gpu in models}) == 1 else None


def required_gpu(matrix: Matrix, text: str, where: object) -> Gpu:
    """The same; raises BadInput where a text names no GPU."""
    found = gpu_named(matrix, text)
    if found is None:
        raise BadInput(f"no GPU `{text}` in matrices/gpus.yaml", where=where, hint=f"{closest(text.lower(), matrix.gpus)} {_HINT}")
    return found


def _squeezed(name: str) -> str:
    return "".join(_WORDS.findall(name.lower()))


def _run(words: list[str], name: str) -> tuple[int, int] | None:
    """Which words in a row spell a name: the first, and the one after the last."""
    spans = ((first, last) for first in range(len(words)) for last in range(first + 1, len(words) + 1))
    return next((span for span in spans if "".join(words[slice(*span)]) == name), None)


def _within(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one != other and other[0] <= one[0] and one[1] <= other[1]
