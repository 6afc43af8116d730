"""What the locks of a project require of a machine, and which of its locked targets to use on this one."""

from __future__ import annotations

from pathlib import Path

from envgen.formats import conda_lock
from envgen.formats.builds import cudnn_of
from envgen.machine import nvml
from envgen.machine.fit import choose_target
from envgen.machine.system import inspect_system
from envgen.model.facts import Matrix
from envgen.model.layout import LOCK, Layout
from envgen.model.machine import LockedTarget, Machine, System
from envgen.model.project import Project
from envgen.targets import MachineWord


def locked(layout: Layout, matrix: Matrix, project: Project) -> dict[str, LockedTarget]:
    """What matters of the locks of a project for a machine, by target; targets without a lock are missing.

    Raises BadInput if a lock is not readable.
    """
    paths = {target.name: layout.target(project.name, target.name) / LOCK for target in project.targets}
    return {target: _locked(path, layout, matrix) for target, path in paths.items() if path.is_file()}


def best_here(word: MachineWord, matrix: Matrix, project: Project) -> tuple[str, str]:
    """The target that `word` means on this machine, and why; targets are judged by what they can become when they are locked.

    Raises BadInput if there is no CUDA target to choose, or none that this machine can run.
    """
    system = inspect_system(matrix.catalogue)
    return choose_target(word, _machine(system), matrix, project, system)


def best_locked(word: MachineWord, layout: Layout, matrix: Matrix, project: Project) -> tuple[str, str]:
    """The locked target that `word` means on this machine, and why. Raises BadInput if there is none."""
    system, locks = inspect_system(matrix.catalogue), locked(layout, matrix, project)
    return choose_target(word, _machine(system), matrix, project, system, locks)


def _machine(system: System) -> Machine:
    return nvml.inspect(system.variables.get("CUDA_VISIBLE_DEVICES"))


def _locked(path: Path, layout: Layout, matrix: Matrix) -> LockedTarget:
    text, shown = layout.read(path), layout.shown(path)
    stamp, lock = conda_lock.read_stamp(text, shown), conda_lock.read_lock(text, shown)
    cudnn = {package.platform: version for package in lock.packages if (version := cudnn_of(matrix.catalogue, package))}
    return LockedTarget(lock.platforms, stamp.chosen if stamp else {}, cudnn)
