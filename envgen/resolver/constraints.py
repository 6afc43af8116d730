"""What the facts say of one cell: a target on one platform, for the hardware a project names. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.model.facts import (
    Build,
    Condition,
    Constraint,
    Gpu,
    Matrix,
    Platform,
    Project,
    Reason,
    RequestedFramework,
    RequestedTarget,
    Target,
    Toolkit,
    Variant,
    driver_text,
)
from envgen.model.resolution import Choice

Value = Version | str
Known = Mapping[str, tuple[Value, ...]]  # axis -> its values; several for GPUs, none known when absent


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A target on one platform; `known` holds what does not depend on a choice, `open` the constraints that still may.

    `variants` is what a framework's build may be made for, best first: the target's own CUDA, or (minor-version
    compatibility) an older minor of its major.
    """

    target: Target
    platform: Platform
    variants: tuple[Variant, ...]
    known: Known
    open: tuple[Constraint, ...]
    dead: Reason | None  # why no choice whatever can serve this cell


def with_overrides(target: Target, wish: RequestedTarget) -> Target:
    """The target as the project wants it: fewer platforms, other promises to the solver."""
    platforms = target.platforms if wish.platforms is None else tuple(p for p in target.platforms if p in wish.platforms)
    virtual = {platform: {**target.virtual[platform], **_fitting(wish.virtual, platform)} for platform in platforms}
    return Target(name=target.name, cuda=target.cuda, platforms=platforms, virtual=virtual, at=target.at)


def _fitting(virtual: Mapping[str, str], platform: Platform) -> dict[str, str]:
    """`__glibc` says nothing of macOS, `__osx` nothing of Linux."""
    foreign = {
        "linux": {"__osx", "__win"},
        "osx": {"__glibc", "__linux", "__win", "__cuda"},
        "win": {"__glibc", "__linux", "__osx"},
    }
    return {name: value for name, value in virtual.items() if name not in foreign[platform.split("-")[0]]}


def system(platform: Platform) -> str:
    """The name of the platform's driver family in cuda.yaml."""
    return "windows" if platform.startswith("win") else "linux"


def provider(matrix: Matrix, project: Project, wish: RequestedFramework) -> str:
    """Who publishes a framework for a project: the one asked for, or the first of the project's channels that publishes it."""
    known = matrix.frameworks[wish.framework].providers
    return wish.provider or next((channel for channel in project.channels if channel in known), next(iter(known)))


def promised(target: Target, platform: Platform) -> dict[str, tuple[Value, ...]]:
    """What is known of a target on one of its platforms, whatever a project says: the axes of constraints, and their values."""
    virtual = target.virtual[platform]
    known: dict[str, tuple[Value, ...]] = {"target": (target.name,), "platform": (platform,)}
    if "__glibc" in virtual:
        known["glibc"] = (Version(virtual["__glibc"].split(" ")[0]),)
    if "__archspec" in virtual:
        known["archspec"] = (virtual["__archspec"].split(" ")[-1],)
    return {**known, "cuda": (target.cuda,)} if target.cuda else known


def given(matrix: Matrix, project: Project, target: Target, platform: Platform) -> dict[str, tuple[Value, ...]]:
    """What is known of a target of a project on one platform before anything is chosen."""
    known = promised(target, platform)
    known["provider"] = tuple(dict.fromkeys(provider(matrix, project, wish) for wish in project.frameworks))
    if target.cuda:
        known["gpu"] = tuple(gpu.capability for gpu in project.gpus)
        known |= _driver(matrix.toolkits[target.cuda], project.driver, platform)
    return {axis: values for axis, values in known.items() if values}


def _driver(toolkit: Toolkit, driver: Version | None, platform: Platform) -> dict[str, tuple[Value, ...]]:
    """A driver goes by its version and by a name: `toolkit` from the one that the CUDA toolkit came with on, `older` before it.

    Where nobody names the toolkit's driver (CUDA 13 on Windows), none is older. `own` is no axis: it is for the words.
    """
    own = toolkit.driver.get(system(platform))
    if driver is None:
        return {}
    return {"driver": (driver, "older" if own and driver < own else "toolkit"), "own": (own,) if own else ()}


def by_version(constraint: Constraint, toolkit: Toolkit, platform: Platform) -> Constraint:
    """A constraint in which the names of a driver (see `given`) are versions, as they are for one toolkit on one platform."""
    when, need = ([driver_version(c, toolkit, platform) for c in side] for side in (constraint.when, constraint.need))
    return replace(constraint, when=tuple(when), need=tuple(need))


def driver_version(condition: Condition, toolkit: Toolkit, platform: Platform) -> Condition:
    """A condition about a driver's name as one about its version; every other condition as it is."""
    if condition.axis != "driver" or condition.versions is not None:
        return condition
    own = driver_text(toolkit.driver.get(system(platform)) or Version("0"))
    return Condition("driver", SpecifierSet(f"{'<' if 'older' in condition.names else '>='}{own}", prereleases=True))


