"""`matrices/*.yaml` to a Matrix, or exactly which cell is wrong.

`cuda.yaml`, `cudnn.yaml`, `gpus.yaml`, `targets.yaml` and, where they are, `advice.yaml` and `words.yaml` have a shape of their
own; every other file is a framework.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from envgen.document import Document, checked, read, version_range
from envgen.errors import BadInput, closest
from envgen.hearsay import Hearsay, Trial
from envgen.model import (
    PLATFORMS,
    Address,
    Build,
    Condition,
    Constraint,
    Cudnn,
    Framework,
    Gpu,
    LeftOut,
    Matrix,
    Release,
    Spelling,
    Target,
    Toolkit,
    Variant,
    Word,
)
from envgen.shapes import (
    KINDS,
    AdviceFile,
    AdviceRow,
    ConstraintRow,
    CudaFile,
    CudnnFile,
    FrameworkFile,
    GpuFile,
    ReleaseRow,
    SpellingRow,
    TargetFile,
    WordFile,
)
from envgen.values import ADVISED, DRIVERS, NAMED, RANGED, WORD

AXES = tuple(sorted((*NAMED, *RANGED)))
_HOLE = re.compile(r"\{(\w*)\}")
_FACT_FILES = ("cuda.yaml", "cudnn.yaml", "gpus.yaml", "targets.yaml")
_ADVICE, _WORDS = "advice.yaml", "words.yaml"  # need not be there: without them everything is decided as well


def load_matrix(folder: Path, shown: str = "matrices") -> Matrix:
    """Read every matrix file. Raises BadInput with file:line:column."""
    return matrix_of({path.name: read(path, f"{shown}/{path.name}") for path in matrix_files(folder)}, shown)


def matrix_files(folder: Path) -> tuple[Path, ...]:
    """The files of a folder that are matrix files, in their order."""
    return tuple(sorted(folder.glob("*.yaml")))


def matrix_of(documents: Mapping[str, Document], shown: str = "matrices") -> Matrix:
    """All facts of documents by file name. Raises BadInput with file:line:column."""
    for name in _FACT_FILES:
        if name not in documents:
            raise BadInput("there is no such file", where=f"{shown}/{name}", hint="`envgen init` writes one")
    frameworks = {name: document for name, document in documents.items() if name not in KINDS}
    found = [_framework(document) for document in frameworks.values()]
    cuda, cudnn, targets = (documents[name] for name in ("cuda.yaml", "cudnn.yaml", "targets.yaml"))
    cuda_file, cudnn_file, target_file = checked(cuda, CudaFile), checked(cudnn, CudnnFile), checked(targets, TargetFile)
    matrix = Matrix(
        frameworks={framework.name: framework for framework, _ in found},
        targets=dict(_targets(targets, target_file)),
        toolkits={toolkit.version: toolkit for toolkit in _toolkits(cuda, cuda_file)},
        cudnn=_cudnn(cudnn, cudnn_file),
        gpus={gpu.name.lower(): gpu for gpu in _gpus(documents["gpus.yaml"])},
        constraints=(
            *chain.from_iterable(constraints for _, constraints in found),
            *_constraints(cuda, cuda_file.constraints),
            *_constraints(cudnn, cudnn_file.constraints),
            *_constraints(targets, target_file.constraints),
        ),
        hearsay=tuple(_hearsay(documents[_ADVICE])) if _ADVICE in documents else (),
        words=dict(_words(documents[_WORDS], {framework.name for framework, _ in found})) if _WORDS in documents else {},
    )
    _check_references(matrix)
    return matrix


def _framework(document: Document) -> tuple[Framework, tuple[Constraint, ...]]:
    file = checked(document, FrameworkFile)
    stem = Path(document.file).stem
    if file.framework != stem:
        raise BadInput(
            f"framework: `{file.framework}` in a file named {stem}.yaml", where=document.at("framework"), hint="make them equal"
        )
    if file.framework in AXES:
        hint = f"constraints know these words: {', '.join(AXES)}"
        raise BadInput(f"a framework cannot be called `{file.framework}`", where=document.at("framework"), hint=hint)
    releases = [_release(document, file.framework, index, row) for index, row in enumerate(file.releases)]
    _no_repeats(((release.version, release.at) for release in releases), "version")
    providers = {
        name: tuple(_spelling(row, document.at("providers", name, index)) for index, row in enumerate(rows))
        for name, rows in file.providers.items()
    }
    named = [
        (build.provider, ("releases", index, "builds", place))
        for index, row in enumerate(file.releases)
        for place, build in enumerate(row.builds)
    ]
    for provider, path in (*named, *((row.provider, ("left-out", index)) for index, row in enumerate(file.left_out))):
        if provider not in providers:
            what = f"provider `{provider}` has no entry in providers:"
            raise BadInput(what, where=document.at(*path, "provider"), hint="add how it is spelled there")
    newest_first = tuple(sorted(releases, key=lambda release: release.version, reverse=True))
    left_out = tuple(
        LeftOut(row.provider, frozenset(row.platforms), row.releases, row.because, document.at("left-out", index))
        for index, row in enumerate(file.left_out)
    )
    return Framework(file.framework, providers, newest_first, file.because, left_out), _constraints(document, file.constraints)


def _release(document: Document, framework: str, index: int, row: ReleaseRow) -> Release:
    path = ("releases", index)
    builds = tuple(
        Build(
            item.provider,
            frozenset(item.variants),
            frozenset(item.platforms),
            item.python,
            document.at(*path, "builds", place),
            item.cudnn,
        )
        for place, item in enumerate(row.builds)
    )
    return Release(framework, row.version, row.companions, builds, document.at(*path), row.note or "")


def _spelling(row: SpellingRow, at: Address) -> Spelling:
    companions = {name: (pair.cpu, pair.cuda) for name, pair in row.companions.items()}
    channels = tuple(row.channels)
    return Spelling(row.releases, tuple(row.cpu), tuple(row.cuda), companions, channels, row.newer_minor, row.because, at)


def _toolkits(document: Document, file: CudaFile) -> Iterator[Toolkit]:
    """The driver floor of a toolkit is its family's where minor-version compatibility holds, else the driver it came with."""
    families = {row.major: row for row in file.families}
    _no_repeats(((row.major, document.at("families", i)) for i, row in enumerate(file.families)), "major")
    _no_repeats(((row.version, document.at("toolkits", i)) for i, row in enumerate(file.toolkits)), "version")
    for index, row in enumerate(file.toolkits):
        family = families.get(row.version.major)
        driver = _by_system(row.linux, row.windows)
        floor = {**driver, **(_by_system(family.linux, family.windows) if family else {})}
        because = family.because if family else file.because
        low, high = row.capabilities
        if low > high:
            where = document.at("toolkits", index, "capabilities")
            raise BadInput(f"no compute capability is from {low} to {high}", where=where, hint="write the first, then the last")
        excludes = tuple(family.excludes) if family else ()
        yield Toolkit(row.version, driver, floor, (low, high), excludes, because, document.at("toolkits", index), file.because)


