"""Which GPUs a build has code for. Pure."""

from __future__ import annotations

from packaging.version import Version

from envgen.matrix.gpu_code import CODE, has_code, tegra
from envgen.model.gpu import Gpu
from envgen.probe.model import Answer, Comparison


def without_code(case: Comparison) -> tuple[Gpu, ...]:
    """The GPUs that the build has no code for: by the code it lists, else by what its CUDA version can generate."""
    answer, machine, first = case.answer, case.machine, first_capability(case)

    compiles = answer.cuda is None or machine.cuda is None or machine.cuda >= answer.cuda

    def lacks(gpu: Gpu) -> bool:
        runs = has_code(gpu.capability, answer.code, compiles=compiles, tegra=gpu.capability in tegra(case.matrix))
        return bool(first and gpu.capability < first) if runs is None else not runs

    return tuple(gpu for gpu in gpus(answer, machine.gpus) if lacks(gpu))


def first_capability(case: Comparison) -> Version | None:
    """The lowest compute capability that the build's CUDA version generates code for; above its highest one PTX may help."""
    toolkit = case.matrix.toolkits.get(case.answer.cuda) if case.answer.cuda else None
    return toolkit.capabilities[0] if toolkit else None


def newest_code(code: tuple[str, ...]) -> Version | None:
    """The highest compute capability that `code` names."""
    found = [Version(f"{row[2]}.{row[3]}") for text in code if (row := CODE.fullmatch(text))]
    return max(found, default=None)


def gpus(answer: Answer, here: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    """The GPUs with a known compute capability: those that the framework reports, else those of the machine."""
    seen = tuple(Gpu(name=device.name, capability=device.capability) for device in answer.devices if device.capability)
    return seen or here
