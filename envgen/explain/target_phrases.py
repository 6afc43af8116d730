"""What the facts say of requested targets and of their CUDA, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from packaging.version import Version

from envgen.matrix.hardware import has_code, latest_driver
from envgen.model.facts import Matrix, Reason, Variant, driver_text
from envgen.model.open_target import OpenTarget, names_of
from envgen.model.project import RequestedTarget
from envgen.model.toolkit import Toolkit
from envgen.resolver.resolve import Problem


def target_text(matrix: Matrix, requested: RequestedTarget) -> str:
    """`target cu126`; of an open target: a CUDA target, with the word of the file that requests it."""
    if not isinstance(requested, OpenTarget):
        return f"target {requested.name}{f' ({requested.own.cuda_text})' if requested.own else ''}"
    built = (target for target in matrix.targets.values() if target.cuda in matrix.built and not target.own)
    every = {target.name for target in built if target.cuda}
    cudas = _span(cuda for name in requested.any_of if (cuda := matrix.targets[name].cuda))
    return f"{'a CUDA target' if every <= set(requested.any_of) else f'a target for CUDA {cudas}'} (`{requested.name}`)"


def wanted_variants(problem: Problem) -> set[Variant]:
    """The CUDA versions of the project's targets; None for CPU."""
    names = (name for row in problem.project.targets for name in names_of(row))
    return {variant for name in names for variant in problem.matrix.targets[name].variants}


def without_cuda(problem: Problem, requested: RequestedTarget) -> Reason | None:
    """That none of a CUDA target's platforms has CUDA; None where one has, or the target is for CPU."""
    platforms = requested.platforms or problem.project.platforms
    rows = [problem.matrix.without_cuda.get((platform, "")) for platform in platforms]
    for_cuda = all(problem.matrix.targets[name].cuda for name in names_of(requested))
    return rows[0] if rows and all(rows) and for_cuda else None


def described_reason(problem: Problem, requested: RequestedTarget) -> Reason:
    """For which platforms a target is; or that the requested platforms have no CUDA at all."""
    matrix, platforms = problem.matrix, requested.platforms or problem.project.platforms
    targets = [matrix.targets[name] for name in names_of(requested)]
    without = without_cuda(problem, requested)
    if without:
        return without
    if isinstance(requested, OpenTarget):
        return Reason(f"no {target_text(matrix, requested).removeprefix('a ')} is for {', '.join(platforms)}", targets[0].at)
    return Reason(f"target {requested.name} is for {', '.join(targets[0].platforms)}", targets[0].at)


def floors_text(toolkit: Toolkit) -> str:
    """`525.60.13 or newer on Linux, 528.33 or newer on Windows`."""
    return ", ".join(f"{driver_text(floor)} or newer on {os.capitalize()}" for os, floor in sorted(toolkit.floor.items()))


def floors_reason(problem: Problem, toolkits: Sequence[Toolkit]) -> Reason:
    """Which of some toolkits, oldest first, the project's driver runs, and what the next one needs."""
    driver = problem.project.driver or Version("0")
    latest = latest_driver(problem.matrix, driver)
    running = [row for row in toolkits if any(floor <= latest for floor in row.floor.values())]
    beyond = next((row for row in toolkits if row not in running), toolkits[-1])
    newest = f"driver {driver_text(driver)} runs CUDA {running[-1].version} at most; " if running else ""
    return Reason(f"{newest}CUDA {beyond.version} needs driver {floors_text(beyond)}", beyond.at, beyond.because)


def code_reason(problem: Problem, toolkits: Sequence[Toolkit]) -> Reason:
    """Which of some toolkits, oldest first, have code for all GPUs of the project."""
    gpus = problem.project.gpus
    fitting = [row for row in toolkits if all(has_code(row, gpu) for gpu in gpus)]
    which = f"only CUDA {_span(row.version for row in fitting)}" if fitting else "no CUDA version"
    names = " and ".join(dict.fromkeys(gpu.name for gpu in gpus))
    at = (fitting or toolkits)[-1]
    return Reason(f"{which} has code for {names}", at.at, at.source)


def _span(versions: Iterable[Version]) -> str:
    found = sorted(versions)
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