def _by_system(linux: Version | None, windows: Version | None) -> dict[str, Version]:
    return {system: version for system, version in (("linux", linux), ("windows", windows)) if version}


def _cudnn(document: Document, file: CudnnFile) -> tuple[Cudnn, ...]:
    rows = [
        Cudnn(row.version, frozenset(row.cuda), row.capability, file.because, document.at("releases", index))
        for index, row in enumerate(file.releases)
    ]
    _no_repeats(((row.version, row.at) for row in rows), "version")
    return tuple(sorted(rows, key=lambda row: row.version, reverse=True))


def _gpus(document: Document) -> Iterator[Gpu]:
    rows = checked(document, GpuFile).gpus
    names = [
        (name.lower(), document.at("gpus", i, key, j))
        for i, row in enumerate(rows)
        for key, models in (("models", row.models), ("data-centre", row.data_centre))
        for j, name in enumerate(models)
    ]
    _no_repeats(names, "model")
    for row in rows:
        yield from (Gpu(name, row.capability) for name in row.models)
        yield from (Gpu(name, row.capability, data_centre=True) for name in row.data_centre)


def _words(document: Document, frameworks: set[str]) -> Iterator[tuple[tuple[str, str], Word]]:
    rows = checked(document, WordFile).words
    found = [(row, word.groups("")) for row in rows if (word := re.fullmatch(WORD, row.word))]
    keys = [(str(canonicalize_name(name)), str(canonicalize_name(extra))) for _, (name, extra) in found]
    spelled = (f"{name}[{extra}]" if extra else name for name, extra in keys)
    _no_repeats(((word, document.at("words", index)) for index, word in enumerate(spelled)), "the word")
    for index, (row, (name, extra)) in enumerate(zip(rows, keys, strict=True)):
        at = document.at("words", index)
        if row.framework is not None and row.framework not in frameworks:
            raise BadInput(f"no framework `{row.framework}` in matrices/", where=at, hint=closest(row.framework, frameworks))
        if row.version == "framework" and row.framework is None:
            raise BadInput(f"`{row.word}` names no framework, so no version of one", where=at, hint="add framework:")
        cuda = None if row.cuda in (None, "none") else version_range("*" if row.cuda == "newest" else str(row.cuda))
        yield (name, extra), Word(row.framework or "", row.cuda == "none", cuda, row.version, row.because, at)


