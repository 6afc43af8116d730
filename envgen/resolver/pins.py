"""What was decided for a target, and why: the pins of a resolution."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.version import Version

from envgen.matrix.constraints import Known, constraint_text, holds, known_of_target
from envgen.matrix.hardware import cudnn_pin, driver_os
from envgen.model.constraint import Constraint
from envgen.model.facts import Matrix, Platform, Reason, Target, driver_text
from envgen.model.project import Project
from envgen.model.resolution import Choice, Pin, on_platform
from envgen.model.toolkit import Toolkit
from envgen.resolver.candidate import named
from envgen.resolver.cells import Cell, known_of_choices


def pins(
    matrix: Matrix, project: Project, target: Target, cells: tuple[Cell, ...], choices: tuple[Choice, ...], python: Version
) -> tuple[Pin, ...]:
    """Everything that was decided for a target, in the order of the decisions; what differs by platform, once for each."""
    found = [Pin(name="python", version=str(python), because=(_python_reason(project),))]
    for choice in choices:
        found.extend(_framework_pins(project, target, cells, choice))
    for platform in target.by_platform or ("",):
        found.extend(_cuda_pins(matrix, project, target.on(platform), platform, known_of_choices(choices, python)))
    return tuple(found)


def _cuda_pins(matrix: Matrix, project: Project, target: Target, platform: Platform, chosen: Known) -> Iterator[Pin]:
    """What follows from the CUDA of a target, and from what was chosen, on one platform or ("") on all."""
    if target.cuda:
        toolkit = matrix.toolkits[target.cuda]
        why = (Reason(f"target {target.name}", target.at),)
        yield Pin(name=on_platform("cuda", platform), version=str(target.cuda), because=why)
        yield _driver_pin(matrix, target, toolkit, platform, chosen)
    bound = cudnn_pin(matrix, project.for_target(target.name).gpus, target)
    if bound and target.cuda:
        wheels = matrix.catalogue.wheels_for(target.cuda.major, matrix.catalogue.bringing("cudnn", "pip"))
        yield Pin(name=on_platform("cudnn", platform), version=bound[0], because=(bound[1],), wheels=wheels)


def _driver_pin(matrix: Matrix, target: Target, toolkit: Toolkit, platform: Platform, chosen: Known) -> Pin:
    """The oldest driver that runs a target, on one platform or ("") on all: that of its toolkit, or a newer one that a constraint
    on what was chosen needs.
    """
    here = (platform,) if platform else target.platforms
    floors = {os: version for os, version in toolkit.floor.items() if not platform or os == driver_os(platform)}
    reasons = [Reason(f"driver floor of CUDA {target.cuda}: {toolkit.because}", toolkit.at)]
    rows = [(row, needed) for row in matrix.constraints if not row.warn and (needed := _drivers(row))]
    for other in here:
        known = {**known_of_target(target, other), **chosen}
        for row, needed in rows:
            if max(needed) > floors.get(driver_os(other), Version("0")) and holds(row, known) is not None:
                floors[driver_os(other)] = max(needed)
                reasons = [Reason(f"{constraint_text(row)}: {row.because}", row.at)]
    floor = ", ".join(f"{driver_text(version)} ({os})" for os, version in floors.items())
    return Pin(name=on_platform("driver", platform), version=f">={floor}", because=tuple(reasons))


def _drivers(row: Constraint) -> list[Version]:
    """The versions of drivers that a constraint needs."""
    return [Version(part.version) for need in row.need if need.axis == "driver" for part in need.versions or ()]


def _python_reason(project: Project) -> Reason:
    """`newest python >=3.10 for all of cpu, cu126`."""
    targets = ", ".join(requested.name for requested in project.targets)
    python = f"python {project.python_text}" if project.python else "python"
    return Reason(f"newest {python} for {'all of ' if len(project.targets) > 1 else ''}{targets}", project.at("python"))


def _framework_pins(project: Project, target: Target, cells: tuple[Cell, ...], choice: Choice) -> Iterator[Pin]:
    """The release of a framework, and its build where that is for an older CUDA."""
    requested = next(row for row in project.frameworks if row.framework == choice.release.framework)
    beside = f" that goes with {requested.host}" if requested.host else ""
    newest = f"newest {requested} from {choice.provider} for {target.name}{beside}"
    why = (Reason(newest, requested.at),)
    yield Pin(name=choice.release.framework, version=str(choice.release.version), because=why)
    older = [cell for cell in cells if choice.on(cell.platform) != cell.target.cuda]
    each = len({(cell.target.cuda, choice.on(cell.platform)) for cell in cells}) > 1
    for cell in older if each else older[:1]:
        where = cell.platform if each else ""
        lacking = f"{named(choice)} has no build for CUDA {cell.target.cuda}{f' on {where}' if where else ''}"
        what = f"{lacking}; a build for an older minor runs by minor-version compatibility"
        name = on_platform(f"{choice.release.framework} build", where)
        yield Pin(name=name, version=f"CUDA {choice.on(cell.platform)}", because=(Reason(what, choice.release.at),))
