"""A cell: one target on one platform, for the hardware that a project names, and what the facts say of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.matrix.constraints import (
    Driver,
    Known,
    RequestedVersions,
    Value,
    bound_text,
    fulfilled,
    holds,
    known_of_target,
    violation_text,
    within,
)
from envgen.matrix.hardware import driver_os, has_code, latest_driver, no_code_text, runs_with
from envgen.model.constraint import Bound, Condition, Constraint
from envgen.model.facts import Build, Matrix, Need, Platform, Reason, Target, Variant, driver_text
from envgen.model.gpu import Gpu
from envgen.model.project import Project
from envgen.model.requested import provider_of
from envgen.model.resolution import AppliedBound, Choice, DroppedPlatform
from envgen.resolver.dependencies import dependencies_of
from envgen.resolver.specs import requested_versions

Place = tuple[Platform, Version]  # a platform and a Python


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One target on one platform.

    `gpus` are those of the project that its platform can have, in a CUDA target. `known` holds what does not depend on a choice,
    `open` the constraints that a choice may still break. `variants` is what a framework's build may be made for, best first: the
    target's own CUDA, then (minor-version compatibility) older minors of its major. `unsatisfiable` says why no choice can serve
    the cell; None where one may.
    """

    target: Target
    platform: Platform
    gpus: tuple[Gpu, ...]
    variants: tuple[Variant, ...]
    known: Known
    open: tuple[Constraint, ...]
    unsatisfiable: Reason | None


# --- what a project asks for ----------------------------------------------------------------------------------------------


def minors_in(versions: SpecifierSet, known: Iterable[Version]) -> frozenset[Version]:
    """The Python minors of a range."""
    return frozenset(minor for minor in known if within(versions, minor))


# --- what is known --------------------------------------------------------------------------------------------------------


def known_of(matrix: Matrix, project: Project, target: Target, platform: Platform) -> dict[str, tuple[Value, ...]]:
    """The axes of a cell that are known before anything is chosen."""
    known = known_of_target(target, platform)
    known["provider"] = tuple(dict.fromkeys(provider_of(matrix, project, requested) for requested in project.frameworks))
    if target.cuda:
        known["gpu"] = tuple(gpu.capability for gpu in project.gpus if gpu.on(platform))
        came_with = matrix.toolkits[target.cuda].driver.get(driver_os(platform))
        known["driver"] = (Driver(have, latest_driver(matrix, have), came_with),) if (have := project.driver) else ()
    known.update(_known_of_dependencies(matrix, project, target))
    return {axis: values for axis, values in known.items() if values}


def _known_of_dependencies(matrix: Matrix, project: Project, target: Target) -> Known:
    """The versions that the dependencies of a target request of the packages that bounds are about."""
    bounded = {condition.axis for bound in matrix.bounds for condition in bound.need}
    found: dict[str, tuple[Value, ...]] = {}
    dependencies = dependencies_of(matrix, project, target)
    for name in bounded.intersection(dependency.name for dependency in dependencies):
        specs = [dependency.spec for dependency in dependencies if dependency.name == name]
        ranges = [requested_versions(spec) or SpecifierSet() for spec in specs]
        if any(map(str, ranges)):
            found[name] = (RequestedVersions(reduce(and_, ranges)),)
    return found


def known_of_choices(choices: Iterable[Choice], python: Version) -> Known:
    """The axes that are known once releases and Python are chosen."""
    chosen = tuple(choices)
    releases = {name: versions for choice in chosen for name, versions in versions_of(choice).items()}
    return {**releases, "python": (python,), "provider": tuple(choice.provider for choice in chosen)}


def versions_of(choice: Choice) -> Known:
    """The version of a framework."""
    return {choice.release.framework: (choice.release.version,)}


# --- a cell ---------------------------------------------------------------------------------------------------------------


def cell_of(matrix: Matrix, project: Project, target: Target, platform: Platform) -> Cell:
    """One cell of a project, with everything decided that no choice can change; only builds for just its CUDA count."""
    project = project.for_target(target.name)
    known = known_of(matrix, project, target, platform)
    gpus = tuple(gpu for gpu in project.gpus if target.cuda and gpu.on(platform))
    undecided, unsatisfiable = [], next(_hardware_reasons(matrix, project, target, platform), None)
    there = {requested.framework for requested in project.frameworks} | known.keys()
    for constraint in matrix.constraints_with(there):
        if not (_may_apply(constraint.when, known) and _is_relevant(constraint, known)):
            continue
        verdict = holds(constraint, known)
        if verdict is False and not constraint.warn:
            unsatisfiable = unsatisfiable or Reason(violation_text(constraint, known), constraint.at)
        elif _may_change(constraint, known):
            undecided.append(constraint)
    return Cell(
        target=target,
        platform=platform,
        gpus=gpus,
        variants=(target.cuda,),
        known=known,
        open=tuple(undecided),
        unsatisfiable=unsatisfiable,
    )


