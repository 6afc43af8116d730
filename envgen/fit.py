"""Which target of a project fits a machine. The machine only chooses among targets that are described already."""

from __future__ import annotations

from dataclasses import replace

from packaging.version import Version

from envgen import cell as facts
from envgen.errors import BadInput
from envgen.model import Machine, Matrix, Project, driver_text


def best_for(machine: Machine, matrix: Matrix, project: Project) -> tuple[str, str]:
    """The project's newest CUDA target that this machine's driver and GPUs can run, and why; without a driver its newest.

    Raises BadInput when the project has no CUDA target or none fits.
    """
    targets = [matrix.targets[wish.name] for wish in project.targets]
    newest = sorted((t for t in targets if t.cuda), key=lambda t: t.cuda or Version("0"), reverse=True)
    if not newest:
        raise BadInput(f"{project.name} has no CUDA target", where=project.at("targets"), hint="add one, for instance cu126")
    if machine.driver is None:
        return newest[0].name, f"{machine.note or 'no NVIDIA driver here'}: the project's newest CUDA target"
    here = replace(project, driver=machine.driver, gpus=tuple(gpu.name for gpu in machine.gpus))
    known = replace(matrix, gpus={gpu.name.lower(): gpu for gpu in machine.gpus})
    for target in newest:
        reason = facts.cell(known, here, target, target.platforms[0]).dead
        if reason is None:
            return target.name, f"newest CUDA target that driver {driver_text(machine.driver)} can run"
    raise BadInput(
        f"driver {driver_text(machine.driver)} can run no CUDA target of {project.name}: {reason.text if reason else ''}",
        where=project.at("targets"),
        hint="update the driver, add an older CUDA target, or use `make env-cpu`",
    )
