"""What decides nothing: `advice.yaml`, `words.yaml` (both optional), and what is said of platforms without CUDA."""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.utils import canonicalize_name

from envgen.matrix.advice_schema import AdviceFile, AdviceRow, AliasFile
from envgen.matrix.conditions import conditions, no_repeats
from envgen.matrix.fields import ADVISED, AXES, WORD
from envgen.matrix.schema import TargetFile
from envgen.model.advice import Advice, Trial
from envgen.model.alias import Alias
from envgen.model.constraint import Condition, Constraint
from envgen.model.errors import BadInput, closest
from envgen.model.facts import Matrix, Platform, Reason
from envgen.model.platforms import PLATFORMS
from envgen.model.ranges import version_range
from envgen.yamlfile.document import Document
from envgen.yamlfile.schema import checked

HOLE = re.compile(r"\{(\w*)\}")


def relevant(matrix: Matrix, rows: Iterator[tuple[Constraint, Advice]]) -> Iterator[tuple[Constraint, Advice]]:
    """The advice about frameworks, providers and targets that the matrices have. Raises BadInput for a wrong hole or platform."""
    for constraint, advice in rows:
        for condition in constraint.when:
            _check_platforms(constraint, condition)
        if all(_known(matrix, condition) for condition in constraint.when):
            check_advice(matrix, constraint, advice)
            yield constraint, advice


def _check_platforms(constraint: Constraint, condition: Condition) -> None:
    for name in sorted(condition.names - set(PLATFORMS)) if condition.axis in ("platform", "dropped") else ():
        raise BadInput(f"there is no platform `{name}`", where=constraint.at, hint=closest(name, PLATFORMS))


def _known(matrix: Matrix, condition: Condition) -> bool:
    providers = {name for framework in matrix.frameworks.values() for name in framework.providers}
    known = {"provider": providers, "target": set(matrix.targets)}.get(condition.axis, condition.names)
    return condition.axis in {*AXES, *ADVISED, *matrix.frameworks} and not condition.names - known


def read_aliases(document: Document, frameworks: set[str]) -> Iterator[tuple[tuple[str, str], Alias]]:
    """Each alias by its name and extra, normalized as in PEP 503. Raises BadInput."""
    rows = checked(document, AliasFile).words
    found = [(row, word.groups("")) for row in rows if (word := re.fullmatch(WORD, row.word))]
    keys = [(str(canonicalize_name(name)), str(canonicalize_name(extra))) for _, (name, extra) in found]
    spelled = (f"{name}[{extra}]" if extra else name for name, extra in keys)
    no_repeats(((word, document.at("words", index)) for index, word in enumerate(spelled)), "the word")
    for index, (row, (name, extra)) in enumerate(zip(rows, keys, strict=True)):
        at = document.at("words", index)
        if row.framework is not None and row.framework not in frameworks:
            continue  # about a framework that the matrices do not have; lint reports it
        if row.version == "framework" and row.framework is None:
            raise BadInput(f"`{row.word}` has the version of a framework, but names none", where=at, hint="add framework:")
        cuda = None if row.cuda in (None, "none") else version_range("*" if row.cuda == "newest" else str(row.cuda))
        yield (
            (name, extra),
            Alias(
                framework=row.framework or "", cpu=row.cuda == "none", cuda=cuda, version=row.version, because=row.because, at=at
            ),
        )


def read_advice(document: Document) -> Iterator[tuple[Constraint, Advice]]:
    """Each piece of advice, with a constraint that says where it goes wrong: `need` is empty. Raises BadInput."""
    for index, row in enumerate(checked(document, AdviceFile).advice):
        path = ("advice", index)
        when = conditions(document, (*path, "when"), row.when)
        yield (
            Constraint(when=when, need=(), because=row.because, at=document.at(*path)),
            Advice(id=row.id, heard=row.heard, but=row.but, trial=_trial(row)),
        )


def _trial(row: AdviceRow) -> Trial | None:
    found = row.trial
    if found is None:
        return None
    return Trial(
        specs=tuple(found.specs),
        channels=tuple(found.channels),
        platform=found.platform,
        virtual=found.virtual,
        strict=found.strict,
        gets=found.gets,
    )


def check_advice(matrix: Matrix, constraint: Constraint, advice: Advice) -> None:
    """Raise BadInput for a hole that no value fills wherever `when` holds; in a trial, for a hole that does not exist."""
    given = {condition.axis for condition in constraint.when}
    names = matrix.frameworks
    filled = {"python", "target", "platform", *(given & {"cuda", "driver", "gpu", *names})}
    filled |= {"cu", "major"} if "cuda" in given else set()
    filled |= {"frameworks"} if given & {"provider", *matrix.frameworks} else set()
    known = {*filled, *names, "cuda", "cu", "major", "driver", "gpu", "frameworks"}
    tried = (*advice.trial.specs, advice.trial.gets) if advice.trial else ()
    for texts, holes in (((advice.heard, advice.but), filled), (tried, known)):
        for hole in (hole for text in texts for hole in HOLE.findall(text) if hole not in holes):
            reason = "nothing in `when` says what fills it" if hole in known else "no such hole"
            listed = ", ".join(f"{{{name}}}" for name in sorted(holes))
            raise BadInput(f"{advice.id}: {{{hole}}}: {reason}", where=constraint.at, hint=f"here are {listed}")


def read_without_cuda(document: Document, file: TargetFile) -> Iterator[tuple[tuple[Platform, str], Reason]]:
    """What is said of platforms without CUDA: of each, and of each framework there. Raises BadInput for a repeated platform."""
    rows = [(platform, index, row) for index, row in enumerate(file.without_cuda) for platform in row.platforms]
    no_repeats(((platform, document.at("without-cuda", index)) for platform, index, _ in rows), "platform")
    for platform, index, row in rows:
        at = document.at("without-cuda", index)
        yield (platform, ""), Reason(row.what, at, row.because)
        yield from (((platform, name), Reason(f"{name}: {text}", at)) for name, text in row.instead.items())


def read_also_runs(document: Document, file: TargetFile) -> Iterator[tuple[Platform, tuple[Platform, Reason]]]:
    """The platforms whose machines run the environments of another one, which, and how. Raises BadInput for a repeated platform."""
    rows = [(platform, index, row) for index, row in enumerate(file.also_runs) for platform in row.platforms]
    no_repeats(((platform, document.at("also-runs", index)) for platform, index, _ in rows), "platform")
    yield from ((name, (row.platform, Reason(row.what, document.at("also-runs", index), row.because))) for name, index, row in rows)
