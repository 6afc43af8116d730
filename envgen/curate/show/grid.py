"""The grid: which builds a query leaves. Pure.

The resolver's code judges the constraints of each group. So a cell fits exactly when `envgen resolve` takes that build for a
project that asks for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from packaging.version import Version

from envgen.curate.show.groups import BuildConstraint, BuildGroup, build_groups
from envgen.curate.show.query import Query
from envgen.matrix.constraints import Driver, Known, Value, holds
from envgen.model.constraint import Condition, Constraint
from envgen.model.facts import Matrix, driver_text
from envgen.model.gpu import Gpu

Status = Literal["out", "warn", "met", "open"]  # violated; violated, but only a warning; met; not known


@dataclass(frozen=True, slots=True)
class ConstraintResult:
    """A constraint judged for a query. `given` is what violates it: `driver 470`, `V100 (7.0)`."""

    status: Status
    constraint: BuildConstraint
    given: str = ""


@dataclass(frozen=True, slots=True)
class GridCell:
    """A group of builds judged for a query: the Pythons that are left, and every constraint that applies."""

    group: BuildGroup
    pythons: tuple[Version, ...]
    results: tuple[ConstraintResult, ...]

    @property
    def verdict(self) -> Literal["in", "warn", "out"]:
        """Whether a project can have it: yes, with a warning, or no."""
        statuses = {result.status for result in self.results}
        return "out" if "out" in statuses else "warn" if "warn" in statuses else "in"


def grid(matrix: Matrix, query: Query) -> tuple[GridCell, ...]:
    """Every cell that a query is about: by framework, newest release first, then by provider, variant and platform."""
    return tuple(judge(group, query) for group in build_groups(matrix, query.frameworks, query.platform))


def judge(group: BuildGroup, query: Query) -> GridCell:
    """One cell, with constraints judged for the newest Python that is left, which is the one that a project gets."""
    gpus = tuple(gpu for gpu in query.gpus if gpu.on(group.platform))
    known = {**group.known, **(_machine(query, gpus) if group.variant else {})}
    nowhere = tuple(_elsewhere(group, query)) if group.variant and not gpus else ()
    hard = [item.rule for item in group.constraints if not item.rule.warn]
    candidates = [python for python in group.pythons if query.python in (None, python) and not nowhere]
    with_each = ((python, {**known, "python": (python,)}) for python in candidates)
    left = tuple(python for python, here in with_each if all(holds(rule, here) is not False for rule in hard))
    python = query.python or (left or group.pythons)[-1]
    results = (_result(item, {**known, "python": (python,)}, gpus) for item in group.constraints)
    return GridCell(group, left, (*nowhere, *(result for result in results if result)))


def _machine(query: Query, gpus: tuple[Gpu, ...]) -> dict[str, tuple[Value, ...]]:
    capabilities: tuple[Value, ...] = tuple(gpu.capability for gpu in gpus)
    driver: tuple[Value, ...] = (Driver(query.driver, query.latest or query.driver),) if query.driver else ()
    return {axis: values for axis, values in (("gpu", capabilities), ("driver", driver)) if values}


def _elsewhere(group: BuildGroup, query: Query) -> Iterator[ConstraintResult]:
    """That none of the GPUs is in a machine of the platform; nothing where no GPU is asked for."""
    if query.gpus:
        platforms = frozenset[str]().union(*(gpu.platforms for gpu in query.gpus))
        need = Condition("platform", names=platforms)
        constraint = BuildConstraint(
            rule=Constraint(when=(), need=(need,), because="", at=group.builds[0].at),
            axis="platform",
            text=f"no GPU of these is in a {group.platform} machine",
            fix=f"platform {', '.join(sorted(platforms))}",
        )
        yield ConstraintResult("out", constraint, ", ".join(map(gpu_text, query.gpus)))


def _result(item: BuildConstraint, known: Known, gpus: tuple[Gpu, ...]) -> ConstraintResult | None:
    """None where the constraint does not apply."""
    met = holds(item.rule, known)
    if met is None:
        return None
    if met:
        return ConstraintResult("met" if all(c.axis in known for c in item.rule.need) else "open", item)
    return ConstraintResult("warn" if item.rule.warn else "out", item, ", ".join(_given(item.rule, known, gpus)))


def _given(rule: Constraint, known: Known, gpus: tuple[Gpu, ...]) -> Iterator[str]:
    """What of a query violates a constraint: the driver, each GPU that does by itself, the Python."""
    axes = {c.axis for c in (*rule.when, *rule.need)}
    if "driver" in axes and "driver" in known:
        yield from (f"driver {driver_text(value.version)}" for value in known["driver"] if isinstance(value, Driver))
    if "gpu" in axes and "gpu" in known:
        yield from (gpu_text(gpu) for gpu in gpus if holds(rule, {**known, "gpu": (gpu.capability,)}) is False)
    if "python" in axes:
        yield f"python {known['python'][0]}"


def gpu_text(gpu: Gpu) -> str:
    """`V100 (7.0)`, or `compute capability 7.0`."""
    return gpu.name if gpu.name.endswith(str(gpu.capability)) else f"{gpu.name} ({gpu.capability})"