def decided(choices: Iterable[Choice], python: Version) -> Known:
    """What is known once releases and Python are chosen."""
    chosen = tuple(choices)
    releases = {choice.release.framework: (choice.release.version,) for choice in chosen}
    return {**releases, "python": (python,), "provider": tuple(choice.provider for choice in chosen)}


def cell(matrix: Matrix, project: Project, target: Target, platform: Platform, *, older: bool = False) -> Cell:
    """One cell of a project, with everything decided that the facts alone decide; with `older` it takes older minors, too."""
    known = given(matrix, project, target, platform)
    undecided, dead = [], next(_hardware(matrix, project, target, platform), None)
    for constraint in matrix.constraints:
        verdict = holds(constraint, known)
        if verdict is False and not constraint.warn:
            dead = dead or Reason(violated(constraint, known), constraint.at)
        elif _may_change(constraint, known) and _possible(constraint.when, known):
            undecided.append(constraint)
    return Cell(
        target=target,
        platform=platform,
        variants=_variants(matrix, project, target, older),
        known=known,
        open=tuple(undecided),
        dead=dead,
    )


def _variants(matrix: Matrix, project: Project, target: Target, older: bool) -> tuple[Variant, ...]:
    """The target's CUDA, and older minors of its major whose toolkits have code for the project's GPUs, too."""
    if target.cuda is None or not older:
        return (target.cuda,)
    same_major = (toolkit for toolkit in matrix.toolkits.values() if toolkit.version.major == target.cuda.major)
    fit = (toolkit.version for toolkit in same_major if all(has_code(toolkit, gpu) for gpu in project.gpus))
    return tuple(sorted((version for version in fit if version <= target.cuda), reverse=True)) or (target.cuda,)


def has_code(toolkit: Toolkit, gpu: Gpu) -> bool:
    """Whether a toolkit has code for a GPU."""
    return gpu.capability in code(*toolkit.capabilities)


@cache
def code(first: Version, last: Version) -> SpecifierSet:
    """The compute capabilities that code for these serves: what is made for X.Y runs on X.Z, Z >= Y, of the same major."""
    return SpecifierSet(f">={first},<{last.major + 1}", prereleases=True)


def warnings(matrix: Matrix, where: Cell, known: Known) -> Iterator[Reason]:
    """What is worth saying of a cell whose choices are made."""
    for constraint in matrix.constraints:
        if constraint.warn and holds(constraint, {**where.known, **known}) is False:
            yield Reason(violated(constraint, {**where.known, **known}), constraint.at)


def _hardware(matrix: Matrix, project: Project, target: Target, platform: Platform) -> Iterator[Reason]:
    if target.cuda is None:
        return
    toolkit = matrix.toolkits[target.cuda]
    floor = toolkit.floor.get(system(platform)) or newest_before(matrix, toolkit, system(platform))
    if project.driver and floor and project.driver < floor:
        needs = f"{driver_text(floor)} or newer" if system(platform) in toolkit.floor else f"newer than {driver_text(floor)}"
        yield Reason(f"CUDA {target.cuda} needs driver {needs}, the fleet's oldest is {driver_text(project.driver)}", toolkit.at)
    yield from (no_code(toolkit, gpu) for gpu in project.gpus if not has_code(toolkit, gpu))


def no_code(toolkit: Toolkit, gpu: Gpu) -> Reason:
    """Why a toolkit does not serve a GPU that it has no code for."""
    low, high = toolkit.capabilities
    text = f"CUDA {toolkit.version} has code for compute capability {low} to {high}, not for {gpu.name} ({gpu.capability})"
    return Reason(text, toolkit.at)


def newest_before(matrix: Matrix, toolkit: Toolkit, system: str) -> Version | None:
    """The newest driver that an older toolkit came with; where NVIDIA names none for a toolkit, its own can only be newer."""
    return max(
        (row.driver[system] for row in matrix.toolkits.values() if row.version < toolkit.version and system in row.driver),
        default=None,
    )


def cudnn_pin(matrix: Matrix, gpus: Collection[Gpu], target: Target) -> tuple[str, Reason] | None:
    """The conda range that keeps cuDNN to versions with code for the oldest of these GPUs; None when any will do."""
    if target.cuda is None or not gpus:
        return None
    oldest = min(gpus, key=lambda gpu: gpu.capability)
    rows = [row for row in matrix.cudnn if target.cuda.major in row.cuda_majors]
    too_new = [row for row in rows if row.floor > oldest.capability]
    if not too_new:
        return None
    first = too_new[-1]
    bound = f"{first.version.major}.{first.version.minor}"
    return f"<{bound}", Reason(f"cuDNN {bound} and later have no code for {oldest.name} ({oldest.capability})", first.at)


def cudnn_floor(matrix: Matrix, version: Version) -> Version | None:
    """The lowest compute capability that a cuDNN has code for, by its minor; a minor between two rows is judged by the older."""
    return max((row.floor for row in matrix.cudnn if row.version.release[:2] <= version.release[:2]), default=None)


