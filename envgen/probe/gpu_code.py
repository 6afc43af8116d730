"""Which GPUs a build has code for. Pure."""

from __future__ import annotations

import re

from packaging.version import Version

from envgen.model.facts import Gpu
from envgen.probe.model import Answer, Comparison

_CODE = re.compile(r"(sm|compute)_(\d{1,3})(\d)([af]?)")


def has_code(gpu: Version, code: tuple[str, ...], build: Version | None, driver: Version | None) -> bool | None:
    """Whether a GPU of this compute capability has code among `code` (sm_90, compute_90); None if no entry is of that form.

    Binary code (sm) for X.Y runs on X.Z with Z >= Y (8.6 not on 8.7, 10.0 not on 10.1); with the suffix `a` only on X.Y itself,
    with `f` in its family. PTX (compute) for X.Y is compiled for any later GPU by a driver that supports the CUDA version of the
    build. Source: NVIDIA's CUDA programming guide, "binary compatibility" and "PTX compatibility".
    """
    rows = [(found[1], (int(found[2]), int(found[3])), found[4]) for text in code if (found := _CODE.fullmatch(text))]
    wanted = (gpu.major, gpu.minor)
    compiles = build is None or driver is None or driver >= build
    return any(_runs(kind, made, suffix, wanted, compiles=compiles) for kind, made, suffix in rows) if rows else None


def _runs(kind: str, made: tuple[int, int], suffix: str, wanted: tuple[int, int], *, compiles: bool) -> bool:
    if suffix == "a":
        return made == wanted and (kind == "sm" or compiles)
    if kind == "compute" and not suffix:
        return compiles and made <= wanted
    exception = (made, wanted) in {((8, 6), (8, 7)), ((10, 0), (10, 1))}
    return made[0] == wanted[0] and made <= wanted and not exception


def without_code(case: Comparison) -> tuple[Gpu, ...]:
    """The GPUs that the build has no code for: by the code it lists, else by what its CUDA version can generate."""
    answer, machine, first = case.answer, case.machine, first_capability(case)

    def lacks(gpu: Gpu) -> bool:
        runs = has_code(gpu.capability, answer.code, answer.cuda, machine.cuda)
        return bool(first and gpu.capability < first) if runs is None else not runs

    return tuple(gpu for gpu in gpus(answer, machine.gpus) if lacks(gpu))


def first_capability(case: Comparison) -> Version | None:
    """The lowest compute capability that the build's CUDA version generates code for; above its highest one PTX may help."""
    toolkit = case.matrix.toolkits.get(case.answer.cuda) if case.answer.cuda else None
    return toolkit.capabilities[0] if toolkit else None


def newest_code(code: tuple[str, ...]) -> Version | None:
    """The highest compute capability that `code` names."""
    found = [Version(f"{row[2]}.{row[3]}") for text in code if (row := _CODE.fullmatch(text))]
    return max(found, default=None)


def gpus(answer: Answer, here: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    """The GPUs with a known compute capability: those that the framework reports, else those of the machine."""
    seen = tuple(Gpu(name=device.name, capability=device.capability) for device in answer.devices if device.capability)
    return seen or here
