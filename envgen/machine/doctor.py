"""The story of `envgen doctor`: look at the machine, judge it, hold the locked targets of projects against it. Writes nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.version import Version

from envgen.machine import fit, nvml, symptoms, system
from envgen.machine.locked import locked
from envgen.matrix.load import load_matrix
from envgen.model.errors import BadInput
from envgen.model.facts import Matrix
from envgen.model.layout import Layout, starter
from envgen.model.machine import Checkup, Diagnosis, Fit, Machine, System
from envgen.project.load import load
from envgen.targets import AUTO


def diagnose(
    layout: Layout | None, projects: Sequence[str], root: Path = Path("/"), environ: Mapping[str, str] = os.environ
) -> Diagnosis:
    """What the machine is, what is wrong with it, and which target of each project it runs.

    No `projects`: all of the repository. No repository (None): the targets that the matrices shipped with envgen describe.
    Raises BadInput for a project or a lock that cannot be read; nothing about the machine raises.
    """
    here = system.look(root, environ)
    machine = nvml.inspect(environ.get("CUDA_VISIBLE_DEVICES"))
    matrices = layout or Layout(starter())
    matrix = load_matrix(matrices.matrices, matrices.shown(matrices.matrices))
    names = tuple(dict.fromkeys(projects or (layout.projects() if layout else ())))
    checkups = [checkup(layout, matrix, name, machine, here, asked=bool(projects)) for name in names] if layout else []
    return Diagnosis(
        machine=machine,
        system=here,
        symptoms=symptoms.judge(machine, here),
        checkups=tuple(checkups) or (_described(matrix, machine, here),),
    )


def checkup(layout: Layout, matrix: Matrix, name: str, machine: Machine, here: System, *, asked: bool = True) -> Checkup:
    """A verdict for every target of a project, and the locked one that `auto` takes on this machine."""
    project = load(layout, matrix, name)
    locks = locked(layout, project)
    verdicts = fit.verdicts(machine, matrix, project, here, locks)
    if not locks:
        return Checkup(
            project=name, fits=verdicts, chosen="", why=f"no target is locked: run `envgen lock {name}`", requested=asked
        )
    try:
        chosen, why = fit.choose(AUTO, verdicts, machine, project, locks)
    except BadInput as error:
        return Checkup(project=name, fits=verdicts, chosen="", why=error.what, requested=asked)
    if not _of(verdicts, chosen).fits:
        return Checkup(
            project=name,
            fits=verdicts,
            chosen="",
            why=f"no locked target runs here; {chosen}: {'; '.join(_of(verdicts, chosen).why)}",
            requested=asked,
        )
    return Checkup(project=name, fits=verdicts, chosen=chosen, why=why, requested=asked)


def _of(verdicts: Sequence[Fit], target: str) -> Fit:
    return next(verdict for verdict in verdicts if verdict.target == target)


def _described(matrix: Matrix, machine: Machine, here: System) -> Checkup:
    """Every target that the matrices describe for this platform, newest first."""
    targets = [target for target in matrix.targets.values() if here.platform in target.platforms]
    newest = sorted(targets, key=lambda target: target.cuda or Version("0"), reverse=True)
    verdicts = tuple(fit.verdict(machine, matrix, target, here) for target in newest)
    return Checkup(
        project="",
        fits=verdicts,
        chosen=next((verdict.target for verdict in verdicts if verdict.fits), ""),
        why="",
        requested=False,
    )
