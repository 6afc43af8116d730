"""The rules about constraints: do they apply, do they say anything, do they go together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations

from envgen.curate.lint.registry import Facts, LintResults, rule
from envgen.curate.lint.satisfiable import apart, floors, possible, within
from envgen.model.facts import Condition, Constraint, driver_text


def words(condition: Condition) -> str:
    """A condition as a person would say it: cuda >=12, platform linux-64 or win-64."""
    told = str(condition.versions) if condition.versions is not None else " or ".join(sorted(condition.names))
    return f"{condition.axis} {told}"


def _pairs(one: tuple[Condition, ...], other: tuple[Condition, ...]) -> Iterator[tuple[Condition, Condition]]:
    """The conditions of two sides that are about the same axis."""
    return ((a, b) for a in one for b in other if a.axis == b.axis)


def _unknown(facts: Facts, condition: Condition) -> bool:
    """A range of compute capabilities that no model lies in."""
    known = {gpu.capability for gpu in facts.matrix.gpus.values()}
    return condition.axis == "gpu" and condition.versions is not None and not any(one in condition.versions for one in known)


@rule("never-applies", "A constraint that no target, release or machine can meet is a slip of the pen, or is about what is gone.")
def never_applies(facts: Facts) -> LintResults:
    """`when` as a whole; the message names the first condition that fails alone, if one does."""
    for constraint in facts.matrix.constraints:
        if any(_unknown(facts, condition) for condition in constraint.when) or possible(facts, constraint.when):
            continue
        alone = next((condition for condition in constraint.when if not possible(facts, (condition,))), None)
        told = words(alone) if alone else " and ".join(map(words, constraint.when)) + " together"
        where = facts.at(constraint.at, "when", *((alone.axis,) if alone else ()))
        yield where, f"nothing in the matrices can have {told}", "correct it, or remove the row"


@rule("unknown-gpu", "No model of gpus.yaml has such a compute capability.")
def unknown_gpu(facts: Facts) -> LintResults:
    """On either side of a constraint."""
    for constraint in facts.matrix.constraints:
        for side, conditions in (("when", constraint.when), ("need", constraint.need)):
            for condition in conditions:
                if _unknown(facts, condition):
                    where = facts.at(constraint.at, side, "gpu")
                    yield where, f"no GPU in gpus.yaml has {words(condition)}", "correct the range, or add the model"


@rule("says-nothing", "A need that holds wherever it applies holds nothing back.")
def says_nothing(facts: Facts) -> LintResults:
    """Each condition of `need` by itself; drivers have a rule of their own."""
    for constraint, condition in _needs(facts):
        if condition.axis != "driver" and not possible(facts, constraint.when, condition):
            where = facts.at(constraint.at, "need", condition.axis)
            yield where, f"{words(condition)} holds in any case", "narrow it, or remove the row"


@rule("driver-floor", "The toolkit needs a newer driver already.")
def driver_floor(facts: Facts) -> LintResults:
    """A driver that a constraint needs below the floor of the toolkits that it is about."""
    for constraint, condition in _needs(facts):
        if condition.axis == "driver" and not possible(facts, constraint.when, condition):
            least = min(floors(facts, constraint.when), default=None)
            text = f"{words(condition)} is below what CUDA needs" + (f": driver {driver_text(least)} or newer" if least else "")
            yield facts.at(constraint.at, "need", "driver"), text, "write the newer driver, or remove the row"


def _needs(facts: Facts) -> Iterator[tuple[Constraint, Condition]]:
    """Every condition of a need that is ever asked for."""
    for constraint in facts.matrix.constraints:
        if possible(facts, constraint.when):
            yield from ((constraint, condition) for condition in constraint.need)


@rule("contradiction", "Two constraints that can apply together, and cannot both hold.")
def contradiction(facts: Facts) -> LintResults:
    """Only of those about the same frameworks: two frameworks may well need two releases of a third, and then never meet it."""
    for constraint in facts.matrix.constraints:
        for given, asked in _pairs(constraint.when, constraint.need):
            if apart(given, asked):
                where = facts.at(constraint.at, "need", asked.axis)
                text = f"it applies to {words(given)} and needs {words(asked)}"
                yield where, text, "a row that shall forbid says in `when` what it is about, and in `need` what it must then be"
    for one, other in combinations(facts.matrix.constraints, 2):
        clash = next((pair for pair in _pairs(one.need, other.need) if apart(*pair)), None)
        if clash and one.warn == other.warn and _same_frameworks(facts, one, other) and possible(facts, (*one.when, *other.when)):
            where = facts.at(other.at, "need", clash[1].axis)
            text = f"it needs {words(clash[1])} where {one.at} needs {words(clash[0])}"
            yield where, text, "make their `when` exclude each other, or correct one"


def _same_frameworks(facts: Facts, one: Constraint, other: Constraint) -> bool:
    first, second = ({c.axis for c in row.when} & set(facts.matrix.frameworks) for row in (one, other))
    return first <= second or second <= first


def _implies(one: Constraint, other: Constraint) -> bool:
    """Whether `one` says all that `other` says, wherever that applies."""
    applies = all(any(given.axis == c.axis and within(given, c) for given in other.when) for c in one.when)
    needs = all(any(asked.axis == c.axis and within(asked, c) for asked in one.need) for c in other.need)
    return applies and needs and (other.warn or not one.warn)


@rule("shadowed-constraint", "Another row says the same, or more, wherever this one applies.")
def shadowed_constraint(facts: Facts) -> LintResults:
    """Of two rows that say the same, the later one."""
    rows = facts.matrix.constraints
    for (first, one), (second, other) in permutations(enumerate(rows), 2):
        if _implies(one, other) and (first < second or not _implies(other, one)) and possible(facts, other.when):
            yield other.at, f"it adds nothing to {one.at}", "remove it"


@rule("overlapping-constraints", "Two rows about the same apply together: both must hold.", severity="warning")
def overlapping_constraints(facts: Facts) -> LintResults:
    """Rows with the same axes on both sides, whose ranges overlap in part."""
    for one, other in combinations(facts.matrix.constraints, 2):
        if one.warn != other.warn or _axes(one) != _axes(other) or _implies(one, other) or _implies(other, one):
            continue
        clash = any(apart(*pair) for pair in _pairs(one.need, other.need))
        if not clash and possible(facts, (*one.when, *other.when)):
            yield facts.at(other.at, "when"), f"its range overlaps that of {one.at}", "make the ranges exclude each other"


def _axes(constraint: Constraint) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset(c.axis for c in constraint.when), frozenset(c.axis for c in constraint.need)


@rule("until-passed", "A constraint was to hold until a day that has passed.")
def until_passed(facts: Facts) -> LintResults:
    """The day itself is the first on which it need no longer hold."""
    for constraint in facts.matrix.constraints:
        if constraint.until and constraint.until <= facts.today:
            where = facts.at(constraint.at, "until")
            yield where, f"{constraint.until} has passed", "look at its source again: remove the row, or write a later day"