# --- constraints ----------------------------------------------------------------------------------------------------------


def holds(constraint: Constraint, known: Known) -> bool | None:
    """True or False where `when` holds; None where it does not apply. GPUs are judged one by one."""
    if "gpu" not in known:
        return _holds(constraint, known)
    verdicts = [_holds(constraint, {**known, "gpu": (capability,)}) for capability in known["gpu"]]
    decided = [verdict for verdict in verdicts if verdict is not None]
    return all(decided) if decided else None


def _holds(constraint: Constraint, known: Known) -> bool | None:
    if not all(condition.axis in known and fulfilled(condition, known) for condition in constraint.when):
        return None
    return all(condition.axis not in known or fulfilled(condition, known) for condition in constraint.need)


def fulfilled(condition: Condition, known: Known) -> bool:
    """Whether a known axis has a value that a condition admits."""
    values = known[condition.axis]
    if condition.versions is None:
        return any(value in condition.names for value in values)
    return any(isinstance(value, Version) and within(condition.versions, value) for value in values)


@cache
def within(versions: SpecifierSet, version: Version) -> bool:
    """Whether a version is in a range; remembered, because the same few are asked again and again."""
    return version in versions


def ranges(matrix: Matrix, project: Project) -> dict[str, tuple[SpecifierSet, ...]]:
    """For each framework of a project every range of it that a constraint speaks of."""
    found: dict[str, dict[SpecifierSet, None]] = {wish.framework: {} for wish in project.frameworks}
    for constraint in matrix.constraints:
        for condition in (*constraint.when, *constraint.need):
            if condition.axis in found and condition.versions is not None and not constraint.warn:
                found[condition.axis].setdefault(condition.versions)
    return {framework: tuple(rows) for framework, rows in found.items()}


def _may_change(constraint: Constraint, known: Known) -> bool:
    return any(condition.axis not in known for condition in (*constraint.when, *constraint.need))


def _possible(when: Iterable[Condition], known: Known) -> bool:
    return all(condition.axis not in known or fulfilled(condition, known) for condition in when)


def violated(constraint: Constraint, known: Known) -> str:
    """A constraint that does not hold, in words: what needs what, and what there is instead."""
    have = ", ".join(f"{c.axis} {_values(c.axis, known[c.axis])}" for c in constraint.need if c.axis in known)
    return f"{demanded(constraint, known)}, not {have} ({constraint.because})"


def demanded(constraint: Constraint, known: Known = MappingProxyType({})) -> str:
    """A constraint in words: what needs what."""
    asked = " and ".join(f"{c.axis} {words(c, known)}" for c in constraint.need)
    given = " and ".join(f"{c.axis} {words(c, known)}" for c in constraint.when) or "everything"
    return f"{given} needs {asked}"


def words(condition: Condition, known: Known = MappingProxyType({})) -> str:
    """The values that a condition admits, in words; of a driver that goes by a name the version, where the toolkit is known."""
    if condition.versions is not None:
        return str(condition.versions)
    if condition.axis == "driver" and "own" in known:
        own, where = _values("driver", known["own"]), " on Windows" if "win-64" in known["platform"] else ""
        return f"{'<' if 'older' in condition.names else '>='}{own} (that of CUDA {known['cuda'][0]}{where})"
    return " or ".join(sorted(condition.names))


def _values(axis: str, values: Iterable[Value]) -> str:
    """Values in words; of a driver the version alone, without its name."""
    if axis == "driver":
        return ", ".join(driver_text(value) for value in values if isinstance(value, Version))
    return ", ".join(map(str, values))


# --- builds ---------------------------------------------------------------------------------------------------------------


def builds(choice: Choice, where: Cell) -> tuple[Build, ...]:
    """The rows of a chosen release that serve a cell."""
    return tuple(
        build
        for build in choice.release.builds
        if build.provider == choice.provider and choice.variant in build.variants and where.platform in build.platforms
    )


def pythons(where: Cell, known: Known, candidates: Iterable[Version]) -> frozenset[Version]:
    """The candidates that no open constraint of the cell refuses, given the choices in `known`."""
    facts = {**where.known, **known}
    return frozenset(
        python for python in candidates if all(c.warn or holds(c, {**facts, "python": (python,)}) is not False for c in where.open)
    )


def broken(where: Cell, known: Known, candidates: Iterable[Version]) -> Iterator[Reason]:
    """The open constraints of a cell that refuse every candidate, in words."""
    for python in candidates:
        facts = {**where.known, **known, "python": (python,)}
        for constraint in where.open:
            if not constraint.warn and holds(constraint, facts) is False:
                yield Reason(violated(constraint, facts), constraint.at)


def minors_in(found: SpecifierSet, known: Iterable[Version]) -> frozenset[Version]:
    """The Python minors of a range."""
    return frozenset(minor for minor in known if within(found, minor))