def with_older(matrix: Matrix, project: Project, cell: Cell) -> Cell:
    """The cell with builds for older minors of its major, too, if their toolkits have code for the project's GPUs."""
    cuda = cell.target.cuda
    if cuda is None:
        return cell
    toolkits = [toolkit for toolkit in matrix.toolkits.values() if runs_with(toolkit.version, cuda)]
    fitting = (
        toolkit.version for toolkit in toolkits if all(has_code(toolkit, gpu) for gpu in project.for_target(cell.target.name).gpus)
    )
    return replace(cell, variants=tuple(sorted(fitting, reverse=True)) or (cuda,))


def _is_relevant(constraint: Constraint, known: Known) -> bool:
    """Whether the search looks at it: not at bounds on packages that the project lets be any version, which the solver gets."""
    return not isinstance(constraint, Bound) or any(condition.axis in known for condition in constraint.need)


def _hardware_reasons(matrix: Matrix, project: Project, target: Target, platform: Platform) -> Iterator[Reason]:
    """Why the project's machines cannot run a target at all: the driver, each GPU without code."""
    if target.cuda is None:
        return
    toolkit = matrix.toolkits[target.cuda]
    floor, have = toolkit.floor.get(driver_os(platform)), project.driver
    if have and floor and latest_driver(matrix, have) < floor:
        needs = f"CUDA {target.cuda} needs driver {driver_text(floor)} or newer"
        yield Reason(f"{needs}, the project's oldest is {driver_text(have)}", toolkit.at)
    here = [gpu for gpu in project.gpus if gpu.on(platform)]
    yield from (Reason(no_code_text(toolkit, gpu), toolkit.at) for gpu in here if not has_code(toolkit, gpu))
    if project.gpus and not here:
        names = ", ".join(f"{gpu.name} is in {' and '.join(sorted(gpu.platforms))} machines alone" for gpu in project.gpus)
        yield Reason(f"no GPU of the project can be in a {platform} machine: {names}", project.at("gpus"))


def _may_change(constraint: Constraint, known: Known) -> bool:
    return any(condition.axis not in known for condition in (*constraint.when, *constraint.need))


def _may_apply(when: Iterable[Condition], known: Known) -> bool:
    return all(row.axis not in known or fulfilled(row, known) for row in when)


# --- what a choice means for a cell ---------------------------------------------------------------------------------------


def builds_for(choice: Choice, cell: Cell) -> tuple[Build, ...]:
    """The rows of a chosen release that serve a cell."""
    return tuple(
        build
        for build in choice.release.builds
        if build.provider == choice.provider and choice.on(cell.platform) in build.variants and cell.platform in build.platforms
    )


def with_glibc(rows: tuple[Build, ...], cell: Cell) -> tuple[tuple[Build, ...], Reason | None]:
    """The rows whose wheels run with the glibc of a cell; where there are others alone, which glibc they need."""
    have = next((value for value in cell.known.get("glibc", ()) if isinstance(value, Version)), None)
    newer = [row for row in rows if row.glibc and have and row.glibc > have]
    if not newer or len(newer) < len(rows):
        return tuple(row for row in rows if row not in newer), None
    return rows, Reason(f"glibc {newer[0].glibc}, and the target promises {have}", newer[0].at)


def needed(rows: Sequence[Build], platform: Platform) -> dict[Place, frozenset[tuple[Need, ...]]]:
    """What each build needs, for each Python that they are for; no entry where one of the builds needs nothing."""
    if not any(row.needs for row in rows):
        return {}
    found: dict[Place, set[tuple[Need, ...]]] = {}
    for row in rows:
        for python in row.pythons:
            found.setdefault((platform, python), set()).add(row.needs)
    return {place: frozenset(needs) for place, needs in found.items() if () not in needs}


