"""What the locks of a project ask of a machine, and which of its locked targets this machine takes."""

from __future__ import annotations

from pathlib import Path

from envgen.formats import conda_lock
from envgen.formats.builds import cudnn_of
from envgen.machine import nvml, system
from envgen.machine.fit import best_for
from envgen.model.facts import Matrix, Project
from envgen.model.layout import LOCK, Layout
from envgen.model.machine import LockedTarget
from envgen.targets import MachineWord


def locked(layout: Layout, matrix: Matrix, project: Project) -> dict[str, LockedTarget]:
    """What the locks of a project say to a machine, by target; a target without a lock is not in it."""
    paths = {wish.name: layout.target(project.name, wish.name) / LOCK for wish in project.targets}
    return {target: _locked(path, layout, matrix) for target, path in paths.items() if path.is_file()}


def best_here(word: MachineWord, matrix: Matrix, project: Project) -> tuple[str, str]:
    """The target that `word` means on this machine, and why, judged by what it may become when it is locked.

    Raises BadInput where there is no CUDA target to take, or none that this machine can run.
    """
    here = system.look()
    return best_for(word, nvml.inspect(here.variables.get("CUDA_VISIBLE_DEVICES")), matrix, project, here=here)


def best_locked(word: MachineWord, layout: Layout, matrix: Matrix, project: Project) -> tuple[str, str]:
    """The locked target that `word` means on this machine, and why; BadInput when there is none."""
    here, locks = system.look(), locked(layout, matrix, project)
    machine = nvml.inspect(here.variables.get("CUDA_VISIBLE_DEVICES"))
    return best_for(word, machine, matrix, project, locks, here, locks)


def _locked(path: Path, layout: Layout, matrix: Matrix) -> LockedTarget:
    text, shown = layout.read(path), layout.shown(path)
    stamp, lock = conda_lock.read_stamp(text, shown), conda_lock.read_lock(text, shown)
    cudnn = {package.platform: version for package in lock.packages if (version := cudnn_of(matrix.catalogue, package))}
    return LockedTarget(lock.platforms, stamp.chosen if stamp else {}, cudnn)
