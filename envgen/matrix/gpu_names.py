"""A GPU as people and drivers name it, to a Gpu: for `gpus:` of a project, `matrix show --gpu` and the GPUs of a machine. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import translate
from functools import cache

from packaging.version import Version

from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.gpu import Gpu

_CAPABILITY = re.compile(r"(?:(?:sm|compute|cc)[_ ]?)?(?P<major>[0-9]{1,2})(?P<dot>\.)?(?P<minor>[0-9])[af]?")
_WORDS = re.compile(r"[a-z0-9]+")
_SIZE = re.compile(r"[0-9]{1,3}gb?")  # 80GB of memory, and the slices of MIG: 1g.5gb
_PROFILE = re.compile(r"[0-9]{1,3}[abcq]")  # of a vGPU: V100D-8Q
_SLICES = re.compile(r"[0-9]")  # and how many slices of MIG it has: A30-4-24C
_BOARD = re.compile(r"[a-z]{1,3}$")  # what a vGPU has behind the model: V100D, H100XM
_NUMBER = re.compile(r"[0-9]+")
_DIGITS = re.compile(r"[a-z0-9]*[0-9][a-z0-9]*")  # a word with a digit
_MISREAD = str.maketrans("ol", "01")
_COUNT = re.compile(r"^\d{1,4}\s*[x*×]\s*|\s+[x*×]\s*\d{1,4}$", re.IGNORECASE)
_HINT = 'write a compute capability, such as "8.0", or a model in matrices/gpus.yaml'


def gpu_named(matrix: Matrix, text: str) -> Gpu | None:
    """The model of gpus.yaml, or the bare compute capability, that a text names.

    A text names a model in any case of letters (`v100`), as NVML prints it (`Tesla V100-SXM2-32GB`), or a compute capability
    (`7.0`, `sm_70`, `compute_70`). Every word of it must belong to the model or be one that names have beside it. None where it
    names none, or models of different capabilities.
    """
    plain = text.strip().lower()
    if plain in matrix.gpus:
        return matrix.gpus[plain]
    number = _CAPABILITY.fullmatch(plain)
    if number and (number["dot"] or not plain[0].isdigit()):
        return _bare(matrix, Version(f"{number['major']}.{number['minor']}"))
    models = _models(matrix, plain)
    return models[0] if len({gpu.capability for gpu in models}) == 1 else None


def required_gpu(matrix: Matrix, text: str, where: object) -> Gpu:
    """The same; raises BadInput where a text names no GPU."""
    found = gpu_named(matrix, text)
    if found is not None:
        return found
    several = _models(matrix, text.strip().lower())
    if several:
        names = " or ".join(f"{gpu.name} ({gpu.capability})" for gpu in several)
        raise BadInput(f"`{text}` may be {names}", where=where, hint="write which one, or its compute capability")
    alone = _COUNT.sub("", text.strip())
    if alone != text.strip() and (one := gpu_named(matrix, alone)):
        hint = f"write {one.written}: how many there are makes no difference"
        raise BadInput(f"`{text}` is more than the name of a GPU", where=where, hint=hint)
    for other in matrix.gpu_names.others:
        if any(map(_any_of(other.words).match, _WORDS.findall(text.lower()))):
            hint = f"leave it out: {other.instead}"
            raise BadInput(f"`{text}` is a GPU of {other.maker}, which does not run CUDA", where=where, hint=hint)
    near = _near(matrix, text.strip().lower())
    hint = f"did you mean `{near.name}` ({near.capability})? {_HINT}" if near else _HINT
    raise BadInput(f"no GPU `{text}` in matrices/gpus.yaml", where=where, hint=hint)


def _bare(matrix: Matrix, capability: Version) -> Gpu:
    """A compute capability. It is of the platforms of its models, and of Tegra where they are."""
    models = [gpu for gpu in matrix.gpus.values() if gpu.capability == capability]
    anywhere = not models or any(not gpu.platforms for gpu in models)
    platforms = frozenset[str]() if anywhere else frozenset.union(*(gpu.platforms for gpu in models))
    return Gpu.bare(capability, platforms=platforms, tegra=any(gpu.tegra for gpu in models))


def _models(matrix: Matrix, plain: str) -> list[Gpu]:
    """The models that a text may mean: those that have all its words, else those that do without the brands."""
    for keys in _spellings(matrix, plain):
        for brands in (frozenset[str](), matrix.gpu_names.brands):
            wanted = {"".join(word for word in key if word not in brands) for key in keys}
            found = [gpu for gpu in matrix.gpus.values() if "".join(_own_words(matrix, gpu.name, brands)) in wanted - {""}]
            if found:
                return sorted(found, key=lambda gpu: (len(gpu.name), gpu.name))
    return []


def _spellings(matrix: Matrix, plain: str) -> Iterator[list[tuple[str, ...]]]:
    """The words of a text that may be a model's; for a vGPU then also without the letters of its board."""
    virtual = any(map(_PROFILE.fullmatch, _WORDS.findall(plain)))
    beside = (_SIZE, _PROFILE, _SLICES) if virtual else (_SIZE, _PROFILE)
    own = tuple(word for word in _own_words(matrix, plain) if not any(pattern.fullmatch(word) for pattern in beside))
    yield [own]
    if own and virtual:
        letters = len(own[-1]) - len(_BOARD.sub("", own[-1]))
        yield [(*own[:-1], own[-1][:-cut]) for cut in range(1, letters + 1)]


def _own_words(matrix: Matrix, name: str, without: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """The words of a name that tell models apart."""
    return _telling(name.lower(), matrix.gpu_names.beside, without)


@cache
def _telling(name: str, beside: frozenset[str], without: frozenset[str]) -> tuple[str, ...]:
    """The same, once for each name: the names of all models are compared with each that is asked for."""
    words = (word for word in _WORDS.findall(name) if word not in without)
    return tuple(word for word in words if not _any_of(beside).match(word))


@cache
def _any_of(words: frozenset[str]) -> re.Pattern[str]:
    """What one of the words matches, of which some hold a pattern."""
    return re.compile("|".join(translate(word) for word in sorted(words)) or r"(?!)")


def _near(matrix: Matrix, plain: str) -> Gpu | None:
    """A model that may be meant: with an O for a 0, the same number, or nearly so: of the same generation. None if in doubt."""
    misread = _models(matrix, _DIGITS.sub(lambda word: word[0].translate(_MISREAD), plain))
    if len({gpu.capability for gpu in misread}) == 1:
        return misread[0]
    brands = matrix.gpu_names.brands
    for alike in (_number, _shape):
        wanted = alike("".join(_own_words(matrix, plain, brands)))
        found = [gpu for gpu in matrix.gpus.values() if wanted and alike("".join(_own_words(matrix, gpu.name, brands))) == wanted]
        if len({gpu.capability for gpu in found}) == 1:
            return min(found, key=lambda gpu: len(gpu.name))
    return None


def _number(name: str) -> tuple[str, str] | None:
    """The number of a name and the letter before it: RTX A1000 is A1000 to many; None without a number of three digits."""
    number = _NUMBER.search(name)
    return (name[: number.start()][-1:], number[0]) if number and len(number[0]) > 2 else None


def _shape(name: str) -> tuple[str, str, int] | None:
    """The letters of a name, the first two digits of its number, and how long that is; None without a number of three digits."""
    number = _NUMBER.search(name)
    return (_NUMBER.sub("", name), number[0][:2], len(number[0])) if number and len(number[0]) > 2 else None
