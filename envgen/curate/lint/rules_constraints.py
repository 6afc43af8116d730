"""The rules about constraints and bounds: each can apply, holds something back, and is compatible with the others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations

from packaging.specifiers import SpecifierSet

from envgen.curate.lint.registry import LintContext, LintResults, rule
from envgen.curate.lint.satisfiable import disjoint, floors, satisfiable, subset
from envgen.model.constraint import Bound, Condition, Constraint
from envgen.model.facts import driver_text


def words(condition: Condition) -> str:
    """A condition in words: `cuda >=12`, `platform linux-64 or win-64`."""
    values = str(condition.versions) if condition.versions is not None else " or ".join(sorted(condition.names))
    return f"{condition.axis} {values}"


def _pairs(one: tuple[Condition, ...], other: tuple[Condition, ...]) -> Iterator[tuple[Condition, Condition]]:
    """The conditions of two sides that are about the same axis."""
    return ((a, b) for a in one for b in other if a.axis == b.axis)


def _no_such_gpu(context: LintContext, condition: Condition) -> bool:
    """Whether a condition is a range of compute capabilities that no model has."""
    known = {gpu.capability for gpu in context.matrix.gpus.values()}
    versions = condition.versions
    return condition.axis == "gpu" and versions is not None and not any(capability in versions for capability in known)


@rule("never-applies", "A constraint that no target, release or machine can meet is a typo, or about something that was removed.")
def never_applies(context: LintContext) -> LintResults:
    """`when` as a whole. The message names the first condition that is impossible by itself, if there is one."""
    for constraint in context.constraints:
        if any(_no_such_gpu(context, condition) for condition in constraint.when) or satisfiable(context, constraint.when):
            continue
        alone = next((condition for condition in constraint.when if not satisfiable(context, (condition,))), None)
        what = words(alone) if alone else " and ".join(map(words, constraint.when)) + " together"
        where = context.at(constraint.at, "when", *((alone.axis,) if alone else ()))
        yield where, f"nothing in the matrices can have {what}", "correct it, or remove the row"


@rule("unknown-gpu", "A range of compute capabilities must include a model in gpus.yaml.")
def unknown_gpu(context: LintContext) -> LintResults:
    """On either side of a constraint."""
    for constraint in context.constraints:
        for side, conditions in (("when", constraint.when), ("need", constraint.need)):
            for condition in conditions:
                if _no_such_gpu(context, condition):
                    where = context.at(constraint.at, side, "gpu")
                    yield where, f"no GPU in gpus.yaml has {words(condition)}", "correct the range, or add the model"


@rule("says-nothing", "A need that is met wherever the constraint applies holds nothing back.")
def says_nothing(context: LintContext) -> LintResults:
    """Each condition of `need` by itself. Drivers have a rule of their own."""
    for bound in (bound for bound in context.matrix.bounds if not bound.comes_with):
        for condition in (condition for condition in bound.need if condition.versions == SpecifierSet()):
            where = context.at(bound.at, "need", condition.axis)
            yield where, f"any version of {condition.axis} will do", "write the range, or what it comes with"
    for constraint, condition in _needs(context):
        if condition.axis != "driver" and not satisfiable(context, constraint.when, violated=condition):
            where = context.at(constraint.at, "need", condition.axis)
            yield where, f"{words(condition)} is always met", "narrow it, or remove the row"


@rule("driver-floor", "A constraint on the driver must need a newer one than CUDA itself does.")
def driver_floor(context: LintContext) -> LintResults:
    """A driver below the floor of every toolkit that the constraint is about."""
    for constraint, condition in _needs(context):
        if condition.axis == "driver" and not satisfiable(context, constraint.when, violated=condition):
            least = min(floors(context, constraint.when), default=None)
            text = f"{words(condition)} is below what CUDA needs" + (f": driver {driver_text(least)} or newer" if least else "")
            yield context.at(constraint.at, "need", "driver"), text, "write the newer driver, or remove the row"


def _needs(context: LintContext) -> Iterator[tuple[Constraint, Condition]]:
    """Every condition of `need` of a constraint that can apply."""
    for constraint in context.matrix.constraints:
        if satisfiable(context, constraint.when):
            yield from ((constraint, condition) for condition in constraint.need)


@rule("contradiction", "Constraints that can apply together must be satisfiable together.")
def contradiction(context: LintContext) -> LintResults:
    """A constraint that contradicts itself, and pairs about the same frameworks.

    Two frameworks may need different releases of a third: then no environment holds all of them, and that is a fact.
    """
    for constraint in context.constraints:
        for given, needed in _pairs(constraint.when, constraint.need):
            if disjoint(given, needed):
                where = context.at(constraint.at, "need", needed.axis)
                hint = "to exclude something, name it in `when` and put what must hold instead in `need`"
                yield where, f"it applies to {words(given)} and needs {words(needed)}", hint
    for one, other in combinations(context.constraints, 2):
        conflict = next((pair for pair in _pairs(one.need, other.need) if disjoint(*pair)), None)
        if conflict and _weak(one) == _weak(other) and _same_frameworks(context, one, other) and _together(context, one, other):
            first, second = map(words, conflict)
            where = context.at(other.at, "need", conflict[1].axis)
            yield where, f"it needs {second}, but {one.at} needs {first}", "correct one, or make their `when` exclude each other"


def _same_frameworks(context: LintContext, one: Constraint, other: Constraint) -> bool:
    first, second = ({c.axis for c in row.when} & set(context.matrix.frameworks) for row in (one, other))
    return first <= second or second <= first


def _together(context: LintContext, one: Constraint, other: Constraint) -> bool:
    """Whether both constraints can apply at once."""
    return satisfiable(context, (*one.when, *other.when))


def _implies(one: Constraint, other: Constraint) -> bool:
    """Whether `one` needs all that `other` needs, wherever `other` applies."""
    applies = all(any(given.axis == c.axis and subset(given, c) for given in other.when) for c in one.when)
    needs = all(any(needed.axis == c.axis and subset(needed, c) for needed in one.need) for c in other.need)
    return applies and needs and (_weak(other) or not _weak(one))


def _weak(constraint: Constraint) -> bool:
    """Whether breaking a constraint is only worth a warning, in `resolve` or in `verify`."""
    return constraint.warn or (isinstance(constraint, Bound) and constraint.partly)


@rule("shadowed-constraint", "A constraint adds nothing if another one needs the same, or more, wherever it applies.")
def shadowed_constraint(context: LintContext) -> LintResults:
    """Of two equal constraints, the later one."""
    for (first, one), (second, other) in permutations(enumerate(context.constraints), 2):
        if _implies(one, other) and (first < second or not _implies(other, one)) and satisfiable(context, other.when):
            yield other.at, f"the row at {one.at} needs all of this", "remove this row"


@rule("overlapping-constraints", "Where two constraints about the same things overlap, both must hold.", severity="warning")
def overlapping_constraints(context: LintContext) -> LintResults:
    """Constraints with the same axes on both sides whose ranges overlap in part. Bounds may: each says what else breaks."""
    for one, other in combinations(context.matrix.constraints, 2):
        if one.warn != other.warn or _axes(one) != _axes(other) or _implies(one, other) or _implies(other, one):
            continue
        conflict = any(disjoint(*pair) for pair in _pairs(one.need, other.need))
        if not conflict and _together(context, one, other):
            where = context.at(other.at, "when")
            yield where, f"its range overlaps that of {one.at}", "change the ranges so that they exclude each other"


def _axes(constraint: Constraint) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(c.axis for c in constraint.when), frozenset(c.axis for c in constraint.need)


@rule("until-passed", "A constraint is checked again when its `until` date has come.")
def until_passed(context: LintContext) -> LintResults:
    """The date itself is the first day on which the constraint need no longer hold."""
    for constraint in context.constraints:
        if constraint.until and constraint.until <= context.today:
            hint = "check its source again: remove the row, or write a later date"
            yield context.at(constraint.at, "until"), f"{constraint.until} has passed", hint