def linked(rows: Sequence[Build], platform: Platform) -> dict[Place, frozenset[int]]:
    """The cuDNN majors of builds, for each Python that they are for; no entry where one of the builds links none."""
    if not any(row.cudnn for row in rows):
        return {}
    found: dict[Place, set[int | None]] = {}
    for row in rows:
        for python in row.pythons:
            found.setdefault((platform, python), set()).add(row.cudnn)
    return {place: frozenset(major for major in majors if major) for place, majors in found.items() if None not in majors}


def both(one: frozenset[int] | None, other: frozenset[int] | None) -> frozenset[int] | None:
    """The cuDNN majors that two builds have in common; None for a build that links none."""
    return other if one is None else one if other is None else one & other


def pythons_left(cell: Cell, known: Known, pythons: Iterable[Version]) -> frozenset[Version]:
    """The Pythons that no open constraint of the cell refuses, given the choices in `known`."""
    facts = {**cell.known, **known}
    rows = [row for row in cell.open if not row.warn and all(_is_met(condition, facts) for condition in row.when)]
    left = ((python, {**facts, "python": (python,)}) for python in pythons)
    return frozenset(python for python, here in left if not any(holds(row, here) is False for row in rows))


def _is_met(condition: Condition, facts: Known) -> bool:
    """Whether a condition holds whatever the Python; one on Python may."""
    return condition.axis == "python" or (condition.axis in facts and fulfilled(condition, facts))


def violations(cell: Cell, known: Known, pythons: Iterable[Version]) -> Iterator[Reason]:
    """The open constraints of the cell that refuse some Pythons, given the choices in `known`."""
    for python in pythons:
        facts = {**cell.known, **known, "python": (python,)}
        for constraint in cell.open:
            if not constraint.warn and holds(constraint, facts) is False:
                yield Reason(violation_text(constraint, facts), constraint.at)


def warnings(matrix: Matrix, cell: Cell, known: Known) -> Iterator[Reason]:
    """The constraints that only warn and do not hold, once everything is chosen."""
    facts = {**cell.known, **known}
    for constraint in matrix.constraints:
        if constraint.warn and holds(constraint, facts) is False:
            yield Reason(violation_text(constraint, facts), constraint.at)


def applied_bounds(matrix: Matrix, facts: Mapping[Platform, Known]) -> tuple[AppliedBound, ...]:
    """The bounds that apply, given what is known on each platform of a target, in the order of the files."""
    found: list[AppliedBound] = []
    for bound in matrix.bounds:
        platforms = tuple(platform for platform, own in facts.items() if holds(bound, own) is not None)
        found.extend(
            AppliedBound(
                package=condition.axis,
                versions=condition.versions or SpecifierSet(),
                platforms=platforms,
                always=any(name in own for own in facts.values() for name in bound.comes_with),
                because=Reason(bound_text(bound), bound.at, bound.because),
            )
            for condition in bound.need
            if platforms
        )
    return tuple(found)


def version_ranges(matrix: Matrix, project: Project) -> dict[str, tuple[SpecifierSet, ...]]:
    """For each framework of a project every range of its versions that a constraint names, or that a companion goes with."""
    found: dict[str, dict[SpecifierSet, None]] = {requested.framework: {} for requested in project.frameworks}
    requested = {dependency.name for row in project.targets for dependency in (*project.dependencies, *row.dependencies)}
    bounds = (bound for bound in matrix.bounds if any(condition.axis in requested for condition in bound.need))
    for constraint in (*matrix.constraints, *bounds):
        for condition in (*constraint.when, *constraint.need):
            if condition.axis in found and condition.versions is not None and not constraint.warn:
                found[condition.axis].setdefault(condition.versions)
    for framework in tuple(found):
        for name, versions in matrix.frameworks[framework].needs:
            found.get(name, {}).setdefault(versions)
    return {framework: tuple(rows) for framework, rows in found.items()}


def not_for(matrix: Matrix, project: Project, target: Target, platform: Platform) -> DroppedPlatform:
    """That a target is not for a platform; and what to do where no CUDA target is, and the project has no other target for it."""
    without = matrix.without_cuda.get((platform, ""))
    has_cpu = any(matrix.targets[row.name].cuda is None for row in project.targets if row.name)
    why = f": {without.text}; add a target cpu for it" if without and target.cuda and not has_cpu else ""
    return DroppedPlatform(platform, Reason(f"target {target.name} is not for {platform}{why}", target.at))
