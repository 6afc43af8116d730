"""The properties of variant wheels (PEP 825) that a target stands for. Pure."""

from __future__ import annotations

from envgen.model.catalogue import WheelMarks
from envgen.model.facts import Platform
from envgen.model.resolution import Resolution


def variant_properties(resolution: Resolution, marks: WheelMarks) -> dict[Platform, list[str]]:
    """For each platform the properties that its machines stand for, as `namespace :: feature :: value`; none for a CPU target.

    They follow from the CUDA that the target promises of the driver (`__cuda`) and from the GPUs that the project lists. A machine
    that meets a lower bound meets every lower one as well, which is not repeated.
    """
    return {platform: _properties(resolution, platform, marks) for platform in resolution.platforms}


def _properties(resolution: Resolution, platform: Platform, marks: WheelMarks) -> list[str]:
    cuda = resolution.target.virtual[platform].get("__cuda", "").split(" ")[0]
    if not cuda:
        return []
    gpus = resolution.project.for_target(resolution.target.name).gpus
    capabilities = dict.fromkeys(f"{gpu.capability.major}{gpu.capability.minor}" for gpu in gpus)
    found = [text.replace("{cuda}", cuda) for text in marks.cuda_properties]
    return found + [text.replace("{sm}", one) for one in capabilities for text in marks.gpu_properties]