def _targets(document: Document, file: TargetFile) -> Iterator[tuple[str, Target]]:
    for name, row in file.targets.items():
        at = document.at("targets", name)
        expected = "cpu" if row.cuda is None else f"cu{row.cuda.major}{row.cuda.minor}"
        if name != expected:
            raise BadInput(
                f"a target for CUDA {row.cuda or 'none'} is called `{expected}`", where=at, hint="rename it, or correct cuda:"
            )
        missing = [platform for platform in row.platforms if platform not in file.virtual_packages]
        if missing:
            raise BadInput(f"virtual-packages: says nothing about {', '.join(missing)}", where=at, hint="add them")
        virtual = {platform: _promise(file.virtual_packages[platform], row.cuda) for platform in row.platforms}
        yield name, Target(name, row.cuda, tuple(row.platforms), virtual, at)


def _promise(base: Mapping[str, str], cuda: Variant) -> Mapping[str, str]:
    return {**base, "__cuda": str(cuda)} if cuda else dict(base)


def _constraints(document: Document, rows: Iterable[ConstraintRow]) -> tuple[Constraint, ...]:
    return tuple(_constraint(document, ("constraints", index), row) for index, row in enumerate(rows))


def _constraint(document: Document, path: tuple[str | int, ...], row: ConstraintRow) -> Constraint:
    when, need = _conditions(document, (*path, "when"), row.when), _conditions(document, (*path, "need"), row.need)
    return Constraint(when, need, row.because, document.at(*path), row.until, row.warn)


def _conditions(document: Document, path: tuple[str | int, ...], found: Mapping[str, Any]) -> tuple[Condition, ...]:
    return tuple(_condition(axis, value, document.at(*path, axis)) for axis, value in found.items())


def _condition(axis: str, value: str | list[str], at: Address) -> Condition:
    if axis in (*NAMED, *ADVISED) or (axis == "driver" and value in DRIVERS):
        return Condition(axis, names=frozenset([value] if isinstance(value, str) else value))
    if not isinstance(value, str):
        raise BadInput(f"{axis}: expected a version range", where=at, hint='write for instance ">=12.8"')
    try:
        return Condition(axis, version_range(value))
    except ValueError as error:
        raise BadInput(f"{axis}: {error}", where=at, hint='write for instance ">=12.8"') from None


def _hearsay(document: Document) -> Iterator[tuple[Constraint, Hearsay]]:
    """Where a piece of advice goes wrong, as a constraint that needs nothing, and the advice."""
    for index, row in enumerate(checked(document, AdviceFile).advice):
        path = ("advice", index)
        when = _conditions(document, (*path, "when"), row.when)
        yield Constraint(when, (), row.because, document.at(*path)), Hearsay(row.id, row.heard, row.but, _trial(row))


def _trial(row: AdviceRow) -> Trial | None:
    found = row.trial
    if found is None:
        return None
    return Trial(tuple(found.specs), tuple(found.channels), found.platform, found.virtual, found.strict, found.gets)


