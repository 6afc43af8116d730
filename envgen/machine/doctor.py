"""Inspect the machine, look for symptoms, and check which locked targets of the projects it can run. Writes nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from packaging.version import Version

from envgen.machine import fit, nvml
from envgen.machine.locked import locked
from envgen.machine.symptoms import find_symptoms
from envgen.machine.system import inspect_system
from envgen.matrix.gpu_names import gpu_named
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.gpu import Gpu
from envgen.model.layout import Layout
from envgen.model.machine import Checkup, Diagnosis, Fit, Machine, System
from envgen.model.project import Project
from envgen.targets import MachineWord


def diagnose(
    layout: Layout, matrix: Matrix, projects: Sequence[Project], *, requested: bool = False, environ: Mapping[str, str] = os.environ
) -> Diagnosis:
    """What the machine has, what is wrong with it, and which target of each project it runs; `requested`: they were named.

    Without `projects`: which targets of the matrices it runs. Raises BadInput if a lock is not readable; nothing on the machine
    makes it raise.
    """
    system = inspect_system(matrix.catalogue, environ=environ)
    machine = _known(nvml.inspect(environ.get("CUDA_VISIBLE_DEVICES")), matrix)
    checkups = [checkup(layout, matrix, project, machine, system, requested=requested) for project in projects]
    return Diagnosis(
        machine=machine,
        system=system,
        symptoms=find_symptoms(machine, system),
        checkups=tuple(checkups) or (_matrix_checkup(matrix, machine, system),),
    )


def with_stale(found: Diagnosis, stale: Mapping[tuple[str, str], str]) -> Diagnosis:
    """A diagnosis that says of each stale lock, by (project, target), why it is stale."""

    def told(project: str, row: Fit) -> Fit:
        why = stale.get((project, row.target))
        if why is None:
            return row
        again = f"lock it again: envgen lock {project} --target {row.target}"
        return replace(row, cautions=(*row.cautions, f"its lock is stale: {why}"), fixes=(*row.fixes, again))

    checkups = (replace(one, fits=tuple(told(one.project, row) for row in one.fits)) for one in found.checkups)
    return replace(found, checkups=tuple(checkups))


def _known(machine: Machine, matrix: Matrix) -> Machine:
    """The machine with what gpus.yaml knows of its GPUs: whether they are for data centres."""

    def known(gpus: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
        models = ((gpu, gpu_named(matrix, gpu.name)) for gpu in gpus)
        return tuple(replace(gpu, data_centre=model.data_centre) if model else gpu for gpu, model in models)

    return replace(machine, gpus=known(machine.gpus), hidden=known(machine.hidden))


def checkup(layout: Layout, matrix: Matrix, project: Project, machine: Machine, system: System, *, requested: bool) -> Checkup:
    """How every target of a project fits the machine, and the locked one that `auto` means on it."""
    locks = locked(layout, matrix, project)
    fits = fit.project_fits(machine, matrix, project, system, locks)
    chosen, why = _choice(project, fits, machine) if locks else ("", f"no target is locked; run `envgen lock {project.name}`")
    return Checkup(project=project.name, fits=fits, chosen=chosen, why=why, requested=requested)


def _choice(project: Project, fits: Sequence[Fit], machine: Machine) -> tuple[str, str]:
    """The locked target that `auto` means and the reason; "" and the reason if none runs on the machine."""
    try:
        chosen, why = fit.choose(MachineWord.AUTO, fits, machine, project)
    except BadInput as error:
        return "", error.what
    chosen_fit = next(found for found in fits if found.target == chosen)
    return (chosen, why) if chosen_fit.runs else ("", f"no locked target runs here; {chosen}: {'; '.join(chosen_fit.why)}")


def _matrix_checkup(matrix: Matrix, machine: Machine, system: System) -> Checkup:
    """How every target in the matrices for this platform fits the machine, newest CUDA first."""
    targets = [target for target in matrix.targets.values() if system.platform in target.platforms and target.cuda in matrix.built]
    newest_first = sorted(targets, key=lambda target: target.cuda or Version("0"), reverse=True)
    fits = tuple(fit.target_fit(machine, matrix, target, system) for target in newest_first)
    chosen = next((found.target for found in fits if found.runs), "")
    return Checkup(project="", fits=fits, chosen=chosen, why="", requested=False)
