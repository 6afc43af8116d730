"""What a constraint says of what is known: whether it holds, and the words for it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envgen.matrix.hardware import driver_os
from envgen.model.constraint import Bound, Condition, Constraint
from envgen.model.facts import Platform, Target, driver_text
from envgen.model.toolkit import Toolkit


@dataclass(frozen=True, slots=True)
class Driver:
    """The oldest driver of a project's machines, as it is written, and the newest that this stands for (`580` is a whole branch).

    `toolkit` is the one that the CUDA toolkit came with: None where none is known.
    """

    version: Version
    latest: Version
    toolkit: Version | None = None

    @property
    def name(self) -> str:
        """`older` than the toolkit's driver, or `toolkit`: what constraints call it beside its version."""
        return "older" if self.toolkit and self.latest < self.toolkit else "toolkit"


@dataclass(frozen=True, slots=True)
class RequestedVersions:
    """The versions of a package that a project requests."""

    versions: SpecifierSet

    def __str__(self) -> str:
        return str(self.versions)


Value = Version | str | Driver | RequestedVersions
Known = Mapping[str, tuple[Value, ...]]  # axis -> its values; several for GPUs, no entry where nothing is known


def known_of_target(target: Target, platform: Platform) -> dict[str, tuple[Value, ...]]:
    """The axes that a target decides on one of its platforms, whatever a project says."""
    virtual = target.virtual[platform]
    known: dict[str, tuple[Value, ...]] = {"target": (target.name,), "platform": (platform,)}
    if "__glibc" in virtual:
        known["glibc"] = (Version(virtual["__glibc"].split(" ")[0]),)
    if "__archspec" in virtual:
        known["archspec"] = (virtual["__archspec"].split(" ")[-1],)
    return {**known, "cuda": (target.cuda,)} if target.cuda else known


def holds(constraint: Constraint, known: Known) -> bool | None:
    """Whether `need` is met where `when` is met; None where `when` is not. Each GPU is judged by itself."""
    if (gpus := known.get("gpu")) is None or len(gpus) == 1:
        return _holds(constraint, known)
    verdicts = [_holds(constraint, {**known, "gpu": (capability,)}) for capability in gpus]
    applicable = [verdict for verdict in verdicts if verdict is not None]
    return all(applicable) if applicable else None


def _holds(constraint: Constraint, known: Known) -> bool | None:
    for condition in constraint.when:  # most rows end here: a loop, because a generator takes longer to make
        if condition.axis not in known or not fulfilled(condition, known):
            return None
    return all(condition.axis not in known or fulfilled(condition, known) for condition in constraint.need)


def fulfilled(condition: Condition, known: Known) -> bool:
    """Whether a known axis has a value that a condition admits."""
    judged = condition.judged
    for value in known[condition.axis]:
        admitted = judged.get(value)
        if admitted is None:
            admitted = judged[value] = _admits(condition, value)
        if admitted:
            return True
    return False


def _admits(condition: Condition, value: Value) -> bool:
    if condition.axis == "driver":
        return _admits_driver(condition, value)
    return value in condition.names if condition.versions is None else _in_range(condition.versions, value)


def _in_range(versions: SpecifierSet, value: Value) -> bool:
    """Whether a version is in a range, or some of those that a project requests."""
    if isinstance(value, RequestedVersions):
        return not (versions & value.versions).is_unsatisfiable()
    return isinstance(value, Version) and within(versions, value)


def _admits_driver(condition: Condition, driver: Value) -> bool:
    """Whether a driver's name, or the newest version that it stands for, is one that a condition admits."""
    if condition.versions is None:
        return isinstance(driver, Driver) and driver.name in condition.names
    version = driver.latest if isinstance(driver, Driver) else driver
    return isinstance(version, Version) and within(condition.versions, version)


@cache
def within(versions: SpecifierSet, version: Version) -> bool:
    """Whether a version is in a range. Cached: a search asks about the same few again and again."""
    return version in versions


# --- drivers by name ------------------------------------------------------------------------------------------------------


def by_version(constraint: Constraint, toolkit: Toolkit, platform: Platform) -> Constraint:
    """The constraint with driver versions in place of driver names, for one toolkit on one platform."""
    if not any(_names_driver(condition) for condition in (*constraint.when, *constraint.need)):
        return constraint
    when, need = ([driver_version(c, toolkit, platform) for c in side] for side in (constraint.when, constraint.need))
    return replace(constraint, when=tuple(when), need=tuple(need))


def driver_version(condition: Condition, toolkit: Toolkit, platform: Platform) -> Condition:
    """A condition on a driver's name as one on its version; any other condition unchanged."""
    if not _names_driver(condition):
        return condition
    own = driver_text(toolkit.driver.get(driver_os(platform)) or Version("0"))
    return Condition("driver", SpecifierSet(f"{'<' if 'older' in condition.names else '>='}{own}"))


def _names_driver(condition: Condition) -> bool:
    return condition.axis == "driver" and condition.versions is None


# --- in words -------------------------------------------------------------------------------------------------------------


def violation_text(constraint: Constraint, known: Known) -> str:
    """A constraint that does not hold: what needs what, what there is instead, and the source."""
    known = _with_refused_gpus(constraint, known)
    if constraint.says:
        return f"{constraint.says}, not for compute capability {_values_text(known.get('gpu', ()))} ({constraint.because})"
    have = ", ".join(f"{c.axis} {_values_text(known[c.axis])}" for c in constraint.need if c.axis in known)
    return f"{constraint_text(constraint, known)}, not {have} ({constraint.because})"


def _with_refused_gpus(constraint: Constraint, known: Known) -> Known:
    """What is known, with those GPUs alone that a constraint refuses; with all, where it refuses none of them by itself."""
    refused = tuple(value for value in known.get("gpu", ()) if holds(constraint, {**known, "gpu": (value,)}) is False)
    return {**known, "gpu": refused} if refused else known


def constraint_text(constraint: Constraint, known: Known = MappingProxyType({})) -> str:
    """What needs what: `pytorch >=2.9 with cuda >=13 and provider conda-forge needs glibc >=2.28`."""
    if constraint.says:
        return constraint.says
    need = " and ".join(f"{c.axis} {condition_text(c, known)}" for c in constraint.need)
    first, *rest = [f"{c.axis} {condition_text(c, known)}" for c in constraint.when] or ["everything"]
    company = f" with {' and '.join(rest)}" if rest else ""
    return f"{first}{company} needs {need}"


def bound_text(bound: Bound) -> str:
    """What needs which versions of what, and what happens with others."""
    return f"{constraint_text(bound)}, or {bound.breaks}"


def condition_text(condition: Condition, known: Known = MappingProxyType({})) -> str:
    """The values that a condition admits. A driver's name is told as a version where the toolkit is known."""
    if condition.versions is not None:
        return str(condition.versions)
    driver = known["driver"][0] if condition.axis == "driver" and "driver" in known else None
    if isinstance(driver, Driver) and driver.toolkit:
        where = " on Windows" if "win-64" in known["platform"] else ""
        bound = "<" if "older" in condition.names else ">="
        return f"{bound}{driver_text(driver.toolkit)} (that of CUDA {known['cuda'][0]}{where})"
    return " or ".join(sorted(condition.names))


def _values_text(values: Iterable[Value]) -> str:
    return ", ".join(driver_text(value.version) if isinstance(value, Driver) else str(value) for value in values)