def _no_repeats(found: Iterable[tuple[Any, Address]], what: str) -> None:
    first: dict[Any, Address] = {}
    for value, at in found:
        if value in first:
            raise BadInput(f"{what} {value} is written twice", where=at, hint=f"it is also at {first[value]}; keep one")
        first[value] = at


def _check_references(matrix: Matrix) -> None:
    """What the files say of each other: names in constraints, toolkits behind targets, one spelling for each release."""
    for constraint in matrix.constraints:
        for condition in (*constraint.when, *constraint.need):
            _check_condition(matrix, constraint, condition, {*AXES, *matrix.frameworks})
    for constraint, said in matrix.hearsay:
        for condition in constraint.when:
            _check_condition(matrix, constraint, condition, {*AXES, *_packages(matrix), *ADVISED})
        _check_advice(matrix, constraint, said)
    for target in matrix.targets.values():
        if target.cuda and target.cuda not in matrix.toolkits:
            raise BadInput(f"CUDA {target.cuda} is not in cuda.yaml", where=target.at, hint="add the toolkit there")
    for framework in matrix.frameworks.values():
        for spellings in framework.providers.values():
            _check_spellings(framework, spellings)


def _check_condition(matrix: Matrix, constraint: Constraint, condition: Condition, axes: set[str]) -> None:
    if condition.axis not in axes:
        raise BadInput(f"`{condition.axis}` is no axis", where=constraint.at, hint=f"one of {', '.join(sorted(axes))}")
    known = {
        "dropped": set(PLATFORMS),
        "platform": set(PLATFORMS),
        "target": set(matrix.targets),
        "provider": {name for framework in matrix.frameworks.values() for name in framework.providers},
    }.get(condition.axis, condition.names)
    for name in sorted(condition.names - known):
        what = "platform" if condition.axis == "dropped" else condition.axis
        raise BadInput(f"there is no {what} `{name}`", where=constraint.at, hint=closest(name, known))


def _packages(matrix: Matrix) -> set[str]:
    """The frameworks, and what follows their versions."""
    return {*matrix.frameworks}.union(*(framework.companions for framework in matrix.frameworks.values()))


def _check_advice(matrix: Matrix, constraint: Constraint, said: Hearsay) -> None:
    """Each hole of a text must be filled wherever `when` holds; a spec of a trial that is not filled is left out."""
    given = {condition.axis for condition in constraint.when}
    names = _packages(matrix)
    filled = {"python", "target", "platform", *(given & {"cuda", "driver", "gpu", *names})}
    filled |= {"cu", "major"} if "cuda" in given else set()
    filled |= {"frameworks"} if given & {"provider", *matrix.frameworks} else set()
    known = {*filled, *names, "cuda", "cu", "major", "driver", "gpu", "frameworks"}
    tried = (*said.trial.specs, said.trial.gets) if said.trial else ()
    for texts, holes in (((said.heard, said.but), filled), (tried, known)):
        for hole in (hole for text in texts for hole in _HOLE.findall(text) if hole not in holes):
            reason = "nothing in `when` says what fills it" if hole in known else "no such hole"
            listed = ", ".join(f"{{{name}}}" for name in sorted(holes))
            raise BadInput(f"{said.id}: {{{hole}}}: {reason}", where=constraint.at, hint=f"here are {listed}")


def _check_spellings(framework: Framework, spellings: tuple[Spelling, ...]) -> None:
    for spelling in spellings:
        holes = [
            hole for spec in (*spelling.cpu, *spelling.cuda, *sum(spelling.companions.values(), ())) for hole in _HOLE.findall(spec)
        ]
        for hole in holes:
            if hole not in ("version", "cuda", "cu"):
                raise BadInput(f"nothing fills {{{hole}}}", where=spelling.at, hint="the holes are {version}, {cuda} and {cu}")
    for release in framework.releases:
        fitting = [spelling for spelling in spellings if release.version in spelling.releases]
        if len(fitting) > 1:
            what = f"{framework.name} {release.version} has another spelling at {fitting[0].at}"
            raise BadInput(what, where=fitting[1].at, hint="make the ranges of `releases` exclude each other")
